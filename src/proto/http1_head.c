/* SPDX-License-Identifier: Apache-2.0 */
/* The head is copied once and cut up in that copy: a name ends where its colon was, a value where its
 * line ended, so a field costs two pointers and no allocation. */
#include "proto/http1_head.h"

#include <errno.h>

/* RFC 9110, 5.6.2: tchar. */
static const bool token_char[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,	    ['&'] = 1,	       ['\''] = 1,
	['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,	    ['^'] = 1,	       ['_'] = 1,
	['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Sixteen bytes at once, on any machine: the compiler knows what it has. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

/* Is one of the 16 bytes at p below `below`, or 0x7f? */
static bool odd16(const void *p, uint8_t below)
{
	bytes16 b;
	words2 w;

	memcpy(&b, p, sizeof(b));
	w = (words2)((b < below) | (b == 0x7f));
	return (w[0] | w[1]) != 0;
}

/* --- start lines ---------------------------------------------------------------------------- */

#define METHOD_MAX 64

/* "HTTP/1.x" at the start of s: its length is 8. */
static enum probe version_at(struct slice s)
{
	static const struct slice name = SLICE_LIT("HTTP/1.");
	size_t n = s.n < name.n ? s.n : name.n;

	if (memcmp(s.p, name.p, n) != 0)
		return PROBE_NO;
	if (s.n <= name.n)
		return PROBE_MAYBE;
	return is_digit(s.p[name.n]) ? PROBE_YES : PROBE_NO;
}

static enum probe response_start(struct slice in)
{
	enum probe v = in.n ? version_at(in) : PROBE_MAYBE;

	if (v != PROBE_YES)
		return v;
	for (size_t i = 8; i < 12; i++) {
		if (i == in.n)
			return PROBE_MAYBE;
		if (i == 8 ? in.p[i] != ' ' : !is_digit(in.p[i]))
			return PROBE_NO;
	}
	if (in.p[9] == '0')
		return PROBE_NO;
	if (in.n == 12)
		return PROBE_MAYBE;
	return in.p[12] == ' ' || in.p[12] == '\r' || in.p[12] == '\n' ? PROBE_YES : PROBE_NO;
}

static enum probe request_start(struct slice in, bool strict)
{
	size_t i = 0, target;

	while (i < in.n && token_char[in.p[i]])
		if (++i > METHOD_MAX)
			return PROBE_NO;
	if (i == in.n)
		return PROBE_MAYBE;
	if (i == 0 || in.p[i] != ' ')
		return PROBE_NO;
	target = ++i;
	while (in.n - i >= 16 && !odd16(in.p + i, ' ' + 1))
		i += 16;
	while (i < in.n && in.p[i] > ' ' && in.p[i] != 0x7f)
		i++;
	if (i == in.n)
		return PROBE_MAYBE;
	if (i == target)
		return PROBE_NO;
	/* A space inside the target is wrong but sent; the line then still ends in a version. */
	for (;;) {
		enum probe v;

		if (i == in.n)
			return PROBE_MAYBE;
		if (in.p[i] != ' ' && (in.p[i] < ' ' || in.p[i] == 0x7f))
			return PROBE_NO;
		if (in.p[i++] != ' ')
			continue;
		v = i < in.n ? version_at(slice_cut(in, i, in.n)) : PROBE_MAYBE;
		if (v == PROBE_MAYBE)
			return v;
		if (v == PROBE_NO && strict)
			return PROBE_NO;
		if (v == PROBE_NO)
			continue;
		i += 8;
		if (i == in.n || (in.p[i] == '\r' && i + 1 == in.n))
			return PROBE_MAYBE;
		if (in.p[i] == '\n' || (in.p[i] == '\r' && in.p[i + 1] == '\n'))
			return PROBE_YES;
	}
}

enum probe http1_start(enum side side, struct slice in, bool strict)
{
	return side == SIDE_REQ ? request_start(in, strict) : response_start(in);
}

/* --- where a head ends ------------------------------------------------------------------------- */

size_t http1_find_end(struct slice in, size_t *from, size_t *lines)
{
	size_t at = *from, left;

	if (at == 0 && in.n > 0 && (in.p[0] == '\n' || in.p[0] == '\r')) {
		if (in.p[0] == '\n')
			return 1;
		if (in.n == 1)
			return 0;
		if (in.p[1] == '\n')
			return 2;
	}
	while (at < in.n) {
		const uint8_t *nl = memchr(in.p + at, '\n', in.n - at);

		if (!nl) {
			at = in.n;
			break;
		}
		at = (size_t)(nl - in.p);
		left = in.n - at - 1;
		if (left >= 1 && nl[1] == '\n')
			return ++*lines, at + 2;
		if (left >= 2 && nl[1] == '\r' && nl[2] == '\n')
			return ++*lines, at + 3;
		if (left == 0 || (left == 1 && nl[1] == '\r'))
			break; /* this newline is looked at again */
		++*lines;
		at++;
	}
	*from = at;
	return 0;
}

/* --- fields ---------------------------------------------------------------------------------- */

struct lines {
	char *p, *end; /* in the copy */
	bool malformed;
};

/* The next line, without its end; false when none is left.  The byte after it is writable. */
static bool next_line(struct lines *l, char **ret_p, size_t *ret_n)
{
	char *nl, *p = l->p;
	size_t n;

	if (p >= l->end || !(nl = memchr(p, '\n', (size_t)(l->end - p))))
		return false;
	n = (size_t)(nl - p);
	if (n > 0 && p[n - 1] == '\r')
		n--;
	l->p = nl + 1;
	*ret_p = p;
	*ret_n = n;
	return true;
}

/* Marks forbidden bytes of a value; NUL becomes a space, because text here ends at NUL. */
static void check_bytes(char *p, size_t n, bool *malformed)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			*malformed = true;
		if (c == 0)
			p[i] = ' ';
	}
}

/* Is one of the 8 bytes at p below a blank, or 0x7f?  (x - k) & ~x has a top bit set when a byte of x is below k.) */
static bool odd8(const char *p)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	uint64_t v, del;

	memcpy(&v, p, sizeof(v));
	del = v ^ 0x7f * ones;
	return (((v - 0x20 * ones) & ~v) | ((del - ones) & ~del)) & tops;
}

