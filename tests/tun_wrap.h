#ifndef EVTUN_TESTS_TUN_WRAP_H_INCLUDED_
#define EVTUN_TESTS_TUN_WRAP_H_INCLUDED_
/*
 * The system calls of lib/tun, made to fail, to lie, or to come too late.
 */
struct nlmsghdr;

extern struct tun_wrap {
	/* Nothing happens, and nothing is counted, unless this is set. */
	int armed;
	/* The call with this number fails, the first being 1. */
	int fail_at, err;
	int calls;
	/* What happens in the meantime; what a hook calls is not wrapped. */
	void (*before_ioctl)(unsigned long request);
	void (*after_ioctl)(unsigned long request, void *arg);
	void (*before_send)(int type);
	void (*after_receive)(struct nlmsghdr *nlh);
} tun_wrap;

#endif /* EVTUN_TESTS_TUN_WRAP_H_INCLUDED_ */
