#include "config.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "refusals.h"

struct refusals refusals = { -1, NULL, 0, 0, 0, 0, 0 };
static size_t prefix;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_writev(int fd, const struct iovec *vec, int n);
ssize_t __wrap_writev(int fd, const struct iovec *vec, int n);

void
refusals_begin(struct writing *w,
    int (*judge)(const struct virtio_net_hdr *hdr, size_t len))
{
	int size = 0;

	refusals.fd = packetevent_getfd(w->rig->pev[0]);
	ck_assert_int_eq(ioctl(refusals.fd, TUNGETVNETHDRSZ, &size), 0);
	prefix = (size_t)size;
	refusals_judge(judge);
}

void
refusals_judge(int (*judge)(const struct virtio_net_hdr *hdr, size_t len))
{
	refusals.judge = judge;
	refusals.joined = refusals.single = refusals.refused = 0;
}

void
refusals_flush_rest(struct writing *w, size_t n)
{
	refusals_judge(NULL);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
	writing_await(w, w->got + n);
	writing_check_written(w, w->offered.n);
}

/* ---- judges ---- */

static int
is_joined(const struct virtio_net_hdr *hdr)
{
	return hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

int
refusals_joined(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)len;
	return is_joined(hdr) ? EINVAL : 0;
}

int
refusals_joined_for_now(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)len;
	return is_joined(hdr) ? refusals.err : 0;
}

int
refusals_later(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)hdr;
	(void)len;
	if (refusals.accept > 0) {
		refusals.accept--;
		return 0;
	}
	return refusals.err;
}

int
refusals_joined_and_later(const struct virtio_net_hdr *hdr, size_t len)
{
	return is_joined(hdr) ? EINVAL : refusals_later(hdr, len);
}

/* ---- in their place ---- */

/* Tell whether a write fails. */
static int
fails(int fd, const struct iovec *vec, int n)
{
	struct virtio_net_hdr hdr;
	size_t len = 0;
	int i, err = 0;

	if (fd != refusals.fd)
		return 0;
	kit_check(vec->iov_len >= prefix, "a header of %zu bytes",
	    vec->iov_len);
	memcpy(&hdr, vec->iov_base, sizeof(hdr));
	for (i = 0; i < n; i++)
		len += vec[i].iov_len;
	if (is_joined(&hdr))
		refusals.joined++;
	else
		refusals.single++;
	if (refusals.judge != NULL)
		err = refusals.judge(&hdr, len - prefix);
	refusals.refused += err != 0;
	errno = err;
	return err;
}

ssize_t
__wrap_write(int fd, const void *data, size_t len)
{
	struct iovec one = { (void *)data, len };

	return fails(fd, &one, 1) ? -1 : __real_write(fd, data, len);
}

ssize_t
__wrap_writev(int fd, const struct iovec *vec, int n)
{
	return fails(fd, vec, n) ? -1 : __real_writev(fd, vec, n);
}
