/* SPDX-License-Identifier: Apache-2.0 */
/* Which command, which answer: what the values of a connection mean. */
#include "proto/redis_conn.h"

#define ARENA_BYTES 65536
#define TEXT_MAX    4096 /* of a target, status, reason */

/* --- requests that wait for their answer --- */

static void asked(struct redis *s, enum redis_kind kind)
{
	unsigned last = (s->first + s->nruns - 1) % REDIS_RUNS;

	if (s->unsure && !s->after_one)
		return;
	s->unsure = s->after_one = false;
	if (s->nruns > 0 && s->runs[last].kind == kind && s->runs[last].n < UINT32_MAX) {
		s->runs[last].n++;
		return;
	}
	if (s->nruns == REDIS_RUNS) { /* one that is nothing special to answers */
		s->runs[last].n++;
		return;
	}
	last = (s->first + s->nruns++) % REDIS_RUNS;
	s->runs[last].kind = kind;
	s->runs[last].n = 1;
}

enum redis_kind redis_asked(const struct redis *s)
{
	return s->nruns ? s->runs[s->first].kind : REDIS_PLAIN;
}

enum redis_kind redis_answered(struct redis *s)
{
	enum redis_kind kind = redis_asked(s);

	if (!s->nruns) {
		s->after_one = s->unsure;
	} else if (--s->runs[s->first].n == 0) {
		s->first = (s->first + 1) % REDIS_RUNS;
		s->nruns--;
	}
	return kind;
}

/* --- text --- */

/* For a column: what is no text is written as \xNN. */
static const char *printable(struct arena *a, struct slice v)
{
	static const char hex[] = "0123456789abcdef";
	char *to;
	size_t n = 0;

	v = slice_cut(v, 0, TEXT_MAX);
	if (!a)
		return NULL;
	while (n < v.n && v.p[n] >= ' ' && v.p[n] < 127)
		n++;
	if (n == v.n) /* as almost always */
		return arena_str(a, v);
	n = 0;
	to = arena_alloc(a, v.n * 4 + 1);
	for (size_t i = 0; to && i < v.n;) {
		size_t len = utf8_len(slice_cut(v, i, v.n));

		if (len == 0 || v.p[i] < ' ' || v.p[i] == 127) {
			to[n] = '\\';
			to[n + 1] = 'x';
			to[n + 2] = hex[v.p[i] >> 4];
			to[n + 3] = hex[v.p[i] & 15];
			n += 4;
			i++;
			continue;
		}
		memcpy(to + n, v.p + i, len);
		n += len;
		i += len;
	}
	return to;
}

static void begin(struct redis *s, struct resp *r, bool cut, struct msg *out)
{
	resp_close(r);
	out->arena = arena_new(ARENA_BYTES + s->limits->decoded_bytes + REDIS_QUEUED);
	out->cut = cut;
	if (r->cut || r->text.failed || r->words.failed || r->notes.failed || !out->arena)
		out->flags |= FLOW_TRUNCATED;
	if (r->gap)
		out->flags |= FLOW_AFTER_GAP;
}

/* Memory may have become short. */
static void finish(struct resp *r, struct msg *out)
{
	if (out->arena && arena_short(out->arena))
		out->flags |= FLOW_TRUNCATED;
	if (out->arena && !out->half.op && !out->half.status) { /* not even a name: as without memory */
		arena_free(out->arena);
		out->arena = NULL;
	}
	if (!out->arena)
		out->half = (struct flow_half){ .begin_ns = out->half.begin_ns };
	resp_clear(r);
}

static void set_body(struct resp *r, struct msg *out)
{
	struct flow_body *b = &out->half.body;

	if (!out->arena)
		return;
	b->len = r->len;
	b->captured = r->cut ? r->kept : r->gap ? 0 : r->len;
	if (out->cut && !r->cut)
		out->flags |= FLOW_TRUNCATED;
	b->type = "application/json";
	if (r->unread)
		return;
	if (!r->text.failed)
		b->data = arena_copy(out->arena, buf_slice(&r->text));
	if (b->data.n == 0) {
		b->captured = 0;
		out->flags |= FLOW_TRUNCATED;
	}
}

static void add_attr(struct msg *out, const char *key, const char *value)
{
	struct flow_half *h = &out->half;
	struct flow_attr *attrs;

	if (!out->arena || !value)
		return;
	attrs = arena_alloc(out->arena, (h->nattrs + 1) * sizeof(*attrs));
	if (!attrs)
		return;
	if (h->nattrs)
		memcpy(attrs, h->attrs, h->nattrs * sizeof(*attrs));
	attrs[h->nattrs] = (struct flow_attr){ key, value };
	h->attrs = attrs;
	h->nattrs++;
}

