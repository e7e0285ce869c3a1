/* SPDX-License-Identifier: Apache-2.0 */
/* MySQL and MariaDB: the client/server protocol of MySQL 4.1 and later ("MySQL Internals", chapter Client/Server Protocol;
 * MariaDB's knowledge base, "Clients & Utilities: protocol").
 *
 * A message is a command of the client, or the whole answer to it: all results of all statements in it.  Answers come in
 * the order of the commands; how one reads depends on its command, on what both sides agreed upon when they
 * connected, and on the statement that was prepared.  So the parser keeps the commands that wait, and the
 * prepared statements.  The server speaks first: its greeting is remembered, and told with the answer
 * to the client's login, which is the first request.
 *
 * Packets are fed piece by piece and kept as far as they will be shown, so that one of 16 MB needs no window; rows behind the
 * limit are counted.  Where a connection is joined in the middle, or its capabilities are not known for another reason,
 * each place that depends on them is decided by what is there (mysql_ok.c, mysql_row.c).
 *
 * Packets carry numbers: a command has 0, the first packet of its answer 1.  After a loss the next answer is found by them. */
#include "proto/mysql.h"
#include "proto/mysql_zip.h"

#include <stdlib.h>

#define ARENA_SPARE (256 * 1024)

extern const struct proto proto_mysql; /* it goes on as itself inside TLS */

bool my_has(const struct mysql *m, uint64_t cap)
{
	return (m->caps & cap) != 0;
}

bool my_begin(struct mysql *m, struct msg *out, enum side side, enum role role)
{
	size_t max = 4 * m->limits->body_bytes + m->limits->decoded_bytes + ARENA_SPARE;

	*out = (struct msg){ .role = role, .arena = arena_new(max) };
	if (!out->arena || m->lost_memory)
		out->flags |= FLOW_TRUNCATED;
	if (m->after_gap[side])
		out->flags |= FLOW_AFTER_GAP;
	if (!m->caps_known)
		out->flags |= FLOW_MIDSTREAM;
	m->after_gap[side] = m->lost_memory = false;
	return out->arena != NULL;
}

void my_cmd_release(struct my_cmd *c)
{
	free(c->text);
	*c = (struct my_cmd){ 0 };
}

void my_ask(struct mysql *m, struct my_cmd cmd)
{
	bool deaf =
		m->in[SIDE_RESP]
			.astray; /* earlier answers were lost: one who waits for them asks now */

	while (m->nqueue > (deaf ? 0 : MY_QUEUE - 1)) { /* or nobody answers */
		my_cmd_release(&m->queue[m->first]);
		m->first = (m->first + 1) % MY_QUEUE;
		m->nqueue--;
	}
	cmd.next = (uint8_t)(m->in[SIDE_REQ].seq + 1); /* not 1 behind a command over 16 MB */
	m->queue[(m->first + m->nqueue++) % MY_QUEUE] = cmd;
}

bool my_authenticates(const struct mysql *m)
{
	uint16_t com = m->ans.at != MY_AT_IDLE ? m->ans.cmd.com
		       : m->nqueue	       ? m->queue[m->first].com
					       : 0;

	return com == MY_CONNECT || com == MY_CHANGE_USER;
}

void my_zipped(struct mysql *m)
{
	for (int i = 0; i < 2; i++) {
		if (!m->zip[i])
			m->zip[i] = my_zip_new();
		m->lost_memory |= !m->zip[i];
	}
	m->zipped = true;
}

/* --- packet headers --- */

/* The first packet of an answer is numbered behind the last of its command: mostly 1; of a login and of a file, that
 * depends on what was said before. */
static bool first_of_answer(const struct mysql *m, uint8_t seq)
{
	uint16_t com = m->nqueue ? m->queue[m->first].com : 0;

	if (com == MY_CONNECT || com == MY_CHANGE_USER || com == MY_INFILE)
		return true;
	return seq == 1 || (m->nqueue ? seq == m->queue[m->first].next : seq == 0) ||
	       (m->maybe_eof && seq == (uint8_t)(m->server_seq + 1));
}

static bool server_header(struct mysql *m, struct my_reader *r)
{
	uint8_t next = (uint8_t)(m->server_seq + 1);

	if (r->joined || m->zipped) {
		m->server_seq = r->seq;
		return true;
	}
	if (m->ans.at == MY_AT_IDLE || my_authenticates(m)) {
		if (!first_of_answer(m, r->seq) && m->ans.at == MY_AT_IDLE)
			return false;
	} else if (r->seq != next) {
		if (r->seq != 1)
			return false;
		r->broken = true; /* it was no such answer: the next one begins */
	}
	m->server_seq = r->seq;
	return true;
}

