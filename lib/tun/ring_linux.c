/*
 * Many packets in one system call, by io_uring.
 *
 * Every request answers at once (RWF_NOWAIT), so that the kernel executes
 * them while they are submitted, one after the other: that keeps the order of
 * packets, and none is in flight when the call returns.  (Linked requests
 * would be executed later, and cost all that is gained.)
 *
 * A file that the ring has registered saves the kernel a reference for each
 * packet, a tenth of the time.  But it would keep the device alive: after
 * close(), and, as rings are taken down by a thread of the kernel, for a while
 * after a process was killed, when the next one found its device busy.  So the
 * first request of each call registers the file, and the last one takes it out
 * again.
 *
 * What is read passes through memory of the ring's own.  There each read has
 * room for the largest packet, of which only the pages that packets reach are
 * ever touched; and that is mapped, not part of an evbuffer, so that pages can
 * be given back, and are empty in the child of a fork().
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <errno.h>
#include <limits.h>
#include <liburing.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>

#include "tun/ring-internal.h"

/* The packets, and two requests to register the file and to take it out. */
#define REQUESTS (EVTUN_RING_WRITES_ + 2)
/* The user_data of those two; that of a packet is its index. */
#define FILE_IN REQUESTS
#define FILE_OUT (REQUESTS + 1)

/* What the kernel must have: success of those two is not told, and a request
 * looks for its file only when it is executed. */
#define FEATURES (IORING_FEAT_CQE_SKIP | IORING_FEAT_LINKED_FILE)

/* Give pages back after a call that read more bytes than this. */
#define STAGED_MAX (256 * 1024)

/* The mark is the first byte; behind this many is room for what is read. */
#define MARK_SIZE 64

struct evtun_ring {
	struct io_uring uring;
	int file, no_file;	/* what is registered first, and last */
	int dead;
	int no_device;		/* the file could not be registered */
	/* The mark is 1, but 0 in a child: that has the same uring, and must
	 * not touch it. */
	unsigned char *memory;
	size_t size;
	size_t staged;		/* bytes that the last call read */
	int n, taken;		/* results there are, and that were taken */
	int results[REQUESTS];
};

_Static_assert(EVTUN_RING_READS_ <= EVTUN_RING_WRITES_, "results have room");

static unsigned char *
ring_slot(const struct evtun_ring *ring, int i)
{
	return ring->memory + MARK_SIZE + (size_t)i * EVTUN_RING_SPACE_;
}

static int
ring_is_usable(const struct evtun_ring *ring)
{
	return !ring->dead && ring->memory[0] == 1;
}

/* ---- one call ---- */

/* Put requests into the queue.  It is empty before, and holds all of a call;
 * should it ever be full, fewer are submitted than ring_run() expects. */
static void
put_file(struct evtun_ring *ring, int *file, unsigned id)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (sqe == NULL)
		return;
	io_uring_prep_files_update(sqe, file, 1, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = id;
}

static void
put_packet(struct evtun_ring *ring, int writing, void *data, size_t len,
    int i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (sqe == NULL)
		return;
	if (writing)
		io_uring_prep_write(sqe, 0, data, (unsigned)len, (__u64)-1);
	else
		io_uring_prep_read(sqe, 0, data, (unsigned)len, (__u64)-1);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->rw_flags = RWF_NOWAIT;
	sqe->user_data = (unsigned)i;
}

/* Return how many of the requests the kernel has taken. */
static int
ring_submit(struct evtun_ring *ring, int want)
{
	int n, sum = 0;

	do {
		n = io_uring_submit(&ring->uring);
		if (n > 0)
			sum += n;
	} while (sum < want && (n > 0 || n == -EINTR));
	return sum;
}

/* Note one result, and tell whether it is that of a packet. */
static int
ring_note(struct evtun_ring *ring, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data >= REQUESTS) {
		ring->dead = 1;
		ring->no_device |= cqe->user_data == FILE_IN;
		return 0;
	}
	ring->results[cqe->user_data] = cqe->res;
	if (cqe->res > 0)
		ring->staged += (size_t)cqe->res;
	return 1;
}

/* Note the results of n packets, which are there unless the kernel does not
 * do what we know of it; then wait.  Return how many there were. */
static int
ring_collect(struct evtun_ring *ring, int n)
{
	struct io_uring_cqe *cqe;
	unsigned head, seen;
	int err, got = 0;

	for (;;) {
		seen = 0;
		io_uring_for_each_cqe(&ring->uring, head, cqe) {
			got += ring_note(ring, cqe);
			seen++;
		}
		io_uring_cq_advance(&ring->uring, seen);
		if (got >= n)
			return got;
		err = io_uring_wait_cqe(&ring->uring, &cqe);
		if (err < 0 && err != -EINTR)
			return got;
	}
}

/* Have n packets, and what stands around them, executed.  Return how many
 * have results, or -1 if there is none and the ring is of no more use. */
static int
ring_run(struct evtun_ring *ring, int n)
{
	int submitted, packets, got;

	ring->staged = 0;
	submitted = ring_submit(ring, n + 2);
	packets = submitted - 1 < n ? submitted - 1 : n;
	got = ring_collect(ring, packets);
	if (submitted < n + 2 || got < packets)
		ring->dead = 1;
	if (!ring->dead)
		return got;
	io_uring_unregister_files(&ring->uring);
	return got > 0 && !ring->no_device ? got : -1;
}

/* ---- a ring's life ---- */

/* A device that takes no more for now (EAGAIN) could take the next packet a
 * moment later; without a limit that does not happen. */
