/* SPDX-License-Identifier: Apache-2.0 */
/* A flow as a line for people.  In a pipe or a file everything of it:
 *
 *   13:00:00.123  web → api:8080  GET /v1/users?x=1  200 OK  1.23 ms  1.0 kB
 *
 * On a terminal in columns that stay where they are, as wide as it is, nothing wrapped:
 *
 *   13:00:00 web → api          GET   /v1/users?x=1…           200        1.23 ms   1.0 kB
 *
 * The terminal's last line may hold a status; it is taken away before anything is printed and put back behind it, in one write.
 */
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "sink/text_priv.h"

#define LINE_MAX_BYTES 8192u
#define ERASE	       "\r\033[K"
#define WIDTH_MIN      20u

static struct text *of(struct sink *s)
{
	return (struct text *)s;
}

void text_colour(struct text *t, const char *code)
{
	if (t->o.colour)
		buf_puts(&t->out.wait, code);
}

/* --- a line in a file ----------------------------------------------------------------------------- */

static struct slice or_empty(const char *s)
{
	return slice_cut(slice_str(s), 0, LINE_MAX_BYTES);
}

/* Not on a terminal: everything, for whatever searches in it. */
static void plain_line(struct text *t, const struct flow *f)
{
	struct buf *b = &t->out.wait;

	text_time(t, b, flow_time_ns(f), true);
	buf_puts(b, "  ");
	text_peer(b, f->conn, &f->conn->client, false);
	buf_puts(b, " → ");
	text_peer(b, f->conn, &f->conn->server, true);
	buf_puts(b, f->conn->tls ? "  tls " : "  ");
	term_put(b, or_empty(f->has_req ? f->req.op : "?"), TERM_LINE);
	buf_puts(b, " ");
	term_put(b, or_empty(f->req.target), TERM_LINE);
	buf_puts(b, "  ");
	text_colour(t, text_status_colour(f));
	text_status(b, f, false);
	text_colour(t, "\033[0m");
	buf_puts(b, "  ");
	text_duration(b, flow_duration_ns(f));
	buf_puts(b, "  ");
	text_size(b, f->resp.body.len);
	text_flags(b, f->flags);
	buf_puts(b, "\n");
}

/* --- a line on a terminal ----------------------------------------------------------------------------- */

struct layout {
	bool ms, proto; /* shown? */
	unsigned gap, peers, op, target, status, size;
};
#define TIME_WIDTH  8
#define PROTO_WIDTH 10
#define DUR_WIDTH   8

/* Columns for a terminal of that width: what is wide gets its share, the target what is left. */
static struct layout layout_of(unsigned width)
{
	struct layout l = { .ms = width >= 100, .proto = width >= 120, .gap = width >= 120 ? 2 : 1, .op = width >= 72 ? 7 : 5 };
	unsigned used;

	l.peers = width < 56 ? 0 : width / 4 < 44 ? width / 4 : 44;
	l.status = width < 100 ? 9 : width < 120 ? 12 : width < 160 ? 16 : 26;
	l.size = width < 68 ? 0 : 8;
	used = TIME_WIDTH + (l.ms ? 4 : 0) + l.gap + (l.peers ? l.peers + l.gap : 0) + (l.proto ? PROTO_WIDTH + l.gap : 0) + l.gap +
	       l.status + l.gap + DUR_WIDTH + (l.size ? l.size + l.gap : 0);
	l.target = width > used + 8 ? width - used : 8;
	return l;
}

static void gap(struct text *t, const struct layout *l)
{
	buf_puts(&t->out.wait, l->gap == 2 ? "  " : " ");
}

/* In little room a process' name says more than the beginning of its address. */
static void put_end(struct buf *b, const struct layout *l, const struct flow_conn *c, const struct flow_peer *p)
{
	if (l->peers < 30 && !p->container && p->comm && p->comm[0] && !flow_is_unix(c))
		term_put(b, slice_str(p->comm), TERM_LINE);
	else
		text_peer(b, c, p, p == &c->server && l->peers >= 30);
}

/* "web → api:80": the client gives way first, the server is what one looks for. */
static void put_peers(struct text *t, const struct layout *l, const struct flow_conn *c, bool from_server)
{
	struct buf client = { 0 }, server = { 0 }, both = { 0 };
	size_t n, max;

	put_end(&client, l, c, &c->client);
	put_end(&server, l, c, &c->server);
	n = term_columns(buf_slice(&server));
	max = l->peers - 3 > n + 4 ? l->peers - 3 - n : (l->peers - 3) / 2;
	term_cut(&both, buf_slice(&client), max);
	buf_puts(&both, from_server ? " ← " : " → ");
	buf_put(&both, buf_slice(&server));
	term_cell(&t->out.wait, buf_slice(&both), l->peers, false);
	t->out.wait.failed |= client.failed || server.failed || both.failed;
	buf_release(&client);
	buf_release(&server);
	buf_release(&both);
}

