/*
 * make bench: how fast packets go through libevtun, beside a bare loop.
 *
 * See README for the method, and usage() for the commands.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int
usage(void)
{
	fprintf(stderr,
	    "usage: bench [--row NAME] [--turns N] [--seconds S]\n"
	    "             [--json[=FILE]] [--plot[=FILE]]\n"
	    "       bench devices [N [TURNS]]\n"
	    "       bench packets [-t] [TURNS]\n"
	    "       bench soak [--gigabytes N] "
	    "[--mode plain|split|through]\n"
	    "NAME is one of the first column, or of the second:\n");
	rows_list(stderr);
	return 2;
}

static FILE *
open_output(const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		die(path);
	return f;
}

/* Where results go besides the table; NULL for nowhere. */
struct outputs {
	int wants_json;
	const char *json;
	const char *plot;
};

/* JSON without a file takes the table's place. */
static void
open_outputs(struct plan *plan, const struct outputs *to)
{
	if (to->json != NULL) {
		plan->json = open_output(to->json);
	} else if (to->wants_json) {
		plan->json = stdout;
		plan->table = NULL;
	}
	if (to->plot != NULL)
		plan->plot = open_output(to->plot);
}

static int
parse(struct plan *plan, struct outputs *to, int argc, char **argv)
{
	static const struct option options[] = {
		{"row", required_argument, NULL, 'r'},
		{"turns", required_argument, NULL, 't'},
		{"seconds", required_argument, NULL, 's'},
		{"json", optional_argument, NULL, 'j'},
		{"plot", optional_argument, NULL, 'p'},
		{NULL, 0, NULL, 0}
	};
	const char *value;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		value = optarg != NULL ? optarg : "";
		if (c == 'r')
			plan->only = optarg;
		else if (c == 't')
			plan->turns = (int)strtol(value, NULL, 10);
		else if (c == 's')
			plan->seconds = strtod(value, NULL);
		else if (c == 'j') {
			to->json = optarg;
			to->wants_json = 1;
		} else if (c == 'p') {
			to->plot = optarg != NULL ? optarg : "bench.svg";
		} else {
			return -1;
		}
	}
	return optind < argc || plan->turns < 1 || plan->turns > MAX_TURNS ||
	    plan->seconds <= 0 || plan->seconds > 3600 ? -1 : 0;
}

int
main(int argc, char **argv)
{
	struct plan plan = {7, 1, NULL, stdout, NULL, NULL};
	struct outputs to = {0, NULL, NULL};

	if (argc > 1 && strcmp(argv[1], "devices") == 0)
		return devices_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "packets") == 0)
		return packets_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "soak") == 0)
		return soak_main(argc - 1, argv + 1);
	if (parse(&plan, &to, argc, argv) < 0 || !rows_has(&plan))
		return usage();
	open_outputs(&plan, &to);
	enter_private_world();
	rows_run(&plan);
	if (plan.plot != NULL && fclose(plan.plot) != 0)
		die("cannot write the plot");
	if (plan.json != NULL && fclose(plan.json) != 0)
		die("cannot write the JSON");
	return 0;
}
