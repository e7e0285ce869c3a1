/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, packet by packet.  An answer is over when nothing says that more results follow. */
#include "proto/mysql.h"

#include <inttypes.h>
#include <stdlib.h>

#define RESULTS_BYTES (64 * 1024)
#define ATTRS_BYTES   (64 * 1024)
#define EVENT_BYTES   4096 /* of a binary log's event that are kept */

/* --- what is said of it --- */

void my_answer_attr(struct my_answer *a, const char *key, struct slice value)
{
	if (a->attrs.n + value.n > ATTRS_BYTES) {
		a->cut = true;
		return;
	}
	buf_puts(&a->attrs, key);
	buf_put(&a->attrs, SLICE_LIT("\0"));
	for (size_t i = 0, from = 0; i <= value.n; i++) /* a NUL would end it */
		if (i == value.n || value.p[i] == '\0') {
			buf_put(&a->attrs, slice_cut(value, from, i));
			buf_put(&a->attrs, i < value.n ? SLICE_LIT(" ") : SLICE_LIT("\0"));
			from = i + 1;
		}
	a->nattrs++;
	a->cut |= a->attrs.failed;
}

void my_answer_attr_num(struct my_answer *a, const char *key, uint64_t value)
{
	struct buf b = { 0 };

	buf_printf(&b, "%" PRIu64, value);
	my_answer_attr(a, key, buf_slice(&b));
	a->cut |= b.failed;
	buf_release(&b);
}

void my_answer_release(struct my_answer *a)
{
	my_cmd_release(&a->cmd);
	free(a->cols);
	sql_list_release(&a->names);
	sql_list_release(&a->types);
	sql_list_release(&a->first_names);
	sql_list_release(&a->first_types);
	sql_rows_release(&a->rows);
	buf_release(&a->results);
	buf_release(&a->attrs);
	*a = (struct my_answer){ 0 };
}

/* The own attributes behind the common ones. */
static bool put_attrs(const struct my_answer *a, struct arena *mem, const struct sql_attrs *t,
		      struct flow_half *h)
{
	struct flow_attr *list = arena_alloc(mem, (t->n + a->nattrs + 1) * sizeof(*list));
	struct rd r = rd_init(arena_copy(mem, buf_slice(&a->attrs)));
	size_t n = t->n;

	if (!list)
		return false;
	memcpy(list, t->list, t->n * sizeof(*list));
	for (unsigned i = 0; i < a->nattrs && !r.short_read; i++) {
		struct slice key = my_cstr(&r), value = my_cstr(&r);

		if (!r.short_read)
			list[n++] =
				(struct flow_attr){ (const char *)key.p, (const char *)value.p };
	}
	h->attrs = list;
	h->nattrs = n;
	return !a->attrs.failed && n == t->n + a->nattrs;
}

static bool fill(struct mysql *m, struct msg *out)
{
	struct my_answer *a = &m->ans;
	struct sql_attrs t = { 0 };
	bool first = a->first_names.n > 0;

	sql_attr(&t, "columns", sql_list_copy(first ? &a->first_names : &a->names, out->arena));
	sql_attr(&t, "types", sql_list_copy(first ? &a->first_types : &a->types, out->arena));
	if (a->any_rows)
		sql_attr_num(&t, out->arena, "rows", a->rows.rows);
	if (a->any_affected)
		sql_attr_num(&t, out->arena, "affected", a->affected);
	if (a->sets > 1 && a->results.n) {
		buf_puts(&a->results, "]");
		sql_attr_slice(&t, out->arena, "results", buf_slice(&a->results));
	}
	if (!m->caps_known)
		sql_attr(&t, "capabilities", "unknown");
	if (a->any_rows)
		out->flags |= sql_rows_copy(&a->rows, out->arena, &out->half.body);
	if (!put_attrs(a, out->arena, &t, &out->half))
		return false;
	return !arena_short(out->arena) && !a->results.failed && !a->names.cut && !a->types.cut &&
	       !a->first_names.cut && !a->first_types.cut && !a->cut;
}

