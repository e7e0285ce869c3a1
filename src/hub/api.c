/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of docs/api.md. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flow/json.h"
#include "hub/body.h"
#include "hub/files.h"
#include "hub/keep.h"
#include "hub/complete.h"
#include "hub/marks.h"
#include "hub/saved.h"
#include "hub/serve.h"
#include "hub/transfer.h"
#include "hub/types.h"

/* --- access --------------------------------------------------------------------------------------------------- */

static void login(struct conn *c, const char *rest)
{
	struct slice given = buf_slice(&c->q.body);

	(void)rest;
	while (given.n > 0 && (given.p[given.n - 1] == '\n' || given.p[given.n - 1] == '\r'))
		given.n--;
	if (!access_token_is(c->w->rules.token, (const char *)given.p, given.n)) {
		answer_error(c, 401, "this is not the token: open the address that limpid printed");
		return;
	}
	buf_printf(&c->a.head, "Set-Cookie: limpid_%u=%s; HttpOnly; SameSite=Strict; Path=/\r\n",
		   c->w->rules.port, c->w->rules.token);
	answer(c, 204, NULL, (struct slice){ 0 });
}

/* --- the list --------------------------------------------------------------------------------------------------- */

bool api_number(const struct conn *c, const char *name, int64_t *ret)
{
	const char *s = request_arg(c, name);
	char *end;

	if (!s)
		return true;
	errno = 0;
	*ret = strtoll(s, &end, 10);
	return end != s && *end == '\0' && errno == 0;
}

static void flows(struct conn *c, const char *rest)
{
	const char *filter = request_arg(c, "f"), *sort = request_arg(c, "sort");
	struct filter_error e = { 0 };
	int64_t n = 100;
	char text[256];
	int r;

	(void)rest;
	c->q.from = 0;
	if (!api_number(c, "from", &c->q.from) || !api_number(c, "n", &n) || n < 0 ||
	    c->q.from == INT64_MIN) {
		answer_error(c, 400, "from and n are whole numbers");
		return;
	}
	c->q.n = n > VIEW_ROWS_MAX ? VIEW_ROWS_MAX : (size_t)n;
	c->view = view_new();
	r = c->view ? view_sub(c->view, filter ? filter : "", 0, -1, &e) : -ENOMEM;
	if (r == 0 && sort) {
		bool desc = sort[0] == '-';
		enum order_by by = order_by_name(sort + desc);

		view_sort(c->view, by, desc, -1);
		r = by == ORDER_NONE ? -ENOENT : 0;
	}
	if (r == 0) { /* answered when the filter has run over everything */
		lws_cancel_service(c->w->context);
		return;
	}
	view_free(c->view);
	c->view = NULL;
	if (r == -ENOENT) {
		answer_error(c, 400, "sort is a column's name, or - and its name: see docs/api.md");
		return;
	}
	(void)snprintf(text, sizeof(text), "at byte %zu of the filter: %s", e.at, e.text);
	answer_error(c, r == -EINVAL ? 400 : 503, r == -EINVAL ? text : "the hub is out of memory");
}

static void flows_window(struct conn *c)
{
	const struct list *l = &c->w->st->list;
	struct buf *out = &c->a.own;
	uint64_t matched = view_matched(c->view), back = (uint64_t)-c->q.from, from;

	from = c->q.from >= 0 ? (uint64_t)c->q.from : back > matched ? 0 : matched - back;
	buf_clear(out);
	buf_printf(out, "{\"total\":%" PRIu64 ",\"matched\":%" PRIu64 ",\"first\":%" PRIu64 ",",
		   l->end - l->base, matched, l->base < l->end ? list_at(l, l->base)->n : 0);
	view_rows(c->view, l, out, from, c->q.n);
	buf_puts(out, "}");
}

/* --- filter, containers, health ------------------------------------------------------------------------------------ */

