/* SPDX-License-Identifier: Apache-2.0 */
/* The client's messages (PostgreSQL 18 documentation, 54.7).  Parse, Bind, Describe and Execute that follow each other
 * become one unit, whose name is its last word: what prepares, binds and executes is an Execute. */
#include "proto/postgres_priv.h"

#include <inttypes.h>
#include <stdlib.h>

size_t pg_arena_bytes(const struct pg *p)
{
	return p->limits->head_bytes * 2 + p->limits->body_bytes + p->limits->body_bytes / 2 +
	       8 * SQL_LIST_BYTES;
}

/* --- requests --- */

/* The message of a request that is whole in itself. */
void pg_give(struct pg *p, struct arena *a, const char *op, const char *target, uint64_t key,
	     const struct sql_attrs *t, unsigned flags, struct msg *out)
{
	*out = (struct msg){ .role = ROLE_REQUEST, .key = key, .flags = flags, .arena = a };
	if (p->dir[SIDE_REQ].holed)
		out->flags |= FLOW_AFTER_GAP;
	if (a && sql_attrs_put(t, a, &out->half) && !arena_short(a)) {
		out->half.op = op;
		out->half.target = target;
		return;
	}
	arena_free(a);
	out->arena = NULL;
	out->half = (struct flow_half){ 0 };
	out->flags |= FLOW_TRUNCATED;
}

static bool ask(struct pg *p, enum pg_kind kind, uint64_t key, uint64_t time_ns)
{
	struct pg_unit u = { .kind = kind, .key = key, .time_ns = time_ns };

	return pg_ask(p, &u);
}

static enum pg_did query(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	struct slice text = pg_cstr(&r);
	uint64_t len = in->len > in->body.n ? in->len - 1 : text.n;
	struct sql_attrs t = { 0 };
	uint64_t key = ++p->serial;
	unsigned flags = 0;
	struct arena *a = arena_new(pg_arena_bytes(p));
	const char *target = a ? pg_statement(p, a, text, len, &t, &flags) : NULL;

	(void)ask(p, PG_QUERY, key, in->time_ns);
	p->since_sync = false;
	pg_give(p, a, "Query", target, key, &t, flags, out);
	if (out->arena && pg_copies_in(text)) { /* its body is still to come */
		struct arena *own = arena_new(pg_arena_bytes(p));

		t = (struct sql_attrs){ 0 };
		target = own ? pg_statement(p, own, text, len, &t, &flags) : NULL;
		p->copy = (struct pg_copy){ .on = true };
		pg_give(p, own, "Query", target, key, &t, flags, &p->copy.msg);
		out->partial = true;
	}
	return PG_MSG;
}

/* --- the extended protocol --- */

static struct pg_build *build(struct pg *p, const struct pg_in *in)
{
	struct pg_build *b = &p->build;

	if (b->on)
		return b;
	*b = (struct pg_build){ .on = true, .a = arena_new(pg_arena_bytes(p)) };
	b->unit = (struct pg_unit){ .kind = PG_UNIT, .time_ns = in->time_ns };
	p->since_sync = true;
	return b;
}

/* The unit is over: it waits for its answer, and is given out unless nobody wants to see it. */
static enum pg_did finish(struct pg *p, bool taken, struct msg *out)
{
	struct pg_build *b = &p->build;
	bool shown = b->shown;
	uint64_t key = shown ? ++p->serial : 0;

	b->on = false;
	b->unit.silent = !shown;
	b->unit.key = key;
	(void)pg_ask(p, &b->unit);
	if (shown)
		pg_give(p, b->a, b->op, b->target, key, &b->attrs, b->flags, out);
	else
		arena_free(b->a);
	b->a = NULL;
	sql_list_clear(&p->params);
	return !shown ? PG_TAKEN : taken ? PG_MSG : PG_AGAIN;
}

static void name_attr(struct pg_build *b, const char *key, struct slice name)
{
	if (b->a && name.n > 0)
		sql_attr_slice(&b->attrs, b->a, key, name);
}

unsigned pg_unknown(const struct pg *p)
{
	if (p->forgot)
		return FLOW_TRUNCATED;
	if (p->dir[SIDE_REQ].gap || p->dir[SIDE_RESP].gap)
		return FLOW_AFTER_GAP;
	return p->begun ? 0 : FLOW_MIDSTREAM;
}