bool my_answer_finish(struct mysql *m, const char *status, const char *reason, bool failed,
		      struct msg *out)
{
	struct slice text = slice_str(reason);

	if (my_begin(m, out, SIDE_RESP, ROLE_RESPONSE)) {
		out->half.status = status ? arena_str(out->arena, slice_str(status)) : NULL;
		out->half.reason = text.n ? arena_str(out->arena, text) : NULL;
		if (!fill(m, out))
			out->flags |= FLOW_TRUNCATED;
	}
	out->flags |= m->ans.flags;
	out->failed = failed;
	my_answer_release(&m->ans);
	return true;
}

bool my_answer_cut(struct mysql *m, struct msg *out)
{
	if (m->ans.at == MY_AT_IDLE)
		return false;
	if (m->ans.at == MY_AT_BINLOG) {
		my_answer_release(&m->ans);
		*out = (struct msg){ .role = ROLE_END };
		return true;
	}
	if (m->ans.at == MY_AT_AUTH) { /* nothing is known of it */
		my_answer_release(&m->ans);
		return false;
	}
	return my_answer_finish(m, NULL, NULL, false, out);
}

static bool failed(struct mysql *m, struct slice p, struct msg *out)
{
	unsigned code = 0;
	struct slice state = { 0 }, text = { 0 };
	struct buf number = { 0 }, tmp = { 0 }, reason = { 0 };

	(void)my_err_read(p, &code, &state, &text);
	buf_printf(&number, "%u", code);
	buf_put(&number, SLICE_LIT("\0"));
	buf_put(&reason, my_text(text, m->charset, &tmp));
	buf_put(&reason, SLICE_LIT("\0"));
	if (state.n)
		my_answer_attr(&m->ans, "sqlstate", state);
	m->ans.cut |= number.failed || reason.failed || tmp.failed;
	(void)my_answer_finish(m, number.failed ? NULL : (const char *)number.p,
			       reason.failed ? NULL : (const char *)reason.p, true, out);
	buf_release(&number);
	buf_release(&reason);
	buf_release(&tmp);
	return true;
}

/* --- results --- */

/* MariaDB tells clients that asked for it how far a long statement is, in the form of an error. */
static bool is_progress(struct slice p)
{
	return p.n > 3 && p.p[0] == 0xff && p.p[1] == 0xff && p.p[2] == 0xff;
}

static void list_result(struct my_answer *a, const struct my_ok *ok)
{
	struct buf *b = &a->results;

	if (b->n > RESULTS_BYTES) {
		a->cut = true;
		return;
	}
	buf_puts(b, b->n ? "," : "[");
	if (a->ncols > 0) {
		buf_puts(b, "{\"columns\":");
		if (a->names.text.n)
			buf_put(b, buf_slice(&a->names.text));
		else
			buf_puts(b, "[");
		buf_puts(b, "],\"types\":");
		if (a->types.text.n)
			buf_put(b, buf_slice(&a->types.text));
		else
			buf_puts(b, "[");
		buf_printf(b, "],\"rows\":%" PRIu64 "}", a->rows.rows - a->rows_before);
	} else {
		buf_printf(b, "{\"affected\":%" PRIu64 "}", ok->affected);
	}
}

static bool changes_rows(uint16_t com)
{
	return com == MY_QUERY || com == MY_EXECUTE || com == MY_BULK_EXECUTE || com == MY_INFILE ||
	       com == MY_UNKNOWN;
}

