/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP transaction: its parts are copied out of libwebsockets' header table when it begins, the answer is
 * written in pieces when the socket takes them.  Only a GET without a body leaves the connection open. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/assets.h"
#include "hub/serve.h"
#include "hub/transfer.h"
#include "hub/types.h"

#define PIECE	16384
#define WRITE_S 30  /* for the client to take a piece */
#define AWAIT_S 600 /* for a filter to run over everything */
#define PAGE_CSP                                                                                \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " \
	"connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "           \
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
#define SAFE_HEADERS                                                          \
	"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n" \
	"Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n"

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 416, "Range Not Satisfiable" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
};

static const char *reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

/* --- reading ------------------------------------------------------------------------------------------------ */

/* The header, or NULL when absent; one that does not fit is "", which no rule accepts. */
static const char *header(struct lws *wsi, enum lws_token_indexes t, char *to, int n)
{
	if (lws_hdr_total_length(wsi, t) <= 0)
		return NULL;
	if (lws_hdr_copy(wsi, to, n, t) < 0)
		to[0] = '\0';
	return to;
}

static const char *fetch_site(struct lws *wsi, char *to, int n)
{
	static const char name[] = "sec-fetch-site:";
	int len = lws_hdr_custom_length(wsi, name, sizeof(name) - 1);

	if (len < 0)
		return NULL;
	if (lws_hdr_custom_copy(wsi, to, n, name, sizeof(name) - 1) < 0)
		to[0] = '\0';
	return to;
}

static const char *method_of(struct lws *wsi)
{
	static const struct {
		enum lws_token_indexes token;
		const char *name;
	} methods[] = {
		{ WSI_TOKEN_GET_URI, "GET" },	      { WSI_TOKEN_HEAD_URI, "HEAD" },
		{ WSI_TOKEN_POST_URI, "POST" },	      { WSI_TOKEN_PUT_URI, "PUT" },
		{ WSI_TOKEN_DELETE_URI, "DELETE" },   { WSI_TOKEN_PATCH_URI, "PATCH" },
		{ WSI_TOKEN_OPTIONS_URI, "OPTIONS" },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (lws_hdr_total_length(wsi, methods[i].token) > 0)
			return methods[i].name;
	return "OTHER";
}

static int check_access(struct web *w, struct lws *wsi, const char *path, bool websocket,
			const char **ret_why)
{
	char host[300], origin[600], cookie[8192], authorization[300], site[32];
	const struct access_request q = {
		.method = method_of(wsi),
		.path = path,
		.host = header(wsi, WSI_TOKEN_HOST, host, sizeof(host)),
		.origin = header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)),
		.cookie = header(wsi, WSI_TOKEN_HTTP_COOKIE, cookie, sizeof(cookie)),
		.authorization = header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, authorization,
					sizeof(authorization)),
		.sec_fetch_site = fetch_site(wsi, site, sizeof(site)),
		.websocket = websocket,
	};

	return access_check(&w->rules, &q, ret_why);
}

static void copy_query(struct conn *c)
{
	char part[8192];
	int n;

	for (int i = 0; (n = lws_hdr_copy_fragment(c->wsi, part, sizeof(part),
						   WSI_TOKEN_HTTP_URI_ARGS, i)) >= 0;
	     i++) {
		buf_put(&c->q.query, (struct slice){ (uint8_t *)part, strnlen(part, (size_t)n) });
		buf_put(&c->q.query, (struct slice){ (const uint8_t *)"", 1 });
	}
}

const char *request_arg(const struct conn *c, const char *name)
{
	size_t n = strlen(name), len;

	for (size_t at = 0; at < c->q.query.n; at += len + 1) {
		const char *part = (const char *)c->q.query.p + at;

		len = strlen(part);
		if (len > n && part[n] == '=' && memcmp(part, name, n) == 0)
			return part + n + 1;
	}
	return NULL;
}

void request_reset(struct conn *c)
{
	struct answer *a = &c->a;

	buf_clear(&c->q.path);
	buf_clear(&c->q.query);
	buf_clear(&c->q.body);
	if (c->q.body.cap > PIECE)
		buf_release(&c->q.body);
	if (!c->tab) {
		view_free(c->view);
		c->view = NULL;
		job_free(c->job);
		c->job = NULL;
		resend_detach(c);
	}
	c->q.ticket = 0;
	buf_clear(&a->head);
	buf_clear(&a->own);
	if (a->own.cap > PIECE)
		buf_release(&a->own);
	*a = (struct answer){ .head = a->head, .own = a->own };
}

/* --- the page's files ---------------------------------------------------------------------------------------- */

