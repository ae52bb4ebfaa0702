#ifndef EVTUN_TESTS_IP_JSON_H_INCLUDED_
#define EVTUN_TESTS_IP_JSON_H_INCLUDED_
/*
 * What ip(8) says of interfaces, in the network namespace at hand.  A test
 * without ip is skipped; one where it fails fails.
 */
#include <stdlib.h>
#include <string.h>

#include <check.h>

/* Run "ip -d -j ...", and return what it prints, to be freed.
 *
 *	ip_json("-s link show dev %s", name)
 */
char *ip_json(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether that has those words in it: "\"mtu\":1400". */
int ip_says(const char *words, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Run "ip ..." for what it does; and whether it could. */
void ip_do(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ip_can(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Fail unless it has them, and show what it has. */
#define ip_must_say(words, ...) do { \
	char *ip_text_ = ip_json(__VA_ARGS__); \
	ck_assert_msg(strstr(ip_text_, (words)) != NULL, \
	    "not in what ip says: %s\n%s", (words), ip_text_); \
	free(ip_text_); \
} while (0)
#define ip_must_not_say(words, ...) do { \
	char *ip_text_ = ip_json(__VA_ARGS__); \
	ck_assert_msg(strstr(ip_text_, (words)) == NULL, \
	    "in what ip says: %s\n%s", (words), ip_text_); \
	free(ip_text_); \
} while (0)

#endif /* EVTUN_TESTS_IP_JSON_H_INCLUDED_ */
