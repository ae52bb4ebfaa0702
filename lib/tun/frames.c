/*
 * Packets in batches.  On devices with EVTUN_OPT_OFFLOAD frames are split
 * after they were read, and packets of one flow are joined before they are
 * written; on others the system does what it can.
 *
 * Reading and writing share nothing here, as each may have its own thread.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "evtun/tun.h"
#include "offload/offload-internal.h"
#include "tun/system-internal.h"
#include "tun/tun-internal.h"

/* Joined frames of a sort are no longer tried after the kernel has refused so
 * many of them, with none that it took in between. */
#define REFUSALS_MAX 3

/* Linux before 6.9 takes no more datagrams in a frame. */
#define UDP_SEGMENTS 64

/* Without its tag: destination, source, EtherType. */
#define ETHERNET_HEADER 14

/* Room for the system's header, so that the IP header lies on 4 bytes. */
#define FRAME_START 32
/* One more than any frame has: packet information, and two VLAN tags. */
#define FRAME_SPACE (EVTUN_INFO_SIZE + EVTUN_MAX_FRAME + 8 + 1)

_Static_assert(EVTUN_SEND_MANY_ <= OFFLOAD_BATCH_,
    "what is written together can be sorted together");

enum sort { SORT_TCP4, SORT_TCP6, SORT_UDP, SORT_TUNNEL, N_SORTS };

struct evtun_frames {
	/* Reading: a frame, and what of it waits. */
	unsigned char *memory;
	unsigned char *frame;
	size_t len;
	int waiting;
	int is_split;		/* or it is an ordinary packet */
	struct offload_split_ split;
	enum offload_refusal_ refusal;
	unsigned char *spare;	/* for a packet that might not fit */

	/* Writing. */
	unsigned char *joined;	/* headers, and payloads */
	struct offload_rules_ rules;
	int refusals[N_SORTS];
};

static size_t
info_size(const struct evtun *tun)
{
	return tun->options & EVTUN_OPT_PACKET_INFO ? EVTUN_INFO_SIZE : 0;
}

/* ---- reading ---- */

int
evtun_get_waiting_(const struct evtun *tun)
{
	return tun->frames != NULL ? tun->frames->waiting : tun->waiting;
}

int
evtun_get_refusal_(const struct evtun *tun)
{
	return (int)tun->frames->refusal;
}

/* Look at what was read; frame and len do not count packet information. */
static enum offload_refusal_
frames_begin(struct evtun_frames *f, const struct evtun_offload *offload,
    unsigned char *frame, size_t len)
{
	enum offload_refusal_ refusal = OFFLOAD_GOOD_;

	f->is_split = offload->gso_type != EVTUN_OFFLOAD_NONE;
	if (f->is_split) {
		refusal = offload_begin_(&f->split, offload, frame, len,
		    f->rules.ethernet);
		f->waiting = refusal ? 0 : (int)f->split.segments;
		return refusal;
	}
	if (offload->flags & EVTUN_OFFLOAD_NEEDS_CSUM)
		refusal = offload_complete_(offload, frame, len);
	f->waiting = !refusal;
	return refusal;
}

/* The longest that evtun_take_() may put down. */
static size_t
next_max(const struct evtun *tun)
{
	const struct evtun_frames *f = tun->frames;

	return f->is_split ? info_size(tun) + offload_next_max_(&f->split) :
	    f->len;
}

/* Read a frame, and what Linux says of it. */
static ev_ssize_t
recv_frame(struct evtun *tun, unsigned char *frame, size_t space,
    struct evtun_offload *offload)
{
	ev_ssize_t n = evtun_system_recv_frame_(tun, frame, space, offload);
	size_t info = info_size(tun);

	if (n > (ev_ssize_t)info)
		offload_mend_(offload, frame + info, (size_t)n - info,
		    tun->frames->rules.ethernet);
	return n;
}

