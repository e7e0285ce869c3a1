/* SPDX-License-Identifier: Apache-2.0 */
/* A flow as a line for people:
 *
 *   13:00:00.123  web → api:8080  GET /v1/users?x=1  200 OK  1.23 ms  1.0 kB
 *
 * Nothing captured reaches the terminal unescaped: control characters could move the cursor,
 * rename the window or type.
 */
#include "sink/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sink/out.h"

#define BODY_MAX       (64u << 10) /* bytes of a body printed */
#define LINE_MAX_BYTES 8192u

struct text {
	struct sink base; /* first: a struct sink * is a struct text * */
	struct out out;
	struct sink_text_options o;
};

static struct text *of(struct sink *s)
{
	return (struct text *)s;
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* s with everything that is not plain text made visible; "\n" and tabs stay when lines is set. */
static void put_safe(struct buf *b, struct slice s, bool lines)
{
	while (s.n) {
		size_t n = utf8_len(s);
		/* C0, DEL, and C1, which is 0xc2 0x80..0x9f in UTF-8 */
		bool control =
			s.p[0] < 32 || s.p[0] == 127 || (n == 2 && s.p[0] == 0xc2 && s.p[1] < 0xa0);

		if (n == 0 || control)
			n = n ? n : 1;
		if (lines && (s.p[0] == '\n' || s.p[0] == '\t')) {
			buf_put(b, slice_cut(s, 0, 1));
		} else if (utf8_len(s) == 0 || control) {
			if (!(lines && s.p[0] == '\r'))
				for (size_t i = 0; i < n; i++)
					buf_printf(b, "\\x%02x", s.p[i]);
		} else {
			buf_put(b, slice_cut(s, 0, n));
		}
		s = slice_cut(s, n, s.n);
	}
}

static size_t columns(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

/* At most width columns of s, with an ellipsis where it was cut. */
static void put_cut(struct buf *b, struct slice s, size_t width)
{
	size_t i = 0;

	if (columns(s) <= width) {
		buf_put(b, s);
		return;
	}
	for (size_t n = 1; i < s.n && n < width;) {
		size_t len = utf8_len(slice_cut(s, i, s.n));

		i += len ? len : 1;
		n++;
	}
	buf_put(b, slice_cut(s, 0, i));
	if (width)
		buf_puts(b, "…");
}

/* web, curl@10.0.0.1; of a unix socket's ends curl and dockerd@/run/docker.sock. */
static void put_unix_peer(struct buf *b, const struct flow_peer *p, const char *path)
{
	char in_pod[FLOW_NAME_MAX];
	const char *name = p->container ? flow_container_name(p, in_pod) : p->comm;

	if (name)
		put_safe(b, slice_str(name), false);
	if (name && path)
		buf_puts(b, "@");
	if (path)
		put_safe(b, slice_str(path), false);
	if (!name && !path)
		buf_puts(b, "?");
}

static void put_peer(struct buf *b, const struct flow_conn *c, const struct flow_peer *p,
		     bool with_port)
{
	char addr[46], in_pod[FLOW_NAME_MAX];

	if (flow_is_unix(c)) {
		put_unix_peer(b, p, with_port ? c->path : NULL);
		return;
	}
	if (p->container) {
		put_safe(b, slice_str(flow_container_name(p, in_pod)), false);
	} else {
		flow_addr_format(p->addr, addr);
		if (p->comm && p->comm[0]) {
			put_safe(b, slice_str(p->comm), false);
			buf_puts(b, "@");
		}
		buf_puts(b, addr[0] ? addr : "?");
	}
	if (with_port && p->port)
		buf_printf(b, ":%u", p->port);
}

static void put_duration(struct buf *b, uint64_t ns)
{
	double v = (double)ns;

	if (ns == 0)
		buf_puts(b, "-");
	else if (ns < 1000000u)
		buf_printf(b, "%.0f µs", v / 1e3);
	else if (ns < 1000000000u)
		buf_printf(b, "%.*f ms", ns < 10000000u ? 2 : ns < 100000000u ? 1 : 0, v / 1e6);
	else
		buf_printf(b, "%.2f s", v / 1e9);
}

static void put_size(struct buf *b, uint64_t n)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB" };
	double v = (double)n;
	size_t u = 0;

	if (n < 1000) {
		buf_printf(b, "%u B", (unsigned)n);
		return;
	}
	for (v /= 1000; v >= 999.95 && u < 3; u++)
		v /= 1000;
	buf_printf(b, "%.1f %s", v, units[u]);
}

static void put_time(struct buf *b, int64_t ns)
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;

