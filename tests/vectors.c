#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "vectors.h"

/* Fields of the longest line. */
#define FIELDS_MAX 6

void *
vectors_alloc(size_t len)
{
	void *p = malloc(len > 0 ? len : 1);

	kit_check(p != NULL, "no memory");
	return p;
}

void *
vectors_copy(const void *data, size_t len)
{
	void *p = vectors_alloc(len);

	if (len > 0)
		memcpy(p, data, len);
	return p;
}

static unsigned
digit(char c, const char *name)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	kit_check(c != '\0' && at != NULL, "%s: \"%c\" is not hex", name, c);
	return (unsigned)(at - digits);
}

static struct evbuffer_iovec
decode(const char *hex, const char *name)
{
	struct evbuffer_iovec vec;
	unsigned char *p;
	size_t i, len = strlen(hex);

	kit_check(len % 2 == 0, "%s: half a byte", name);
	vec.iov_len = len / 2;
	vec.iov_base = p = vectors_alloc(vec.iov_len);
	for (i = 0; i < vec.iov_len; i++)
		p[i] = (unsigned char)(digit(hex[2 * i], name) << 4 |
		    digit(hex[2 * i + 1], name));
	return vec;
}

static ev_uint16_t
get_le16(const unsigned char *p)
{
	return (ev_uint16_t)(p[0] | p[1] << 8);
}

static void
parse_header(struct vector *v, const unsigned char *p, size_t len)
{
	memset(&v->hdr, 0, sizeof(v->hdr));
	v->cut = len < VECTORS_HEADER;
	if (v->cut)
		return;
	v->hdr.flags = p[0];
	v->hdr.gso_type = p[1];
	v->hdr.hdr_len = get_le16(p + 2);
	v->hdr.gso_size = get_le16(p + 4);
	v->hdr.csum_start = get_le16(p + 6);
	v->hdr.csum_offset = get_le16(p + 8);
}

/* A whole frame: its description, and then the packet. */
static void
parse_frame(struct vector *v, const char *hex)
{
	struct evbuffer_iovec all = decode(hex, v->name);
	unsigned char *p = all.iov_base;

	parse_header(v, p, all.iov_len);
	if (v->cut) {
		v->packet = all;
		return;
	}
	v->packet.iov_len = all.iov_len - VECTORS_HEADER;
	v->packet.iov_base = vectors_copy(p + VECTORS_HEADER,
	    v->packet.iov_len);
	free(p);
}

static void
parse_packets(struct vector *v, char *field)
{
	char *hex, *rest = field;
	int n = 1;

	for (hex = field; *hex != '\0'; hex++)
		n += *hex == ',';
	v->pkts = vectors_alloc((size_t)n * sizeof(*v->pkts));
	while ((hex = strsep(&rest, ",")) != NULL)
		v->pkts[v->n_pkts++] = decode(hex, v->name);
}

static void
parse_groups(struct vector *v, const char *field)
{
	char *end;
	int n = 0, group = 0;

	v->order = vectors_alloc((size_t)v->n_pkts * sizeof(*v->order));
	v->group = vectors_alloc((size_t)v->n_pkts * sizeof(*v->group));
	for (;; field = end + 1) {
		kit_check(n < v->n_pkts, "%s: groups of more", v->name);
		v->order[n] = (int)strtol(field, &end, 10);
		v->group[n++] = group;
		if (*end == '\0')
			break;
		kit_check(end != field && (*end == ' ' || *end == ';'),
		    "%s: groups at \"%s\"", v->name, field);
		group += *end == ';';
	}
	kit_check(n == v->n_pkts, "%s: groups of fewer", v->name);
}

static void
parse_line(struct vector *v, char **field, int n)
{
	static const int fields[] = { ['S'] = 5, ['K'] = 5, ['M'] = 4,
	    ['G'] = 6 };

	memset(v, 0, sizeof(*v));
	v->kind = field[0][0];
	kit_check(n == fields[(int)v->kind], "%c: %d fields", v->kind, n);
	v->name = vectors_copy(field[1], strlen(field[1]) + 1);
	if (v->kind == 'M') {
		parse_frame(v, field[2]);
		v->why = vectors_copy(field[3], strlen(field[3]) + 1);
	} else if (v->kind == 'G') {
		v->udp = strcmp(field[2], "1") == 0;
		v->why = vectors_copy(field[3], strlen(field[3]) + 1);
		parse_packets(v, field[4]);
		parse_groups(v, field[5]);
	} else {
		struct evbuffer_iovec hdr = decode(field[2], v->name);

		kit_check(hdr.iov_len == VECTORS_HEADER, "%s: the length "
		    "of its description", v->name);
		parse_header(v, hdr.iov_base, hdr.iov_len);
		free(hdr.iov_base);
		v->packet = decode(field[3], v->name);
		parse_packets(v, field[4]);
	}
}

static FILE *
open_vectors(void)
{
	const char *srcdir = getenv("top_srcdir");
	const char *name = getenv("EVTUN_VECTORS");
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/offload.txt",
	    srcdir != NULL ? srcdir : ".");
	if (name == NULL)
		name = path;
	f = fopen(name, "re");
	kit_check(f != NULL, "%s: %s", name, strerror(errno));
	return f;
}

struct vector *
vectors_read(char kind, int *n)
{
	struct vector *v = NULL;
	char *line = NULL, *rest, *field[FIELDS_MAX + 1];
	size_t size = 0;
	int fields;
	FILE *f = open_vectors();

	*n = 0;
	while (getline(&line, &size, f) > 0) {
		if (line[0] != kind || line[1] != '|')
			continue;
		line[strcspn(line, "\n")] = '\0';
		rest = line;
		fields = 0;
		while (fields <= FIELDS_MAX &&
		    (field[fields] = strsep(&rest, "|")) != NULL)
			fields++;
		v = realloc(v, (size_t)(*n + 1) * sizeof(*v));
		kit_check(v != NULL, "no memory");
		parse_line(&v[(*n)++], field, fields);
	}
	kit_check(*n > 0, "no vectors of kind %c", kind);
	free(line);
	fclose(f);
	return v;
}

void
vectors_free(struct vector *v, int n)
{
	int i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < v[i].n_pkts; j++)
			free(v[i].pkts[j].iov_base);
		free(v[i].pkts);
		free(v[i].packet.iov_base);
		free(v[i].order);
		free(v[i].group);
		free(v[i].why);
		free(v[i].name);
	}
	free(v);
}

void
vectors_compare(const char *name, int index,
    const struct evbuffer_iovec *wanted, const void *data, size_t len)
{
	const unsigned char *want = wanted->iov_base, *got = data;
	size_t i;

	kit_check(len == wanted->iov_len, "%s: packet %d has %zu bytes, not "
	    "%zu", name, index, len, wanted->iov_len);
	for (i = 0; i < len; i++)
		kit_check(got[i] == want[i], "%s: packet %d: byte %zu is "
		    "%02x, not %02x", name, index, i, got[i], want[i]);
}
