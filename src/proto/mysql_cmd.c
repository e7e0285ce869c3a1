/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says: commands, and the content of files that the server asked for. */
#include "proto/mysql.h"

#include <stdlib.h>

/* By command byte; NULL: not known. */
static const char *const names[] = {
	"Sleep",	  "Quit",
	"InitDb",	  "Query",
	"FieldList",	  "CreateDb",
	"DropDb",	  "Refresh",
	"Shutdown",	  "Statistics",
	"ProcessInfo",	  "ConnectInternal",
	"ProcessKill",	  "Debug",
	"Ping",		  "Time",
	"DelayedInsert",  "ChangeUser",
	"BinlogDump",	  "TableDump",
	"ConnectOut",	  "RegisterReplica",
	"Prepare",	  "Execute",
	"SendLongData",	  "Close",
	"ResetStatement", "SetOption",
	"Fetch",	  "Daemon",
	"BinlogDumpGtid", "ResetConnection",
	"Clone",
};

struct said { /* a command being read */
	struct mysql *m;
	struct rd r;  /* behind the command byte */
	uint64_t len; /* of the packet */
	struct msg *out;
	struct sql_attrs t;
	struct my_cmd cmd;
	bool oneway;
};

static struct arena *mem(const struct said *s)
{
	return s->out->arena;
}

/* --- statements --- */

/* Without the beginning of a character at its end. */
static struct slice whole_characters(struct slice s)
{
	for (size_t back = 1; back <= 3 && back <= s.n; back++)
		if (s.p[s.n - back] >= 0xc2) {
			struct slice last = slice_cut(s, s.n - back, s.n);

			return utf8_len(last) ? s : slice_cut(s, 0, s.n - back);
		}
	return s;
}

static void set_statement(struct said *s, struct slice text, uint64_t len)
{
	struct buf tmp = { 0 };
	struct slice shown = text.n < len ? whole_characters(text) : text;

	/* Where it is not known what it is written in, what is no UTF-8 is taken for latin1. */
	if (my_is_latin1(s->m->charset) || (!s->m->charset && !slice_is_utf8(shown))) {
		shown = my_text(text, 8, &tmp);
		len += shown.n - text.n;
	}
	if (tmp.failed)
		s->out->flags |= FLOW_TRUNCATED;
	s->out->half.target =
		sql_statement(mem(s), shown, len, s->m->limits->body_bytes, &s->t, &s->out->flags);
	buf_release(&tmp);
}

static void query(struct said *s)
{
	size_t before = rd_left(&s->r);
	uint64_t skipped;

	my_query_attrs(s->m, &s->r, mem(s), &s->t, &s->out->flags);
	skipped = 1 + (before - rd_left(&s->r));
	set_statement(s, my_rest(&s->r), s->len > skipped ? s->len - skipped : 0);
}

static void prepare(struct said *s)
{
	struct slice text = my_rest(&s->r);
	char *copy = malloc(text.n + 1);

	set_statement(s, text, s->len - 1);
	if (!copy) {
		s->out->flags |= FLOW_TRUNCATED;
		return;
	}
	if (text.n)
		memcpy(copy, text.p, text.n);
	s->cmd.text = copy;
	s->cmd.text_n = text.n;
	s->cmd.text_len = s->len - 1;
}

/* Joined in the middle; its prepare was lost; or the statement was forgotten for others. */
static void unknown(struct said *s)
{
	sql_attr(&s->t, "unknown_statement", "its prepare was not seen");
	s->out->flags |= s->m->caps_known ? FLOW_AFTER_GAP : FLOW_MIDSTREAM;
}

/* The statement that a command names, and what the flow says of it. */
static struct my_stmt *statement(struct said *s)
{
	uint32_t id = rd_le32(&s->r);
	struct my_stmt *st = my_stmt_find(s->m, id);
	const struct my_cmd *last = NULL;

	s->cmd.stmt = id;
	if (id == UINT32_MAX) { /* MariaDB: the one prepared last, perhaps not answered yet */
		for (unsigned i = 0; i < s->m->nqueue; i++) {
			const struct my_cmd *c = &s->m->queue[(s->m->first + i) % MY_QUEUE];

			last = c->com == MY_PREPARE ? c : last;
		}
		if (!last && (st = my_stmt_find(s->m, s->m->last_prepared)))
			s->cmd.stmt = st->id;
	} else {
		sql_attr_num(&s->t, mem(s), "statement", id);
	}
	if (last && last->text)
		set_statement(s, (struct slice){ (uint8_t *)last->text, last->text_n },
			      last->text_len);
	else if (st && st->text)
		set_statement(s, (struct slice){ (uint8_t *)st->text, st->text_n }, st->text_len);
	else
		unknown(s);
	return st;
}