/* One result is over, as ok says; and the answer, unless more follow. */
static bool result_over(struct mysql *m, const struct my_ok *ok, struct msg *out)
{
	struct my_answer *a = &m->ans;
	struct my_stmt *s;

	my_ok_note(m, ok);
	if (a->ncols == 0) {
		a->any_affected |= changes_rows(a->cmd.com);
		a->affected += ok->affected;
	}
	list_result(a, ok);
	if ((a->cmd.com == MY_EXECUTE || a->cmd.com == MY_BULK_EXECUTE) && a->ncols > 0 &&
	    a->sets == 1 && (s = my_stmt_find(m, a->cmd.stmt)))
		m->lost_memory |= !my_stmt_set_cols(m, s, a);
	if (a->first_names.n == 0 && a->names.n > 0 && (ok->status & MY_MORE_RESULTS)) {
		a->first_names = a->names;
		a->first_types = a->types;
		a->names = a->types = (struct sql_list){ 0 };
	}
	if (!(ok->status & MY_MORE_RESULTS))
		return my_answer_finish(m, "OK", NULL, false, out);
	a->cut |= a->names.cut || a->types.cut;
	sql_list_clear(&a->names);
	sql_list_clear(&a->types);
	a->cols_n = 0;
	a->ncols = 0;
	a->rows_before = a->rows.rows;
	a->sets++;
	a->at = MY_AT_FIRST;
	return false;
}

/* Nothing of what it should be: the answer ends here. */
static bool odd(struct mysql *m, struct msg *out)
{
	if (m->ans.guess) { /* nor is it known to have been one */
		my_answer_release(&m->ans);
		return false;
	}
	m->ans.flags |= FLOW_DECODE_ERROR;
	return my_answer_finish(m, NULL, NULL, false, out);
}

static bool infile(struct mysql *m, struct slice p, struct msg *out)
{
	struct slice name = slice_cut(p, 1, p.n);
	char *copy = malloc(name.n + 1);

	if (copy) {
		memcpy(copy, name.p, name.n);
		copy[name.n] = '\0';
	}
	m->lost_memory |= !copy;
	free(m->infile.name); /* of one that never ended */
	buf_release(&m->infile.body);
	m->infile = (struct my_infile){ .on = true, .name = copy };
	my_answer_attr(&m->ans, "file", name);
	return my_answer_finish(m, "LOCAL INFILE", NULL, false, out);
}

static bool columns(struct mysql *m, struct slice p, struct msg *out)
{
	struct my_answer *a = &m->ans;
	struct rd r = rd_init(p);
	bool follow = true;

	a->ncols = a->left = my_lenenc(&r);
	if (rd_left(&r) == 1) /* whether definitions follow; nothing else can be there */
		follow = rd_u8(&r) != 0;
	if (r.short_read || a->ncols == 0 || rd_left(&r) > 0)
		return odd(m, out);
	a->any_rows = true;
	a->at = follow ? MY_AT_COLS : MY_AT_AFTER_COLS;
	if (!follow)
		my_cached_cols(m);
	return false;
}

/* --- prepared statements --- */

static bool prepared_done(struct mysql *m, struct msg *out)
{
	struct my_answer *a = &m->ans;
	struct my_stmt *s = my_stmt_new(m, a->stmt);

	m->last_prepared = a->stmt;
	m->lost_memory |= !s;
	if (s) {
		s->text = a->cmd.text;
		s->text_n = a->cmd.text ? a->cmd.text_n : 0;
		s->text_len = a->cmd.text_len;
		a->cmd.text = NULL;
		s->nparams = a->nparams;
		s->nparams_known = true;
		m->lost_memory |= !my_stmt_set_cols(m, s, a);
	}
	my_answer_attr_num(a, "statement", a->stmt);
	my_answer_attr_num(a, "params", a->nparams);
	m->maybe_eof = m->deprecate == 0 && (a->nparams || a->nresult);
	return my_answer_finish(m, "OK", NULL, false, out);
}

/* The next group of definitions. */
static bool prepared_next(struct mysql *m, struct msg *out)
{
	struct my_answer *a = &m->ans;

	if (a->at == MY_AT_PARAM_DEFS && a->nresult > 0) {
		a->at = MY_AT_COL_DEFS;
		a->left = a->nresult;
		return false;
	}
	return prepared_done(m, out);
}

