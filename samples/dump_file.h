#ifndef DUMP_FILE_H_INCLUDED_
#define DUMP_FILE_H_INCLUDED_
/*
 * Savefiles and filter expressions: libpcap does the work.
 *
 * Functions return 0, or -1 after having said why on stderr.
 */
#include <pcap/pcap.h>

struct capture {
	pcap_t *pcap;		/* says what packets are; may read them */
	pcap_dumper_t *savefile;	/* to write to, or NULL */
	struct bpf_program filter;
	int filtered;		/* there is a filter */
};

/* Packets come from a device. */
int capture_open_device(struct capture *cap, int tap);

/* Packets come from a savefile; "-" is the standard input. */
int capture_open_file(struct capture *cap, const char *file);

/* Return whether packets are Ethernet frames. */
int capture_is_ethernet(const struct capture *cap);

/* Take only packets that match the n words of an expression. */
int capture_set_filter(struct capture *cap, char **words, int n);

/* Write to a savefile; "-" is the standard output. */
int capture_create(struct capture *cap, const char *file);

/* Return whether a packet matches the filter. */
int capture_matches(const struct capture *cap,
    const struct pcap_pkthdr *header, const u_char *data);

void capture_close(struct capture *cap);

#endif /* DUMP_FILE_H_INCLUDED_ */