int
evtun_load_(struct evtun *tun)
{
	struct evtun_frames *f = tun->frames;
	size_t info = info_size(tun);
	struct evtun_offload offload;
	ev_ssize_t n;

	n = recv_frame(tun, f->frame, FRAME_SPACE, &offload);
	if (n < 0) {
		f->refusal = OFFLOAD_SHORT_;
		return -1;
	}
	f->len = (size_t)n;
	f->refusal = (size_t)n < info ? OFFLOAD_SHORT_ :
	    frames_begin(f, &offload, f->frame + info, f->len - info);
	if (f->refusal != OFFLOAD_GOOD_) {
		errno = EBADMSG;
		return -1;
	}
	if (next_max(tun) <= tun->max)
		return f->waiting;
	f->waiting = 0;
	errno = EMSGSIZE;
	return -1;
}

static size_t
frames_take(struct evtun *tun, unsigned char *packet)
{
	struct evtun_frames *f = tun->frames;
	size_t info = info_size(tun);

	f->waiting--;
	if (!f->is_split) {
		memcpy(packet, f->frame, f->len);
		return f->len;
	}
	if (info > 0)
		memcpy(packet, f->frame, info);
	return info + offload_next_(&f->split, packet + info);
}

ev_ssize_t
evtun_take_(struct evtun *tun, void *packet, size_t space)
{
	return tun->frames != NULL ? (ev_ssize_t)frames_take(tun, packet) :
	    evtun_system_take_(tun, packet, space);
}

int
evtun_read_ahead_(struct evtun *tun, int want, size_t mean)
{
	return evtun_system_read_ahead_(tun, want, mean);
}

ev_ssize_t
evtun_recv_large_(struct evtun *tun, void *packet, size_t space,
    struct evtun_offload *offload, int check)
{
	struct evtun_frames *f = tun->frames;
	struct offload_split_ split;
	ev_ssize_t n = recv_frame(tun, packet, space, offload);

	f->refusal = OFFLOAD_SHORT_;
	if (n < 0 || !check)
		return n;
	if (offload->gso_type != EVTUN_OFFLOAD_NONE)
		f->refusal = offload_begin_(&split, offload, packet,
		    (size_t)n, f->rules.ethernet);
	else
		f->refusal = offload_is_sound_(offload, packet, (size_t)n,
		    f->rules.ethernet) ? OFFLOAD_GOOD_ : OFFLOAD_CSUM_;
	if (f->refusal == OFFLOAD_GOOD_)
		return n;
	errno = EBADMSG;
	return -1;
}

/* A frame that is malformed is passed over: there may be a good one behind. */
ev_ssize_t
evtun_frames_read_(struct evtun *tun, void *data, size_t len)
{
	struct evtun_frames *f = tun->frames;
	size_t n;

	while (f->waiting == 0)
		if (evtun_load_(tun) < 0 && errno != EBADMSG)
			return errno == EAGAIN ? 0 : -1;
	if (next_max(tun) <= len)
		return (ev_ssize_t)frames_take(tun, data);
	n = frames_take(tun, f->spare);
	if (n > len) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(data, f->spare, n);
	return (ev_ssize_t)n;
}

/* ---- writing ---- */

static enum sort
sort_of(unsigned gso_type)
{
	if (gso_type & (EVTUN_OFFLOAD_TUNNEL4 | EVTUN_OFFLOAD_TUNNEL6))
		return SORT_TUNNEL;
	switch (gso_type & ~(unsigned)EVTUN_OFFLOAD_ECN) {
	case EVTUN_OFFLOAD_TCP4:
		return SORT_TCP4;
	case EVTUN_OFFLOAD_TCP6:
		return SORT_TCP6;
	default:
		return SORT_UDP;
	}
}

/* Whether it is the frame that the kernel does not take; what else may be
 * wrong would be with a single packet too. */
static int
is_refusal(int err)
{
	return err == EINVAL || err == EMSGSIZE || err == ENOTSUP;
}

/* Learn from what became of a frame of n packets. */
static void
frames_learn(struct evtun_frames *f, enum sort sort, int n, int err)
{
	static const unsigned bits[N_SORTS] = {
		OFFLOAD_JOIN_TCP4_, OFFLOAD_JOIN_TCP6_, OFFLOAD_JOIN_UDP_, 0
	};

	if (err == 0)
		f->refusals[sort] = 0;
	if (!is_refusal(err))
		return;
	if (sort == SORT_UDP && n > UDP_SEGMENTS)
		f->rules.udp_segments = UDP_SEGMENTS;
	else if (++f->refusals[sort] >= REFUSALS_MAX)
		f->rules.allowed &= ~bits[sort];
}