	if (ns <= 0 || !localtime_r(&s, &tm)) {
		buf_puts(b, "--:--:--.---");
		return;
	}
	buf_printf(b, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (int)(ns / 1000000 % 1000));
}

static const char *status_colour(const struct flow *f)
{
	if (f->failed || f->state == FLOW_RESET)
		return "\033[31m";
	return f->state == FLOW_UNANSWERED ? "\033[33m" : "\033[32m";
}

static void colour(const struct text *t, const char *code)
{
	struct buf *b = (struct buf *)&t->out.wait;

	if (t->o.colour)
		buf_puts(b, code);
}

/* --- a flow ----------------------------------------------------------------------------------- */

static void put_status(struct buf *b, const struct flow *f)
{
	if (f->has_resp && f->resp.status) {
		put_safe(b, slice_str(f->resp.status), false);
		if (f->resp.reason && f->resp.reason[0]) {
			buf_puts(b, " ");
			put_safe(b, slice_str(f->resp.reason), false);
		}
		if (f->state != FLOW_RESET)
			return;
		buf_puts(b, ", ");
	}
	buf_puts(b, f->state == FLOW_DONE    ? "done"
		    : f->state == FLOW_RESET ? "connection broken"
					     : "no answer");
}

static void put_flags(struct buf *b, unsigned flags)
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

static struct slice or_empty(const char *s)
{
	return slice_cut(slice_str(s), 0, LINE_MAX_BYTES);
}

/* The parts before and after the target have their width; the target gets what is left. */
static void put_line(struct text *t, const struct flow *f)
{
	struct buf head = { 0 }, target = { 0 }, status = { 0 }, tail = { 0 }, *b = &t->out.wait;
	size_t used, width = t->o.width;

	put_time(&head, flow_time_ns(f));
	buf_puts(&head, "  ");
	put_peer(&head, f->conn, &f->conn->client, false);
	buf_puts(&head, " → ");
	put_peer(&head, f->conn, &f->conn->server, true);
	buf_puts(&head, f->conn->tls ? "  tls " : "  ");
	put_safe(&head, or_empty(f->has_req ? f->req.op : "?"), false);
	buf_puts(&head, " ");
	put_safe(&target, or_empty(f->req.target), false);
	put_status(&status, f);
	buf_puts(&tail, "  ");
	put_duration(&tail, flow_duration_ns(f));
	buf_puts(&tail, "  ");
	put_size(&tail, f->resp.body.len);
	put_flags(&tail, f->flags);
	used = columns(buf_slice(&head)) + 2 + columns(buf_slice(&status)) +
	       columns(buf_slice(&tail));
	if (width == 0)
		width = SIZE_MAX;
	else /* a narrow terminal still shows the beginning of the target */
		width = width > used + 12 ? width - used : 12;
	buf_put(b, buf_slice(&head));
	put_cut(b, buf_slice(&target), width);
	buf_puts(b, "  ");
	colour(t, status_colour(f));
	buf_put(b, buf_slice(&status));
	colour(t, "\033[0m");
	buf_put(b, buf_slice(&tail));
	buf_puts(b, "\n");
	b->failed |= head.failed || target.failed || status.failed || tail.failed;
	buf_release(&head);
	buf_release(&target);
	buf_release(&status);
	buf_release(&tail);
}

static void put_fact(struct buf *b, const char *before, const char *s)
{
	if (!s)
		return;
	buf_puts(b, before);
	put_safe(b, slice_str(s), false);
}

