/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a line when it is asked for. */
#include <time.h>

#include "base/json.h"
#include "sink/text_priv.h"

#define BODY_MAX    (64u << 10) /* bytes of a body printed */
#define COLUMNS_MAX 64		/* of a table */
#define CELL_MAX    48		/* columns of one value on a terminal */
#define CELL_MAX_FILE 4000
#define ROWS_MEASURED 100	/* by which the table's columns get their widths */

static void put_fact(struct buf *b, const char *before, const char *s)
{
	if (!s)
		return;
	buf_puts(b, before);
	term_put(b, slice_str(s), TERM_LINE);
}

static void put_day(struct buf *b, int64_t unix_s)
{
	time_t s = unix_s;
	struct tm tm;

	if (unix_s && gmtime_r(&s, &tm))
		buf_printf(b, " until %04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* How sure it is which socket what was read went through; NULL: nothing was read. */
static const char *mapping_text(const char *mapping)
{
	static const char *const texts[][2] = {
		{ "nested", "certain" },
		{ "sticky", "the one used before" },
		{ "matched", "found by its ciphertext" },
	};

	for (size_t i = 0; mapping && i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(mapping, texts[i][0]) == 0)
			return texts[i][1];
	return mapping;
}

/* What the handshake said: "* TLS 1.3 TLS_AES_128_GCM_SHA256 x25519, server name api, ALPN h2 of h2,http/1.1". */
static void put_tls(struct text *t, const struct flow_tls *tls)
{
	struct buf *b = &t->out.wait;

	text_colour(t, "\033[2m");
	put_fact(b, "  * ", tls->protocol ? tls->protocol : "TLS of unknown version");
	put_fact(b, " ", tls->cipher);
	put_fact(b, " ", tls->group);
	put_fact(b, ", server name ", tls->sni);
	put_fact(b, ", ALPN ", tls->alpn);
	put_fact(b, tls->alpn ? " of " : ", ALPN offered ", tls->offered);
	for (unsigned bit = 1; bit && bit <= tls->flags; bit <<= 1)
		put_fact(b, ", ", tls->flags & bit ? flow_tls_flag_name(bit) : NULL);
	put_fact(b, ", broken off by the ", tls->alert ? tls->alert_by : NULL);
	put_fact(b, ": ", tls->alert);
	put_fact(b, "\n  * certificate ", tls->subject ? tls->subject : tls->names);
	put_day(b, tls->not_after);
	put_fact(b, ", for ", tls->subject ? tls->names : NULL);
	put_fact(b, ", by ", tls->issuer);
	put_fact(b, "\n  * read from ", tls->mapping ? tls->library : NULL);
	put_fact(b, ", its socket is ", mapping_text(tls->mapping));
	put_fact(b, "\n  * not read: ", tls->why);
	text_colour(t, "\033[0m");
	buf_puts(b, "\n");
}

static void put_headers(struct text *t, const struct flow_half *h, const char *mark)
{
	struct buf *b = &t->out.wait;

	for (size_t i = 0; i < h->nheaders; i++) {
		text_colour(t, "\033[2m");
		buf_puts(b, mark);
		term_put(b, slice_str(h->headers[i].key), TERM_LINE);
		buf_puts(b, ": ");
		term_put(b, slice_str(h->headers[i].value), TERM_LINE);
		text_colour(t, "\033[0m");
		buf_puts(b, "\n");
	}
}

void text_body(struct text *t, const struct flow_body *body, const char *mark)
{
	struct slice left = slice_cut(body->data, 0, BODY_MAX);
	struct buf *b = &t->out.wait;

	if (body->shown.n) {
		buf_puts(b, mark);
		term_put(b, body->shown, TERM_LINES);
		buf_puts(b, "\n");
		return;
	}
	if (body->len == 0)
		return;
	if (!slice_is_utf8(body->data) && body->data.n) {
		buf_printf(b, "%s(%zu bytes, not text)\n", mark, body->data.n);
		return;
	}
	while (left.n) {
		size_t end = slice_find(left, SLICE_LIT("\n"), 0);

		buf_puts(b, mark);
		term_put(b, slice_cut(left, 0, end), TERM_LINES);
		buf_puts(b, "\n");
		left = slice_cut(left, end + 1, left.n);
	}
	if (body->data.n > BODY_MAX || body->captured < body->len)
		buf_printf(b, "%s… (%llu bytes sent)\n", mark, (unsigned long long)body->len);
}

void text_messages(struct text *t, const struct flow *f)
{
	for (size_t i = 0; i < f->nmsgs; i++) {
		const struct flow_msg *m = &f->msgs[i];

		buf_puts(&t->out.wait, m->from_server ? "  < " : "  > ");
		term_put(&t->out.wait, slice_str(m->op), TERM_LINE);
		buf_puts(&t->out.wait, "\n");
		text_body(t, &m->body, m->from_server ? "  < " : "  > ");
	}
}

/* --- rows of SQL --------------------------------------------------------------------------------------- */

struct table {
	size_t width[COLUMNS_MAX], n, max;
	struct buf cell;
};

static const char *attr(const struct flow_half *h, const char *key)
{
	for (size_t i = 0; i < h->nattrs; i++)
		if (strcmp(h->attrs[i].key, key) == 0)
			return h->attrs[i].value;
	return NULL;
}

/* A JSON array of a row or of the names; NULL: it is none. */
static const struct json *array(struct slice text, struct arena **ret)
{
	const struct json *v = NULL;

	*ret = arena_new(4096 + 100 * text.n);
	return *ret && text.n && json_parse(text, *ret, &v) == 0 && v->kind == JSON_ARRAY ? v->first : NULL;
}

static struct slice cell_of(struct table *t, const struct json *v)
{
	buf_clear(&t->cell);
	if (v && v->kind == JSON_STRING)
		term_put(&t->cell, v->text, TERM_CELL);
	else
		buf_puts(&t->cell, "NULL");
	return buf_slice(&t->cell);
}

static void measure(struct table *t, struct slice text)
{
	struct arena *a;
	size_t i = 0;

	for (const struct json *v = array(text, &a); v && i < COLUMNS_MAX; v = v->next, i++) {
		size_t w = term_columns(cell_of(t, v));

		if (w > t->width[i])
			t->width[i] = w < t->max ? w : t->max;
		if (i >= t->n)
			t->n = i + 1;
	}
	arena_free(a);
}

static void put_row(struct text *t, struct table *table, struct slice text, const char *mark)
{
	struct buf line = { 0 }, *b = &t->out.wait;
	size_t i = 0, room = t->o.width > strlen(mark) ? t->o.width - strlen(mark) : SIZE_MAX;
	struct arena *a;

	for (const struct json *v = array(text, &a); v && i < table->n; v = v->next, i++) {
		if (i)
			buf_puts(&line, "  ");
		term_cell(&line, cell_of(table, v), table->width[i], false);
	}
	while (line.n && line.p[line.n - 1] == ' ')
		line.n--;
	buf_puts(b, mark);
	term_cut(b, buf_slice(&line), room);
	b->failed |= line.failed;
	buf_release(&line);
	arena_free(a);
}

void text_rows(struct text *t, const struct flow_half *h, const char *mark)
{
	const char *names = attr(h, "columns"), *total = attr(h, "rows");
	struct slice left = h->body.data;
	struct table table = { .max = t->o.width ? CELL_MAX : CELL_MAX_FILE };
	struct buf *b = &t->out.wait;
	unsigned n = 0;

	measure(&table, slice_str(names));
	for (size_t at = 0, end; at < left.n && n < ROWS_MEASURED; at = end + 1, n++) {
		end = slice_find(left, SLICE_LIT("\n"), at);
		measure(&table, slice_cut(left, at, end));
	}
	if (table.n) {
		text_colour(t, TEXT_DIM);
		put_row(t, &table, slice_str(names), mark);
		text_colour(t, TEXT_PLAIN);
		buf_puts(b, "\n");
	}
	for (n = 0; left.n && n < t->o.rows_max; n++) {
		size_t end = slice_find(left, SLICE_LIT("\n"), 0);

		put_row(t, &table, slice_cut(left, 0, end), mark);
		buf_puts(b, "\n");
		left = slice_cut(left, end + 1, left.n);
	}
	if (left.n || h->body.captured < h->body.len)
		buf_printf(b, "%s… (%s rows in all)\n", mark, total ? total : "more");
	b->failed |= table.cell.failed;
	buf_release(&table.cell);
}

static bool has_rows(const struct flow_half *h)
{
	return h->body.type && strcmp(h->body.type, "application/x-ndjson") == 0 && attr(h, "columns");
}

void text_parts(struct text *t, const struct flow *f)
{
	const char *params = attr(&f->req, "params");

	if (t->o.headers && f->conn->tls)
		put_tls(t, f->conn->tls);
	if (t->o.headers && f->has_req)
		put_headers(t, &f->req, "  > ");
	if ((t->o.bodies || t->o.rows) && params)
		put_fact(&t->out.wait, "  > ", params);
	if ((t->o.bodies || t->o.rows) && params)
		buf_puts(&t->out.wait, "\n");
	if (t->o.bodies && f->has_req)
		text_body(t, &f->req.body, "  > ");
	if (t->o.headers && f->has_resp)
		put_headers(t, &f->resp, "  < ");
	if ((t->o.rows || (t->o.bodies && t->o.width)) && f->has_resp && has_rows(&f->resp))
		text_rows(t, &f->resp, "  < ");
	else if (t->o.bodies && f->has_resp)
		text_body(t, &f->resp.body, "  < ");
}
