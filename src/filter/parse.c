/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive descent over the grammar of docs/filter.md; depth and size are bounded. */
#include "filter/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "filter/value.h"

struct parser {
	const char *text;
	size_t at, n;
	unsigned nodes, depth;
	struct filter_error *err;
	bool failed, nomem;
};

static struct node *parse_or(struct parser *p);

__attribute__((format(printf, 4, 5))) static void *fail(struct parser *p, size_t at, size_t len,
							const char *fmt, ...)
{
	va_list ap;

	if (p->failed)
		return NULL;
	p->failed = true;
	p->err->at = at;
	p->err->len = len;
	va_start(ap, fmt);
	(void)vsnprintf(p->err->text, sizeof(p->err->text), fmt, ap); /* cut at the field's end */
	va_end(ap);
	return NULL;
}

void node_free(struct node *n)
{
	if (!n)
		return;
	node_free(n->left);
	node_free(n->right);
	for (size_t i = 0; i < n->nvals; i++)
		free(n->vals[i].text);
	free(n->vals);
	free(n->name);
	pcre2_code_free(n->re);
	free(n);
}

static struct node *new_node(struct parser *p, enum node_kind kind)
{
	struct node *n;

	if (++p->nodes > FILTER_NODES_MAX)
		return fail(p, 0, p->n, "the filter is too long: more than %d parts",
			    FILTER_NODES_MAX);
	n = calloc(1, sizeof(*n));
	if (!n) {
		p->nomem = true;
		return fail(p, 0, 0, "out of memory");
	}
	n->kind = kind;
	return n;
}

static char peek(const struct parser *p, size_t ahead)
{
	return p->at + ahead < p->n ? p->text[p->at + ahead] : '\0';
}

static void skip_space(struct parser *p)
{
	while (peek(p, 0) == ' ' || peek(p, 0) == '\t' || peek(p, 0) == '\n')
		p->at++;
}

static bool ends_word(char c)
{
	return c == '\0' || c == ' ' || c == '\t' || c == '\n' || c == ')' || c == '(';
}

/* A word that stands alone: "or", "and", "not". */
static bool take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	if (p->n - p->at < n || strncmp(p->text + p->at, word, n) != 0 || !ends_word(peek(p, n)))
		return false;
	p->at += n;
	return true;
}

static bool take(struct parser *p, const char *symbol)
{
	size_t n = strlen(symbol);

	if (p->n - p->at < n || strncmp(p->text + p->at, symbol, n) != 0)
		return false;
	p->at += n;
	return true;
}

static char *copy(struct parser *p, size_t from, size_t to)
{
	char *s = strndup(p->text + from, to - from);

	if (!s) {
		p->nomem = true;
		fail(p, 0, 0, "out of memory");
	}
	return s;
}

/* "quoted"; \" and \\ stand for themselves, every other backslash stays (regular expressions). */
static char *take_quoted(struct parser *p)
{
	size_t start = p->at++, n = 0;
	char *s = copy(p, p->at, p->n);

	if (!s)
		return NULL;
	while (p->at < p->n && p->text[p->at] != '"') {
		if (p->text[p->at] == '\\' && (peek(p, 1) == '"' || peek(p, 1) == '\\'))
			p->at++;
		s[n++] = p->text[p->at++];
	}
	if (p->at >= p->n) {
		free(s);
		return fail(p, start, p->n - start, "the quote is not closed: end it with \"");
	}
	p->at++;
	s[n] = '\0';
	return s;
}

static bool take_value(struct parser *p, struct value *v, bool in_list)
{
	size_t start = p->at;

	if (peek(p, 0) == '"') {
		v->quoted = true;
		v->text = take_quoted(p);
		return v->text != NULL;
	}
	while (!ends_word(peek(p, 0)) && !(in_list && peek(p, 0) == ','))
		p->at++;
	if (p->at == start || p->text[start] == '=')
		return fail(p, start, 1, "a value is missing here") != NULL;
	v->text = copy(p, start, p->at);
	if (v->text)
		v->glob = strchr(v->text, '*') != NULL;
	return v->text != NULL;
}

static bool compile(struct parser *p, struct node *n, const char *pattern, bool nocase, size_t at)
{
	int code;
	PCRE2_SIZE where;
	/* Limits against patterns that backtrack for ever; both are far above honest use. */
	char *bounded = NULL;
	uint8_t text[80];

	if (asprintf(&bounded, "(*LIMIT_MATCH=200000)(*LIMIT_DEPTH=2000)%s", pattern) < 0) {
		p->nomem = true;
		return fail(p, 0, 0, "out of memory") != NULL;
	}
	n->re = pcre2_compile((const uint8_t *)bounded, PCRE2_ZERO_TERMINATED,
			      nocase ? PCRE2_CASELESS : 0, &code, &where, NULL);
	free(bounded);
	if (n->re)
		return true;
	(void)pcre2_get_error_message(code, text, sizeof(text)); /* cut if longer */
	return fail(p, at, strlen(pattern), "not a regular expression: %s", (char *)text) != NULL;
}

