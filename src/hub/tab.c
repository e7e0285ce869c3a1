/* SPDX-License-Identifier: Apache-2.0 */
/* A tab's WebSocket: what it asks, what it is told.  What waits for it is bounded: a tab that asks faster than
 * it reads is closed. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "hub/serve.h"

static bool send_buf(struct conn *c, const struct buf *b)
{
	struct message *m = NULL;

	if (!b->failed && c->queued + b->n <= WEB_QUEUE_MAX)
		m = malloc(sizeof(*m) + LWS_PRE + b->n);
	if (c->wsi)
		(void)lws_callback_on_writable(c->wsi);
	if (!m) {
		c->closing = true; /* it comes again and asks for what it missed */
		return false;
	}
	m->next = NULL;
	m->n = b->n;
	memcpy(m->data + LWS_PRE, b->p, b->n);
	*c->last = m;
	c->last = &m->next;
	c->queued += b->n;
	return true;
}

int tab_begin(struct conn *c)
{
	struct hub_state *st = c->w->st;
	struct buf b = { 0 };

	c->view = view_new();
	if (!c->view)
		return -1;
	c->tab = true;
	c->last = &c->first;
	hub_lock(st);
	st->clients++;
	c->seen_containers = st->agents.containers_version;
	c->seen_saved = st->saved_version;
	hub_unlock(st);
	buf_printf(&b, "{\"op\":\"hello\",\"version\":\"%s\",\"boot\":\"%s\"}", LIMPID_VERSION,
		   st->boot);
	(void)send_buf(c, &b);
	buf_release(&b);
	return 0;
}

void tab_end(struct conn *c)
{
	struct message *m;

	while ((m = c->first)) {
		c->first = m->next;
		free(m);
	}
	buf_release(&c->in);
	view_free(c->view);
	c->view = NULL;
	c->tab = false;
	hub_lock(c->w->st);
	c->w->st->clients--;
	hub_unlock(c->w->st);
}

int tab_write(struct conn *c)
{
	struct message *m = c->first;
	int r;

	if (c->closing) {
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION, NULL, 0);
		return -1;
	}
	if (!m)
		return 0;
	c->first = m->next;
	if (!c->first)
		c->last = &c->first;
	c->queued -= m->n;
	r = lws_write(c->wsi, m->data + LWS_PRE, m->n, LWS_WRITE_TEXT);
	free(m);
	if (r < 0)
		return -1;
	if (c->first)
		(void)lws_callback_on_writable(c->wsi);
	return 0;
}

/* --- what it asks ------------------------------------------------------------------------------------------- */

/* A whole number in [0, 2^53]; missing or anything else: otherwise. */
static uint64_t whole(const cJSON *j, const char *key, uint64_t otherwise)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

	if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= 9007199254740992.0))
		return otherwise;
	return (uint64_t)v->valuedouble;
}

static void op_sub(struct conn *c, const cJSON *j)
{
	const cJSON *f = cJSON_GetObjectItemCaseSensitive(j, "filter");
	uint64_t tag = whole(j, "view", UINT64_MAX);
	struct filter_error e = { 0 };
	struct buf b = { 0 };
	int r = view_sub(c->view, cJSON_IsString(f) ? f->valuestring : "",
			 (size_t)whole(j, "n", 100), tag == UINT64_MAX ? -1 : (int64_t)tag, &e);

	if (r == 0) {
		if (!c->subscribed)
			view_follow(c->view, true);
		c->subscribed = true;
		return;
	}
	buf_puts(&b, "{\"op\":\"error\"");
	if (tag != UINT64_MAX)
		buf_printf(&b, ",\"view\":%" PRIu64, tag);
	buf_printf(&b, ",\"at\":%zu,\"len\":%zu,\"text\":", e.at, e.len);
	buf_put_json_str(&b, slice_str(r == -EINVAL ? e.text : "the hub is out of memory"));
	buf_puts(&b, "}");
	(void)send_buf(c, &b);
	buf_release(&b);
}

static void op_follow(struct conn *c, const cJSON *j)
{
	view_follow(c->view, cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(j, "on")));
}

static void op_sort(struct conn *c, const cJSON *j)
{
	const cJSON *by = cJSON_GetObjectItemCaseSensitive(j, "by");
	uint64_t tag = whole(j, "view", UINT64_MAX);

	view_sort(c->view, cJSON_IsString(by) ? order_by_name(by->valuestring) : ORDER_NONE,
		  cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(j, "desc")),
		  tag == UINT64_MAX ? -1 : (int64_t)tag);
}

static void op_stop(struct conn *c, const cJSON *j)
{
	(void)j;
	view_stop(c->view);
}

