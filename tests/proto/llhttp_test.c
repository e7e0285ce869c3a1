/* SPDX-License-Identifier: Apache-2.0 */
/* The same bytes through llhttp (Node's parser, Debian's node-llhttp): the same messages with the same
 * fields and bodies.  What llhttp refuses, ours has to flag. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include <llhttp.h>

#include "drive.h"
#include "fixture.h"

#define MAX_MSGS 64

struct one {
	struct buf text; /* first line and fields */
	uint64_t body_len, body_sum;
	bool flagged, coded;
};

struct list {
	struct one m[MAX_MSGS];
	size_t n;
	bool refused; /* by llhttp, in the message n */
};

static uint64_t sum(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 1099511628211u;
	return h;
}

static void release(struct list *l)
{
	for (size_t i = 0; i < MAX_MSGS; i++)
		buf_release(&l->m[i].text);
	free(l);
}

/* --- llhttp ------------------------------------------------------------------------------------- */

struct other {
	llhttp_t p;
	struct list *out;
	struct buf url, reason, name, value;
	const char *methods; /* of the requests in order: 'H' HEAD, 'C' CONNECT, '.' others */
	size_t answered;
};

static int begin(llhttp_t *p)
{
	struct other *o = p->data;

	buf_clear(&o->url);
	buf_clear(&o->reason);
	return o->out->n < MAX_MSGS ? 0 : -1;
}

static int put(struct buf *b, const char *at, size_t n)
{
	buf_put(b, (struct slice){ (const uint8_t *)at, n });
	return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
	return put(&((struct other *)p->data)->url, at, n);
}

static int on_status(llhttp_t *p, const char *at, size_t n)
{
	return put(&((struct other *)p->data)->reason, at, n);
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
	return put(&((struct other *)p->data)->name, at, n);
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	return put(&((struct other *)p->data)->value, at, n);
}

/* Folded values come in pieces with their blanks; ours have single spaces. */
static void put_value(struct buf *out, struct slice v)
{
	bool blank = false, any = false;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == ' ' || v.p[i] == '\t') {
			blank = true;
			continue;
		}
		if (blank && any)
			buf_puts(out, " ");
		blank = false;
		any = true;
		buf_put(out, slice_cut(v, i, i + 1));
	}
}

static int field_done(llhttp_t *p)
{
	struct other *o = p->data;
	struct buf *t = &o->out->m[o->out->n].text;

	buf_put(t, buf_slice(&o->name));
	buf_puts(t, "=");
	put_value(t, buf_slice(&o->value));
	buf_puts(t, "\n");
	buf_clear(&o->name);
	buf_clear(&o->value);
	return 0;
}

static int headers_done(llhttp_t *p)
{
	struct other *o = p->data;
	struct buf all = { 0 }, *t = &o->out->m[o->out->n].text;
	char method = '.';

	if (p->type == HTTP_REQUEST)
		buf_printf(&all, "%s ", llhttp_method_name((llhttp_method_t)p->method));
	else
		buf_printf(&all, "%03d ", p->status_code);
	buf_put(&all, buf_slice(p->type == HTTP_REQUEST ? &o->url : &o->reason));
	buf_puts(&all, "\n");
	buf_put(&all, buf_slice(t));
	buf_release(t);
	*t = all;
	if (p->type == HTTP_RESPONSE && p->status_code >= 200 && o->methods[o->answered])
		method = o->methods[o->answered++];
	/* llhttp leaves what RFC 9112, 6.3, 1 says to its user. */
	if (method == 'H' ||
	    (p->type == HTTP_RESPONSE && (p->status_code == 204 || p->status_code == 304)))
		return 1;
	if (method == 'C' && p->status_code / 100 == 2)
		return 2; /* no body, and no message after */
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	struct other *o = p->data;
	struct one *m = &o->out->m[o->out->n];

	m->body_len += n;
	m->body_sum = sum(m->body_sum, (struct slice){ (const uint8_t *)at, n });
	return 0;
}

static int message_done(llhttp_t *p)
{
	struct other *o = p->data;

	o->out->n++;
	return 0;
}

