/*
 * How a batch is read from a descriptor.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "fd-internal.h"

/* Packets that come out of large frames cost so little that a wakeup reads so
 * many batches of them in the time that others take for one. */
#define LARGE_BATCHES 4

/* Reads saved at most, one a wakeup, while packets come singly. */
#define SAVED_READS_MAX 8

/*
 * The read that finds nothing costs a fifth when packets come singly.  So it
 * is left out for some wakeups once one packet was all there was, for ever
 * more of them while that goes on.  What is left behind wakes us again.
 */
static int
fd_read_limit(struct fd_pev *fp)
{
	if (fp->saved_reads > 0) {
		fp->saved_reads--;
		return 1;
	}
	return fp->pev.max_batch;
}

static void
fd_learn(struct fd_pev *fp, int reads, int limit, int err)
{
	if (limit == 1)
		return;
	if (reads == 1 && err == EAGAIN) {
		if (fp->saving < SAVED_READS_MAX)
			fp->saving = fp->saving ? fp->saving * 2 : 1;
		fp->saved_reads = fp->saving;
	} else {
		fp->saving = 0;
	}
}

static void
fd_count(struct packetevent *pev, const struct fd_tally *tally)
{
	int i;

	pev->counts[PEV_COUNT_READ_DROPPED] += (ev_uint64_t)tally->dropped;
	for (i = 1; i < PEV_REFUSALS_; i++) {
		pev->counts[PEV_COUNT_READ_REFUSED] +=
		    (ev_uint64_t)tally->refused[i];
		pev->counts[PEV_COUNT_READ_REFUSED + i] +=
		    (ev_uint64_t)tally->refused[i];
	}
}

/* Without the lock: packetevent_free() waits for the arena. */
static int
fd_fill_arena(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally)
{
	int err;
	unsigned more;

	evbuffer_lock(arena->memory);
	pev_unlock_(&fp->pev);
	err = fp->io->fill(fp, arena, limit, tally);
	more = fp->io->get_waiting != NULL && fp->io->get_waiting(fp) > 0;
	evbuffer_unlock(arena->memory);
	pev_lock_(&fp->pev);
	fp->has_more = more & 1;
	return err;
}

/* What is left comes in the next turn, whatever the descriptor says. */
static void
fd_go_on(struct fd_pev *fp)
{
	if (fp->has_more && pev_is_reading_(&fp->pev))
		pev_wake_(fp->ev_more);
}

/* The system's header goes into the room before the packet, unless that is
 * made of a frame that was read elsewhere. */
static size_t
fd_get_gap(const struct fd_pev *fp)
{
	if (fp->prefix <= fp->pev.head ||
	    (fp->has_offload && !pev_wants_large_(&fp->pev)))
		return 0;
	return fp->prefix;
}

/* Read one batch and deliver it.  0: there is more; or what ended it. */
static int
fd_read_batch(struct fd_pev *fp, int limit, int is_first)
{
	struct packetevent *pev = &fp->pev;
	struct fd_tally tally;
	struct pev_arena_ *arena;
	int err;

	memset(&tally, 0, sizeof(tally));
	arena = pev_begin_batch_(pev, fp->max_len, fd_get_gap(fp), fp->bias);
	err = fd_fill_arena(fp, arena, limit, &tally);
	if (is_first) {
		fd_learn(fp, tally.reads, limit, err);
		fp->last_reads = tally.reads;
	}
	fd_count(pev, &tally);
	pev_deliver_(pev);
	return err;
}

void
fd_read_(struct fd_pev *fp)
{
	struct packetevent *pev = &fp->pev;
	int limit = fd_read_limit(fp);
	int batches = fp->has_offload && limit > 1 ? LARGE_BATCHES : 1;
	int err, i = 0;

	do
		err = fd_read_batch(fp, limit, i == 0);
	while (err == 0 && ++i < batches && pev_is_reading_(pev));
	if (pev->freed)
		return;
	fd_go_on(fp);
	if (err == 0 || err == EAGAIN)
		return;
	if (err != FD_EOF)
		fd_gone_(fp, err, "read a packet");
	else if (pev_is_reading_(pev))
		pev_raise_(pev, PEV_EVENT_READING | PEV_EVENT_EOF, 0, NULL,
		    NULL);
}
