#ifndef DUMP_OPTIONS_H_INCLUDED_
#define DUMP_OPTIONS_H_INCLUDED_
/*
 * The dumper's command line.
 */
#define MAX_ADDRESSES 32

enum exit_status {
	EXIT_GOOD = 0,
	EXIT_ERROR = 1,
	EXIT_USAGE = 2
};

struct options {
	const char *name;	/* -i, or NULL */
	int fd;			/* -F, or -1 */
	int tap;		/* -t */
	char *addresses[MAX_ADDRESSES];	/* -a: "ADDR/LEN" or with ",PEER" */
	int n_addresses;
	int mtu;		/* -m, or 0 */
	int up;			/* bring the interface up */
	long count;		/* -c, or 0 */
	const char *read_file;	/* -r, or NULL */
	const char *write_file;	/* -w, or NULL */
	int print;		/* print packets */
	int flags;		/* -e, -x, -X: enum print_flags */
};

/* Fill opt in.  Return the index of the first word of the expression.  What
 * is wrong with the command line, --help and --version end the program. */
int options_parse(struct options *opt, int argc, char **argv);

#endif /* DUMP_OPTIONS_H_INCLUDED_ */