static bool client_header(const struct mysql *m, const struct my_reader *r)
{
	if (r->joined || m->zipped || m->infile.on)
		return true;
	if (my_authenticates(m) && r->seq > 0)
		return r->left < 65536;
	if (!m->asked && r->seq >= 1 && r->seq <= 3)
		return r->left >= 32 && r->left < 65536; /* the login */
	return r->seq == 0 && r->left > 0;
}

static bool take_header(struct mysql *m, enum side side)
{
	struct my_reader *r = &m->in[side];

	if (side == SIDE_RESP) {
		r->cap = my_answer_room(m);
		return server_header(m, r);
	}
	r->cap = m->limits->body_bytes + 4096;
	return client_header(m, r);
}

/* --- packets --- */

/* Statements, files, values and rows may end early or have a hole; nothing that says how others are read, and no name. */
static bool may_be_cut(const struct mysql *m, enum side side)
{
	const struct my_reader *r = &m->in[side];
	uint8_t com = r->kept.n ? r->kept.p[0] : 0;

	if (side == SIDE_RESP)
		return m->ans.at == MY_AT_ROWS;
	if (m->infile.on)
		return true;
	if (com == MY_QUERY && my_has(m, MY_QUERY_ATTRS) && (r->kept.n < 3 || r->kept.p[1] > 0))
		return false; /* attributes come first */
	return (m->zipped ? !my_authenticates(m) : r->first_seq == 0) &&
	       (com == MY_QUERY || com == MY_PREPARE || com == MY_EXECUTE || com == MY_LONG_DATA ||
		com == MY_BULK_EXECUTE);
}

static bool unfinished(struct mysql *m, enum side side, struct msg *out)
{
	struct my_reader *r = &m->in[side];
	bool gap = m->after_gap[side], some = false;

	r->broken = false;
	if (side == SIDE_RESP) {
		some = my_answer_cut(m, out);
	} else if (m->infile.on) {
		some = my_infile_end(m, out);
	} else if (r->nhead == 4 && may_be_cut(m, side)) {
		some = my_client_packet(m, buf_slice(&r->kept), r->len + r->left, FLOW_TRUNCATED,
					out);
	}
	if (side == SIDE_REQ)
		my_packet_next(r);
	if (some)
		out->cut = true;
	m->after_gap[side] = gap; /* what follows is the first after the loss, too */
	return some;
}

static bool packet(struct mysql *m, enum side side, struct slice p, struct msg *out)
{
	struct my_reader *r = &m->in[side];
	bool whole = p.n == r->len && !r->hole;
	unsigned flags = whole ? 0 : r->hole && !r->spare ? FLOW_AFTER_GAP : FLOW_TRUNCATED;

	if (r->kept.failed)
		flags |= FLOW_TRUNCATED;
	if (side == SIDE_REQ)
		return my_client_packet(m, p, r->len, flags, out);
	m->ans.flags |= m->ans.at == MY_AT_ROWS ? flags : 0;
	return my_server_packet(m, p, r->len, whole, out);
}

enum fed { FED_MORE, FED_WAIT, FED_MSG, FED_BAD, FED_BETWEEN, FED_ZIPPED };

/* At a place where a packet may start: after a loss it has to look like one. */
static enum fed find_start(struct mysql *m, enum side side, struct slice in, size_t *used)
{
	size_t skip;

	if (my_starts(m, side, in) == PROBE_YES) {
		m->in[side].astray = false;
		return FED_MORE;
	}
	skip = my_next_start(m, side, in, 0);
	if (skip == 0)
		return FED_WAIT;
	*used = skip;
	return FED_BETWEEN;
}

/* The compressed protocol is spoken, as its frames show where the login's answer was not seen. */
static bool turns_out_zipped(struct mysql *m, enum side side, struct slice in)
{
	if (side == SIDE_RESP || m->zipped || !my_zip_likely(in) ||
	    (m->caps_known && !my_has(m, MY_COMPRESS | MY_ZSTD)))
		return false;
	my_zipped(m);
	m->in[SIDE_REQ].astray = false;
	if (m->zip[SIDE_RESP])
		my_zip_search(m->zip[SIDE_RESP], 1);
	my_packet_next(&m->in[SIDE_RESP]);
	m->in[SIDE_RESP].astray = true;
	my_answer_release(&m->ans);
	for (; m->nqueue > 0; m->nqueue--, m->first = (m->first + 1) % MY_QUEUE)
		my_cmd_release(&m->queue[m->first]);
	return m->zip[SIDE_REQ] != NULL;
}

/* Packets until one of them ends a message. */
static enum fed feed(struct mysql *m, enum side side, struct slice in, size_t *ret_used,
		     struct msg *out)
{
	struct my_reader *r = &m->in[side];
	size_t pos = 0, used = 0;
	struct slice p;
	bool got;

