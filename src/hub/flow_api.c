/* SPDX-License-Identifier: Apache-2.0 */
/* The calls about one flow: the whole of it, its bodies, its messages. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "export/redact.h"
#include "flow/json.h"
#include "hub/body.h"
#include "hub/files.h"
#include "hub/serve.h"
#include "hub/types.h"

#define FLOW_BODY_MAX	((size_t)256 << 10)
#define FLOW_MEMORY	((size_t)1 << 30)
#define FLOW_MESSAGES	100
#define WINDOW_MESSAGES 500
#define RAW_MESSAGES	1000
#define WINDOW_BODY_MAX ((size_t)4 << 10)

static int reader(struct web *w)
{
	return w->reader ? 0 : w->ops->open_reader(&w->reader, w->st->o->db_path);
}

/* With redacted=1: without its secrets, or not at all. */
static int hide(struct conn *c, struct arena *a, struct flow *f)
{
	struct redact *rules;
	int r;

	if (!request_arg(c, "redacted"))
		return 0;
	r = files_redact(c->w, &rules);
	if (r < 0)
		return r;
	r = redact_flow(rules, f, a, f);
	redact_free(rules);
	return r;
}

/* As it is stored. */
static int fetch(struct conn *c, const char *id, struct arena *a, size_t max_msgs, struct flow *ret, uint64_t *ret_row)
{
	uint8_t bytes[16];
	int r = flow_id_parse(id, bytes) < 0 ? -ENOENT : reader(c->w);

	return r < 0 ? r : c->w->ops->by_id(c->w->reader, bytes, a, max_msgs, ret, ret_row);
}

static int fetch_messages(struct conn *c, const char *id, const struct store_window *w, struct arena *a, struct flow *ret,
			  uint64_t *ret_kept)
{
	uint8_t bytes[16];
	int r = flow_id_parse(id, bytes) < 0 ? -ENOENT : reader(c->w);

	return r < 0 ? r : c->w->ops->messages(c->w->reader, bytes, w, a, ret, ret_kept);
}

/* As it may be told. */
static int load(struct conn *c, const char *id, struct arena *a, size_t max_msgs, struct flow *ret,
		uint64_t *ret_row)
{
	int r = fetch(c, id, a, max_msgs, ret, ret_row);

	return r < 0 ? r : hide(c, a, ret);
}

static int load_messages(struct conn *c, const char *id, const struct store_window *w,
			 struct arena *a, struct flow *ret, uint64_t *ret_kept)
{
	int r = fetch_messages(c, id, w, a, ret, ret_kept);

	return r < 0 ? r : hide(c, a, ret);
}

static void load_failed(struct conn *c, int r)
{
	if (r == -ENOENT)
		answer_error(c, 404, "there is no such flow: it was deleted, or never was");
	else if (r == -ENOMEM)
		answer_error(c, 503, "this flow is larger than the memory for it");
	else
		answer_error(c, 503, "the database cannot be read now");
}

static void flow_whole(struct conn *c, const char *id, struct arena *a)
{
	const struct flow_json_options opts = { .body_max = FLOW_BODY_MAX };
	struct buf *out = &c->a.own;
	struct flow f;
	uint64_t row;
	int r = load(c, id, a, FLOW_MESSAGES, &f, &row);

	if (r < 0) {
		load_failed(c, r);
		return;
	}
	buf_clear(out);
	flow_json(out, &f, &opts);
	if (!out->failed && out->n > 0) {
		out->n--; /* the closing brace: one more member */
		buf_printf(out, ",\"n\":%" PRIu64 "}", row);
	}
	answer_own(c, 200, NULL);
}

static int put_form(struct buf *out, const char *form, const struct flow_body *b)
{
	struct slice data = b->data;

	if (form && strcmp(form, "shown") == 0) {
		data = b->shown;
		form = "pretty";
	}
	if (form && strcmp(form, "hex") == 0) {
		body_hex(out, data);
		return 0;
	}
	if (form && strcmp(form, "pretty") == 0 && body_pretty_json(out, data))
		return 0;
	if (form && strcmp(form, "pretty") != 0 && strcmp(form, "decoded") != 0)
		return -EINVAL;
	buf_clear(out);
	buf_put(out, data);
	return 0;
}

/* Never as anything that a browser would run. */
static void body_answer(struct conn *c, const struct flow_body *b, const char *name)
{
	struct buf *own = &c->a.own;
	size_t from = 0, to;
	char range[128];
	int r = 0;

	buf_clear(own);
	if (put_form(own, request_arg(c, "form"), b) < 0) {
		answer_error(c, 400, "form is decoded, pretty, hex or shown");
		return;
	}
	to = own->n;
	if (lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_RANGE) > 0 &&
	    lws_hdr_copy(c->wsi, range, sizeof(range), WSI_TOKEN_HTTP_RANGE) > 0)
		r = body_range(range, own->n, &from, &to);
	if (r < 0) {
		buf_printf(&c->a.head, "Content-Range: bytes */%zu\r\n", own->n);
		answer_error(c, 416, "the body is shorter than that range");
		return;
	}
	if (r > 0)
		buf_printf(&c->a.head, "Content-Range: bytes %zu-%zu/%zu\r\n", from, to - 1,
			   own->n);
	buf_printf(
		&c->a.head,
		"Accept-Ranges: bytes\r\n"
		"Content-Disposition: attachment; filename=\"%s\"\r\n"
		"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; sandbox\r\n",
		name);
	answer_own(c, r > 0 ? 206 : 200, "application/octet-stream");
	if (c->a.status < 300)
		c->a.body = slice_cut(c->a.body, from, to);
}