static bool prepared(struct mysql *m, struct slice p, struct msg *out)
{
	struct my_answer *a = &m->ans;
	struct rd r = rd_init(slice_cut(p, 1, p.n));
	bool follow = true;

	a->stmt = rd_le32(&r);
	a->nresult = rd_le16(&r);
	a->nparams = rd_le16(&r);
	(void)rd_u8(&r);
	(void)rd_le16(&r);
	if (r.short_read) { /* that answered something whose loss was not noticed: this one's is still to come */
		m->first = (m->first + MY_QUEUE - 1) % MY_QUEUE;
		m->nqueue++;
		m->queue[m->first] = a->cmd;
		a->cmd = (struct my_cmd){ 0 };
		m->after_gap[SIDE_RESP] = true;
		my_answer_release(a);
		return false;
	}
	if (rd_left(&r) > 0)
		follow = rd_u8(&r) != 0;
	if (!follow || (a->nparams == 0 && a->nresult == 0))
		return prepared_done(m, out);
	a->at = a->nparams ? MY_AT_PARAM_DEFS : MY_AT_COL_DEFS;
	a->left = a->nparams ? a->nparams : a->nresult;
	return false;
}

static bool is_eof(struct slice p, uint64_t len)
{
	return p.n == 5 && len == 5 && p.p[0] == 0xfe;
}

static bool definition(struct mysql *m, struct slice p, uint64_t len, struct msg *out)
{
	struct my_answer *a = &m->ans;

	if (is_eof(p, len)) {
		m->deprecate = -1;
		return a->left == 0 ? prepared_next(m, out) : odd(m, out);
	}
	if (a->left == 0) { /* the next group, and no EOF before it */
		m->deprecate = 1;
		if (prepared_next(m, out))
			return true;
	}
	my_col_def(m, p, a->at == MY_AT_COL_DEFS);
	if (--a->left > 0 || m->deprecate < 0)
		return false;
	if (m->deprecate == 0 && a->at == MY_AT_PARAM_DEFS && a->nresult > 0)
		return false; /* what comes next will show it */
	return prepared_next(m, out);
}

/* --- a binary log --- */

static const char *event_name(struct slice p)
{
	static const char *const names[] = {
		"Unknown",
		"Start",
		"Query",
		"Stop",
		"Rotate",
		"Intvar",
		"Load",
		"Slave",
		"CreateFile",
		"AppendBlock",
		"ExecLoad",
		"DeleteFile",
		"NewLoad",
		"Rand",
		"UserVar",
		"FormatDescription",
		"Xid",
		"BeginLoadQuery",
		"ExecuteLoadQuery",
		"TableMap",
		"WriteRowsV0",
		"UpdateRowsV0",
		"DeleteRowsV0",
		"WriteRowsV1",
		"UpdateRowsV1",
		"DeleteRowsV1",
		"Incident",
		"Heartbeat",
		"Ignorable",
		"RowsQuery",
		"WriteRows",
		"UpdateRows",
		"DeleteRows",
		"Gtid",
		"AnonymousGtid",
		"PreviousGtids",
		"TransactionContext",
		"ViewChange",
		"XaPrepare",
	};
	size_t at = p.n > 2 && p.p[1] == 0xef ? 3 : 1; /* semi-synchronous: two bytes more */
	unsigned type = p.n > at + 4 ? p.p[at + 4] : 0;

	if (type >= 160 && type <= 163)
		return type == 160   ? "AnnotateRows"
		       : type == 161 ? "BinlogCheckpoint"
		       : type == 162 ? "MariaGtid"
				     : "MariaGtidList";
	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "Unknown";
}

static bool binlog(struct mysql *m, struct slice p, uint64_t len, struct msg *out)
{
	struct flow_body *b = &out->half.body;

	if (p.n == 0 || p.p[0] != 0) { /* an EOF, or an error */
		unsigned code;
		struct slice state, text;

		*out = (struct msg){ .role = ROLE_END };
		out->failed = my_err_read(p, &code, &state, &text);
		my_answer_release(&m->ans);
		return true;
	}
	if (!my_begin(m, out, SIDE_RESP, ROLE_MESSAGE))
		return true;
	out->half.op = event_name(p);
	b->data = arena_copy(out->arena, slice_cut(p, 1, p.n));
	b->captured = b->data.n;
	b->len = len - 1;
	if (b->captured < b->len)
		out->flags |= FLOW_TRUNCATED;
	return true;
}