static bool accepts_br(struct lws *wsi)
{
	char list[256];
	const char *s = header(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, list, sizeof(list));

	for (const char *p = s; p && (p = strstr(p, "br")); p += 2)
		if ((p == s || p[-1] == ' ' || p[-1] == ',') &&
		    (p[2] == '\0' || p[2] == ',' || p[2] == ' '))
			return true;
	return false;
}

static void serve_asset(struct conn *c, const char *path)
{
	const struct asset *f = NULL;
	struct answer *a = &c->a;

	if (strcmp(path, "/") == 0)
		path = "/index.html";
	for (size_t i = 0; i < assets_n && !f; i++)
		if (strcmp(assets[i].path, path) == 0)
			f = &assets[i];
	if (!f) {
		answer_error(c, 404, "there is no such page");
		return;
	}
	a->status = 200;
	a->type = f->type;
	a->body = (struct slice){ f->data, f->n };
	if (f->br && accepts_br(c->wsi)) {
		a->body = (struct slice){ f->br, f->nbr };
		buf_puts(&a->head, "Content-Encoding: br\r\n");
	}
	buf_puts(&a->head, "Vary: Accept-Encoding\r\n");
	buf_puts(&a->head, f->immutable ? "Cache-Control: public, max-age=31536000, immutable\r\n"
					: "Cache-Control: no-store\r\n");
	buf_puts(&a->head, "Content-Security-Policy: " PAGE_CSP "\r\n");
	(void)lws_callback_on_writable(c->wsi);
}

/* --- the life of a request ----------------------------------------------------------------------------------- */

static void dispatch(struct conn *c)
{
	const char *path = (const char *)c->q.path.p;

	lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, AWAIT_S);
	if (c->q.path.failed || c->q.query.failed || c->q.body.failed)
		answer_error(c, 503, "the hub is out of memory");
	else if (strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0)
		api_call(c);
	else if (strcmp(c->q.method, "GET") == 0 || strcmp(c->q.method, "HEAD") == 0)
		serve_asset(c, path);
	else
		answer_error(c, 405, "this can only be read: use GET");
}

static size_t body_max(const struct conn *c)
{
	if (!c->q.path.failed && strcmp((const char *)c->q.path.p, "/api/schemas") == 0)
		return TYPES_MAX;
	/* "/api/import", and the pieces of "/api/imports/ID" */
	return !c->q.path.failed && strncmp((const char *)c->q.path.p, "/api/import", 11) == 0 ? TRANSFER_BODY : WEB_BODY_MAX;
}

void request_begin(struct conn *c, const char *path, size_t npath)
{
	char length[32] = "", coding[32];
	const char *why = NULL, *len;
	unsigned long long n;
	bool sends;
	int status;

	request_reset(c);
	(void)snprintf(c->q.method, sizeof(c->q.method), "%s", method_of(c->wsi));
	buf_put(&c->q.path, (struct slice){ (const uint8_t *)path, strnlen(path, npath) });
	buf_put(&c->q.path, (struct slice){ (const uint8_t *)"", 1 });
	copy_query(c);
	sends = strcmp(c->q.method, "POST") == 0 || strcmp(c->q.method, "PUT") == 0 ||
		strcmp(c->q.method, "PATCH") == 0;
	len = header(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof(length));
	n = len ? strtoull(len, NULL, 10) : 0;
	c->a.head_only = strcmp(c->q.method, "HEAD") == 0;
	c->a.close = (strcmp(c->q.method, "GET") != 0 && !c->a.head_only) || n > 0;
	status = check_access(c->w, c->wsi, c->q.path.failed ? "/api/" : (const char *)c->q.path.p,
			      false, &why);
	if (status != 200)
		answer_error(c, status, why);
	else if (header(c->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, coding, sizeof(coding)))
		answer_error(c, 411, "send the body with a Content-Length");
	else if (n > body_max(c))
		answer_error(c, 413, "the body is larger than 512 KiB, 16 MiB of descriptors or 64 MiB of an import");
	else if (!sends || !len || (n == 0 && strcmp(c->q.method, "POST") != 0))
		dispatch(c);
	/* Else libwebsockets says when the body is there; for POST it does so also when that is empty. */
}

void request_body(struct conn *c, struct slice in)
{
	if (c->a.status == 0 && c->q.body.n + in.n <= body_max(c))
		buf_put(&c->q.body, in);
}

void request_end(struct conn *c)
{
	if (c->a.status == 0 && c->q.ticket == 0 && !c->view && !c->resend)
		dispatch(c);
}

void answer(struct conn *c, int status, const char *type, struct slice body)
{
	buf_clear(&c->a.own);
	buf_put(&c->a.own, body);
	answer_own(c, status, type);
}

