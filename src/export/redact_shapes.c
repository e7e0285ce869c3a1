/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that are known by what they look like, wherever they stand.
 *
 * Card numbers: ISO/IEC 7812-1 (13 to 19 digits, the last a check digit by Luhn's formula) with the ranges and lengths of the big
 * networks; digits of one number stand together, or in the groups that are printed on cards.  Tokens: RFC 7515, 7.1 (JSON Web
 * Tokens in compact form), RFC 7468 (private keys), RFC 3986, 3.2.1 (user information in a URL), and prefixes that services
 * document for the keys they hand out.
 */
#include "export/redact_priv.h"

static bool digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool alnum(uint8_t c)
{
	return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* --- card numbers --- */

static bool luhn(const uint8_t *d, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned v = (unsigned)(d[n - 1 - i] - '0') << (i & 1);

		sum += v > 9 ? v - 9 : v;
	}
	return sum % 10 == 0;
}

static bool in_range(const uint8_t *d, size_t n)
{
	static const struct {
		unsigned from, to; /* of the first four digits */
		size_t shortest, longest;
	} ranges[] = {
		{ 4000, 4999, 13, 19 }, { 5100, 5599, 16, 16 }, { 2221, 2720, 16, 16 }, { 3400, 3499, 15, 15 }, { 3700, 3799, 15, 15 },
		{ 3000, 3059, 14, 14 }, { 3600, 3699, 14, 14 }, { 3800, 3999, 14, 14 }, { 3528, 3589, 16, 19 }, { 6011, 6011, 16, 19 },
		{ 6440, 6599, 16, 19 }, { 6200, 6299, 16, 19 },
	};
	unsigned head = 0;

	for (size_t i = 0; i < 4; i++)
		head = head * 10 + (unsigned)(d[i] - '0');
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (head >= ranges[i].from && head <= ranges[i].to && n >= ranges[i].shortest && n <= ranges[i].longest)
			return n != 17 && n != 18;
	return false;
}

/* Digits of s from i on, in one piece or in groups of 4 4 4 4 or 4 6 5; *ret_end: behind them, or behind the first group. */
static bool card_at(struct slice s, size_t i, size_t *ret_end)
{
	uint8_t d[20], separator = 0;
	size_t n = 0, groups[6] = { 0 }, g = 0, end = i;

	for (; end < s.n && n < sizeof(d); end++) {
		uint8_t c = s.p[end];

		if (digit(c)) {
			d[n++] = c;
			groups[g]++;
		} else if ((c == ' ' || c == '-') && digit(slice_at(s, end + 1)) && g < 4 && (!separator || c == separator)) {
			separator = c;
			g++;
		} else {
			break;
		}
	}
	*ret_end = i + groups[0];
	if (n < 13 || n > 19 || alnum(slice_at(s, end)) || (slice_at(s, end) == '.' && digit(slice_at(s, end + 1))))
		return false;
	if (i > 0 && alnum(s.p[i - 1]))
		return false;
	if (i > 1 && (s.p[i - 1] == '.' || s.p[i - 1] == '-') && (digit(s.p[i - 2]) || (separator && alnum(s.p[i - 2]))))
		return false; /* a fraction, a piece of a UUID */
	if (separator && !(g == 3 && groups[0] == 4 && groups[1] == 4 && groups[2] == 4 && groups[3] == 4) &&
	    !(g == 2 && groups[0] == 4 && groups[1] == 6 && groups[2] == 5))
		return false;
	if (!in_range(d, n) || !luhn(d, n))
		return false;
	*ret_end = end;
	return true;
}

/* A number of JSON: it stands where a value does, and becomes a string. */
static bool is_number(struct slice s, size_t at, size_t end)
{
	while (at > 0 && (s.p[at - 1] == ' ' || s.p[at - 1] == '\t'))
		at--;
	while (end < s.n && (s.p[end] == ' ' || s.p[end] == '\t' || s.p[end] == '\r' || s.p[end] == '\n'))
		end++;
	if (at == 0 || end == s.n)
		return false;
	return (s.p[at - 1] == ',' || s.p[at - 1] == '[' || (s.p[at - 1] == ':' && at > 1 && s.p[at - 2] == '"')) &&
	       (s.p[end] == ',' || s.p[end] == ']' || s.p[end] == '}');
}

/* --- tokens --- */

enum set { SET_WORD, SET_TOKEN68, SET_JWT };
static const struct shape {
	const char *prefix;
	size_t least; /* characters behind it */
	enum set set;
	bool keep; /* the prefix stays */
} shapes[] = {
	{ "eyJ", 20, SET_JWT, false },
	{ "Bearer ", 8, SET_TOKEN68, true },
	{ "bearer ", 8, SET_TOKEN68, true },
	{ "Basic ", 8, SET_TOKEN68, true },
	{ "ghp_", 20, SET_WORD, false }, /* GitHub */
	{ "gho_", 20, SET_WORD, false },
	{ "ghs_", 20, SET_WORD, false },
	{ "github_pat_", 20, SET_WORD, false },
	{ "glpat-", 16, SET_WORD, false }, /* GitLab */
	{ "sk_live_", 10, SET_WORD, false }, /* Stripe */
	{ "sk_test_", 10, SET_WORD, false },
	{ "rk_live_", 10, SET_WORD, false },
	{ "whsec_", 16, SET_WORD, false },
	{ "sk-", 24, SET_WORD, false },	 /* OpenAI, Anthropic */
	{ "AKIA", 16, SET_WORD, false }, /* AWS */
	{ "ASIA", 16, SET_WORD, false },
	{ "AIza", 30, SET_WORD, false }, /* Google */
	{ "ya29.", 20, SET_JWT, false },
	{ "xoxb-", 10, SET_WORD, false }, /* Slack */
	{ "xoxp-", 10, SET_WORD, false },
	{ "xoxa-", 10, SET_WORD, false },
	{ "xapp-", 10, SET_WORD, false },
	{ "npm_", 30, SET_WORD, false },
	{ "hvs.", 20, SET_WORD, false }, /* Vault */
	{ "SG.", 30, SET_JWT, false },	 /* SendGrid */
};

static bool in_set(uint8_t c, enum set set)
{
	if (alnum(c) || c == '_' || c == '-')
		return true;
	return set == SET_JWT ? c == '.' : set == SET_TOKEN68 ? (c && strchr("._~+/=", c) != NULL) : false;
}

static bool jwt(struct slice s)
{
	size_t dots = 0;

	for (size_t i = 0; i < s.n; i++)
		dots += s.p[i] == '.';
	return dots >= 2;
}

/* Where a token ends that begins at i, or i. */
static size_t shape_at(struct slice s, size_t i, size_t *ret_from)
{
	if (i > 0 && (alnum(s.p[i - 1]) || s.p[i - 1] == '_'))
		return i;
	for (size_t k = 0; k < sizeof(shapes) / sizeof(*shapes); k++) {
		size_t n = strlen(shapes[k].prefix), end = i + n;

		if (s.p[i] != (uint8_t)shapes[k].prefix[0] || !slice_starts(slice_cut(s, i, s.n), slice_str(shapes[k].prefix)))
			continue;
		while (end < s.n && in_set(s.p[end], shapes[k].set))
			end++;
		if (end - i - n < shapes[k].least || (shapes[k].prefix[0] == 'e' && !jwt(slice_cut(s, i, end))))
			continue;
		*ret_from = shapes[k].keep ? i + n : i;
		return end;
	}
	return i;
}

/* "-----BEGIN RSA PRIVATE KEY-----": what follows, up to the end's line. */
static size_t private_key(struct slice s, size_t i, size_t *ret_from)
{
	struct slice line = slice_cut(s, i, i + 64);
	size_t end = slice_find(line, SLICE_LIT("PRIVATE KEY-----"), 0);

	if (!slice_starts(line, SLICE_LIT("-----BEGIN ")) || end == line.n)
		return i;
	*ret_from = i + end + sizeof("PRIVATE KEY-----") - 1;
	return slice_find(s, SLICE_LIT("-----END"), *ret_from);
}

/* "://user:password@": at the colon. */
static size_t user_info(struct slice s, size_t i, size_t *ret_from)
{
	size_t colon = 0, at;

	if (!slice_starts(slice_cut(s, i, s.n), SLICE_LIT("://")))
		return i;
	for (at = i + 3; at < s.n && at < i + 500; at++) {
		uint8_t c = s.p[at];

		if (c == ':' && !colon)
			colon = at;
		if (c == '@' || c <= ' ' || c == '/' || c == '?' || c == '#' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '\\')
			break;
	}
	if (!colon || slice_at(s, at) != '@' || at == colon + 1)
		return i;
	*ret_from = colon + 1;
	return at;
}

void redact_shapes(struct edit *e)
{
	struct slice s = e->in;

	for (size_t i = 0; i < s.n;) {
		uint8_t c = s.p[i];
		size_t from = i, end = i;

		if (digit(c)) {
			size_t run;

			if (card_at(s, i, &run))
				edit_hide(e, i, run, is_number(s, i, run) && !e->binary);
			i = run > i ? run : i + 1;
			continue;
		}
		if (c == '-')
			end = private_key(s, i, &from);
		else if (c == ':')
			end = user_info(s, i, &from);
		else if (alnum(c))
			end = shape_at(s, i, &from);
		if (end > from && !slice_eq(slice_cut(s, from, end), SLICE_LIT(REDACT_MARK)))
			edit_hide(e, from, end, false);
		i = end > i ? end : i + 1;
	}
}