static void put_day(struct buf *b, int64_t unix_s)
{
	time_t s = unix_s;
	struct tm tm;

	if (unix_s && gmtime_r(&s, &tm))
		buf_printf(b, " until %04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* How sure it is which socket what was read went through; NULL: nothing was read. */
static const char *mapping_text(const char *mapping)
{
	static const char *const texts[][2] = {
		{ "nested", "certain" },
		{ "sticky", "the one used before" },
		{ "matched", "found by its ciphertext" },
	};

	for (size_t i = 0; mapping && i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(mapping, texts[i][0]) == 0)
			return texts[i][1];
	return mapping;
}

/* What the handshake said: "* TLS 1.3 TLS_AES_128_GCM_SHA256 x25519, server name api, ALPN h2 of h2,http/1.1". */
static void put_tls(struct text *t, const struct flow_tls *tls)
{
	struct buf *b = &t->out.wait;

	colour(t, "\033[2m");
	put_fact(b, "  * ", tls->protocol ? tls->protocol : "TLS of unknown version");
	put_fact(b, " ", tls->cipher);
	put_fact(b, " ", tls->group);
	put_fact(b, ", server name ", tls->sni);
	put_fact(b, ", ALPN ", tls->alpn);
	put_fact(b, tls->alpn ? " of " : ", ALPN offered ", tls->offered);
	for (unsigned bit = 1; bit && bit <= tls->flags; bit <<= 1)
		put_fact(b, ", ", tls->flags & bit ? flow_tls_flag_name(bit) : NULL);
	put_fact(b, ", broken off by the ", tls->alert ? tls->alert_by : NULL);
	put_fact(b, ": ", tls->alert);
	put_fact(b, "\n  * certificate ", tls->subject ? tls->subject : tls->names);
	put_day(b, tls->not_after);
	put_fact(b, ", for ", tls->subject ? tls->names : NULL);
	put_fact(b, ", by ", tls->issuer);
	put_fact(b, "\n  * read from ", tls->mapping ? tls->library : NULL);
	put_fact(b, ", its socket is ", mapping_text(tls->mapping));
	put_fact(b, "\n  * not read: ", tls->why);
	colour(t, "\033[0m");
	buf_puts(b, "\n");
}

static void put_headers(struct text *t, const struct flow_half *h, const char *mark)
{
	struct buf *b = &t->out.wait;

	for (size_t i = 0; i < h->nheaders; i++) {
		colour(t, "\033[2m");
		buf_puts(b, mark);
		put_safe(b, slice_str(h->headers[i].key), false);
		buf_puts(b, ": ");
		put_safe(b, slice_str(h->headers[i].value), false);
		colour(t, "\033[0m");
		buf_puts(b, "\n");
	}
}

static void put_body(struct text *t, const struct flow_body *body, const char *mark)
{
	struct slice left = slice_cut(body->data, 0, BODY_MAX);
	struct buf *b = &t->out.wait;

	if (body->shown.n) {
		buf_puts(b, mark);
		put_safe(b, body->shown, true);
		buf_puts(b, "\n");
		return;
	}
	if (body->len == 0)
		return;
	if (!slice_is_utf8(body->data) && body->data.n) {
		buf_printf(b, "%s(%zu bytes, not text)\n", mark, body->data.n);
		return;
	}
	while (left.n) {
		size_t end = slice_find(left, SLICE_LIT("\n"), 0);

		buf_puts(b, mark);
		put_safe(b, slice_cut(left, 0, end), true);
		buf_puts(b, "\n");
		left = slice_cut(left, end + 1, left.n);
	}
	if (body->data.n > BODY_MAX || body->captured < body->len)
		buf_printf(b, "%s… (%llu bytes sent)\n", mark, (unsigned long long)body->len);
}

static void put_messages(struct text *t, const struct flow *f)
{
	for (size_t i = 0; i < f->nmsgs; i++) {
		const struct flow_msg *m = &f->msgs[i];

		buf_puts(&t->out.wait, m->from_server ? "  < " : "  > ");
		put_safe(&t->out.wait, slice_str(m->op), false);
		buf_puts(&t->out.wait, "\n");
		put_body(t, &m->body, m->from_server ? "  < " : "  > ");
	}
}

static int text_write(struct sink *s, const struct flow *f)
{
	struct text *t = of(s);
	size_t from = t->out.wait.n;

	if (f->state != FLOW_OPEN) {
		put_line(t, f);
		if (t->o.headers && f->conn->tls)
			put_tls(t, f->conn->tls);
		if (t->o.headers && f->has_req)
			put_headers(t, &f->req, "  > ");
		if (t->o.bodies && f->has_req)
			put_body(t, &f->req.body, "  > ");
		if (t->o.headers && f->has_resp)
			put_headers(t, &f->resp, "  < ");
		if (t->o.bodies && f->has_resp)
			put_body(t, &f->resp.body, "  < ");
	}
	if (t->o.bodies)
		put_messages(t, f);
	return t->out.wait.n == from ? 0 : out_record(&t->out, from);
}

static int text_flush(struct sink *s, int timeout_ms)
{
	return out_flush(&of(s)->out, timeout_ms);
}

static void text_close(struct sink *s)
{
	if (!s)
		return;
	out_release(&of(s)->out);
	free(s);
}

struct sink *sink_text_new(int fd, const struct sink_text_options *o)
{
	static const struct sink_ops ops = { "text", text_write, text_flush, text_close };
	struct text *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	tzset(); /* reads a file; later that may be forbidden */
	t->base.ops = &ops;
	t->o = *o;
	out_init(&t->out, fd);
	return &t->base;
}
