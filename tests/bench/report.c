/*
 * The table, for people and for machines.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct quartiles
quartiles_of(const double *values, int n)
{
	double sorted[MAX_TURNS] = {0};
	struct quartiles q;
	int i;

	for (i = 0; i < n; i++)
		sorted[i] = values[i];
	qsort(sorted, (size_t)n, sizeof(sorted[0]), compare);
	q.low = sorted[(n - 1) / 4];
	q.median = sorted[(n - 1) / 2];
	q.high = sorted[(n - 1) * 3 / 4];
	return q;
}

/* As it is printed: what looks like the goal is the goal. */
static double
rounded(double value)
{
	return (double)(long long)(value * 100 + 0.5) / 100;
}

int
result_reached(const struct result *r)
{
	const struct row *row = r->row;
	double ratio = rounded(r->ratio.median);

	if (row->goal == 0)
		return -1;
	if (row->at_most ? ratio > row->goal : ratio < row->goal)
		return 0;
	if (row->cpu_goal > 0 && rounded(r->cpu) > row->cpu_goal)
		return 0;
	return row->cpu_ratio_goal == 0 ||
	    rounded(r->cpu_ratio) <= row->cpu_ratio_goal;
}

void
report_head(FILE *f, const struct plan *plan)
{
	struct utsname u;

	if (f == NULL || uname(&u) < 0)
		return;
	fprintf(f, "%s %s, %s, %ld processors, libevent %s\n"
	    "Medians of %d turns of %.3g s, quartiles of the ratio\n\n"
	    "%67s\n%-25s%8s%8s%7s %-12s%6s%6s  %s\n", u.sysname, u.release,
	    u.machine, sysconf(_SC_NPROCESSORS_ONLN), event_get_version(),
	    plan->turns, plan->seconds, "processor", "", "bare", "evtun",
	    "ratio", "", "bare", "evtun", "goal");
	fflush(f);
}

void
report_load(FILE *f, const struct load *load)
{
	if (f != NULL)
		fprintf(f, "%s\n", load->title);
}

/* Three digits, or four. */
static void
put_number(FILE *f, int width, double value)
{
	int digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;

	fprintf(f, "%*.*f", width, digits, value);
}

static void
put_goal(FILE *f, const struct result *r)
{
	const struct row *row = r->row;

	if (row->goal == 0)
		return;
	fprintf(f, "  %s%.2f", row->at_most ? "<=" : "", row->goal);
	if (row->cpu_goal > 0)
		fprintf(f, ", %.2f %s", row->cpu_goal,
		    row->entrant->load->cpu_unit);
	if (row->cpu_ratio_goal > 0)
		fprintf(f, ", CPU %.2f", row->cpu_ratio_goal);
	fputs(result_reached(r) ? " yes" : " no", f);
}

void
report_row(FILE *f, const struct result *r)
{
	if (f == NULL)
		return;
	fprintf(f, "  %-23s", r->row->title);
	if (r->row->base == NULL)
		fprintf(f, "%8s", "");
	else
		put_number(f, 8, r->base.median);
	put_number(f, 8, r->value.median);
	if (r->row->base != NULL)
		fprintf(f, "%7.2f (%.2f-%.2f)", r->ratio.median,
		    r->ratio.low, r->ratio.high);
	if (r->row->entrant->load->cpu_unit != NULL) {
		put_number(f, 6, r->base_cpu);
		put_number(f, 6, r->cpu);
	} else if (r->row->goal != 0) {
		fprintf(f, "%12s", "");
	}
	put_goal(f, r);
	fputc('\n', f);
	fflush(f);
}

static void
put_quartiles(FILE *f, const char *name, struct quartiles q)
{
	fprintf(f, ", \"%s\": {\"median\": %.6g, \"low\": %.6g, "
	    "\"high\": %.6g}", name, q.median, q.low, q.high);
}

static void
put_json_goals(FILE *f, const struct result *r)
{
	const struct row *row = r->row;

	if (row->goal == 0)
		return;
	fprintf(f, ", \"goal\": %.6g, \"at_most\": %s, \"reached\": %s",
	    row->goal, row->at_most ? "true" : "false",
	    result_reached(r) ? "true" : "false");
	if (row->cpu_goal > 0)
		fprintf(f, ", \"cpu_goal\": %.6g", row->cpu_goal);
	if (row->cpu_ratio_goal > 0)
		fprintf(f, ", \"cpu_ratio_goal\": %.6g", row->cpu_ratio_goal);
}

static void
put_json_row(FILE *f, const struct result *r)
{
	const struct load *load = r->row->entrant->load;

	fprintf(f, "{\"name\": \"%s\", \"load\": \"%s\", \"unit\": \"%s\"",
	    r->row->name, load->name, load->unit);
	put_quartiles(f, "value", r->value);
	if (r->row->base != NULL) {
		put_quartiles(f, "bare", r->base);
		put_quartiles(f, "ratio", r->ratio);
	}
	if (load->cpu_unit != NULL) {
		fprintf(f, ", \"cpu_unit\": \"%s\", \"cpu\": %.6g",
		    load->cpu_unit, r->cpu);
		if (r->row->base != NULL)
			fprintf(f, ", \"bare_cpu\": %.6g, \"cpu_ratio\": %.6g",
			    r->base_cpu, r->cpu_ratio);
	}
	put_json_goals(f, r);
	fputc('}', f);
}

void
report_json(FILE *f, const struct plan *plan, const struct result *r, int n)
{
	int i;

	fprintf(f, "{\"version\": \"%s\", \"turns\": %d, \"seconds\": %.6g,\n"
	    " \"rows\": [", evtun_get_version(), plan->turns, plan->seconds);
	for (i = 0; i < n; i++) {
		fputs(i == 0 ? "\n  " : ",\n  ", f);
		put_json_row(f, &r[i]);
	}
	fputs("]}\n", f);
}
