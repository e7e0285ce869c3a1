/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "sink/text_priv.h"

/* web, curl@10.0.0.1; of a unix socket's ends curl and dockerd@/run/docker.sock. */
static void put_unix_peer(struct buf *b, const struct flow_peer *p, const char *path)
{
	char in_pod[FLOW_NAME_MAX];
	const char *name = p->container ? flow_container_name(p, in_pod) : p->comm;

	if (name)
		term_put(b, slice_str(name), TERM_LINE);
	if (name && path)
		buf_puts(b, "@");
	if (path)
		term_put(b, slice_str(path), TERM_LINE);
	if (!name && !path)
		buf_puts(b, "?");
}

void text_peer(struct buf *b, const struct flow_conn *c, const struct flow_peer *p,
		     bool with_port)
{
	char addr[46], in_pod[FLOW_NAME_MAX];

	if (flow_is_unix(c)) {
		put_unix_peer(b, p, with_port ? c->path : NULL);
		return;
	}
	if (p->container) {
		term_put(b, slice_str(flow_container_name(p, in_pod)), TERM_LINE);
	} else {
		flow_addr_format(p->addr, addr);
		if (p->comm && p->comm[0]) {
			term_put(b, slice_str(p->comm), TERM_LINE);
			buf_puts(b, "@");
		}
		buf_puts(b, addr[0] ? addr : "?");
	}
	if (with_port && p->port) {
		buf_puts(b, ":");
		buf_put_u64(b, p->port, 1);
	}
}

void text_duration(struct buf *b, uint64_t ns)
{
	double v = (double)ns;

	if (ns == 0) {
		buf_puts(b, "-");
	} else if (ns < 1000000u) {
		buf_put_u64(b, (ns + 500) / 1000, 1);
		buf_puts(b, " µs");
	} else if (ns < 1000000000u) {
		buf_printf(b, "%.*f ms", ns < 10000000u ? 2 : ns < 100000000u ? 1 : 0, v / 1e6);
	} else {
		buf_printf(b, "%.2f s", v / 1e9);
	}
}

void text_size(struct buf *b, uint64_t n)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB" };
	double v = (double)n;
	size_t u = 0;

	if (n < 1000) {
		buf_put_u64(b, n, 1);
		buf_puts(b, " B");
		return;
	}
	for (v /= 1000; v >= 999.95 && u < 3; u++)
		v /= 1000;
	buf_printf(b, "%.1f %s", v, units[u]);
}

void text_time(struct text *t, struct buf *b, int64_t unix_ns, bool ms)
{
	time_t s = (time_t)(unix_ns / 1000000000);
	struct tm tm;

	if (unix_ns <= 0 || (s != t->second && !localtime_r(&s, &tm))) {
		buf_puts(b, ms ? "--:--:--.---" : "--:--:--");
		return;
	}
	if (s != t->second) {
		t->second = s;
		(void)snprintf(t->clock, sizeof(t->clock), "%02u:%02u:%02u", (unsigned)tm.tm_hour % 24,
			       (unsigned)tm.tm_min % 60, (unsigned)tm.tm_sec % 61);
	}
	buf_puts(b, t->clock);
	if (!ms)
		return;
	buf_puts(b, ".");
	buf_put_u64(b, (uint64_t)(unix_ns / 1000000 % 1000), 3);
}

const char *text_status_colour(const struct flow *f)
{
	if (f->failed || f->state == FLOW_RESET)
		return "\033[31m";
	if (f->state == FLOW_OPEN)
		return "\033[36m";
	return f->state == FLOW_UNANSWERED ? "\033[33m" : "\033[32m";
}

static const char *attr(const struct flow_half *h, const char *key)
{
	for (size_t i = 0; i < h->nattrs; i++)
		if (strcmp(h->attrs[i].key, key) == 0)
			return h->attrs[i].value;
	return NULL;
}

/* What a SQL answer is about. */
static void put_count(struct buf *b, const struct flow_half *h)
{
	const char *rows = attr(h, "rows"), *affected = attr(h, "affected"), *n = rows ? rows : affected;

	if (!n)
		return;
	buf_puts(b, " ");
	term_put(b, slice_str(n), TERM_LINE);
	buf_puts(b, strcmp(n, "1") == 0 ? " row" : " rows");
}

void text_status(struct buf *b, const struct flow *f, bool brief)
{
	if (f->state == FLOW_OPEN)
		buf_puts(b, f->has_resp && f->resp.status ? "open " : "open");
	if (f->has_resp && f->resp.status) {
		term_put(b, slice_str(f->resp.status), TERM_LINE);
		if (f->resp.reason && f->resp.reason[0] && !brief) {
			buf_puts(b, " ");
			term_put(b, slice_str(f->resp.reason), TERM_CELL);
		}
		if (!f->failed && !brief)
			put_count(b, &f->resp);
		if (f->state != FLOW_RESET)
			return;
		buf_puts(b, brief ? " " : ", ");
	}
	buf_puts(b, f->state == FLOW_DONE    ? "done"
		    : f->state == FLOW_OPEN  ? ""
		    : f->state == FLOW_RESET ? brief ? "broken" : "connection broken"
					     : "no answer");
}

void text_flags(struct buf *b, unsigned flags)
{
	const char *sep = "  [";

	for (unsigned bit = 1; bit && bit <= flags; bit <<= 1) {
		const char *name = flags & bit ? flow_flag_name(bit) : NULL;

		if (!name)
			continue;
		buf_printf(b, "%s%s", sep, name);
		sep = " ";
	}
	if (sep[0] == ' ' && sep[1] == 0)
		buf_puts(b, "]");
}
