#ifndef EVTUN_TESTS_ADDRESS_LOOK_H_INCLUDED_
#define EVTUN_TESTS_ADDRESS_LOOK_H_INCLUDED_
/*
 * Addresses of interfaces, and every change of them, seen without the library.
 */
#include "evtun/link.h"

/* An interface to work on, up or down, with no address of the kernel's own;
 * its device goes with the test. */
struct evtun_link *address_start(const char *name, int options, int up);

/* What ip(8) says of the addresses, a line for each, sorted, to be freed.
 * Which of them are secondary ones is left out. */
char *address_lines(const char *name);
/* Fail unless that is so still; and free both. */
void address_must_be(const char *name, char *lines);

/* A listener to what is added and removed in the namespace at hand, from now
 * on. */
int address_watch(void);
/* The next change: "+10.9.0.1/24" or "-fd00::1/64"; "" if there was none.
 * IPv6 addresses that are added are left out. */
const char *address_change(int watch);
/* Fail unless those were the changes, and no others: up to a NULL. */
void address_changes_are(int watch, const char *const *changes);

#endif /* EVTUN_TESTS_ADDRESS_LOOK_H_INCLUDED_ */
