#ifndef EVTUN_TESTS_PASS_RIG_H_INCLUDED_
#define EVTUN_TESTS_PASS_RIG_H_INCLUDED_
/*
 * Devices on their way from one process to another: what is in the message,
 * and messages made by hand.
 */
#include <sys/socket.h>
#include <sys/types.h>

#include <stdint.h>

#include "evtun/pass.h"
#include "kit.h"

/* Where the members of a message stand, 4 bytes each but for the name's 16. */
enum pass_member {
	PASS_VERSION = 8, PASS_SIZE = 12, PASS_OPTIONS = 16, PASS_HEADER = 20,
	PASS_SWAPPED = 24, PASS_SEGMENTS = 28, PASS_RESETS = 32,
	PASS_MTU = 36, PASS_INDEX = 40, PASS_NAME = 44, PASS_LENGTH = 60
};

struct pass_message {
	unsigned char bytes[PASS_LENGTH];
	int fd;			/* to be closed */
};

#define PASS_N_TYPES 3
extern const int pass_types[PASS_N_TYPES];	/* SOCK_STREAM and so on */

void pass_sockets(int type, int sock[2]);
void pass_nonblocking(int fd);

/* What evtun_send_device() sends. */
void pass_capture(struct evtun *tun, struct pass_message *msg);
void pass_set(struct pass_message *msg, enum pass_member which,
    uint32_t value);
/* Send bytes with n descriptors, in one message. */
void pass_put(int sock, const void *data, size_t len, const int *fds, int n);
/* The same, with a descriptor of its own. */
void pass_put_message(int sock, const struct pass_message *msg);

/* A device, with the reason if there is none. */
struct evtun *pass_receive(int sock, int options);
/* Send it to ourselves, over a socket of that type. */
struct evtun *pass_on(struct evtun *tun, int type, int options);

/* One packet each way through the device, its bytes compared; of the
 * interface that is in the namespace at hand, or of its packet socket. */
void pass_check_traffic(struct evtun *tun, const char *name);
void pass_check_packets(struct evtun *tun, int packets);

/* Wait until there is no interface of that name: whoever looks through /proc
 * just now keeps a device a little longer than its last descriptor does. */
void pass_until_gone(const char *name);

#endif /* EVTUN_TESTS_PASS_RIG_H_INCLUDED_ */