static void execute(struct said *s)
{
	struct my_stmt *st = statement(s);
	unsigned flags = rd_u8(&s->r);

	(void)rd_le32(&s->r);
	if (!st && s->cmd.stmt != UINT32_MAX) { /* its types are worth remembering */
		st = my_stmt_new(s->m, s->cmd.stmt);
		s->m->lost_memory |= !st;
	}
	if (flags & 7)
		sql_attr(&s->t, "cursor",
			 flags & 1   ? "read_only"
			 : flags & 2 ? "for_update"
				     : "scrollable");
	my_bind(s->m, st, &s->r, flags, s->out, &s->t);
}

static void bulk(struct said *s)
{
	struct my_stmt *st = statement(s);
	unsigned flags = rd_le16(&s->r);

	my_bind_bulk(s->m, st, &s->r, flags, s->out, &s->t);
}

static void long_data(struct said *s)
{
	struct my_stmt *st = statement(s);
	unsigned param = rd_le16(&s->r), i;
	struct slice data = my_rest(&s->r);
	uint64_t len = s->len > 7 ? s->len - 7 : 0;
	struct flow_body *b = &s->out->half.body;

	s->oneway = true;
	sql_attr_num(&s->t, mem(s), "param", param);
	if (data.n > s->m->limits->body_bytes)
		data.n = s->m->limits->body_bytes;
	b->data = arena_copy(mem(s), data);
	b->captured = b->data.n;
	b->len = len;
	if (b->captured < len && !(s->out->flags & FLOW_AFTER_GAP))
		s->out->flags |= FLOW_TRUNCATED;
	if (!st)
		return;
	for (i = 0; i < st->nlong && st->longs[i].param != param;)
		i++;
	if (i == MY_LONG_PARAMS)
		return;
	if (i == st->nlong) {
		st->nlong++;
		st->longs[i].param = (uint16_t)param;
		st->longs[i].len = 0;
	}
	st->longs[i].len += len;
}

static void fetch(struct said *s)
{
	(void)statement(s);
	sql_attr_num(&s->t, mem(s), "max_rows", rd_le32(&s->r));
}

static void close_stmt(struct said *s)
{
	struct my_stmt *st = statement(s);

	s->oneway = true;
	if (st)
		my_stmt_drop(s->m, st);
}

static void reset_stmt(struct said *s)
{
	struct my_stmt *st = statement(s);

	if (st)
		st->nlong = 0;
}

/* --- other commands --- */

static void name(struct said *s)
{
	struct slice n = my_rest(&s->r);

	if (n.n > 0 && n.p[n.n - 1] == 0)
		n.n--;
	s->out->half.target = arena_str(mem(s), n);
}

static void field_list(struct said *s)
{
	struct slice table = my_cstr(&s->r), like = my_rest(&s->r);

	s->out->half.target = arena_str(mem(s), table);
	if (like.n)
		sql_attr_slice(&s->t, mem(s), "like", like);
}

static void kill_process(struct said *s)
{
	s->out->half.target = arena_printf(mem(s), "%u", rd_le32(&s->r));
}

static void set_option(struct said *s)
{
	sql_attr(&s->t, "multi_statements", rd_le16(&s->r) == 0 ? "on" : "off");
}

static void replica(struct said *s)
{
	sql_attr_num(&s->t, mem(s), "server_id", rd_le32(&s->r));
	sql_attr_slice(&s->t, mem(s), "host", rd_bytes(&s->r, rd_u8(&s->r)));
	sql_attr_slice(&s->t, mem(s), "user", rd_bytes(&s->r, rd_u8(&s->r)));
	(void)rd_bytes(&s->r, rd_u8(&s->r)); /* its password */
	sql_attr_num(&s->t, mem(s), "port", rd_le16(&s->r));
}

static void binlog_dump(struct said *s)
{
	uint32_t pos = rd_le32(&s->r);

	(void)rd_le16(&s->r);
	sql_attr_num(&s->t, mem(s), "position", pos);
	sql_attr_num(&s->t, mem(s), "server_id", rd_le32(&s->r));
	name(s);
}

static void binlog_dump_gtid(struct said *s)
{
	uint32_t n;

	(void)rd_le16(&s->r);
	sql_attr_num(&s->t, mem(s), "server_id", rd_le32(&s->r));
	n = rd_le32(&s->r);
	s->out->half.target = arena_str(mem(s), rd_bytes(&s->r, n));
	sql_attr_num(&s->t, mem(s), "position", rd_le64(&s->r));
}

static void quit(struct said *s)
{
	s->oneway = true;
}