static void filter_check(struct conn *c, const char *rest)
{
	const char *text = request_arg(c, "q");
	struct buf *out = &c->a.own, sentence = { 0 };
	struct filter_error e = { 0 };
	struct filter *q = NULL;
	int r = filter_new(&q, text ? text : "", &e);
	int64_t at = -1;

	(void)rest;
	buf_clear(out);
	if (r == 0) {
		filter_sentence(q, &sentence);
		buf_puts(out, "{\"ok\":true,\"sentence\":");
		buf_put_json_str(out, buf_slice(&sentence));
	} else {
		buf_printf(out, "{\"ok\":false,\"error\":{\"at\":%zu,\"len\":%zu,\"text\":", e.at,
			   e.len);
		buf_put_json_str(out,
				 slice_str(r == -EINVAL ? e.text : "the hub is out of memory"));
		buf_puts(out, "}");
	}
	if (!api_number(c, "at", &at)) {
		answer_error(c, 400, "at is a number of bytes");
	} else {
		if (at >= 0 && !c->w->reader) /* without it fewer values are known */
			(void)c->w->ops->open_reader(&c->w->reader, c->w->st->o->db_path);
		if (at >= 0)
			complete_json(out, c->w->st, c->w->ops, c->w->reader, text ? text : "", (size_t)at);
		buf_puts(out, "}");
		answer_own(c, 200, NULL);
	}
	filter_free(q);
	buf_release(&sentence);
}

static void containers(struct conn *c, const char *rest)
{
	(void)rest;
	buf_clear(&c->a.own);
	hub_lock(c->w->st);
	agents_containers_json(&c->w->st->agents, &c->w->st->list, &c->a.own);
	hub_unlock(c->w->st);
	answer_own(c, 200, NULL);
}

void api_counters(const struct hub_state *st, struct buf *out)
{
	struct agents_sums s;

	agents_sums(&st->agents, &s);
	buf_printf(out,
		   "{\"flows\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"truncated\":%" PRIu64
		   ",\"undecrypted\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"dropped_bytes\":%" PRIu64
		   ",\"gap_bytes\":%" PRIu64 "}",
		   st->flows, s.dropped + st->rejected, s.truncated, s.undecrypted, s.gaps,
		   s.dropped_bytes, s.gap_bytes);
}

/* Of this process; 0 where the kernel does not say. */
static void put_cost(struct buf *out)
{
	struct rusage u = { 0 };
	unsigned long long all, here = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	(void)getrusage(RUSAGE_SELF, &u);
	if (f) {
		if (fscanf(f, "%llu %llu", &all, &here) != 2)
			here = 0;
		(void)fclose(f);
	}
	buf_printf(out, ",\"cpu_ms\":%lld,\"bytes\":%llu",
		   (long long)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (long long)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000,
		   here * (unsigned long long)sysconf(_SC_PAGESIZE));
}

static void health(struct conn *c, const char *rest)
{
	struct hub_state *st = c->w->st;
	struct buf *out = &c->a.own;
	uint64_t now = hub_now_ns();

	(void)rest;
	buf_clear(out);
	hub_lock(st);
	buf_printf(out,
		   "{\"hub\":{\"version\":\"%s\",\"uptime_s\":%" PRIu64 ",\"rows\":%" PRIu64
		   ",\"rows_max\":%zu,\"rows_bytes\":%zu,\"store_bytes\":%" PRIu64
		   ",\"store_max\":%" PRIu64 ",\"oldest_ns\":\"%" PRIu64 "\",\"evicted\":%" PRIu64
		   ",\"repeats\":%" PRIu64 ",\"clients\":%u,\"resend\":%s,\"store_error\":",
		   LIMPID_VERSION, (now - st->started_ns) / 1000000000,
		   st->list.end - st->list.base, st->o->max_rows, list_bytes(&st->list),
		   st->store.bytes, st->o->max_bytes, st->store.oldest_ns, st->store.evicted,
		   st->store.repeats, st->clients, st->o->resend ? "true" : "false");
	if (st->store_error[0])
		buf_put_json_str(out, slice_str(st->store_error));
	else
		buf_puts(out, "null");
	put_cost(out);
	buf_puts(out, "},\"agents\":");
	agents_health_json(&st->agents, out, now);
	buf_puts(out, ",\"counters\":");
	api_counters(st, out);
	buf_puts(out, "}");
	hub_unlock(st);
	answer_own(c, 200, NULL);
}

/* --- what changes something ------------------------------------------------------------------------------------------ */

void api_await(struct conn *c, enum hub_command_kind kind, struct capture *cap, struct buf *part)
{
	c->q.ticket = hub_command(c->w->st, kind, cap, part);
	if (c->q.ticket == 0)
		answer_error(c, 503, "the hub is out of memory");
}