static struct list *read_by_llhttp(struct slice in, llhttp_type_t type, const char *methods)
{
	struct list *l = calloc(1, sizeof(*l));
	struct other o = { .out = l, .methods = methods };
	llhttp_settings_t s;
	llhttp_errno_t e;

	llhttp_settings_init(&s);
	s.on_message_begin = begin;
	s.on_url = on_url;
	s.on_status = on_status;
	s.on_header_field = on_field;
	s.on_header_value = on_value;
	s.on_header_value_complete = field_done;
	s.on_headers_complete = headers_done;
	s.on_body = on_body;
	s.on_message_complete = message_done;
	llhttp_init(&o.p, type, &s);
	o.p.data = &o;
	/* What may follow Connection: close is decided by the capture, not by the parser. */
	llhttp_set_lenient_keep_alive(&o.p, 1);
	e = in.n ? llhttp_execute(&o.p, (const char *)in.p, in.n) : HPE_OK;
	if (e == HPE_OK)
		e = llhttp_finish(&o.p);
	l->refused = e != HPE_OK && e != HPE_PAUSED_UPGRADE;
	buf_release(&o.url);
	buf_release(&o.reason);
	buf_release(&o.name);
	buf_release(&o.value);
	return l;
}

/* --- ours ---------------------------------------------------------------------------------------- */

struct both {
	struct list *side[2];
	char methods[MAX_MSGS + 1];
};

static void put_fields_of(struct buf *b, const struct flow_attr *a, size_t n, size_t prefix)
{
	for (size_t i = 0; i < n; i++) {
		if (prefix && strncmp(a[i].key, "trailer:", prefix) != 0)
			continue;
		buf_printf(b, "%s=", a[i].key + prefix);
		put_value(b, slice_str(a[i].value));
		buf_puts(b, "\n");
	}
}

static void note(void *ctx, enum side side, struct msg *msg)
{
	struct both *b = ctx;
	struct list *l = b->side[side];
	struct one *m = &l->m[l->n];
	const struct flow_half *h = &msg->half;

	if (msg->partial || l->n == MAX_MSGS)
		return;
	if (side == SIDE_REQ)
		b->methods[l->n] = strcmp(h->op, "HEAD") == 0	   ? 'H'
				   : strcmp(h->op, "CONNECT") == 0 ? 'C'
								   : '.';
	buf_printf(&m->text, "%s %s\n", h->op ? h->op : h->status,
		   h->target   ? h->target
		   : h->reason ? h->reason
			       : "");
	put_fields_of(&m->text, h->headers, h->nheaders, 0);
	put_fields_of(&m->text, h->attrs, h->nattrs, strlen("trailer:"));
	m->body_len = h->body.len;
	m->body_sum = sum(0, h->body.data);
	m->coded =
		h->body.encoding != NULL ||
		slice_find(buf_slice(&m->text), SLICE_LIT("Transfer-Encoding=gzip"), 0) < m->text.n;
	m->flagged = (msg->flags & FLOW_BAD_FRAMING) || msg->cut;
	l->n++;
}

static void read_by_us(struct both *b, const struct fixture_chunk *c, size_t n)
{
	struct drive d = { .p = proto_find("http1"), .fn = note, .ctx = b };

	drive_begin(&d);
	for (size_t i = 0; i < n; i++)
		drive_feed(&d, c[i].side, c[i].data);
	drive_end(&d, SIDE_REQ, PROTO_END_CLOSED);
	drive_end(&d, SIDE_RESP, PROTO_END_CLOSED);
	assert_false(d.broken);
	drive_release(&d);
}

/* --- comparison ------------------------------------------------------------------------------------ */

static bool same(const struct one *a, const struct one *b)
{
	return slice_eq(buf_slice(&a->text), buf_slice(&b->text)) && a->body_len == b->body_len &&
	       (a->coded || a->body_sum == b->body_sum);
}

