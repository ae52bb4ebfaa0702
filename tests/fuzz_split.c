/*
 * For libFuzzer: any description and any frame, split or completed.
 *
 *	clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib \
 *	    -Ibuild -o fuzz_split tests/fuzz_split.c lib/offload/frame.c \
 *	    lib/offload/split.c lib/offload/checksum*.c
 *
 * The input is a byte, 1 if an Ethernet header comes first; the description,
 * 14 bytes; and the frame.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "offload/offload-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Copies of their exact size, so that a sanitizer sees a byte too many. */
static unsigned char *
copy_of(const uint8_t *data, size_t len)
{
	unsigned char *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* The payload comes out as it went in. */
static void
split_all(struct offload_split_ *split, const unsigned char *frame, size_t len)
{
	size_t at = split->payload, headers = split->payload, n;
	unsigned char *out;

	while (!offload_is_done_(split)) {
		out = malloc(offload_next_max_(split));
		if (out == NULL)
			abort();
		n = offload_next_(split, out);
		if (n < headers || n - headers > len - at ||
		    memcmp(out + headers, frame + at, n - headers) != 0)
			abort();
		at += n - headers;
		free(out);
	}
	if (at != len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct offload_split_ split;
	struct evtun_offload hdr;
	unsigned char *frame;
	int ethernet;

	if (size < 1 + sizeof(hdr))
		return 0;
	ethernet = data[0] & 1;
	memcpy(&hdr, data + 1, sizeof(hdr));
	size -= 1 + sizeof(hdr);
	frame = copy_of(data + 1 + sizeof(hdr), size);
	if (hdr.gso_type == EVTUN_OFFLOAD_NONE)
		offload_complete_(&hdr, frame, size);
	else if (offload_begin_(&split, &hdr, frame, size, ethernet) ==
	    OFFLOAD_GOOD_)
		split_all(&split, frame, size);
	free(frame);
	return 0;
}