static void check_value(char *p, size_t n, bool *malformed)
{
	size_t i = 0;

	if (n >= 8 && n < 16 && !odd8(p) && !odd8(p + n - 8))
		return;
	for (; n - i >= 16; i += 16)
		if (odd16(p + i, 0x20))
			check_bytes(p + i, 16, malformed);
	if (i < n && n >= 16 && !odd16(p + n - 16, 0x20)) /* the rest, and some again */
		return;
	check_bytes(p + i, n - i, malformed);
}

static bool continues(const struct lines *l)
{
	return l->p < l->end && is_blank((uint8_t)*l->p);
}

/* Joins the lines that continue the value at p (obs-fold, RFC 9112, 5.2) with one space each. */
static size_t unfold(struct lines *l, char *p, size_t n)
{
	char *more;
	size_t m;

	while (continues(l) && next_line(l, &more, &m)) {
		while (n > 0 && is_blank((uint8_t)p[n - 1]))
			n--;
		while (m > 0 && is_blank((uint8_t)*more)) {
			more++;
			m--;
		}
		p[n++] = ' '; /* there is room: the line end and a blank are gone */
		memmove(p + n, more, m);
		n += m;
	}
	return n;
}

struct field {
	struct flow_attr attr;
	size_t key_len, value_len;
};

static struct field read_field(struct lines *l, char *p, size_t n)
{
	size_t name = 0, end;
	char *value;

