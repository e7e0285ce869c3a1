/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/resend: an exchange once more, changed, to the server that it went to.  A thread of its own talks to that server; the web
 * thread starts it, and when it is done hands its flow to the main thread as an import. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "flow/pb.h"
#include "hub/serve.h"
#include "resend/resend.h"

#define RESENDS_MAX  4
#define RESEND_MS    30000
#define FLOW_MEMORY  ((size_t)256 << 20)
#define HEADERS_MAX  500
#define BODY_KEPT    ((size_t)1 << 20)

struct resending {
	struct resending *next;
	struct conn *conn;    /* who waits; NULL: nobody any more */
	struct arena *a;      /* of the original flow */
	struct resend what;
	struct buf request, record; /* record: length and flow, as an import has it */
	char id[37], err[300];
	int result;
	uint64_t ticket; /* of the import */
	atomic_bool done;
};

/* --- in the thread -------------------------------------------------------------------------------------------- */

static void on_flow(void *ctx, const struct flow *f)
{
	struct resending *j = ctx;
	struct buf packed = { 0 };

	flow_id_format(f->id, j->id);
	if (flow_pb_pack(&packed, f) < 0)
		j->record.failed = true;
	for (unsigned i = 0; i < 4; i++)
		buf_put(&j->record, (struct slice){ (const uint8_t[]){ (uint8_t)(packed.n >> 8 * i) }, 1 });
	buf_put(&j->record, buf_slice(&packed));
	buf_release(&packed);
}

static void *work(void *arg)
{
	struct resending *j = arg;

	j->result = resend_run(&j->what, on_flow, j, j->err, sizeof(j->err));
	if (j->result == 0 && j->record.failed) {
		j->result = -ENOMEM;
		(void)snprintf(j->err, sizeof(j->err), "the hub is out of memory");
	}
	atomic_store(&j->done, true);
	return NULL;
}

static int start(struct resending *j)
{
	pthread_attr_t attr;
	pthread_t t;
	int rc;

	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&t, &attr, work, j);
	(void)pthread_attr_destroy(&attr);
	return -rc;
}

/* --- what is asked ----------------------------------------------------------------------------------------------- */

static const char *text_or(const struct json *o, const char *key, const char *otherwise)
{
	const char *s = json_text(json_get(o, key));

	return s ? s : otherwise;
}

/* The headers of the call, or those of the flow.  -EINVAL: they are no list of pairs. */
static int headers_of(const struct json *o, const struct flow *f, struct arena *a, const struct flow_attr **ret, size_t *ret_n)
{
	const struct json *list = json_get(o, "headers");
	struct flow_attr *to;
	size_t n = 0;

	*ret = f->req.headers;
	*ret_n = f->req.nheaders;
	if (!list)
		return 0;
	to = arena_alloc(a, HEADERS_MAX * sizeof(*to));
	if (!to)
		return -ENOMEM;
	if (list->kind != JSON_ARRAY)
		return -EINVAL;
	for (const struct json *h = list->first; h; h = h->next) {
		const struct json *k = h->kind == JSON_ARRAY ? h->first : NULL;

		if (!k || !k->next || k->next->next || !json_text(k) || !json_text(k->next) || n == HEADERS_MAX ||
		    strlen(json_text(k)) != k->text.n || strlen(json_text(k->next)) != k->next->text.n)
			return -EINVAL;
		to[n++] = (struct flow_attr){ json_text(k), json_text(k->next) };
	}
	*ret = to;
	*ret_n = n;
	return 0;
}

static bool is_loopback(const uint8_t a[16])
{
	static const uint8_t v6[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, v4[13] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 };

	return memcmp(a, v6, 16) == 0 || memcmp(a, v4, 13) == 0;
}

/* Why this flow cannot be sent again, or NULL. */
static const char *cannot(const struct flow *f)
{
	static const uint8_t none[16];
	const struct flow_peer *s = &f->conn->server;

	if (strcmp(f->proto, "http1") != 0 && strcmp(f->proto, "http2") != 0 && strcmp(f->proto, "sse") != 0)
		return "only HTTP requests can be sent again";
	if (!f->has_req)
		return "the request was not seen: there is nothing to send again";
	if (flow_is_unix(f->conn))
		return "it went over a unix socket: copy it as cURL, which can do that";
	if (memcmp(s->addr, none, sizeof(none)) == 0 || s->port == 0)
		return "the server's address is not known";
	if (is_loopback(s->addr) && s->container)
		return "its server is the loopback address inside a container, where the hub cannot connect to: copy it as cURL and run it there";
	return NULL;
}

