/* SPDX-License-Identifier: Apache-2.0 */
/* Is a text one JSON value?  Strict (RFC 8259), without recursion and in one pass. */
#include "flow/flow.h"

#define DEPTH_MAX 100

struct json {
	struct slice in;
	size_t at;
};

static uint8_t look(const struct json *j)
{
	return j->at < j->in.n ? j->in.p[j->at] : 0;
}

static bool take(struct json *j, char c)
{
	bool is = j->at < j->in.n && j->in.p[j->at] == (uint8_t)c;

	j->at += is;
	return is;
}

/* No line breaks: it is a part of one line. */
static void blanks(struct json *j)
{
	while (look(j) == ' ' || look(j) == '\t')
		j->at++;
}

static bool hex4(struct json *j)
{
	for (int i = 0; i < 4; i++) {
		uint8_t c = look(j);

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
		j->at++;
	}
	return true;
}

static bool string(struct json *j)
{
	if (!take(j, '"'))
		return false;
	while (j->at < j->in.n && look(j) != '"') {
		uint8_t c = look(j);

		j->at++;
		if (c < ' ')
			return false;
		if (c != '\\')
			continue;
		c = look(j);
		j->at++;
		if (c == 0 || !strchr("\"\\/bfnrtu", c) || (c == 'u' && !hex4(j)))
			return false;
	}
	return take(j, '"');
}

static bool digits(struct json *j)
{
	size_t from = j->at;

	while (look(j) >= '0' && look(j) <= '9')
		j->at++;
	return j->at > from;
}

static bool number(struct json *j)
{
	(void)take(j, '-');
	if (!take(j, '0') && !digits(j))
		return false;
	if (take(j, '.') && !digits(j))
		return false;
	if (take(j, 'e') || take(j, 'E')) {
		if (!take(j, '+'))
			(void)take(j, '-');
		return digits(j);
	}
	return true;
}

static bool word(struct json *j, const char *name)
{
	struct slice w = slice_str(name);

	if (!slice_starts(slice_cut(j->in, j->at, j->in.n), w))
		return false;
	j->at += w.n;
	return true;
}

static bool scalar(struct json *j)
{
	if (look(j) == '"')
		return string(j);
	return word(j, "true") || word(j, "false") || word(j, "null") || number(j);
}

static bool name(struct json *j)
{
	blanks(j);
	if (!string(j))
		return false;
	blanks(j);
	return take(j, ':');
}

static bool value(struct json *j)
{
	char closes[DEPTH_MAX];
	unsigned depth = 0;

	for (;;) {
		blanks(j);
		if (look(j) == '{' || look(j) == '[') {
			bool object = look(j) == '{';

			if (depth == DEPTH_MAX)
				return false;
			closes[depth++] = object ? '}' : ']';
			j->at++;
			blanks(j);
			if (!take(j, closes[depth - 1])) {
				if (object && !name(j))
					return false;
				continue;
			}
			depth--;
		} else if (!scalar(j)) {
			return false;
		}
		blanks(j);
		while (depth && take(j, closes[depth - 1])) {
			depth--;
			blanks(j);
		}
		if (depth == 0)
			return j->at == j->in.n;
		if (!take(j, ',') || (closes[depth - 1] == '}' && !name(j)))
			return false;
	}
}

bool flow_shown_ok(struct slice s)
{
	struct json j = { s, 0 };

	return s.n <= FLOW_SHOWN_MAX && slice_is_utf8(s) && value(&j);
}
