/* SPDX-License-Identifier: Apache-2.0 */
/* No parser of SQL: a walk over tokens (PostgreSQL documentation, 4.1 "Lexical Structure"; MySQL Reference Manual, 9.1
 * "Literal Values", 9.7 "Comments").  What is cut off inside a literal ends there. */
#include "flow/shape.h"

#include <stdio.h>

#define ELLIPSIS "\xe2\x80\xa6"

struct walk {
	struct slice in;
	size_t at, start; /* start: of this shape in out */
	struct buf *out;
	bool mysql;
	bool gap;      /* white space came since the last token */
	size_t values; /* in out, behind the last value or list of them; 0: something else came since */
	size_t list;   /* in out, where the list "(?, ...)" that is there began; only while values is set */
	bool grouped;  /* values is behind a ')' */
};

static uint8_t peek(const struct walk *w, size_t ahead)
{
	return slice_at(w->in, w->at + ahead);
}

static bool is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '$' || c >= 0x80;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static uint8_t last(const struct walk *w)
{
	return w->out->n > w->start ? w->out->p[w->out->n - 1] : 0;
}

/* A blank where white space was, but for the inside of parentheses. */
static void blank(struct walk *w, uint8_t next)
{
	if (w->gap && last(w) && last(w) != '(' && next != ')' && next != ',' && next != ';')
		buf_puts(w->out, " ");
	w->gap = false;
}

static void copy(struct walk *w, size_t n)
{
	struct slice s = slice_cut(w->in, w->at, w->at + n);

	blank(w, slice_at(s, 0));
	buf_put(w->out, s);
	w->at += s.n;
}

/* What stands between the last value and here is nothing but a comma. */
static bool continues(const struct walk *w, size_t from)
{
	struct slice between = slice_cut(buf_slice(w->out), from, w->out->n);

	return from > 0 && between.n >= 1 && between.n <= 2 && between.p[0] == ',' &&
	       (between.n == 1 || between.p[1] == ' ');
}

static bool ends_with(const struct walk *w, size_t end, const char *text)
{
	struct slice t = slice_str(text);

	return end >= w->start + t.n && slice_eq(slice_cut(buf_slice(w->out), end - t.n, end), t);
}

/* A value: of a list of them the first is shown. */
static void value(struct walk *w)
{
	if (!w->grouped && continues(w, w->values)) {
		w->out->n = w->values;
		if (!ends_with(w, w->values, ELLIPSIS))
			buf_puts(w->out, ", " ELLIPSIS);
	} else {
		blank(w, '?');
		buf_puts(w->out, "?");
	}
	w->gap = false;
	w->grouped = false;
	w->values = w->out->n;
}

/* Rows of values, "(?, …), (?, …)": the first is shown. */
static void close_group(struct walk *w, size_t open)
{
	bool only = w->values == w->out->n && !w->grouped && open > 0;
	struct slice inner;

	buf_puts(w->out, ")");
	w->gap = false;
	w->at++;
	inner = slice_cut(buf_slice(w->out), open, w->out->n);
	if (!only || !(slice_eq(inner, SLICE_LIT("?)")) || slice_eq(inner, SLICE_LIT("?, " ELLIPSIS ")")))) {
		w->values = 0;
		return;
	}
	if (w->list && open > w->list) { /* the group before, and what is between */
		w->out->n = w->list;
		if (!ends_with(w, w->list, ELLIPSIS))
			buf_puts(w->out, ", " ELLIPSIS);
	}
	w->values = w->list = w->out->n;
	w->grouped = true;
}

/* Past a literal in quotes that begins here; doubled quotes are inside. */
static void skip_quoted(struct walk *w, uint8_t quote, bool backslash)
{
	for (w->at++; w->at < w->in.n; w->at++) {
		uint8_t c = peek(w, 0);

		if (c == '\\' && backslash)
			w->at++;
		else if (c == quote && peek(w, 1) == quote)
			w->at++;
		else if (c == quote)
			break;
	}
	w->at = w->at < w->in.n ? w->at + 1 : w->in.n;
}

static void copy_quoted(struct walk *w, uint8_t quote)
{
	size_t from = w->at, n;

	skip_quoted(w, quote, false);
	n = w->at - from;
	w->at = from;
	copy(w, n);
}

/* $$text$$, $tag$text$tag$; false: it is none. */
static bool dollar_quoted(struct walk *w)
{
	size_t n = 1, end;
	struct slice tag;

	while (n < 64 && peek(w, n) != '$' && is_word(peek(w, n)))
		n++;
	if (peek(w, n) != '$' || is_digit(peek(w, 1)))
		return false;
	tag = slice_cut(w->in, w->at, w->at + n + 1);
	end = slice_find(w->in, tag, w->at + tag.n);
	w->at = end < w->in.n ? end + tag.n : w->in.n;
	value(w);
	return true;
}

static bool comment(struct walk *w)
{
	uint8_t c = peek(w, 0), d = peek(w, 1);
	size_t end;

	if (c == '/' && d == '*') {
		end = slice_find(w->in, SLICE_LIT("*/"), w->at + 2);
		w->at = end < w->in.n ? end + 2 : w->in.n;
	} else if ((c == '-' && d == '-') || (c == '#' && w->mysql)) {
		w->at = slice_find(w->in, SLICE_LIT("\n"), w->at);
	} else {
		return false;
	}
	w->gap = true;
	return true;
}

