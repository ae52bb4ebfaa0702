#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ip_json.h"
#include "kit.h"

/* What the shell returns for a program that is not there. */
#define NOT_FOUND 127

/* All that a command prints, errors too. */
static char *
read_all(FILE *f)
{
	size_t n, len = 0, size = 65536;
	char *text = malloc(size);

	ck_assert_ptr_nonnull(text);
	while ((n = fread(text + len, 1, size - len - 1, f)) > 0) {
		len += n;
		if (len < size - 1)
			continue;
		size *= 2;
		text = realloc(text, size);
		ck_assert_ptr_nonnull(text);
	}
	text[len] = '\0';
	return text;
}

/* Run a command: what it prints, and its exit status. */
static char *
run(const char *options, const char *fmt, va_list ap, int *status)
{
	char args[1024], command[1100];
	char *text;
	FILE *f;
	int n;

	n = vsnprintf(args, sizeof(args), fmt, ap);
	ck_assert_int_lt(n, (int)sizeof(args));
	snprintf(command, sizeof(command), "ip %s%s 2>&1", options, args);
	f = popen(command, "re");
	ck_assert_msg(f != NULL, "%s: %s", command, strerror(errno));
	text = read_all(f);
	*status = pclose(f);
	if (WIFEXITED(*status) && WEXITSTATUS(*status) == NOT_FOUND)
		kit_skip("no ip(8)");
	return text;
}

static char *
run_well(const char *options, const char *fmt, va_list ap)
{
	int status;
	char *text = run(options, fmt, ap, &status);

	ck_assert_msg(status == 0, "ip %s%s: status %x: %s", options, fmt,
	    (unsigned)status, text);
	return text;
}

char *
ip_json(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = run_well("-d -j ", fmt, ap);
	va_end(ap);
	return text;
}

int
ip_says(const char *words, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int found;

	va_start(ap, fmt);
	text = run_well("-d -j ", fmt, ap);
	va_end(ap);
	found = strstr(text, words) != NULL;
	free(text);
	return found;
}

void
ip_do(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(run_well("", fmt, ap));
	va_end(ap);
}

int
ip_can(const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	free(run("", fmt, ap, &status));
	va_end(ap);
	return status == 0;
}
