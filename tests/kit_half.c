#include "config.h"

#include <sys/socket.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"
#include "kit_half.h"

static enum packetevent_framing
get_framing(int setup)
{
	return KIT_KIND_OF(setup) == KIT_STREAM32 ? PEV_FRAMING_LEN32 :
	    PEV_FRAMING_LEN16;
}

int
kit_bev_options(int setup)
{
	return BEV_OPT_CLOSE_ON_FREE |
	    (KIT_TS_OF(setup) ? BEV_OPT_THREADSAFE : 0);
}

void
kit_half_begin(struct kit_half *half, int options)
{
	half->rig.pev[0] = packetevent_stream_new(half->bev,
	    get_framing(half->rig.setup), options);
	ck_assert_msg(half->rig.pev[0] != NULL, "%s", evtun_get_error());
	packetevent_setcb(half->rig.pev[0], kit_readcb, kit_writecb,
	    kit_eventcb, &half->rig.log[0]);
}

void
kit_half_init(struct kit_half *half, int setup)
{
	signal(SIGPIPE, SIG_IGN);
	memset(half, 0, sizeof(*half));
	half->rig.setup = setup;
	half->rig.kind = KIT_KIND_OF(setup);
	half->rig.base = kit_base_new(setup);
	half->header = get_framing(setup) == PEV_FRAMING_LEN32 ? 4 : 2;
}

void
kit_half_make(struct kit_half *half, int setup)
{
	evutil_socket_t fd[2];

	kit_half_init(half, setup);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
	half->fd = fd[1];
	half->bev = bufferevent_socket_new(half->rig.base, fd[0],
	    kit_bev_options(setup));
	ck_assert_ptr_nonnull(half->bev);
}

void
kit_half_open(struct kit_half *half, int setup)
{
	kit_half_make(half, setup);
	kit_half_begin(half, kit_options(setup));
}

void
kit_half_close(struct kit_half *half)
{
	if (half->rig.pev[0] != NULL)
		packetevent_free(half->rig.pev[0]);
	event_base_free(half->rig.base);
	kit_log_clear(&half->rig.log[0]);
	close(half->fd);
}

size_t
kit_encode(struct kit_half *half, unsigned char *out, size_t len,
    unsigned index, size_t size)
{
	size_t i;

	for (i = 0; i < half->header; i++)
		out[i] = (unsigned char)(len >> (8 * (half->header - 1 - i)));
	kit_fill(half->rig.kind, out + half->header, index, size);
	return half->header + size;
}

void
kit_put_bytes(struct kit_half *half, const void *data, size_t size)
{
	ck_assert_int_eq((int)send(half->fd, data, size, 0), (int)size);
}

const size_t kit_sizes[KIT_N_SIZES] = {1, 5, 300, 2, 1500};

size_t
kit_encode_all(struct kit_half *half, unsigned char *out)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < KIT_N_SIZES; i++)
		n += kit_encode(half, out + n, kit_sizes[i], i, kit_sizes[i]);
	return n;
}

void
kit_check_all(struct kit_half *half)
{
	unsigned i;

	kit_until_packets(&half->rig, 0, KIT_N_SIZES);
	ck_assert_uint_eq(half->rig.log[0].n_packets, KIT_N_SIZES);
	for (i = 0; i < KIT_N_SIZES; i++)
		kit_check_packet(&half->rig, 0, i, i, kit_sizes[i]);
	ck_assert_int_eq(half->rig.log[0].n_events, 0);
	kit_log_clear(&half->rig.log[0]);
}

int
kit_has_bytes(void *arg)
{
	struct kit_bytes *bytes = arg;
	ssize_t n = recv(bytes->half->fd, bytes->data + bytes->n,
	    sizeof(bytes->data) - bytes->n, 0);

	if (n > 0)
		bytes->n += (size_t)n;
	return bytes->n >= bytes->wanted;
}
