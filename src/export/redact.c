/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a flow, each through the passes that fit it.  What is not changed is not copied. */
#include "export/redact_priv.h"

#include <errno.h>


/* --- edits --- */

void edit_hide(struct edit *e, size_t at, size_t end, bool quoted)
{
	static const char stars[] = "****************************************************************";

	if (end > e->in.n)
		end = e->in.n;
	if (at < e->from || end <= at)
		return;
	e->changed = true;
	e->r->count++;
	buf_put(e->out, slice_cut(e->in, e->from, at));
	e->from = end;
	for (size_t left = end - at, n; e->binary && left; left -= n) {
		n = left < sizeof(stars) - 1 ? left : sizeof(stars) - 1;
		buf_put(e->out, (struct slice){ (const uint8_t *)stars, n });
	}
	if (!e->binary)
		buf_puts(e->out, quoted ? "\"" REDACT_MARK "\"" : REDACT_MARK);
}

struct slice edit_run(struct redact *r, struct slice in, bool binary, void (*pass)(struct edit *e))
{
	struct edit e = { .r = r, .in = in, .out = &r->bufs[r->which], .binary = binary };

	buf_clear(e.out);
	if (in.n && !r->err)
		pass(&e);
	if (!e.changed)
		return in;
	buf_put(e.out, slice_cut(in, e.from, in.n));
	r->which ^= 1;
	if (e.out->failed)
		r->err = -ENOMEM;
	return buf_slice(e.out);
}

/* --- texts --- */

static struct slice common(struct redact *r, struct slice s, bool binary)
{
	s = edit_run(r, s, binary, redact_shapes);
	for (size_t i = 0; i < r->nres; i++) {
		r->re = r->res[i];
		s = edit_run(r, s, binary, redact_own);
	}
	return s;
}

static struct slice text(struct redact *r, struct slice s)
{
	if (!slice_is_utf8(s))
		return common(r, s, true);
	if (slice_find(s, SLICE_LIT("\""), 0) < s.n)
		s = edit_run(r, s, false, redact_json);
	if (slice_find(s, SLICE_LIT("\\\""), 0) < s.n)
		s = edit_run(r, s, false, redact_nested);
	if (slice_find(s, SLICE_LIT("="), 0) < s.n)
		s = edit_run(r, s, false, redact_assignments);
	if (slice_find(s, SLICE_LIT("</"), 0) < s.n)
		s = edit_run(r, s, false, redact_markup);
	return common(r, s, false);
}

/* s as a string of the arena; as it was when it is the same. */
static const char *keep(struct redact *r, struct arena *a, const char *was, struct slice s)
{
	char *copy;

	if (s.p == (const uint8_t *)was || r->err)
		return was;
	copy = arena_str(a, s);
	if (!copy)
		r->err = -ENOMEM;
	return copy;
}

static const char *string(struct redact *r, struct arena *a, const char *s)
{
	return s ? keep(r, a, s, text(r, slice_str(s))) : NULL;
}

static struct slice keep_bytes(struct redact *r, struct arena *a, struct slice was, struct slice s)
{
	struct slice copy;

	if (s.p == was.p || r->err)
		return was;
	copy = arena_copy(a, s);
	if (s.n && !copy.n)
		r->err = -ENOMEM;
	return copy;
}

/* --- header fields --- */

/* "Bearer eyJ..." keeps its scheme. */
static const char *credentials(struct redact *r, struct arena *a, const char *v)
{
	size_t n = strcspn(v, " ");
	const char *out;

	if (n == strlen(v) || n > 20)
		n = 0;
	r->count++;
	out = arena_printf(a, n ? "%.*s " REDACT_MARK : "%.*s" REDACT_MARK, (int)n, v);
	if (!out)
		r->err = -ENOMEM;
	return out;
}

/* The value of each pair; of Set-Cookie (RFC 6265, 4.1) the first pair's alone, the others say how it is kept. */
static const char *cookies(struct redact *r, struct arena *a, const char *v, bool set)
{
	struct edit e = { .r = r, .in = slice_str(v), .out = &r->bufs[r->which] };
	struct slice s = e.in;

	buf_clear(e.out);
	for (size_t at = 0, end; at < s.n; at = end + 1) {
		size_t eq;

		end = slice_find(s, SLICE_LIT(";"), at);
		eq = slice_find(slice_cut(s, 0, end), SLICE_LIT("="), at);
		if (eq < end)
			edit_hide(&e, eq + 1, end, false);
		else
			edit_hide(&e, at, end, false); /* a value without a name */
		if (set)
			break;
	}
	buf_put(e.out, slice_cut(s, e.from, s.n));
	if (e.out->failed)
		r->err = -ENOMEM;
	return keep(r, a, v, buf_slice(e.out));
}

static bool is(const char *name, const char *want)
{
	return slice_eq_nocase(slice_str(name), slice_str(want));
}

