/*
 * The rows of the table, and their measurement.
 *
 * All entrants of a load have one measurement in every turn, and each turn
 * begins with another of them, so that a machine that does something else for
 * a while, or becomes slower, does it to all.  A ratio is one of two
 * measurements of the same turn; the table has the median of them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum id {
	TCP_BARE, TCP_LARGE, TCP_PEV, TCP_SPLIT, TCP_THROUGH,
	UDP_BARE, UDP_PEV, UDP_OFFLOAD,
	IN_BARE, IN_LARGE, IN_PEV, IN_SPLIT,
	OUT_BARE, OUT_PEV, OUT_JOINED,
	LATENCY_BARE, LATENCY_PEV, LATENCY_OFFLOAD,
	IDLE_BARE, IDLE_PEV,
	MEMORY_PEV, MEMORY_OFFLOAD,
	BARE_1, PEV_1, BARE_100, PEV_100, BARE_1000, PEV_1000,
	N_ENTRANTS
};

static const struct entrant entrants[N_ENTRANTS] = {
	[TCP_BARE] = {&load_tcp, BARE, reference_forward, 0},
	[TCP_LARGE] = {&load_tcp, BARE_LARGE, reference_forward, 0},
	[TCP_PEV] = {&load_tcp, PLAIN, library_forward, 0},
	[TCP_SPLIT] = {&load_tcp, OFFLOAD, library_split, 0},
	[TCP_THROUGH] = {&load_tcp, OFFLOAD, library_forward, 0},
	[UDP_BARE] = {&load_udp, BARE, reference_forward, 0},
	[UDP_PEV] = {&load_udp, PLAIN, library_forward, 0},
	[UDP_OFFLOAD] = {&load_udp, OFFLOAD, library_forward, 0},
	[IN_BARE] = {&load_in, BARE, reference_read, 0},
	[IN_LARGE] = {&load_in, BARE_LARGE, reference_read_large, 0},
	[IN_PEV] = {&load_in, PLAIN, library_read, 0},
	[IN_SPLIT] = {&load_in, OFFLOAD, library_read, 0},
	[OUT_BARE] = {&load_out, BARE, reference_write, 0},
	[OUT_PEV] = {&load_out, PLAIN, library_write, 0},
	[OUT_JOINED] = {&load_out, OFFLOAD, library_write, 0},
	[LATENCY_BARE] = {&load_latency, BARE, reference_forward, 0},
	[LATENCY_PEV] = {&load_latency, PLAIN, library_forward, 0},
	[LATENCY_OFFLOAD] = {&load_latency, OFFLOAD, library_forward, 0},
	[IDLE_BARE] = {&load_idle, BARE, reference_forward, 0},
	[IDLE_PEV] = {&load_idle, PLAIN, library_forward, 0},
	[MEMORY_PEV] = {&load_memory, PLAIN, memory_run_library, 20},
	[MEMORY_OFFLOAD] = {&load_memory, OFFLOAD, memory_run_offload, 20},
	[BARE_1] = {&load_devices, BARE, farm_run_bare, 1},
	[PEV_1] = {&load_devices, PLAIN, farm_run_library, 1},
	[BARE_100] = {&load_devices, BARE, farm_run_bare, 100},
	[PEV_100] = {&load_devices, PLAIN, farm_run_library, 100},
	[BARE_1000] = {&load_devices, BARE, farm_run_bare, 1000},
	[PEV_1000] = {&load_devices, PLAIN, farm_run_library, 1000}
};

#define E(id) (&entrants[id])
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* The goals are ratios, at least so much, or at most where AT_MOST says so;
 * and processor time, absolute or as a ratio. */
enum { AT_LEAST, AT_MOST };

