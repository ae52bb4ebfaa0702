#include "config.h"

#include <string.h>
#include <unistd.h>

#include "deletion.h"
#include "device_rig.h"
#include "kit.h"
#include "offload_stage.h"

void
stage_over(struct stage *s, struct kit_rig *rig)
{
	memset(s, 0, sizeof(*s));
	s->rig = rig;
	s->log = &rig->log[0];
	s->fd = segments_socket(rig->name);
}

void
stage_begin(struct stage *s, int setup)
{
	stage_over(s, deletion_rig(setup));
}

void
stage_end(struct stage *s)
{
	segments_list_clear(&s->list);
	close(s->fd);
	kit_rig_free(s->rig);
}

/* A device without PEV_OPT_CLOSE_ON_FREE: s->rig->tun is to be freed. */
struct packetevent *
stage_reader(struct stage *s)
{
	struct kit_rig *rig = s->rig;
	struct packetevent *pev = packetevent_tun_new(rig->base, rig->tun,
	    kit_options(rig->setup) & ~PEV_OPT_CLOSE_ON_FREE);

	ck_assert_msg(pev != NULL, "%s", evtun_get_error());
	packetevent_setcb(pev, kit_readcb, NULL, kit_eventcb, s->log);
	return rig->pev[0] = pev;
}

void
stage_begin_open(struct stage *s, int setup)
{
	struct kit_rig *rig = device_rig_begin(setup);

	rig->base = kit_base_new(setup);
	rig->tun = kit_tun_new(rig->kind, "kit0", kit_tun_options(setup));
	strcpy(rig->name, "kit0");
	stage_over(s, rig);
	stage_reader(s);
}

void
stage_end_open(struct stage *s)
{
	packetevent_free(s->rig->pev[0]);
	s->rig->pev[0] = NULL;
	if (s->rig->threadsafe)
		event_base_loop(s->rig->base, EVLOOP_NONBLOCK);
	evtun_free(s->rig->tun);
	stage_end(s);
}

void
stage_pause_cb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	kit_readcb(pev, pkts, n_pkts, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
}

/* ---- what is sent ---- */

/* Of payload, and of a segment: large frames, and others. */
static const size_t sizes[][2] = {
	{ 100, 0 }, { 3000, 1000 }, { 1, 0 }, { 40000, 1400 }, { 1001, 1000 },
	{ 1200, 1200 }, { 500, 8 }, { 64, 1 }, { 65000, 9000 }, { 700, 0 },
	{ 65468, 1460 }
};
_Static_assert(sizeof(sizes) / sizeof(sizes[0]) == STAGE_N_SIZES,
    "as many as the header says");
static const unsigned tcp_flags[] = { 0, 0x18, 0x19, 0x90, 0x99, 0x30 };
#define N_FLAGS (sizeof(tcp_flags) / sizeof(tcp_flags[0]))

void
stage_make_form(struct segments_form *form, enum kit_kind kind, unsigned i)
{
	memset(form, 0, sizeof(*form));
	form->sort = (enum segments_sort)(i % SEGMENTS_N_SORTS);
	form->ethernet = kind == KIT_TAP;
	form->tags = form->ethernet ? (int)(i / 4 % 3) : 0;
	form->flow = i % 5;
	form->id = 65530 + i;
	form->seq = 0xffffff00u + i * 1001;
	form->flags = tcp_flags[i % N_FLAGS];
	form->payload = sizes[i % STAGE_N_SIZES][0];
	form->gso_size = sizes[i % STAGE_N_SIZES][1];
}

/* Frames of all sorts and sizes; every third of those that need not be large
 * is an ordinary packet. */
void
stage_send_some(struct stage *s, unsigned n)
{
	static struct segments_frame frame;
	struct segments_form form;

	for (; n > 0; n--) {
		stage_make_form(&form, s->rig->kind, s->sent++);
		segments_make(&frame, &form);
		if (form.gso_size == 0 && s->sent % 3 == 0)
			segments_complete(&frame);
		segments_send(s->fd, &frame);
		segments_list_split(&s->list, &frame);
	}
}

/* A large frame of n segments. */
void
stage_send_large(struct stage *s, size_t n)
{
	struct segments_form form;

	stage_make_form(&form, s->rig->kind, s->sent++);
	form.gso_size = 100;
	form.payload = n * 100 - 1;
	segments_flood(s->fd, &form, &s->list);
}

void
stage_check_all(struct stage *s)
{
	kit_until_packets(s->rig, 0, s->list.n);
	kit_settle(s->rig->base);
	segments_list_compare(&s->list, s->log);
	ck_assert_int_eq(s->log->n_events, 0);
	ck_assert_uint_eq(kit_count(s->rig, 0, PEV_COUNT_READ_PACKETS),
	    s->list.n);
	ck_assert_uint_eq(kit_count(s->rig, 0, PEV_COUNT_READ_DROPPED), 0);
	ck_assert_uint_eq(kit_count(s->rig, 0, PEV_COUNT_READ_REFUSED), 0);
}