static void op_rows(struct conn *c, const cJSON *j)
{
	uint64_t from = whole(j, "from", 0), req = whole(j, "req", 0);
	struct hub_state *st = c->w->st;
	struct buf b = { 0 }, rows = { 0 };

	hub_lock(st);
	view_rows(c->view, &st->list, &rows, from, (size_t)whole(j, "n", VIEW_ROWS_MAX));
	buf_printf(&b, "{\"op\":\"rows\",\"req\":%" PRIu64, req);
	view_tag(c->view, &b);
	buf_printf(&b, ",\"from\":%" PRIu64 ",\"base\":%" PRIu64 ",", from, view_base(c->view));
	hub_unlock(st);
	b.failed |= rows.failed;
	buf_put(&b, buf_slice(&rows));
	buf_puts(&b, "}");
	(void)send_buf(c, &b);
	buf_release(&rows);
	buf_release(&b);
}

static void op_find(struct conn *c, const cJSON *j)
{
	uint64_t req = whole(j, "req", 0);
	struct hub_state *st = c->w->st;
	struct buf b = { 0 };

	hub_lock(st);
	buf_printf(&b, "{\"op\":\"find\",\"req\":%" PRIu64, req);
	view_tag(c->view, &b);
	buf_printf(&b, ",\"from\":%" PRId64, view_find(c->view, &st->list, whole(j, "n", 0)));
	buf_printf(&b, ",\"base\":%" PRIu64 "}", view_base(c->view));
	hub_unlock(st);
	(void)send_buf(c, &b);
	buf_release(&b);
}

static void op_watch(struct conn *c, const cJSON *j)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(j, "ids"), *id;
	const char *list[64];
	size_t n = 0;

	cJSON_ArrayForEach(id, ids) {
		if (cJSON_IsString(id) && n < 64)
			list[n++] = id->valuestring;
	}
	view_watch(c->view, list, n);
}

static void op_ack(struct conn *c, const cJSON *j)
{
	view_ack(c->view, whole(j, "seq", 0));
}

int tab_message(struct conn *c, struct slice in)
{
	static const struct {
		const char *name;
		void (*fn)(struct conn *c, const cJSON *j);
	} ops[] = { { "sub", op_sub },	 { "follow", op_follow }, { "rows", op_rows },
		    { "sort", op_sort }, { "stop", op_stop },
		    { "find", op_find }, { "watch", op_watch },	  { "ack", op_ack } };
	cJSON *j = cJSON_ParseWithLength((const char *)in.p, in.n);
	const cJSON *op = cJSON_GetObjectItemCaseSensitive(j, "op");
	int r = cJSON_IsObject(j) && cJSON_IsString(op) ? 0 : -1;

	/* An unknown operation is one of a newer page: nothing to be cut off for. */
	for (size_t i = 0; r == 0 && i < sizeof(ops) / sizeof(*ops); i++)
		if (strcmp(op->valuestring, ops[i].name) == 0)
			ops[i].fn(c, j);
	cJSON_Delete(j);
	return r;
}

int tab_input(struct conn *c, struct slice in, bool binary, bool final)
{
	int r = 0;

	if (c->in.n + in.n > WEB_MESSAGE_MAX) {
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
		return -1;
	}
	buf_put(&c->in, in);
	if (!final)
		return 0;
	if (!binary && !c->in.failed)
		r = tab_message(c, buf_slice(&c->in));
	buf_clear(&c->in);
	if (r < 0 || binary) {
		lws_close_reason(c->wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, NULL, 0);
		return -1;
	}
	/* Not from within this callback: the pump may look at other connections too. */
	lws_cancel_service(c->w->context);
	return 0;
}

/* --- what it is told ---------------------------------------------------------------------------------------- */

void tab_tick(struct conn *c, uint64_t now_ns)
{
	struct hub_state *st = c->w->st;
	struct buf upd = { 0 }, tick = { 0 };

	if (c->closing || !c->subscribed)
		return;
	if (c->seen_containers != st->agents.containers_version) {
		c->seen_containers = st->agents.containers_version;
		buf_puts(&tick, "{\"op\":\"containers\"}");
		(void)send_buf(c, &tick);
		buf_clear(&tick);
	}
	if (c->seen_saved != st->saved_version) {
		c->seen_saved = st->saved_version;
		buf_puts(&tick, "{\"op\":\"saved\"}");
		(void)send_buf(c, &tick);
		buf_clear(&tick);
	}
	if (view_due(c->view, &st->list, c->w->common_version, now_ns)) {
		view_tick(c->view, &st->list, buf_slice(&c->w->common), c->w->common_version,
			  now_ns, &upd, &tick);
		if (upd.n == 0 || send_buf(c, &upd))
			(void)send_buf(c, &tick);
	}
	buf_release(&upd);
	buf_release(&tick);
}
