/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - the parsed filter, shared by parser, matcher and printer; private to filter/. */
#ifndef LIMPID_FILTER_NODE_H
#define LIMPID_FILTER_NODE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "filter/filter.h"

#define FILTER_NODES_MAX 256
#define FILTER_DEPTH_MAX 32

enum value_kind {
	KIND_TEXT,
	KIND_CHOICE,
	KIND_STATUS,
	KIND_NUMBER,
	KIND_SIZE,
	KIND_DURATION,
	KIND_ADDRESS,
	KIND_IS
};
enum filter_op { OP_HAS, OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE, OP_RE };

/* Called for each text the key stands for, until it returns true. */
typedef bool (*visit_fn)(void *ctx, struct slice text);

struct key {
	const char *name;
	enum value_kind kind;
	bool takes_name; /* header.NAME */
	enum filter_needs needs;
	/* Texts: true when one visit returned true.  arg: the NAME, or NULL. */
	bool (*texts)(const struct flow *f, const char *arg, visit_fn visit, void *ctx);
	bool (*number)(const struct flow *f, uint64_t *ret); /* false: not known */
	const char *help;
};
const struct key *key_table(void); /* ends with a NULL name */
/* The key of a name as written ("req.header.host"); *ret_arg points into name. */
const struct key *key_find(const char *name, const char **ret_arg);
/* belong.c */
bool key_shape(const struct flow *f, const char *arg, visit_fn visit, void *ctx);
bool key_trace(const struct flow *f, const char *arg, visit_fn visit, void *ctx);
/* The conditions of `is:`. */
struct condition {
	const char *name;
	bool (*holds)(const struct flow *f);
	const char *help;
};
const struct condition *condition_table(void); /* ends with a NULL name */

struct value {
	char *text;
	bool quoted, glob, is_num, is_range; /* is_range: num..max, both included */
	double num, max;
	const struct condition *cond;
	uint8_t addr[16]; /* KIND_ADDRESS */
	unsigned prefix;  /* bits of addr that count, out of 128 */
};

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_CMP, NODE_TEXT, NODE_REGEX };
struct node {
	enum node_kind kind;
	struct node *left, *right; /* NODE_NOT: left only */
	const struct key *key;	   /* NODE_CMP */
	char *name;		   /* the key as written */
	const char *arg;	   /* inside name */
	enum filter_op op;
	struct value *vals; /* NODE_TEXT: one; NODE_REGEX: one, the pattern's text */
	size_t nvals;
	pcre2_code *re; /* OP_RE, NODE_REGEX */
	bool nocase;	/* NODE_REGEX: /re/i */
};
struct filter {
	struct node *root; /* NULL: everything matches */
};
void node_free(struct node *n);

#endif
