/*
 * The dumper's printer: what it prints of good packets, and that nothing in a
 * bad one makes it read a byte that is not there.
 */
#include "kit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../samples/dump_print.h"
#include "dump_cases.h"

#define N_PRINTED ((int)(sizeof(printed) / sizeof(printed[0])))
#define MAX_PACKET 4096

/* More than any line of a packet of that size has. */
#define MAX_LINE 4096

static const int all_flags[] = {0, PRINT_ETHERNET,
    PRINT_ETHERNET | PRINT_LINK};

/* A place for packets that ends where memory does: to read on is SIGSEGV. */
static uint8_t *
make_edge(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *place;

	ck_assert_uint_ge(page, MAX_PACKET);
	place = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(place, MAP_FAILED);
	ck_assert_int_eq(mprotect(place + page, page, PROT_NONE), 0);
	return place + page;
}

/* A printer that prints to memory. */
struct paper {
	FILE *out;
	char *text;
	size_t size;
	struct printer *pr;
	uint8_t *edge;
};

static void
paper_open(struct paper *paper, int flags)
{
	setenv("TZ", "UTC", 1);
	tzset();
	memset(paper, 0, sizeof(*paper));
	paper->out = open_memstream(&paper->text, &paper->size);
	ck_assert_ptr_nonnull(paper->out);
	paper->pr = printer_new(paper->out, flags);
	ck_assert_ptr_nonnull(paper->pr);
	paper->edge = make_edge();
}

static void
paper_close(struct paper *paper)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	printer_free(paper->pr);
	fclose(paper->out);
	free(paper->text);
	munmap(paper->edge - page, 2 * page);
}

/* Return what is printed of a packet, without the time. */
static const char *
paper_print(struct paper *paper, const void *data, size_t have, size_t len)
{
	static const struct timeval when = {45296, 789};
	static const char prefix[] = "12:34:56.000789 ";
	uint8_t *place = paper->edge - have;

	if (have > 0)
		memcpy(place, data, have);
	rewind(paper->out);
	printer_packet(paper->pr, &when, place, have, len);
	fputc('\0', paper->out);
	if (fflush(paper->out) != 0 ||
	    strncmp(paper->text, prefix, strlen(prefix)) != 0)
		ck_abort_msg("without the time: %s", paper->text);
	return paper->text + strlen(prefix);
}

static size_t
from_hex(const char *hex, uint8_t *data)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = strlen(hex) / 2, i;

	if (n > MAX_PACKET)
		ck_abort_msg("%zu bytes of hex", n);
	for (i = 0; i < n; i++)
		data[i] = (uint8_t)(
		    (strchr(digits, hex[2 * i]) - digits) << 4 |
		    (strchr(digits, hex[2 * i + 1]) - digits));
	return n;
}

/* One line, of what a terminal can show, and not without end.  Check writes
 * something for every assertion that holds: there are none for those. */
static void
check_sane(const char *line)
{
	size_t n = strcspn(line, "\n"), i;

	if (n >= MAX_LINE || strcmp(line + n, "\n") != 0)
		ck_abort_msg("not one line: %s", line);
	for (i = 0; i < n; i++)
		if (line[i] < ' ' || line[i] > '~')
			ck_abort_msg("byte %#x in a line",
			    (unsigned)(unsigned char)line[i]);
}

START_TEST(test_line)
{
	const struct printed *p = &printed[_i];
	uint8_t data[MAX_PACKET];
	size_t n = from_hex(p->hex, data);
	struct paper paper;
	const char *line;

	paper_open(&paper, p->flags);
	line = paper_print(&paper, data, n, n);
	ck_assert_msg(strlen(line) == strlen(p->line) + 1 &&
	    strncmp(line, p->line, strlen(p->line)) == 0,
	    "%s: %s", p->name, line);
	check_sane(line);
	paper_close(&paper);
}
END_TEST

/* Every packet, cut after every byte: by whoever captured it, or for good. */
START_TEST(test_cut)
{
	const struct printed *p = &printed[_i];
	uint8_t data[MAX_PACKET];
	size_t n = from_hex(p->hex, data), have;
	struct paper paper;

	paper_open(&paper, p->flags);
	for (have = 0; have < n; have++) {
		check_sane(paper_print(&paper, data, have, n));
		check_sane(paper_print(&paper, data, have, have));
	}
	paper_close(&paper);
}
END_TEST

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Some bytes changed, and the end cut off or filled up. */
static size_t
mutate(uint8_t data[MAX_PACKET], size_t n, uint64_t *state)
{
	uint64_t changes = next_random(state) % 8;

	while (n > 0 && changes-- > 0) {
		uint64_t r = next_random(state);
		size_t at = (size_t)(r % (n < 80 ? n : 80));

		if (r & 1 << 20)
			data[at] = (uint8_t)(r >> 32);
		else
			data[at] ^= (uint8_t)(1u << (r >> 40) % 8);
	}
	if (next_random(state) % 4 == 0)
		return n - (size_t)(next_random(state) % (n + 1));
	return n;
}

START_TEST(test_mutated)
{
	uint64_t state = 88172645463325252u + (uint64_t)_i;
	int flags = all_flags[_i], round;
	uint8_t data[MAX_PACKET];
	struct paper paper;

	paper_open(&paper, flags);
	for (round = 0; round < 20000; round++) {
		const struct printed *p =
		    &printed[next_random(&state) % N_PRINTED];
		size_t n = from_hex(p->hex, data);

		n = mutate(data, n, &state);
		check_sane(paper_print(&paper, data, n,
		    n + (size_t)(next_random(&state) % 3)));
	}
	paper_close(&paper);
}
END_TEST

