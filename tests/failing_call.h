#ifndef EVTUN_TESTS_FAILING_CALL_H_INCLUDED_
#define EVTUN_TESTS_FAILING_CALL_H_INCLUDED_
/*
 * One call of the library's fails, be it for memory, of the system, or for a
 * thread: before anything was done.  (tun_wrap.h has answers that are lost.)
 */
extern struct failing_call {
	/* The call with this number fails, the first being 1; 0: none. */
	int at;
	int calls;
	/* The one that failed, or NULL, and with what. */
	const char *name;
	int err;
} failing_call;

#endif /* EVTUN_TESTS_FAILING_CALL_H_INCLUDED_ */
