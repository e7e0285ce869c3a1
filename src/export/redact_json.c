/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that may be cut off, be many values, or be no JSON at all: it is not parsed but walked along, string by string, and nothing but
 * what is hidden is changed.  A raw line feed ends a string (RFC 8259, 7, allows none inside), so that a stray quotation mark
 * misleads for one line at most.  Every byte is looked at a bounded number of times. */
#include "export/redact_priv.h"

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_blanks(struct slice s, size_t i)
{
	while (i < s.n && blank(s.p[i]))
		i++;
	return i;
}

/* Behind the closing quotation mark; at: of the opening one. */
static size_t string_end(struct slice s, size_t at)
{
	for (size_t i = at + 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
		else if (s.p[i] == '\n')
			return i;
	}
	return s.n;
}

static struct slice string_text(struct slice s, size_t at, size_t end)
{
	return slice_cut(s, at + 1, end > at + 1 && s.p[end - 1] == '"' ? end - 1 : end);
}

static size_t word_end(struct slice s, size_t i)
{
	while (i < s.n && !blank(s.p[i]) && s.p[i] != ',' && s.p[i] != ']' && s.p[i] != '}')
		i++;
	return i;
}

/* Behind the value at i, of any kind; what is cut off ends with the text. */
static size_t value_end(struct slice s, size_t i)
{
	size_t depth = 0;

	if (slice_at(s, i) == '"')
		return string_end(s, i);
	if (slice_at(s, i) != '{' && slice_at(s, i) != '[')
		return word_end(s, i);
	while (i < s.n) {
		uint8_t c = s.p[i];

		if (c == '"') {
			i = string_end(s, i);
			continue;
		}
		i++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			break;
	}
	return i;
}

static void collect(struct redact *r, struct slice raw)
{
	struct slice text = raw.n && raw.p[0] == '"' ? string_text(raw, 0, raw.n) : (struct slice){ 0 };

	if (!r->collects)
		return;
	if (!text.n || slice_find(text, SLICE_LIT("\\"), 0) < text.n || r->nfound == REDACT_FOUND_MAX)
		r->odd = true;
	else
		r->found[r->nfound++] = text;
}

/* Null, true, false and empty strings say nothing that is secret. */
static bool says_nothing(struct slice v)
{
	return v.n == 0 || slice_eq(v, SLICE_LIT("null")) || slice_eq(v, SLICE_LIT("true")) || slice_eq(v, SLICE_LIT("false")) ||
	       slice_eq(v, SLICE_LIT("\"\"")) || slice_eq(v, SLICE_LIT("\"" REDACT_MARK "\""));
}

static size_t hide_value(struct edit *e, size_t at)
{
	size_t end = value_end(e->in, at);
	struct slice v = slice_cut(e->in, at, end);

	if (says_nothing(v))
		return end;
	collect(e->r, v);
	edit_hide(e, at, end, true);
	return end;
}

void redact_json(struct edit *e)
{
	struct slice s = e->in;

	for (size_t i = 0; i < s.n;) {
		size_t end, next;

		if (s.p[i] != '"') {
			i++;
			continue;
		}
		end = string_end(s, i);
		next = skip_blanks(s, end);
		if (slice_at(s, next) != ':') {
			i = end;
			continue;
		}
		next = skip_blanks(s, next + 1);
		i = next > i && redact_name(e->r, string_text(s, i, end)) ? hide_value(e, next) : next;
	}
}

void redact_list(struct edit *e)
{
	struct slice s = e->in;
	bool hide = false;

	for (size_t i = 0; i < s.n;) {
		size_t end;

		if (s.p[i] != '"') {
			hide = hide && s.p[i] != ']';
			i++;
			continue;
		}
		end = string_end(s, i);
		if (hide) {
			hide = false;
			(void)hide_value(e, i);
		} else {
			hide = slice_at(s, skip_blanks(s, end)) == ',' && redact_key(e->r, string_text(s, i, end));
		}
		i = end;
	}
}

/* One array; i: behind its bracket. */
static size_t row(struct edit *e, size_t i)
{
	struct slice s = e->in;

	for (size_t n = 0; i < s.n; n++) {
		i = skip_blanks(s, i);
		if (slice_at(s, i) == ']')
			return i + 1;
		i = n < REDACT_COLUMNS && e->r->params[n] ? hide_value(e, i) : value_end(s, i);
		i = skip_blanks(s, i);
		if (slice_at(s, i) != ',')
			return slice_at(s, i) == ']' ? i + 1 : i;
		i++;
	}
	return i;
}

void redact_rows(struct edit *e)
{
	struct slice s = e->in;

	for (size_t i = 0; i < s.n;)
		i = s.p[i] == '[' ? row(e, i + 1) : i + 1;
}

/* JSON in a string of JSON, one level deep: \"NAME\":\"VALUE\". */
void redact_nested(struct edit *e)
{
	static const char quote[] = "\\\"";
	struct slice s = e->in, q = SLICE_LIT(quote);
	size_t at = slice_find(s, q, 0), end, next;

	for (; at < s.n; at = end) {
		end = slice_find(s, q, at + 2);
		if (end == s.n)
			break;
		next = skip_blanks(s, end + 2);
		if (slice_at(s, next) != ':' || !redact_name(e->r, slice_cut(s, at + 2, end)))
			continue;
		next = skip_blanks(s, next + 1);
		if (!slice_starts(slice_cut(s, next, s.n), q))
			continue;
		end = slice_find(s, q, next + 2);
		if (end > next + 2)
			edit_hide(e, next + 2, end, false);
		end = slice_find(s, q, end + 2);
	}
}
