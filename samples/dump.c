/*
 * A packet dumper.  It shows how to make a TUN or TAP device, or to adopt
 * one, to give it addresses, to read its packets, to end on a signal or when
 * the device is gone, and to tell what was lost:
 *
 *	dump -i tun0 -a 10.9.0.1/24 &
 *	ping -c 1 10.9.0.2
 *
 * What the system sends into the device comes out here, a line per packet.
 * dump_print.c prints them; dump_file.c has libpcap write savefiles and
 * compile filter expressions; dump_options.c reads the command line.
 */
#include "dump_file.h"
#include "dump_options.h"
#include "dump_print.h"

#include <errno.h>
#include <event2/event.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <ifaddrs.h>
#include <linux/if_link.h>
#endif

#define MAX_BATCH 64

struct dumper {
	struct options opt;
	struct capture capture;
	struct printer *printer;
	struct evtun *tun;
	struct event_base *base;
	struct packetevent *pev;
	struct event *signals[2];
	long captured;
	long filtered;
	unsigned drops_before;	/* what the kernel had dropped already */
	int status;
};

/* Count in *drops the packets that the kernel has dropped because they were
 * not read in time.  Return -1 if it does not tell. */
static int
kernel_drops(struct evtun *tun, unsigned *drops)
{
	int found = -1;
#ifdef __linux__
	const char *name = evtun_get_name(tun);
	struct ifaddrs *all = NULL, *i;

	/* Here, that name may be another one's: then there is no index. */
	if (evtun_get_index(tun) == 0 || getifaddrs(&all) != 0)
		return -1;
	for (i = all; i != NULL; i = i->ifa_next) {
		const struct rtnl_link_stats *stats = i->ifa_data;

		/* Addresses have none, interfaces without one do. */
		if (stats == NULL || strcmp(i->ifa_name, name) != 0)
			continue;
		*drops = stats->tx_dropped;
		found = 0;
	}
	freeifaddrs(all);
#else
	(void)tun;
	(void)drops;
#endif
	return found;
}

static void
print_count(unsigned long long n, const char *what)
{
	fprintf(stderr, "%llu packet%s %s\n", n, n == 1 ? "" : "s", what);
}

static void
print_totals(struct dumper *d)
{
	unsigned drops;

	print_count((unsigned long long)d->captured, "captured");
	print_count((unsigned long long)d->filtered, "filtered out");
	if (d->pev == NULL)
		return;
	print_count(packetevent_get_count(d->pev, PEV_COUNT_READ_DROPPED),
	    "dropped: too large");
	print_count(packetevent_get_count(d->pev, PEV_COUNT_READ_REFUSED),
	    "dropped: malformed");
	if (kernel_drops(d->tun, &drops) == 0)
		print_count(drops - d->drops_before, "dropped by the kernel");
}

/* Take one packet, from wherever it comes. */
static void
take(struct dumper *d, const struct pcap_pkthdr *header, const u_char *data)
{
	if (!capture_matches(&d->capture, header, data)) {
		d->filtered++;
		return;
	}
	d->captured++;
	if (d->capture.savefile != NULL)
		pcap_dump((u_char *)d->capture.savefile, header, data);
	if (d->opt.print)
		printer_packet(d->printer, &header->ts, data, header->caplen,
		    header->len);
}

/* Hand on what was taken, so that readers see packets as they come.  Return
 * -1 if that is no longer possible; a reader who had enough is no error. */
static int
flush(struct dumper *d)
{
	if ((d->capture.savefile == NULL ||
	    pcap_dump_flush(d->capture.savefile) == 0) && fflush(stdout) == 0)
		return 0;
	if (errno != EPIPE) {
		fprintf(stderr, "dump: write: %s\n", strerror(errno));
		d->status = EXIT_ERROR;
	}
	return -1;
}

/* Ask for no more packets than -c has left, so that none is read in vain. */
static int
set_batch(struct dumper *d)
{
	long left = d->opt.count - d->captured;

	return packetevent_set_max_batch(d->pev,
	    d->opt.count == 0 || left > MAX_BATCH ? MAX_BATCH : (int)left);
}

static void
read_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct pcap_pkthdr header = {0};
	struct dumper *d = ctx;
	int i;

	(void)pev;
	/* Not the cached time: packets may have come later than the loop's
	 * turn began. */
	evutil_gettimeofday(&header.ts, NULL);
	for (i = 0; i < n_pkts; i++) {
		header.caplen = header.len = (bpf_u_int32)pkts[i].iov_len;
		take(d, &header, pkts[i].iov_base);
	}
	if (flush(d) != 0 ||
	    (d->opt.count > 0 && d->captured >= d->opt.count))
		event_base_loopbreak(d->base);
	else
		set_batch(d);
}

/* An adopted device need not tell its name. */
static const char *
device_name(struct dumper *d)
{
	const char *name = evtun_get_name(d->tun);

	return name[0] != '\0' ? name : "the inherited device";
}

static void
event_cb(struct packetevent *pev, short what, void *ctx)
{
	struct dumper *d = ctx;

	(void)pev;
	if (!(what & (PEV_EVENT_ERROR | PEV_EVENT_EOF)))
		return;
	fprintf(stderr, "dump: %s: %s\n", device_name(d), evtun_get_error());
	d->status = EXIT_ERROR;
	event_base_loopbreak(d->base);
}

