#ifndef PING_ANSWER_H_INCLUDED_
#define PING_ANSWER_H_INCLUDED_
/*
 * What a host answers, made of the question in place.  Both functions return
 * the length of the answer, or 0 if there is none.
 */
#include <stddef.h>

/* An answer may be that much longer than the question: the room for it must
 * be there. */
#define ANSWER_TAIL 8

/* Answer an echo request, IPv4 or IPv6. */
size_t answer_packet(unsigned char *ip, size_t len);

/* Answer one in an Ethernet frame, ARP or a neighbour solicitation. */
size_t answer_frame(unsigned char *frame, size_t len);

#endif /* PING_ANSWER_H_INCLUDED_ */