/* The statement that s is, or that is not known. */
static void use_statement(struct pg *p, struct pg_build *b, struct pg_named *s, const char *what,
			  struct slice name)
{
	if (s && s->text.p) {
		b->unit.stmt_hash = s->stmt_serial ? s->stmt_hash : s->hash;
		b->unit.stmt_serial = s->stmt_serial ? s->stmt_serial : s->serial;
		if (b->a && !b->target)
			b->target =
				pg_statement(p, b->a, s->text, s->text_len, &b->attrs, &b->flags);
		b->flags |= s->stale ? FLOW_AFTER_GAP : 0;
		return;
	}
	b->flags |= pg_unknown(p);
	if (b->a && !b->target) { /* DECLARE and PREPARE make some too */
		const char *why = pg_unknown(p) ? "made before capture, or not seen"
						: "made by SQL, or not at all";

		b->target = arena_printf(b->a, "(%s \"%.*s\" is unknown: %s)", what,
					 (int)(name.n < 256 ? name.n : 256),
					 name.n ? (const char *)name.p : "", why);
		sql_attr(&b->attrs, "unknown", what);
	}
}

static enum pg_did parse_message(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	struct slice name = pg_cstr(&r), text = pg_cstr(&r);
	uint64_t rest = in->len - in->body.n, len = text.n + (rd_left(&r) == 0 ? rest : 0);
	uint32_t n = rd_be16(&r);
	struct pg_named *s;
	struct pg_build *b;

	if (p->build.on && p->build.shown)
		return finish(p, false, out);
	b = build(p, in);
	b->parse = b->shown = b->unit.parses = true;
	b->op = "Prepare";
	b->unit.acks++;
	s = pg_named_put(&p->stmts, name, ++p->serial);
	p->forgot |= !s;
	if (s) {
		n = n < rd_left(&r) / 4 ? n : (uint32_t)(rd_left(&r) / 4);
		s->text = arena_copy(s->a, slice_cut(text, 0, p->limits->head_bytes));
		if (text.n == 0)
			s->text = SLICE_LIT("");
		p->forgot |= !s->text.p;
		s->text_len = len;
		s->types = n ? arena_alloc(s->a, n * sizeof(*s->types)) : NULL;
		s->ntypes = s->types ? n : 0;
		for (uint32_t i = 0; i < s->ntypes; i++)
			s->types[i] = rd_be32(&r);
		pg_named_grew(&p->stmts, s);
		b->unit.stmt_hash = s->hash;
		b->unit.stmt_serial = s->serial;
	}
	if (b->a) {
		b->target = pg_statement(p, b->a, text, len, &b->attrs, &b->flags);
		b->stmt = arena_copy(b->a, name);
	}
	name_attr(b, "statement", name);
	return PG_TAKEN;
}

/* Format codes: none is text, one is for all.  False: they are not known. */
static bool read_formats(struct rd *r, struct pg_formats *f)
{
	uint32_t n = rd_be16(r);
	struct slice codes = rd_bytes(r, (size_t)n * 2);

	pg_formats_release(f);
	if (r->short_read)
		return false;
	f->known = true;
	f->binary = n > 0 && codes.p[1] == 1;
	for (uint32_t i = 1; i < n; i++) {
		if ((codes.p[i * 2 + 1] == 1) == f->binary)
			continue;
		f->bits = calloc(1, n / 8 + 1);
		f->known = f->bits != NULL;
		f->n = n;
		break;
	}
	for (uint32_t i = 0; f->bits && i < n; i++)
		f->bits[i / 8] |= (uint8_t)((codes.p[i * 2 + 1] == 1) << i % 8);
	return f->known;
}

static void read_params(struct pg *p, struct pg_build *b, struct rd *r, const struct pg_named *s)
{
	struct pg_formats f = { 0 };
	uint32_t n;

	if (!read_formats(r, &f))
		b->flags |= FLOW_TRUNCATED;
	n = rd_be16(r);
	sql_list_clear(&p->params);
	for (uint32_t i = 0; i < n && !r->short_read; i++) {
		int32_t len = (int32_t)rd_be32(r);
		size_t have = len > 0 && (size_t)len > rd_left(r) ? rd_left(r) : (size_t)len;
		size_t keep = have < SQL_LIST_BYTES ? have : SQL_LIST_BYTES;

		if (r->short_read)
			break;
		if (len < 0) {
			sql_list_add_null(&p->params, SQL_LIST_BYTES);
			continue;
		}
		buf_clear(&p->scratch);
		pg_value(&p->scratch, s && i < s->ntypes ? s->types[i] : 0,
			 s && i < s->ntypes && s->types[i] ? pg_formats_of(&f, i)
			 : pg_formats_of(&f, i) == PG_TEXT ? PG_TEXT
							   : PG_FORMAT_UNKNOWN,
			 slice_cut(rd_bytes(r, have), 0, keep));
		sql_list_add(&p->params, SQL_LIST_BYTES, buf_slice(&p->scratch));
		p->params.cut |= keep < (size_t)len || p->scratch.failed;
		if (have < (size_t)len)
			r->short_read = true;
	}
	pg_formats_release(&f);
	if (r->short_read || p->params.cut)
		b->flags |= FLOW_TRUNCATED;
	if (b->a)
		sql_attr(&b->attrs, "params", sql_list_copy(&p->params, b->a));
}