static void begin_row(struct text *t, const struct layout *l, const struct flow *f, int64_t at_ns, bool from_server)
{
	struct buf *b = &t->out.wait;

	text_colour(t, TEXT_DIM);
	text_time(t, b, at_ns, l->ms);
	text_colour(t, TEXT_PLAIN);
	gap(t, l);
	if (l->peers) {
		put_peers(t, l, f->conn, from_server);
		gap(t, l);
	}
	if (!l->proto)
		return;
	text_colour(t, TEXT_DIM);
	term_cell(b, slice_str(f->proto), PROTO_WIDTH, false);
	text_colour(t, TEXT_PLAIN);
	gap(t, l);
}

/* What was asked for, and at the right end what there is to know about it; in little room a mark stands for that. */
static void put_target(struct text *t, const struct layout *l, struct slice op, struct slice target, struct slice more)
{
	size_t room = l->target, tail = more.n ? term_columns(more) + 1 : 0;
	struct buf what = { 0 };

	if (tail > room / 3) {
		more = SLICE_LIT("!");
		tail = 2;
	}
	term_put(&what, op, TERM_LINE);
	for (size_t n = term_columns(buf_slice(&what)); n < l->op; n++)
		buf_puts(&what, " ");
	buf_puts(&what, " ");
	term_put(&what, target, TERM_CELL);
	term_cell(&t->out.wait, buf_slice(&what), room - tail, false);
	if (tail) {
		text_colour(t, "\033[33m");
		buf_puts(&t->out.wait, " ");
		buf_put(&t->out.wait, more);
		text_colour(t, TEXT_PLAIN);
	}
	t->out.wait.failed |= what.failed;
	buf_release(&what);
}

static void end_row(struct text *t, const struct layout *l, struct slice status, const char *colour, struct slice dur,
		    struct slice size)
{
	gap(t, l);
	text_colour(t, colour);
	term_cell(&t->out.wait, status, l->status, false);
	text_colour(t, TEXT_PLAIN);
	gap(t, l);
	term_cell(&t->out.wait, dur, DUR_WIDTH, true);
	if (l->size) {
		gap(t, l);
		term_cell(&t->out.wait, size, l->size, true);
	}
	buf_puts(&t->out.wait, "\n");
}

static uint64_t bytes_of(const struct flow *f)
{
	if (f->streams)
		return f->stream.bytes[0] + f->stream.bytes[1];
	if (strcmp(f->proto, "tcp") == 0)
		return f->req.body.len + f->resp.body.len;
	return f->resp.body.len ? f->resp.body.len : f->req.body.len;
}

static void put_row(struct text *t, const struct flow *f)
{
	struct layout l = layout_of(t->o.width);
	struct buf more = { 0 }, status = { 0 }, dur = { 0 }, size = { 0 }, flags = { 0 };
	uint64_t n = f->stream.n[0] + f->stream.n[1];

	if (f->streams && n)
		buf_printf(&more, "[%llu message%s]", (unsigned long long)n, n == 1 ? "" : "s");
	text_flags(&flags, f->flags);
	if (flags.n) /* behind its two blanks */
		buf_put(&more, slice_cut(buf_slice(&flags), more.n ? 1 : 2, flags.n));
	text_status(&status, f, l.status < 16);
	if (f->state == FLOW_OPEN)
		buf_puts(&dur, "…");
	else
		text_duration(&dur, flow_duration_ns(f));
	text_size(&size, bytes_of(f));
	begin_row(t, &l, f, flow_time_ns(f), false);
	put_target(t, &l, slice_str(f->has_req && f->req.op ? f->req.op : "?"), or_empty(f->req.target), buf_slice(&more));
	end_row(t, &l, buf_slice(&status), text_status_colour(f), buf_slice(&dur), buf_slice(&size));
	t->out.wait.failed |= more.failed || status.failed || dur.failed || size.failed || flags.failed;
	buf_release(&more);
	buf_release(&status);
	buf_release(&dur);
	buf_release(&size);
	buf_release(&flags);
}