static int
device_has_limit(int fd)
{
	int limit;

	return ioctl(fd, TUNGETSNDBUF, &limit) < 0 || limit != INT_MAX;
}

static int
ring_map(struct evtun_ring *ring, size_t size)
{
	ring->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring->memory == MAP_FAILED) {
		ring->memory = NULL;
		return -1;
	}
	ring->size = size;
	ring->memory[0] = 1;
	/* A huge page would be all of it at the first touch. */
	madvise(ring->memory, size, MADV_NOHUGEPAGE);
	return madvise(ring->memory, size, MADV_WIPEONFORK);
}

static int
ring_set_up(struct evtun_ring *ring, int packets)
{
	struct io_uring_params params;

	memset(&params, 0, sizeof(params));
	params.flags = IORING_SETUP_SUBMIT_ALL;
	if (io_uring_queue_init_params((unsigned)packets + 2, &ring->uring,
	    &params) < 0)
		return -1;
	if ((params.features & FEATURES) == FEATURES &&
	    io_uring_register_files_sparse(&ring->uring, 1) == 0)
		return 0;
	io_uring_queue_exit(&ring->uring);
	return -1;
}

/* Whether it does what all this builds on, with a read of nothing: that takes
 * no packet, but fails where a device knows no RWF_NOWAIT, as in kernels
 * before 6.4. */
static int
ring_works(struct evtun_ring *ring)
{
	put_file(ring, &ring->file, FILE_IN);
	put_packet(ring, 0, ring->memory, 0, 0);
	put_file(ring, &ring->no_file, FILE_OUT);
	return ring_run(ring, 1) == 1 && ring->results[0] == 0 && !ring->dead;
}

struct evtun_ring *
evtun_ring_new_(evutil_socket_t fd, int for_writing)
{
	size_t room = for_writing ? 0 :
	    (size_t)EVTUN_RING_READS_ * EVTUN_RING_SPACE_;
	struct evtun_ring *ring;

	if (for_writing && device_has_limit(fd))
		return NULL;
	ring = calloc(1, sizeof(*ring));
	if (ring == NULL)
		return NULL;
	ring->file = fd;
	ring->no_file = -1;
	if (ring_map(ring, MARK_SIZE + room) < 0 || ring_set_up(ring,
	    for_writing ? EVTUN_RING_WRITES_ : EVTUN_RING_READS_) < 0)
		goto none;
	if (ring_works(ring))
		return ring;
	io_uring_queue_exit(&ring->uring);
none:
	if (ring->memory != NULL)
		munmap(ring->memory, ring->size);
	free(ring);
	return NULL;
}

void
evtun_ring_free_(struct evtun_ring *ring)
{
	if (ring == NULL)
		return;
	io_uring_queue_exit(&ring->uring);
	munmap(ring->memory, ring->size);
	free(ring);
}

/* ---- packets ---- */

int
evtun_ring_read_(struct evtun_ring *ring, int n)
{
	int i;

	if (!ring_is_usable(ring))
		return -1;
	if (ring->staged > STAGED_MAX) {
		madvise(ring->memory, ring->size, MADV_DONTNEED);
		ring->memory[0] = 1;
	}
	if (n > EVTUN_RING_READS_)
		n = EVTUN_RING_READS_;
	ring->n = ring->taken = 0;
	put_file(ring, &ring->file, FILE_IN);
	for (i = 0; i < n; i++)
		put_packet(ring, 0, ring_slot(ring, i), EVTUN_RING_SPACE_, i);
	put_file(ring, &ring->no_file, FILE_OUT);
	n = ring_run(ring, n);
	ring->n = n > 0 ? n : 0;
	return n;
}

ev_ssize_t
evtun_ring_take_(struct evtun_ring *ring, void *to, size_t space)
{
	size_t len;
	int i, res;

	/* In a child they are the parent's. */
	while (ring->taken < ring->n && ring->memory[0] == 1) {
		i = ring->taken++;
		res = ring->results[i];
		/* A packet may have come after a read found none. */
		if (res == -EAGAIN)
			continue;
		if (res < 0) {
			errno = -res;
			return -1;
		}
		len = (size_t)res < space ? (size_t)res : space;
		memcpy(to, ring_slot(ring, i), len);
		return res;
	}
	errno = EAGAIN;
	return -1;
}

/* A packet that the device had no room for, or that found the interface down,
 * is lost if a later one was written: to try again would be to change the
 * order. */
static void
tell(const struct evtun_ring *ring, int n, int *errs)
{
	int i, is_sent = 0, is_full = 0;

	for (i = n - 1; i >= 0; i--) {
		errs[i] = ring->results[i] < 0 ? -ring->results[i] : 0;
		if ((errs[i] == EAGAIN || errs[i] == EIO) && is_sent)
			errs[i] = ENOBUFS;
		is_sent |= errs[i] == 0;
	}
	for (i = 0; i < n; i++) {
		is_full |= errs[i] == EAGAIN;
		if (is_full)
			errs[i] = EAGAIN;
	}
}

int
evtun_ring_write_(struct evtun_ring *ring, const struct evbuffer_iovec *pkts,
    int n, int *errs)
{
	int i;

	if (!ring_is_usable(ring))
		return -1;
	if (n > EVTUN_RING_WRITES_)
		n = EVTUN_RING_WRITES_;
	put_file(ring, &ring->file, FILE_IN);
	for (i = 0; i < n; i++)
		put_packet(ring, 1, pkts[i].iov_base, pkts[i].iov_len, i);
	put_file(ring, &ring->no_file, FILE_OUT);
	n = ring_run(ring, n);
	tell(ring, n, errs);
	return n;
}