/* Write the packets of a group one by one. */
static void
send_singly(struct evtun *tun, const struct offload_batch_ *batch,
    const struct offload_group_ *group, const struct evbuffer_iovec *pkts,
    int *errs)
{
	int i, err = 0;

	for (i = group->first; i >= 0; i = batch->next[i]) {
		if (!evtun_is_the_end_(err))
			err = evtun_send_(tun, &pkts[i], 1);
		errs[i] = err;
	}
}

/* Put the payloads of a group one behind the other; 0 if a checksum is wrong.
 * Copied they cost less than as pieces, as they have to be summed up. */
static size_t
copy_payloads(unsigned char *to, const struct offload_batch_ *batch,
    const struct offload_group_ *group, const struct evbuffer_iovec *pkts)
{
	unsigned char *start = to;
	int i;

	for (i = group->first; i >= 0; i = batch->next[i]) {
		if (!offload_copy_(group, &pkts[i], to))
			return 0;
		to += pkts[i].iov_len - group->headers;
	}
	return (size_t)(to - start);
}

/* EBADMSG: they cannot be joined, as a checksum is wrong. */
static int
send_joined(struct evtun *tun, const struct offload_batch_ *batch,
    const struct offload_group_ *group, const struct evbuffer_iovec *pkts)
{
	unsigned char *headers = tun->frames->joined;
	struct evtun_offload offload;
	size_t len, payload;
	int err;

	len = offload_join_(group, pkts, headers, &offload);
	payload = copy_payloads(headers + len, batch, group, pkts);
	if (payload == 0)
		return EBADMSG;
	err = evtun_system_send_placed_(tun, headers, len + payload, &offload);
	frames_learn(tun->frames, sort_of(offload.gso_type), group->n, err);
	return err;
}

static unsigned send_sorted(struct evtun *tun,
    const struct offload_rules_ *rules, const struct evbuffer_iovec *pkts,
    int n, int *errs);

/* A packet of the group has a wrong checksum: sort them again, which finds
 * out which one. */
static unsigned
send_again(struct evtun *tun, const struct offload_batch_ *batch,
    const struct offload_group_ *group, const struct evbuffer_iovec *pkts,
    int *errs)
{
	struct evbuffer_iovec some[EVTUN_SEND_MANY_];
	struct offload_rules_ rules = tun->frames->rules;
	int some_errs[EVTUN_SEND_MANY_] = {0};
	unsigned refused;
	int i, n = 0;

	for (i = group->first; i >= 0; i = batch->next[i])
		some[n++] = pkts[i];
	rules.unsummed = 0;
	refused = send_sorted(tun, &rules, some, n, some_errs);
	n = 0;
	for (i = group->first; i >= 0; i = batch->next[i])
		errs[i] = some_errs[n++];
	return refused;
}

/* Write a group, and say what became of each packet.  Return how many joined
 * frames the kernel has refused. */
static unsigned
send_group(struct evtun *tun, const struct offload_batch_ *batch,
    const struct offload_group_ *group, const struct evbuffer_iovec *pkts,
    int *errs)
{
	int i, err = group->n > 1 ? send_joined(tun, batch, group, pkts) :
	    evtun_send_(tun, &pkts[group->first], 1);

	if (group->n > 1 && err == EBADMSG)
		return send_again(tun, batch, group, pkts, errs);
	/* A smaller frame may well be taken. */
	if (group->n > 1 && (is_refusal(err) || err == ENOBUFS ||
	    err == ENOMEM)) {
		send_singly(tun, batch, group, pkts, errs);
		return is_refusal(err);
	}
	for (i = group->first; i >= 0; i = batch->next[i])
		errs[i] = err;
	return 0;
}