static void
signal_cb(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

/* Give the interface the addresses: "ADDR/LEN" or "ADDR/LEN,PEER". */
static int
add_addresses(struct dumper *d)
{
	int i;

	for (i = 0; i < d->opt.n_addresses; i++) {
		char *address = d->opt.addresses[i];
		char *peer = strchr(address, ',');

		if (peer != NULL)
			*peer++ = '\0';
		if (evtun_add_address(d->tun, address, peer) != 0)
			return -1;
	}
	return 0;
}

static int
open_device(struct dumper *d)
{
	int options = d->opt.tap ? EVTUN_OPT_TAP : 0;

	d->tun = d->opt.fd == -1 ? evtun_new(d->opt.name, options) :
	    evtun_new_fd(d->opt.fd, options);
	if (d->tun == NULL ||
	    (d->opt.mtu > 0 && evtun_set_mtu(d->tun, d->opt.mtu) != 0) ||
	    add_addresses(d) != 0 ||
	    (d->opt.up && evtun_set_up(d->tun, 1) != 0)) {
		fprintf(stderr, "dump: %s\n", evtun_get_error());
		return -1;
	}
	(void)kernel_drops(d->tun, &d->drops_before);
	return 0;
}

/* Only when there are packets to come: it may be there already. */
static int
create_savefile(struct dumper *d)
{
	if (d->opt.write_file == NULL)
		return 0;
	return capture_create(&d->capture, d->opt.write_file);
}

static int
start_loop(struct dumper *d)
{
	static const int numbers[2] = {SIGINT, SIGTERM};
	int i = 0;

	d->base = event_base_new();
	for (; d->base != NULL && i < 2; i++) {
		d->signals[i] = evsignal_new(d->base, numbers[i], signal_cb,
		    d->base);
		if (d->signals[i] == NULL || event_add(d->signals[i], NULL))
			break;
	}
	if (i == 2)
		return 0;
	fputs("dump: cannot make an event base\n", stderr);
	return -1;
}

static int
start_reading(struct dumper *d)
{
	d->pev = packetevent_tun_new(d->base, d->tun, 0);
	if (d->pev != NULL) {
		packetevent_setcb(d->pev, read_cb, NULL, event_cb, d);
		if (set_batch(d) == 0 &&
		    packetevent_enable(d->pev, EV_READ) == 0)
			return 0;
	}
	fprintf(stderr, "dump: %s\n", evtun_get_error());
	return -1;
}

static void
dump_device(struct dumper *d)
{
	d->status = EXIT_ERROR;
	if (start_loop(d) != 0 || open_device(d) != 0 ||
	    create_savefile(d) != 0 || start_reading(d) != 0)
		return;
	d->status = EXIT_GOOD;
	fprintf(stderr, "dump: listening on %s\n", device_name(d));
	if (flush(d) == 0)
		event_base_dispatch(d->base);
	if (!ferror(stdout))
		print_totals(d);
}

static void
dump_savefile(struct dumper *d)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int got = 1;

	if (create_savefile(d) != 0) {
		d->status = EXIT_ERROR;
		return;
	}
	while (got == 1 && !ferror(stdout) &&
	    (d->opt.count == 0 || d->captured < d->opt.count)) {
		got = pcap_next_ex(d->capture.pcap, &header, &data);
		if (got == 1)
			take(d, header, data);
	}
	if (got == PCAP_ERROR) {
		fprintf(stderr, "dump: %s\n", pcap_geterr(d->capture.pcap));
		d->status = EXIT_ERROR;
	}
	flush(d);
}

/* What can be wrong before anything has happened. */
static int
prepare(struct dumper *d, char **words, int n_words)
{
	int flags = d->opt.flags;

	if ((d->opt.read_file != NULL ?
	    capture_open_file(&d->capture, d->opt.read_file) :
	    capture_open_device(&d->capture, d->opt.tap)) != 0)
		return EXIT_ERROR;
	if (n_words > 0 && capture_set_filter(&d->capture, words, n_words))
		return EXIT_USAGE;
	if (capture_is_ethernet(&d->capture))
		flags |= PRINT_ETHERNET;
	d->printer = printer_new(stdout, flags);
	if (d->printer == NULL) {
		fputs("dump: out of memory\n", stderr);
		return EXIT_ERROR;
	}
	return EXIT_GOOD;
}

static void
clean_up(struct dumper *d)
{
	int i;

	if (d->pev != NULL)
		packetevent_free(d->pev);
	evtun_free(d->tun);
	for (i = 0; i < 2; i++)
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	if (d->base != NULL)
		event_base_free(d->base);
	printer_free(d->printer);
	capture_close(&d->capture);
	libevent_global_shutdown();
}

int
main(int argc, char **argv)
{
	struct dumper d = {0};
	int words = options_parse(&d.opt, argc, argv);

	/* A reader that goes away shows as EPIPE. */
	signal(SIGPIPE, SIG_IGN);
	d.status = prepare(&d, argv + words, argc - words);
	if (d.status == EXIT_GOOD && d.opt.read_file != NULL)
		dump_savefile(&d);
	else if (d.status == EXIT_GOOD)
		dump_device(&d);
	clean_up(&d);
	return d.status;
}
