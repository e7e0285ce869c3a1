/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

static uint64_t first_of(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

int64_t flow_time_ns(const struct flow *f)
{
	return (int64_t)first_of(f->req.begin_ns, f->resp.begin_ns) + f->epoch_ns;
}

uint64_t flow_duration_ns(const struct flow *f)
{
	if (!f->req.begin_ns || f->resp.end_ns < f->req.begin_ns)
		return 0;
	return f->resp.end_ns - f->req.begin_ns;
}

uint64_t flow_ttfb_ns(const struct flow *f)
{
	uint64_t from = f->req.end_ns;

	if (!f->req.begin_ns || !f->resp.begin_ns)
		return 0;
	/* An answer that begins before the request has ended (a refused upload) has no wait; count from the
	 * request's first byte instead of going below zero. */
	if (!from || from > f->resp.begin_ns)
		from = f->req.begin_ns;
	return f->resp.begin_ns > from ? f->resp.begin_ns - from : 0;
}

const char *flow_header(const struct flow_half *h, const char *name)
{
	struct slice n = slice_str(name);
	char first = (char)(*name | 0x20);

	for (size_t i = 0; i < h->nheaders; i++) {
		const char *key = h->headers[i].key;

		if ((*key | 0x20) == first && slice_eq_nocase(slice_str(key), n))
			return h->headers[i].value;
	}
	return NULL;
}

bool flow_is_unix(const struct flow_conn *c)
{
	return c->l4 && strcmp(c->l4, "unix") == 0;
}

const char *flow_state_name(enum flow_state s)
{
	switch (s) {
	case FLOW_OPEN:
		return "open";
	case FLOW_DONE:
		return "done";
	case FLOW_UNANSWERED:
		return "unanswered";
	case FLOW_RESET:
		return "reset";
	}
	return "open";
}

const char *flow_tls_flag_name(unsigned flag)
{
	static const char *const names[] = { "resumed", "retried", "early_data", "ech", "client_certificate" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (flag == 1u << i)
			return names[i];
	return NULL;
}

const char *flow_mark_name(unsigned colour)
{
	static const char *const names[FLOW_MARK_MAX] = { "red",   "orange", "yellow",
							  "green", "blue",   "purple" };

	return colour > 0 && colour <= FLOW_MARK_MAX ? names[colour - 1] : NULL;
}

const char *flow_flag_name(unsigned flag)
{
	static const struct {
		unsigned flag;
		const char *name;
	} names[] = {
		{ FLOW_TRUNCATED, "truncated" },       { FLOW_AFTER_GAP, "after_gap" },
		{ FLOW_MIDSTREAM, "midstream" },       { FLOW_PEER_INFERRED, "peer_inferred" },
		{ FLOW_NO_REQUEST, "no_request" },     { FLOW_BAD_FRAMING, "bad_framing" },
		{ FLOW_DECODE_ERROR, "decode_error" }, { FLOW_REDACTED, "redacted" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].flag == flag)
			return names[i].name;
	return NULL;
}

void flow_id_format(const uint8_t id[16], char ret[37])
{
	static const char hex[] = "0123456789abcdef";
	char *p = ret;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[id[i] >> 4];
		*p++ = hex[id[i] & 15];
	}
	*p = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int flow_id_parse(const char *s, uint8_t ret_id[16])
{
	uint8_t id[16];

	for (size_t i = 0; i < 16; i++) {
		int hi, lo;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
			return -EINVAL;
		hi = hex_digit(s[0]);
		lo = hi < 0 ? -1 : hex_digit(s[1]);
		if (lo < 0)
			return -EINVAL;
		id[i] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	if (*s)
		return -EINVAL;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

void flow_addr_format(const uint8_t addr[16], char ret[46])
{
	static const uint8_t none[16], v4[12] = { [10] = 0xff, [11] = 0xff };

	ret[0] = '\0';
	if (memcmp(addr, none, 16) == 0)
		return;
	if (memcmp(addr, v4, sizeof(v4)) == 0) { /* inet_ntop prints these ten times slower */
		for (int i = 12; i < 16; i++) {
			unsigned v = addr[i];

			if (v > 99)
				*ret++ = (char)('0' + v / 100);
			if (v > 9)
				*ret++ = (char)('0' + v / 10 % 10);
			*ret++ = (char)('0' + v % 10);
			*ret++ = i < 15 ? '.' : '\0';
		}
	} else {
		(void)inet_ntop(AF_INET6, addr, ret, 46); /* 46 bytes fit every address */
	}
}

const char *flow_container_name(const struct flow_peer *p, char room[FLOW_NAME_MAX])
{
	if (!p->pod || !p->container || strcmp(p->pod, p->container) == 0)
		return p->container;
	(void)snprintf(room, FLOW_NAME_MAX, "%s/%s", p->pod, p->container); /* cut */
	return room;
}

static size_t end_of(const char *s, size_t n, const char *set, size_t *ret_len)
{
	size_t i = n;

	while (i > 0 && strchr(set, s[i - 1]))
		i--;
	*ret_len = n - i;
	return i;
}

#define DIGITS "0123456789"

/* The length of s without its last word, which is of the characters in set, min to max of them, behind a '-' (or '_'); n when
 * it has none. */
static size_t without(const char *s, size_t n, const char *set, size_t min, size_t max)
{
	size_t len, at = end_of(s, n, set, &len);

	if (len < min || len > max || at < 2 || (s[at - 1] != '-' && s[at - 1] != '_'))
		return n;
	return at - 1;
}

/* Of a pod: "NAME-HASH-XXXXX" or "NAME-0".  The random words are of these characters (Kubernetes'
 * apimachinery, util/rand: no vowels, no 0, 1 and 3). */
static size_t workload(const char *pod, size_t n)
{
	static const char safe[] = "bcdfghjklmnpqrstvwxz2456789";
	size_t first = without(pod, n, safe, 5, 5), second;

	if (first == n)
		return without(pod, n, DIGITS, 1, 5);
	second = without(pod, first, safe, 6, 10); /* of a ReplicaSet */
	if (second == first)
		second = without(pod, first, DIGITS, 8, 10); /* of a CronJob: its time */
	return second == first ? n : second;
}

const char *flow_service_name(const struct flow_peer *p, char room[FLOW_NAME_MAX])
{
	const char *name = p->pod ? p->pod : p->container;
	size_t n = name ? strlen(name) : 0, skip = p->project ? strlen(p->project) : 0, end = n;

	if (p->pod) {
		end = workload(name, n);
		skip = 0;
	} else if (name && skip > 0 && n > skip + 1 && strncmp(name, p->project, skip) == 0 &&
		   (name[skip] == '-' || name[skip] == '_')) {
		skip++;
		end = without(name, n, DIGITS, 1, 5);
		if (end == n)
			end = without(name, n, DIGITS "abcdef", 12, 12);
		if (end < n && end > skip + 4 &&
		    (strncmp(name + end - 4, "-run", 4) == 0 || strncmp(name + end - 4, "_run", 4) == 0))
			end -= 4;
	} else {
		skip = 0;
	}
	if (skip == 0 && end == n)
		return name;
	if (end <= skip || end == n) /* a name that somebody chose */
		return name;
	(void)snprintf(room, FLOW_NAME_MAX, "%.*s", (int)(end - skip), name + skip);
	return room;
}
