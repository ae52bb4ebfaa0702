#ifndef EVTUN_TESTS_REALLOC_WRAP_H_INCLUDED_
#define EVTUN_TESTS_REALLOC_WRAP_H_INCLUDED_
/*
 * Memory that runs out: tun_wrap.h has calloc(), this malloc() and realloc().
 */
extern struct realloc_wrap {
	int armed;
	/* The call with this number fails, the first being 1. */
	int fail_at;
	int calls;
} realloc_wrap;

#endif /* EVTUN_TESTS_REALLOC_WRAP_H_INCLUDED_ */
