#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "writing.h"

struct writing *
writing_begin(int setup)
{
	struct writing *w = calloc(1, sizeof(*w));

	ck_assert_ptr_nonnull(w);
	w->rig = kit_rig_new(setup);
	w->ethernet = w->rig->kind == KIT_TAP;
	w->sock = segments_socket(w->rig->name);
	return w;
}

void
writing_end(struct writing *w)
{
	writing_await(w, w->got);
	close(w->sock);
	kit_rig_free(w->rig);
	segments_list_clear(&w->offered);
	free(w->flow_of);
	free(w->is_lost);
	free(w);
}

/* ---- what is offered ---- */

void
writing_add(struct writing *w, unsigned flow, const void *data, size_t len)
{
	size_t i = w->offered.n;

	kit_check(flow < WRITING_FLOWS, "no flow %u", flow);
	segments_list_add(&w->offered, data, len);
	w->flow_of = realloc(w->flow_of, i + 1);
	w->is_lost = realloc(w->is_lost, i + 1);
	kit_check(w->flow_of != NULL && w->is_lost != NULL, "no memory");
	w->flow_of[i] = (unsigned char)flow;
	w->is_lost[i] = 0;
}

void
writing_form(struct writing *w, enum segments_sort sort, unsigned flow,
    size_t payload, struct segments_form *form)
{
	memset(form, 0, sizeof(*form));
	form->sort = sort;
	form->ethernet = w->ethernet;
	form->flow = flow;
	form->id = w->id[flow];
	form->seq = w->seq[flow];
	form->payload = payload;
}

void
writing_stream(struct writing *w, enum segments_sort sort, unsigned flow,
    unsigned n, size_t payload)
{
	static struct segments_frame frame;
	struct segments_form form;
	unsigned i;

	for (i = 0; i < n; i++) {
		writing_form(w, sort, flow, payload, &form);
		segments_make_complete(&frame, &form);
		writing_add(w, flow, frame.data, frame.len);
		w->id[flow]++;
		w->seq[flow] += (ev_uint32_t)payload;
	}
}

void
writing_large(struct writing *w, enum segments_sort sort, unsigned flow,
    size_t payload, size_t gso_size, struct segments_frame *frame)
{
	struct segments_list packets = { NULL, 0 };
	struct segments_form form;
	size_t i;

	writing_form(w, sort, flow, payload, &form);
	form.gso_size = gso_size;
	segments_make(frame, &form);
	segments_list_split(&packets, frame);
	for (i = 0; i < packets.n; i++)
		writing_add(w, flow, packets.packets[i].data,
		    packets.packets[i].len);
	w->id[flow] += (unsigned)packets.n;
	w->seq[flow] += (ev_uint32_t)payload;
	segments_list_clear(&packets);
}

void
writing_three(struct writing *w)
{
	unsigned i;

	for (i = 0; i < 10; i++) {
		writing_stream(w, SEGMENTS_TCP4, 0, 1, 100);
		writing_stream(w, SEGMENTS_UDP4, 1, 1, 100);
		writing_stream(w, SEGMENTS_TCP6, 2, 1, 100);
	}
}

void
writing_lose(struct writing *w, size_t from, size_t n)
{
	kit_check(from + n <= w->offered.n, "no such packets");
	memset(w->is_lost + from, 1, n);
}

/* ---- writing ---- */

int
writing_batch(struct writing *w, size_t from, size_t n)
{
	struct evbuffer_iovec *vec = calloc(n + 1, sizeof(*vec));
	size_t i;
	int result, err;

	kit_check(vec != NULL, "no memory");
	kit_check(from + n <= w->offered.n, "no such packets");
	for (i = 0; i < n; i++) {
		vec[i].iov_base = w->offered.packets[from + i].data;
		vec[i].iov_len = w->offered.packets[from + i].len;
	}
	result = packetevent_write_batch(w->rig->pev[0], vec, (int)n);
	err = errno;
	free(vec);
	errno = err;
	return result;
}

void
writing_singly(struct writing *w, size_t from, size_t n)
{
	size_t i;

	kit_check(from + n <= w->offered.n, "no such packets");
	for (i = from; i < from + n; i++)
		kit_ok(packetevent_write(w->rig->pev[0],
		    w->offered.packets[i].data, w->offered.packets[i].len));
}

void
writing_queue(struct writing *w, size_t from, size_t n)
{
	kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
	writing_singly(w, from, n);
	kit_enable(w->rig, 0, EV_WRITE);
}

void
writing_link(struct writing *w, int up)
{
	socklen_t len = sizeof(int);
	int err = 0;

	kit_link_up(w->rig->name, up);
	if (up)
		return;
	/* That is an error of the packet socket, which is told once. */
	ck_assert_int_eq(getsockopt(w->sock, SOL_SOCKET, SO_ERROR, &err,
	    &len), 0);
	ck_assert_int_eq(err, ENETDOWN);
}

/* ---- what has come ---- */

/* The next packet of a flow, or the number of those that are offered. */
static size_t
find_next(struct writing *w, unsigned flow)
{
	size_t *next = &w->next[flow];

	while (*next < w->offered.n &&
	    (w->flow_of[*next] != flow || w->is_lost[*next]))
		++*next;
	return *next;
}

/* No two packets that are offered are the same. */
static void
match(struct writing *w, const struct kit_packet *packet)
{
	const struct kit_packet *wanted;
	unsigned flow;
	size_t i;

	for (flow = 0; flow < WRITING_FLOWS; flow++) {
		i = find_next(w, flow);
		if (i == w->offered.n)
			continue;
		wanted = &w->offered.packets[i];
		if (wanted->len != packet->len ||
		    memcmp(wanted->data, packet->data, packet->len) != 0)
			continue;
		w->next[flow]++;
		w->got++;
		return;
	}
	ck_abort_msg("packet %zu that came, of %zu bytes, is in no flow the "
	    "next one", w->got, packet->len);
}

static void
take(struct writing *w, const struct segments_frame *frame)
{
	struct segments_list packets = { NULL, 0 };
	size_t i;

	segments_list_split(&packets, frame);
	for (i = 0; i < packets.n; i++)
		match(w, &packets.packets[i]);
	w->frames++;
	if (packets.n > w->largest)
		w->largest = packets.n;
	segments_list_clear(&packets);
}

void
writing_await(struct writing *w, size_t n)
{
	static struct segments_frame frame;

	while (w->got < n) {
		segments_await(w->sock, w->ethernet, &frame);
		take(w, &frame);
	}
	kit_check(w->got == n, "%zu packets have come, not %zu", w->got, n);
	kit_check(!segments_receive(w->sock, w->ethernet, &frame),
	    "a frame too many, of %zu bytes, after %zu packets", frame.len,
	    n);
}

void
writing_send(struct writing *w, enum segments_sort sort, unsigned flow,
    unsigned n, size_t payload)
{
	size_t from = w->offered.n;

	writing_stream(w, sort, flow, n, payload);
	ck_assert_int_eq(writing_batch(w, from, n), (int)n);
	writing_await(w, w->got + n);
}

/* ---- counters ---- */

void
writing_check_written(struct writing *w, size_t n)
{
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITTEN_PACKETS), n);
	kit_check_counts(w->rig, 0, n);
	kit_check_queued(w->rig, 0, 0);
	ck_assert_int_eq(w->rig->log[0].n_events, 0);
}

ev_uint64_t
writing_unjoined(struct writing *w)
{
	return kit_count(w->rig, 0, PEV_COUNT_WRITE_UNJOINED);
}
