/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's protocol 3.0 to 3.2 (PostgreSQL 18 documentation, chapter 54), also as CockroachDB, PgBouncer and others speak it.
 *
 * A message is a type, a length and a body; only what a client says before its startup is over has no type.  A flow
 * is what a client waits for: a simple query, an execution, a preparation.  Each is a unit in a queue (postgres_front.c), the
 * server's messages are read against the queue's head (postgres_back.c), and flows are paired by the unit's key: what
 * belongs together is known here, or known to be lost (postgres_queue.c).
 *
 * A message of up to 16 KiB is waited for; of a longer one the beginning is kept while it passes by, so that one of
 * 1 GB costs what is kept of it.  Every byte is looked at once, but for headers. */
#include "proto/postgres_priv.h"

#define STMTS_MAX     2000
#define STMTS_BYTES   ((size_t)4 << 20)
#define PORTALS_MAX   200
#define PORTALS_BYTES ((size_t)1 << 20)
#define MESSAGE_MAX   0x40000000u /* 1 GB: the server's own limit */
#define STARTUP_MAX   10000
#define TUNNEL_WAIT   16384 /* bytes that a client may send before it is told whether TLS follows */

const struct proto proto_postgres;

/* --- the startup --- */

static bool one_of(struct slice key, const char *name)
{
	return slice_eq(key, slice_str(name));
}

/* The parameters: names and values, an empty name at the end. */
static const char *startup_params(struct rd *r, struct arena *a, struct flow_half *h,
				  struct sql_attrs *t)
{
	struct flow_attr *list = arena_alloc(a, (rd_left(r) / 2 + 1) * sizeof(*list));
	const char *user = NULL, *database = NULL;
	size_t n = 0;

	while (list && rd_left(r) > 1) {
		struct slice key = pg_cstr(r), value = pg_cstr(r);
		struct flow_attr f = { arena_str(a, key), arena_str(a, value) };

		if (key.n == 0 || arena_short(a))
			break;
		list[n++] = f;
		if (one_of(key, "user"))
			sql_attr(t, "user", user = f.value);
		else if (one_of(key, "database"))
			sql_attr(t, "database", database = f.value);
		else if (one_of(key, "application_name"))
			sql_attr(t, "application", f.value);
		else if (one_of(key, "replication"))
			sql_attr(t, "replication", f.value);
	}
	h->headers = list;
	h->nheaders = n;
	return database ? database : user; /* the server's own default */
}

enum pg_did pg_startup(struct pg *p, const struct pg_in *in, struct msg *out)
{
	struct rd r = rd_init(in->body);
	uint32_t code = rd_be32(&r);
	struct pg_unit u = { .kind = PG_STARTUP, .key = ++p->serial, .time_ns = in->time_ns };
	struct sql_attrs t = { 0 };
	struct flow_half params = { 0 };
	struct arena *a = arena_new(in->body.n * 16 + 65536);
	const char *op = "Startup", *target = "";

	if (code == 80877103 || code == 80877104) {
		op = code == 80877103 ? "SSLRequest" : "GSSENCRequest";
		u.kind = code == 80877103 ? PG_SSL : PG_GSS;
		target = NULL;
	} else if (code == 80877102) {
		op = "Cancel"; /* the key behind the process' number is a secret */
		target = a ? arena_printf(a, "%u", rd_be32(&r)) : NULL;
	} else if (a) {
		sql_attr(&t, "protocol", arena_printf(a, "%u.%u", code >> 16, code & 0xffff));
		target = startup_params(&r, a, &params, &t);
		p->typed = p->begun = true;
	}
	pg_give(p, a, op, target, u.key, &t, 0, out);
	if (out->arena) {
		out->half.headers = params.headers;
		out->half.nheaders = params.nheaders;
	}
	if (code == 80877102)
		out->role = ROLE_ONEWAY; /* the server closes without a word */
	else
		(void)pg_ask(p, &u);
	return PG_MSG;
}

/* --- framing --- */

static struct parse more(size_t need)
{
	return (struct parse){ .kind = PARSE_MORE, .need = need };
}

static enum pg_did handle(struct pg *p, enum side side, const struct pg_in *in, struct msg *out)
{
	return side == SIDE_REQ ? pg_front(p, in, out) : pg_back(p, in, out);
}

