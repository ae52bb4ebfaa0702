#ifndef EVTUN_ERROR_INTERNAL_H_INCLUDED_
#define EVTUN_ERROR_INTERNAL_H_INCLUDED_
/*
 * The text behind evtun_get_error(): one per thread, "step: reason: cure".
 */

/*
 * Set errno to err, and remember why for evtun_get_error().  Both strings
 * must be constants: nothing is formatted before somebody asks, so that a
 * flood of refused packets costs no more than a store.  cure may be NULL.
 * Always returns -1.
 */
int evtun_fail_(int err, const char *step, const char *cure);

/* The same for a step that has to be formatted now. */
int evtun_failf_(int err, const char *cure, const char *fmt, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* The same with all of the words, the reason among them. */
int evtun_fail_whole_(int err, const char *fmt, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#endif /* EVTUN_ERROR_INTERNAL_H_INCLUDED_ */