/* A window of a conversation: from=SEQ on, or the last before=SEQ; without either the newest. */
static void flow_messages(struct conn *c, const char *id, struct arena *a)
{
	const struct flow_json_options opts = { .body_max = WINDOW_BODY_MAX };
	int64_t n = 100, from = 0, before = 0;
	struct buf *out = &c->a.own;
	struct store_window w;
	uint64_t kept = 0;
	struct flow f;
	int r;

	if (!api_number(c, "n", &n) || !api_number(c, "from", &from) ||
	    !api_number(c, "before", &before) || n < 0 || from < 0 || before < 0) {
		answer_error(c, 400, "n, from and before are whole numbers");
		return;
	}
	w = (struct store_window){ .n = n > WINDOW_MESSAGES ? WINDOW_MESSAGES : (size_t)n };
	w.before = from == 0;
	w.from = from ? (uint64_t)from : before ? (uint64_t)before : UINT64_MAX;
	r = load_messages(c, id, &w, a, &f, &kept);
	if (r < 0) {
		load_failed(c, r);
		return;
	}
	buf_clear(out);
	buf_printf(out, "{\"state\":\"%s\",\"kept\":%" PRIu64, flow_state_name(f.state), kept);
	flow_json_messages(out, &f, &opts);
	buf_puts(out, "}");
	answer_own(c, 200, NULL);
}

/* The body that the query asks for, of a flow that has only its message then; one that is read by a type is so before
 * secrets are looked for in it.  NULL: answered, there is none. */
static const struct flow_body *body_of(struct conn *c, const char *id, struct arena *a, uint64_t msg, struct flow *f, struct flow_msg *one)
{
	const char *side = request_arg(c, "side"), *type = request_arg(c, "type");
	struct flow_body *b;
	uint64_t row;
	int r = msg > 0 ? fetch_messages(c, id, &(struct store_window){ .n = 1, .from = msg }, a, f, &row) : fetch(c, id, a, 0, f, &row);

	if (r < 0) {
		load_failed(c, r);
		return NULL;
	}
	if (msg > 0 && (f->nmsgs == 0 || f->msgs[0].seq != msg)) {
		answer_error(c, 404, "this flow has no such message");
		return NULL;
	}
	if (msg > 0) {
		*one = f->msgs[0];
		f->msgs = one;
		f->nmsgs = 1;
	}
	b = msg > 0 ? &one->body : strcmp(side, "req") == 0 ? &f->req.body : &f->resp.body;
	if (type && !types_show(c, a, type, b))
		return NULL;
	r = hide(c, a, f);
	if (r < 0) {
		load_failed(c, r);
		return NULL;
	}
	return msg > 0 ? &f->msgs[0].body : b;
}

static void flow_body(struct conn *c, const char *id, struct arena *a)
{
	const char *side = request_arg(c, "side");
	const struct flow_body *b;
	struct flow_msg one;
	char name[64];
	int64_t msg = 0;
	struct flow f;

	if (!api_number(c, "msg", &msg) ||
	    (msg <= 0 && (!side || (strcmp(side, "req") != 0 && strcmp(side, "resp") != 0)))) {
		answer_error(c, 400, "say side=req or side=resp, or msg=NUMBER");
		return;
	}
	b = body_of(c, id, a, msg > 0 ? (uint64_t)msg : 0, &f, &one);
	if (!b)
		return;
	if (msg > 0)
		(void)snprintf(name, sizeof(name), "%s-%" PRId64, id, msg);
	else
		(void)snprintf(name, sizeof(name), "%s-%s", id, side);
	body_answer(c, b, name);
}

static void flow_related(struct conn *c, const char *id, struct arena *a)
{
	struct flow f;
	uint64_t row;
	int r = load(c, id, a, 0, &f, &row);

	if (r < 0)
		load_failed(c, r);
	else
		api_related(c, &f, row);
}

bool api_load(struct conn *c, const char *id, struct arena *a, struct flow *ret)
{
	uint64_t row;
	int r = load(c, id, a, 0, ret, &row);

	if (r < 0)
		load_failed(c, r);
	return r == 0;
}

static void flow_bytes(struct conn *c, const char *id, struct arena *a)
{
	struct flow f;
	uint64_t row;
	int r = load(c, id, a, RAW_MESSAGES, &f, &row);

	if (r < 0)
		load_failed(c, r);
	else
		flow_raw(c, &f);
}

static void flow_page(struct conn *c, const char *id, struct arena *a)
{
	const char *side = request_arg(c, "side");
	struct flow f;
	uint64_t row;
	int r = load(c, id, a, 0, &f, &row);

	if (r < 0)
		load_failed(c, r);
	else
		flow_preview(c, side && strcmp(side, "req") == 0 ? &f.req.body : &f.resp.body);
}

void api_flow(struct conn *c, const char *rest)
{
	static const struct {
		const char *name;
		void (*fn)(struct conn *c, const char *id, struct arena *a);
	} calls[] = { { "", flow_whole },	    { "/body", flow_body },	{ "/messages", flow_messages },
		      { "/related", flow_related }, { "/raw", flow_bytes },	{ "/preview", flow_page } };
	size_t n = strcspn(rest, "/"), i = 0;
	struct arena *a;
	char id[37];

	while (i < sizeof(calls) / sizeof(*calls) && strcmp(rest + n, calls[i].name) != 0)
		i++;
	if (n != 36 || i == sizeof(calls) / sizeof(*calls)) {
		answer_error(c, 404, "there is no such flow");
		return;
	}
	memcpy(id, rest, 36);
	id[36] = '\0';
	a = arena_new(FLOW_MEMORY);
	if (a)
		calls[i].fn(c, id, a);
	else
		answer_error(c, 503, "the hub is out of memory");
	arena_free(a);
}
