/* SPDX-License-Identifier: Apache-2.0 */
/* Statements as a flow shows them, and what a client copies in. */
#include "proto/postgres_priv.h"

#define COPY_LOOK 4096 /* bytes of a statement in which STDIN has to come */

/* --- statements --- */

struct slice pg_cstr(struct rd *r)
{
	size_t left = rd_left(r);
	const uint8_t *end = left ? memchr(r->p, 0, left) : NULL;
	struct slice s = rd_bytes(r, end ? (size_t)(end - r->p) : left);

	(void)rd_u8(r);
	return s;
}

static bool word_at(struct slice s, size_t at, struct slice word)
{
	return s.n - at >= word.n && slice_eq_nocase(slice_cut(s, at, at + word.n), word);
}

/* Behind the string that begins at from, or from when there is none. */
static size_t literal_end(struct slice s, size_t from)
{
	bool escapes = word_at(s, from, SLICE_LIT("e'"));
	size_t i = from + escapes, tag;

	if (i < s.n && s.p[i] == '$') { /* $tag$...$tag$ */
		tag = slice_find(s, SLICE_LIT("$"), i + 1);
		if (tag == s.n)
			return from;
		i = slice_find(s, slice_cut(s, i, tag + 1), tag + 1);
		return i < s.n ? i + tag + 1 - from : s.n;
	}
	if (i >= s.n || s.p[i] != '\'')
		return from;
	for (i++; i < s.n; i++) {
		if (s.p[i] == '\\' && escapes)
			i++;
		else if (s.p[i] == '\'' && i + 1 < s.n && s.p[i + 1] == '\'')
			i++;
		else if (s.p[i] == '\'')
			return i + 1;
	}
	return s.n;
}

/* The literals of PASSWORD '...' (CREATE ROLE; OPTIONS (password '...')) become '*': no flow has a secret. */
static void hide_passwords(char *text)
{
	struct slice s = slice_str(text);
	size_t to = 0;

	for (size_t i = 0, k, end; i < s.n;) {
		if ((s.p[i] | 0x20) != 'p' || !word_at(s, i, SLICE_LIT("password"))) {
			text[to++] = text[i++];
			continue;
		}
		for (k = i + 8; k < s.n && (s.p[k] == ' ' || s.p[k] == '\t' || s.p[k] == '\n');)
			k++;
		memmove(text + to, text + i, k - i);
		to += k - i;
		end = literal_end(s, k);
		if (end > k) /* it is at least one byte long */
			text[to++] = '*';
		i = end;
	}
	text[to] = '\0';
}

const char *pg_statement(struct pg *p, struct arena *a, struct slice text, uint64_t len,
			 struct sql_attrs *t, unsigned *flags)
{
	char *s = (char *)(uintptr_t)sql_statement(a, text, len, p->limits->head_bytes, t, flags);

	if (s)
		hide_passwords(s);
	return s;
}

bool pg_copies_in(struct slice s)
{
	size_t i = 0;

	s = slice_cut(s, 0, COPY_LOOK);
	while (i < s.n && (s.p[i] <= ' ' || s.p[i] == '('))
		i++;
	if (!word_at(s, i, SLICE_LIT("copy")))
		return false;
	for (; i < s.n; i++)
		if ((s.p[i] | 0x20) == 's' && word_at(s, i, SLICE_LIT("stdin")))
			return true;
	return false;
}

/* --- COPY from the client --- */

static void copied(struct pg *p, const struct pg_in *in)
{
	struct pg_copy *c = &p->copy;
	struct flow_body *b = &c->msg.half.body;
	size_t room = p->limits->body_bytes - b->data.n, n = in->body.n < room ? in->body.n : room;
	uint8_t *to = NULL;

	if (b->len == 0)
		b->type = slice_starts(in->body, SLICE_LIT("PGCOPY\n\xff"))
				  ? "application/octet-stream"
				  : "text/plain; charset=utf-8";
	b->len += in->len;
	if (in->holed)
		c->msg.flags |= FLOW_AFTER_GAP;
	if (!c->full && n > 0 && c->msg.arena)
		to = arena_grow(c->msg.arena, (void *)(uintptr_t)b->data.p, b->data.n,
				b->data.n + n);
	if (to) {
		memcpy(to + b->data.n, in->body.p, n);
		b->data = (struct slice){ to, b->data.n + n };
		b->captured = b->data.n;
	}
	if (b->captured < b->len) {
		c->full = true;
		c->msg.flags |= FLOW_TRUNCATED;
	}
}

enum pg_did pg_copy_give(struct pg *p, bool taken, struct msg *out)
{
	*out = p->copy.msg;
	p->copy = (struct pg_copy){ 0 };
	return taken ? PG_MSG : PG_AGAIN;
}

static const char *replication_op(struct slice s)
{
	switch (s.n ? s.p[0] : 0) {
	case 'w':
		return "XLogData";
	case 'k':
		return "Keepalive";
	case 'r':
		return "StandbyStatus";
	case 'h':
		return "HotStandbyFeedback";
	default:
		return "CopyData";
	}
}

/* A message of a stream: replication's. */
enum pg_did pg_stream(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct arena *a = arena_new(p->limits->body_bytes + 1024);
	struct flow_body *b = &out->half.body;

	*out = (struct msg){ .role = ROLE_MESSAGE, .key = p->both, .arena = a };
	if (in->holed)
		out->flags |= FLOW_AFTER_GAP;
	out->half.op = replication_op(in->body);
	b->len = in->len;
	if (a)
		b->data = arena_copy(a, slice_cut(in->body, 0, p->limits->body_bytes));
	b->captured = b->data.n;
	if (b->captured < b->len)
		out->flags |= FLOW_TRUNCATED;
	return PG_MSG;
}

/* Both sides say that they are done; what either sent before may still be on its way. */
enum pg_did pg_stream_end(struct pg *p, enum side side, struct msg *out)
{
	p->done[side] = true;
	if (!p->done[!side])
		return PG_TAKEN;
	*out = (struct msg){ .role = ROLE_END, .key = p->both };
	p->both = 0;
	return PG_MSG;
}

enum pg_did pg_copy_data(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct sql_attrs t = { 0 };

	if (p->both)
		return pg_stream(p, in, out);
	if (!p->copy.on) { /* of a COPY that was executed, or not seen */
		p->copy = (struct pg_copy){ .on = true, .oneway = true };
		pg_give(p, arena_new(pg_arena_bytes(p)), "CopyData", NULL, 0, &t, 0, &p->copy.msg);
		p->copy.msg.role = ROLE_ONEWAY;
		p->copy.msg.flags |= (p->copies_in ? 0 : FLOW_NO_REQUEST) |
				     (p->dir[SIDE_REQ].gap ? FLOW_AFTER_GAP : 0);
	}
	copied(p, in);
	return PG_TAKEN;
}

enum pg_did pg_copy_end(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct msg *m = &p->copy.msg;
	struct sql_attrs t = { 0 };
	struct rd r = rd_init(in->body);

	if (p->both)
		return pg_stream_end(p, SIDE_REQ, out);
	if (!p->copy.on)
		return PG_TAKEN;
	p->since_sync |= p->copy.oneway; /* the Sync behind it is the execution's */
	if (in->type == 'f' && m->arena) {
		sql_attr_slice(&t, m->arena, "copy_fail", pg_cstr(&r));
		(void)sql_attrs_put(&t, m->arena, &m->half);
	}
	return pg_copy_give(p, true, out);
}