void answer_own(struct conn *c, int status, const char *type)
{
	struct answer *a = &c->a;

	if (a->own.failed) {
		buf_release(&a->own);
		a->own = (struct buf){ 0 };
		a->body = SLICE_LIT("{\"error\":\"the hub is out of memory\"}");
		status = 503;
		type = NULL;
	} else {
		a->body = buf_slice(&a->own);
	}
	a->status = status;
	a->type = type ? type : "application/json";
	if (!type)
		buf_puts(&a->head, "Content-Security-Policy: default-src 'none'; "
				   "frame-ancestors 'none'\r\n");
	buf_puts(&a->head, "Cache-Control: no-store\r\n");
	(void)lws_callback_on_writable(c->wsi);
}

static void put_error(struct buf *out, const char *text)
{
	buf_puts(out, "{\"error\":");
	buf_put_json_str(out, slice_str(text));
	buf_puts(out, "}");
}

void answer_error(struct conn *c, int status, const char *text)
{
	buf_clear(&c->a.own);
	put_error(&c->a.own, text);
	answer_own(c, status, NULL);
}

/* The bytes that libwebsockets wants free before what is written. */
static void put_pre(struct buf *b)
{
	uint8_t *p = buf_room(b, LWS_PRE);

	if (!p)
		return;
	memset(p, 0, LWS_PRE);
	b->n += LWS_PRE;
}

static int write_head(struct conn *c)
{
	struct answer *a = &c->a;
	struct buf b = { 0 };
	int n = -1;

	put_pre(&b);
	buf_printf(&b, "HTTP/1.1 %d %s\r\n", a->status, reason(a->status));
	if (a->status != 204)
		buf_printf(&b, "Content-Type: %s\r\nContent-Length: %zu\r\n", a->type, a->body.n);
	buf_puts(&b, SAFE_HEADERS);
	buf_put(&b, buf_slice(&a->head));
	buf_puts(&b, a->close ? "Connection: close\r\n\r\n" : "\r\n");
	if (!b.failed && !a->head.failed)
		n = lws_write(c->wsi, b.p + LWS_PRE, b.n - LWS_PRE, LWS_WRITE_HTTP_HEADERS);
	buf_release(&b);
	return n;
}

static int write_piece(struct conn *c)
{
	uint8_t piece[LWS_PRE + PIECE];
	struct answer *a = &c->a;
	size_t n = a->body.n - a->sent < PIECE ? a->body.n - a->sent : PIECE;

	memcpy(piece + LWS_PRE, a->body.p + a->sent, n);
	a->sent += n;
	a->last = a->sent == a->body.n;
	return lws_write(c->wsi, piece + LWS_PRE, n,
			 a->last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP);
}

int request_write(struct conn *c)
{
	struct answer *a = &c->a;

	if (a->status == 0)
		return 0;
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, WRITE_S);
	if (!a->head_sent) {
		if (write_head(c) < 0)
			return -1;
		a->head_sent = true;
		a->last = a->head_only || a->body.n == 0 || a->status == 204;
	} else if (!a->last && write_piece(c) < 0) {
		return -1;
	}
	if (!a->last) {
		(void)lws_callback_on_writable(c->wsi);
		return 0;
	}
	if (a->close)
		return -1; /* libwebsockets sends what it still has first */
	request_reset(c);
	return lws_http_transaction_completed(c->wsi) ? -1 : 0;
}

/* Before a WebSocket there is no transaction to answer through: one write holds all of it. */
static int refuse(struct conn *c, int status, const char *why)
{
	struct buf b = { 0 }, body = { 0 };
	int n = -1;

	put_error(&body, why);
	put_pre(&b);
	buf_printf(&b,
		   "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
		   "Content-Length: %zu\r\n" SAFE_HEADERS
		   "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
		   status, reason(status), body.n);
	buf_put(&b, buf_slice(&body));
	if (!b.failed && !body.failed)
		n = lws_write(c->wsi, b.p + LWS_PRE, b.n - LWS_PRE, LWS_WRITE_HTTP_HEADERS);
	buf_release(&b);
	buf_release(&body);
	return n < 0 ? -1 : 1;
}

int request_upgrade(struct conn *c)
{
	char up[32], path[256];
	const char *why = NULL, *what = header(c->wsi, WSI_TOKEN_UPGRADE, up, sizeof(up));
	int status;

	/* Anything else, h2c too, is over here: after an unknown one libwebsockets 4.1.6 would go on with freed
	 * memory. */
	if (!what || strcasecmp(what, "websocket") != 0)
		return -1;
	if (!header(c->wsi, WSI_TOKEN_GET_URI, path, sizeof(path)) || strcmp(path, "/api/ws") != 0)
		return refuse(c, 404, "the WebSocket is at /api/ws");
	status = check_access(c->w, c->wsi, path, true, &why);
	return status == 200 ? 0 : refuse(c, status, why);
}
