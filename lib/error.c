#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "evtun/tun.h"
#include "error-internal.h"

/* A name, a step and a cure fit; what is longer is cut, which harms nobody. */
#define TEXT_SIZE 512

/* Only in here is there state that outlives a call. */
static _Thread_local struct {
	int err;
	const char *step;	/* constant, or step_text */
	const char *cure;	/* constant, or NULL */
	int is_whole;		/* step is all that there is to say */
	char step_text[TEXT_SIZE];
	char text[TEXT_SIZE];
} last = {0, NULL, NULL, 0, "", ""};

int
evtun_fail_(int err, const char *step, const char *cure)
{
	last.err = err;
	last.step = step;
	last.cure = cure;
	last.is_whole = 0;
	errno = err;
	return -1;
}

int
evtun_failf_(int err, const char *cure, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last.step_text, sizeof(last.step_text), fmt, ap);
	va_end(ap);
	return evtun_fail_(err, last.step_text, cure);
}

int
evtun_fail_whole_(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last.step_text, sizeof(last.step_text), fmt, ap);
	va_end(ap);
	evtun_fail_(err, last.step_text, NULL);
	last.is_whole = 1;
	return -1;
}

const char *
evtun_get_error(void)
{
	int saved = errno;

	if (last.step == NULL)
		return "no error";
	if (last.is_whole)
		return last.step;
	snprintf(last.text, sizeof(last.text), "%s: %s%s%s", last.step,
	    strerror(last.err), last.cure ? ": " : "",
	    last.cure ? last.cure : "");
	errno = saved;
	return last.text;
}
