#ifndef EVTUN_PASS_H_INCLUDED_
#define EVTUN_PASS_H_INCLUDED_
/**
   @file evtun/pass.h

   Devices that change hands: from a privileged process to one without
   privileges, and from one run of a daemon to its next.

   Whoever has the descriptor of a device has the device: on Linux it may set
   the hardware address, owner, persistence, offload, carrier and filters
   without privilege, whatever user it is.  A receiver that should not had
   better be kept from ioctl() by a filter (see samples/privsep.c); what moves
   packets needs none.

   Functions return -1 or NULL on error and leave the reason in errno;
   evtun_get_error() has the words.
 */
#include <event2/util.h>

#include <evtun/tun.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
   Send a device over a connected Unix socket, in one message: the descriptor,
   and what the receiver cannot find out by itself.

   The device stays open here, for both to use; evtun_free() it to have it be
   the receiver's alone.  Both share what is set, so that a packetevent should
   not have it in more than one process.  To switch offload off at the end,
   where the interface stays (EVTUN_OPT_PERSIST), is left to the receiver's
   evtun_free(); the sender's does not, from now on.

   @param sock SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM.  On a nonblocking
      one EAGAIN says that nothing was sent; on a stream, that the rest of the
      message would not fit is an error (EMSGSIZE), for its end is lost
   @return 0 on success, -1 on error: EINVAL if it is no such socket, ENOTCONN
      if it is not connected, EPIPE or ECONNREFUSED if the other end is closed
      (no signal is sent), ENXIO if the device is gone, ENOTSUP where a device
      is not one descriptor
 */
int evtun_send_device(struct evtun *tun, evutil_socket_t sock);

/**
   Receive a device that evtun_send_device() has sent.

   What the message says is compared with what the kernel says of the
   descriptor, through ioctl() alone: kind, packet information as far as it is
   told, queues, header and byte order.  A contradiction is refused with
   EBADMSG and the descriptor closed, with nothing about it changed; so is a
   message of another kind, or version, or with more than one descriptor, all
   of which are closed.  After EBADMSG a stream is of no more use.  Where a
   filter refuses ioctl() the message is believed.  Needs no privilege, and the
   interface may be in another network namespace: see evtun_new_fd() for what
   can be asked of it without.

   Call it before a filter that kills.  After one, evtun_free() takes
   close(), getpid() and, where offload is to be switched off, ioctl().

   @param sock the other end; with a nonblocking one, EAGAIN says that nothing
      has come yet, or not all of it: what has come of a stream stays there,
      60 bytes before any of it is looked at
   @param options EVTUN_OPT_INHERIT or 0, else EINVAL: all other options are
      as they were sent
   @return a device, or NULL on error: ECONNRESET if the sender has closed the
      socket (a SOCK_DGRAM one does not tell), ENXIO if the device is gone
 */
struct evtun *evtun_receive_device(evutil_socket_t sock, int options);

/** What evtun_receive_device() was told of the interface, and cannot be asked
    where that is in another namespace: as it was when it was sent.  0 for a
    device that was not received, or if the sender could not tell. */
int evtun_get_sent_mtu(const struct evtun *tun);
unsigned evtun_get_sent_index(const struct evtun *tun);

/**
   Adopt the devices that a service manager has passed to this process
   (LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES: sd_listen_fds(3)).

   Descriptors that are no devices are passed over, and left open; they are
   somebody else's.  So are those that nobody has open, and devices whose
   interface is gone.  The environment is left as it is, for others to read; a
   second call finds the same descriptors again, so call it once.

   @param name those of that name alone, or NULL for all; "unknown" is the name
      of all of them where LISTEN_FDNAMES is not set
   @param options as for evtun_new_fd(); those of the other kind, TUN or TAP,
      are passed over
   @param tuns becomes an array of devices, for free(), also if there are
      none; each of them is for evtun_free().  NULL on error
   @return how many, 0 if there are none or they are for another process; or
      -1 on error, and then none is adopted: EINVAL if the variables make no
      sense, or what evtun_new_fd() said of one of them
 */
int evtun_listen_devices(const char *name, int options, struct evtun ***tuns);

/**
   Give a copy of the device's descriptor to the service manager, which keeps
   it while the daemon is restarted, and with it the interface: up, with its
   addresses and routes.  The next run finds it with evtun_listen_devices().

   Sends FDSTORE=1 and FDNAME=name to the socket in NOTIFY_SOCKET: see
   sd_notify(3), sd_pid_notify_with_fds(3).  The unit needs
   FileDescriptorStoreMax=.  Best done as soon as the device is made, and once:
   then a crash is survived as well.  Offload stays switched on from now on,
   as the next run needs it.

   @param name 1 to 255 printable ASCII characters without ':', else EINVAL
   @return 0 if it was sent, -1 on error: ENOENT if there is no service manager
      (the variable is not set, or the socket not there), EINVAL for an address
      that is neither a path nor an abstract name
 */
int evtun_store_device(struct evtun *tun, const char *name);

/** Have the service manager forget what it keeps under that name
    (FDSTOREREMOVE=1). */
int evtun_unstore_device(const char *name);

#ifdef __cplusplus
}
#endif
#endif /* EVTUN_PASS_H_INCLUDED_ */
