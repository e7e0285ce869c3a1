/* SPDX-License-Identifier: Apache-2.0 */
/* What the start of a message looks like, from outside: for detection, and for the search after a loss.
 *
 * A client's packet 0 whose first byte is a command, with what that command demands behind it; a server's packet 1 that is an
 * OK, an ERR, or a number of columns that a definition (whose catalogue is always "def") follows. */
#include "proto/mysql.h"
#include "proto/mysql_zip.h"

#define WORD_MAX 12
#define LOOK	 64 /* bytes that decide */

struct head {
	uint32_t len;
	uint8_t seq;
	struct slice p; /* of the payload, what is here */
};

/* False: not all of the header is here. */
static bool head_of(struct slice in, struct head *ret)
{
	struct rd r = rd_init(in);

	ret->len = (uint32_t)rd_le(&r, 3);
	ret->seq = rd_u8(&r);
	ret->p = r.short_read ? (struct slice){ 0 } : slice_cut(in, 4, 4 + (size_t)ret->len);
	return !r.short_read;
}

static bool printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 && s.p[i] != '\n' && s.p[i] != '\r' && s.p[i] != '\t')
			return false;
	return true;
}

/* --- the beginning of a connection --- */

bool my_is_greeting(struct slice p)
{
	struct rd r = rd_init(p);
	uint8_t version = rd_u8(&r);
	struct slice name = my_cstr(&r);

	if (version != 10 || name.n == 0 || name.n > 60 || !printable(name))
		return false;
	(void)rd_bytes(&r, 4 + 8);
	return name.p[0] >= '0' && name.p[0] <= '9' && rd_u8(&r) == 0 && !r.short_read &&
	       rd_left(&r) >= 2;
}

bool my_is_login(struct slice p)
{
	struct rd r = rd_init(p);
	uint32_t caps = rd_le32(&r), max = rd_le32(&r);
	struct slice zero;

	(void)rd_u8(&r);
	zero = rd_bytes(&r, 19);
	for (size_t i = 0; i < zero.n; i++)
		if (zero.p[i])
			return false;
	return !r.short_read && (caps & MY_PROTOCOL_41) && (caps & MY_SECURE) &&
	       (max == 0 || max >= 1024);
}

static enum probe probe_server(const struct head *h)
{
	unsigned code;
	struct slice state, text;

	if (h->seq != 0 || h->len < 5 || h->len > 1024)
		return PROBE_NO;
	if (h->p.n > 0 && h->p.p[0] != 10 && h->p.p[0] != 0xff)
		return PROBE_NO;
	if (h->p.n < h->len && h->p.n < 100)
		return PROBE_MAYBE;
	if (my_is_greeting(h->p))
		return PROBE_YES;
	/* Too many connections, a host that is not welcome: in place of a greeting. */
	if (h->p.n == h->len && my_err_read(h->p, &code, &state, &text) && code >= 1000 &&
	    code < 5000 && text.n > 10 && printable(text))
		return PROBE_YES;
	return PROBE_NO;
}

/* --- commands --- */

static const char *const words[] = {
	"SELECT",  "INSERT", "UPDATE",	 "DELETE",  "SET",	  "SHOW",      "BEGIN",
	"START",   "COMMIT", "ROLLBACK", "CREATE",  "ALTER",	  "DROP",      "TRUNCATE",
	"USE",	   "CALL",   "REPLACE",	 "WITH",    "LOAD",	  "DESC",      "DESCRIBE",
	"EXPLAIN", "LOCK",   "UNLOCK",	 "GRANT",   "REVOKE",	  "ANALYZE",   "OPTIMIZE",
	"FLUSH",   "KILL",   "PREPARE",	 "EXECUTE", "DEALLOCATE", "SAVEPOINT", "RELEASE",
	"XA",	   "DO",     "HANDLER",	 "RENAME",  "CHECK",	  "VALUES",    "TABLE",
};

/* Does a statement begin so? */
static enum probe statement(struct slice s)
{
	char word[WORD_MAX + 1] = "";
	size_t i = 0, n = 0;

	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r' ||
			   s.p[i] == '('))
		i++;
	for (; i < s.n && n < WORD_MAX; i++) {
		uint8_t c = s.p[i] & 0xdf;

		if (c < 'A' || c > 'Z')
			break;
		word[n++] = (char)c;
	}
	if (i + 1 < s.n && n == 0 && (s.p[i] == '/' || s.p[i] == '-' || s.p[i] == '#'))
		return s.p[i + 1] == '*' || s.p[i + 1] == '-' || s.p[i] == '#' ? PROBE_YES
									       : PROBE_NO;
	if (n == 0)
		return i < s.n ? PROBE_NO : PROBE_MAYBE;
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
		if (strcmp(words[w], word) == 0)
			return PROBE_YES;
	return i == s.n ? PROBE_MAYBE : PROBE_NO;
}

