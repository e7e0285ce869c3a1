/* SPDX-License-Identifier: Apache-2.0 */
/* The server's messages (PostgreSQL 18 documentation, 54.2 and 54.7), read against the unit that they answer.
 *
 * The answer to a simple query ends with its ReadyForQuery.  In the extended protocol that comes with a Sync only, for all units
 * before it: an answer is over with its last message, but where nothing else was asked before the Sync it
 * waits for the ReadyForQuery, because a commit that fails (a deferred constraint) is told in between.  After an error the server
 * passes over everything up to the Sync; what it passed over is answered here as SKIPPED.  What contradicts the unit
 * means that bytes were lost unseen: from there on answers stand alone, until order is sure (postgres_queue.c). */
#include "proto/postgres_priv.h"

#include <inttypes.h>

#define HEADERS_MAX 64

/* --- the end of an answer --- */

static enum pg_did give(struct pg *p, bool taken, struct msg *out)
{
	const struct pg_unit *u = p->answer.orphan ? NULL : pg_head(p);
	bool silent = u && u->silent && !p->answer.failed;
	uint64_t key = u ? u->key : 0;

	p->answer.orphan |=
		!u || u->silent || !u->key; /* an error is worth a flow, whoever asked */
	pg_answer_give(p, key, out);
	if (u)
		pg_pop(p);
	if (!silent)
		return taken ? PG_MSG : PG_AGAIN;
	arena_free(out->arena);
	*out = (struct msg){ 0 };
	return PG_TAKEN;
}

/* Its end was not seen: what came may not be how it ended. */
static void endless(struct pg_answer *w)
{
	w->flags |= FLOW_AFTER_GAP;
	if (!w->failed)
		w->status = NULL;
}

/* The answer is complete.  A unit's waits for the server's next message: what comes before a ReadyForQuery is its own. */
static enum pg_did complete(struct pg *p, struct msg *out)
{
	struct pg_answer *w = pg_answer(p);
	const struct pg_unit *u = pg_head(p);

	if (!w->status)
		w->status = "OK";
	w->ended = true;
	return w->orphan || !u || u->kind != PG_UNIT ? give(p, true, out) : PG_TAKEN;
}

/* The unit's answer was complete before the message at hand: is that about something else? */
static bool is_over(struct pg *p, uint8_t type)
{
	const struct pg_unit *u = pg_head(p), *next = pg_after_head(p);

	if (!u || u->kind != PG_UNIT || !p->answer.on || !p->answer.ended)
		return false;
	if (type == 'E') /* of the commit at the Sync, or of the next unit */
		return p->build.on || (next && next->kind != PG_SYNC && next->kind != PG_LOST);
	return !strchr("NSZ", type);
}

static enum pg_did give_over(struct pg *p, struct msg *out)
{
	const struct pg_unit *next = pg_after_head(p);

	p->skipping = p->answer.failed;
	if (next && next->kind == PG_LOST)
		endless(&p->answer);
	return give(p, false, out);
}

static enum pg_did skip_unit(struct pg *p, struct msg *out)
{
	struct pg_answer *w = pg_answer(p);

	if (!pg_head(p)->silent) {
		w->failed = true;
		w->status = "SKIPPED";
		w->reason = "not run: an earlier statement of its batch failed";
	}
	return give(p, false, out);
}

static void transaction(struct pg_answer *w, const struct pg_in *in)
{
	char state = in->body.n ? (char)in->body.p[0] : 'I';

	if (state == 'T' || state == 'E')
		sql_attr(&w->attrs, "transaction", state == 'T' ? "open" : "failed");
}

static enum pg_did ready_unsure(struct pg *p, const struct pg_in *in, struct msg *out)
{
	if (p->answer.on)
		return give(p, false, out);
	return pg_resume(p, in->time_ns, out) ? PG_AGAIN : PG_BREAK;
}

