/* SPDX-License-Identifier: Apache-2.0 */
/* Redis and Valkey: RESP, versions 2 and 3 (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 *
 * A message is a command (an array of bulk strings, or a line of words) or a value of the server.  Values answer commands
 * in order, but for those that CLIENT REPLY silences, and but for what belongs to a conversation: what comes
 * after SUBSCRIBE (in RESP2 arrays that begin with "message" and the like, in RESP3 pushes), MONITOR (lines with a time), and
 * PSYNC (a snapshot, then the server's own commands).  So the parser remembers the kinds of commands that wait,
 * as runs, for pipelines may be long.
 *
 *   redis_resp.c  values, piece by piece      redis_json.c  ... as JSON      redis_text.c  inline commands, the probe
 *   redis_cmd.c   commands, keys, secrets     redis_msg.c   what values mean
 */
#include "proto/redis_conn.h"

#include <stdlib.h>

/* --- the server's values --- */

static bool hides_reply(const struct resp *r, struct slice v)
{
	struct redis *s = r->ctx;
	enum redis_kind kind = redis_asked(s);
	bool secret = s->secret_next ||
		      ((kind == REDIS_ACL || kind == REDIS_EXEC || s->unsure) && redis_has_hash(v));

	s->secret_next = redis_is_secret_setting(v);
	return secret;
}

static void redis_init(void *state, const struct proto_limits *limits)
{
	struct redis *s = state;

	s->limits = limits;
	for (int i = 0; i < 2; i++) {
		s->resp[i].limits = limits;
		s->resp[i].unread = limits->unread_bodies;
	}
	s->resp[SIDE_REQ].commands = true;
	s->resp[SIDE_REQ].hide = redis_hides;
	s->resp[SIDE_RESP].hide = hides_reply;
	s->resp[SIDE_RESP].ctx = s;
}

static struct parse more(struct slice in)
{
	return (struct parse){ .kind = PARSE_MORE, .need = in.n + 1 };
}

static struct parse skip(size_t n, bool between)
{
	return (struct parse){ .kind = PARSE_SKIP, .used = n, .between = between };
}

static void lose_order(struct redis *s, enum side side)
{
	s->unsure = s->astray[side] = true;
	s->after_one = false;
	s->db[0] = '\0';
	s->queued_cut |= s->multi && side == SIDE_REQ;
	if (side == SIDE_RESP)
		s->nruns = 0;
}

static struct parse bad(struct redis *s, enum side side)
{
	resp_clear(&s->resp[side]);
	lose_order(s, side);
	return (struct parse){ .kind = PARSE_BAD };
}

/* --- replication --- */

static void begin_commands(struct redis *s)
{
	struct resp *r = &s->resp[SIDE_RESP];

	s->repl = REPL_COMMANDS;
	resp_clear(r);
	r->commands = true;
	r->hide = redis_hides;
}

/* "$181\r\n" or "$EOF:<40 bytes>\r\n"; the server may send empty lines while it makes the snapshot. */
static struct parse snapshot_head(struct redis *s, struct slice in)
{
	struct rd rd = rd_init(in);
	struct slice line;

	if (in.p[0] == '\n')
		return skip(1, true);
	line = rd_line(&rd);
	if (rd.short_read)
		return in.n > 64 ? bad(s, SIDE_RESP) : more(in);
	if (line.n == 45 && slice_starts(line, SLICE_LIT("$EOF:"))) {
		memcpy(s->mark, line.p + 5, sizeof(s->mark));
		s->repl = REPL_RDB_MARK;
	} else {
		if (line.n < 2 || line.n > 16 || line.p[0] != '$')
			return bad(s, SIDE_RESP);
		s->rdb_left = 0;
		for (size_t i = 1; i < line.n; i++) {
			if (line.p[i] < '0' || line.p[i] > '9')
				return bad(s, SIDE_RESP);
			s->rdb_left = s->rdb_left * 10 + (uint64_t)(line.p[i] - '0');
		}
		s->repl = REPL_RDB;
	}
	s->rdb_len = 0;
	return skip((size_t)(rd.p - in.p), false);
}

static struct parse snapshot_over(struct redis *s, size_t used, struct msg *out)
{
	redis_snapshot(s, out);
	begin_commands(s);
	return (struct parse){ .kind = PARSE_MSG, .used = used };
}

static struct parse snapshot(struct redis *s, struct slice in, struct msg *out)
{
	size_t n = s->rdb_left < in.n ? (size_t)s->rdb_left : in.n;

	s->rdb_left -= n;
	s->rdb_len += n;
	return s->rdb_left ? skip(n, false) : snapshot_over(s, n, out);
}

static struct parse snapshot_to_mark(struct redis *s, struct slice in, struct msg *out)
{
	struct slice mark = { s->mark, sizeof(s->mark) };
	size_t at = slice_find(in, mark, 0);

	if (at < in.n) {
		s->rdb_len += at;
		return snapshot_over(s, at + mark.n, out);
	}
	if (in.n < mark.n)
		return more(in);
	s->rdb_len += in.n - mark.n + 1;
	return skip(in.n - mark.n + 1, false);
}

/* SYNC has no answer but the snapshot itself. */
static bool begins_snapshot(const struct redis *s, struct slice in)
{
	return s->stream && s->stream_kind == REDIS_SYNC && redis_asked(s) == REDIS_SYNC && in.p[0] == '$' &&
	       !s->resp[SIDE_RESP].begun;
}

/* --- parse --- */

static struct parse value(struct redis *s, enum side side, struct slice in, struct msg *out)
{
	struct resp *r = &s->resp[side];
	size_t used = 0, blank = 0;

