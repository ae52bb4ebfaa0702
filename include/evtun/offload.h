#ifndef EVTUN_OFFLOAD_H_INCLUDED_
#define EVTUN_OFFLOAD_H_INCLUDED_
/**
   @file evtun/offload.h

   What a device with EVTUN_OPT_OFFLOAD says of a frame, for programs that
   want large frames as they are: see packetevent_set_large().  All others
   read and write ordinary packets, and need none of this.

   A large frame is a packet with the payload of many: the headers, once, and
   then the payload of one segment after the other.  Its length fields are
   those of the whole, and its checksum is begun, not finished.
 */
#include <event2/util.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Flags of a frame
    @{ */
/** The checksum at csum_start + csum_offset is still to be computed, over all
    from csum_start to the end.  The field holds the sum of the pseudo-header,
    not complemented. */
#define EVTUN_OFFLOAD_NEEDS_CSUM 0x01
/** The checksum has been found right, and need not be looked at. */
#define EVTUN_OFFLOAD_DATA_VALID 0x02
/** The outer UDP header of a tunnel has a checksum (else it is 0). */
#define EVTUN_OFFLOAD_TUNNEL_CSUM 0x08
/**@}*/

/** @name What a frame is to be split into
    @{ */
#define EVTUN_OFFLOAD_NONE	0x00	/**< an ordinary packet */
#define EVTUN_OFFLOAD_TCP4	0x01	/**< TCP segments in IPv4 */
#define EVTUN_OFFLOAD_TCP6	0x04	/**< TCP segments in IPv6 */
#define EVTUN_OFFLOAD_UDP	0x05	/**< UDP datagrams, in either */
/** Added to one of those: it is inside of a UDP tunnel, as VXLAN and Geneve
    are, over IPv4 or over IPv6. */
#define EVTUN_OFFLOAD_TUNNEL4	0x20
#define EVTUN_OFFLOAD_TUNNEL6	0x40
/** Added to one of TCP: CWR belongs to the first segment alone (RFC 3168). */
#define EVTUN_OFFLOAD_ECN	0x80
/**@}*/

/**
   The description of one frame.

   The fields, and the values, are those of struct virtio_net_hdr (OASIS
   virtio 1.3, section 5.1.6; Linux: linux/virtio_net.h), but in the byte
   order of the machine.  Positions are bytes from the beginning of the IP
   packet or, on TAP, of the Ethernet frame.
 */
struct evtun_offload {
	ev_uint8_t flags;		/**< EVTUN_OFFLOAD_NEEDS_CSUM, ... */
	ev_uint8_t gso_type;		/**< EVTUN_OFFLOAD_TCP4, ... */
	ev_uint16_t hdr_len;		/**< of all headers: a hint */
	ev_uint16_t gso_size;		/**< payload of a segment, in bytes */
	ev_uint16_t csum_start;		/**< where to begin to sum up */
	ev_uint16_t csum_offset;	/**< the field, from csum_start */
	ev_uint16_t outer_th_offset;	/**< tunnels: the outer UDP header */
	ev_uint16_t inner_nh_offset;	/**< tunnels: the inner IP header */
};

#ifdef __cplusplus
}
#endif
#endif /* EVTUN_OFFLOAD_H_INCLUDED_ */