	*ret_used = 0;
	for (;;) {
		struct slice rest = slice_cut(in, pos, in.n);

		if (r->broken && unfinished(m, side, out)) {
			*ret_used = pos;
			return FED_MSG;
		}
		if (!m->zipped && r->nhead == 0 && !r->joined && turns_out_zipped(m, side, rest)) {
			*ret_used = pos;
			return FED_ZIPPED;
		}
		/* A command, or a frame?  A byte behind the header tells, or a few more. */
		if (!m->zipped && !m->caps_known && side == SIDE_REQ && r->nhead == 0 &&
		    !r->joined && rest.n > 0 && (rest.n < 5 || my_zip_maybe(rest))) {
			*ret_used = pos;
			return FED_WAIT;
		}
		if (r->astray && r->nhead == 0 && rest.n > 0) {
			enum fed f = find_start(m, side, rest, &used);

			*ret_used = pos + used;
			if (f != FED_MORE)
				return f;
		}
		switch (my_packet_take(r, rest, &used, &p)) {
		case MY_TAKE_MORE:
			pos += used;
			*ret_used = pos;
			if (pos < in.n)
				continue; /* of a packet that is joined with the next */
			return FED_MORE;
		case MY_TAKE_HEAD:
			pos += used;
			if (!take_header(m, side)) {
				*ret_used = pos;
				return FED_BAD;
			}
			continue;
		case MY_TAKE_WHOLE:
			break;
		}
		pos += used;
		got = packet(m, side, p, out);
		my_packet_next(r);
		*ret_used = pos;
		if (got)
			return FED_MSG;
		if (m->tls || (side == SIDE_RESP ? m->ans.at == MY_AT_IDLE : !m->infile.on))
			return FED_BETWEEN;
	}
}

/* --- the compressed protocol --- */

static enum fed feed_zipped(struct mysql *m, enum side side, struct slice in, size_t *ret_used,
			    struct msg *out)
{
	struct my_reader *r = &m->in[side];
	struct my_zip *z = m->zip[side];
	size_t pos = 0, used, taken;
	struct slice plain = { 0 };
	unsigned idle = 0;

	*ret_used = 0;
	if (r->broken && unfinished(m, side, out))
		return FED_MSG;
	for (;;) {
		enum my_zip_take t = my_zip_take(z, slice_cut(in, pos, in.n), &used, &plain);
		enum fed f;

		pos += used;
		*ret_used = pos;
		if (my_zip_found(z))
			r->astray = false;
		if (t == MY_ZIP_MORE && (pos == in.n || (used == 0 && idle++)))
			return FED_MORE;
		if (t == MY_ZIP_MORE)
			continue;
		idle = 0;
		if (t == MY_ZIP_BAD || t == MY_ZIP_NOMEM) {
			m->lost_memory |= t == MY_ZIP_NOMEM;
			return FED_BAD;
		}
		f = feed(m, side, plain, &taken, out);
		my_zip_used(z, taken);
		if (t == MY_ZIP_DATA)
			*ret_used = pos += taken;
		if (f == FED_MSG || f == FED_BAD)
			return f;
		if (taken == 0)
			return FED_BAD;
	}
}

/* A parser is asked again when there are bytes: as long as unpacked ones wait, the last byte they came of is held back. */
static enum fed zipped(struct mysql *m, enum side side, struct slice in, size_t *ret_used,
		       struct msg *out)
{
	bool had = m->held_back[side] && in.n > 0;
	enum fed f = feed_zipped(m, side, slice_cut(in, had, in.n), ret_used, out);

	m->held_back[side] &= !had;
	*ret_used += had;
	/* Behind a message its frame may go on, with a checksum for instance. */
	if (f == FED_MORE && m->in[side].nhead == 0 &&
	    (side == SIDE_RESP ? m->ans.at == MY_AT_IDLE : !m->infile.on))
		f = FED_BETWEEN;
	if (f == FED_MSG && *ret_used > 0 && my_zip_waits(m->zip[side])) {
		m->held_back[side] = true;
		--*ret_used;
	}
	return f;
}

/* --- the protocol --- */

/* The frame is lost: what was begun in this direction is given up, with the next call. */
static void go_astray(struct mysql *m, enum side side)
{
	struct my_reader *r = &m->in[side];

	if (side == SIDE_RESP)
		my_packet_next(r);
	else if (!m->asked && r->nhead == 4 && r->first_seq > 0)
		my_login_caps(m, buf_slice(&r->kept));
	r->broken = r->astray = true;
	if (m->zip[side])
		my_zip_search(m->zip[side], side == SIDE_RESP);
	m->held_back[side] = false;
	m->asked = true;
	/* Which of the commands that wait were answered in the lost bytes, is not known: their answers are guessed at. */
	for (; side == SIDE_RESP && m->nqueue > 0; m->nqueue--) {
		my_cmd_release(&m->queue[m->first]);
		m->first = (m->first + 1) % MY_QUEUE;
	}
}

