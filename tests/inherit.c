/*
 * For test_samples.sh: make a TUN device, and run a program that inherits its
 * descriptor, whose number is its last argument.
 *
 *	inherit NAME PROGRAM ARGUMENT...
 */
#include <evtun/tun.h>

#include <stdio.h>
#include <unistd.h>

#define MAX_ARGUMENTS 32

int
main(int argc, char **argv)
{
	struct evtun *tun = argc < 3 ? NULL :
	    evtun_new(argv[1], EVTUN_OPT_INHERIT);
	char *arguments[MAX_ARGUMENTS + 2] = {NULL}, number[16];
	int i;

	if (tun == NULL || argc - 2 > MAX_ARGUMENTS) {
		fprintf(stderr, "inherit: %s\n", evtun_get_error());
		return 1;
	}
	for (i = 2; i < argc; i++)
		arguments[i - 2] = argv[i];
	snprintf(number, sizeof(number), "%d", (int)evtun_release(tun));
	arguments[argc - 2] = number;
	execvp(arguments[0], arguments);
	perror(arguments[0]);
	return 1;
}