/* --- transactions --- */

static void queue(struct redis *s, const struct resp *r, const char *name)
{
	if (s->queued_cut || s->queued.n + r->text.n + REDIS_NAME + 8 > REDIS_QUEUED) {
		s->queued_cut = true;
		return;
	}
	buf_puts(&s->queued, s->nqueued++ ? ",[" : "[");
	buf_put_json_str(&s->queued, slice_str(name));
	if (r->text.n > 2)
		buf_puts(&s->queued, ",");
	buf_put(&s->queued, slice_cut(buf_slice(&r->text), 1, r->text.n)); /* "a","b"] */
	s->queued_cut |= r->cut || s->queued.failed;
}

/* EXEC is shown with what it executes. */
static void set_transaction(struct redis *s, struct msg *out)
{
	struct flow_body *b = &out->half.body;
	uint8_t *to = out->arena ? arena_alloc(out->arena, s->queued.n + 2) : NULL;

	if (s->queued_cut || s->queued.failed)
		out->flags |= FLOW_TRUNCATED;
	if (to && !s->queued.failed && s->nqueued) {
		to[0] = '[';
		memcpy(to + 1, s->queued.p, s->queued.n);
		to[s->queued.n + 1] = ']';
		b->data = (struct slice){ to, s->queued.n + 2 };
		b->type = "application/json";
		b->len = b->captured = b->data.n;
		add_attr(out, "commands", arena_printf(out->arena, "%u", s->nqueued));
	}
	buf_release(&s->queued);
	s->nqueued = 0;
	s->queued_cut = false;
}

/* --- commands --- */

static bool expects_answer(struct redis *s, enum redis_kind kind)
{
	bool skip = s->skip;

	s->skip = false;
	switch (kind) {
	case REDIS_REPLY_ON:
	case REDIS_RESET:
		s->off = false;
		return true;
	case REDIS_REPLY_OFF:
		s->off = true;
		return false;
	case REDIS_REPLY_SKIP:
		s->skip = !s->off;
		return false;
	default:
		return !s->off && !skip;
	}
}

static bool begins_stream(enum redis_kind kind)
{
	return kind == REDIS_SUBSCRIBE || kind == REDIS_MONITOR || kind == REDIS_SYNC;
}

/* It is said within the conversation that is open. */
static bool in_stream(const struct redis *s, enum redis_kind kind)
{
	if (!s->stream)
		return false;
	if (s->stream_kind == REDIS_SUBSCRIBE)
		return !s->resp3 || kind == REDIS_SUBSCRIBE || kind == REDIS_UNSUBSCRIBE;
	return s->stream_kind == REDIS_SYNC;
}

static void remember(struct redis *s, const struct resp *r, enum redis_kind kind)
{
	struct slice arg = resp_word(r, 1);

	if (kind == REDIS_SELECT && arg.n < sizeof(s->db)) {
		if (arg.n)
			memcpy(s->db, arg.p, arg.n);
		s->db[arg.n] = '\0';
		for (size_t i = 0; i < arg.n; i++)
			if (arg.p[i] < '0' || arg.p[i] > '9')
				s->db[0] = '\0';
	}
	if (kind == REDIS_HELLO && arg.n == 1)
		s->resp3 = arg.p[0] == '3';
	if (kind == REDIS_RESET) {
		s->multi = s->resp3 = false;
		s->db[0] = '\0';
	}
}

static void command_half(struct redis *s, struct resp *r, const struct redis_cmd *cmd, struct msg *out)
{
	struct flow_half *h = &out->half;

	if (!out->arena)
		return;
	h->op = arena_str(out->arena, slice_str(cmd->name));
	if (cmd->key)
		h->target = printable(out->arena, resp_word(r, cmd->key));
	else
		h->target = "";
	if (cmd->kind == REDIS_EXEC)
		set_transaction(s, out);
	else if ((r->unread ? r->nwords > 1 : r->text.n > 2) || r->cut)
		set_body(r, out);
	if (s->db[0])
		add_attr(out, "db", arena_str(out->arena, slice_str(s->db)));
}

