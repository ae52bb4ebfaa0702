/*
 * The dumper's command line.
 */
#include "dump_options.h"
#include "dump_print.h"

#include <errno.h>
#include <evtun/tun.h>
#include <getopt.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
"usage: dump [options] [expression]\n"
"Print, or save, the packets that come out of a TUN or TAP device.\n"
"\n"
"  -i, --interface NAME  make NAME, or open it; \"vpn%d\" takes the first\n"
"                        free number; without -i the system chooses\n"
"  -F, --fd NUMBER       adopt the device that was inherited as a descriptor\n"
"  -t, --tap             Ethernet frames (TAP) rather than IP packets (TUN)\n"
"  -a, --address ADDR/LEN[,PEER]\n"
"                        give the interface an address; may be repeated\n"
"  -m, --mtu NUMBER      set the MTU\n"
"  -u, --up              bring the interface up, as is done unless with -F\n"
"      --no-up           leave it as it is\n"
"  -c, --count NUMBER    end after so many packets\n"
"  -e                    print the Ethernet header\n"
"  -x, -xx               print the bytes in hex; -xx: with Ethernet header\n"
"  -X, -XX               print them in hex and ASCII\n"
"  -r, --read FILE       read a savefile; \"-\" is the standard input\n"
"  -w, --write FILE      write a savefile; \"-\" is the standard output;\n"
"                        do not print\n"
"      --print           print all the same\n"
"  -h, --help            print this\n"
"      --version         print versions\n"
"\n"
"The expression is that of pcap-filter(7).  The exit status is 0, or 1 after\n"
"an error, or 2 if the command line is wrong.\n";

/* The options that have no letter. */
enum long_options {
	OPT_NO_UP = UCHAR_MAX + 1,
	OPT_PRINT,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"address", required_argument, NULL, 'a'},
	{"count", required_argument, NULL, 'c'},
	{"fd", required_argument, NULL, 'F'},
	{"help", no_argument, NULL, 'h'},
	{"interface", required_argument, NULL, 'i'},
	{"mtu", required_argument, NULL, 'm'},
	{"no-up", no_argument, NULL, OPT_NO_UP},
	{"print", no_argument, NULL, OPT_PRINT},
	{"read", required_argument, NULL, 'r'},
	{"tap", no_argument, NULL, 't'},
	{"up", no_argument, NULL, 'u'},
	{"version", no_argument, NULL, OPT_VERSION},
	{"write", required_argument, NULL, 'w'},
	{NULL, 0, NULL, 0}
};

static void
usage_error(const char *what)
{
	fprintf(stderr, "dump: %s (see dump --help)\n", what);
	exit(EXIT_USAGE);
}

/* The word that getopt_long() has looked at last. */
static const char *last_word;

/* It says what is wrong under the name that the program has on the disk. */
static void
bad_option(int why)
{
	char what[100];

	if (optopt > 0 && optopt < OPT_NO_UP && why == '?')
		snprintf(what, sizeof(what), "-%c is no option", optopt);
	else
		snprintf(what, sizeof(what), "%.60s %s", last_word,
		    why == ':' ? "needs an argument" : "is no option");
	usage_error(what);
}

static long
number(int option, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(optarg, &end, 10);
	if (errno != 0 || end == optarg || *end != '\0' || n < min ||
	    n > max) {
		fprintf(stderr, "dump: -%c needs a number from %ld to %ld, "
		    "not \"%s\"\n", option, min, max, optarg);
		exit(EXIT_USAGE);
	}
	return n;
}

static void
set_hex(struct options *opt, int more)
{
	if (opt->flags & PRINT_HEX)
		more |= PRINT_HEX_LINK;
	opt->flags |= PRINT_HEX | more;
}

static void
print_and_exit(int option)
{
	if (option == 'h')
		fputs(help, stdout);
	else
		printf("dump of libevtun %s, with %s\n", evtun_get_version(),
		    pcap_lib_version());
	exit(fflush(stdout) == 0 ? EXIT_GOOD : EXIT_ERROR);
}

/* Options of the device.  Return 0 if it is none of them. */
static int
set_device_option(struct options *opt, int option)
{
	switch (option) {
	case 'a':
		if (opt->n_addresses == MAX_ADDRESSES)
			usage_error("too many addresses");
		opt->addresses[opt->n_addresses++] = optarg;
		break;
	case 'F':
		opt->fd = (int)number('F', 0, INT_MAX);
		break;
	case 'i':
		opt->name = optarg;
		break;
	case 'm':
		opt->mtu = (int)number('m', 1, INT_MAX);
		break;
	case 't':
		opt->tap = 1;
		break;
	case 'u':
	case OPT_NO_UP:
		opt->up = option == 'u';
		break;
	default:
		return 0;
	}
	return 1;
}

static void
set_option(struct options *opt, int option)
{
	switch (option) {
	case 'c':
		opt->count = number('c', 1, LONG_MAX);
		break;
	case 'e':
		opt->flags |= PRINT_LINK;
		break;
	case 'r':
		opt->read_file = optarg;
		break;
	case 'w':
		opt->write_file = optarg;
		break;
	case 'x':
		set_hex(opt, 0);
		break;
	case 'X':
		set_hex(opt, PRINT_ASCII);
		break;
	case OPT_PRINT:
		opt->print = 1;
		break;
	case 'h':
	case OPT_VERSION:
		print_and_exit(option);
		break;
	default:
		bad_option(option);
	}
}

/* What does not go together, and what the options that are not there mean. */
static void
finish(struct options *opt, int of_device)
{
	if (opt->read_file != NULL && of_device)
		usage_error("-r reads no device: leave its options out");
	if (opt->name != NULL && opt->fd != -1)
		usage_error("-i and -F exclude each other");
	if (opt->print && opt->write_file != NULL &&
	    strcmp(opt->write_file, "-") == 0)
		usage_error("--print and -w - want the same output");
	if (opt->write_file == NULL)
		opt->print = 1;
	if (opt->up == -1)
		opt->up = opt->fd == -1;
}

int
options_parse(struct options *opt, int argc, char **argv)
{
	int option, of_device = 0;

	memset(opt, 0, sizeof(*opt));
	opt->fd = opt->up = -1;
	/* A colon first: an argument that is missing is told apart. */
	while ((option = getopt_long(argc, argv, ":a:c:eF:hi:m:r:tuw:xX",
	    long_options, NULL)) != -1) {
		last_word = argv[optind - 1];
		if (set_device_option(opt, option))
			of_device = 1;
		else
			set_option(opt, option);
	}
	finish(opt, of_device);
	return optind;
}