/* The next piece of a long message; the last one only when the message was taken. */
static enum pg_did take_long(struct pg *p, enum side side, struct slice in, size_t *ret_used,
			     struct msg *out)
{
	struct pg_dir *d = &p->dir[side];
	size_t n = in.n < d->left ? in.n : (size_t)d->left, had = d->text.n;
	size_t room = d->keep > d->text.n && !d->holed ? d->keep - d->text.n : 0;
	struct pg_in m = { d->type, { 0 }, d->len, d->time_ns, d->holed };
	enum pg_did did;

	*ret_used = 0;
	if (d->text.failed)
		room = 0;
	buf_put(&d->text, slice_cut(in, 0, n < room ? n : room));
	if (n < d->left) {
		d->left -= n;
		*ret_used = n;
		return PG_TAKEN;
	}
	m.body = buf_slice(&d->text);
	did = handle(p, side, &m, out);
	if (did == PG_AGAIN) {
		d->text.n = had;
		return did;
	}
	*ret_used = n;
	d->in_long = false;
	buf_release(&d->text);
	return did;
}

static bool begin_long(struct pg *p, enum side side, uint8_t type, uint64_t len, uint64_t time_ns)
{
	struct pg_dir *d = &p->dir[side];

	d->in_long = true;
	d->type = type;
	d->len = d->left = len;
	d->time_ns = time_ns;
	d->holed = false;
	d->keep = side == SIDE_REQ ? pg_front_keep(p, type) : pg_back_keep(p, type);
	return true;
}

/* One message at the start of in, or a part of it.  False: not enough is there, or nothing; *ret says. */
static bool take_one(struct pg *p, enum side side, struct slice in, uint64_t time_ns,
		     size_t *ret_used, enum pg_did *ret_did, struct parse *ret, struct msg *out)
{
	struct rd r = rd_init(slice_cut(in, 1, in.n));
	struct pg_in m = { .time_ns = time_ns };
	uint32_t len = rd_be32(&r);

	*ret = more(PG_HEADER);
	if (in.n < PG_HEADER)
		return false;
	m.type = in.p[0];
	m.len = (uint64_t)len - 4;
	if (len < 4 || len > MESSAGE_MAX || !pg_type_known(side, m.type)) {
		*ret = (struct parse){ .kind = PARSE_BAD };
		return false;
	}
	if (in.n - PG_HEADER >= m.len) {
		m.body = slice_cut(in, PG_HEADER, PG_HEADER + (size_t)m.len);
		*ret_did = handle(p, side, &m, out);
		*ret_used = *ret_did == PG_AGAIN ? 0 : PG_HEADER + (size_t)m.len;
		return true;
	}
	if (m.len < PG_SMALL) {
		*ret = more(PG_HEADER + (size_t)m.len);
		return false;
	}
	*ret_used = PG_HEADER;
	*ret_did = PG_TAKEN;
	return begin_long(p, side, m.type, m.len, time_ns);
}

static bool unfinished(const struct pg *p, enum side side)
{
	return p->dir[side].in_long ||
	       (side == SIDE_REQ ? p->build.on || p->copy.on : p->answer.on);
}

/* Messages, until one is to be given out or no more are there. */
static struct parse take(struct pg *p, enum side side, struct slice in, struct msg *out)
{
	uint64_t time_ns = out->half.begin_ns;
	size_t used = 0, n = 0;
	enum pg_did did = PG_TAKEN;
	struct parse r;

	while (used < in.n && did == PG_TAKEN) {
		struct slice rest = slice_cut(in, used, in.n);

		/* When a Sync was answered, and what was asked after, is known by times: each begins a piece. */
		if (used > 0 && side == SIDE_RESP && slice_at(rest, 0) == 'Z' && !p->dir[side].in_long)
			break;
		if (p->dir[side].in_long) {
			did = take_long(p, side, rest, &n, out);
		} else if (!take_one(p, side, rest, time_ns, &n, &did, &r, out)) {
			if (used > 0)
				break;
			return r;
		}
		used += n;
	}
	if (did == PG_MSG || did == PG_AGAIN)
		return (struct parse){ .kind = PARSE_MSG, .used = used };
	return (struct parse){ .kind = PARSE_SKIP, .used = used, .between = !unfinished(p, side) };
}