static const char *field(struct redact *r, struct arena *a, const char *name, const char *v)
{
	if (!v || !v[0])
		return v;
	if (is(name, "authorization") || is(name, "proxy-authorization"))
		return credentials(r, a, v);
	if (is(name, "cookie") || is(name, "set-cookie"))
		return cookies(r, a, v, is(name, "set-cookie"));
	if (redact_name(r, slice_str(name))) {
		r->count++;
		return REDACT_MARK;
	}
	return string(r, a, v);
}

static void fields(struct redact *r, struct arena *a, struct flow_half *h)
{
	struct flow_attr *list = arena_alloc(a, (h->nheaders + 1) * sizeof(*list));

	if (!list) {
		r->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < h->nheaders; i++)
		list[i] = (struct flow_attr){ h->headers[i].key, field(r, a, h->headers[i].key, h->headers[i].value) };
	h->headers = list;
}

/* --- attributes --- */

static void attrs(struct redact *r, struct arena *a, const struct flow_attr **all, size_t n)
{
	struct flow_attr *list = arena_alloc(a, (n + 1) * sizeof(*list));
	static const char trailer[] = "trailer:";

	if (!list) {
		r->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *key = (*all)[i].key, *v = (*all)[i].value;

		if (strncmp(key, trailer, sizeof(trailer) - 1) == 0)
			v = field(r, a, key + sizeof(trailer) - 1, v);
		else if (r->any_param && v && (strcmp(key, "params") == 0))
			v = string(r, a, keep(r, a, v, edit_run(r, slice_str(v), false, redact_rows)));
		else
			v = string(r, a, v);
		list[i] = (struct flow_attr){ key, v };
	}
	*all = list;
}

/* --- bodies --- */

/* What the JSON form of the bytes lost is in the bytes, too: strings lie there as they are, but numbers and lists do not. */
static struct slice without_found(struct redact *r, struct slice s)
{
	if (r->odd)
		return (struct slice){ 0 };
	for (size_t i = 0; i < r->nfound; i++) {
		struct slice in = s;
		struct edit e = { .r = r, .in = in, .out = &r->bufs[r->which], .binary = true };

		buf_clear(e.out);
		for (size_t at = slice_find(in, r->found[i], 0); at < in.n; at = slice_find(in, r->found[i], at + r->found[i].n))
			edit_hide(&e, at, at + r->found[i].n, false);
		if (!e.changed)
			continue;
		buf_put(e.out, slice_cut(in, e.from, in.n));
		r->err = e.out->failed ? -ENOMEM : r->err;
		r->which ^= 1;
		s = buf_slice(e.out);
	}
	return s;
}

static bool has(const char *type, const char *what)
{
	return type && slice_find(slice_str(type), slice_str(what), 0) < strlen(type);
}

static void drop(struct flow_body *b)
{
	b->data = b->shown = (struct slice){ 0 };
	b->captured = 0;
}

static void body(struct redact *r, struct arena *a, struct flow_body *b, bool coded)
{
	struct slice s = b->data, shown = b->shown;

	if (coded && b->encoding) { /* still compressed: what is in it cannot be looked at */
		r->count += b->data.n > 0;
		drop(b);
		return;
	}
	r->collects = shown.n > 0;
	r->nfound = 0;
	r->odd = false;
	shown = edit_run(r, shown, false, redact_json);
	r->collects = false;
	if (r->nfound || r->odd)
		s = without_found(r, s);
	b->shown = keep_bytes(r, a, b->shown, text(r, keep_bytes(r, a, b->shown, shown)));
	if (has(b->type, "multipart/"))
		s = edit_run(r, s, !slice_is_utf8(s), redact_multipart);
	if (r->odd && s.n == 0) {
		b->data = s;
		b->captured = 0;
	} else {
		b->data = keep_bytes(r, a, b->data, text(r, s));
	}
}

static void whole_body(struct redact *r, struct flow_body *b)
{
	if (!b->data.n)
		return;
	r->count++;
	b->shown = (struct slice){ 0 };
	b->data = SLICE_LIT("\"" REDACT_MARK "\"");
}

static void messages(struct redact *r, struct arena *a, struct flow *f)
{
	struct flow_msg *list = arena_alloc(a, (f->nmsgs + 1) * sizeof(*list));

	if (!list) {
		r->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < f->nmsgs && !r->err; i++) {
		list[i] = f->msgs[i];
		list[i].op = string(r, a, list[i].op);
		body(r, a, &list[i].body, (list[i].flags & FLOW_DECODE_ERROR) != 0);
		attrs(r, a, &list[i].attrs, list[i].nattrs);
	}
	f->msgs = list;
}

/* --- SQL and Redis --- */

static bool is_sql(const struct flow *f)
{
	return strcmp(f->proto, "postgres") == 0 || strcmp(f->proto, "mysql") == 0;
}