/* Where the two differ, and should. */
static const struct {
	const char *name;
	enum side side;
	size_t n; /* from this message on */
	const char *why;
} differ[] = {
	{ "methods", SIDE_REQ, 2, "llhttp has a list of methods" },
	{ "bare_lf", SIDE_REQ, 0, "RFC 9112, 2.2 lets a recipient take a line feed alone" },
	{ "bare_lf", SIDE_RESP, 0, "the same" },
	{ "chunked", SIDE_RESP, 0, "RFC 9112, 7.1.1 lets a recipient take a blank before \";\"" },
	{ "lengths_equal", SIDE_REQ, 0, "RFC 9112, 6.3 lets a recipient take them" },
	{ "lengths_equal", SIDE_RESP, 0, "the same" },
	{ "expect_refused", SIDE_REQ, 0, "llhttp knows nothing of the answer" },
	{ "upgrade_ignored", SIDE_REQ, 1, "the same" },
};

static bool known(const char *name, enum side side, size_t n)
{
	for (size_t i = 0; i < sizeof(differ) / sizeof(differ[0]); i++)
		if (strcmp(differ[i].name, name) == 0 && differ[i].side == side && n >= differ[i].n)
			return true;
	return false;
}

static void show(const char *who, const struct one *m)
{
	fprintf(stderr, "# %s:\n%.*s+ body of %llu\n", who, (int)m->text.n,
		m->text.p ? (const char *)m->text.p : "", (unsigned long long)m->body_len);
}

static size_t compare(const char *name, enum side side, const struct list *ours,
		      const struct list *theirs)
{
	size_t n = ours->n < theirs->n ? ours->n : theirs->n;

	for (size_t i = 0; i < n; i++) {
		if (same(&ours->m[i], &theirs->m[i]))
			continue;
		if (known(name, side, i))
			return 0;
		fprintf(stderr, "# %s: message %zu of side %d differs\n", name, i, side);
		show("ours", &ours->m[i]);
		show("llhttp's", &theirs->m[i]);
		return 1;
	}
	if (known(name, side, n))
		return 0;
	if (theirs->n > ours->n)
		fprintf(stderr, "# %s: llhttp has %zu messages on side %d, ours %zu\n", name,
			theirs->n, side, ours->n);
	else if (ours->n > n && !ours->m[n].flagged)
		fprintf(stderr, "# %s: message %zu of side %d is refused by llhttp, not flagged\n",
			name, n, side);
	else
		return 0;
	return 1;
}

static struct slice all_of(const struct fixture_chunk *c, size_t n, enum side side, struct buf *b)
{
	for (size_t i = 0; i < n; i++)
		if (c[i].side == side)
			buf_put(b, c[i].data);
	return buf_slice(b);
}

static size_t check(const char *name, const struct fixture_chunk *c, size_t n)
{
	struct both b = { .side = { calloc(1, sizeof(struct list)),
				    calloc(1, sizeof(struct list)) } };
	struct buf in[2] = { { 0 }, { 0 } };
	struct list *req, *resp;
	size_t bad;

	read_by_us(&b, c, n);
	req = read_by_llhttp(all_of(c, n, SIDE_REQ, &in[0]), HTTP_REQUEST, "");
	resp = read_by_llhttp(all_of(c, n, SIDE_RESP, &in[1]), HTTP_RESPONSE, b.methods);
	bad = compare(name, SIDE_REQ, b.side[SIDE_REQ], req);
	bad += compare(name, SIDE_RESP, b.side[SIDE_RESP], resp);
	release(req);
	release(resp);
	release(b.side[0]);
	release(b.side[1]);
	buf_release(&in[0]);
	buf_release(&in[1]);
	return bad;
}

static void fixtures_read_as_llhttp_reads_them(void **state)
{
	struct fixture *f;
	size_t n = fixture_load_all("tests/proto", &f), bad = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		/* What is spoken inside the bodies of these is not what llhttp reads. */
		bool inside = strncmp(f[i].name, "grpc_web", 8) == 0 || strncmp(f[i].name, "sse", 3) == 0;
		bool whole = strcmp(f[i].proto, "http1") == 0 && !f[i].midstream && !inside;

		for (size_t k = 0; k < f[i].n; k++)
			whole = whole && !f[i].chunks[k].lost;
		if (whole)
			bad += check(f[i].name, f[i].chunks, f[i].n);
	}
	fixture_free_all(f, n);
	assert_int_equal(bad, 0);
}