START_TEST(test_random)
{
	uint64_t state = 362436069u + (uint64_t)_i;
	uint8_t data[MAX_PACKET] = {0};
	struct paper paper;
	size_t n, i;
	int round;

	paper_open(&paper, all_flags[_i]);
	for (round = 0; round < 5000; round++) {
		n = (size_t)(next_random(&state) % 200);
		for (i = 0; i < n; i++)
			data[i] = (uint8_t)(next_random(&state) >> 24);
		if (n > 0 && !(all_flags[_i] & PRINT_ETHERNET))
			data[0] = round & 1 ? 0x45 : 0x60;
		check_sane(paper_print(&paper, data, n, n));
	}
	paper_close(&paper);
}
END_TEST

/* What each option prints of the same frame of 14 + 20 bytes. */
START_TEST(test_hex)
{
	static const struct {
		int flags;
		const char *text;
	} cases[] = {
		{PRINT_HEX,
		    "\t0x0000:  4500 0014 0007 0000 40fd 0000 0a00 0001\n"
		    "\t0x0010:  0a00 4102\n"},
		{PRINT_HEX | PRINT_ASCII,
		    "\t0x0000:  4500 0014 0007 0000 40fd 0000 0a00 0001"
		    "  E.......@.......\n"
		    "\t0x0010:  0a00 4102                              "
		    "  ..A.\n"},
		{PRINT_HEX | PRINT_HEX_LINK,
		    "\t0x0000:  0200 0000 0002 0200 0000 0001 0800 4500\n"
		    "\t0x0010:  0014 0007 0000 40fd 0000 0a00 0001 0a00\n"
		    "\t0x0020:  4102\n"}
	};
	uint8_t data[MAX_PACKET];
	size_t n = from_hex("0200000000020200000000010800"
	    "450000140007000040fd00000a0000010a004102", data);
	struct paper paper;
	const char *text;

	paper_open(&paper, cases[_i].flags | PRINT_ETHERNET);
	text = paper_print(&paper, data, n, n);
	ck_assert_ptr_nonnull(strchr(text, '\n'));
	ck_assert_str_eq(strchr(text, '\n') + 1, cases[_i].text);
	paper_close(&paper);
}
END_TEST

/* A TCP segment from one port to the other. */
static size_t
make_segment(uint8_t data[MAX_PACKET], int back, unsigned flags,
    uint32_t seq, uint32_t ack, size_t len)
{
	char hex[200];

	snprintf(hex, sizeof(hex), "4500%04zx0001000040060000%s%s%s%08lx%08lx"
	    "50%02x010000000000", 40 + len,
	    back ? "0a0000020a000001" : "0a0000010a000002",
	    back ? "0050" : "9c40", back ? "9c40" : "0050",
	    (unsigned long)seq, (unsigned long)ack, flags);
	memset(data, 0, MAX_PACKET);
	return from_hex(hex, data) + len;
}

/* Numbers are relative from the first segment on, in both directions, and
 * they wrap; a new connection begins anew. */
START_TEST(test_sequence_numbers)
{
	static const struct {
		int back;
		unsigned flags;
		uint32_t seq, ack;
		size_t len;
		const char *end;
	} segments[] = {
		{0, 0x02, 0xfffffff0, 0, 0,
		    "Flags [S], seq 4294967280, win 256, length 0\n"},
		{1, 0x12, 5000, 0xfffffff1, 0, "Flags [S.], seq 5000, "
		    "ack 4294967281, win 256, length 0\n"},
		{0, 0x10, 0xfffffff1, 5001, 0,
		    "Flags [.], ack 1, win 256, length 0\n"},
		{0, 0x18, 0xfffffff1, 5001, 100, "Flags [P.], seq 1:101, "
		    "ack 1, win 256, length 100\n"},
		{1, 0x18, 5001, 0x55, 10, "Flags [P.], seq 1:11, ack 101, "
		    "win 256, length 10\n"},
		{1, 0x11, 5011, 0x55, 0, "Flags [F.], seq 11, ack 101, "
		    "win 256, length 0\n"},
		{0, 0x02, 77, 0, 0, "Flags [S], seq 77, win 256, length 0\n"},
		{0, 0x10, 78, 5001, 0, "Flags [.], ack 5002, win 256, "
		    "length 0\n"}
	};
	uint8_t data[MAX_PACKET];
	struct paper paper;
	const char *line;
	size_t i, n;

	paper_open(&paper, 0);
	for (i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		n = make_segment(data, segments[i].back, segments[i].flags,
		    segments[i].seq, segments[i].ack, segments[i].len);
		line = paper_print(&paper, data, n, n);
		ck_assert_ptr_nonnull(strstr(line, "Flags"));
		ck_assert_str_eq(strstr(line, "Flags"), segments[i].end);
	}
	paper_close(&paper);
}
END_TEST

int
main(void)
{
	kit_suite("dump_print");
	kit_case("lines", 0);
	kit_loop(test_line, 0, N_PRINTED);
	kit_loop(test_hex, 0, 3);
	kit_test(test_sequence_numbers);
	kit_case("hostile", 0);
	kit_loop(test_cut, 0, N_PRINTED);
	kit_loop(test_mutated, 0, 3);
	kit_loop(test_random, 0, 3);
	return kit_run();
}