static struct parse mysql_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct mysql *m = state;
	struct parse r = { .kind = PARSE_SKIP };
	enum fed f =
		m->zip[side] ? zipped(m, side, in, &r.used, out) : feed(m, side, in, &r.used, out);

	if (f == FED_ZIPPED && r.used == 0)
		f = zipped(m, side, in, &r.used, out);
	switch (f) {
	case FED_MSG:
		r.kind = PARSE_MSG;
		return r;
	case FED_BAD:
		go_astray(m, side);
		r.kind = PARSE_BAD;
		r.used = 0;
		return r;
	case FED_BETWEEN:
	case FED_ZIPPED:
		r.between = true;
		break;
	case FED_MORE:
	case FED_WAIT:
		break;
	}
	if (m->tls) {
		r.kind = PARSE_STOP;
		r.inside = &proto_mysql; /* the login comes again there, whole */
	} else if (r.used == 0) {
		r = (struct parse){ .kind = PARSE_MORE, .need = in.n + 1 };
	}
	return r;
}

/* What the greeting said, which was sent before TLS began. */
static void mysql_inherit(void *state, const struct proto *from, void *from_state)
{
	struct mysql *m = state;
	const struct mysql *f = from_state;

	if (from != &proto_mysql)
		return;
	m->greeted = f->greeted;
	m->server_caps = f->server_caps;
	m->thread = f->thread;
	memcpy(m->version, f->version, sizeof(m->version));
	memcpy(m->plugin, f->plugin, sizeof(m->plugin));
}

static void mysql_init(void *state, const struct proto_limits *limits)
{
	struct mysql *m = state;

	m->limits = limits;
}

static bool mysql_end(void *state, enum side side, enum proto_end how, struct msg *out)
{
	struct mysql *m = state;

	(void)how; /* nothing lasts until the end */
	return unfinished(m, side, out);
}

static size_t mysql_resync(void *state, enum side side, struct slice in, size_t from)
{
	struct mysql *m = state;

	if (!m->in[side].astray)
		go_astray(m, side);
	if (m->zip[side])
		return my_zip_next(in, from, side == SIDE_RESP);
	return my_next_start(m, side, in, from);
}

static bool mysql_lost(void *state, enum side side, uint64_t n)
{
	struct mysql *m = state;

	if (!m->zip[side] && may_be_cut(m, side) && my_packet_lost(&m->in[side], n))
		return true;
	m->after_gap[side] = true;
	go_astray(m, side);
	return false;
}

static uint64_t mysql_unkept(const void *state, enum side side)
{
	const struct mysql *m = state;

	if (m->zip[side] || (side == SIDE_RESP && m->ans.at != MY_AT_ROWS))
		return 0;
	return my_packet_unkept(&m->in[side]);
}

static void mysql_done(void *state)
{
	struct mysql *m = state;

	for (int i = 0; i < 2; i++) {
		buf_release(&m->in[i].kept);
		my_zip_free(m->zip[i]);
	}
	for (; m->nqueue > 0; m->nqueue--, m->first = (m->first + 1) % MY_QUEUE)
		my_cmd_release(&m->queue[m->first]);
	my_answer_release(&m->ans);
	my_stmt_drop_all(m);
	free(m->infile.name);
	buf_release(&m->infile.body);
}

static size_t mysql_held(const void *state)
{
	const struct mysql *m = state;
	const struct my_answer *a = &m->ans;
	size_t n = m->stmts_bytes + m->infile.body.cap;

	for (int i = 0; i < 2; i++)
		n += m->in[i].kept.cap + (m->zip[i] ? my_zip_held(m->zip[i]) : 0);
	n += a->cols_cap * sizeof(*a->cols) + a->names.text.cap + a->types.text.cap;
	n += a->first_names.text.cap + a->first_types.text.cap;
	n += a->rows.text.cap + a->results.cap + a->attrs.cap;
	for (unsigned i = 0; i < m->nqueue; i++)
		n += m->queue[(m->first + i) % MY_QUEUE].text_n;
	return n;
}

const struct proto proto_mysql = {
	.name = "mysql",
	.match = MATCH_ORDER,
	.state_size = sizeof(struct mysql),
	.probe = my_probe,
	.parse = mysql_parse,
	.init = mysql_init,
	.inherit = mysql_inherit,
	.resync = mysql_resync,
	.lost = mysql_lost,
	.unkept = mysql_unkept,
	.end = mysql_end,
	.done = mysql_done,
	.held = mysql_held,
};
