/*
 * How datagrams come in: the first ones singly, straight into the arena, so
 * that a lone one costs nothing more; a run of them, and those that the system
 * has joined, by way of memory of our own, the inbox.  What finds no room in
 * the batch waits there.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "datagram-internal.h"

/* So many packets, one after the other, are a run. */
#define RUN_MIN 2
/* To copy what is larger costs more than a system call does. */
#define COPIED_MAX 9216

/* ---- the inbox ---- */

static void
inbox_lay_out(struct fd_pev *fp, unsigned char *p)
{
	struct datagram_ *msgs = (void *)p;
	struct pev_source_ *sources;
	size_t room = PEV_ALIGN_UP_(fp->max_len + 1);
	int i;

	p += PEV_ALIGN_UP_(DATAGRAMS_MAX_ * sizeof(*msgs));
	sources = (void *)p;
	p += PEV_ALIGN_UP_(DATAGRAMS_MAX_ * sizeof(*sources));
	for (i = 0; i < DATAGRAMS_MAX_; i++) {
		msgs[i].data = p + (size_t)i * room;
		msgs[i].source = fp->is_datagram ? &sources[i] : NULL;
	}
	fp->inbox.msgs = msgs;
}

/* Have memory for it: 0, or -1 with errno. */
static int
inbox_reserve(struct fd_pev *fp)
{
	struct fd_inbox_ *inbox = &fp->inbox;
	size_t each = sizeof(struct datagram_) + sizeof(struct pev_source_) +
	    PEV_ALIGN_UP_(fp->max_len + 1);
	unsigned char *p = NULL;

	if (inbox->msgs != NULL)
		return 0;
	if (inbox->memory == NULL)
		inbox->memory = evbuffer_new();
	if (inbox->memory != NULL)
		p = pev_reserve_(inbox->memory,
		    DATAGRAMS_MAX_ * each + 2 * PEV_ALIGNMENT_);
	if (p == NULL) {
		errno = ENOMEM;
		return -1;
	}
	inbox_lay_out(fp, p);
	return 0;
}

int
datagram_get_waiting_(struct fd_pev *fp)
{
	return fp->inbox.n - fp->inbox.first;
}

void
datagram_destroy_(struct fd_pev *fp)
{
	if (fp->inbox.memory != NULL)
		evbuffer_free(fp->inbox.memory);
}

/* ---- out of the inbox ---- */

static int
count_segments(const struct datagram_ *msg)
{
	return msg->segment == 0 ? 1 :
	    (int)((msg->len + msg->segment - 1) / msg->segment);
}

/* Whether there is a packet in the message: 1; 0 if not; or FD_EOF. */
static int
judge(const struct fd_pev *fp, const struct datagram_ *msg,
    struct fd_tally *tally)
{
	if (msg->is_cut) {
		tally->reads++;
		tally->dropped++;
		return 0;
	}
	if (msg->len > 0)
		return 1;
	return fp->eof_on_zero ? FD_EOF : 0;
}

static void
copy_source(struct pev_source_ *to, const struct pev_source_ *from)
{
	to->len = from->len;
	memcpy(&to->addr, &from->addr, from->len);
}

/* Put what is left of the first message into the batch.  1, or 0 if there is
 * no room for all of it. */
static int
inbox_take(struct fd_inbox_ *inbox, struct pev_arena_ *arena,
    struct fd_tally *tally)
{
	const struct datagram_ *msg = &inbox->msgs[inbox->first];
	unsigned char *packet;
	size_t len;

	while (inbox->taken < msg->len) {
		packet = pev_arena_next_(arena);
		if (packet == NULL)
			return 0;
		len = msg->len - inbox->taken;
		if (msg->segment > 0 && len > msg->segment)
			len = msg->segment;
		memcpy(packet, msg->data + inbox->taken, len);
		if (msg->source != NULL)
			copy_source(&arena->sources[arena->n], msg->source);
		pev_arena_take_(arena, packet, len);
		tally->reads++;
		inbox->taken += len;
	}
	return 1;
}

/* Whether the first message is for the next batch: one that a batch can hold
 * is not spread over two, so that it can be joined again. */
static int
inbox_is_postponed(const struct fd_inbox_ *inbox,
    const struct pev_arena_ *arena)
{
	return inbox->taken == 0 && arena->n > 0 &&
	    arena->n + count_segments(&inbox->msgs[inbox->first]) >
	    arena->max_n;
}

/* Put all that waits into the batch, or what it has room for.  0 or FD_EOF. */
static int
inbox_unload(struct fd_pev *fp, struct pev_arena_ *arena,
    struct fd_tally *tally)
{
	struct fd_inbox_ *inbox = &fp->inbox;
	int verdict;

	while (inbox->first < inbox->n) {
		verdict = judge(fp, &inbox->msgs[inbox->first], tally);
		if (verdict > 0 && (inbox_is_postponed(inbox, arena) ||
		    !inbox_take(inbox, arena, tally)))
			return 0;
		inbox->first++;
		inbox->taken = 0;
		if (verdict < 0)
			return verdict;
	}
	return 0;
}

/* ---- into it ---- */

static void
inbox_expect(struct fd_inbox_ *inbox, const struct datagram_ *msgs, int n)
{
	int i, segments;

	inbox->len = 0;
	inbox->segments = 1;
	for (i = 0; i < n; i++) {
		segments = count_segments(&msgs[i]);
		if (segments > inbox->segments)
			inbox->segments = segments;
		if (msgs[i].len > inbox->len)
			inbox->len = msgs[i].len;
	}
}

