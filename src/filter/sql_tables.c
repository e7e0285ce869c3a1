/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables a statement names: what stands behind FROM, JOIN, INTO, UPDATE, TABLE, COPY and TRUNCATE, and behind the commas of FROM.
 * No grammar: names of common table expressions count as tables, and what is inside strings and comments does not. */
#include "filter/spoken.h"

#define NAME_BYTES 256

struct scan {
	const char *p;
	char word[NAME_BYTES]; /* the last name or word, without quotes */
	bool quoted;
	size_t depth, inside; /* parentheses; of a function that has FROM among its arguments: 0, or its depth */
	bool want, list;      /* a table comes next; after a comma another one */
	size_t list_depth;
	bool first;    /* of a statement */
	char before[NAME_BYTES]; /* the word before */
};

static bool is(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (slice_eq_nocase(slice_str(word), slice_str(*list)))
			return true;
	return false;
}

static bool in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	       (unsigned char)c >= 0x80;
}

/* Behind a string or quoted name that begins at p; the quote twice is one. */
static const char *quoted_end(const char *p)
{
	char q = *p++;

	while (*p && (*p != q || p[1] == q))
		p += (*p == q || (*p == '\\' && q == '\'')) && p[1] ? 2 : 1;
	return *p ? p + 1 : p;
}

/* Blanks, comments, strings and numbers. */
static void skip(struct scan *s)
{
	for (;;) {
		const char *p = s->p, *end = NULL;

		if (*p && strchr(" \t\r\n", *p))
			end = p + 1;
		else if (p[0] == '-' && p[1] == '-')
			end = p + strcspn(p, "\n");
		else if (p[0] == '/' && p[1] == '*')
			end = strstr(p + 2, "*/") ? strstr(p + 2, "*/") + 2 : p + strlen(p);
		else if (*p == '\'')
			end = quoted_end(p);
		if (!end)
			return;
		s->p = end;
	}
}

/* A name, its parts in quotes or not: "public"."orders", shop.orders. */
static bool take_name(struct scan *s)
{
	size_t n = 0;

	s->quoted = false;
	for (;;) {
		const char *from = s->p, *to;

		if (*s->p == '"' || *s->p == '`') {
			to = quoted_end(s->p);
			s->quoted = true;
			s->p = to;
			from++;
			to -= to > from;
		} else {
			while (in_name(*s->p))
				s->p++;
			to = s->p;
		}
		while (from < to && n < NAME_BYTES - 2)
			s->word[n++] = *from++;
		if (*s->p != '.' || n == 0 || n >= NAME_BYTES - 2)
			break;
		s->word[n++] = *s->p++;
	}
	s->word[n] = '\0';
	return n > 0;
}

static bool tell(const struct scan *s, visit_fn visit, void *ctx)
{
	const char *dot = strrchr(s->word, '.');

	return visit(ctx, slice_str(s->word)) || (dot && visit(ctx, slice_str(dot + 1)));
}

/* A word: does a table follow?  True: it is one, and visit said yes. */
static bool on_word(struct scan *s, visit_fn visit, void *ctx)
{
	static const char *const passed[] = { "only", "if", "not", "exists", "lateral", "ignore", "low_priority", "table", NULL };
	static const char *const before[] = { "from", "join", "into", "table", NULL };
	static const char *const begins[] = { "copy", "truncate", "update", NULL };
	static const char *const never[] = { "for", "key", "on", "do", NULL };
	static const char *const ends[] = { "where", "set", "values", "on", "using", "group", "order", "select", "limit", "returning", NULL };
	bool plain = !s->quoted, wanted = s->want;

	if (wanted && plain && is(s->word, passed))
		return false;
	s->want = false;
	if (wanted && !(plain && is(s->word, ends)))
		return tell(s, visit, ctx);
	if (!plain)
		return false;
	if (is(s->word, ends))
		s->list = false;
	s->want = (is(s->word, before) && !s->inside) || (is(s->word, begins) && (s->first || !is(s->before, never)) &&
							    (s->first || slice_eq_nocase(slice_str(s->word), SLICE_LIT("update"))));
	if (s->want) {
		s->list = slice_eq_nocase(slice_str(s->word), SLICE_LIT("from"));
		s->list_depth = s->depth;
	}
	return false;
}

static void on_sign(struct scan *s)
{
	static const char *const with_from[] = { "extract", "trim", "substring", "overlay", NULL };

	switch (*s->p++) {
	case '(':
		s->depth++;
		if (is(s->before, with_from) && !s->inside)
			s->inside = s->depth;
		s->want = false;
		break;
	case ')':
		if (s->inside == s->depth)
			s->inside = 0;
		s->depth -= s->depth > 0;
		break;
	case ',':
		s->want = s->list && s->depth == s->list_depth;
		break;
	case ';':
		s->first = true;
		s->want = s->list = false;
		return;
	default:
		break;
	}
}

bool sql_tables(const char *statement, visit_fn visit, void *ctx)
{
	struct scan s = { .p = statement, .first = true };

	for (skip(&s); *s.p; skip(&s)) {
		const char *was = s.p;

		if (take_name(&s)) {
			if (on_word(&s, visit, ctx))
				return true;
			s.first = false;
			memcpy(s.before, s.word, sizeof(s.before));
		} else if (s.p == was) {
			on_sign(&s);
		}
	}
	return false;
}