static int prepare(struct resending *j, const struct json *o, const struct flow *f)
{
	const struct flow_attr *headers;
	const struct json *body = json_get(o, "body"), *verify = json_get(o, "verify");
	const char *why = cannot(f);
	size_t n;
	int rc;

	if (why) {
		(void)snprintf(j->err, sizeof(j->err), "%s", why);
		return -EINVAL;
	}
	rc = headers_of(o, f, j->a, &headers, &n);
	if (rc < 0) {
		(void)snprintf(j->err, sizeof(j->err), "headers is a list of pairs of text: [[\"Accept\",\"*/*\"]]");
		return rc;
	}
	j->what = (struct resend){ .port = f->conn->server.port,
				   .tls = f->conn->tls != NULL,
				   .verify = !verify || verify->kind != JSON_FALSE,
				   .name = f->conn->tls && f->conn->tls->sni ? f->conn->tls->sni : NULL,
				   .timeout_ms = RESEND_MS,
				   .body_max = BODY_KEPT,
				   .server = &f->conn->server };
	memcpy(j->what.addr, f->conn->server.addr, 16);
	flow_id_format(f->id, j->id);
	j->what.from = arena_printf(j->a, "%s", j->id);
	rc = resend_request(&j->request, text_or(o, "method", f->req.op ? f->req.op : "GET"),
			    text_or(o, "target", f->req.target ? f->req.target : "/"), headers, n,
			    body && body->kind == JSON_STRING ? body->text : body && body->kind == JSON_NULL ? (struct slice){ 0 } : f->req.body.data,
			    j->err, sizeof(j->err));
	j->what.request = buf_slice(&j->request);
	return rc;
}

/* --- in the web thread -------------------------------------------------------------------------------------------- */

static void resending_free(struct resending *j)
{
	if (!j)
		return;
	arena_free(j->a);
	buf_release(&j->request);
	buf_release(&j->record);
	free(j);
}

bool resend_reap(struct web *w)
{
	bool some = false;

	for (struct resending **link = &w->resends, *j; (j = *link);) {
		if (j->conn || !atomic_load(&j->done)) {
			some = true;
			link = &j->next;
			continue;
		}
		*link = j->next;
		resending_free(j);
	}
	return some;
}

void resend_detach(struct conn *c)
{
	if (c->resend)
		c->resend->conn = NULL;
	c->resend = NULL;
}

static void begin(struct conn *c, struct resending *j)
{
	int rc = start(j);

	if (rc < 0) {
		resending_free(j);
		answer_error(c, 503, "the hub cannot start another thread");
		return;
	}
	j->conn = c;
	j->next = c->w->resends;
	c->w->resends = j;
	c->resend = j;
	lws_cancel_service(c->w->context);
}

static unsigned running(const struct web *w)
{
	unsigned n = 0;

	for (const struct resending *j = w->resends; j; j = j->next)
		n++;
	return n;
}

void api_resend(struct conn *c, const char *rest)
{
	struct resending *j = calloc(1, sizeof(*j));
	const struct json *o = NULL;
	struct flow f;
	int rc;

	(void)rest;
	if (!c->w->st->o->resend) {
		answer_error(c, 403, "sending again is off: start the hub with --resend");
		free(j);
		return;
	}
	if (j)
		j->a = arena_new(FLOW_MEMORY);
	if (!j || !j->a) {
		answer_error(c, 503, "the hub is out of memory");
	} else if (running(c->w) >= RESENDS_MAX) {
		answer_error(c, 503, "four requests are on their way already: wait for one of them");
	} else if (json_parse(buf_slice(&c->q.body), j->a, &o) < 0 || o->kind != JSON_OBJECT) {
		answer_error(c, 400, "the body is a JSON object: see docs/api.md");
	} else if (!api_load(c, text_or(o, "id", ""), j->a, &f)) {
		/* answered */
	} else {
		rc = prepare(j, o, &f);
		if (rc == 0) {
			begin(c, j);
			return;
		}
		answer_error(c, rc == -EINVAL ? 400 : 503, rc == -EINVAL ? j->err : "the hub is out of memory");
	}
	resending_free(j);
}

void resend_poll(struct conn *c)
{
	struct resending *j = c->resend;
	int r;

	if (!atomic_load(&j->done))
		return;
	if (j->result < 0) {
		answer_error(c, 502, j->err);
	} else if (j->ticket == 0) {
		j->ticket = hub_command(c->w->st, COMMAND_IMPORT, NULL, &j->record);
		if (j->ticket)
			return;
		answer_error(c, 503, "the hub is out of memory");
	} else if (!hub_command_done(c->w->st, j->ticket, &r)) {
		return;
	} else if (r < 0) {
		answer_error(c, 503, "it was sent, but the answer could not be stored: the database cannot be written now");
	} else {
		buf_clear(&c->a.own);
		buf_printf(&c->a.own, "{\"id\":\"%s\"}", j->id);
		answer_own(c, 200, NULL);
	}
	resend_detach(c);
}