static void put_message(struct text *t, const struct flow *f, const struct flow_msg *m)
{
	struct slice body = m->body.shown.n ? m->body.shown : slice_cut(m->body.data, 0, LINE_MAX_BYTES), nothing = { 0 };
	struct layout l = layout_of(t->o.width);
	struct buf size = { 0 }, hex = { 0 };

	if (!m->body.shown.n && !slice_is_utf8(m->body.data)) {
		buf_put_hex(&hex, slice_cut(body, 0, 64));
		body = buf_slice(&hex);
	}
	text_size(&size, m->body.len);
	l.target += l.gap + l.status + l.gap + DUR_WIDTH; /* it has neither */
	begin_row(t, &l, f, (int64_t)m->ts_ns + f->epoch_ns, m->from_server);
	put_target(t, &l, slice_str(m->op), body, nothing);
	if (l.size) {
		gap(t, &l);
		term_cell(&t->out.wait, buf_slice(&size), l.size, true);
	}
	buf_puts(&t->out.wait, "\n");
	t->out.wait.failed |= size.failed || hex.failed;
	buf_release(&size);
	buf_release(&hex);
	if (t->o.bodies)
		text_body(t, &m->body, m->from_server ? "  < " : "  > ");
}

/* --- the sink ------------------------------------------------------------------------------------------ */

/* Whether this open conversation is told for the first time; two that fall on one place may be told once more. */
static bool newly_open(struct text *t, const struct flow *f)
{
	uint64_t key;

	memcpy(&key, f->id + 8, sizeof(key));
	if (t->open[key % TEXT_OPEN] == key)
		return false;
	t->open[key % TEXT_OPEN] = key;
	return true;
}

static void on_terminal(struct text *t, const struct flow *f)
{
	bool open = f->state == FLOW_OPEN;

	if (open && f->streams && newly_open(t, f))
		put_row(t, f);
	if (t->o.bodies || t->o.messages)
		for (size_t i = 0; i < f->nmsgs; i++)
			put_message(t, f, &f->msgs[i]);
	if (open)
		return;
	put_row(t, f);
	text_parts(t, f);
}

static void in_file(struct text *t, const struct flow *f)
{
	if (f->state != FLOW_OPEN) {
		plain_line(t, f);
		text_parts(t, f);
	}
	if (t->o.bodies || t->o.messages)
		text_messages(t, f);
}

/* A terminal may change its size at any time. */
static void ask_width(struct text *t)
{
	struct winsize w;

	if (t->o.terminal && ioctl(t->out.fd, TIOCGWINSZ, &w) == 0 && w.ws_col)
		t->o.width = w.ws_col;
	if (t->o.width && t->o.width < WIDTH_MIN)
		t->o.width = WIDTH_MIN;
}

static void draw_status(struct text *t)
{
	if (!t->status.n)
		return;
	text_colour(t, TEXT_DIM);
	term_cut(&t->out.wait, buf_slice(&t->status), t->o.width > 1 ? t->o.width - 1 : 0);
	text_colour(t, TEXT_PLAIN);
}

static int text_write(struct sink *s, const struct flow *f)
{
	struct text *t = of(s);
	size_t from = t->out.wait.n, begin;
	int err;

	ask_width(t);
	if (t->drawn)
		buf_puts(&t->out.wait, ERASE);
	begin = t->out.wait.n;
	if (t->o.width)
		on_terminal(t, f);
	else
		in_file(t, f);
	if (t->out.wait.n == begin) {
		t->out.wait.n = from;
		return 0;
	}
	draw_status(t);
	err = out_record(&t->out, from);
	if (err != -EAGAIN)
		t->drawn = t->status.n > 0;
	return err;
}

void sink_text_status(struct sink *s, const char *line)
{
	struct text *t = of(s);
	size_t from = t->out.wait.n;

	if (!t->o.terminal || from) /* it is slow: later */
		return;
	buf_clear(&t->status);
	ask_width(t);
	if (line)
		term_put(&t->status, slice_str(line), TERM_LINE);
	if (t->drawn || line)
		buf_puts(&t->out.wait, ERASE);
	draw_status(t);
	t->drawn = t->status.n > 0;
	(void)out_record(&t->out, from); /* drawn again in a moment */
}

static int text_flush(struct sink *s, int timeout_ms)
{
	return out_flush(&of(s)->out, timeout_ms);
}

static void text_be_patient(struct sink *s)
{
	out_be_patient(&of(s)->out);
}

static void text_close(struct sink *s)
{
	if (!s)
		return;
	out_release(&of(s)->out);
	buf_release(&of(s)->status);
	free(s);
}

struct sink *sink_text_new(int fd, const struct sink_text_options *o)
{
	static const struct sink_ops ops = { "text", text_write, text_flush, text_close, text_be_patient };
	struct text *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	tzset(); /* reads a file; later that may be forbidden */
	t->base.ops = &ops;
	t->o = *o;
	t->second = -1;
	if (!t->o.rows_max)
		t->o.rows_max = SINK_ROWS;
	out_init(&t->out, fd);
	return &t->base;
}