/* What a client sends before it is known to be one. */
static struct parse take_startup(struct pg *p, struct slice in, struct msg *out)
{
	struct rd r = rd_init(in);
	uint32_t len = rd_be32(&r);
	struct pg_in m = { .time_ns = out->half.begin_ns };
	struct pg_unit *u = pg_head(p);

	if (in.n >= 4 && (len < 8 || len > STARTUP_MAX))
		return (struct parse){ .kind = PARSE_BAD };
	if (in.n < 4 || in.n < len)
		return more(in.n < 4 ? 4 : len);
	if (u && u->kind <= PG_GSS && in.n > TUNNEL_WAIT)
		return (struct parse){ .kind = PARSE_BAD };
	m.body = slice_cut(in, 4, len);
	m.len = m.body.n;
	(void)pg_startup(p, &m, out);
	return (struct parse){ .kind = PARSE_MSG, .used = len };
}

static struct parse parse_req(struct pg *p, struct slice in, struct msg *out)
{
	struct pg_unit *u = pg_head(p);

	if (!p->typed && !p->dir[SIDE_REQ].in_long) {
		/* After an SSLRequest it may be TLS already, and then the answer says so. */
		if (u && u->kind <= PG_GSS)
			return in.n < TUNNEL_WAIT ? more(in.n + 1)
						  : (struct parse){ .kind = PARSE_STOP };
		if (in.p[0] == 0)
			return take_startup(p, in, out);
		p->typed = true;
	}
	return take(p, SIDE_REQ, in, out);
}

static struct parse parse_resp(struct pg *p, struct slice in, struct msg *out)
{
	struct pg_unit *u = pg_head(p);

	if (u && u->kind <= PG_GSS && in.p[0] != 'E') {
		enum pg_did did = pg_back_byte(p, in.p[0], out);

		return (struct parse){ .kind = did == PG_STOP ? PARSE_STOP : PARSE_MSG,
				       .used = 1,
				       .inside = in.p[0] == 'S' ? &proto_postgres : NULL,
				       .has_msg = true };
	}
	return take(p, SIDE_RESP, in, out);
}

static bool end(struct pg *p, enum side side, enum proto_end how, struct msg *out)
{
	struct pg_dir *d = &p->dir[side];
	bool given = side == SIDE_REQ ? pg_front_end(p, how, out) : pg_back_end(p, how, out);

	d->in_long = d->give_up = false;
	buf_release(&d->text);
	return given;
}

/* After a loss: only what plausibly starts a message is one. */
static bool astray(struct pg *p, enum side side, struct slice in, struct parse *ret)
{
	struct pg_dir *d = &p->dir[side];
	size_t at = pg_next_start(side, in, 0), total = (size_t)-1;

	if (at > 0) {
		*ret = (struct parse){ .kind = PARSE_SKIP, .used = at, .between = true };
		return true;
	}
	if (pg_probe(side, in) == PROBE_YES) {
		d->astray = false;
		return false;
	}
	if (in.n >= PG_HEADER) {
		struct rd r = rd_init(slice_cut(in, 1, PG_HEADER));

		total = (size_t)rd_be32(&r) + 1;
	}
	*ret = more(in.n < total && in.n >= PG_HEADER ? total : in.n + 1);
	return true;
}

static struct parse pg_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct pg *p = state;
	struct pg_dir *d = &p->dir[side];
	struct parse r;

	if (d->give_up) {
		uint64_t begin_ns = out->half.begin_ns;

		if (end(p, side, PROTO_END_LOST, out))
			return (struct parse){ .kind = PARSE_MSG };
		out->half.begin_ns = begin_ns;
	}
	if (in.n == 0)
		return more(1);
	d->seen = true;
	if (d->astray && !d->in_long && astray(p, side, in, &r))
		return r;
	return side == SIDE_REQ ? parse_req(p, in, out) : parse_resp(p, in, out);
}

/* --- losses and the end --- */

