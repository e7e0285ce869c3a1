/* SPDX-License-Identifier: Apache-2.0 */
#include "filter/spoken.h"

#include <stdlib.h>

#include "base/json.h"

#define JSON_ARENA ((size_t)64 << 20)

static bool see(visit_fn visit, void *ctx, const char *s)
{
	return s && visit(ctx, slice_str(s));
}

static bool speaks(const struct flow *f, const char *proto)
{
	return strcmp(f->proto, proto) == 0;
}

static bool is_sql(const struct flow *f)
{
	return speaks(f, "postgres") || speaks(f, "mysql");
}

bool key_id(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	char id[37];

	(void)arg;
	flow_id_format(f->id, id);
	return see(visit, ctx, id);
}

bool key_grpc(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return speaks(f, "grpc") && see(visit, ctx, f->resp.status);
}

bool key_sql(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return is_sql(f) && see(visit, ctx, f->req.target);
}

/* The statement's first word, behind blanks, comments and parentheses; of what has no statement, what it is. */
bool key_sql_op(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	const char *s = f->req.target;
	size_t n;

	(void)arg;
	if (!is_sql(f))
		return false;
	while (s && *s) {
		const char *end = NULL;

		s += strspn(s, " \t\r\n(;");
		if (s[0] == '/' && s[1] == '*')
			end = strstr(s + 2, "*/");
		else if (s[0] == '-' && s[1] == '-')
			end = strchr(s, '\n');
		if (!end)
			break;
		s = end + (*end == '*' ? 2 : 1);
	}
	n = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
	return n ? visit(ctx, (struct slice){ (const uint8_t *)s, n }) : see(visit, ctx, f->req.op);
}

bool key_sql_table(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return is_sql(f) && f->req.target && sql_tables(f->req.target, visit, ctx);
}

bool key_sql_error(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return is_sql(f) && f->failed && (see(visit, ctx, f->resp.status) || see(visit, ctx, f->resp.reason));
}

bool key_sql_rows(const struct flow *f, uint64_t *ret)
{
	const char *rows = NULL;

	if (!is_sql(f) || !f->has_resp)
		return false;
	for (size_t i = 0; i < f->resp.nattrs; i++) {
		const char *key = f->resp.attrs[i].key;

		if (strcmp(key, "rows") == 0 || (!rows && strcmp(key, "affected") == 0))
			rows = f->resp.attrs[i].value;
	}
	if (rows)
		*ret = strtoull(rows, NULL, 10);
	return rows != NULL;
}

bool key_redis_cmd(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return speaks(f, "redis") && see(visit, ctx, f->req.op);
}

bool key_redis_key(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return speaks(f, "redis") && see(visit, ctx, f->req.target);
}

bool key_ws_kind(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	for (size_t i = 0; speaks(f, "websocket") && i < f->nmsgs; i++)
		if (see(visit, ctx, f->msgs[i].op))
			return true;
	return false;
}

bool key_ws_dir(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	for (size_t i = 0; speaks(f, "websocket") && i < f->nmsgs; i++)
		if (see(visit, ctx, f->msgs[i].from_server ? "s2c" : "c2s"))
			return true;
	return false;
}

/* --- json.PATH ---------------------------------------------------------------------------------------------------------- */

/* The member of v that the first name of path says; of an array the one with that number, else that member of any.  As deep
 * as the value is nested, which json_parse() bounds. */
static bool see_path(const struct json *v, const char *path, visit_fn visit, void *ctx)
{
	size_t n = strcspn(path, ".");
	const char *rest = path[n] ? path + n + 1 : path + n;
	bool array = v->kind == JSON_ARRAY, number = n > 0 && strspn(path, "0123456789") == n, hit = false;
	uint64_t i = 0;

	if (n == 0)
		return visit(ctx, v->kind == JSON_STRING || v->kind == JSON_NUMBER ? v->text : v->raw);
	if (!array && v->kind != JSON_OBJECT)
		return false;
	for (const struct json *m = v->first; m && !hit; m = m->next, i++) {
		if (array && !number)
			hit = see_path(m, path, visit, ctx);
		else if (array ? strtoull(path, NULL, 10) == i : slice_eq(m->key, (struct slice){ (const uint8_t *)path, n }))
			hit = see_path(m, rest, visit, ctx);
	}
	return hit;
}

static bool see_json(struct slice in, const char *path, visit_fn visit, void *ctx)
{
	const struct json *v;
	struct arena *a;
	bool hit;

	while (in.n && (in.p[0] == ' ' || in.p[0] == '\n' || in.p[0] == '\r' || in.p[0] == '\t'))
		in = slice_cut(in, 1, in.n);
	if (in.n == 0 || (in.p[0] != '{' && in.p[0] != '['))
		return false;
	a = arena_new(JSON_ARENA);
	hit = a && json_parse(in, a, &v) == 0 && see_path(v, path, visit, ctx);
	arena_free(a);
	return hit;
}

static bool see_body(const struct flow_body *b, const char *path, visit_fn visit, void *ctx)
{
	return see_json(b->shown.n ? b->shown : b->data, path, visit, ctx);
}

bool key_json(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	if (see_body(&f->req.body, arg, visit, ctx) || see_body(&f->resp.body, arg, visit, ctx))
		return true;
	for (size_t i = 0; i < f->nmsgs; i++)
		if (see_body(&f->msgs[i].body, arg, visit, ctx))
			return true;
	return false;
}
