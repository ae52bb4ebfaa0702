/*
 * How datagrams go out: several in one system call, and on a connected UDP
 * socket several in one message, which the system splits again (UDP_SEGMENT),
 * on the network card if that can do it.
 */
#include "config.h"

#include <errno.h>

#include "datagram-internal.h"

/* The kernel's UDP_MAX_SEGMENTS when UDP_SEGMENT came; it is 128 now. */
#define SEGMENTS_MAX 64
/* What fits in an IP packet beside the headers of UDP and of IPv6, or of IPv4
 * with options, which have 40 bytes more. */
#define JOINED_MAX (65535 - 8 - 60)
/* A socket that refuses so many joined messages has had its chance. */
#define REFUSALS_MAX 3

_Static_assert(PEV_TOGETHER_ <= DATAGRAM_PACKETS_MAX_,
    "a message has room for all that is written together");

/* ---- runs ---- */

/* How many of the n packets may be one message. */
static int
count_run(const struct fd_outbox_ *outbox, const struct pev_packet_ *packets,
    int n)
{
	size_t segment = packets->len, total = segment;
	int i = 1;

	if (!outbox->joins || packets->addr != NULL ||
	    segment >= outbox->too_large)
		return 1;
	if (n > SEGMENTS_MAX)
		n = SEGMENTS_MAX;
	while (i < n && packets[i].addr == NULL && packets[i].len <= segment &&
	    packets[i].len + total <= JOINED_MAX) {
		total += packets[i].len;
		if (packets[i++].len < segment)
			break;
	}
	return i;
}

/* Make runs of the n packets, of which the first ones go singly; return how
 * many runs. */
static int
plan(const struct fd_outbox_ *outbox, const struct pev_packet_ *packets,
    int n, int singles, struct datagram_run_ *runs)
{
	int i, n_runs = 0;

	for (i = 0; i < n && n_runs < DATAGRAM_RUNS_MAX_; n_runs++) {
		runs[n_runs].packets = &packets[i];
		runs[n_runs].n = i < singles ? 1 :
		    count_run(outbox, &packets[i], n - i);
		i += runs[n_runs].n;
	}
	return n_runs;
}

/* ---- what is refused ---- */

/* Whether a joined message was refused for being one: EMSGSIZE, a segment
 * would have to be fragmented; EINVAL, the same of older kernels, or the
 * socket sends no checksums; EIO, the route or the card cannot do it. */
static int
is_join_refused(int err)
{
	return err == EINVAL || err == EMSGSIZE || err == EIO ||
	    err == ENOTSUP || err == EOPNOTSUPP;
}

static void
learn(struct fd_outbox_ *outbox, size_t segment, int err)
{
	if (err == EMSGSIZE)
		outbox->too_large = segment;
	else if (++outbox->refusals >= REFUSALS_MAX)
		outbox->joins = 0;
}

/* The first packets of n, in a run, were refused: tell errs what became of
 * them, and return of how many.  Those in *singles are to go singly. */
static int
settle_refused(struct fd_pev *fp, const struct datagram_run_ *run, int n,
    int err, int *errs, int *singles)
{
	int i;

	err = fd_refused_one_(fp, err);
	if (err == EAGAIN) {
		for (i = 0; i < n; i++)
			errs[i] = EAGAIN;
		return n;
	}
	if (run->n > 1) {
		*singles = run->n;
		if (is_join_refused(err)) {
			fp->pev.counts[PEV_COUNT_WRITE_UNJOINED]++;
			learn(&fp->outbox, run->packets->len, err);
			return 0;
		}
		/* A smaller message may well be taken. */
		if (err == ENOBUFS || err == ENOMEM)
			return 0;
	}
	/* It would have met the first packet by itself. */
	errs[0] = err;
	return 1;
}

/* The first ones of n runs were sent: tell errs, and return of how many. */
static int
settle_sent(struct fd_outbox_ *outbox, const struct datagram_run_ *runs,
    int n, int sent, int *errs)
{
	int i, j, total = 0;

	for (i = 0; i < n && i < sent; i++) {
		if (runs[i].n > 1)
			outbox->refusals = 0;
		for (j = 0; j < runs[i].n; j++)
			errs[total++] = 0;
	}
	return total;
}

void
datagram_send_many_(struct packetevent *pev,
    const struct pev_packet_ *packets, int n, int *errs)
{
	struct fd_pev *fp = fd_upcast_(pev);
	struct datagram_run_ runs[DATAGRAM_RUNS_MAX_];
	int i, n_runs, sent, moved, singles = 0;

	for (i = 0; i < n; i += moved) {
		n_runs = plan(&fp->outbox, &packets[i], n - i, singles, runs);
		sent = datagram_send_(fp->fd, runs, n_runs);
		moved = 0;
		if (sent > 0)
			moved = settle_sent(&fp->outbox, runs, n_runs,
			    sent, &errs[i]);
		else if (errno != EINTR)
			moved = settle_refused(fp, runs, n - i, errno,
			    &errs[i], &singles);
		singles = singles > moved ? singles - moved : 0;
	}
}

int
datagram_send_one_(struct packetevent *pev, const struct pev_packet_ *packet)
{
	struct fd_pev *fp = fd_upcast_(pev);
	struct datagram_run_ run = {packet, 1};

	while (datagram_send_(fp->fd, &run, 1) < 0)
		if (errno != EINTR)
			return fd_refused_(fp, errno);
	return 0;
}
