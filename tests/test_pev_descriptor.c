/*
 * Descriptors that are no sockets, where one read() is one packet all the
 * same: pipes in packet mode, and the descriptor of a device that somebody
 * else made.
 */
#include "config.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

/* ---- pipes: end 0 writes, end 1 reads ---- */

static struct packetevent *
over(struct kit_rig *rig, int end, evutil_socket_t fd)
{
	struct packetevent *pev = packetevent_fd_new(rig->base, fd,
	    kit_options(rig->setup));

	ck_assert_msg(pev != NULL, "%s", evtun_get_error());
	packetevent_setcb(pev, kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[end]);
	rig->pev[end] = pev;
	return pev;
}

static void
pipe_open(struct kit_rig *rig, int setup)
{
	int fd[2];

	/* A write() to a pipe raises it: that is left to the program. */
	signal(SIGPIPE, SIG_IGN);
	memset(rig, 0, sizeof(*rig));
	rig->setup = setup;
	rig->kind = KIT_PAIR;
	rig->base = kit_base_new(setup);
	ck_assert_int_eq(pipe2(fd, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	over(rig, 0, fd[1]);
	over(rig, 1, fd[0]);
}

static void
rig_close(struct kit_rig *rig)
{
	int end;

	for (end = 0; end < 2; end++) {
		if (rig->pev[end] != NULL)
			packetevent_free(rig->pev[end]);
		kit_log_clear(&rig->log[end]);
	}
	event_base_free(rig->base);
}

static void
free_end(struct kit_rig *rig, int end)
{
	packetevent_free(rig->pev[end]);
	rig->pev[end] = NULL;
	event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

static const size_t sizes[] = {1, 2, 100, 512, 1500, 4095, PIPE_BUF};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

START_TEST(test_pipe)
{
	struct kit_rig rig;
	unsigned i;

	pipe_open(&rig, _i);
	kit_enable(&rig, 1, EV_READ);
	for (i = 0; i < N_SIZES; i++)
		kit_ok(kit_write(&rig, 0, i, sizes[i]));
	kit_fails(kit_write(&rig, 0, i, PIPE_BUF + 1), EMSGSIZE);
	kit_until_packets(&rig, 1, N_SIZES);
	for (i = 0; i < N_SIZES; i++)
		kit_check_packet(&rig, 1, i, i, sizes[i]);
	kit_check_counts(&rig, 0, N_SIZES + 1);
	ck_assert_int_eq(rig.log[0].n_events + rig.log[1].n_events, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(test_pipe_that_is_full)
{
	struct kit_rig rig;
	unsigned i, n;

	pipe_open(&rig, _i);
	for (n = 0; kit_count(&rig, 0, PEV_COUNT_QUEUED_PACKETS) < 5; n++) {
		kit_check(n < 1000, "it is never full");
		kit_ok(kit_write(&rig, 0, n, 4000));
	}
	kit_enable(&rig, 1, EV_READ);
	kit_until_packets(&rig, 1, n);
	kit_until_writecbs(&rig, 0, 1);
	for (i = 0; i < n; i++)
		kit_check_packet(&rig, 1, i, i, 4000);
	kit_check_counts(&rig, 0, n);
	kit_check_idle(rig.base);
	rig_close(&rig);
}
END_TEST

START_TEST(test_end_of_a_pipe)
{
	struct kit_rig rig;
	unsigned i;

	pipe_open(&rig, _i);
	for (i = 0; i < 3; i++)
		kit_ok(kit_write(&rig, 0, i, 100));
	free_end(&rig, 0);
	kit_enable(&rig, 1, EV_READ);
	kit_until_events(&rig, 1, 1);
	ck_assert_uint_eq(rig.log[1].n_packets, 3);
	for (i = 0; i < 3; i++)
		kit_check_packet(&rig, 1, i, i, 100);
	ck_assert_int_eq(rig.log[1].events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_EOF);
	kit_check_idle(rig.base);
	ck_assert_int_eq(rig.log[1].n_events, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_nobody_reads_the_pipe)
{
	struct kit_rig rig;

	pipe_open(&rig, _i);
	free_end(&rig, 1);
	kit_fails(kit_write(&rig, 0, 0, 100), EPIPE);
	kit_fails(kit_write(&rig, 0, 0, 100), EPIPE);
	kit_check_counts(&rig, 0, 2);
	kit_until_events(&rig, 0, 1);
	ck_assert_int_ne(rig.log[0].events[0].what & PEV_EVENT_ERROR, 0);
	ck_assert_int_eq(rig.log[0].events[0].err, EPIPE);
	kit_check_idle(rig.base);
	ck_assert_int_eq(rig.log[0].n_events, 1);
	rig_close(&rig);
}
END_TEST

/* ---- the descriptor of a device: end 0, and a packet socket ---- */

static void
device_open(struct kit_rig *rig, int setup)
{
	struct evtun *tun;
	evutil_socket_t fd;

	kit_netns();
	memset(rig, 0, sizeof(*rig));
	rig->setup = setup;
	rig->kind = KIT_KIND_OF(setup);
	rig->base = kit_base_new(setup);
	tun = kit_tun_new(rig->kind, "kit%d", 0);
	strcpy(rig->name, evtun_get_name(tun));
	fd = evtun_release(tun);
	ck_assert_int_ge(fd, 0);
	over(rig, 0, fd);
	over(rig, 1, kit_packet_socket(rig->name));
}

START_TEST(test_device)
{
	struct kit_rig rig;

	device_open(&rig, _i);
	kit_traffic(&rig, 500);
	rig_close(&rig);
}
END_TEST

/* One bad packet costs only itself here, too. */
START_TEST(test_bad_packet_for_a_device)
{
	struct kit_rig rig;
	unsigned char bad[60] = {0};

	device_open(&rig, _i);
	kit_enable(&rig, 1, EV_READ);
	kit_ok(kit_write(&rig, 0, 0, 100));
	kit_fails(packetevent_write(rig.pev[0], bad, sizeof(bad)), EINVAL);
	kit_ok(kit_write(&rig, 0, 1, 100));
	kit_until_packets(&rig, 1, 2);
	kit_check_packet(&rig, 1, 0, 0, 100);
	kit_check_packet(&rig, 1, 1, 1, 100);
	kit_check_counts(&rig, 0, 3);
	ck_assert_int_eq(rig.log[0].n_events, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(test_deleted_device)
{
	struct kit_rig rig;

	device_open(&rig, _i);
	packetevent_free(rig.pev[1]);
	rig.pev[1] = NULL;
	kit_enable(&rig, 0, EV_READ);
	kit_settle(rig.base);
	kit_link_delete(rig.name);
	kit_until_events(&rig, 0, 1);
	ck_assert_int_eq(rig.log[0].events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_ERROR);
	kit_check_dead(rig.base);
	ck_assert_int_eq(rig.log[0].n_events, 1);
	ck_assert_int_eq(kit_write(&rig, 0, 0, 100), -1);
	ck_assert_int_eq(packetevent_enable(rig.pev[0], EV_READ), -1);
	rig_close(&rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_descriptor");
	kit_case("pipe", 0);
	kit_setups(test_pipe, KIT_BIT(KIT_PAIR));
	kit_setups(test_pipe_that_is_full, KIT_BIT(KIT_PAIR));
	kit_setups(test_end_of_a_pipe, KIT_BIT(KIT_PAIR));
	kit_setups(test_nobody_reads_the_pipe, KIT_BIT(KIT_PAIR));
	kit_case("device", KIT_NEEDS_TUN);
	kit_setups(test_device, KIT_DEVICES);
	kit_setups(test_bad_packet_for_a_device, KIT_BIT(KIT_TUN));
	kit_setups(test_deleted_device, KIT_DEVICES);
	return kit_run();
}