	/* A master that is asked for a snapshot says so with empty lines until it has one. */
	if (!r->begun && (r->commands || (s->stream && s->stream_kind == REDIS_SYNC)))
		while (blank < in.n && (in.p[blank] == '\r' || in.p[blank] == '\n'))
			blank++;
	if (blank)
		return skip(blank, true);
	if (!r->commands && !r->begun && s->astray[side] && resp_probe(in, false) == PROBE_NO)
		return bad(s, side);
	/* Not every line is a command, and after a loss none is. */
	if (r->commands && !r->begun && in.p[0] != '*' && (s->astray[side] || resp_probe(in, true) == PROBE_NO))
		return bad(s, side);
	switch (resp_feed(r, in, &used)) {
	case RESP_BAD:
		return bad(s, side);
	case RESP_MORE:
		return used ? skip(used, false) : more(in);
	case RESP_DONE:
		break;
	}
	if (r->commands && r->nwords == 0) { /* "*0" */
		resp_clear(r);
		return skip(used, true);
	}
	s->astray[side] = false;
	if (side == SIDE_REQ)
		redis_request(s, false, out);
	else if (s->repl == REPL_COMMANDS)
		redis_replicated(s, out);
	else
		redis_reply(s, false, out);
	return (struct parse){ .kind = PARSE_MSG, .used = used };
}

static struct parse redis_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct redis *s = state;

	if (in.n == 0)
		return more(in);
	if (side == SIDE_RESP && begins_snapshot(s, in)) {
		s->repl = REPL_HEAD;
		(void)redis_answered(s); /* it is a message of the conversation */
	}
	if (side == SIDE_REQ)
		return value(s, side, in, out);
	switch (s->repl) {
	case REPL_HEAD:
		return snapshot_head(s, in);
	case REPL_RDB:
		return snapshot(s, in, out);
	case REPL_RDB_MARK:
		return snapshot_to_mark(s, in, out);
	case REPL_COMMANDS:
		if (!s->resp[SIDE_RESP].commands)
			begin_commands(s);
		break;
	case REPL_NONE:
		break;
	}
	return value(s, side, in, out);
}

/* --- losses and ends --- */

static bool plausible(struct slice in, size_t i, bool commands)
{
	struct slice rest = slice_cut(in, i, in.n);
	enum probe p;

	if (commands && rest.p[0] != '*')
		return false;
	if (!commands && i > 0 && (i < 2 || in.p[i - 1] != '\n' || in.p[i - 2] != '\r'))
		return false;
	p = resp_probe(rest, commands);
	return p == PROBE_YES || p == PROBE_MAYBE || (p == PROBE_LIKELY && !commands);
}

static size_t redis_resync(void *state, enum side side, struct slice in, size_t from)
{
	struct redis *s = state;
	struct resp *r = &s->resp[side];

	resp_clear(r);
	lose_order(s, side);
	if (side == SIDE_RESP && s->repl != REPL_NONE)
		begin_commands(s);
	for (size_t i = from; i < in.n; i++)
		if (plausible(in, i, r->commands))
			return i;
	return in.n;
}

static bool redis_lost(void *state, enum side side, uint64_t n)
{
	struct redis *s = state;

	if (side == SIDE_RESP && s->repl == REPL_RDB && n <= s->rdb_left) {
		s->rdb_left -= n;
		s->rdb_len += n;
		return true;
	}
	if (side == SIDE_RESP && s->repl == REPL_RDB_MARK) {
		s->rdb_len += n;
		s->rdb_gap = true; /* the mark may have been in it */
		return true;
	}
	if (resp_lost(&s->resp[side], n))
		return true;
	lose_order(s, side);
	return false;
}

static uint64_t redis_unkept(const void *state, enum side side)
{
	const struct redis *s = state;

	if (side == SIDE_RESP && s->repl == REPL_RDB)
		return s->rdb_left;
	return resp_unkept(&s->resp[side]);
}

/* What broke off is worth a message: it can be named. */
static bool has_name(const struct redis *s, enum side side)
{
	const struct resp *r = &s->resp[side];
	struct redis_cmd cmd;

	if (!r->begun || (r->at == RESP_AT_VALUE && r->depth == 0))
		return false;
	if (side == SIDE_RESP)
		return s->repl == REPL_NONE && !strchr("+-!", r->type);
	redis_cmd(r, &cmd);
	return r->nwords > 0 && cmd.whole;
}

static bool redis_end(void *state, enum side side, enum proto_end how, struct msg *out)
{
	struct redis *s = state;

	(void)how;
	if (side == SIDE_RESP && (s->repl == REPL_RDB || s->repl == REPL_RDB_MARK)) {
		redis_snapshot(s, out);
		begin_commands(s);
		return true;
	}
	if (!has_name(s, side)) {
		resp_clear(&s->resp[side]);
		return false;
	}
	if (side == SIDE_REQ)
		redis_request(s, true, out);
	else
		redis_reply(s, true, out);
	return true;
}

static void redis_done(void *state)
{
	struct redis *s = state;

	resp_release(&s->resp[SIDE_REQ]);
	resp_release(&s->resp[SIDE_RESP]);
	buf_release(&s->queued);
}

static size_t redis_held(const void *state)
{
	const struct redis *s = state;

	return resp_held(&s->resp[SIDE_REQ]) + resp_held(&s->resp[SIDE_RESP]) + s->queued.cap;
}

static enum probe redis_probe(enum side side, struct slice head)
{
	return resp_probe(head, side == SIDE_REQ);
}

const struct proto proto_redis = {
	.name = "redis",
	.match = MATCH_ORDER,
	.state_size = sizeof(struct redis),
	.probe = redis_probe,
	.parse = redis_parse,
	.init = redis_init,
	.resync = redis_resync,
	.lost = redis_lost,
	.unkept = redis_unkept,
	.end = redis_end,
	.done = redis_done,
	.held = redis_held,
};