static enum probe execute(const struct head *h)
{
	struct rd r = rd_init(slice_cut(h->p, 5, h->p.n));
	uint8_t flags = rd_u8(&r);
	uint32_t times = rd_le32(&r);

	if (h->p.n > 5 && flags > 0x0f)
		return PROBE_NO;
	return r.short_read ? PROBE_MAYBE : times == 1 ? PROBE_YES : PROBE_NO;
}

/* Payload of a statement: behind query attributes, if there are any. */
static enum probe query(struct slice s)
{
	if (s.n > 1 && s.p[0] == 0 && s.p[1] == 1)
		return statement(slice_cut(s, 2, s.n));
	if (s.n > 1 && s.p[0] > 0 && s.p[0] < 9 && s.p[1] == 1)
		return PROBE_YES; /* SQL has no such byte */
	return statement(s);
}

/* Commands of a fixed length; -1: any. */
static int fixed_length(uint8_t com)
{
	switch (com) {
	case MY_CLOSE:
	case MY_RESET_STMT:
		return 5;
	case MY_FETCH:
		return 9;
	case MY_QUIT:
	case MY_STATISTICS:
	case 13: /* debug */
	case 14: /* ping */
	case 31: /* reset connection */
		return 1;
	case MY_SET_OPTION:
		return 3;
	default:
		return -1;
	}
}

/* in begins with packet 0 of this command. */
static enum probe command(const struct head *h)
{
	int fixed;

	if (h->p.n == 0)
		return PROBE_MAYBE;
	switch (slice_at(h->p, 0)) {
	case MY_QUERY:
		return query(slice_cut(h->p, 1, LOOK));
	case MY_PREPARE:
		return statement(slice_cut(h->p, 1, LOOK));
	case MY_EXECUTE:
		return execute(h);
	case MY_BULK_EXECUTE:
	case MY_LONG_DATA:
		return h->len >= 7 ? PROBE_YES : PROBE_NO;
	case MY_INIT_DB:
		if (h->len > 193 || !printable(h->p.n > 1 ? slice_cut(h->p, 1, h->p.n) : h->p))
			return PROBE_NO;
		return h->p.n < h->len ? PROBE_MAYBE : h->len > 1 ? PROBE_YES : PROBE_NO;
	default:
		fixed = fixed_length(slice_at(h->p, 0));
		return fixed > 0 && (uint32_t)fixed == h->len ? PROBE_YES : PROBE_NO;
	}
}

/* --- answers --- */

static enum probe ok_or_prepared(const struct mysql *m, const struct head *h)
{
	struct my_ok ok;

	if (h->len < 7)
		return PROBE_NO;
	if (h->p.n < h->len)
		return h->len < 4096 ? PROBE_MAYBE : PROBE_NO;
	if (h->len == 12 && slice_at(h->p, 9) == 0)
		return PROBE_YES;
	return my_ok_read(m, h->p, &ok) && ok.warnings < 1000 && my_ok_likely(&ok) ? PROBE_YES
										   : PROBE_NO;
}

static enum probe columns(struct slice in, const struct head *h)
{
	struct rd r = rd_init(slice_cut(h->p, 0, 4));
	uint64_t n;
	struct head next;

	if (h->len > 4)
		return PROBE_NO;
	if (h->p.n < h->len)
		return PROBE_MAYBE;
	n = my_lenenc(&r);
	if (r.short_read || n == 0 || n > MY_COLS || rd_left(&r) > 1)
		return PROBE_NO;
	in = slice_cut(in, 4 + (size_t)h->len, in.n);
	if (!head_of(in, &next))
		return PROBE_MAYBE;
	if (next.seq != 2 || next.len < 5)
		return PROBE_NO;
	if (next.p.n < 4)
		return PROBE_MAYBE;
	if (memcmp(next.p.p, "\3def", 4) == 0)
		return PROBE_YES;
	/* Without definitions (they are cached) a row or an end follows: not sure enough. */
	return PROBE_NO;
}