static void capture_get(struct conn *c, const char *rest)
{
	(void)rest;
	buf_clear(&c->a.own);
	hub_lock(c->w->st);
	capture_json(&c->a.own, &c->w->st->capture);
	hub_unlock(c->w->st);
	answer_own(c, 200, NULL);
}

static void capture_put(struct conn *c, const char *rest)
{
	const char *why = "the hub is out of memory";
	struct capture cap;
	int r = capture_parse(buf_slice(&c->q.body), NULL, &cap, &why);

	(void)rest;
	if (r < 0)
		answer_error(c, r == -EINVAL ? 400 : 503, why);
	else
		api_await(c, COMMAND_CAPTURE, &cap, NULL);
}

/* What the body has is put over what is in force when the main thread comes to it, so that of two changes at once
 * neither takes the other back. */
static void capture_patch(struct conn *c, const char *rest)
{
	const char *why = "the hub is out of memory";
	struct capture cap;
	int r = capture_parse(buf_slice(&c->q.body), NULL, &cap, &why);

	(void)rest;
	if (r < 0) {
		answer_error(c, r == -EINVAL ? 400 : 503, why);
	} else {
		capture_release(&cap);
		api_await(c, COMMAND_CAPTURE_PART, NULL, &c->q.body);
	}
}

static void clear(struct conn *c, const char *rest)
{
	(void)rest;
	api_await(c, COMMAND_CLEAR, NULL, NULL);
}

static void import(struct conn *c, const char *rest)
{
	uint64_t n;

	(void)rest;
	if (!keep_count(buf_slice(&c->q.body), &n))
		answer_error(c, 400, "the body is no list of records: see docs/api.md");
	else
		api_await(c, COMMAND_IMPORT, NULL, &c->q.body);
}

/* id: 36 characters, or blanks: those that the body lists. */
static void mark_flows(struct conn *c, const char *id)
{
	struct buf part = { 0 };
	struct marks_change m;
	const char *why;
	int r = marks_parse(buf_slice(&c->q.body), id[0] == ' ' ? NULL : id, &m, &why);

	if (r < 0) {
		answer_error(c, 400, why);
		return;
	}
	marks_release(&m);
	buf_put(&part, slice_str(id));
	buf_put(&part, buf_slice(&c->q.body));
	if (part.failed)
		answer_error(c, 503, "the hub is out of memory");
	else
		api_await(c, COMMAND_MARK, NULL, &part);
	buf_release(&part);
}

static void flow_mark(struct conn *c, const char *rest)
{
	char id[37];

	(void)snprintf(id, sizeof(id), "%.36s", rest);
	if (strlen(id) != 36 || strcmp(rest + 36, "/mark") != 0)
		answer_error(c, 404, "there is no such call: see docs/api.md");
	else
		mark_flows(c, id);
}

static void marks(struct conn *c, const char *rest)
{
	(void)rest;
	mark_flows(c, "                                    ");
}

static void saved_get(struct conn *c, const char *rest)
{
	(void)rest;
	buf_clear(&c->a.own);
	hub_lock(c->w->st);
	if (c->w->st->saved.n > 0)
		buf_put(&c->a.own, buf_slice(&c->w->st->saved));
	else
		buf_puts(&c->a.own, "[]");
	hub_unlock(c->w->st);
	answer_own(c, 200, NULL);
}

static void saved_put(struct conn *c, const char *rest)
{
	struct buf list = { 0 };
	const char *why;

	(void)rest;
	if (saved_parse(buf_slice(&c->q.body), &list, &why) < 0)
		answer_error(c, 400, why);
	else
		api_await(c, COMMAND_SAVED, NULL, &list);
	buf_release(&list);
}

