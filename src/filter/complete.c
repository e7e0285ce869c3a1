/* SPDX-License-Identifier: Apache-2.0 */
#include "filter/complete.h"

#include <inttypes.h>
#include <stdio.h>

#include "filter/node.h"

/* --- where the cursor is ------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool in_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '_' || c == '-';
}

/* Where the word begins that the cursor is in or behind: after the last blank or parenthesis outside of quotes. */
static size_t word_begin(const char *text, size_t at)
{
	size_t begin = 0;
	bool quoted = false;

	for (size_t i = 0; i < at; i++) {
		if (quoted && text[i] == '\\' && i + 1 < at)
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (is_blank(text[i]) || text[i] == '(' || text[i] == ')'))
			begin = i + 1;
	}
	while (begin < at && (text[begin] == '-' || text[begin] == '!'))
		begin++;
	return begin;
}

static void copy(char *to, size_t n, const char *from, size_t len)
{
	len = len < n - 1 ? len : n - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* Behind the operator at text[i], or i. */
static size_t skip_op(const char *text, size_t i, bool *ret_regex)
{
	static const char *const ops[] = { "!=", ">=", "<=", "==", ":", "=", ">", "<", "~" };

	for (size_t k = 0; k < sizeof(ops) / sizeof(*ops); k++) {
		if (strncmp(text + i, ops[k], strlen(ops[k])) == 0) {
			*ret_regex = ops[k][0] == '~';
			return i + strlen(ops[k]);
		}
	}
	return i;
}

/* The value of the list that the cursor is in, from begin on. */
static size_t value_begin(const char *text, size_t begin, size_t at)
{
	bool quoted = false;

	for (size_t i = begin; i < at; i++) {
		if (quoted && text[i] == '\\' && i + 1 < at)
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && text[i] == ',')
			begin = i + 1;
	}
	return begin;
}

static size_t value_end(const char *text, size_t begin, size_t at, bool quoted)
{
	size_t i = quoted ? begin + 1 : at;

	if (quoted) {
		while (text[i] && text[i] != '"')
			i += text[i] == '\\' && text[i + 1] ? 2 : 1;
		return text[i] ? i + 1 : i;
	}
	while (text[i] && !is_blank(text[i]) && text[i] != ',' && text[i] != ')' && text[i] != '(')
		i++;
	return i;
}

static void spot_value(const char *text, size_t begin, size_t at, struct filter_spot *ret)
{
	begin = value_begin(text, begin, at);
	ret->kind = FILTER_SPOT_VALUE;
	ret->quoted = text[begin] == '"';
	ret->at = begin;
	ret->len = value_end(text, begin, at, ret->quoted) - begin;
	if (at > begin)
		copy(ret->typed, sizeof(ret->typed), text + begin + ret->quoted, at - begin - ret->quoted);
}

void filter_spot(const char *text, size_t at, struct filter_spot *ret)
{
	size_t n = strlen(text), begin, i, after;
	const char *dot = NULL;
	bool regex = false;

	*ret = (struct filter_spot){ .kind = FILTER_SPOT_KEY };
	at = at < n ? at : n;
	begin = i = word_begin(text, at);
	while (i < at && in_key(text[i]))
		i++;
	after = i > begin ? skip_op(text, i, &regex) : i;
	if (after > i && after <= at) {
		copy(ret->key, sizeof(ret->key), text + begin, i - begin);
		spot_value(text, after, at, ret);
		if (regex)
			ret->kind = FILTER_SPOT_NONE;
		return;
	}
	ret->at = begin;
	while (in_key(text[i]))
		i++;
	ret->len = i - begin;
	copy(ret->typed, sizeof(ret->typed), text + begin, at - begin);
	if (text[begin] == '"' || text[begin] == '/')
		ret->kind = FILTER_SPOT_NONE;
	for (const struct key *k = key_table(); k->name; k++)
		if (k->takes_name && strncmp(ret->typed, k->name, strlen(k->name)) == 0 &&
		    ret->typed[strlen(k->name)] == '.')
			dot = ret->typed + strlen(k->name);
	if (!dot)
		return;
	ret->kind = FILTER_SPOT_NAME;
	copy(ret->key, sizeof(ret->key), ret->typed, (size_t)(dot - ret->typed));
	begin = (size_t)(dot + 1 - ret->typed);
	ret->at += begin;
	ret->len -= begin;
	memmove(ret->typed, dot + 1, strlen(dot + 1) + 1);
}