static bool binlog_begins(struct mysql *m, struct slice p, struct msg *out)
{
	m->ans.at = MY_AT_BINLOG;
	if (my_begin(m, out, SIDE_RESP, ROLE_RESPONSE)) {
		struct sql_attrs t = { 0 };

		sql_attr(&t, "first_event", event_name(p));
		out->half.status = "OK";
		if (!sql_attrs_put(&t, out->arena, &out->half))
			out->flags |= FLOW_TRUNCATED;
	}
	out->streams = true;
	return true;
}

/* --- packets --- */

static bool statistics(struct mysql *m, struct slice p, struct msg *out)
{
	my_answer_attr(&m->ans, "text", p);
	return my_answer_finish(m, "OK", NULL, false, out);
}

static bool is_prepared(const struct my_answer *a, struct slice p)
{
	return a->cmd.com == MY_PREPARE || (a->guess && p.n == 12 && p.p[9] == 0);
}

static bool first(struct mysql *m, struct slice p, struct msg *out)
{
	struct my_answer *a = &m->ans;
	struct my_ok ok;

	if (p.n == 0)
		return odd(m, out);
	if (a->cmd.com == MY_STATISTICS && p.p[0] != 0xff)
		return statistics(m, p, out);
	switch (p.p[0]) {
	case 0xff:
		return !is_progress(p) && failed(m, p, out);
	case 0xfb:
		return infile(m, p, out);
	case 0x00:
		if (is_prepared(a, p))
			return prepared(m, p, out);
		if (a->cmd.com == MY_BINLOG_DUMP || a->cmd.com == MY_BINLOG_DUMP_GTID)
			return binlog_begins(m, p, out);
		__attribute__((fallthrough));
	case 0xfe:
		if (!my_ok_read(m, p, &ok) || !my_ok_likely(&ok))
			return odd(m, out);
		return result_over(m, &ok, out);
	default:
		return a->guess && slice_starts(p, SLICE_LIT("Uptime: ")) ? statistics(m, p, out)
									  : columns(m, p, out);
	}
}

/* A row, or what ends the rows. */
static bool row(struct mysql *m, struct slice p, uint64_t len, bool whole, struct msg *out)
{
	struct my_ok ok;

	if (p.n > 0 && p.p[0] == 0xff)
		return !is_progress(p) && failed(m, p, out);
	if (p.n > 0 && p.p[0] == 0xfe && len < MY_PACKET_MAX && my_ok_read(m, p, &ok))
		return result_over(m, &ok, out);
	m->ans.at = MY_AT_ROWS;
	my_row(m, p, len, whole);
	return false;
}

static bool after_columns(struct mysql *m, struct slice p, uint64_t len, bool whole,
			  struct msg *out)
{
	struct my_ok ok;

	if (!is_eof(p, len))
		return row(m, p, len, whole, out);
	m->ans.at = MY_AT_ROWS;
	return my_ok_read(m, p, &ok) && (ok.status & MY_CURSOR_EXISTS) && result_over(m, &ok, out);
}

static bool fields(struct mysql *m, struct slice p, struct msg *out)
{
	struct my_ok ok;

	if (p.n > 0 && p.p[0] == 0xff)
		return failed(m, p, out);
	if (p.n > 0 && p.p[0] == 0xfe && my_ok_read(m, p, &ok))
		return my_answer_finish(m, "OK", NULL, false, out);
	my_col_def(m, p, true);
	return false;
}

static bool auth(struct mysql *m, struct slice p, struct msg *out)
{
	struct my_ok ok;

	if (p.n > 0 && p.p[0] == 0x00 && my_ok_read(m, p, &ok)) {
		my_auth_done(m, true);
		my_ok_note(m, &ok);
		return my_answer_finish(m, "OK", NULL, false, out);
	}
	if (p.n > 0 && p.p[0] == 0xff) {
		my_auth_done(m, false);
		return failed(m, p, out);
	}
	my_auth_packet(m, p);
	return false;
}