static unsigned
send_sorted(struct evtun *tun, const struct offload_rules_ *rules,
    const struct evbuffer_iovec *pkts, int n, int *errs)
{
	struct offload_batch_ batch;
	const struct offload_group_ *group;
	unsigned refused = 0;
	int i, g, err = 0;

	offload_sort_(&batch, rules, pkts, n);
	for (g = 0; g < batch.n_groups; g++) {
		group = &batch.group[g];
		if (!evtun_is_the_end_(err)) {
			refused += send_group(tun, &batch, group, pkts, errs);
			err = errs[group->last];
			continue;
		}
		for (i = group->first; i >= 0; i = batch.next[i])
			errs[i] = err;
	}
	return refused;
}

unsigned
evtun_send_many_(struct evtun *tun, const struct evbuffer_iovec *pkts, int n,
    int *errs)
{
	if (tun->frames != NULL && tun->frames->rules.allowed != 0)
		return send_sorted(tun, &tun->frames->rules, pkts, n, errs);
	evtun_system_send_many_(tun, pkts, n, errs);
	return 0;
}

/* How many packets the kernel has refused in a frame; 0 if it was right to.
 * On TAP Linux looks at hdr_len, which is but a hint. */
static int
count_refused(const struct evtun_frames *f,
    const struct evbuffer_iovec *frame, const struct evtun_offload *offload)
{
	struct offload_split_ split;

	if ((f->rules.ethernet && offload->hdr_len != 0 &&
	    offload->hdr_len < ETHERNET_HEADER) ||
	    offload_begin_(&split, offload, frame->iov_base, frame->iov_len,
	    f->rules.ethernet) != OFFLOAD_GOOD_)
		return 0;
	return (int)split.segments;
}

int
evtun_send_large_(struct evtun *tun, const struct evbuffer_iovec *frame,
    const struct evtun_offload *offload)
{
	struct evtun_frames *f = tun->frames;
	enum sort sort = sort_of(offload->gso_type);
	int n = 0, err;

	if (f == NULL || tun->options & EVTUN_OPT_PACKET_INFO ||
	    f->refusals[sort] >= REFUSALS_MAX)
		return ENOTSUP;
	err = evtun_system_send_frame_(tun, frame, 1, offload);
	/* Smaller ones may well be taken. */
	if (err == ENOTSUP || err == ENOBUFS || err == ENOMEM)
		return ENOTSUP;
	if (offload->gso_type == EVTUN_OFFLOAD_NONE)
		return is_refusal(err) ? ENOTSUP : err;
	if (is_refusal(err)) {
		n = count_refused(f, frame, offload);
		if (n == 0)
			return ENOTSUP;
	}
	frames_learn(f, sort, n, err);
	return is_refusal(err) ? EBADMSG : err;
}

/* ---- life ---- */

int
evtun_frames_allocate_(struct evtun *tun)
{
	struct evtun_frames *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	/* Pages that no frame reaches are never touched. */
	f->memory = malloc(2 * (FRAME_START + 2) + 3 * FRAME_SPACE);
	if (f->memory == NULL) {
		free(f);
		return -1;
	}
	tun->frames = f;
	return 0;
}

void
evtun_frames_begin_(struct evtun *tun)
{
	struct evtun_frames *f = tun->frames;

	f->rules.ethernet = (tun->options & EVTUN_OPT_TAP) != 0;
	f->rules.unsummed = 1;
	/* An Ethernet header is 14 bytes. */
	f->frame = f->memory + FRAME_START + (f->rules.ethernet ? 2 : 0);
	f->spare = f->frame + FRAME_SPACE;
	f->joined = f->spare + FRAME_SPACE + FRAME_START;
	/* Where packet information stands before packets, they go singly. */
	if (!(tun->options & EVTUN_OPT_PACKET_INFO))
		f->rules.allowed = OFFLOAD_JOIN_TCP4_ | OFFLOAD_JOIN_TCP6_ |
		    OFFLOAD_JOIN_UDP_;
	f->rules.udp_segments = tun->udp_segments ? tun->udp_segments :
	    UDP_SEGMENTS;
	/* Linux takes tunnels on TAP alone. */
	if (!f->rules.ethernet)
		f->refusals[SORT_TUNNEL] = REFUSALS_MAX;
}

void
evtun_frames_free_(struct evtun *tun)
{
	if (tun->frames == NULL)
		return;
	free(tun->frames->memory);
	free(tun->frames);
	tun->frames = NULL;
}
