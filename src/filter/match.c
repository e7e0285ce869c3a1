/* SPDX-License-Identifier: Apache-2.0 */
/* Does a flow match?  Each comparison asks its key for texts or a number. */
#include "filter/node.h"

#include <stdlib.h>
#include <strings.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 32) : c;
}

static bool contains_nocase(struct slice s, struct slice needle)
{
	uint8_t first, last;

	if (needle.n == 0)
		return true;
	/* Most places are refused by two bytes. */
	first = lower(needle.p[0]);
	last = lower(needle.p[needle.n - 1]);
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (lower(s.p[i]) == first && lower(s.p[i + needle.n - 1]) == last &&
		    slice_eq_nocase(slice_cut(s, i, i + needle.n), needle))
			return true;
	return false;
}

/* '*' stands for any bytes; ASCII case is ignored.  Linear but for the last star's retries. */
static bool glob(struct slice s, const char *pattern)
{
	const char *star = NULL;
	size_t i = 0, retry = 0;

	while (i < s.n) {
		if (*pattern == '*') {
			star = pattern++;
			retry = i;
		} else if (*pattern && lower((uint8_t)*pattern) == lower(s.p[i])) {
			pattern++;
			i++;
		} else if (star) {
			pattern = star + 1;
			i = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool regex(const pcre2_code *re, struct slice s)
{
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int r;

	if (!md)
		return false;
	/* The match limit compiled into the pattern ends catastrophic backtracking with an error. */
	r = pcre2_match(re, s.n ? s.p : (const uint8_t *)"", s.n, 0, PCRE2_NO_UTF_CHECK, md, NULL);
	pcre2_match_data_free(md);
	return r >= 0;
}

static bool text_equals(const struct value *v, struct slice s)
{
	return v->quoted ? slice_eq(s, slice_str(v->text)) : slice_eq_nocase(s, slice_str(v->text));
}

static bool one_text(const struct node *n, const struct value *v, struct slice s)
{
	bool contains = n->op == OP_HAS && (n->key->kind == KIND_TEXT);

	if (v->glob)
		return glob(s, v->text);
	return contains ? contains_nocase(s, slice_str(v->text)) : text_equals(v, s);
}

static bool in_range(enum filter_op op, const struct value *v, double x)
{
	switch (op) {
	case OP_GT:
		return x > v->num;
	case OP_GE:
		return x >= v->num;
	case OP_LT:
		return x < v->num;
	case OP_LE:
		return x <= v->num;
	case OP_HAS:
	case OP_EQ:
	case OP_NE:
	case OP_RE:
		return v->is_range ? x >= v->num && x <= v->max : x >= v->num && x <= v->num;
	}
	return false;
}

static bool address_in(const struct value *v, struct slice addr)
{
	for (unsigned bit = 0; bit < v->prefix; bit++)
		if ((v->addr[bit / 8] ^ addr.p[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

/* The visitor: does any of the node's values fit this text? */
static bool fits(void *ctx, struct slice s)
{
	const struct node *n = ctx;

	if (n->re)
		return regex(n->re, s);
	for (size_t i = 0; i < n->nvals; i++) {
		const struct value *v = &n->vals[i];

		if (n->key->kind == KIND_ADDRESS ? address_in(v, s) : one_text(n, v, s))
			return true;
	}
	return false;
}

/* Three digits, as HTTP's, are most of what is seen, and strtod costs ten times as much. */
static bool status_number(const char *s, double *ret)
{
	char *end;

	if (s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9' && !s[3]) {
		*ret = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
		return true;
	}
	*ret = strtod(s, &end);
	return end != s && *end == '\0';
}

static bool status_fits(const struct node *n, const struct flow *f)
{
	bool is_num;
	double x;

	if (n->re)
		return n->key->texts(f, NULL, fits, (void *)(uintptr_t)n);
	is_num = f->resp.status && status_number(f->resp.status, &x);
	for (size_t i = 0; i < n->nvals; i++) {
		const struct value *v = &n->vals[i];

		if (v->is_num) {
			if (is_num && in_range(n->op, v, x))
				return true;
		} else if ((f->resp.status && one_text(n, v, slice_str(f->resp.status))) ||
			   (f->resp.reason &&
			    contains_nocase(slice_str(f->resp.reason), slice_str(v->text)))) {
			return true;
		}
	}
	return false;
}

static bool number_fits(const struct node *n, const struct flow *f)
{
	uint64_t x;

	if (!n->key->number(f, &x))
		return false;
	for (size_t i = 0; i < n->nvals; i++)
		if (in_range(n->op, &n->vals[i], (double)x))
			return true;
	return false;
}

static bool condition_holds(const struct node *n, const struct flow *f)
{
	for (size_t i = 0; i < n->nvals; i++)
		if (n->vals[i].cond->holds(f))
			return true;
	return false;
}

static bool compare(const struct node *n, const struct flow *f)
{
	bool hit = false;

	switch (n->key->kind) {
	case KIND_TEXT:
	case KIND_CHOICE:
	case KIND_ADDRESS:
		hit = n->key->texts(f, n->arg, fits, (void *)(uintptr_t)n);
		break;
	case KIND_STATUS:
		hit = status_fits(n, f);
		break;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_DURATION:
		hit = number_fits(n, f);
		break;
	case KIND_IS:
		hit = condition_holds(n, f);
		break;
	}
	return n->op == OP_NE ? !hit : hit;
}

static bool word_fits(void *ctx, struct slice s)
{
	const struct node *n = ctx;
	const struct value *v = &n->vals[0];

	if (n->re)
		return regex(n->re, s);
	if (v->glob)
		return glob(s, v->text);
	return contains_nocase(s, slice_str(v->text));
}

/* A bare word looks where people look: address, operation, names. */
static bool bare(const struct node *n, const struct flow *f)
{
	static const char *const where[] = { "url", "op", "src", "dst" };
	const char *arg;

	for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++)
		if (key_find(where[i], &arg)->texts(f, NULL, word_fits, (void *)(uintptr_t)n))
			return true;
	return false;
}

static bool matches(const struct node *n, const struct flow *f)
{
	switch (n->kind) {
	case NODE_AND:
		return matches(n->left, f) && matches(n->right, f);
	case NODE_OR:
		return matches(n->left, f) || matches(n->right, f);
	case NODE_NOT:
		return !matches(n->left, f);
	case NODE_CMP:
		return compare(n, f);
	case NODE_TEXT:
	case NODE_REGEX:
		return bare(n, f);
	}
	return false;
}

bool filter_match(const struct filter *q, const struct flow *f)
{
	return !q || !q->root || matches(q->root, f);
}

static enum filter_needs needs_of(const struct node *n)
{
	enum filter_needs a, b;

	if (n->kind == NODE_CMP)
		return n->key->needs;
	a = n->left ? needs_of(n->left) : FILTER_SUMMARY;
	b = n->right ? needs_of(n->right) : FILTER_SUMMARY;
	return a > b ? a : b;
}

enum filter_needs filter_needs(const struct filter *q)
{
	return q && q->root ? needs_of(q->root) : FILTER_SUMMARY;
}