void redis_request(struct redis *s, bool cut, struct msg *out)
{
	struct resp *r = &s->resp[SIDE_REQ];
	struct redis_cmd cmd;
	bool answer;

	redis_cmd(r, &cmd);
	if (s->multi && (begins_stream(cmd.kind) || cmd.kind == REDIS_UNSUBSCRIBE))
		cmd.kind = REDIS_PLAIN;
	begin(s, r, cut, out);
	answer = expects_answer(s, cmd.kind);
	remember(s, r, cmd.kind);
	if (s->multi && cmd.kind != REDIS_EXEC && cmd.kind != REDIS_DISCARD && cmd.kind != REDIS_MULTI)
		queue(s, r, cmd.name);
	command_half(s, r, &cmd, out);
	if (cmd.kind == REDIS_MULTI || cmd.kind == REDIS_EXEC || cmd.kind == REDIS_DISCARD) {
		s->multi = cmd.kind == REDIS_MULTI;
		buf_release(&s->queued);
		s->nqueued = 0;
		s->queued_cut = false;
	}
	if (in_stream(s, cmd.kind)) {
		out->role = ROLE_MESSAGE;
	} else if (!answer) {
		out->role = ROLE_ONEWAY;
	} else {
		out->role = ROLE_REQUEST;
		asked(s, cmd.kind);
		out->streams = begins_stream(cmd.kind) && !cut;
		if (out->streams) {
			s->confirmed = false;
			s->stream = true;
			s->stream_kind = cmd.kind;
		}
	}
	r->unread = s->limits->unread_bodies && !s->multi; /* EXEC is as long as what it executes */
	finish(r, out);
}

/* --- answers --- */

static const char *type_name(const struct resp *r)
{
	static const struct {
		char type;
		const char *name;
	} names[] = { { '$', "string" }, { '=', "string" },  { ':', "integer" }, { '*', "array" },
		      { '~', "set" },	 { '%', "map" },     { '#', "boolean" }, { ',', "double" },
		      { '>', "push" },	 { '(', "bignumber" } };

	for (size_t i = 0; !r->null && i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == r->type)
			return names[i].name;
	return "nil";
}

/* The first word of a line, for the status. */
static struct slice first_word(struct slice line)
{
	size_t n = 0;

	while (n < line.n && n < 48 && line.p[n] > ' ' && line.p[n] < 127)
		n++;
	return slice_cut(line, 0, n);
}

static bool is_capitals(struct slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 'A' || v.p[i] > 'Z')
			return false;
	return v.n > 0;
}

/* "MOVED 3999 127.0.0.1:6381": not an error of anybody, but where to go. */
static bool redirected(struct slice line, struct msg *out)
{
	struct slice rest;
	size_t blank;

	if (!slice_starts(line, SLICE_LIT("MOVED ")) && !slice_starts(line, SLICE_LIT("ASK ")))
		return false;
	rest = slice_cut(line, line.p[0] == 'M' ? 6 : 4, line.n);
	blank = slice_find(rest, SLICE_LIT(" "), 0);
	if (out->arena) {
		add_attr(out, "slot", printable(out->arena, slice_cut(rest, 0, blank)));
		add_attr(out, "redirect", printable(out->arena, slice_cut(rest, blank + 1, rest.n)));
	}
	return true;
}

static void status_line(struct resp *r, struct msg *out)
{
	struct flow_half *h = &out->half;
	struct slice line = resp_word(r, 0), word = first_word(line), rest;
	bool error = r->type == '-' || r->type == '!';

	rest = slice_cut(line, word.n + (word.n < line.n), line.n);
	if (error && redirected(line, out))
		error = false;
	else
		out->failed = error;
	if (!error && r->type == '+' && !is_capitals(word)) { /* "Background saving started" */
		h->status = "string";
		set_body(r, out);
		return;
	}
	h->status = word.n ? printable(out->arena, word) : "ERR";
	if (rest.n)
		h->reason = printable(out->arena, rest);
}

static void reply_half(struct resp *r, struct msg *out)
{
	struct flow_half *h = &out->half;

	if (!out->arena)
		return;
	if (r->type == '+' || r->type == '-' || r->type == '!') {
		status_line(r, out);
	} else {
		h->status = type_name(r);
		if (!r->null)
			set_body(r, out);
	}
	if (r->notes.n)
		add_attr(out, "attribute", arena_str(out->arena, buf_slice(&r->notes)));
	if (r->errors)
		add_attr(out, "errors", arena_printf(out->arena, "%u", r->errors));
}

/* --- messages --- */

static bool is_pubsub(const struct resp *r)
{
	static const char *const words[] = { "message",	     "pmessage",     "smessage",
					     "subscribe",    "psubscribe",   "ssubscribe",
					     "unsubscribe",  "punsubscribe", "sunsubscribe" };

	if ((r->type != '*' && r->type != '>') || r->count < 3 || r->count > 4)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_eq(resp_word(r, 0), slice_str(words[i])))
			return true;
	return false;
}

