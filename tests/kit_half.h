#ifndef EVTUN_TESTS_KIT_HALF_H_INCLUDED_
#define EVTUN_TESTS_KIT_HALF_H_INCLUDED_
/*
 * A stream packetevent, with the bytes of its other side in our hands.
 */
#include "kit.h"

struct kit_half {
	struct kit_rig rig;	/* only what the kit needs: end 0 */
	struct bufferevent *bev;
	evutil_socket_t fd;	/* the other side */
	size_t header;		/* bytes of a length */
};

/* The options that fit a set-up. */
int kit_bev_options(int setup);
/* A base, and nothing else. */
void kit_half_init(struct kit_half *half, int setup);
/* A bufferevent over a socket, and nothing over that yet. */
void kit_half_make(struct kit_half *half, int setup);
/* Put a packetevent over the bufferevent that is there. */
void kit_half_begin(struct kit_half *half, int options);
/* All of it. */
void kit_half_open(struct kit_half *half, int setup);
void kit_half_close(struct kit_half *half);

/* Put a length, and a packet or nothing, to out; return how many bytes. */
size_t kit_encode(struct kit_half *half, unsigned char *out, size_t len,
    unsigned index, size_t size);
/* Send bytes from the other side. */
void kit_put_bytes(struct kit_half *half, const void *data, size_t size);

/* A few packets of these sizes, in fewer than 2,048 bytes. */
#define KIT_N_SIZES 5
extern const size_t kit_sizes[KIT_N_SIZES];
size_t kit_encode_all(struct kit_half *half, unsigned char *out);
/* Wait for them, and check them. */
void kit_check_all(struct kit_half *half);

/* What the other side has got; a condition for kit_until(). */
struct kit_bytes {
	struct kit_half *half;
	unsigned char data[4096];
	size_t n, wanted;
};
int kit_has_bytes(void *bytes);

#endif /* EVTUN_TESTS_KIT_HALF_H_INCLUDED_ */