static void number(struct walk *w)
{
	w->at++;
	while (is_word(peek(w, 0)) || peek(w, 0) == '.' ||
	       ((peek(w, 0) == '+' || peek(w, 0) == '-') &&
		(slice_at(w->in, w->at - 1) | 0x20) == 'e' && is_digit(peek(w, 1))))
		w->at++;
	value(w);
}

/* A sign belongs to the number behind it, where nothing stands that it could be taken from. */
static bool sign(const struct walk *w)
{
	uint8_t c = peek(w, 0), before = last(w);

	return (c == '-' || c == '+') && is_digit(peek(w, 1)) &&
	       (before == '=' || before == '(' || before == ',' || before == '<' || before == '>' || !before);
}

static void word(struct walk *w)
{
	size_t n = 1;

	while (is_word(peek(w, n)))
		n++;
	if (n == 1 && peek(w, 1) == '\'' && strchr("eEnNbBxX", peek(w, 0))) { /* E'...' */
		bool escapes = w->mysql || (peek(w, 0) | 0x20) == 'e';

		w->at++;
		skip_quoted(w, '\'', escapes);
		value(w);
		return;
	}
	copy(w, n);
	w->values = w->list = 0;
}

static bool placeholder(struct walk *w)
{
	uint8_t c = peek(w, 0), d = peek(w, 1);
	size_t n = 1;

	if (c == '?' || (c == '$' && is_digit(d)))
		;
	else if (c != ':' || d == ':' || !is_word(d) || last(w) == ':' || is_word(last(w)))
		return false;
	while (c != '?' && is_word(peek(w, n)))
		n++;
	w->at += n;
	value(w);
	return true;
}

static void other(struct walk *w, size_t *open)
{
	uint8_t c = peek(w, 0);

	if (c == ')' && *open) {
		close_group(w, *open);
		*open = 0;
		return;
	}
	copy(w, 1);
	if (c == '(')
		*open = w->out->n;
	else if (c == ',')
		return; /* a list may go on */
	if (c != '(')
		w->list = 0;
	w->values = 0;
}

static void sql_shape(struct walk *w)
{
	size_t open = 0;

	while (w->at < w->in.n && w->out->n - w->start < SHAPE_MAX && !w->out->failed) {
		uint8_t c = peek(w, 0);

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			w->gap = true;
			w->at++;
		} else if (comment(w)) {
			continue;
		} else if (c == '\'' || (c == '"' && w->mysql)) {
			skip_quoted(w, c, w->mysql);
			value(w);
		} else if (c == '"' || c == '`') {
			copy_quoted(w, c);
			w->values = w->list = 0;
		} else if (placeholder(w)) {
			continue;
		} else if (c == '$' && !w->mysql && dollar_quoted(w)) {
			continue;
		} else if (is_digit(c) || (c == '.' && is_digit(peek(w, 1)) && !is_word(last(w))) || sign(w)) {
			number(w);
		} else if (is_word(c)) {
			word(w);
		} else {
			other(w, &open);
		}
	}
	while (last(w) == ';' || last(w) == ' ')
		w->out->n--;
}

/* --- anything else --------------------------------------------------------------------------------------- */

static bool is_hex(uint8_t c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_separator(uint8_t c)
{
	return c == '/' || c == ':' || c == '.' || c == ',' || c == '|' || c == '{' || c == '}' || c == ' ';
}

/* Numbers, and hexadecimal digits and dashes that are long and hold a digit. */
static bool is_id(struct slice s)
{
	bool digits = s.n > 0, hex = s.n >= 8, digit = false;

	for (size_t i = 0; i < s.n; i++) {
		digits = digits && is_digit(s.p[i]);
		digit |= is_digit(s.p[i]);
		hex = hex && (is_hex(s.p[i]) || s.p[i] == '-');
	}
	return digits || (hex && digit);
}

static void path_shape(struct buf *out, struct slice s)
{
	size_t from = 0;

	for (size_t i = 0; i <= s.n; i++) {
		struct slice part;

		if (i < s.n && !is_separator(s.p[i]))
			continue;
		part = slice_cut(s, from, i);
		if (is_id(part))
			buf_puts(out, "*");
		else
			buf_put(out, part);
		if (i < s.n)
			buf_put(out, slice_cut(s, i, i + 1));
		from = i + 1;
	}
}

bool shape_is_sql(const char *proto)
{
	return proto && (strcmp(proto, "postgres") == 0 || strcmp(proto, "mysql") == 0);
}

static void limit(struct buf *out, size_t start)
{
	size_t n = start + SHAPE_MAX - sizeof(ELLIPSIS) + 1;

	if (out->n - start <= SHAPE_MAX)
		return;
	while (n > start && (out->p[n] & 0xc0) == 0x80)
		n--;
	out->n = n;
	buf_puts(out, ELLIPSIS);
}

void shape_of(struct buf *out, const char *proto, const char *op, const char *target)
{
	struct walk w = { .in = slice_str(target), .start = out->n, .out = out };

	if (shape_is_sql(proto)) {
		w.mysql = strcmp(proto, "mysql") == 0;
		sql_shape(&w);
		if (out->n == w.start)
			buf_puts(out, op ? op : "");
	} else {
		size_t query = slice_find(w.in, SLICE_LIT("?"), 0);

		if (op)
			buf_printf(out, w.in.n ? "%s " : "%s", op);
		path_shape(out, slice_cut(w.in, 0, query));
	}
	limit(out, w.start);
}

uint64_t shape_key(struct slice shape)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < shape.n; i++) {
		uint8_t c = shape.p[i];

		h = (h ^ (c >= 'A' && c <= 'Z' ? c | 0x20u : c)) * UINT64_C(0x100000001b3);
	}
	return h;
}