/* The names of a JSON list that are secret, as places. */
static bool columns_of(struct redact *r, struct slice list)
{
	size_t n = 0;
	bool any = false;

	for (size_t i = 0; i < list.n && n < REDACT_COLUMNS; n++) {
		size_t at = slice_find(list, SLICE_LIT("\""), i), end;

		if (at == list.n)
			break;
		for (end = at + 1; end < list.n && list.p[end] != '"'; end++)
			end += list.p[end] == '\\';
		r->params[n] |= redact_name(r, slice_cut(list, at + 1, end));
		any |= r->params[n];
		i = end + 1;
	}
	return any;
}

static void sql_request(struct redact *r, struct arena *a, struct flow *f)
{
	memset(r->params, 0, sizeof(r->params));
	r->any_param = false;
	if (f->req.target)
		f->req.target = keep(r, a, f->req.target, edit_run(r, slice_str(f->req.target), false, redact_sql));
	if (r->any_param) /* MySQL's BulkExecute has its parameters there */
		f->req.body.data = keep_bytes(r, a, f->req.body.data, edit_run(r, f->req.body.data, false, redact_rows));
}

static void sql_response(struct redact *r, struct arena *a, struct flow *f)
{
	bool any = false;

	memset(r->params, 0, sizeof(r->params));
	r->any_param = false;
	for (size_t i = 0; i < f->resp.nattrs; i++) {
		const struct flow_attr *at = &f->resp.attrs[i];

		if (at->value && (strcmp(at->key, "columns") == 0 || strcmp(at->key, "results") == 0))
			any |= columns_of(r, slice_str(at->value));
	}
	if (any)
		f->resp.body.data = keep_bytes(r, a, f->resp.body.data, edit_run(r, f->resp.body.data, false, redact_rows));
}

static void redis(struct redact *r, struct arena *a, struct flow *f)
{
	static const char *const answers[] = { "GET", "HGET", "HMGET", "GETDEL", "GETEX", "GETSET", "GETRANGE", "LRANGE", "SMEMBERS", "LPOP", "RPOP" };
	uint64_t before = r->count;
	bool secret = f->req.target && redact_key(r, slice_str(f->req.target));
	struct slice args = f->req.body.data;

	f->req.body.data = keep_bytes(r, a, args, edit_run(r, args, false, redact_list));
	/* The last argument may be the name itself: HGET user:7 password. */
	for (size_t at = slice_find(args, SLICE_LIT("\""), 0), end; at < args.n && !secret; at = slice_find(args, SLICE_LIT("\""), end + 1)) {
		for (end = at + 1; end < args.n && args.p[end] != '"'; end++)
			end += args.p[end] == '\\';
		secret = redact_key(r, slice_cut(args, at + 1, end));
	}
	for (size_t i = 0; (secret || r->count > before) && f->req.op && i < sizeof(answers) / sizeof(*answers); i++)
		if (is(f->req.op, answers[i]))
			whole_body(r, &f->resp.body);
	f->resp.body.data = keep_bytes(r, a, f->resp.body.data, edit_run(r, f->resp.body.data, false, redact_list));
}

/* What somebody noted may quote what was said. */
static void note(struct redact *r, struct arena *a, struct flow *f)
{
	struct flow_mark *m = f->mark && f->mark->note ? arena_alloc(a, sizeof(*m)) : NULL;

	if (!m)
		return; /* there is none; without memory the arena says so */
	*m = *f->mark;
	m->note = string(r, a, m->note);
	f->mark = m;
}

/* --- flows --- */

static void half(struct redact *r, struct arena *a, struct flow_half *h, bool coded)
{
	h->target = string(r, a, h->target);
	h->reason = string(r, a, h->reason);
	fields(r, a, h);
	body(r, a, &h->body, coded);
	attrs(r, a, &h->attrs, h->nattrs);
}

int redact_flow(struct redact *r, const struct flow *f, struct arena *a, struct flow *ret)
{
	bool coded = (f->flags & FLOW_DECODE_ERROR) != 0;
	struct flow out = *f;

	r->err = 0;
	r->any_param = false;
	if (is_sql(&out))
		sql_request(r, a, &out);
	else if (strcmp(out.proto, "redis") == 0)
		redis(r, a, &out);
	if (!r->err)
		half(r, a, &out.req, coded);
	if (!r->err && is_sql(&out))
		sql_response(r, a, &out);
	if (!r->err)
		half(r, a, &out.resp, coded);
	if (!r->err)
		messages(r, a, &out);
	if (!r->err)
		note(r, a, &out);
	if (!r->err && arena_short(a))
		r->err = -ENOMEM;
	if (r->err)
		return r->err;
	out.flags |= FLOW_REDACTED;
	*ret = out;
	return 0;
}
