#ifndef EVTUN_FILTER_INTERNAL_H_INCLUDED_
#define EVTUN_FILTER_INTERNAL_H_INCLUDED_
/*
 * filter_linux.c: filters, for those who open devices and attach queues.
 */

struct evtun;

/* For one who is alone: nothing of what the last user of a persistent
 * interface has left, which else stays in force. */
void evtun_filter_reset_(struct evtun *tun);

/* Have the kernel remember no program of evtun_linux_set_filter() for queues
 * to come.  Those that have it keep it. */
void evtun_filter_forget_(struct evtun *tun);

#endif /* EVTUN_FILTER_INTERNAL_H_INCLUDED_ */
