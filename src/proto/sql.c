/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sql.h"

#define KEEP_BYTES 4096 /* of memory, between two answers of a connection */

/* At most max bytes of s, without the start of a character at the end. */
static struct slice whole(struct slice s, size_t max)
{
	size_t n = max;

	if (s.n <= max)
		return s;
	while (n > 0 && max - n < 3 && (s.p[n] & 0xc0) == 0x80)
		n--;
	if ((s.p[n] & 0xc0) == 0x80) /* no UTF-8 anyhow */
		n = max;
	return slice_cut(s, 0, n);
}

/* Bytes of JSON that the one byte, or the character, at the start of s takes. */
static size_t json_cost(struct slice s, size_t *ret_used)
{
	uint8_t c = s.p[0];

	*ret_used = 1;
	if (c >= 0x20 && c < 0x7f)
		return 1u + (c == '"' || c == '\\');
	if (c < 0x80)
		return c == '\n' || c == '\r' || c == '\t' ? 2 : 6;
	*ret_used = utf8_len(s);
	if (*ret_used > 0)
		return *ret_used;
	*ret_used = 1;
	return 3;
}

/* The beginning of s that takes at most max bytes as a JSON string, quotes included. */
static struct slice fitting(struct slice s, size_t max)
{
	size_t i = 0, cost = 2, used;

	if (max >= 2 && s.n <= (max - 2) / 6)
		return s; /* whatever is in it */
	while (i < s.n) {
		cost += json_cost(slice_cut(s, i, s.n), &used);
		if (cost > max)
			break;
		i += used;
	}
	return slice_cut(s, 0, i);
}

/* --- lists --- */

/* Room for one more element of JSON, the brackets and commas thought of; 0: none. */
static size_t list_room(struct sql_list *l, size_t max)
{
	l->n++;
	if (l->cut)
		return 0;
	if (max < l->text.n + 8) {
		l->cut = true;
		return 0;
	}
	buf_puts(&l->text, l->text.n ? "," : "[");
	return max - l->text.n - 1;
}

void sql_list_add(struct sql_list *l, size_t max, struct slice text)
{
	size_t room = list_room(l, max);
	struct slice fits;

	if (room == 0)
		return;
	fits = fitting(text, room);
	buf_put_json_str(&l->text, fits);
	l->cut |= fits.n < text.n || l->text.failed;
}

void sql_list_add_null(struct sql_list *l, size_t max)
{
	if (list_room(l, max) > 0)
		buf_puts(&l->text, "null");
	l->cut |= l->text.failed;
}

const char *sql_list_copy(struct sql_list *l, struct arena *a)
{
	char *s;

	if (l->n == 0 || l->text.n == 0)
		return NULL;
	s = l->text.failed ? NULL : arena_alloc(a, l->text.n + 2);
	if (!s) {
		l->cut = true;
		return NULL;
	}
	memcpy(s, l->text.p, l->text.n);
	s[l->text.n] = ']';
	return s;
}

void sql_list_clear(struct sql_list *l)
{
	if (l->text.cap > KEEP_BYTES)
		buf_release(&l->text);
	buf_clear(&l->text);
	l->n = 0;
	l->cut = false;
}

void sql_list_release(struct sql_list *l)
{
	buf_release(&l->text);
	*l = (struct sql_list){ 0 };
}

/* --- rows --- */

uint64_t sql_rows_room(const struct sql_rows *r, size_t max_bytes)
{
	if (r->full)
		return 0;
	return r->in_row ? r->left
			 : max_bytes - (r->captured < max_bytes ? r->captured : max_bytes);
}

bool sql_row_begin(struct sql_rows *r, uint64_t bytes, size_t max_bytes, size_t max_text)
{
	r->left = sql_rows_room(r, max_bytes);
	r->rows++;
	r->bytes += bytes;
	r->in_row = r->any = false;
	if (bytes > r->left && r->rows > 1) /* the first row alone is worth cutting */
		r->full = true;
	if (r->full || r->left == 0 || max_text < r->text.n + 64) {
		r->full = true;
		return false;
	}
	r->captured += bytes < r->left ? bytes : r->left;
	if (r->unread) {
		r->full = bytes > r->left;
		return false;
	}
	r->text_max = max_text;
	r->in_row = true;
	buf_puts(&r->text, "[");
	return true;
}