static enum pg_did ready(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct pg_unit *u = pg_head(p);
	enum pg_did did;
	bool unit;

	if (u && u->kind == PG_UNIT && p->answer.on && p->answer.ended && pg_after_head(p) &&
	    (pg_after_head(p)->kind != PG_SYNC || pg_after_head(p)->key)) {
		if (give_over(p, out) == PG_AGAIN)
			return PG_AGAIN;
		u = pg_head(p);
	}
	for (; p->skipping && u && u->kind != PG_SYNC; u = pg_head(p))
		if (skip_unit(p, out) == PG_AGAIN)
			return PG_AGAIN;
	p->skipping = p->copies_in = false;
	unit = u && u->kind == PG_UNIT;
	if (unit && !(p->answer.on && p->answer.ended))
		pg_unsure(p);
	if (p->unsure || (!u && p->answer.on))
		return ready_unsure(p, in, out);
	if (!u || (u->kind == PG_SYNC && u->key == 0 && !p->answer.on)) {
		pg_pop(p);
		(void)pg_resume(p, in->time_ns, out);
		return PG_BREAK;
	}
	if (!pg_answer(p)->status)
		p->answer.status = "OK";
	transaction(&p->answer, in);
	did = give(p, true, out);
	u = pg_head(p);
	if (unit && u && u->kind == PG_SYNC && u->key == 0)
		pg_pop(p);
	if (p->unsure && did == PG_MSG)
		return PG_AGAIN; /* what was lost behind it is settled when this comes again */
	if (pg_resume(p, in->time_ns, out))
		return PG_AGAIN;
	return did == PG_TAKEN ? PG_BREAK : did;
}

/* --- startup --- */

static void authentication(struct pg *p, struct slice body)
{
	static const char *const names[] = { NULL,  NULL,  "krb5", "password", "crypt",
					     "md5", "scm", "gss",  NULL,       "sspi" };
	struct rd r = rd_init(body);
	uint32_t code = rd_be32(&r);
	struct pg_answer *w = pg_answer(p);
	struct slice mechanism = pg_cstr(&r);

	if (code < sizeof(names) / sizeof(names[0]) && names[code])
		sql_attr(&w->attrs, "auth", names[code]);
	else if (code == 10 && w->a) /* SASL */
		sql_attr_slice(&w->attrs, w->a, "auth", mechanism);
	else if (code == 0 && w->attrs.n == 0)
		sql_attr(&w->attrs, "auth", "trust"); /* or a certificate, peer, ident */
}

static void parameter(struct pg *p, struct slice body)
{
	struct rd r = rd_init(body);
	struct slice key = pg_cstr(&r), value = pg_cstr(&r);
	const struct pg_unit *u = pg_head(p);
	struct pg_answer *w;
	struct flow_attr *list;

	if (!p->answer.on && (!u || u->kind == PG_SYNC))
		return; /* a server that reloads its configuration says it to idle clients */
	w = pg_answer(p);
	if (!w->a || w->nheaders == HEADERS_MAX) {
		w->flags |= FLOW_TRUNCATED;
		return;
	}
	if (!w->headers)
		w->headers = arena_alloc(w->a, HEADERS_MAX * sizeof(*list));
	list = (struct flow_attr *)(uintptr_t)w->headers;
	if (!list)
		return;
	list[w->nheaders].key = arena_str(w->a, key);
	list[w->nheaders].value = arena_str(w->a, value);
	if (!arena_short(w->a))
		w->nheaders++;
}

static void backend_pid(struct pg *p, struct slice body)
{
	struct rd r = rd_init(body);
	struct pg_answer *w = pg_answer(p);

	if (w->a) /* the key behind it is a secret: who has it may cancel */
		sql_attr_num(&w->attrs, w->a, "backend_pid", rd_be32(&r));
}

/* --- what comes unasked --- */

static enum pg_did oneway(struct pg *p, const char *op, struct slice target, struct sql_attrs *t,
			  struct arena *a, struct msg *out)
{
	pg_give(p, a, op, a ? arena_str(a, target) : NULL, 0, t,
		p->dir[SIDE_RESP].gap || p->dir[SIDE_REQ].gap ? FLOW_AFTER_GAP : 0, out);
	out->role = ROLE_ONEWAY;
	return PG_MSG;
}

static enum pg_did notification(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	uint32_t pid = rd_be32(&r);
	struct slice channel = pg_cstr(&r), payload = pg_cstr(&r), kept;
	struct sql_attrs t = { 0 };
	struct arena *a;

	a = arena_new(p->limits->head_bytes * 3 + 4096);
	sql_attr(&t, "from", "server");
	if (a)
		sql_attr_num(&t, a, "backend_pid", pid);
	kept = a ? arena_copy(a, payload) : (struct slice){ 0 };
	(void)oneway(p, "Notification", channel, &t, a, out);
	if (out->arena && payload.n > 0)
		out->half.body = (struct flow_body){ .data = kept,
						     .len = payload.n,
						     .captured = kept.n,
						     .type = "text/plain; charset=utf-8" };
	return PG_MSG;
}