static bool ends_with(struct slice v, struct slice end)
{
	return v.n >= end.n && slice_eq(slice_cut(v, v.n - end.n, v.n), end);
}

/* ["message",channel,payload], ["pmessage",pattern,channel,payload], ["subscribe",channel,count] */
static void pubsub_half(const struct resp *r, struct msg *out)
{
	struct slice kind = resp_word(r, 0), payload = resp_word(r, (unsigned)r->count - 1);
	bool pattern = kind.n > 0 && kind.p[0] == 'p';
	struct flow_half *h = &out->half;

	if (!out->arena)
		return;
	h->op = printable(out->arena, kind);
	if (r->count == 4)
		add_attr(out, "pattern", printable(out->arena, resp_word(r, 1)));
	add_attr(out, pattern && r->count == 3 ? "pattern" : "channel",
		 printable(out->arena, resp_word(r, (unsigned)r->count - 2)));
	if (!ends_with(kind, SLICE_LIT("message"))) {
		add_attr(out, "channels", printable(out->arena, payload));
		return;
	}
	h->body.len = payload.n;
	if (r->cut || out->cut) { /* what is missing is of the payload */
		h->body.len += r->len - (r->kept < r->len ? r->kept : r->len);
		out->flags |= FLOW_TRUNCATED;
	}
	h->body.data = arena_copy(out->arena, payload);
	h->body.captured = h->body.data.n;
	if (h->body.captured < h->body.len)
		out->flags |= FLOW_TRUNCATED;
}

/* 1339518083.107412 [0 127.0.0.1:60866] "keys" "*" */
static bool is_monitor(struct slice line)
{
	size_t i = 0;

	while (i < line.n && ((line.p[i] >= '0' && line.p[i] <= '9') || line.p[i] == '.'))
		i++;
	return i > 10 && i + 1 < line.n && line.p[i] == ' ' && line.p[i + 1] == '[';
}

struct monitor_args {
	struct resp r;
};

static void monitor_arg(void *ctx, struct slice arg)
{
	struct monitor_args *m = ctx;

	(void)resp_scalar(&m->r, '$', arg);
}

static void monitor_half(struct redis *s, const struct resp *r, struct msg *out)
{
	struct slice line = buf_slice(&r->piece), rest;
	struct monitor_args m = { .r = { .limits = s->limits, .hide = redis_hides, .commands = true, .type = '*' } };
	size_t open = slice_find(line, SLICE_LIT("["), 0), end = slice_find(line, SLICE_LIT("] "), open);
	size_t blank = slice_find(line, SLICE_LIT(" "), open);
	struct buf room = { 0 };
	struct redis_cmd cmd;

	rest = slice_cut(line, end + 2, line.n);
	while (rest.n && (rest.p[rest.n - 1] == '\r' || rest.p[rest.n - 1] == '\n'))
		rest.n--;
	resp_open_level(&m.r, '*', UINT64_MAX, false);
	(void)resp_split(rest, &room, monitor_arg, &m); /* what was read of it is shown */
	resp_close(&m.r);
	redis_cmd(&m.r, &cmd);
	if (out->arena) {
		out->half.op = arena_str(out->arena, slice_str(cmd.name));
		add_attr(out, "db", printable(out->arena, slice_cut(line, open + 1, blank)));
		add_attr(out, "client", printable(out->arena, slice_cut(line, blank + 1, end)));
		m.r.len = r->len;
		m.r.cut |= r->cut || room.failed || m.r.words.failed || m.r.text.failed;
		m.r.kept = r->cut ? r->kept : m.r.kept;
		if (m.r.cut)
			out->flags |= FLOW_TRUNCATED;
		set_body(&m.r, out);
	}
	buf_release(&room);
	resp_release(&m.r);
}

static void push_half(const struct resp *r, struct msg *out)
{
	struct slice kind = resp_word(r, 0);

	if (out->arena)
		out->half.op = kind.n ? printable(out->arena, kind) : "push";
	set_body((struct resp *)(uintptr_t)r, out);
}