static enum pg_did bind_message(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	struct slice portal = pg_cstr(&r), name = pg_cstr(&r);
	struct pg_build *b = &p->build;
	struct pg_named *s, *as;

	if (b->on && b->shown && (b->bind || (b->parse && !slice_eq(b->stmt, name))))
		return finish(p, false, out);
	b = build(p, in);
	s = pg_named_find(&p->stmts, name);
	b->bind = b->shown = true;
	b->op = "Bind";
	b->unit.acks++;
	use_statement(p, b, s, "statement", name);
	if (!b->parse)
		name_attr(b, "statement", name);
	name_attr(b, "portal", portal);
	if (b->a)
		b->portal = arena_copy(b->a, portal);
	read_params(p, b, &r, s);
	if (!read_formats(&r, &b->unit.formats))
		b->flags |= FLOW_TRUNCATED;
	as = pg_named_put(&p->portals, portal, ++p->serial);
	p->forgot |= !as;
	if (!as || !s)
		return PG_TAKEN;
	as->stmt_hash = s->hash;
	as->stmt_serial = s->serial;
	as->stale = s->stale;
	p->forgot |= !pg_formats_copy(&as->formats, &b->unit.formats);
	if (portal.n > 0) { /* it may outlive its statement */
		as->text = arena_copy(as->a, s->text);
		as->text_len = s->text_len;
		p->forgot |= !as->text.p;
		pg_named_grew(&p->portals, as);
	}
	return PG_TAKEN;
}

/* A portal's statement: its own copy, or while the statement is there, that. */
static void use_portal(struct pg *p, struct pg_build *b, struct slice name)
{
	struct pg_named *as = pg_named_find(&p->portals, name);
	struct pg_named *s =
		as && !as->text.p ? pg_named_at(&p->stmts, as->stmt_hash, as->stmt_serial) : as;

	use_statement(p, b, s, "portal", name);
	if (as && !b->bind &&
	    (!pg_formats_copy(&b->unit.formats, &as->formats) || (p->forgot && !as->formats.known)))
		b->flags |= FLOW_TRUNCATED;
	name_attr(b, "portal", name);
}

static enum pg_did execute(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	struct slice portal = pg_cstr(&r);
	uint32_t max = rd_be32(&r);
	struct pg_build *b = &p->build;

	if (b->on && b->shown && (!b->bind || !slice_eq(b->portal, portal)))
		return finish(p, false, out);
	b = build(p, in);
	b->shown = b->unit.exec = true;
	b->op = "Execute";
	if (!b->bind)
		use_portal(p, b, portal);
	if (max > 0 && b->a)
		sql_attr_num(&b->attrs, b->a, "max_rows", max);
	return finish(p, true, out);
}

static enum pg_did describe(struct pg *p, const struct pg_in *in)
{
	struct rd r = rd_init(in->body);
	bool statement_too = rd_u8(&r) == 'S';
	struct slice name = pg_cstr(&r);
	bool begun = p->build.on && p->build.shown;
	struct pg_build *b = build(p, in);

	b->unit.acks++;
	if (statement_too)
		b->unit.describes = true;
	if (begun)
		return PG_TAKEN;
	b->shown = true;
	b->op = "Describe";
	if (statement_too) {
		use_statement(p, b, pg_named_find(&p->stmts, name), "statement", name);
		name_attr(b, "statement", name);
	} else {
		use_portal(p, b, name);
	}
	return PG_TAKEN;
}