static bool value_begin(struct sql_rows *r)
{
	if (!r->in_row || r->full)
		return false;
	if (r->text_max < r->text.n + 16) {
		r->full = true;
		return false;
	}
	if (r->any)
		buf_puts(&r->text, ",");
	r->any = true;
	return true;
}

void sql_row_value(struct sql_rows *r, struct slice text, uint64_t sent)
{
	struct slice fits;

	if (!value_begin(r))
		return;
	fits = fitting(text, r->text_max - r->text.n - 2);
	buf_put_json_str(&r->text, fits);
	if (fits.n < text.n || sent > r->left || r->text.failed)
		r->full = true;
	r->left -= sent < r->left ? sent : r->left;
}

void sql_row_null(struct sql_rows *r)
{
	if (value_begin(r))
		buf_puts(&r->text, "null");
}

void sql_row_end(struct sql_rows *r, bool cut)
{
	if (!r->in_row)
		return;
	buf_puts(&r->text, "]\n");
	r->in_row = false;
	r->full |= cut || r->text.failed;
}

unsigned sql_rows_copy(const struct sql_rows *r, struct arena *a, struct flow_body *ret)
{
	struct slice text = r->text.failed ? (struct slice){ 0 } : buf_slice(&r->text);

	*ret = (struct flow_body){ .len = r->bytes, .captured = r->captured };
	if (r->rows == 0)
		return 0;
	ret->type = "application/x-ndjson";
	ret->data = arena_copy(a, text);
	if (ret->data.n < text.n || r->text.failed)
		ret->captured = 0;
	else if (r->full && ret->captured == ret->len && ret->len > 0)
		ret->captured--; /* something was left out of it */
	return ret->captured < ret->len || r->full ? FLOW_TRUNCATED : 0;
}

void sql_rows_clear(struct sql_rows *r)
{
	struct buf text = r->text;

	if (text.cap > KEEP_BYTES)
		buf_release(&text);
	buf_clear(&text);
	*r = (struct sql_rows){ .text = text, .unread = r->unread };
}

void sql_rows_release(struct sql_rows *r)
{
	buf_release(&r->text);
	*r = (struct sql_rows){ 0 };
}

/* --- attributes --- */

void sql_attr(struct sql_attrs *t, const char *key, const char *value)
{
	if (value && t->n < SQL_ATTRS)
		t->list[t->n++] = (struct flow_attr){ key, value };
	else if (value)
		t->cut = true;
}

void sql_attr_slice(struct sql_attrs *t, struct arena *a, const char *key, struct slice value)
{
	sql_attr(t, key, arena_str(a, value));
}

void sql_attr_num(struct sql_attrs *t, struct arena *a, const char *key, uint64_t value)
{
	sql_attr(t, key, arena_u64(a, value));
}

bool sql_attrs_put(const struct sql_attrs *t, struct arena *a, struct flow_half *h)
{
	size_t n = h->nattrs + t->n;
	struct flow_attr *attrs;

	if (t->n == 0)
		return true;
	attrs = arena_alloc(a, n * sizeof(*attrs));
	if (!attrs)
		return false;
	if (h->nattrs)
		memcpy(attrs, h->attrs, h->nattrs * sizeof(*attrs));
	memcpy(attrs + h->nattrs, t->list, t->n * sizeof(*attrs));
	h->attrs = attrs;
	h->nattrs = n;
	return true;
}

const char *sql_statement(struct arena *a, struct slice kept, uint64_t len, size_t max,
			  struct sql_attrs *t, unsigned *flags)
{
	struct slice text = whole(kept, max);
	char *s = arena_str(a, text);

	for (size_t i = 0; s && i < text.n; i++)
		if (s[i] == '\0')
			s[i] = ' ';
	if (text.n < len) {
		*flags |= FLOW_TRUNCATED;
		sql_attr_num(t, a, "statement_len", len);
	}
	return s;
}