static const struct row rows[] = {
	{"tcp-plain", "no offload", E(TCP_PEV), E(TCP_BARE),
	    1.25, AT_LEAST, 0, 0},
	{"tcp-split", "split and joined", E(TCP_SPLIT), E(TCP_BARE),
	    0, AT_LEAST, 0, 0},
	{"tcp-split-through", "  beside handed through", E(TCP_SPLIT),
	    E(TCP_THROUGH), 0.95, AT_LEAST, 0.55, 0},
	{"tcp-through", "handed through", E(TCP_THROUGH), E(TCP_BARE),
	    0, AT_LEAST, 0, 0},
	{"tcp-through-large", "  beside bare, large", E(TCP_THROUGH),
	    E(TCP_LARGE), 1.0, AT_LEAST, 0, 1.0},
	{"udp-plain", "no offload", E(UDP_PEV), E(UDP_BARE),
	    0, AT_LEAST, 0, 0},
	{"udp-offload", "offload", E(UDP_OFFLOAD), E(UDP_BARE),
	    0, AT_LEAST, 0, 0},
	{"in-single", "single", E(IN_PEV), E(IN_BARE),
	    1.30, AT_LEAST, 0, 0},
	{"in-split", "sent in batches, split", E(IN_SPLIT), E(IN_BARE),
	    0, AT_LEAST, 0, 0},
	{"in-split-large", "  beside bare, large", E(IN_SPLIT), E(IN_LARGE),
	    0.95, AT_LEAST, 0, 0},
	{"out-single", "single", E(OUT_PEV), E(OUT_BARE),
	    1.30, AT_LEAST, 0, 0},
	{"out-joined", "joined", E(OUT_JOINED), E(OUT_BARE),
	    5.0, AT_LEAST, 0, 0},
	{"latency", "no offload", E(LATENCY_PEV), E(LATENCY_BARE),
	    1.03, AT_MOST, 0, 0},
	{"latency-offload", "offload", E(LATENCY_OFFLOAD), E(LATENCY_BARE),
	    0, AT_MOST, 0, 0},
	{"idle", "a forwarder", E(IDLE_PEV), E(IDLE_BARE),
	    1.0, AT_MOST, 0, 0},
	{"memory", "no offload", E(MEMORY_PEV), NULL, 0, AT_MOST, 0, 0},
	{"memory-offload", "offload", E(MEMORY_OFFLOAD), NULL,
	    0, AT_MOST, 0, 0},
	{"devices-1", "1 device", E(PEV_1), E(BARE_1), 0, AT_MOST, 0, 0},
	{"devices-100", "100 devices", E(PEV_100), E(BARE_100),
	    0, AT_MOST, 0, 0},
	{"devices-1000", "1,000 devices", E(PEV_1000), E(BARE_1000),
	    0, AT_MOST, 0, 0}
};

static struct sample samples[N_ENTRANTS][MAX_TURNS];
static struct result results[COUNT(rows)];

/* A row's own name, or that of its load. */
static int
is_wanted(const struct plan *plan, const struct row *row)
{
	return plan->only == NULL || strcmp(plan->only, row->name) == 0 ||
	    strcmp(plan->only, row->entrant->load->name) == 0;
}

static int
is_needed(const struct plan *plan, const struct entrant *e)
{
	int i;

	for (i = 0; i < COUNT(rows); i++)
		if (is_wanted(plan, &rows[i]) &&
		    (rows[i].entrant == e || rows[i].base == e))
			return 1;
	return 0;
}

static void
measure(const struct plan *plan, const struct load *load)
{
	int turn, i, id;

	for (turn = 0; turn < plan->turns; turn++)
		for (i = 0; i < N_ENTRANTS; i++) {
			id = (i + turn) % N_ENTRANTS;
			if (entrants[id].load == load &&
			    is_needed(plan, E(id)))
				load->measure(E(id), plan->seconds,
				    &samples[id][turn]);
		}
	world_free_all();
	farm_free_all();
}

static double
ratio(double a, double b)
{
	/* Nothing at all is as good as nothing at all. */
	return a == b ? 1 : a / b;
}

static void
evaluate(struct result *r, const struct row *row, int n)
{
	const struct sample *s = samples[row->entrant - entrants];
	const struct sample *b = row->base == NULL ? s :
	    samples[row->base - entrants];
	static double v[6][MAX_TURNS];
	int i;

	for (i = 0; i < n; i++) {
		v[0][i] = ratio(s[i].value, b[i].value);
		v[1][i] = s[i].value;
		v[2][i] = b[i].value;
		v[3][i] = s[i].cpu;
		v[4][i] = b[i].cpu;
		v[5][i] = ratio(s[i].cpu, b[i].cpu);
	}
	r->row = row;
	r->ratio = quartiles_of(v[0], n);
	r->value = quartiles_of(v[1], n);
	r->base = quartiles_of(v[2], n);
	r->cpu = quartiles_of(v[3], n).median;
	r->base_cpu = quartiles_of(v[4], n).median;
	r->cpu_ratio = quartiles_of(v[5], n).median;
}

int
rows_has(const struct plan *plan)
{
	int i;

	for (i = 0; i < COUNT(rows); i++)
		if (is_wanted(plan, &rows[i]))
			return 1;
	return 0;
}

void
rows_run(const struct plan *plan)
{
	const struct load *load = NULL;
	int i, n = 0;

	report_head(plan->table, plan);
	for (i = 0; i < COUNT(rows); i++) {
		if (!is_wanted(plan, &rows[i]))
			continue;
		if (load != rows[i].entrant->load) {
			load = rows[i].entrant->load;
			measure(plan, load);
			report_load(plan->table, load);
		}
		evaluate(&results[n], &rows[i], plan->turns);
		report_row(plan->table, &results[n++]);
	}
	if (plan->json != NULL)
		report_json(plan->json, plan, results, n);
	if (plan->plot != NULL)
		plot_results(plan->plot, results, n);
}

void
rows_list(FILE *f)
{
	int i;

	for (i = 0; i < COUNT(rows); i++)
		fprintf(f, "  %-8s %-20s%s\n", rows[i].entrant->load->name,
		    rows[i].name, rows[i].title);
}