/* Whose answer begins, and what it has to begin with. */
static void begin(struct mysql *m)
{
	struct my_answer *a = &m->ans;

	m->maybe_eof = false;
	a->cmd.com = MY_UNKNOWN;
	if (m->nqueue > 0) {
		a->cmd = m->queue[m->first];
		m->queue[m->first] = (struct my_cmd){ 0 };
		m->first = (m->first + 1) % MY_QUEUE;
		m->nqueue--;
	}
	a->guess = a->cmd.com == MY_UNKNOWN;
	if (a->guess)
		a->flags |= m->caps_known ? FLOW_AFTER_GAP : FLOW_MIDSTREAM;
	a->binary =
		a->cmd.com == MY_EXECUTE || a->cmd.com == MY_FETCH || a->cmd.com == MY_BULK_EXECUTE;
	a->sets = 1;
	switch (a->cmd.com) {
	case MY_CONNECT:
	case MY_CHANGE_USER:
		a->at = MY_AT_AUTH;
		break;
	case MY_FETCH:
		a->at = MY_AT_ROWS;
		a->any_rows = true;
		my_cached_cols(m);
		if (a->ncols == 0)
			a->ncols = 1; /* not known; it has rows, however */
		break;
	case MY_FIELD_LIST:
		a->at = MY_AT_FIELDS;
		break;
	default:
		a->at = MY_AT_FIRST;
		break;
	}
}

/* Something before any answer: the greeting; a parting word; the end of definitions that was not awaited. */
static bool unasked(const struct mysql *m, struct slice p, uint64_t len)
{
	uint8_t seq = m->in[SIDE_RESP].first_seq;

	if (is_eof(p, len) && m->maybe_eof)
		return true;
	return m->nqueue == 0 && seq == 0 && !m->zipped;
}

bool my_server_packet(struct mysql *m, struct slice p, uint64_t len, bool whole, struct msg *out)
{
	struct my_answer *a = &m->ans;

	if (a->at == MY_AT_IDLE && unasked(m, p, len)) {
		if (is_eof(p, len)) {
			m->maybe_eof = false;
			m->deprecate = -1;
			return false;
		}
		return my_greeting(m, p, out);
	}
	if (a->at == MY_AT_IDLE)
		begin(m);
	switch (a->at) {
	case MY_AT_IDLE:
	case MY_AT_FIRST:
		return first(m, p, out);
	case MY_AT_PARAM_DEFS:
	case MY_AT_COL_DEFS:
		return definition(m, p, len, out);
	case MY_AT_COLS:
		my_col_def(m, p, true);
		if (--a->left == 0)
			a->at = MY_AT_AFTER_COLS;
		return false;
	case MY_AT_AFTER_COLS:
		return after_columns(m, p, len, whole, out);
	case MY_AT_ROWS:
		return row(m, p, len, whole, out);
	case MY_AT_FIELDS:
		return fields(m, p, out);
	case MY_AT_AUTH:
		return auth(m, p, out);
	case MY_AT_BINLOG:
		return binlog(m, p, len, out);
	}
	return false;
}

size_t my_answer_room(const struct mysql *m)
{
	uint64_t n;

	switch (m->ans.at) {
	case MY_AT_ROWS:
	case MY_AT_AFTER_COLS:
		n = sql_rows_room(&m->ans.rows, m->limits->body_bytes);
		/* An OK with its message has room, too. */
		return n < 4096 ? 4096 : (size_t)n;
	case MY_AT_BINLOG:
		return EVENT_BYTES;
	case MY_AT_IDLE:
	case MY_AT_FIRST:
	case MY_AT_PARAM_DEFS:
	case MY_AT_COL_DEFS:
	case MY_AT_COLS:
	case MY_AT_FIELDS:
	case MY_AT_AUTH:
		break;
	}
	return m->limits->head_bytes;
}
