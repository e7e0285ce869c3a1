/* SPDX-License-Identifier: Apache-2.0 */
/* A filter as text again, and as a sentence. */
#include "filter/node.h"

static const char *const symbols[] = { ":", "=", "!=", ">", ">=", "<", "<=", "~" };

/* What was written without quotes reads back the same without them; a regular expression is always
 * quoted, because a bare one would swallow a parenthesis behind it. */
static void put_value(struct buf *out, const struct value *v, bool quote)
{
	if (!quote) {
		buf_puts(out, v->text);
		return;
	}
	buf_puts(out, "\"");
	for (const char *s = v->text; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_puts(out, "\\");
		buf_put(out, (struct slice){ (const uint8_t *)s, 1 });
	}
	buf_puts(out, "\"");
}

static void put_text(struct buf *out, const struct node *n, bool inside);

static void put_pair(struct buf *out, const struct node *n, const char *word, bool inside)
{
	if (inside)
		buf_puts(out, "(");
	put_text(out, n->left, n->left->kind != n->kind);
	buf_puts(out, word);
	put_text(out, n->right, true);
	if (inside)
		buf_puts(out, ")");
}

static bool is_pair(const struct node *n)
{
	return n->kind == NODE_AND || n->kind == NODE_OR;
}

static void put_text(struct buf *out, const struct node *n, bool inside)
{
	switch (n->kind) {
	case NODE_AND:
		put_pair(out, n, " ", inside && is_pair(n));
		break;
	case NODE_OR:
		put_pair(out, n, " or ", inside && is_pair(n));
		break;
	case NODE_NOT:
		buf_puts(out, "-");
		put_text(out, n->left, true);
		break;
	case NODE_CMP:
		buf_puts(out, n->name);
		buf_puts(out, symbols[n->op]);
		for (size_t i = 0; i < n->nvals; i++) {
			if (i > 0)
				buf_puts(out, ",");
			put_value(out, &n->vals[i], n->vals[i].quoted || n->op == OP_RE);
		}
		break;
	case NODE_TEXT:
		put_value(out, &n->vals[0], n->vals[0].quoted);
		break;
	case NODE_REGEX:
		buf_puts(out, "/");
		buf_puts(out, n->vals[0].text);
		buf_puts(out, n->nocase ? "/i" : "/");
		break;
	}
}

void filter_text(const struct filter *q, struct buf *out)
{
	if (q->root)
		put_text(out, q->root, false);
}

static const char *verb(const struct node *n, bool negated)
{
	static const char *const words[][2] = {
		[OP_HAS] = { "contains", "does not contain" },
		[OP_EQ] = { "is", "is not" },
		[OP_NE] = { "is not", "is" },
		[OP_GT] = { "over", "at most" },
		[OP_GE] = { "at least", "under" },
		[OP_LT] = { "under", "at least" },
		[OP_LE] = { "at most", "over" },
		[OP_RE] = { "matches", "does not match" },
	};
	enum filter_op op = n->op;

	if (op == OP_HAS && (n->key->kind != KIND_TEXT || n->vals[0].glob))
		op = OP_EQ;
	return words[op][negated];
}

static void say(struct buf *out, const struct node *n, bool negated, bool inside);

static void say_pair(struct buf *out, const struct node *n, bool negated, bool inside)
{
	bool both = (n->kind == NODE_AND) != negated;

	if (inside)
		buf_puts(out, "(");
	say(out, n->left, negated, n->left->kind != n->kind);
	buf_puts(out, both ? " and " : " or ");
	say(out, n->right, negated, true);
	if (inside)
		buf_puts(out, ")");
}

static void say_compare(struct buf *out, const struct node *n, bool negated)
{
	if (n->key->kind == KIND_IS)
		buf_puts(out, negated != (n->op == OP_NE) ? "is not" : "is");
	else
		buf_printf(out, "%s %s", n->name, verb(n, negated));
	for (size_t i = 0; i < n->nvals; i++) {
		buf_puts(out, i == 0 ? " " : " or ");
		buf_puts(out, n->vals[i].text);
	}
}

static void say(struct buf *out, const struct node *n, bool negated, bool inside)
{
	switch (n->kind) {
	case NODE_AND:
	case NODE_OR:
		say_pair(out, n, negated, inside);
		break;
	case NODE_NOT:
		say(out, n->left, !negated, inside);
		break;
	case NODE_CMP:
		say_compare(out, n, negated);
		break;
	case NODE_TEXT:
	case NODE_REGEX:
		buf_printf(out, "%s %s \"%s\"", "address, operation or names",
			   n->kind == NODE_TEXT ? (negated ? "do not contain" : "contain")
						: (negated ? "do not match" : "match"),
			   n->vals[0].text);
		break;
	}
}

void filter_sentence(const struct filter *q, struct buf *out)
{
	if (q->root)
		say(out, q->root, false, false);
	else
		buf_puts(out, "everything");
}