/* How many messages to read next; 0: the batch is full. */
static int
inbox_get_share(const struct fd_inbox_ *inbox, struct pev_arena_ *arena,
    int limit)
{
	int room = arena->max_n - arena->n;

	/* So that few are left over when the batch is full. */
	if (room > inbox->segments)
		room /= inbox->segments;
	else if (arena->n > 0 && room < inbox->segments)
		room = 0;
	else
		room = room > 0;
	if (room <= 0 || pev_arena_next_(arena) == NULL)
		return 0;
	if (!datagram_has_many_ || !inbox->is_run || inbox->no_memory ||
	    inbox->len > COPIED_MAX)
		return 1;
	if (room > limit)
		room = limit;
	return room < DATAGRAMS_MAX_ ? room : DATAGRAMS_MAX_;
}

/* Read n messages into the inbox, and on into the batch.  0, EAGAIN, or what
 * ended it. */
static int
read_many(struct fd_pev *fp, struct pev_arena_ *arena, int n,
    struct fd_tally *tally)
{
	struct fd_inbox_ *inbox = &fp->inbox;
	int i, err, got;

	for (i = 0; i < n; i++)
		inbox->msgs[i].len = fp->max_len + 1;
	got = datagram_receive_(fp->fd, inbox->msgs, n, inbox->is_udp);
	if (got < 0)
		return fd_judge_(fp, errno, tally);
	inbox->first = 0;
	inbox->n = got;
	inbox_expect(inbox, inbox->msgs, got);
	err = inbox_unload(fp, arena, tally);
	if (err)
		return err;
	/* Fewer: there are no more, or there is an error, which the socket
	 * wakes us for. */
	return got < n && inbox->first == inbox->n ? EAGAIN : 0;
}

/* What turns out to be joined makes the detour. */
static int
divert(struct fd_pev *fp, struct pev_arena_ *arena,
    const struct datagram_ *msg, struct fd_tally *tally)
{
	struct fd_inbox_ *inbox = &fp->inbox;

	if (inbox_reserve(fp) < 0) {
		tally->reads++;
		tally->dropped++;
		return 0;
	}
	memcpy(inbox->msgs->data, msg->data, msg->len);
	if (msg->source != NULL)
		copy_source(inbox->msgs->source, msg->source);
	inbox->msgs->len = msg->len;
	inbox->msgs->segment = msg->segment;
	inbox->msgs->is_cut = 0;
	inbox->first = 0;
	inbox->n = 1;
	return inbox_unload(fp, arena, tally);
}

/* Read one message straight into the batch. */
static int
read_one(struct fd_pev *fp, struct pev_arena_ *arena, struct fd_tally *tally)
{
	struct fd_inbox_ *inbox = &fp->inbox;
	struct datagram_ msg;
	int verdict;

	msg.data = pev_arena_next_(arena);
	msg.len = arena->max_len + 1;
	msg.source = arena->sources != NULL ?
	    &arena->sources[arena->n] : NULL;
	if (datagram_receive_(fp->fd, &msg, 1, inbox->is_udp) < 0)
		return fd_judge_(fp, errno, tally);
	inbox_expect(inbox, &msg, 1);
	verdict = judge(fp, &msg, tally);
	if (verdict <= 0)
		return verdict;
	if (msg.segment > 0)
		return divert(fp, arena, &msg, tally);
	pev_arena_take_(arena, msg.data, msg.len);
	tally->reads++;
	return 0;
}

int
datagram_fill_(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally)
{
	struct fd_inbox_ *inbox = &fp->inbox;
	int i, n, err = inbox_unload(fp, arena, tally);

	for (i = 0; i < limit && err == 0 && inbox->first == inbox->n;
	    i += n) {
		if (tally->reads >= RUN_MIN && !inbox->is_run)
			inbox->is_run = 1;
		if (inbox->is_run && inbox_reserve(fp) < 0)
			inbox->no_memory = 1;
		n = inbox_get_share(inbox, arena, limit - i);
		if (n == 0)
			return 0;
		err = n == 1 && (inbox->segments <= 1 || inbox->msgs == NULL) ?
		    read_one(fp, arena, tally) :
		    read_many(fp, arena, n, tally);
	}
	inbox->is_run = tally->reads >= RUN_MIN;
	return err;
}

/* ---- birth and death ---- */

static int
is_connected(evutil_socket_t fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	return getpeername(fd, (struct sockaddr *)&addr, &len) == 0;
}

/* What tells a socket from another one with its number. */
static ev_uint64_t
get_serial(evutil_socket_t fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (ev_uint64_t)st.st_ino : 0;
}

int
datagram_open_(struct fd_pev *fp)
{
	struct fd_inbox_ *inbox = &fp->inbox;
	int connected = is_connected(fp->fd);

	inbox->segments = 1;
	inbox->is_udp = datagram_is_udp_(fp->fd);
	if (!inbox->is_udp)
		return 0;
	/* What is joined cannot do without. */
	if ((connected || datagram_is_joined_(fp->fd)) &&
	    inbox_reserve(fp) < 0)
		return -1;
	if (!connected)
		return 0;
	inbox->has_joined = datagram_join_received_(fp->fd, 1);
	inbox->serial = get_serial(fp->fd);
	fp->outbox.joins = datagram_can_join_(fp->fd);
	fp->outbox.too_large = SIZE_MAX;
	return 0;
}

void
datagram_detach_(struct packetevent *pev)
{
	struct fd_pev *fp = fd_upcast_(pev);

	if (fp->inbox.has_joined && !(pev->options & PEV_OPT_CLOSE_ON_FREE) &&
	    get_serial(fp->fd) == fp->inbox.serial)
		datagram_join_received_(fp->fd, 0);
}