static const struct {
	uint8_t com;
	void (*read)(struct said *s);
} readers[] = {
	{ MY_QUIT, quit },
	{ MY_INIT_DB, name },
	{ MY_QUERY, query },
	{ MY_FIELD_LIST, field_list },
	{ 5, name },
	{ 6, name },
	{ MY_PROCESS_KILL, kill_process },
	{ MY_BINLOG_DUMP, binlog_dump },
	{ MY_REGISTER_SLAVE, replica },
	{ MY_PREPARE, prepare },
	{ MY_EXECUTE, execute },
	{ MY_LONG_DATA, long_data },
	{ MY_CLOSE, close_stmt },
	{ MY_RESET_STMT, reset_stmt },
	{ MY_SET_OPTION, set_option },
	{ MY_FETCH, fetch },
	{ MY_BINLOG_DUMP_GTID, binlog_dump_gtid },
	{ MY_BULK_EXECUTE, bulk },
};

/* Out of memory: the message is empty, but what the next ones need is noted. */
static bool unread_command(struct mysql *m, struct my_cmd cmd, struct msg *out)
{
	if (cmd.com == MY_QUIT || cmd.com == MY_CLOSE || cmd.com == MY_LONG_DATA)
		out->role = ROLE_ONEWAY;
	else
		my_ask(m, cmd);
	return true;
}

static bool command(struct mysql *m, struct slice p, uint64_t len, unsigned flags, struct msg *out)
{
	struct said s = { .m = m, .r = rd_init(p), .len = len, .out = out };
	uint8_t com = rd_u8(&s.r);

	m->asked = true;
	s.cmd.com = com;
	if (com == MY_CHANGE_USER) {
		bool some = my_change_user(m, p, out);

		out->flags |= flags;
		return some;
	}
	if (!my_begin(m, out, SIDE_REQ, ROLE_REQUEST))
		return unread_command(m, s.cmd, out);
	out->flags |= flags;
	if (com < sizeof(names) / sizeof(names[0]))
		out->half.op = names[com];
	else if (com == MY_BULK_EXECUTE)
		out->half.op = "BulkExecute";
	else
		out->half.op = arena_printf(out->arena, "Command %u", com);
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (readers[i].com == com)
			readers[i].read(&s);
	if (!m->caps_known && !s.oneway)
		sql_attr(&s.t, "capabilities", "unknown");
	if (!sql_attrs_put(&s.t, out->arena, &out->half) || arena_short(out->arena))
		out->flags |= FLOW_TRUNCATED;
	if (s.oneway)
		out->role = ROLE_ONEWAY;
	else
		my_ask(m, s.cmd);
	return true;
}

/* --- LOCAL INFILE --- */

static void infile_data(struct mysql *m, struct slice p, uint64_t len, unsigned flags)
{
	struct my_infile *f = &m->infile;
	size_t room = m->limits->body_bytes - f->body.n;

	buf_put(&f->body, slice_cut(p, 0, room));
	f->len += len;
	f->flags |= flags;
	if (f->body.failed || f->body.n < f->len)
		f->flags |= flags & FLOW_AFTER_GAP ? FLOW_AFTER_GAP : FLOW_TRUNCATED;
}

bool my_infile_end(struct mysql *m, struct msg *out)
{
	struct my_infile *f = &m->infile;
	struct flow_body *b = &out->half.body;

	f->on = false;
	my_ask(m, (struct my_cmd){ .com = MY_INFILE });
	if (my_begin(m, out, SIDE_REQ, ROLE_REQUEST)) {
		out->half.op = "LocalInfile";
		out->half.target = f->name ? arena_str(out->arena, slice_str(f->name)) : NULL;
		b->data = arena_copy(out->arena, buf_slice(&f->body));
		b->captured = b->data.n;
		b->len = f->len;
		if (arena_short(out->arena) || b->captured < f->body.n)
			out->flags |= FLOW_TRUNCATED;
	}
	out->flags |= f->flags;
	free(f->name);
	buf_release(&f->body);
	*f = (struct my_infile){ 0 };
	return true;
}

/* --- packets --- */

bool my_client_packet(struct mysql *m, struct slice p, uint64_t len, unsigned flags,
		      struct msg *out)
{
	if (m->infile.on) {
		if (len == 0)
			return my_infile_end(m, out);
		infile_data(m, p, len, flags);
		return false;
	}
	if ((my_authenticates(m) && (m->zipped || m->in[SIDE_REQ].first_seq > 0)) || len == 0)
		return false;
	if (!m->asked && m->in[SIDE_REQ].first_seq > 0) {
		if (!my_login(m, p, out))
			return false;
		out->flags |= flags;
		return true;
	}
	if (p.n > 0 && p.p[0] == 0)
		return false; /* "sleep", which nobody sends: a frame of the compressed protocol */
	return command(m, p, len, flags, out);
}
