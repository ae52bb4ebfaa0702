#include "config.h"

#include <sys/socket.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "ip_json.h"
#include "kit.h"

void
arrivals_begin(struct arrivals *a, enum kit_kind kind, int options)
{
	kit_netns();
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	a->name = "vpn0";
	a->tun = kit_tun_new(kind, a->name, options);
	a->sock = kit_packet_socket(a->name);
}

void
arrivals_end(struct arrivals *a)
{
	evtun_free(a->tun);
	close(a->sock);
}

struct evtun *
arrivals_queue(struct arrivals *a)
{
	struct evtun *queue = evtun_new_queue(a->tun);

	ck_assert_msg(queue != NULL, "%s", evtun_get_error());
	return queue;
}

static void
send_bytes(struct arrivals *a, const unsigned char *data)
{
	ck_assert_int_eq(send(a->sock, data, ARRIVALS_SIZE, 0),
	    ARRIVALS_SIZE);
}

void
arrivals_send(struct arrivals *a, unsigned index)
{
	unsigned char data[ARRIVALS_SIZE];

	kit_fill(a->kind, data, index, sizeof(data));
	send_bytes(a, data);
}

void
arrivals_send_to(struct arrivals *a, const ev_uint8_t to[6], unsigned index)
{
	unsigned char data[ARRIVALS_SIZE];

	kit_fill(a->kind, data, index, sizeof(data));
	memcpy(data, to, 6);
	send_bytes(a, data);
}

static void
check_bytes(struct evtun *tun, const unsigned char *wanted, size_t size)
{
	unsigned char data[2 * ARRIVALS_SIZE];
	struct pollfd pfd = { evtun_get_fd(tun), POLLIN, 0 };

	ck_assert_int_eq(poll(&pfd, 1, (int)(30000 * kit_patience())), 1);
	ck_assert_int_eq(evtun_read(tun, data, sizeof(data)), (int)size);
	ck_assert_mem_eq(data, wanted, size);
}

void
arrivals_check_cut(struct arrivals *a, struct evtun *tun, unsigned index,
    size_t size)
{
	unsigned char wanted[ARRIVALS_SIZE];

	kit_fill(a->kind, wanted, index, sizeof(wanted));
	check_bytes(tun, wanted, size);
}

void
arrivals_check(struct arrivals *a, struct evtun *tun, unsigned index)
{
	arrivals_check_cut(a, tun, index, ARRIVALS_SIZE);
}

void
arrivals_check_to(struct arrivals *a, const ev_uint8_t to[6], unsigned index)
{
	unsigned char wanted[ARRIVALS_SIZE];

	kit_fill(a->kind, wanted, index, sizeof(wanted));
	memcpy(wanted, to, 6);
	check_bytes(a->tun, wanted, sizeof(wanted));
}

void
arrivals_check_none(struct evtun *tun)
{
	unsigned char data[2 * ARRIVALS_SIZE];

	ck_assert_int_eq(evtun_read(tun, data, sizeof(data)), 0);
}

long
arrivals_dropped(struct arrivals *a)
{
	static const char word[] = "\"dropped\":";
	char *text = ip_json("-s link show dev %s", a->name);
	char *tx = strstr(text, "\"tx\":");
	long n;

	ck_assert_ptr_nonnull(tx);
	tx = strstr(tx, word);
	ck_assert_ptr_nonnull(tx);
	n = strtol(tx + strlen(word), NULL, 10);
	free(text);
	return n;
}