/* --- made-up conversations --------------------------------------------------------------------- */

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void put_chunks(struct buf *b, struct slice data)
{
	while (data.n > 0) {
		size_t m = 1 + rnd(60);

		m = m < data.n ? m : data.n;
		buf_printf(b, rnd(2) ? "%zx" : "%zX", m);
		buf_puts(b, rnd(3) ? "\r\n" : ";x=y\r\n");
		buf_put(b, slice_cut(data, 0, m));
		buf_puts(b, "\r\n");
		data = slice_cut(data, m, data.n);
	}
	buf_puts(b, rnd(2) ? "0\r\n\r\n" : "0\r\nX-Trailer: t\r\n\r\n");
}

static void put_body(struct buf *b)
{
	uint8_t data[300];
	size_t n = rnd(sizeof(data));

	for (size_t i = 0; i < n; i++)
		data[i] = rnd(3) ? (uint8_t) "\r\n0 HTTP/1.1 GET :"[rnd(18)] : (uint8_t)rnd(256);
	if (rnd(2)) {
		buf_printf(b, "Content-%s: %zu\r\n\r\n", rnd(2) ? "Length" : "length", n);
		buf_put(b, (struct slice){ data, n });
	} else {
		buf_puts(b, "Transfer-Encoding: chunked\r\n\r\n");
		put_chunks(b, (struct slice){ data, n });
	}
}

static void put_fields(struct buf *b)
{
	static const char *const fields[] = { "Host: a", "Accept:", "Cookie: a=b; c=d", "X-A:\t x ",
					      "x-long: 0123456789012345678901234567890123456789" };

	for (uint32_t n = rnd(6); n > 0; n--)
		buf_printf(b, "%s\r\n", fields[rnd(5)]);
}

static void put_exchange(struct buf *req, struct buf *resp, uint32_t number)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "HEAD", "DELETE", "PROPFIND" };
	static const char *const status[] = { "200 OK", "404 Not Found", "204 No Content",
					      "304 Not Modified", "500 " };
	uint32_t m = rnd(6), s = rnd(5);

	buf_printf(req, "%s /%u?q HTTP/1.1\r\n", methods[m], number);
	put_fields(req);
	if (m == 1 || m == 2)
		put_body(req);
	else
		buf_puts(req, "\r\n");
	if (rnd(4) == 0)
		buf_puts(resp, "HTTP/1.1 100 Continue\r\n\r\n");
	buf_printf(resp, "HTTP/1.1 %s\r\n", status[s]);
	put_fields(resp);
	if (m != 3 && s != 2 && s != 3)
		put_body(resp);
	else
		buf_printf(resp, "Content-Length: %u\r\n\r\n", rnd(50));
}

static void conversations_read_as_llhttp_reads_them(void **state)
{
	size_t bad = 0;

	(void)state;
	for (uint32_t round = 1; round <= 2000 && bad < 3; round++) {
		struct buf b[12] = { 0 };
		struct fixture_chunk c[12] = { 0 };
		size_t n = 0;
		char name[32];

		seed = round * 7919;
		for (uint32_t k = 1 + rnd(6); k > 0; k--, n += 2) {
			put_exchange(&b[n], &b[n + 1], k);
			c[n].side = SIDE_REQ;
			c[n].data = buf_slice(&b[n]);
			c[n + 1].side = SIDE_RESP;
			c[n + 1].data = buf_slice(&b[n + 1]);
		}
		snprintf(name, sizeof(name), "conversation %u", round);
		bad += check(name, c, n);
		for (size_t i = 0; i < n; i++)
			buf_release(&b[i]);
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixtures_read_as_llhttp_reads_them),
		cmocka_unit_test(conversations_read_as_llhttp_reads_them),
	};

	return cmocka_run_group_tests_name("llhttp", tests, NULL, NULL);
}
