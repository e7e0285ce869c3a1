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

static const struct condition conditions[] = {
	{ "error", is_error, "failed by its protocol's own rules, or broken off" },
	{ "slow", is_slow, "took a second or more" },
	{ "pending", is_pending, "not answered yet" },
	{ "unanswered", is_unanswered, "never answered" },
	{ "truncated", is_truncated, "a body was cut at the limit" },
	{ "gap", is_gap, "bytes were lost" },
	{ "midstream", is_midstream, "its connection was open before capture began" },
	{ "tls", is_tls, "encrypted on the wire" },
	{ "marked", is_marked, "somebody gave it a colour on the page" },
	{ "noted", is_noted, "somebody wrote a note beside it" },
	{ "pinned", is_pinned, "somebody pinned it: it is evicted last" },
	{ 0 },
};

const struct condition *condition_table(void)
{
	return conditions;
}
