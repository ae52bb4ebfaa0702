#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "segments.h"

#define ETHERNET_HEADER 14
#define TAG 4
#define IP4_HEADER 20
#define IP6_HEADER 40
#define TCP_HEADER 20
#define UDP_HEADER 8
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_CWR 0x80

static void
put16(unsigned char *p, unsigned value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

static void
put32(unsigned char *p, ev_uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

static unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static ev_uint32_t
get32(const unsigned char *p)
{
	return (ev_uint32_t)get16(p) << 16 | get16(p + 2);
}

/* ---- checksums: RFC 1071, word by word ---- */

static unsigned
sum(const unsigned char *p, size_t len, unsigned start)
{
	size_t i;

	for (i = 0; i < len; i++) {
		start += (unsigned)p[i] << (i % 2 ? 0 : 8);
		start = (start & 0xffff) + (start >> 16);
	}
	return start;
}

/* Where the headers of a packet are. */
struct place {
	size_t ip, transport, payload;
	int is_ip6, is_udp;
};

static unsigned
pseudo(const unsigned char *data, const struct place *at, size_t len)
{
	unsigned char rest[4] = { 0, 0, 0, 0 };
	const unsigned char *ip = data + at->ip;

	rest[1] = at->is_udp ? PROTOCOL_UDP : PROTOCOL_TCP;
	put16(rest + 2, (unsigned)(len - at->transport));
	return at->is_ip6 ? sum(ip + 8, 32, sum(rest, 4, 0)) :
	    sum(ip + 12, 8, sum(rest, 4, 0));
}

static size_t
checksum_of(const struct place *at)
{
	return at->transport + (at->is_udp ? 6 : 16);
}

static void
find(const unsigned char *data, size_t len, int ethernet, struct place *at)
{
	at->ip = ethernet ? ETHERNET_HEADER : 0;
	while (ethernet && get16(data + at->ip - 2) == 0x8100)
		at->ip += TAG;
	at->is_ip6 = data[at->ip] >> 4 == 6;
	at->is_udp = data[at->ip + (at->is_ip6 ? 6 : 9)] == PROTOCOL_UDP;
	at->transport = at->ip + (at->is_ip6 ? IP6_HEADER :
	    (size_t)(data[at->ip] & 15) * 4);
	at->payload = at->transport + (at->is_udp ? UDP_HEADER :
	    (size_t)(data[at->transport + 12] >> 4) * 4);
	kit_check(at->payload <= len, "headers of %zu bytes in %zu",
	    at->payload, len);
}

/* Lengths, and the checksum of IPv4. */
static void
put_lengths(unsigned char *data, size_t len, const struct place *at)
{
	unsigned char *ip = data + at->ip;

	if (at->is_udp)
		put16(data + at->transport + 4,
		    (unsigned)(len - at->transport));
	if (at->is_ip6) {
		put16(ip + 4, (unsigned)(len - at->ip - IP6_HEADER));
		return;
	}
	put16(ip + 2, (unsigned)(len - at->ip));
	put16(ip + 10, 0);
	put16(ip + 10, ~sum(ip, at->transport - at->ip, 0) & 0xffff);
}

/* The checksum of TCP or UDP, whatever is in its field. */
static void
put_checksum(unsigned char *data, size_t len, const struct place *at)
{
	unsigned char *field = data + checksum_of(at);
	unsigned value;

	put16(field, 0);
	value = ~sum(data + at->transport, len - at->transport,
	    pseudo(data, at, len)) & 0xffff;
	put16(field, value == 0 && at->is_udp ? 0xffff : value);
}

/* ---- making frames ---- */

static int
is_ip6(const struct segments_form *form)
{
	return form->sort == SEGMENTS_TCP6 || form->sort == SEGMENTS_UDP6;
}

static int
is_udp(const struct segments_form *form)
{
	return form->sort == SEGMENTS_UDP4 || form->sort == SEGMENTS_UDP6;
}

static size_t
put_ethernet(unsigned char *p, const struct segments_form *form)
{
	size_t at = ETHERNET_HEADER - 2;
	int i;

	memcpy(p, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", at);
	for (i = 0; i < form->tags; i++, at += TAG) {
		put16(p + at, 0x8100);
		put16(p + at + 2, 100u + (unsigned)i);
	}
	put16(p + at, is_ip6(form) ? 0x86dd : 0x0800);
	return at + 2;
}

static size_t
put_ip(unsigned char *p, const struct segments_form *form)
{
	unsigned char protocol = is_udp(form) ? PROTOCOL_UDP : PROTOCOL_TCP;

	memset(p, 0, IP6_HEADER);
	if (is_ip6(form)) {
		p[0] = 0x60;
		p[6] = protocol;
		p[7] = 64;
		p[8] = p[24] = 0xfd;
		p[23] = 1;
		p[39] = 2;
		return IP6_HEADER;
	}
	p[0] = 0x45;
	put16(p + 4, form->id & 0xffff);
	p[8] = 64;
	p[9] = protocol;
	put32(p + 12, 0x0a090001);
	put32(p + 16, 0x0a090002);
	return IP4_HEADER;
}

static size_t
put_transport(unsigned char *p, const struct segments_form *form)
{
	memset(p, 0, TCP_HEADER);
	put16(p, 1000 + form->flow);
	put16(p + 2, 2000 + form->flow);
	if (is_udp(form))
		return UDP_HEADER;
	put32(p + 4, form->seq);
	put32(p + 8, 1);
	p[12] = TCP_HEADER / 4 << 4;
	p[13] = (unsigned char)(form->flags ? form->flags : TCP_ACK);
	put16(p + 14, 8192);
	return TCP_HEADER;
}

/* Other flows, and other places, have other bytes. */
static void
put_payload(unsigned char *p, const struct segments_form *form)
{
	ev_uint32_t at = form->seq;
	size_t i;

	for (i = 0; i < form->payload; i++, at++)
		p[i] = (unsigned char)(at * 7 + (at >> 8) * 29 +
		    form->flow * 151);
}

static void
describe(struct segments_frame *frame, const struct segments_form *form,
    const struct place *at)
{
	static const ev_uint8_t types[] = { EVTUN_OFFLOAD_TCP4,
		EVTUN_OFFLOAD_TCP6, EVTUN_OFFLOAD_UDP, EVTUN_OFFLOAD_UDP };
	struct evtun_offload *o = &frame->offload;

	o->flags = EVTUN_OFFLOAD_NEEDS_CSUM;
	o->csum_start = (ev_uint16_t)at->transport;
	o->csum_offset = (ev_uint16_t)(checksum_of(at) - at->transport);
	o->hdr_len = (ev_uint16_t)at->payload;
	if (form->gso_size == 0 || form->payload <= form->gso_size)
		return;
	o->gso_type = types[form->sort];
	if (form->flags & TCP_CWR && !is_udp(form))
		o->gso_type |= EVTUN_OFFLOAD_ECN;
	o->gso_size = (ev_uint16_t)form->gso_size;
}

void
segments_make(struct segments_frame *frame, const struct segments_form *form)
{
	unsigned char *data = frame->data;
	struct place at;
	size_t len = form->ethernet ? put_ethernet(data, form) : 0;

	memset(&frame->offload, 0, sizeof(frame->offload));
	frame->ethernet = form->ethernet;
	len += put_ip(data + len, form);
	len += put_transport(data + len, form);
	frame->len = len + form->payload;
	kit_check(frame->len <= sizeof(frame->data), "too large a frame");
	put_payload(data + len, form);
	find(data, frame->len, form->ethernet, &at);
	put_lengths(data, frame->len, &at);
	put16(data + checksum_of(&at), pseudo(data, &at, frame->len));
	describe(frame, form, &at);
}

void
segments_complete(struct segments_frame *frame)
{
	struct place at;

	find(frame->data, frame->len, frame->ethernet, &at);
	put_checksum(frame->data, frame->len, &at);
	memset(&frame->offload, 0, sizeof(frame->offload));
}

void
segments_make_complete(struct segments_frame *frame,
    const struct segments_form *form)
{
	segments_make(frame, form);
	segments_complete(frame);
}

/* ---- splitting them ---- */

/* Segment i, which has n bytes of the payload. */
static size_t
put_segment(unsigned char *to, const struct segments_frame *frame,
    const struct place *at, size_t i, size_t n)
{
	size_t from = i * frame->offload.gso_size, len = at->payload + n;
	unsigned char *tcp = to + at->transport, *ip = to + at->ip;

	memcpy(to, frame->data, at->payload);
	memcpy(to + at->payload, frame->data + at->payload + from, n);
	if (!at->is_ip6)
		put16(ip + 4, (get16(ip + 4) + (unsigned)i) & 0xffff);
	if (!at->is_udp) {
		put32(tcp + 4, get32(tcp + 4) + (ev_uint32_t)from);
		if (from + n < frame->len - at->payload)
			tcp[13] &= (unsigned char)~(TCP_FIN | TCP_PSH);
		if (i > 0)
			tcp[13] &= (unsigned char)~TCP_CWR;
	}
	put_lengths(to, len, at);
	put_checksum(to, len, at);
	return len;
}

size_t
segments_count(const struct segments_frame *frame)
{
	size_t size = frame->offload.gso_size;
	struct place at;

	if (frame->offload.gso_type == EVTUN_OFFLOAD_NONE)
		return 1;
	find(frame->data, frame->len, frame->ethernet, &at);
	return (frame->len - at.payload + size - 1) / size;
}

static void
split_one(struct segments_list *list, const struct segments_frame *frame)
{
	struct segments_frame copy;

	if (!(frame->offload.flags & EVTUN_OFFLOAD_NEEDS_CSUM)) {
		segments_list_add(list, frame->data, frame->len);
		return;
	}
	copy = *frame;
	segments_complete(&copy);
	segments_list_add(list, copy.data, copy.len);
}

void
segments_list_split(struct segments_list *list,
    const struct segments_frame *frame)
{
	size_t i, n, rest, size = frame->offload.gso_size;
	unsigned char out[KIT_TOO_LARGE];
	struct place at;

	if (frame->offload.gso_type == EVTUN_OFFLOAD_NONE) {
		split_one(list, frame);
		return;
	}
	find(frame->data, frame->len, frame->ethernet, &at);
	rest = frame->len - at.payload;
	for (i = 0; rest > 0; i++, rest -= n) {
		n = rest < size ? rest : size;
		segments_list_add(list, out, put_segment(out, frame, &at, i,
		    n));
	}
}

/* ---- lists ---- */

void
segments_list_add(struct segments_list *list, const void *data, size_t len)
{
	struct kit_packet *p;

	list->packets = realloc(list->packets, (list->n + 1) * sizeof(*p));
	kit_check(list->packets != NULL, "no memory");
	p = &list->packets[list->n++];
	p->len = len;
	p->data = malloc(len + 1);
	kit_check(p->data != NULL, "no memory");
	memcpy(p->data, data, len);
}

void
segments_list_clear(struct segments_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->packets[i].data);
	free(list->packets);
	memset(list, 0, sizeof(*list));
}

void
segments_list_check(const struct segments_list *list, size_t i,
    const void *data, size_t len)
{
	const unsigned char *p = data, *wanted;
	size_t at;

	kit_check(i < list->n, "packet %zu, of %zu that were to come", i,
	    list->n);
	wanted = list->packets[i].data;
	kit_check(len == list->packets[i].len,
	    "packet %zu has %zu bytes, not %zu", i, len,
	    list->packets[i].len);
	if (memcmp(p, wanted, len) == 0)
		return;
	for (at = 0; p[at] == wanted[at]; at++)
		;
	ck_abort_msg("packet %zu (%zu bytes): byte %zu is %02x, not %02x", i,
	    len, at, p[at], wanted[at]);
}

void
segments_list_compare(const struct segments_list *list,
    const struct kit_log *log)
{
	size_t i;

	for (i = 0; i < log->n_packets; i++)
		segments_list_check(list, i, log->packets[i].data,
		    log->packets[i].len);
	kit_check(i == list->n, "%zu packets have come, not %zu", i, list->n);
}