static enum probe answer(const struct mysql *m, struct slice in, const struct head *h)
{
	struct slice state, text;
	unsigned code;

	if (h->seq != 1 || h->len == 0)
		return PROBE_NO;
	if (h->p.n == 0)
		return PROBE_MAYBE;
	switch (slice_at(h->p, 0)) {
	case 0x00:
		return ok_or_prepared(m, h);
	case 0xff:
		if (h->len < 9 || h->len > 2048)
			return PROBE_NO;
		if (h->p.n < 9)
			return PROBE_MAYBE;
		return my_err_read(h->p, &code, &state, &text) && state.n == 5 ? PROBE_YES
									       : PROBE_NO;
	case 0xfe:
		return h->len == 5 ? PROBE_YES : PROBE_NO;
	case 0xfb:
		if (h->len > 1024 || !printable(slice_cut(h->p, 1, h->p.n)))
			return PROBE_NO;
		return h->len > 1 && h->p.n == h->len ? PROBE_YES : PROBE_MAYBE;
	case 'U':
		if (h->p.n < 8)
			return PROBE_MAYBE;
		return slice_starts(h->p, SLICE_LIT("Uptime: ")) ? PROBE_YES : PROBE_NO;
	default:
		return columns(in, h);
	}
}

/* --- both --- */

/* Behind a command comes the next one, if anything. */
static bool goes_on(struct slice in, const struct head *h)
{
	struct slice rest = slice_cut(in, 4 + (size_t)h->len, in.n);
	struct head next;

	if (rest.n == 0 || in.n < 4 + (size_t)h->len)
		return true;
	if (h->len == 1)
		return false; /* so short a one has no proof but its end */
	if (!head_of(rest, &next))
		return slice_at(rest, 0) != 0 || rest.n > 1; /* few packets are a multiple of 256 */
	return next.seq == 0 && next.len > 0;
}

enum probe my_starts(const struct mysql *m, enum side side, struct slice in)
{
	struct head h;

	if (!head_of(in, &h)) {
		if (in.n >= 1 && side == SIDE_RESP && in.n >= 4)
			return PROBE_NO;
		return PROBE_MAYBE;
	}
	if (side == SIDE_RESP)
		return answer(m, in, &h);
	if (!m->zipped && my_zip_likely(in))
		return PROBE_YES;
	if (!m->zipped && my_zip_maybe(in))
		return PROBE_MAYBE;
	return h.seq == 0 && h.len > 0 && goes_on(in, &h) ? command(&h) : PROBE_NO;
}

size_t my_next_start(const struct mysql *m, enum side side, struct slice in, size_t from)
{
	for (; from < in.n; from++)
		if (my_starts(m, side, slice_cut(in, from, in.n)) != PROBE_NO)
			return from;
	return in.n;
}

enum probe my_probe(enum side side, struct slice in)
{
	struct mysql blank = { 0 };
	struct head h;
	enum probe p;

	if (!head_of(in, &h))
		return in.n == 0 || (in.n < 4 && in.p[0] > 0) ? PROBE_MAYBE : PROBE_NO;
	if (side == SIDE_RESP) {
		p = probe_server(&h);
		if (p == PROBE_NO && h.seq == 1 && h.p.n > 0 && h.p.p[0] != 0xfe &&
		    (h.p.p[0] || h.len == 7))
			p = answer(&blank, in, &h);
		return p;
	}
	if (h.seq >= 1 && h.seq <= 3) {
		if (h.len < 32 || h.len > 65535)
			return PROBE_NO;
		return h.p.n < 32 ? PROBE_MAYBE : my_is_login(h.p) ? PROBE_YES : PROBE_NO;
	}
	if (my_zip_likely(in)) /* as it is, it begins with a packet */
		return in.p[4] || in.p[5] || in.p[6] ? PROBE_LIKELY
						     : my_probe(side, slice_cut(in, 7, in.n));
	if (my_zip_maybe(in))
		return PROBE_MAYBE;
	if (h.seq != 0 || h.len == 0 || h.p.n == 0)
		return h.seq == 0 && h.len > 0 ? PROBE_MAYBE : PROBE_NO;
	switch (h.p.p[0]) { /* what says too little is no reason */
	case MY_QUERY:
	case MY_PREPARE:
		return h.len > 3 ? command(&h) : PROBE_NO;
	case MY_EXECUTE:
		return h.len >= 10 ? command(&h) : PROBE_NO;
	default:
		return PROBE_NO;
	}
}