static enum pg_did notice(struct pg *p, const struct pg_in *in, struct msg *out)
{
	const struct pg_unit *u = pg_head(p);
	struct sql_attrs t = { 0 };
	struct arena *a;

	if (p->answer.on || (u && u->kind != PG_SYNC)) {
		pg_answer_notice(p, in->body);
		return PG_TAKEN;
	}
	a = arena_new(p->limits->head_bytes * 3 + 4096);
	sql_attr(&t, "from", "server");
	if (a) {
		sql_attr_slice(&t, a, "severity", pg_field(in->body, 'S'));
		sql_attr_slice(&t, a, "code", pg_field(in->body, 'C'));
	}
	(void)oneway(p, "Notice", pg_field(in->body, 'M'), &t, a, out);
	out->flags |= FLOW_NO_REQUEST; /* to nothing that was seen */
	return PG_MSG;
}

/* --- COPY --- */

static void copied(struct pg *p, const struct pg_in *in)
{
	struct pg_answer *w = pg_answer(p);
	struct flow_body *b = &w->copied;
	size_t room = p->limits->body_bytes - b->data.n, n = in->body.n < room ? in->body.n : room;
	uint8_t *to = NULL;

	w->copies = true;
	if (in->holed)
		w->flags |= FLOW_AFTER_GAP;
	if (w->a && n > 0 && b->captured == b->len)
		to = arena_grow(w->a, (void *)(uintptr_t)b->data.p, b->data.n, b->data.n + n);
	b->len += in->len;
	if (!to)
		return;
	memcpy(to + b->data.n, in->body.p, n);
	b->data = (struct slice){ to, b->data.n + n };
	b->captured = b->data.n;
}

static enum pg_did copy_begins(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct pg_answer *w = pg_answer(p);
	struct pg_unit *u = pg_head(p), *next = pg_after_head(p);
	bool binary = in->body.n && in->body.p[0];

	sql_attr(&w->attrs, "copy", in->type == 'G' ? "in" : in->type == 'H' ? "out" : "both");
	w->copied.type = binary ? "application/octet-stream" : "text/plain; charset=utf-8";
	if (in->type == 'H')
		w->copies = true;
	p->copies_in |= in->type == 'G' && u;
	/* A Sync that was sent with the Execute is passed over while the client copies in. */
	if (in->type == 'G' && u && u->kind == PG_UNIT && next && next->kind == PG_SYNC)
		pg_pop_after_head(p);
	if (in->type != 'W' || !u || w->orphan)
		return PG_TAKEN;
	w->status = "COPY BOTH";
	w->streams = true;
	p->both = u->key;
	p->done[0] = p->done[1] = false;
	pg_answer_give(p, u->key, out);
	u->silent = true; /* answered; what is to come ends the stream */
	return PG_MSG;
}

/* --- one message --- */

/* Can it be said to that unit? */
static bool fits(const struct pg *p, const struct pg_unit *u, uint8_t type)
{
	static const char *const types[] = {
		[PG_SSL] = "EN",	   [PG_GSS] = "EN",
		[PG_STARTUP] = "RSKvNEZA", [PG_QUERY] = "TDCIENGHWdcZSA",
		[PG_CALL] = "VENZSA",	   [PG_UNIT] = "123tnTDCIsENGHWdcSZA",
		[PG_SYNC] = "ZENSA",	   [PG_LOST] = "",
	};

	if (type == 'D' && u->kind == PG_UNIT) /* a row: most that is said */
		return !p->skipping && u->exec && u->acks == 0;
	if (!strchr(types[u->kind], type))
		return false;
	if (u->kind == PG_UNIT && p->skipping)
		return strchr("ENSZA", type) != NULL;
	if (u->kind == PG_UNIT && strchr("123nT", type))
		return u->acks > 0 && (type != '1' || u->parses);
	return u->kind != PG_UNIT || !strchr("DCIsGHWdc", type) || (u->exec && u->acks == 0);
}

static enum pg_did acknowledged(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct pg_unit *u = pg_head(p);

	if (in->type == 'T')
		pg_answer_columns(p, in->body);
	if (!u || u->kind != PG_UNIT)
		return PG_TAKEN;
	(void)pg_answer(p);
	u->acks--;
	return u->acks == 0 && !u->exec ? complete(p, out) : PG_TAKEN;
}

static enum pg_did failed(struct pg *p, const struct pg_in *in, struct msg *out)
{
	const struct pg_unit *u = pg_head(p);

