#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "rings.h"
#include "tun/ring-internal.h"

int
rings_count(void)
{
	char path[300], target[64];
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	ssize_t len;
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/fd/%s",
		    entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		n += strcmp(target, "anon_inode:[io_uring]") == 0;
	}
	closedir(dir);
	return n;
}

int
rings_exist(struct kit_rig *rig)
{
	struct evtun_ring *ring;

	if (KIT_WAY_OF(rig->setup) != KIT_PLAIN)
		return 0;
	ring = evtun_ring_new_(evtun_get_fd(rig->tun), 0);
	evtun_ring_free_(ring);
	return ring != NULL;
}