static void lose(struct pg *p, enum side side)
{
	struct pg_dir *d = &p->dir[side];

	d->gap = d->give_up = d->astray = true;
	if (side == SIDE_REQ) {
		p->typed = true;
		pg_front_lost(p);
	} else {
		pg_back_lost(p);
	}
}

/* Where capture begins in the middle, nothing was lost; but an answer that
 * begins inside a message may belong to a request before those that were seen. */
static size_t pg_resync(void *state, enum side side, struct slice in, size_t from)
{
	struct pg *p = state;
	struct pg_dir *d = &p->dir[side];
	size_t at = pg_next_start(side, in, from);

	if (d->seen ? !d->astray : at > 0 && side == SIDE_RESP && p->queue.n > 0 && !d->gap) {
		lose(p, side);
	} else {
		d->astray = true;
		p->typed |= side == SIDE_REQ;
	}
	return at;
}

static bool pg_lost(void *state, enum side side, uint64_t n)
{
	struct pg *p = state;
	struct pg_dir *d = &p->dir[side];
	uint64_t unkept = d->in_long && d->text.n >= d->keep ? d->left : 0;

	if (d->in_long && n <= d->left) {
		d->left -= n;
		if (n > unkept) {
			d->holed = true;
			d->keep = d->text.n;
		}
		return true;
	}
	lose(p, side);
	return false;
}

static uint64_t pg_unkept(const void *state, enum side side)
{
	const struct pg *p = state;
	const struct pg_dir *d = &p->dir[side];

	return d->in_long && d->text.n >= d->keep ? d->left : 0;
}

static bool pg_end(void *state, enum side side, enum proto_end how, struct msg *out)
{
	struct pg *p = state;

	if (how == PROTO_END_LOST && !p->dir[side].astray)
		lose(p, side);
	return end(p, side, how, out);
}

static void pg_init(void *state, const struct proto_limits *limits)
{
	struct pg *p = state;

	p->limits = limits;
	p->rows.unread = limits->unread_bodies;
	pg_table_init(&p->stmts, STMTS_MAX, STMTS_BYTES);
	pg_table_init(&p->portals, PORTALS_MAX, PORTALS_BYTES);
}

static void pg_done(void *state)
{
	struct pg *p = state;

	pg_queue_release(p);
	pg_table_release(&p->stmts);
	pg_table_release(&p->portals);
	pg_formats_release(&p->build.unit.formats);
	arena_free(p->build.a);
	arena_free(p->copy.msg.arena);
	arena_free(p->answer.a);
	sql_rows_release(&p->rows);
	sql_list_release(&p->names);
	sql_list_release(&p->types);
	sql_list_release(&p->params);
	buf_release(&p->scratch);
	buf_release(&p->dir[0].text);
	buf_release(&p->dir[1].text);
}

static size_t used_by(const struct arena *a)
{
	return a ? arena_used(a) : 0;
}

static size_t pg_held(const void *state)
{
	const struct pg *p = state;

	return p->stmts.held + p->portals.held + used_by(p->build.a) + used_by(p->copy.msg.arena) +
	       used_by(p->answer.a) + p->rows.text.cap + p->names.text.cap + p->types.text.cap +
	       p->params.text.cap + p->scratch.cap + p->dir[0].text.cap + p->dir[1].text.cap +
	       p->queue.cap * sizeof(struct pg_unit);
}

static bool pg_early(const void *state, struct slice in)
{
	const struct pg *p = state;

	return p->queue.n == 0 && !p->unsure && !p->answer.on && !p->both && !p->dir[0].gap &&
	       !p->dir[1].in_long && in.n > 0 && !strchr("NASZ", in.p[0]);
}

/* What TLS protects begins with the startup, as here; nothing of what was asked before is left. */
const struct proto proto_postgres = {
	.name = "postgres",
	.match = MATCH_KEY,
	.own_times = true,
	.follows = true,
	.state_size = sizeof(struct pg),
	.probe = pg_probe,
	.parse = pg_parse,
	.init = pg_init,
	.resync = pg_resync,
	.lost = pg_lost,
	.unkept = pg_unkept,
	.end = pg_end,
	.early = pg_early,
	.done = pg_done,
	.held = pg_held,
	.alpn = "postgresql",
};
