#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ip_json.h"
#include "kit.h"
#include "monitor_model.h"

static struct model_link *
find_link(const struct model *model, unsigned index)
{
	size_t i;

	for (i = 0; i < model->n; i++)
		if (model->links[i].index == index)
			return &model->links[i];
	return NULL;
}

static struct model_link *
add_link(struct model *model, const struct evtun_change *change)
{
	struct model_link *link;

	model->links = realloc(model->links,
	    (model->n + 1) * sizeof(*model->links));
	ck_assert_ptr_nonnull(model->links);
	link = &model->links[model->n++];
	memset(link, 0, sizeof(*link));
	link->index = change->index;
	link->mtu = -1;
	snprintf(link->name, sizeof(link->name), "%s", change->name);
	return link;
}

static void
free_addresses(struct model_link *link)
{
	size_t i;

	for (i = 0; i < link->n_addresses; i++)
		free(link->addresses[i]);
	free(link->addresses);
}

static void
remove_link(struct model *model, struct model_link *link)
{
	kit_check(!model->is_whole || link->n_addresses == 0,
	    "%s is gone, and has addresses", link->name);
	free_addresses(link);
	*link = model->links[--model->n];
}

/* Where it is, or would be. */
static size_t
find_address(const struct model_link *link, const char *text, int *found)
{
	size_t low = 0, high = link->n_addresses, mid;
	int order;

	*found = 0;
	while (low < high) {
		mid = (low + high) / 2;
		order = strcmp(text, link->addresses[mid]);
		*found |= order == 0;
		if (order > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
add_address(struct model_link *link, const char *text)
{
	int found;
	size_t at = find_address(link, text, &found);
	char **a;

	kit_check(!found, "%s is added twice", text);
	a = realloc(link->addresses, (link->n_addresses + 1) * sizeof(*a));
	ck_assert_ptr_nonnull(a);
	memmove(&a[at + 1], &a[at], (link->n_addresses - at) * sizeof(*a));
	a[at] = strdup(text);
	ck_assert_ptr_nonnull(a[at]);
	link->addresses = a;
	link->n_addresses++;
}

static void
remove_address(struct model *model, struct model_link *link, const char *text)
{
	int found;
	size_t at = find_address(link, text, &found);
	char **a = link->addresses;

	kit_check(found || !model->is_whole, "%s is removed twice", text);
	if (!found)
		return;
	free(a[at]);
	link->n_addresses--;
	memmove(&a[at], &a[at + 1], (link->n_addresses - at) * sizeof(*a));
}

static void
change_name(struct model_link *link, const struct evtun_change *change)
{
	ck_assert_str_ne(change->name, change->old_name);
	ck_assert_str_eq(link->name, change->old_name);
	snprintf(link->name, sizeof(link->name), "%s", change->name);
}

static void
change_value(struct model *model, struct model_link *link,
    const struct evtun_change *change)
{
	long *mtu = &link->mtu;
	int *bit = change->what == EVTUN_CHANGE_UP ? &link->up :
	    &link->carrier;
	int is_mtu = change->what == EVTUN_CHANGE_MTU;

	kit_check(!model->is_whole ||
	    (is_mtu ? *mtu : (long)*bit) != change->value,
	    "%s: change %d is to %ld twice", link->name, change->what,
	    change->value);
	kit_check(!is_mtu || !model->mtu_grows || *mtu < change->value,
	    "%s: the MTU is %ld, and before %ld", link->name, change->value,
	    *mtu);
	if (is_mtu)
		*mtu = change->value;
	else
		*bit = (int)change->value;
}

static void
apply_to(struct model *model, struct model_link *link,
    const struct evtun_change *change)
{
	char text[128];

	if (change->what == EVTUN_CHANGE_NAME)
		change_name(link, change);
	ck_assert_str_eq(link->name, change->name);
	if (change->address != NULL)
		snprintf(text, sizeof(text), "%s %s", change->address,
		    change->peer != NULL ? change->peer : "-");
	switch (change->what) {
	case EVTUN_CHANGE_GONE:
	case EVTUN_CHANGE_MOVED:
		remove_link(model, link);
		break;
	case EVTUN_CHANGE_ADDRESS_ADDED:
		add_address(link, text);
		break;
	case EVTUN_CHANGE_ADDRESS_REMOVED:
		remove_address(model, link, text);
		break;
	case EVTUN_CHANGE_UP:
	case EVTUN_CHANGE_CARRIER:
	case EVTUN_CHANGE_MTU:
		change_value(model, link, change);
		break;
	default:
		break;
	}
}

/* What there was before is not known, unless the model is whole. */
void
model_apply(struct model *model, const struct evtun_change *change)
{
	struct model_link *link = find_link(model, change->index);
	struct evtun_change before = *change;

	if (change->what == EVTUN_CHANGE_NEW) {
		kit_check(link == NULL, "%s is new, and was", change->name);
		add_link(model, change);
		return;
	}
	kit_check(link != NULL || !model->is_whole,
	    "%s: change %d of one that is not there", change->name,
	    change->what);
	if (link == NULL) {
		if (change->what == EVTUN_CHANGE_NAME)
			before.name = change->old_name;
		link = add_link(model, &before);
	}
	apply_to(model, link, change);
}

/* ---- as text ---- */

static int
by_index(const void *a, const void *b)
{
	const struct model_link *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

char *
model_print(struct model *model)
{
	const struct model_link *link;
	char *text = NULL;
	size_t size, i, j;
	FILE *f = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(f);
	if (model->n > 0)
		qsort(model->links, model->n, sizeof(*link), by_index);
	for (i = 0; i < model->n; i++) {
		link = &model->links[i];
		fprintf(f, "%u %s %s %s %ld\n", link->index, link->name,
		    link->up ? "up" : "down",
		    link->carrier ? "carrier" : "none", link->mtu);
		for (j = 0; j < link->n_addresses; j++)
			fprintf(f, "\t%s\n", link->addresses[j]);
	}
	fclose(f);
	return text;
}

void
model_clear(struct model *model)
{
	while (model->n > 0)
		free_addresses(&model->links[--model->n]);
	free(model->links);
	model->links = NULL;
}

/* ---- what is ---- */

/* The string or number after a key, in the first len bytes. */
static int
get(const char *text, size_t len, const char *key, char *out, size_t size)
{
	const char *at = memmem(text, len, key, strlen(key));

	if (at == NULL)
		return 0;
	at += strlen(key);
	at += *at == '"';
	snprintf(out, size, "%.*s", (int)strcspn(at, "\",}"), at);
	return 1;
}

/* Up to where the next one begins, or the end. */
static size_t
length_of(const char *text, const char *mark)
{
	const char *next = strstr(text + 1, mark);

	return next != NULL ? (size_t)(next - text) : strlen(text);
}

#define ADDRESS_MARK "{\"family\":\"inet"
#define LINK_MARK "{\"ifindex\":"
#define TUN_MARK "\"info_kind\":\"tun\""

static void
read_addresses(struct model_link *link, const char *text, size_t len)
{
	const char *at, *end = text + len;
	char local[64], peer[64], prefix[16], line[160];
	size_t n;

	for (at = strstr(text, ADDRESS_MARK); at != NULL && at < end;
	    at = strstr(at + 1, ADDRESS_MARK)) {
		n = length_of(at, "}");
		get(at, n, "\"local\":", local, sizeof(local));
		get(at, n, "\"prefixlen\":", prefix, sizeof(prefix));
		if (!get(at, n, "\"address\":", peer, sizeof(peer)))
			strcpy(peer, "-");
		snprintf(line, sizeof(line), "%s/%s %s", local, prefix, peer);
		add_address(link, line);
	}
}

static void
read_link(struct model_link *link, const char *text, size_t len)
{
	char word[256];
	const char *flags = strstr(text, "\"flags\":[");
	size_t n = flags != NULL ? strcspn(flags, "]") : 0;

	ck_assert_uint_gt(n, 0);
	memset(link, 0, sizeof(*link));
	get(text, len, LINK_MARK, word, sizeof(word));
	link->index = (unsigned)strtoul(word, NULL, 10);
	get(text, len, "\"ifname\":", link->name, sizeof(link->name));
	get(text, len, "\"mtu\":", word, sizeof(word));
	link->mtu = strtol(word, NULL, 10);
	link->up = memmem(flags, n, "\"UP\"", 4) != NULL;
	link->carrier = memmem(flags, n, "\"LOWER_UP\"", 10) != NULL;
	read_addresses(link, text, len);
}

void
model_ask_ip(struct model *model, int tun_only)
{
	char *text = ip_json("addr show"), *at;
	size_t n;

	memset(model, 0, sizeof(*model));
	for (at = strstr(text, LINK_MARK); at != NULL;
	    at = strstr(at + 1, LINK_MARK)) {
		n = length_of(at, LINK_MARK);
		if (tun_only && memmem(at, n, TUN_MARK, strlen(TUN_MARK)) ==
		    NULL)
			continue;
		model->links = realloc(model->links,
		    (model->n + 1) * sizeof(*model->links));
		ck_assert_ptr_nonnull(model->links);
		read_link(&model->links[model->n++], at, n);
	}
	free(text);
}
