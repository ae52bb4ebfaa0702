/*
 * Packets in and out of a TUN or TAP device on Linux.
 */
#include "config.h"
