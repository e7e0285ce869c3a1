/* SPDX-License-Identifier: Apache-2.0 */
/* Does a message begin here?  Five bytes of header say little, so what the type promises of the rest is looked at, as far as
 * it is there, and the header behind it.  The work for one place is bounded. */
#include "proto/postgres_priv.h"

#define STARTUP_MAX 10000 /* MAX_STARTUP_PACKET_LENGTH, src/include/libpq/pqcomm.h */
#define PARTS_MAX   16	  /* columns, parameters or fields that are looked at */
#define LONGEST	    (1u << 24)

bool pg_type_known(enum side side, uint8_t type)
{
	static const bool req[256] = { ['Q'] = 1, ['P'] = 1, ['B'] = 1, ['E'] = 1, ['D'] = 1, ['C'] = 1, ['S'] = 1,
				       ['H'] = 1, ['X'] = 1, ['F'] = 1, ['d'] = 1, ['c'] = 1, ['f'] = 1, ['p'] = 1 };
	static const bool resp[256] = { ['R'] = 1, ['S'] = 1, ['K'] = 1, ['v'] = 1, ['N'] = 1, ['E'] = 1, ['Z'] = 1, ['1'] = 1,
					['2'] = 1, ['3'] = 1, ['t'] = 1, ['n'] = 1, ['T'] = 1, ['D'] = 1, ['C'] = 1, ['I'] = 1,
					['s'] = 1, ['A'] = 1, ['V'] = 1, ['G'] = 1, ['H'] = 1, ['W'] = 1, ['d'] = 1, ['c'] = 1 };

	return side == SIDE_REQ ? req[type] : resp[type];
}

static bool is_text(struct slice s)
{
	for (size_t i = 0; i < s.n && i < 256; i++)
		if ((s.p[i] < ' ' && s.p[i] != '\n' && s.p[i] != '\t' && s.p[i] != '\r') ||
		    s.p[i] == 0x7f)
			return false;
	return true;
}

static bool ended(const struct rd *r)
{
	return !r->short_read && rd_left(r) == 0;
}

/* n texts, and then so many bytes. */
static bool texts(struct slice body, unsigned n, size_t more)
{
	struct rd r = rd_init(body);

	while (n-- > 0)
		if (rd_left(&r) == 0 || !is_text(pg_cstr(&r)))
			return false;
	(void)rd_bytes(&r, more);
	return ended(&r);
}

static bool two_texts(struct rd *r)
{
	bool first = is_text(pg_cstr(r));

	return first && is_text(pg_cstr(r));
}

static bool parse_body(struct slice body)
{
	struct rd r = rd_init(body);
	bool text = two_texts(&r);

	(void)rd_bytes(&r, (size_t)rd_be16(&r) * 4);
	return text && ended(&r);
}

static bool bind_body(struct slice body)
{
	struct rd r = rd_init(body);
	bool text = two_texts(&r);
	uint16_t n;

	(void)rd_bytes(&r, (size_t)rd_be16(&r) * 2);
	n = rd_be16(&r);
	for (unsigned i = 0; i < n && i < PARTS_MAX; i++) {
		int32_t len = (int32_t)rd_be32(&r);

		(void)rd_bytes(&r, len > 0 ? (size_t)len : 0);
	}
	if (n <= PARTS_MAX)
		(void)rd_bytes(&r, (size_t)rd_be16(&r) * 2);
	return text && !r.short_read && (n > PARTS_MAX || rd_left(&r) == 0);
}

static bool row_body(struct slice body)
{
	struct rd r = rd_init(body);
	uint16_t n = rd_be16(&r);

	for (unsigned i = 0; i < n && i < PARTS_MAX; i++) {
		int32_t len = (int32_t)rd_be32(&r);

		if (len < -1)
			return false;
		(void)rd_bytes(&r, len > 0 ? (size_t)len : 0);
	}
	return !r.short_read && n < PG_COLUMNS_MAX && (n > PARTS_MAX || rd_left(&r) == 0);
}

static bool columns_body(struct slice body)
{
	struct rd r = rd_init(body);
	uint16_t n = rd_be16(&r);

	for (unsigned i = 0; i < n && i < PARTS_MAX; i++) {
		if (!is_text(pg_cstr(&r)))
			return false;
		(void)rd_bytes(&r, 18);
	}
	return !r.short_read && n < PG_COLUMNS_MAX && (n > PARTS_MAX || rd_left(&r) == 0);
}

static bool fields_body(struct slice body)
{
	return body.n > 4 && body.p[body.n - 1] == 0 && body.p[body.n - 2] == 0 &&
	       strchr("SVCM", body.p[0]) && body.p[0];
}

static bool front_body(uint8_t type, struct slice body)
{
	switch (type) {
	case 'Q':
		return body.n > 1 && texts(body, 1, 0);
	case 'P':
		return parse_body(body);
	case 'B':
		return bind_body(body);
	case 'E':
		return texts(body, 1, 4);
	case 'D':
	case 'C':
		return body.n > 1 && strchr("SP", body.p[0]) && body.p[0] &&
		       texts(slice_cut(body, 1, body.n), 1, 0);
	case 'f':
		return texts(body, 1, 0);
	case 'S':
	case 'H':
	case 'X':
	case 'c':
		return body.n == 0;
	case 'F':
		return body.n >= 10;
	default:
		return body.n > 0; /* d, p */
	}
}