	while (name < n && token_char[(uint8_t)p[name]])
		name++;
	end = name;
	if (name == 0 || name == n || p[name] != ':') {
		/* Not a token: the name is all up to the colon, or the whole line. */
		char *colon = memchr(p, ':', n);

		l->malformed = true;
		end = colon ? (size_t)(colon - p) : n;
		check_value(p, end, &l->malformed);
	}
	if (end == n) { /* no colon */
		n = unfold(l, p, n);
		check_value(p, n, &l->malformed);
		p[n] = '\0';
		return (struct field){ { p, "" }, n, 0 };
	}
	value = p + end + 1;
	n = n - end - 1;
	if (continues(l))
		n = unfold(l, value, n);
	while (n > 0 && is_blank((uint8_t)*value)) {
		value++;
		n--;
	}
	while (n > 0 && is_blank((uint8_t)value[n - 1]))
		n--;
	check_value(value, n, &l->malformed);
	p[end] = '\0';
	value[n] = '\0';
	return (struct field){ { p, value }, end, n };
}

/* --- fields that frame ------------------------------------------------------------------------- */

/* The next element of a comma-separated list, trimmed; false at the end (RFC 9110, 5.6.1). */
static bool next_element(struct slice *list, struct slice *ret)
{
	while (list->n > 0) {
		size_t comma = slice_find(*list, SLICE_LIT(","), 0);
		struct slice e = slice_cut(*list, 0, comma);

		*list = slice_cut(*list, comma + 1, list->n);
		while (e.n > 0 && is_blank(e.p[0]))
			e = slice_cut(e, 1, e.n);
		while (e.n > 0 && is_blank(e.p[e.n - 1]))
			e.n--;
		if (e.n > 0) {
			*ret = e;
			return true;
		}
	}
	return false;
}

static void read_length(struct slice list, struct http1_framing *f)
{
	struct slice e;
	bool any = false;

	while (next_element(&list, &e)) {
		uint64_t v = 0;

		any = true;
		for (size_t i = 0; i < e.n; i++) {
			if (!is_digit(e.p[i]) || v > (UINT64_MAX - 9) / 10) {
				f->bad_length = true;
				break;
			}
			v = v * 10 + (uint64_t)(e.p[i] - '0');
		}
		/* The same value several times is as good as once (RFC 9112, 6.3, 5). */
		if (f->has_length && v != f->length)
			f->bad_length = true;
		f->has_length = true;
		f->length = v;
	}
	if (!any)
		f->has_length = f->bad_length = true;
}

static const char *join(struct arena *a, const char *old, const char *more)
{
	return old && *old ? arena_printf(a, "%s, %s", old, more) : more;
}

static void read_codings(struct arena *a, struct slice list, struct http1_head *h)
{
	struct http1_framing *f = &h->framing;
	struct slice e;

	f->has_coding = true;
	while (next_element(&list, &e)) {
		size_t semicolon = slice_find(e, SLICE_LIT(";"), 0);
		char *name;

		e = slice_cut(e, 0, semicolon);
		while (e.n > 0 && is_blank(e.p[e.n - 1]))
			e.n--;
		if (f->chunked) { /* chunked, then something: the message does not end by itself */
			f->chunked = false;
			h->malformed = true;
		}
		if (slice_eq_nocase(e, SLICE_LIT("chunked"))) {
			f->chunked = true;
			continue;
		}
		name = arena_str(a, e);
		if (name)
			f->codings = join(a, f->codings, name);
	}
}

static void read_connection(struct slice list, struct http1_framing *f)
{
	struct slice e;

	while (next_element(&list, &e))
		if (slice_eq_nocase(e, SLICE_LIT("upgrade")))
			f->upgrade = true;
}

