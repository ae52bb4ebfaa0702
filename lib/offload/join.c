#include "config.h"

#include "join-internal.h"

#define IP_MAX 65535		/* of a frame, its IP header included */

struct sorting {
	struct offload_batch_ *batch;
	const struct offload_rules_ *rules;
	const struct evbuffer_iovec *pkts;
	/* That of the packet before: most often of this one as well. */
	struct offload_group_ *recent;
	int n_open;		/* groups */
};

/* ---- what it belongs to ---- */

static inline const unsigned char *
first_of(const struct sorting *s, const struct offload_group_ *group)
{
	return s->pkts[group->first].iov_base;
}

/* A group is open as long as it is joinable, and the last of its flow. */
static inline void
close_group(struct sorting *s, struct offload_group_ *group)
{
	group->open = 0;
	s->n_open--;
}

static inline int
is_of_hosts(const struct sorting *s, const struct offload_group_ *group,
    const struct join_packet_ *pkt)
{
	return group->is_ip6 == pkt->is_ip6 && memcmp(
	    join_addresses_(first_of(s, group), group->ip, group->is_ip6),
	    join_addresses_(pkt->data, pkt->ip, pkt->is_ip6),
	    join_addresses_len_(pkt->is_ip6)) == 0;
}

/* The lengths are constants: those comparisons need no call. */
static inline int
is_of_flow(const struct sorting *s, const struct offload_group_ *group,
    const struct join_packet_ *pkt)
{
	const unsigned char *a, *b;

	if (group->is_ip6 != pkt->is_ip6 || group->is_udp != pkt->is_udp)
		return 0;
	a = join_addresses_(first_of(s, group), group->ip, group->is_ip6);
	b = join_addresses_(pkt->data, pkt->ip, pkt->is_ip6);
	if (pkt->is_ip6)
		return memcmp(a, b, 32 + 4) == 0;
	return memcmp(a, b, 8 + 4) == 0;
}

static ev_uint32_t
hash_of(const struct join_packet_ *pkt)
{
	const unsigned char *p, *end;
	ev_uint32_t hash = pkt->is_udp, number;

	p = join_addresses_(pkt->data, pkt->ip, pkt->is_ip6);
	end = p + join_addresses_len_(pkt->is_ip6) + 4;
	for (; p < end; p += sizeof(number)) {
		memcpy(&number, p, sizeof(number));
		hash = (hash ^ number) * 0x9e3779b1;
		hash ^= hash >> 15;
	}
	return hash;
}

/* The open group of a packet's flow, or NULL. */
static struct offload_group_ *
find_flow(struct sorting *s, struct join_packet_ *pkt)
{
	struct offload_group_ *group = s->recent;
	int left = s->n_open;

	if (group != NULL && is_of_flow(s, group, pkt)) {
		pkt->hash = group->hash;
		if (group->open)
			return group;
	} else {
		pkt->hash = hash_of(pkt);
	}
	for (group = s->batch->group + s->batch->n_groups; left > 0; ) {
		group--;
		if (!group->open)
			continue;
		if (group->hash == pkt->hash && is_of_flow(s, group, pkt))
			return group;
		left--;
	}
	return NULL;
}

static void
close_kin(struct sorting *s, const struct join_packet_ *pkt)
{
	struct offload_group_ *group;
	int left = s->n_open;

	for (group = s->batch->group + s->batch->n_groups; left > 0; ) {
		group--;
		if (!group->open)
			continue;
		if (pkt->kin == JOIN_KIN_ALL_ || is_of_hosts(s, group, pkt))
			close_group(s, group);
		left--;
	}
}

/* ---- whether it fits ---- */

/* All but the length, the checksum, and what is_of_flow() has looked at.  A
 * split counts the id up, n being that of this packet. */
static inline int
is_same_ip4(const unsigned char *first, const unsigned char *ip, int n)
{
	unsigned id = offload_get16_(first + 4) + (unsigned)n;

	return memcmp(first, ip, 2) == 0 && (ev_uint16_t)id ==
	    offload_get16_(ip + 4) && memcmp(first + 6, ip + 6, 2) == 0 &&
	    first[8] == ip[8];
}