static enum pg_did close_message(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	bool statement_too = rd_u8(&r) == 'S';
	struct slice name = pg_cstr(&r);
	struct pg_build *b = &p->build;
	struct pg_named *s;

	if (b->on && b->shown)
		return finish(p, false, out);
	b = build(p, in);
	b->unit.acks++;
	if (!statement_too) {
		pg_named_drop(&p->portals, name);
		return PG_TAKEN;
	}
	s = pg_named_find(&p->stmts, name);
	b->shown = true;
	b->op = "Close";
	use_statement(p, b, s, "statement", name);
	name_attr(b, "statement", name);
	pg_named_drop(&p->stmts, name);
	return PG_TAKEN;
}

static enum pg_did sync(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct sql_attrs t = { 0 };
	bool alone = !p->since_sync;
	uint64_t key = alone ? ++p->serial : 0;
	enum pg_did did = PG_BREAK;

	if (p->build.on)
		did = finish(p, true, out) == PG_MSG ? PG_MSG : PG_BREAK;
	p->since_sync = false;
	(void)ask(p, PG_SYNC, key, in->time_ns);
	if (!alone)
		return did;
	pg_give(p, arena_new(4096), "Sync", NULL, key, &t, 0, out);
	return PG_MSG;
}

static enum pg_did call(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	struct arena *a = arena_new(pg_arena_bytes(p));
	struct pg_build b = { .a = a };
	uint64_t key = ++p->serial;
	uint32_t oid = rd_be32(&r);

	read_params(p, &b, &r, NULL);
	(void)ask(p, PG_CALL, key, in->time_ns);
	p->since_sync = false;
	pg_give(p, a, "FunctionCall", a ? arena_printf(a, "%" PRIu32, oid) : NULL, key, &b.attrs,
		b.flags, out);
	return PG_MSG;
}

enum pg_did pg_front(struct pg *p, const struct pg_in *in, struct msg *out)
{
	p->dir[SIDE_REQ].holed = in->holed;
	if (p->copy.on && in->type != 'd' && in->type != 'c' && in->type != 'f' &&
	    in->type != 'H' && in->type != 'S')
		return pg_copy_give(p, false, out);
	if (p->both && strchr("QPBFX", in->type) && pg_stream_end(p, SIDE_REQ, out) == PG_MSG)
		return PG_AGAIN;
	if (p->build.on && strchr("QFXp", in->type))
		if (finish(p, false, out) == PG_AGAIN)
			return PG_AGAIN;
	switch (in->type) {
	case 'Q':
		return query(p, in, out);
	case 'P':
		return parse_message(p, in, out);
	case 'B':
		return bind_message(p, in, out);
	case 'E':
		return execute(p, in, out);
	case 'D':
		return describe(p, in);
	case 'C':
		return close_message(p, in, out);
	case 'S':
		return sync(p, in, out);
	case 'F':
		return call(p, in, out);
	case 'd':
		return pg_copy_data(p, in, out);
	case 'c':
	case 'f':
		return pg_copy_end(p, in, out);
	case 'H':
		return p->build.on ? finish(p, true, out) : PG_BREAK;
	default:
		return PG_TAKEN; /* Terminate; 'p' is a password, or what stands for one */
	}
}

size_t pg_front_keep(const struct pg *p, uint8_t type)
{
	if (type == 'd')
		return p->limits->body_bytes;
	if (type == 'p' || type == 'X')
		return 0;
	return p->limits->head_bytes + SQL_LIST_BYTES;
}

void pg_front_lost(struct pg *p)
{
	(void)ask(p, PG_LOST, 0, 0);
	pg_table_stale(&p->stmts);
	pg_table_stale(&p->portals);
	p->since_sync = true;
}

/* What was begun and not asked to its end has no answer. */
static void unasked(struct pg *p, struct msg *out)
{
	struct pg_build *b = &p->build;

	pg_formats_release(&b->unit.formats);
	pg_give(p, b->a, b->op, b->target, 0, &b->attrs, b->flags, out);
	*b = (struct pg_build){ 0 };
	sql_list_clear(&p->params);
	out->role = ROLE_ONEWAY;
}

bool pg_front_end(struct pg *p, enum proto_end how, struct msg *out)
{
	bool shown = p->build.on && p->build.shown;

	if (p->copy.on) {
		(void)pg_copy_give(p, true, out);
	} else if (shown) {
		unasked(p, out);
	} else {
		if (p->build.on)
			(void)finish(p, true, out);
		return false;
	}
	out->cut = how != PROTO_END_LOST || shown;
	if (how == PROTO_END_LOST)
		out->flags |= FLOW_AFTER_GAP;
	return true;
}
