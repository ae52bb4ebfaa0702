#ifndef SAMPLE_H_INCLUDED_
#define SAMPLE_H_INCLUDED_
/*
 * What the samples share, so that each of them shows what it is about.
 */
struct event_base;
struct evtun;
struct packetevent;

/* Return an event base whose loop ends on SIGINT and SIGTERM. */
struct event_base *sample_new_base(void);

/* Free it.  Return the exit status: 0, or 1 after sample_stop(). */
int sample_free_base(struct event_base *base);

/* Open a device, give the interface the addresses, of which the last one is
 * NULL, and bring it up. */
struct evtun *sample_open(const char *name, int options, char **addresses);

/* Print what a packetevent has read, written and dropped. */
void sample_print_counts(const char *name, struct packetevent *pev);

/* Say why, and end the loop.  From any thread. */
void sample_stop(const char *why);

/* An event callback: stop if the device is gone. */
void sample_event_cb(struct packetevent *pev, short what, void *ctx);

/* Say why, and end the program: for what fails before there is a loop. */
void sample_die(const char *why) __attribute__((noreturn));

#endif /* SAMPLE_H_INCLUDED_ */