static void poll_command(struct conn *c)
{
	int r;

	if (!hub_command_done(c->w->st, c->q.ticket, &r))
		return;
	c->q.ticket = 0;
	if (r == 0)
		answer(c, 204, NULL, (struct slice){ 0 });
	else if (r == -ENOENT)
		answer_error(c, 404, "there is no such flow: it was deleted, or never was");
	else if (r == -EDQUOT)
		answer_error(c, 400, "1,000 flows are pinned, and no more can be: let some of them go first");
	else if (r == -EFBIG)
		answer_error(c, 413, "more than 16 MiB of descriptors: forget the old ones first");
	else if (r == -EAGAIN)
		answer_error(c, 503, "the hub is still reading its database: try again in a moment");
	else if (r == -ENOSPC)
		answer_error(c, 503,
			     "the disk is full, not even deleting works: free some space first");
	else
		answer_error(c, 503, "the database cannot be written now");
}

static void poll_view(struct conn *c)
{
	bool done;

	hub_lock(c->w->st);
	done = view_done(c->view, &c->w->st->list);
	if (done)
		flows_window(c);
	hub_unlock(c->w->st);
	if (!done)
		return;
	view_free(c->view);
	c->view = NULL;
	answer_own(c, 200, NULL);
}

void api_poll(struct conn *c)
{
	if (c->a.status == 0 && c->q.ticket)
		poll_command(c);
	else if (c->a.status == 0 && c->view)
		poll_view(c);
	else if (c->a.status == 0 && c->job)
		job_poll(c);
	else if (c->a.status == 0 && c->resend)
		resend_poll(c);
}

/* --- the table ---------------------------------------------------------------------------------------------------------- */

static const struct route {
	const char *method, *path;
	bool prefix; /* what follows is handed to fn */
	void (*fn)(struct conn *c, const char *rest);
} routes[] = {
	{ "POST", "/api/login", false, login },
	{ "GET", "/api/flows", false, flows },
	{ "GET", "/api/flow/", true, api_flow },
	{ "PATCH", "/api/flow/", true, flow_mark },
	{ "PATCH", "/api/marks", false, marks },
	{ "GET", "/api/map", false, api_map },
	{ "GET", "/api/sql", false, api_sql },
	{ "GET", "/api/metrics", false, api_metrics },
	{ "GET", "/api/filter/check", false, filter_check },
	{ "GET", "/api/saved", false, saved_get },
	{ "PUT", "/api/saved", false, saved_put },
	{ "GET", "/api/schemas", false, types_get },
	{ "POST", "/api/schemas", false, types_post },
	{ "DELETE", "/api/schemas", false, types_delete },
	{ "GET", "/api/containers", false, containers },
	{ "GET", "/api/capture", false, capture_get },
	{ "PUT", "/api/capture", false, capture_put },
	{ "PATCH", "/api/capture", false, capture_patch },
	{ "GET", "/api/health", false, health },
	{ "POST", "/api/clear", false, clear },
	{ "GET", "/api/export", false, transfer_export },
	{ "POST", "/api/import", false, import },
	{ "POST", "/api/exports", false, files_export_begin },
	{ "GET", "/api/exports/", true, files_export_next },
	{ "DELETE", "/api/exports/", true, files_export_end },
	{ "POST", "/api/imports", false, files_import_begin },
	{ "POST", "/api/imports/", true, files_import_more },
	{ "GET", "/api/imports/", true, files_import_state },
	{ "DELETE", "/api/imports/", true, files_import_end },
	{ "POST", "/api/resend", false, api_resend },
};

void api_call(struct conn *c)
{
	const char *path = (const char *)c->q.path.p;
	const char *method = strcmp(c->q.method, "HEAD") == 0 ? "GET" : c->q.method, *comma = "";
	struct buf allow = { 0 };

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct route *r = &routes[i];
		size_t n = strlen(r->path);

		if (r->prefix ? strncmp(path, r->path, n) != 0 : strcmp(path, r->path) != 0)
			continue;
		if (strcmp(method, r->method) == 0) {
			buf_release(&allow);
			r->fn(c, path + n);
			return;
		}
		buf_printf(&allow, "%s%s", comma, r->method);
		comma = ", ";
	}
	if (allow.n > 0) {
		buf_printf(&c->a.head, "Allow: %.*s\r\n", (int)allow.n, (const char *)allow.p);
		answer_error(c, 405, "this call has another method: see docs/api.md");
	} else if (strcmp(path, "/api/ws") == 0) {
		answer_error(c, 400, "this is a WebSocket");
	} else {
		answer_error(c, 404, "there is no such call: see docs/api.md");
	}
	buf_release(&allow);
}