	pg_answer_error(p, in->body);
	if (!u || (u->kind != PG_QUERY && u->kind != PG_CALL && u->kind != PG_SYNC))
		return complete(p, out);
	return PG_TAKEN; /* its ReadyForQuery is to come */
}

static enum pg_did done(struct pg *p, const struct pg_in *in, struct msg *out)
{
	const struct pg_unit *u = pg_head(p);

	if (in->type == 'C')
		pg_answer_tag(p, in->body);
	else if (in->type == 'V')
		pg_answer_value(p, in);
	else if (!pg_answer(p)->status)
		p->answer.status = in->type == 'I' ? "EMPTY" : "SUSPENDED";
	return !u || u->kind == PG_UNIT ? complete(p, out) : PG_TAKEN;
}

enum pg_did pg_back(struct pg *p, const struct pg_in *in, struct msg *out)
{
	const struct pg_unit *u;

	if (is_over(p, in->type) && give_over(p, out) == PG_AGAIN)
		return PG_AGAIN;
	/* Also when the end of the stream was lost. */
	if (p->both && in->type == 'Z' && pg_stream_end(p, SIDE_RESP, out) == PG_MSG)
		return PG_AGAIN;
	u = pg_head(p);
	if (u && !fits(p, u, in->type)) {
		p->answer.orphan = p->answer.on;
		if (p->answer.on)
			endless(&p->answer);
		p->dir[SIDE_RESP].gap = true;
		pg_unsure(p);
		if (p->answer.on)
			return give(p, false, out);
	}
	switch (in->type) {
	case 'R':
		authentication(p, in->body);
		return PG_TAKEN;
	case 'S':
		parameter(p, in->body);
		return PG_TAKEN;
	case 'K':
		backend_pid(p, in->body);
		return PG_TAKEN;
	case 'Z':
		return ready(p, in, out);
	case '1':
	case '2':
	case '3':
	case 'n':
	case 'T':
		return acknowledged(p, in, out);
	case 't':
		pg_answer_params(p, in->body);
		return PG_TAKEN;
	case 'D':
		pg_answer_row(p, in);
		return PG_TAKEN;
	case 'C':
	case 'I':
	case 's':
	case 'V':
		return done(p, in, out);
	case 'E':
		return failed(p, in, out);
	case 'N':
		return notice(p, in, out);
	case 'A':
		return notification(p, in, out);
	case 'G':
	case 'H':
	case 'W':
		return copy_begins(p, in, out);
	case 'd':
		if (p->both)
			return pg_stream(p, in, out);
		copied(p, in);
		return PG_TAKEN;
	case 'c':
		return p->both ? pg_stream_end(p, SIDE_RESP, out) : PG_TAKEN;
	default:
		return PG_TAKEN; /* NegotiateProtocolVersion */
	}
}

/* 54.2.10 and 54.2.11: S or G, and the other protocol begins; N: not here. */
enum pg_did pg_back_byte(struct pg *p, uint8_t byte, struct msg *out)
{
	struct pg_answer *w = pg_answer(p);

	w->status = byte == 'S' ? "S" : byte == 'G' ? "G" : "N";
	w->reason = byte == 'S'	  ? "TLS follows"
		    : byte == 'G' ? "GSSAPI encryption follows"
				  : "not offered here";
	return give(p, true, out) == PG_MSG && byte != 'N' ? PG_STOP : PG_MSG;
}

size_t pg_back_keep(const struct pg *p, uint8_t type)
{
	uint64_t room = sql_rows_room(&p->rows, p->limits->body_bytes);

	if (type == 'D')
		return room ? room + 4 * PG_COLUMNS_MAX : 0;
	if (type == 'd')
		return p->answer.copied.captured < p->answer.copied.len ? 0 : p->limits->body_bytes;
	return p->limits->head_bytes;
}

void pg_back_lost(struct pg *p)
{
	if (p->answer.on)
		p->dir[SIDE_RESP].give_up = true;
	else
		pg_unsure(p);
}

bool pg_back_end(struct pg *p, enum proto_end how, struct msg *out)
{
	struct pg_dir *d = &p->dir[SIDE_RESP];
	bool given = p->answer.on;

	if (given) {
		bool whole = p->answer.ended || p->answer.failed;

		if (how == PROTO_END_LOST)
			endless(&p->answer);
		given = give(p, true, out) == PG_MSG;
		out->cut = !whole;
		if (how == PROTO_END_LOST)
			out->flags |= FLOW_AFTER_GAP;
	}
	if (how == PROTO_END_LOST)
		pg_unsure(p);
	d->give_up = false;
	return given;
}
