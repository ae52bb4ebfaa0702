#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "monitor/monitor-internal.h"

#define BUCKETS_MIN 16

int
evtun_table_init_(struct evtun_table *table)
{
	memset(table, 0, sizeof(*table));
	table->buckets = calloc(BUCKETS_MIN, sizeof(*table->buckets));
	if (table->buckets == NULL)
		return -1;
	table->n_buckets = BUCKETS_MIN;
	return 0;
}

void
evtun_table_free_(struct evtun_table *table)
{
	struct evtun_node *node, *next;

	for (node = table->first; node != NULL; node = next) {
		next = node->next;
		free(node);
	}
	free(table->buckets);
}

static struct evtun_bucket *
get_bucket(const struct evtun_table *table, ev_uint32_t hash)
{
	return &table->buckets[hash & (table->n_buckets - 1)];
}

struct evtun_node *
evtun_table_find_(const struct evtun_table *table, ev_uint32_t hash)
{
	return get_bucket(table, hash)->first;
}

static void
put_in_bucket(struct evtun_table *table, struct evtun_node *node)
{
	struct evtun_bucket *bucket = get_bucket(table, node->hash);

	node->chain = bucket->first;
	bucket->first = node;
}

/* Without memory for more buckets the chains get longer: that is all. */
static void
grow(struct evtun_table *table)
{
	size_t n = table->n_buckets * 2;
	struct evtun_bucket *buckets = calloc(n, sizeof(*buckets));
	struct evtun_node *node;

	if (buckets == NULL)
		return;
	free(table->buckets);
	table->buckets = buckets;
	table->n_buckets = n;
	for (node = table->first; node != NULL; node = node->next)
		put_in_bucket(table, node);
}

void
evtun_table_add_(struct evtun_table *table, struct evtun_node *node,
    ev_uint32_t hash)
{
	if (table->n >= table->n_buckets)
		grow(table);
	node->hash = hash;
	node->next = NULL;
	node->prev = table->last;
	if (table->last != NULL)
		table->last->next = node;
	else
		table->first = node;
	table->last = node;
	table->n++;
	put_in_bucket(table, node);
}

void
evtun_table_remove_(struct evtun_table *table, struct evtun_node *node)
{
	struct evtun_node **at = &get_bucket(table, node->hash)->first;

	while (*at != node)
		at = &(*at)->chain;
	*at = node->chain;
	if (node->prev != NULL)
		node->prev->next = node->next;
	else
		table->first = node->next;
	if (node->next != NULL)
		node->next->prev = node->prev;
	else
		table->last = node->prev;
	table->n--;
}
