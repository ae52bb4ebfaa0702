/*
 * Programs of libpcap's before a TAP device, as the header shows it.
 */
#include "config.h"

#include <sys/socket.h>

#include <pcap/pcap.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "evtun/linux.h"
#include "kit.h"

#define TYPE 12

static void
set_filter(struct evtun *tun, const char *expression)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program prog;

	ck_assert_ptr_nonnull(pcap);
	ck_assert_msg(pcap_compile(pcap, &prog, expression, 1,
	    PCAP_NETMASK_UNKNOWN) == 0, "%s", pcap_geterr(pcap));
	kit_ok(evtun_linux_set_filter(tun, prog.bf_insns, prog.bf_len));
	pcap_freecode(&prog);
	pcap_close(pcap);
}

/* A frame of this EtherType, for IP the first bytes of a header, with that
 * protocol and a port. */
static void
fill(unsigned char *frame, size_t size, unsigned type, int protocol)
{
	kit_fill(KIT_TAP, frame, type, size);
	frame[TYPE] = (unsigned char)(type >> 8);
	frame[TYPE + 1] = (unsigned char)type;
	if (type != 0x0800)
		return;
	memset(frame + 14, 0, 24);
	frame[14] = 0x45;
	frame[14 + 9] = (unsigned char)protocol;
	frame[14 + 20 + 3] = 53;
}

static const struct {
	unsigned type;
	int protocol;
} frames[] = {
	{ 0x0806, 0 }, { 0x86dd, 0 }, { 0x0800, 17 }, { 0x0800, 6 },
	{ 0x88b5, 0 }
};
#define N_FRAMES 5

/* A bit for each of those that pass. */
static const struct {
	const char *expression;
	unsigned pass;
} filters[] = {
	{ "arp or ip6", 0x03 },
	{ "udp port 53", 0x04 },
	{ "ip and not udp", 0x08 },
	{ "ether dst 02:00:00:00:00:02", 0x1f },
	{ "ether dst 02:00:00:00:00:03", 0x00 },
	{ "", 0x1f },
};

START_TEST(test_pcap)
{
	unsigned char out[100], in[200];
	unsigned i, dropped = 0;
	struct arrivals a;

	arrivals_begin(&a, KIT_TAP, 0);
	set_filter(a.tun, filters[_i].expression);
	for (i = 0; i < N_FRAMES; i++) {
		fill(out, sizeof(out), frames[i].type, frames[i].protocol);
		ck_assert_int_eq(send(a.sock, out, sizeof(out), 0),
		    sizeof(out));
		if (!(filters[_i].pass & 1u << i)) {
			dropped++;
			continue;
		}
		ck_assert_int_eq(evtun_read(a.tun, in, sizeof(in)),
		    sizeof(out));
		ck_assert_mem_eq(in, out, sizeof(out));
	}
	arrivals_check_none(a.tun);
	ck_assert_int_eq(arrivals_dropped(&a), dropped);
	arrivals_end(&a);
}
END_TEST

int
main(void)
{
	kit_suite("linux_pcap");
	kit_case("expressions", KIT_NEEDS_TUN);
	kit_loop(test_pcap, 0, 6);
	return kit_run();
}
