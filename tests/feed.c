#include "config.h"

#include <sys/ioctl.h>

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed.h"
#include "kit.h"
#include "segments.h"

struct feed feed = { .fd = -1 };

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);

/* After the last one of ours comes what the kernel has. */
ssize_t
__wrap_read(int fd, void *buf, size_t len)
{
	struct evbuffer_iovec frame;

	if (fd != feed.fd || feed.first == feed.n || len == 0)
		return __real_read(fd, buf, len);
	frame = feed.frames[feed.first++];
	if (len > frame.iov_len)
		len = frame.iov_len;
	memcpy(buf, frame.iov_base, len);
	return (ssize_t)len;
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static unsigned long
other_order(void)
{
	const union { unsigned short word; unsigned char first; } order = {
		1
	};

	return order.first == 1 ? TUNGETVNETBE : TUNGETVNETLE;
}

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!feed.swapped || fd != feed.fd || request != other_order())
		return __real_ioctl(fd, request, arg);
	*(int *)arg = 1;
	return 0;
}

static unsigned char *
feed_room(size_t len)
{
	unsigned char *p = vectors_alloc(len);

	kit_check(feed.n < FEED_MAX, "too many frames");
	feed.frames[feed.n].iov_base = p;
	feed.frames[feed.n++].iov_len = len;
	return p;
}

static void
swap(ev_uint16_t *v)
{
	*v = (ev_uint16_t)(*v << 8 | *v >> 8);
}

static void
put_header(void *p, const struct evtun_offload *o)
{
	struct evtun_offload swapped = *o;
	struct virtio_net_hdr hdr;

	if (feed.swapped) {
		swap(&swapped.hdr_len);
		swap(&swapped.gso_size);
		swap(&swapped.csum_start);
		swap(&swapped.csum_offset);
	}
	segments_put_header(&hdr, &swapped);
	memcpy(p, &hdr, sizeof(hdr));
}

void
feed_frame(const struct evtun_offload *o, const void *packet, size_t len)
{
	size_t header = sizeof(struct virtio_net_hdr);
	unsigned char *p = feed_room(header + len);

	put_header(p, o);
	if (len > 0)
		memcpy(p + header, packet, len);
}

void
feed_vector(const struct vector *v)
{
	if (v->cut)
		memcpy(feed_room(v->packet.iov_len), v->packet.iov_base,
		    v->packet.iov_len);
	else
		feed_frame(&v->hdr, v->packet.iov_base, v->packet.iov_len);
}

void
feed_end(void)
{
	while (feed.n > 0)
		free(feed.frames[--feed.n].iov_base);
	feed.first = 0;
}