static inline int
is_same_ip6(const unsigned char *first, const unsigned char *ip)
{
	return memcmp(first, ip, 4) == 0 && first[7] == ip[7];
}

static inline int
is_same_tcp(const unsigned char *first, const unsigned char *tcp,
    size_t header)
{
	return memcmp(first + 8, tcp + 8, 4) == 0 &&
	    ((first[TCP_FLAGS_] ^ tcp[TCP_FLAGS_]) & ~TCP_LAST_) == 0 &&
	    memcmp(first + 14, tcp + 14, 2) == 0 &&
	    memcmp(first + TCP_HEADER_, tcp + TCP_HEADER_,
	    header - TCP_HEADER_) == 0;
}

static inline int
has_room(const struct sorting *s, const struct offload_group_ *group,
    const struct join_packet_ *pkt)
{
	return pkt->payload <= group->gso_size &&
	    (size_t)(group->headers - group->ip) + group->payload +
	    pkt->payload <= IP_MAX &&
	    !(group->is_udp && (unsigned)group->n >= s->rules->udp_segments);
}

/* Whether a joinable packet can be joined to the group of its flow. */
static int
fits(const struct sorting *s, const struct offload_group_ *group,
    const struct join_packet_ *pkt)
{
	const unsigned char *first = first_of(s, group);
	const unsigned char *tcp = pkt->data + pkt->transport;

	if (group->headers != pkt->headers || group->ip != pkt->ip ||
	    !has_room(s, group, pkt))
		return 0;
	if (pkt->ip > 0 && memcmp(first, pkt->data, pkt->ip) != 0)
		return 0;
	if (!(pkt->is_ip6 ?
	    is_same_ip6(first + pkt->ip, pkt->data + pkt->ip) :
	    is_same_ip4(first + pkt->ip, pkt->data + pkt->ip, group->n)))
		return 0;
	return pkt->is_udp || (join_get32_(tcp + TCP_SEQ_) == group->seq &&
	    is_same_tcp(first + pkt->transport, tcp,
	    (size_t)(pkt->headers - pkt->transport)));
}

/* ---- sorting ---- */

static void
add_to_group(struct sorting *s, struct offload_group_ *group,
    const struct join_packet_ *pkt, short index)
{
	s->batch->next[group->last] = index;
	group->last = index;
	group->n++;
	group->payload += pkt->payload;
	group->seq += (ev_uint32_t)pkt->payload;
	if (pkt->is_last || pkt->payload < group->gso_size)
		close_group(s, group);
}

static void
start_group(struct sorting *s, const struct join_packet_ *pkt, short index)
{
	struct offload_group_ *group = s->batch->group + s->batch->n_groups;

	s->batch->n_groups++;
	group->first = group->last = index;
	group->n = 1;
	group->headers = 0;
	group->open = 0;
	if (!pkt->joinable)
		return;
	group->headers = pkt->headers;
	group->ip = pkt->ip;
	group->transport = pkt->transport;
	group->is_ip6 = pkt->is_ip6;
	group->is_udp = pkt->is_udp;
	group->hash = pkt->hash;
	group->gso_size = group->payload = pkt->payload;
	if (!pkt->is_udp)
		group->seq = (ev_uint32_t)pkt->payload +
		    join_get32_(pkt->data + pkt->transport + TCP_SEQ_);
	if (pkt->is_last)
		return;
	group->open = 1;
	s->n_open++;
	s->recent = group;
}

static void
sort_packet(struct sorting *s, struct join_packet_ *pkt, short index)
{
	struct offload_group_ *group = NULL;

	if (pkt->kin == JOIN_KIN_FLOW_)
		group = find_flow(s, pkt);
	else if (pkt->kin != JOIN_KIN_NONE_)
		close_kin(s, pkt);
	if (group != NULL) {
		s->recent = group;
		if (pkt->joinable && fits(s, group, pkt)) {
			add_to_group(s, group, pkt, index);
			return;
		}
		close_group(s, group);
	}
	start_group(s, pkt, index);
}

