/* SPDX-License-Identifier: Apache-2.0 */
#include "filter/value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct unit {
	const char *name;
	double factor;
};
static const struct unit no_units[] = { { 0 } };
static const struct unit sizes[] = { { "b", 1 },   { "kb", 1e3 }, { "k", 1e3 }, { "mb", 1e6 },
				     { "m", 1e6 }, { "gb", 1e9 }, { 0 } };
static const struct unit durations[] = { { "ns", 1 },  { "us", 1e3 }, { "ms", 1e6 },
					 { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
					 { 0 } };

/* A number with one of the units, the whole of [s, end). */
static bool number(const char *s, const char *end, const struct unit *units, double *ret)
{
	char copy[32], *rest;
	size_t n = (size_t)(end - s);
	double x;

	if (n == 0 || n >= sizeof(copy) || !((*s >= '0' && *s <= '9') || *s == '.'))
		return false;
	memcpy(copy, s, n);
	copy[n] = '\0';
	x = strtod(copy, &rest);
	if (*rest == '\0') {
		*ret = x;
		return true;
	}
	for (; units->name; units++)
		if (strcasecmp(rest, units->name) == 0) {
			*ret = x * units->factor;
			return true;
		}
	return false;
}

static bool numeric(struct value *v, const struct unit *units)
{
	const char *end = v->text + strlen(v->text), *dots = strstr(v->text, "..");

	if (dots && number(v->text, dots, units, &v->num) &&
	    number(dots + 2, end, units, &v->max)) {
		v->is_num = v->is_range = true;
		return v->num <= v->max;
	}
	v->is_num = number(v->text, end, units, &v->num);
	return v->is_num;
}

/* "5xx": 500..599. */
static bool status_class(struct value *v)
{
	if (strlen(v->text) != 3 || v->text[0] < '1' || v->text[0] > '9' ||
	    strcasecmp(v->text + 1, "xx") != 0)
		return false;
	v->num = (v->text[0] - '0') * 100;
	v->max = v->num + 99;
	v->is_num = v->is_range = true;
	return true;
}

static bool address(struct value *v)
{
	char text[64], *slash;
	unsigned long bits = 128;
	struct in_addr v4;

	if (strlen(v->text) >= sizeof(text))
		return false;
	memcpy(text, v->text, strlen(v->text) + 1);
	slash = strchr(text, '/');
	if (slash) {
		char *end;

		*slash = '\0';
		bits = strtoul(slash + 1, &end, 10);
		if (end == slash + 1 || *end || bits > 128)
			return false;
	}
	if (inet_pton(AF_INET, text, &v4) == 1) {
		if (slash && bits > 32)
			return false;
		memcpy(v->addr, (const uint8_t[12]){ [10] = 0xff, [11] = 0xff }, 12);
		memcpy(v->addr + 12, &v4, 4);
		v->prefix = slash ? (unsigned)bits + 96 : 128;
		return true;
	}
	v->prefix = (unsigned)bits;
	return inet_pton(AF_INET6, text, v->addr) == 1;
}

static bool condition(struct value *v, struct filter_error *err)
{
	char list[140] = "";
	size_t n = 0;

	for (const struct condition *c = condition_table(); c->name; c++) {
		if (strcasecmp(c->name, v->text) == 0) {
			v->cond = c;
			return true;
		}
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", c->name);
	}
	(void)snprintf(err->text, sizeof(err->text), "is: takes one of %s", list);
	return false;
}

static bool complain(struct filter_error *err, const char *what)
{
	(void)snprintf(err->text, sizeof(err->text), "%s", what);
	return false;
}

bool value_understand(const struct node *n, struct value *v, struct filter_error *err)
{
	bool ordered = n->op == OP_GT || n->op == OP_GE || n->op == OP_LT || n->op == OP_LE;

	switch (n->key->kind) {
	case KIND_TEXT:
	case KIND_CHOICE:
		return true;
	case KIND_STATUS:
		if (v->quoted || (!status_class(v) && !numeric(v, no_units)))
			return !ordered ||
			       complain(err, "a number is needed here, as in status>=500");
		if (ordered && v->is_range)
			return complain(err,
					"a range cannot be compared by size: write status:5xx");
		return true;
	case KIND_NUMBER:
		return numeric(v, no_units) ||
		       complain(err, "a number is needed here, or a range: 80..90");
	case KIND_SIZE:
		return numeric(v, sizes) ||
		       complain(err, "a size is needed here: 500, 10kb, 1mb..2mb");
	case KIND_DURATION:
		return numeric(v, durations) ||
		       complain(err, "a duration is needed here, with its unit: 500ms, 2s");
	case KIND_ADDRESS:
		return address(v) ||
		       complain(err, "an address is needed here: 10.0.0.1, 10.0.0.0/8, ::1");
	case KIND_IS:
		return condition(v, err);
	}
	return false;
}

bool value_op_allowed(const struct key *k, enum filter_op op)
{
	bool ordered = op == OP_GT || op == OP_GE || op == OP_LT || op == OP_LE;

	switch (k->kind) {
	case KIND_TEXT:
	case KIND_CHOICE:
		return !ordered;
	case KIND_STATUS:
		return true;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_DURATION:
		return op != OP_RE;
	case KIND_ADDRESS:
	case KIND_IS:
		return !ordered && op != OP_RE;
	}
	return false;
}

/* Edits between two short names (Levenshtein), or a large number. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33];
	size_t n = strlen(b);

	if (n > 32 || strlen(a) > 32)
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned corner = row[0]++;

		for (size_t j = 0; j < n; j++) {
			unsigned here = corner + (a[i] != b[j]);

			corner = row[j + 1];
			if (row[j] + 1 < here)
				here = row[j] + 1;
			if (corner + 1 < here)
				here = corner + 1;
			row[j + 1] = here;
		}
	}
	return row[n];
}

void value_key_hint(const char *name, char *ret, size_t n)
{
	const struct key *best = NULL;
	unsigned least = 3;

	for (const struct key *k = key_table(); k->name; k++) {
		unsigned d = distance(name, k->name);

		if (d < least) {
			least = d;
			best = k;
		}
		if (k->takes_name && strcmp(name, k->name) == 0) {
			(void)snprintf(ret, n, ": write %s.NAME", k->name);
			return;
		}
	}
	if (best)
		(void)snprintf(ret, n,
			       ": did you mean \"%s\"? Put quotes around it to search for the text",
			       best->name);
	else
		(void)snprintf(ret, n, ": put quotes around it to search for the text");
}