/* A word that begins with '/' and ends with '/' or '/i' is a regular expression.  Returns the length
 * between the slashes, or 0.  Blanks end it, so that "/v1 /v2" stays two words. */
static size_t regex_length(const struct parser *p)
{
	if (peek(p, 0) != '/')
		return 0;
	for (size_t i = 1; peek(p, i) && !strchr(" \t\n", peek(p, i)); i++) {
		if (peek(p, i) == '\\')
			i++;
		else if (i > 1 && peek(p, i) == '/' &&
			 (ends_word(peek(p, i + 1)) ||
			  (peek(p, i + 1) == 'i' && ends_word(peek(p, i + 2)))))
			return i - 1;
	}
	return 0;
}

static struct node *parse_regex(struct parser *p, size_t len)
{
	struct node *n = new_node(p, NODE_REGEX);
	size_t start = p->at + 1;

	if (!n)
		return NULL;
	n->vals = calloc(1, sizeof(*n->vals));
	if (n->vals) {
		n->nvals = 1;
		n->vals[0].text = copy(p, start, start + len);
	}
	p->at = start + len + 1;
	n->nocase = take(p, "i");
	if (!n->vals || !n->vals[0].text || !compile(p, n, n->vals[0].text, n->nocase, start)) {
		node_free(n);
		return NULL;
	}
	return n;
}

static bool take_op(struct parser *p, enum filter_op *ret)
{
	static const struct {
		const char *symbol;
		enum filter_op op;
	} ops[] = { { "!=", OP_NE }, { ">=", OP_GE }, { "<=", OP_LE },
		    { "==", OP_EQ }, { ":", OP_HAS }, { "=", OP_EQ },
		    { ">", OP_GT },  { "<", OP_LT },  { "~", OP_RE } };

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (take(p, ops[i].symbol)) {
			*ret = ops[i].op;
			return true;
		}
	return false;
}

