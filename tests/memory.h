#ifndef EVTUN_TESTS_MEMORY_H_INCLUDED_
#define EVTUN_TESTS_MEMORY_H_INCLUDED_
/*
 * Memory that can be watched, and made to run out.
 *
 * Both allocators are: that of libevent, and calloc(), the one that the
 * library calls itself: the linker's --wrap puts it in, and free() with it.
 */
#include <stddef.h>

#define MEMORY_MAX_LIVE 4096

extern struct memory {
	int watching;		/* the rest is only for what follows then */
	int calls;
	int fail_at;		/* 0: none */
	int go_on;		/* all from there on */
	int failed;
	void *live[MEMORY_MAX_LIVE];	/* NULL: free */
	size_t n_live, bytes;
} memory;

/* First of all: libevent must not have allocated anything before. */
void memory_watch_libevent(void);

#endif /* EVTUN_TESTS_MEMORY_H_INCLUDED_ */
