/*
 * The dumper's savefiles and filter expressions.
 */
#include "dump_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any packet has. */
#define SNAPLEN 262144

int
capture_open_device(struct capture *cap, int tap)
{
	cap->pcap = pcap_open_dead(tap ? DLT_EN10MB : DLT_RAW, SNAPLEN);
	if (cap->pcap == NULL)
		fputs("dump: out of memory\n", stderr);
	return cap->pcap == NULL ? -1 : 0;
}

int
capture_open_file(struct capture *cap, const char *file)
{
	char error[PCAP_ERRBUF_SIZE];
	int type;

	cap->pcap = pcap_open_offline(file, error);
	if (cap->pcap == NULL) {
		fprintf(stderr, "dump: %s\n", error);
		return -1;
	}
	type = pcap_datalink(cap->pcap);
	if (type != DLT_RAW && type != DLT_EN10MB) {
		fprintf(stderr, "dump: %s: neither IP packets nor Ethernet "
		    "frames, but link type %d\n", file, type);
		return -1;
	}
	return 0;
}

int
capture_is_ethernet(const struct capture *cap)
{
	return pcap_datalink(cap->pcap) == DLT_EN10MB;
}

/* Return the words with a space after each, or NULL. */
static char *
join(char **words, int n)
{
	size_t size = 1;
	char *all, *end;
	int i;

	for (i = 0; i < n; i++)
		size += strlen(words[i]) + 1;
	end = all = malloc(size);
	if (all == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		end += sprintf(end, "%s ", words[i]);
	*end = '\0';
	return all;
}

int
capture_set_filter(struct capture *cap, char **words, int n)
{
	char *expression = join(words, n);

	if (expression == NULL || pcap_compile(cap->pcap, &cap->filter,
	    expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		fprintf(stderr, "dump: filter: %s\n", expression == NULL ?
		    "out of memory" : pcap_geterr(cap->pcap));
		free(expression);
		return -1;
	}
	free(expression);
	cap->filtered = 1;
	return 0;
}

int
capture_create(struct capture *cap, const char *file)
{
	cap->savefile = pcap_dump_open(cap->pcap, file);
	if (cap->savefile == NULL) {
		fprintf(stderr, "dump: %s\n", pcap_geterr(cap->pcap));
		return -1;
	}
	return 0;
}

int
capture_matches(const struct capture *cap, const struct pcap_pkthdr *header,
    const u_char *data)
{
	return !cap->filtered ||
	    pcap_offline_filter(&cap->filter, header, data) != 0;
}

void
capture_close(struct capture *cap)
{
	if (cap->savefile != NULL)
		pcap_dump_close(cap->savefile);
	if (cap->filtered)
		pcap_freecode(&cap->filter);
	if (cap->pcap != NULL)
		pcap_close(cap->pcap);
}
