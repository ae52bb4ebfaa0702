/*
 * After a fork and event_reinit() in the child, packetevents work in both
 * processes.
 */
#include "config.h"

#include <sys/wait.h>

#include <unistd.h>

#include "kit.h"

/* In the child: what it does shows in how it ends. */
static void
run_child(struct kit_rig *rig, unsigned n)
{
	if (event_reinit(rig->base) != 0)
		_exit(3);
	kit_traffic(rig, n);
	kit_rig_free(rig);
	_exit(0);
}

static void
fork_and_wait(struct kit_rig *rig, unsigned n)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run_child(rig, n);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the child ended with status 0x%x", status);
}

START_TEST(test_before_anything)
{
	struct kit_rig *rig = kit_rig_new(_i);

	fork_and_wait(rig, 50);
	kit_traffic(rig, 50);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_after_traffic)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_traffic(rig, 50);
	fork_and_wait(rig, 50);
	kit_traffic(rig, 50);
	fork_and_wait(rig, 50);
	kit_rig_free(rig);
}
END_TEST

/* Reading paused, so that a device is watched in another way. */
START_TEST(test_while_paused)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int end;

	kit_traffic(rig, 5);
	for (end = 0; end < 2; end++)
		kit_ok(packetevent_disable(rig->pev[end], EV_READ));
	kit_settle(rig->base);
	fork_and_wait(rig, 50);
	kit_traffic(rig, 50);
	kit_rig_free(rig);
}
END_TEST

/* What is queued belongs to both: only one of them may send it. */
START_TEST(test_with_a_queue)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;
	int status;
	pid_t pid;

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < 5; i++)
		kit_ok(kit_write(rig, 0, i, 200));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (event_reinit(rig->base) != 0)
			_exit(3);
		kit_rig_free(rig);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, 5);
	for (i = 0; i < 5; i++)
		kit_check_packet(rig, 1, i, i, 200);
	ck_assert_int_eq(rig->log[0].n_events + rig->log[1].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_fork");
	kit_case("fork", 0);
	kit_setups(test_before_anything, KIT_ALL);
	kit_setups(test_after_traffic, KIT_ALL);
	kit_setups(test_while_paused, KIT_ALL);
	kit_setups(test_with_a_queue, KIT_ALL);
	return kit_run();
}