/*
 * A group is closed as soon as a packet comes that could belong to its flow,
 * and is not joined to it.  So what is joined to a group came after all of
 * its flow that is in groups before, and before all that is in groups after:
 * nothing overtakes if groups leave as they were begun.
 */
void
offload_sort_(struct offload_batch_ *batch,
    const struct offload_rules_ *rules, const struct evbuffer_iovec *pkts,
    int n_pkts)
{
	struct sorting s = {batch, rules, pkts, NULL, 0};
	struct join_packet_ pkt;
	int i;

	batch->n_groups = 0;
	for (i = 0; i < n_pkts; i++) {
		batch->next[i] = -1;
		join_look_at_(&pkt, &pkts[i], rules);
		sort_packet(&s, &pkt, (short)i);
	}
}

/* ---- frames ---- */

static void
set_lengths(const struct offload_group_ *group, unsigned char *headers)
{
	unsigned char *ip = headers + group->ip;
	size_t len = (size_t)(group->headers - group->ip) + group->payload;
	ev_uint16_t sum;

	if (group->is_udp)
		join_put16_(headers + group->transport + UDP_LENGTH_,
		    group->payload + UDP_HEADER_);
	if (group->is_ip6) {
		join_put16_(ip + 4, len - IP6_HEADER_);
		return;
	}
	join_put16_(ip + 2, len);
	join_put16_(ip + 10, 0);
	sum = offload_finish_(join_short_sum_(ip, IP4_HEADER_));
	memcpy(ip + 10, &sum, sizeof(sum));
}

/* Begun, not finished: not complemented. */
static void
begin_sum(const struct offload_group_ *group, unsigned char *headers,
    size_t offset)
{
	size_t len = (size_t)(group->headers - group->transport) +
	    group->payload;
	unsigned pseudo = join_pseudo_sum_(headers, group->ip, group->is_ip6,
	    group->is_udp, len);
	ev_uint16_t sum = (ev_uint16_t)~offload_finish_(pseudo);

	memcpy(headers + group->transport + offset, &sum, sizeof(sum));
}

static void
describe(const struct offload_group_ *group, struct evtun_offload *hdr)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->flags = EVTUN_OFFLOAD_NEEDS_CSUM;
	hdr->hdr_len = group->headers;
	hdr->gso_size = (ev_uint16_t)group->gso_size;
	hdr->csum_start = group->transport;
	hdr->csum_offset = group->is_udp ? UDP_CHECK_ : TCP_CHECK_;
	if (group->is_udp)
		hdr->gso_type = EVTUN_OFFLOAD_UDP;
	else
		hdr->gso_type = group->is_ip6 ? EVTUN_OFFLOAD_TCP6 :
		    EVTUN_OFFLOAD_TCP4;
}

size_t
offload_join_(const struct offload_group_ *group,
    const struct evbuffer_iovec *pkts, unsigned char *headers,
    struct evtun_offload *hdr)
{
	const unsigned char *last = pkts[group->last].iov_base;
	size_t flags = (size_t)group->transport + TCP_FLAGS_;

	describe(group, hdr);
	memcpy(headers, pkts[group->first].iov_base, group->headers);
	set_lengths(group, headers);
	if (!group->is_udp)
		headers[flags] |= last[flags] & TCP_LAST_;
	begin_sum(group, headers, hdr->csum_offset);
	return group->headers;
}

int
offload_copy_(const struct offload_group_ *group,
    const struct evbuffer_iovec *pkt, unsigned char *to)
{
	const unsigned char *p = pkt->iov_base;
	size_t header = (size_t)(group->headers - group->transport);
	unsigned sum = join_pseudo_sum_(p, group->ip, group->is_ip6,
	    group->is_udp, pkt->iov_len - group->transport);

	sum = offload_sum_(p + group->transport, header, sum);
	return offload_finish_(offload_copy_sum_(to, p + group->headers,
	    pkt->iov_len - group->headers, sum)) == 0;
}
