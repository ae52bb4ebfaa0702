#ifndef EVTUN_TESTS_PROGRAMS_H_INCLUDED_
#define EVTUN_TESTS_PROGRAMS_H_INCLUDED_
/*
 * eBPF programs, loaded by hand.  Where bpf(2) is refused, as it is in a user
 * namespace, the test is skipped.  They return a descriptor.
 */

/* A socket filter that returns a number, and one that returns a byte of the
 * packet. */
int program_return(int value);
int program_byte(int offset);
/* One of another type. */
int program_xdp(void);

#endif /* EVTUN_TESTS_PROGRAMS_H_INCLUDED_ */