static bool back_body(uint8_t type, struct slice body)
{
	switch (type) {
	case 'Z':
		return body.n == 1 && strchr("ITE", body.p[0]) && body.p[0];
	case '1':
	case '2':
	case '3':
	case 'n':
	case 'I':
	case 's':
	case 'c':
		return body.n == 0;
	case 'C':
		return body.n > 3 && body.p[0] >= 'A' && body.p[0] <= 'Z' && texts(body, 1, 0);
	case 'T':
		return columns_body(body);
	case 'D':
		return row_body(body);
	case 'E':
	case 'N':
		return fields_body(body);
	case 'S':
		return texts(body, 2, 0);
	case 'K':
		return body.n >= 8 && body.n <= 260;
	case 'R':
		return body.n >= 4 && body.p[0] == 0 && body.p[1] == 0 && body.p[2] == 0 &&
		       body.p[3] < 16;
	case 't':
		return body.n >= 2 && (body.n - 2) % 4 == 0;
	case 'A':
		return body.n > 6 && texts(slice_cut(body, 4, body.n), 2, 0);
	case 'G':
	case 'H':
	case 'W':
		return body.n >= 3 && body.p[0] <= 1;
	default:
		return body.n > 0; /* d, V, v */
	}
}

/* The type and the length, as far as they are there. */
static enum probe header(enum side side, struct slice in, size_t *ret_total)
{
	struct rd r = rd_init(slice_cut(in, 1, in.n));
	uint32_t len = rd_be32(&r);

	*ret_total = 0;
	if (in.n > 0 && !pg_type_known(side, in.p[0]))
		return PROBE_NO;
	if (in.n > 1 && in.p[1] != 0)
		return PROBE_NO;
	if (in.n < PG_HEADER)
		return PROBE_MAYBE;
	*ret_total = (size_t)len + 1;
	return len >= 4 && len < LONGEST ? PROBE_YES : PROBE_NO;
}

/* A body of which anything would do says nothing: the header behind it has to. */
static bool weak(enum side side, uint8_t type)
{
	return strchr(side == SIDE_REQ ? "dpFHc" : "dVv13nsIctKGHW", type) != NULL;
}

static enum probe starts(enum side side, struct slice in, size_t *ret_total)
{
	enum probe at = header(side, in, ret_total);
	struct slice body;
	size_t next;

	if (at != PROBE_YES)
		return at;
	/* These are as long as they are, whatever else is there. */
	if (*ret_total > 6 && strchr(side == SIDE_REQ ? "SHXc" : "Z123nIsc", in.p[0]))
		return PROBE_NO;
	if (in.n < *ret_total)
		return *ret_total <= PG_SMALL ? PROBE_MAYBE : PROBE_NO;
	body = slice_cut(in, PG_HEADER, *ret_total);
	if (!(side == SIDE_REQ ? front_body(in.p[0], body) : back_body(in.p[0], body)))
		return PROBE_NO;
	at = header(side, slice_cut(in, *ret_total, in.n), &next);
	if (at == PROBE_YES || (at == PROBE_MAYBE && !weak(side, in.p[0])))
		return PROBE_YES;
	return at;
}

/* StartupMessage 3.x, SSLRequest, GSSENCRequest, CancelRequest: documentation, 54.7. */
static enum probe startup(struct slice in)
{
	static const struct {
		uint32_t code, min, max;
	} packets[] = { { 80877103, 8, 8 }, { 80877104, 8, 8 }, { 80877102, 16, 272 } };
	struct rd r = rd_init(in);
	uint32_t len = rd_be32(&r), code = rd_be32(&r);

	if (in.n > 0 && in.p[0] != 0)
		return PROBE_NO;
	if (in.n >= 4 && (len < 8 || len > STARTUP_MAX))
		return PROBE_NO;
	if (in.n >= 6 && !(in.p[4] == 0 && in.p[5] == 3) && !(in.p[4] == 4 && in.p[5] == 210))
		return PROBE_NO;
	if (in.n < 8)
		return PROBE_MAYBE;
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		if (code == packets[i].code)
			return len >= packets[i].min && len <= packets[i].max ? PROBE_YES
									      : PROBE_NO;
	if (code >> 16 != 3 || (code & 0xffff) > 99)
		return PROBE_NO;
	/* A name follows, or the end of the list. */
	if (in.n < 9)
		return PROBE_MAYBE;
	return in.p[8] == 0 || (in.p[8] >= 'A' && in.p[8] <= 'z') ? PROBE_YES : PROBE_NO;
}

enum probe pg_probe(enum side side, struct slice head)
{
	size_t total;

	if (head.n == 0)
		return PROBE_MAYBE;
	if (side == SIDE_REQ && head.p[0] == 0)
		return startup(head);
	return starts(side, head, &total);
}

size_t pg_next_start(enum side side, struct slice in, size_t from)
{
	size_t total;

	for (; from < in.n; from++) {
		struct slice rest = slice_cut(in, from, in.n);

		if (!pg_type_known(side, rest.p[0]) || (rest.n > 1 && rest.p[1] != 0))
			continue;
		if (starts(side, rest, &total) != PROBE_NO)
			break;
	}
	return from;
}