static void message(struct redis *s, struct resp *r, struct msg *out)
{
	enum redis_kind kind = redis_asked(s);
	bool asked_for = kind == REDIS_SUBSCRIBE || kind == REDIS_UNSUBSCRIBE;
	bool waits = asked_for || (s->stream && s->stream_kind == REDIS_SUBSCRIBE && !s->confirmed);
	struct slice word = resp_word(r, 0);

	pubsub_half(r, out);
	if (waits && ends_with(word, SLICE_LIT("subscribe"))) {
		if (asked_for)
			(void)redis_answered(s);
		s->confirmed = true;
		out->role = ROLE_RESPONSE;
		out->streams = s->stream;
		out->half.status = out->half.op;
		out->half.op = NULL;
		return;
	}
	out->role = ROLE_MESSAGE;
	if (ends_with(word, SLICE_LIT("unsubscribe")) && slice_eq(resp_word(r, 2), SLICE_LIT("0"))) {
		out->ends = s->stream;
		s->stream = false;
	}
	if (!s->stream && !out->ends) { /* its subscription was not seen */
		s->stream = s->confirmed = true;
		s->stream_kind = REDIS_SUBSCRIBE;
	}
}

/* The answer to a command that begins a conversation. */
static void stream_answer(struct redis *s, const struct resp *r, enum redis_kind kind, struct msg *out)
{
	bool good = r->type == '+';

	out->streams = good;
	out->ends = !good;
	if (!good)
		s->stream = false;
	if (good && kind == REDIS_SYNC)
		s->repl = slice_starts(resp_word(r, 0), SLICE_LIT("CONTINUE")) ? REPL_COMMANDS : REPL_HEAD;
	if (good && kind == REDIS_SYNC)
		add_attr(out, "replication", s->repl == REPL_HEAD ? "full" : "partial");
}

static void answer(struct redis *s, struct resp *r, struct msg *out)
{
	enum redis_kind kind = redis_answered(s);

	out->role = ROLE_RESPONSE;
	reply_half(r, out);
	out->failed |= r->errors > 0; /* of a transaction, say */
	if (s->stream && s->stream_kind == REDIS_SYNC && r->type == '+' &&
	    (slice_starts(resp_word(r, 0), SLICE_LIT("FULLRESYNC")) || slice_starts(resp_word(r, 0), SLICE_LIT("CONTINUE"))))
		kind = REDIS_SYNC; /* whatever was lost before it */
	if (s->stream && kind == s->stream_kind)
		stream_answer(s, r, kind, out);
}

void redis_reply(struct redis *s, bool cut, struct msg *out)
{
	struct resp *r = &s->resp[SIDE_RESP];
	bool monitor = r->type == '+' && is_monitor(resp_word(r, 0));

	begin(s, r, cut, out);
	s->secret_next = false;
	s->resp3 |= r->type && strchr("%~>_#,=(!|", r->type) != NULL;
	if (is_pubsub(r) && (r->type == '>' || s->stream || redis_asked(s) != REDIS_PLAIN || !s->nruns)) {
		message(s, r, out);
	} else if (monitor && redis_asked(s) != REDIS_MONITOR) {
		out->role = ROLE_MESSAGE;
		if (!s->stream)
			s->stream_kind = REDIS_MONITOR;
		s->stream = true;
		monitor_half(s, r, out);
	} else if (r->type == '>') {
		out->role = s->stream ? ROLE_MESSAGE : ROLE_ONEWAY;
		push_half(r, out);
		if (!s->stream && out->arena)
			out->half.status = "push";
	} else if (s->stream && !s->nruns && !s->resp3 && s->stream_kind == REDIS_SUBSCRIBE) {
		out->role = ROLE_MESSAGE; /* to a PING, say */
		reply_half(r, out);
		out->half.op = r->type == '*' ? printable(out->arena, resp_word(r, 0)) : out->half.status;
		if (slice_eq(resp_word(r, 0), SLICE_LIT("RESET"))) {
			out->ends = true;
			s->stream = false;
		}
	} else {
		answer(s, r, out);
	}
	finish(r, out);
}

/* --- replication --- */

void redis_replicated(struct redis *s, struct msg *out)
{
	struct resp *r = &s->resp[SIDE_RESP];
	struct redis_cmd cmd;

	redis_cmd(r, &cmd);
	begin(s, r, false, out);
	out->role = ROLE_MESSAGE;
	if (out->arena) {
		out->half.op = arena_str(out->arena, slice_str(cmd.name));
		if (cmd.key)
			add_attr(out, "key", printable(out->arena, resp_word(r, cmd.key)));
		set_body(r, out);
	}
	finish(r, out);
}

void redis_snapshot(struct redis *s, struct msg *out)
{
	out->role = ROLE_MESSAGE;
	out->flags = FLOW_TRUNCATED | (s->rdb_gap ? FLOW_AFTER_GAP : 0u); /* its bytes are counted, and not shown */
	s->rdb_gap = false;
	out->arena = arena_new(256);
	if (!out->arena)
		return;
	out->half.op = "snapshot";
	out->half.body.len = s->rdb_len;
}
