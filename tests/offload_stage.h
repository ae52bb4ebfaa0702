#ifndef EVTUN_TESTS_OFFLOAD_STAGE_H_INCLUDED_
#define EVTUN_TESTS_OFFLOAD_STAGE_H_INCLUDED_
/*
 * Devices with EVTUN_OPT_OFFLOAD that are read, and frames of all sorts that
 * are sent into them.
 */
#include <stddef.h>

#include "kit.h"
#include "segments.h"

/* A device that is read, and what is sent into it. */
struct stage {
	struct kit_rig *rig;
	struct kit_log *log;		/* what has come */
	evutil_socket_t fd;		/* the other side */
	struct segments_list list;	/* what is to come */
	unsigned sent;			/* frames */
	size_t head, tail, got;
	int batch;			/* the most packets of the next */
	size_t at_event;		/* packets that came before it */
	int n_others;			/* callbacks of another event */
};

void stage_begin(struct stage *s, int setup);
/* The same over a rig that is there. */
void stage_over(struct stage *s, struct kit_rig *rig);
void stage_end(struct stage *s);
/* The same without PEV_OPT_CLOSE_ON_FREE; stage_end() does if the test frees
 * s->rig->tun itself. */
void stage_begin_open(struct stage *s, int setup);
void stage_end_open(struct stage *s);
/* Another packetevent over that device. */
struct packetevent *stage_reader(struct stage *s);

/* A read callback that disables reading; ctx is the log. */
void stage_pause_cb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx);

/* How many sizes the frames have. */
#define STAGE_N_SIZES 11
/* What frame i is like. */
void stage_make_form(struct segments_form *form, enum kit_kind kind,
    unsigned i);
/* Send n frames of all sorts and sizes. */
void stage_send_some(struct stage *s, unsigned n);
/* Send a large frame of n segments. */
void stage_send_large(struct stage *s, size_t n);
/* All that was sent comes, and nothing else. */
void stage_check_all(struct stage *s);

#endif /* EVTUN_TESTS_OFFLOAD_STAGE_H_INCLUDED_ */
