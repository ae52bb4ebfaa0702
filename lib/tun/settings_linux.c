/*
 * What can be asked of, and set on, the interface of a device on Linux.
 */
#include "config.h"
