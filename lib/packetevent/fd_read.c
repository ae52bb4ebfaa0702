/*
 * How a batch is read from a descriptor.
 */
#include "config.h"

#include <errno.h>

#include "fd-internal.h"

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
fd_learn(struct fd_pev *fp, int n, int limit, int err)
{
	if (limit == 1)
		return;
	if (n == 1 && err == EAGAIN) {
		if (fp->saving < SAVED_READS_MAX)
			fp->saving = fp->saving ? fp->saving * 2 : 1;
		fp->saved_reads = fp->saving;
	} else {
		fp->saving = 0;
	}
}

void
fd_read_(struct fd_pev *fp)
{
	struct packetevent *pev = &fp->pev;
	int limit = fd_read_limit(fp);
	int lost[2] = {0, 0};
	struct pev_arena_ *arena;
	int err;

	/* The system's header goes into the room before the packet. */
	arena = pev_begin_batch_(pev, fp->max_len,
	    fp->prefix > pev->head ? fp->prefix : 0, fp->bias);
	evbuffer_lock(arena->memory);
	pev_unlock_(pev);
	err = fp->io->fill(fp, arena, limit, lost);
	evbuffer_unlock(arena->memory);
	pev_lock_(pev);
	fd_learn(fp, arena->n, limit, err);
	pev->counts[PEV_COUNT_READ_DROPPED] += (ev_uint64_t)lost[0];
	pev->counts[PEV_COUNT_READ_REFUSED] += (ev_uint64_t)lost[1];
	pev_deliver_(pev);
	if (pev->freed || err == 0 || err == EAGAIN)
		return;
	if (err != FD_EOF)
		fd_gone_(fp, err, "read a packet");
	else if (pev_is_reading_(pev))
		pev_raise_(pev, PEV_EVENT_READING | PEV_EVENT_EOF, 0, NULL,
		    NULL);
}
