/* SPDX-License-Identifier: Apache-2.0 */
/* The conditions of `is:`. */
#include "filter/node.h"

static bool is_error(const struct flow *f)
{
	return f->failed || f->state == FLOW_RESET;
}

static bool is_slow(const struct flow *f)
{
	return flow_duration_ns(f) >= 1000000000;
}

static bool is_pending(const struct flow *f)
{
	return f->state == FLOW_OPEN;
}

static bool is_unanswered(const struct flow *f)
{
	return f->state == FLOW_UNANSWERED;
}

static bool is_truncated(const struct flow *f)
{
	return f->flags & FLOW_TRUNCATED;
}

static bool is_gap(const struct flow *f)
{
	return f->flags & FLOW_AFTER_GAP;
}

static bool is_midstream(const struct flow *f)
{
	return f->flags & FLOW_MIDSTREAM;
}

static bool is_redacted(const struct flow *f)
{
	return f->flags & FLOW_REDACTED;
}

static bool is_tls(const struct flow *f)
{
	return f->conn->tls != NULL;
}

static bool is_marked(const struct flow *f)
{
	return f->mark && f->mark->colour;
}

static bool is_noted(const struct flow *f)
{
	return f->mark && f->mark->note;
}

static bool is_pinned(const struct flow *f)
{
	return f->mark && f->mark->pinned;
}

static bool is_stream(const struct flow *f)
{
	return f->streams;
}

static bool is_undecrypted(const struct flow *f)
{
	return strcmp(f->proto, "tls") == 0;
}

/* Loopback, private use, link-local and unique local: RFC 6890, 2.2. */
static bool is_inside(const uint8_t addr[16])
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff }, none[16];
	const uint8_t *p = addr + 12;

	if (memcmp(addr, v4, sizeof(v4)) == 0)
		return p[0] == 127 || p[0] == 10 || p[0] == 0 || (p[0] == 172 && (p[1] & 0xf0) == 16) ||
		       (p[0] == 192 && p[1] == 168) || (p[0] == 169 && p[1] == 254) ||
		       (p[0] == 100 && (p[1] & 0xc0) == 64);
	return (memcmp(addr, none, 15) == 0 && addr[15] <= 1) || (addr[0] & 0xfe) == 0xfc ||
	       (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80);
}

static bool is_external(const struct flow *f)
{
	return !flow_is_unix(f->conn) &&
	       (!is_inside(f->conn->client.addr) || !is_inside(f->conn->server.addr));
}

static bool is_local(const struct flow *f)
{
	return !is_external(f);
}

static const struct condition conditions[] = {
	{ "error", is_error, "failed by its protocol's own rules, or broken off" },
	{ "slow", is_slow, "took a second or more" },
	{ "pending", is_pending, "not answered yet" },
	{ "unanswered", is_unanswered, "never answered" },
	{ "truncated", is_truncated, "a body was cut at the limit" },
	{ "gap", is_gap, "bytes were lost" },
	{ "midstream", is_midstream, "its connection was open before capture began" },
	{ "redacted", is_redacted, "imported without its secrets" },
	{ "tls", is_tls, "encrypted on the wire" },
	{ "undecrypted", is_undecrypted, "TLS that is not read" },
	{ "stream", is_stream, "a conversation, with messages" },
	{ "local", is_local, "both ends have private addresses, or a unix socket" },
	{ "external", is_external, "an end has a public address" },
	{ "marked", is_marked, "somebody gave it a colour on the page" },
	{ "noted", is_noted, "somebody wrote a note beside it" },
	{ "pinned", is_pinned, "somebody pinned it: it is evicted last" },
	{ 0 },
};

const struct condition *condition_table(void)
{
	return conditions;
}