static void note_field(struct arena *a, struct http1_head *h, const struct field *f)
{
	const struct flow_attr *field = &f->attr;
	struct slice name = { (const uint8_t *)field->key, f->key_len };
	struct slice value = { (const uint8_t *)field->value, f->value_len };

	while (name.n > 0 &&
	       is_blank(name.p[name.n - 1])) /* a blank before the colon: see malformed */
		name.n--;
	switch (name.n) {
	case 6:
		if (slice_eq_nocase(name, SLICE_LIT("expect")) &&
		    slice_eq_nocase(value, SLICE_LIT("100-continue")))
			h->framing.expects = true;
		break;
	case 7:
		if (slice_eq_nocase(name, SLICE_LIT("upgrade")) && !h->framing.upgrade_to)
			h->framing.upgrade_to = field->value;
		break;
	case 10:
		if (slice_eq_nocase(name, SLICE_LIT("connection")))
			read_connection(value, &h->framing);
		break;
	case 12:
		if (slice_eq_nocase(name, SLICE_LIT("content-type")) && !h->type)
			h->type = field->value;
		break;
	case 14:
		if (slice_eq_nocase(name, SLICE_LIT("content-length")))
			read_length(value, &h->framing);
		break;
	case 16:
		if (slice_eq_nocase(name, SLICE_LIT("content-encoding")))
			h->encoding = join(a, h->encoding, field->value);
		break;
	case 17:
		if (slice_eq_nocase(name, SLICE_LIT("transfer-encoding")))
			read_codings(a, value, h);
		break;
	default:
		break;
	}
}

/* --- whole heads ------------------------------------------------------------------------------ */

/* A first line that http1_start said yes to, of n bytes without its end. */

static void read_request_line(char *p, size_t n, struct http1_head *h)
{
	size_t method = (size_t)((char *)memchr(p, ' ', n) - p), version = n - 9;

	h->op = p;
	h->target = p + method + 1;
	h->version = p + n - 3;
	if (memchr(h->target, ' ', version - method - 1))
		h->malformed = true;
	p[method] = p[version] = p[n] = '\0';
}

static void read_status_line(char *p, size_t n, struct http1_head *h)
{
	h->version = p + 5;
	h->status = p + 9;
	h->code = (unsigned)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
	if (n > 12 && p[12] != ' ')
		h->malformed = true;
	if (n > 13) {
		check_value(p + 13, n - 13, &h->malformed);
		h->reason = p + 13;
	}
	p[8] = p[12] = p[n] = '\0';
}

static int copy_lines(struct arena *a, struct slice text, size_t lines, struct lines *ret_lines,
		      struct flow_attr **ret_fields)
{
	char *copy = arena_str(a, text);
	struct flow_attr *fields = arena_alloc(a, lines * sizeof(*fields));

	if (!copy || !fields)
		return -ENOMEM;
	*ret_lines = (struct lines){ copy, copy + text.n, false };
	*ret_fields = fields;
	return 0;
}

int http1_head_read(struct arena *a, enum side side, struct slice head, size_t lines,
		    struct http1_head *ret)
{
	struct lines l;
	size_t n, room;
	char *p;
	int rc;

	*ret = (struct http1_head){ 0 };
	rc = copy_lines(a, head, lines, &l, &ret->fields);
	if (rc)
		return rc;
	if (!next_line(&l, &p, &n))
		return -EBADMSG;
	if (side == SIDE_REQ)
		read_request_line(p, n, ret);
	else
		read_status_line(p, n, ret);
	if (l.p < l.end && is_blank((uint8_t)*l.p))
		l.malformed = true; /* a first field that continues nothing (RFC 9112, 2.2) */
	for (room = lines; room > 0 && next_line(&l, &p, &n) && n > 0; room--) {
		struct field f = read_field(&l, p, n);

		ret->fields[ret->nfields++] = f.attr;
		note_field(a, ret, &f);
	}
	ret->malformed = ret->malformed || l.malformed;
	return arena_short(a) ? -ENOMEM : 0;
}

int http1_trailer_read(struct arena *a, struct slice section, size_t lines, struct flow_attr **ret,
		       size_t *ret_n, bool *ret_malformed)
{
	struct flow_attr *fields;
	struct lines l;
	size_t n, count = 0;
	char *p;
	int rc = copy_lines(a, section, lines, &l, &fields);

	if (rc)
		return rc;
	while (count < lines && next_line(&l, &p, &n) && n > 0)
		fields[count++] = read_field(&l, p, n).attr;
	*ret = fields;
	*ret_n = count;
	*ret_malformed = l.malformed;
	return 0;
}