/* --- what flows have ---------------------------------------------------------------------------------------- */

struct teller {
	filter_value_fn fn;
	void *ctx;
	bool address;
};

static bool tell(void *ctx, struct slice text)
{
	const struct teller *t = ctx;
	char ip[46];

	if (!t->address)
		return !t->fn(t->ctx, text);
	flow_addr_format(text.p, ip);
	return ip[0] && !t->fn(t->ctx, slice_str(ip));
}

bool filter_values(const char *key, const struct flow *f, filter_value_fn fn, void *ctx)
{
	const char *arg = NULL;
	const struct key *k = key_find(key, &arg);
	struct teller t = { fn, ctx, k && k->kind == KIND_ADDRESS };
	char text[24];
	uint64_t n;

	if (!k || k->kind == KIND_IS || k->kind == KIND_SIZE || k->kind == KIND_DURATION)
		return false;
	if (k->texts)
		(void)k->texts(f, arg, tell, &t);
	else if (k->number(f, &n)) {
		(void)snprintf(text, sizeof(text), "%" PRIu64, n);
		(void)fn(ctx, slice_str(text));
	}
	return true;
}

static bool header_names(const struct flow_half *h, filter_value_fn fn, void *ctx)
{
	for (size_t i = 0; i < h->nheaders; i++)
		if (!fn(ctx, slice_str(h->headers[i].key)))
			return false;
	return true;
}

static void query_names(const struct flow *f, filter_value_fn fn, void *ctx)
{
	struct slice t = slice_str(f->req.target);
	size_t at = slice_find(t, SLICE_LIT("?"), 0) + 1;

	while (at < t.n) {
		size_t end = slice_find(t, SLICE_LIT("&"), at);
		struct slice pair = slice_cut(t, at, end);

		if (!fn(ctx, slice_cut(pair, 0, slice_find(pair, SLICE_LIT("="), 0))))
			return;
		at = end + 1;
	}
}

bool filter_names(const char *key, const struct flow *f, filter_value_fn fn, void *ctx)
{
	bool resp = strcmp(key, "resp.header") == 0, both = strcmp(key, "header") == 0;

	if (strcmp(key, "query") == 0) {
		query_names(f, fn, ctx);
		return true;
	}
	if (!both && !resp && strcmp(key, "req.header") != 0)
		return false;
	if (resp || header_names(&f->req, fn, ctx))
		if (resp || both)
			(void)header_names(&f->resp, fn, ctx);
	return true;
}

enum filter_needs filter_key_needs(const char *key)
{
	const char *arg;
	const struct key *k = key_find(key, &arg);

	if (k)
		return k->needs;
	for (k = key_table(); k->name; k++)
		if (strcmp(k->name, key) == 0)
			return k->needs;
	return FILTER_BODIES;
}

const char *filter_condition(size_t i, const char **ret_help)
{
	const struct condition *c = condition_table();

	for (; i > 0 && c->name; i--)
		c++;
	*ret_help = c->help;
	return c->name;
}

void filter_put_value(struct buf *out, struct slice value)
{
	bool plain = value.n > 0 && value.p[0] != '=' && value.p[0] != '"';

	for (size_t i = 0; plain && i < value.n; i++)
		plain = value.p[i] > ' ' && !strchr("(),*\"", value.p[i]);
	if (plain) {
		buf_put(out, value);
		return;
	}
	buf_puts(out, "\"");
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_puts(out, "\\");
		buf_put(out, slice_cut(value, i, i + 1));
	}
	buf_puts(out, "\"");
}
