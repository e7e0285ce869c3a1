/* SPDX-License-Identifier: Apache-2.0 */
/* SQL is walked word by word.  A literal is a secret behind a name that says so, until a comma, a parenthesis that closes or a word that begins
 * something else: `PASSWORD 'x'`, `IDENTIFIED BY 'x'`, `token = crypt('x', ...)`; and in the place of such a column in INSERT's
 * list: `INSERT INTO u (name, password) VALUES ('a', 'x'), ...`.  Parameters ($1, ?) in those places are noted by number. */
#include "export/redact_priv.h"

struct sql {
	struct edit *e;
	size_t i;
	bool secret;	  /* the next literal is one */
	bool columns[REDACT_COLUMNS];
	bool any_column;
	enum { NOWHERE, INTO, NAMES, AFTER_NAMES, TUPLES } insert;
	size_t column, depth, asked; /* place in the tuple; parentheses open; "?" so far */
};

static bool letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Behind the closing quote; a doubled one, and in MySQL one behind a backslash, belongs to the text.  PostgreSQL's 'a\' then takes too much
 * rather than too little. */
static size_t quoted_end(struct slice s, size_t i)
{
	uint8_t quote = s.p[i];

	for (i++; i < s.n; i++) {
		if (s.p[i] == '\\' && quote == '\'')
			i++;
		else if (s.p[i] == quote && slice_at(s, i + 1) == quote)
			i++;
		else if (s.p[i] == quote)
			return i + 1;
	}
	return s.n;
}

static bool here(const struct sql *q)
{
	return q->secret || (q->insert == TUPLES && q->depth >= 1 && q->column < REDACT_COLUMNS && q->columns[q->column]);
}

static void parameter(struct sql *q, size_t number)
{
	if (number >= 1 && number <= REDACT_COLUMNS && here(q))
		q->e->r->params[number - 1] = q->e->r->any_param = true;
}

static void literal(struct sql *q, size_t end)
{
	size_t from = q->i + 1, to = end > from && q->e->in.p[end - 1] == '\'' ? end - 1 : end;

	if (here(q) && to > from)
		edit_hide(q->e, from, to, false);
	q->i = end;
}

static void name(struct sql *q, struct slice word)
{
	if (q->insert == NAMES && q->column < REDACT_COLUMNS)
		q->any_column |= q->columns[q->column] |= redact_name(q->e->r, word);
	else
		q->secret |= redact_name(q->e->r, word);
}

static bool any_of(struct slice word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(word, slice_str(list[i])))
			return true;
	return false;
}

static void word(struct sql *q)
{
	static const char *const ends[] = { "and", "or", "from", "where", "values", "set", "select", "join", "on", "order",
					    "group", "limit", "returning", "valid", "as", "insert", "into", "update", "delete" };
	struct slice s = q->e->in, w;
	size_t end = q->i;

	while (end < s.n && (letter(s.p[end]) || digit(s.p[end]) || s.p[end] == '$'))
		end++;
	w = slice_cut(s, q->i, end);
	q->i = end;
	if (slice_eq_nocase(w, SLICE_LIT("into")))
		q->insert = INTO;
	else if (q->insert == AFTER_NAMES && (slice_eq_nocase(w, SLICE_LIT("values")) || slice_eq_nocase(w, SLICE_LIT("value"))))
		q->insert = q->any_column ? TUPLES : NOWHERE;
	else if (q->insert == TUPLES && q->depth == 0)
		q->insert = NOWHERE; /* ON CONFLICT ... */
	if (any_of(w, ends, sizeof(ends) / sizeof(*ends)))
		q->secret = false;
	else
		name(q, w);
}

static void punctuation(struct sql *q, uint8_t c)
{
	q->i++;
	switch (c) {
	case '(':
		if (q->insert == INTO) {
			q->insert = NAMES;
			q->column = 0;
		} else if (q->insert == TUPLES && q->depth == 0) {
			q->column = 0;
		}
		q->depth++;
		break;
	case ')':
		q->depth -= q->depth > 0;
		if (q->insert == NAMES)
			q->insert = AFTER_NAMES;
		q->secret = false;
		break;
	case ',':
		q->column += (q->insert == NAMES || q->insert == TUPLES) && q->depth == 1;
		q->secret = false;
		break;
	case ';':
		*q = (struct sql){ .e = q->e, .i = q->i, .asked = q->asked };
		break;
	case '?':
		parameter(q, ++q->asked);
		break;
	}
}

static void number_or_parameter(struct sql *q)
{
	struct slice s = q->e->in;
	bool is_parameter = s.p[q->i] == '$';
	size_t from = q->i, n = 0;

	for (q->i += is_parameter; q->i < s.n && (digit(s.p[q->i]) || s.p[q->i] == '.'); q->i++)
		n = n < 100000 ? n * 10 + (size_t)(s.p[q->i] - '0') : n;
	if (is_parameter)
		parameter(q, n);
	else if (here(q))
		edit_hide(q->e, from, q->i, false);
}

void redact_sql(struct edit *e)
{
	struct sql q = { .e = e };
	struct slice s = e->in;

	while (q.i < s.n) {
		uint8_t c = s.p[q.i];

		if (c == '\'') {
			literal(&q, quoted_end(s, q.i));
		} else if (c == '"' || c == '`') {
			size_t end = quoted_end(s, q.i);

			if (here(&q) && c == '"' && end > q.i + 2) /* MySQL's other quotation marks */
				edit_hide(e, q.i + 1, end - 1, false);
			else if (end > q.i + 1)
				name(&q, slice_cut(s, q.i + 1, end - 1));
			q.i = end;
		} else if (letter(c)) {
			word(&q);
		} else if (digit(c) || (c == '$' && digit(slice_at(s, q.i + 1)))) {
			number_or_parameter(&q);
		} else if (c == '-' && slice_at(s, q.i + 1) == '-') {
			q.i = slice_find(s, SLICE_LIT("\n"), q.i);
		} else {
			punctuation(&q, c);
		}
	}
}