/* Is this `name op`?  Then the name's length, else 0: a bare word. */
static size_t key_length(const struct parser *p)
{
	size_t n = 0;
	char c;

	while (((c = peek(p, n)) >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_')
		n++;
	c = peek(p, n);
	if (n == 0 || p->text[p->at] == '-')
		return 0;
	if (c == ':' || c == '=' || c == '~' || c == '>' || c == '<' ||
	    (c == '!' && peek(p, n + 1) == '='))
		return n;
	return 0;
}

/* A regular expression may hold commas and pairs of parentheses: it ends at a blank, or at the
 * parenthesis that closes one outside of it. */
static void skip_regex(struct parser *p)
{
	unsigned open = 0;

	for (; peek(p, 0) && !strchr(" \t\n", peek(p, 0)); p->at++) {
		if (peek(p, 0) == '\\' && peek(p, 1) && !strchr(" \t\n", peek(p, 1)))
			p->at++;
		else if (peek(p, 0) == '(')
			open++;
		else if (peek(p, 0) == ')' && open-- == 0)
			return;
	}
}

static bool take_values(struct parser *p, struct node *n)
{
	do {
		struct value *grown = realloc(n->vals, (n->nvals + 1) * sizeof(*n->vals));
		struct value *v;
		size_t start = p->at;

		if (!grown) {
			p->nomem = true;
			return fail(p, 0, 0, "out of memory") != NULL;
		}
		n->vals = grown;
		v = &n->vals[n->nvals++];
		*v = (struct value){ 0 };
		if (n->op == OP_RE && peek(p, 0) != '"' && !ends_word(peek(p, 0))) {
			skip_regex(p);
			v->text = copy(p, start, p->at);
			if (!v->text)
				return false;
		} else if (!take_value(p, v, true)) {
			return false;
		}
		if (n->op == OP_RE)
			return compile(p, n, v->text, true, start);
		if (!value_understand(n, v, p->err)) {
			p->failed = true;
			p->err->at = start;
			p->err->len = p->at - start;
			return false;
		}
	} while (n->nvals < FILTER_NODES_MAX && take(p, ","));
	return true;
}

static struct node *parse_compare(struct parser *p, size_t name_len)
{
	struct node *n = new_node(p, NODE_CMP);
	size_t start = p->at;

	if (!n)
		return NULL;
	n->name = copy(p, p->at, p->at + name_len);
	if (!n->name)
		goto bad;
	n->key = key_find(n->name, &n->arg);
	if (!n->key) {
		char hint[120];

		value_key_hint(n->name, hint, sizeof(hint));
		fail(p, start, name_len, "there is no key \"%.40s\"%s", n->name, hint);
		goto bad;
	}
	p->at += name_len;
	if (!take_op(p, &n->op) || !value_op_allowed(n->key, n->op)) {
		fail(p, p->at > start + name_len ? start + name_len : p->at, 1,
		     "%s cannot be compared like this", n->key->name);
		goto bad;
	}
	if (take_values(p, n))
		return n;
bad:
	node_free(n);
	return NULL;
}

static bool at_or(const struct parser *p)
{
	struct parser look = *p;

	return peek(p, 0) == '|' || take_word(&look, "or");
}

/* A word that would join, where something to compare should stand. */
static bool at_joiner(const struct parser *p)
{
	struct parser look = *p;

	return at_or(p) || take(&look, "&&") || take_word(&look, "and");
}

static struct node *parse_primary(struct parser *p)
{
	struct node *n;
	size_t len;

	if (peek(p, 0) == '(') {
		size_t start = p->at++;

		n = parse_or(p);
		skip_space(p);
		if (n && !take(p, ")")) {
			node_free(n);
			return fail(p, start, 1, "this parenthesis is not closed");
		}
		return n;
	}
	len = regex_length(p);
	if (len > 0)
		return parse_regex(p, len);
	len = key_length(p);
	if (len > 0)
		return parse_compare(p, len);
	if (peek(p, 0) == '\0')
		return fail(p, p->at, 0, "something to compare is missing at the end");
	if (peek(p, 0) == ')')
		return fail(p, p->at, 1, "something to compare is missing before this parenthesis");
	if (at_joiner(p))
		return fail(p, p->at, 1, "something to compare is missing before this");
	n = new_node(p, NODE_TEXT);
	if (!n)
		return NULL;
	n->vals = calloc(1, sizeof(*n->vals));
	n->nvals = n->vals != NULL;
	if (!n->vals || !take_value(p, &n->vals[0], false)) {
		node_free(n);
		return NULL;
	}
	return n;
}

static struct node *parse_not(struct parser *p)
{
	struct node *n;

	skip_space(p);
	if (!((peek(p, 0) == '-' && (peek(p, 1) == '(' || !ends_word(peek(p, 1))) &&
	       take(p, "-")) ||
	      (peek(p, 0) == '!' && take(p, "!")) || take_word(p, "not")))
		return parse_primary(p);
	n = new_node(p, NODE_NOT);
	if (!n)
		return NULL;
	if (++p->depth > FILTER_DEPTH_MAX)
		fail(p, p->at, 1, "nested too deeply");
	else
		n->left = parse_not(p);
	p->depth--;
	if (n->left)
		return n;
	node_free(n);
	return NULL;
}

static struct node *join(struct parser *p, enum node_kind kind, struct node *left,
			 struct node *right)
{
	struct node *n = left && right ? new_node(p, kind) : NULL;

	if (!n) {
		node_free(left);
		node_free(right);
		return NULL;
	}
	n->left = left;
	n->right = right;
	return n;
}

static struct node *parse_and(struct parser *p)
{
	struct node *n = parse_not(p);

	while (n) {
		skip_space(p);
		if (peek(p, 0) == '\0' || peek(p, 0) == ')' || at_or(p))
			break;
		(void)(take(p, "&&") || take_word(p, "and")); /* both optional */
		n = join(p, NODE_AND, n, parse_not(p));
	}
	return n;
}

static struct node *parse_or(struct parser *p)
{
	struct node *n;

	if (++p->depth > FILTER_DEPTH_MAX)
		return fail(p, p->at, 1, "nested too deeply");
	n = parse_and(p);
	while (n) {
		skip_space(p);
		if (!(take(p, "||") || take(p, "|") || take_word(p, "or")))
			break;
		n = join(p, NODE_OR, n, parse_and(p));
	}
	p->depth--;
	return n;
}

int filter_new(struct filter **ret, const char *text, struct filter_error *ret_err)
{
	struct filter_error err = { 0 };
	struct parser p = { .text = text, .n = strlen(text), .err = &err };
	struct filter *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	skip_space(&p);
	if (p.at < p.n) {
		q->root = parse_or(&p);
		skip_space(&p);
		if (q->root && p.at < p.n)
			fail(&p, p.at, p.n - p.at, "this parenthesis was never opened");
	}
	if (!p.failed) {
		*ret = q;
		return 0;
	}
	filter_free(q);
	if (p.nomem)
		return -ENOMEM;
	if (ret_err)
		*ret_err = err;
	return -EINVAL;
}

void filter_free(struct filter *q)
{
	if (!q)
		return;
	node_free(q->root);
	free(q);
}
