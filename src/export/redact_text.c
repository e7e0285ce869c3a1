/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets by name in what is no JSON: URLs, forms, attributes, markup, multipart bodies; and the rules' own expressions. */
#include "export/redact_priv.h"

#include <errno.h>

static bool name_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
	       c == '%' || c == '[' || c == ']';
}

/* Where a value ends that begins at i. */
static size_t assigned_end(struct slice s, size_t i)
{
	uint8_t quote = slice_at(s, i);

	if (quote == '"' || quote == '\'') {
		for (i++; i < s.n && s.p[i] != quote && s.p[i] != '\n'; i++)
			;
		return i;
	}
	if (quote == '\\' && slice_at(s, i + 1) == '"') { /* inside of a JSON string */
		size_t end = slice_find(s, SLICE_LIT("\\\""), i + 2);

		return end;
	}
	for (; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c <= ' ' || c == '&' || c == ';' || c == '#' || c == '"' || c == '\'' || c == '<' || c == '>' || c == ',' ||
		    c == ')' || c == '}')
			break;
		if (c == '\\' && i + 1 < s.n && s.p[i + 1] && strchr("nrt\"", s.p[i + 1]))
			break;
	}
	return i;
}

void redact_assignments(struct edit *e)
{
	struct slice s = e->in;
	size_t begin = 0; /* of the name that may end here */

	for (size_t i = 0; i < s.n; i++) {
		size_t from = i + 1, end, skip;
		struct slice name;

		if (s.p[i] != '=') {
			begin = name_char(s.p[i]) ? begin : i + 1;
			continue;
		}
		name = slice_cut(s, begin, i);
		begin = i + 1;
		if (!name.n)
			continue;
		if (!redact_name(e->r, name) && !redact_long_name(name))
			continue;
		end = assigned_end(s, from);
		skip = slice_at(s, from) == '\\' ? 2 : slice_at(s, from) == '"' || slice_at(s, from) == '\'' ? 1 : 0;
		if (end <= from + skip || (!redact_name(e->r, name) && end - from < 16))
			continue;
		if (!slice_eq(slice_cut(s, from + skip, end), SLICE_LIT(REDACT_MARK)))
			edit_hide(e, from + skip, end, false);
		i = end - 1;
		begin = end;
	}
}

static bool tag_char(uint8_t c)
{
	return name_char(c) || c == ':';
}

void redact_markup(struct edit *e)
{
	struct slice s = e->in;

	for (size_t i = slice_find(s, SLICE_LIT("<"), 0); i < s.n; i = slice_find(s, SLICE_LIT("<"), i + 1)) {
		size_t end = i + 1, local = i + 1, text, stop;

		for (; end < s.n && tag_char(s.p[end]); end++)
			if (s.p[end] == ':')
				local = end + 1;
		if (end == i + 1 || !redact_name(e->r, slice_cut(s, local, end)))
			continue;
		text = slice_find(s, SLICE_LIT(">"), end) + 1;
		if (text >= s.n || s.p[text - 2] == '/') {
			i = end;
			continue;
		}
		stop = slice_starts(slice_cut(s, text, s.n), SLICE_LIT("<![CDATA[")) ? slice_find(s, SLICE_LIT("]]>"), text) + 3 :
										       slice_find(s, SLICE_LIT("<"), text);
		stop = stop < s.n ? stop : s.n;
		if (stop > text)
			edit_hide(e, text, stop, false);
		i = stop - 1;
	}
}

/* The value of name="..." among a part's fields. */
static struct slice part_name(struct slice head)
{
	size_t at = 0;

	while ((at = slice_find(head, SLICE_LIT("name="), at)) < head.n) {
		bool whole = at > 0 && !name_char(slice_at(head, at - 1)); /* no "filename=" */
		size_t from = at + 5, end;

		at = from;
		if (!whole)
			continue;
		if (slice_at(head, from) != '"')
			return slice_cut(head, from, assigned_end(head, from));
		end = slice_find(head, SLICE_LIT("\""), from + 1);
		return slice_cut(head, from + 1, end);
	}
	return (struct slice){ 0 };
}

void redact_multipart(struct edit *e)
{
	struct slice s = e->in, boundary;
	size_t line = slice_find(s, SLICE_LIT("\r\n"), 0), at = line;

	boundary = slice_cut(s, 0, line); /* "--" and the boundary: the body begins with it (RFC 2046, 5.1.1) */
	if (boundary.n < 3 || !slice_starts(s, SLICE_LIT("--")))
		return;
	while (at < s.n) {
		size_t end = slice_find(s, boundary, at + 1);
		struct slice part = slice_cut(s, at, end);
		size_t head = slice_find(part, SLICE_LIT("\r\n\r\n"), 0);
		struct slice name = part_name(slice_cut(part, 0, head));
		size_t from = at + head + 4, stop = end < s.n && end > from + 2 ? end - 2 : end;

		if (name.n && from < stop && redact_name(e->r, name))
			edit_hide(e, from, stop, false);
		at = end < s.n ? end + boundary.n : s.n;
	}
}

/* --- the rules' expressions --- */

static void one_expression(struct edit *e, const pcre2_code *re)
{
	struct redact *r = e->r;
	size_t at = 0;

	while (at <= e->in.n) {
		const PCRE2_SIZE *v;
		int n = pcre2_match(re, e->in.p ? e->in.p : (const uint8_t *)"", e->in.n, at, PCRE2_NO_UTF_CHECK, r->md, NULL);

		if (n == PCRE2_ERROR_NOMATCH)
			return;
		if (n < 0) { /* the limits in the expression, or memory */
			r->err = n == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -EMSGSIZE;
			return;
		}
		v = pcre2_get_ovector_pointer(r->md);
		if (v[1] > v[0] && v[0] >= at && v[0] >= e->from)
			edit_hide(e, v[0], v[1], false);
		at = v[1] > at ? v[1] : at + 1;
	}
}

void redact_own(struct edit *e)
{
	one_expression(e, e->r->re);
}
