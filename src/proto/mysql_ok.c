/* SPDX-License-Identifier: Apache-2.0 */
/* OK, ERR and EOF, in their old and new forms.
 *
 * OK: header (00; fe at the end of rows, with CLIENT_DEPRECATE_EOF), two numbers, status, warnings, a message, and with
 * CLIENT_SESSION_TRACK what changed in the session.  EOF: fe, warnings, status.  Where the capabilities are not known: an EOF
 * has five bytes, an OK at least seven; and the message is a string with a length if that accounts for the rest. */
#include "proto/mysql.h"

bool my_err_read(struct slice p, unsigned *ret_code, struct slice *ret_state,
		 struct slice *ret_text)
{
	struct rd r = rd_init(p);

	if (rd_u8(&r) != 0xff)
		return false;
	*ret_code = rd_le16(&r);
	*ret_state = (struct slice){ 0 };
	if (rd_left(&r) >= 6 && *r.p == '#') {
		(void)rd_u8(&r);
		*ret_state = rd_bytes(&r, 5);
	}
	*ret_text = my_rest(&r);
	return !r.short_read;
}

static void read_info(const struct mysql *m, struct rd *r, struct my_ok *ok)
{
	struct rd with = *r;
	struct slice info = my_lenenc_str(&with);
	bool changed = ok->status & MY_SESSION_CHANGED;
	bool fits = !with.short_read && (changed || rd_left(&with) == 0);

	if (m->caps_known ? !my_has(m, MY_TRACK) || !fits : !fits) {
		ok->info = my_rest(r);
		return;
	}
	ok->info = info;
	if (changed)
		ok->track = my_lenenc_str(&with);
	*r = with;
}

bool my_ok_read(const struct mysql *m, struct slice p, struct my_ok *ret)
{
	struct rd r = rd_init(p);
	uint8_t head = rd_u8(&r);
	struct my_ok ok = { 0 };

	if (head != 0x00 && head != 0xfe)
		return false;
	if (head == 0xfe && p.n < 7) { /* EOF; before 4.1 it was alone */
		if (p.n != 5 && p.n != 1)
			return false;
		ok.warnings = rd_le16(&r);
		ok.status = rd_le16(&r);
		*ret = ok;
		return true;
	}
	ok.affected = my_lenenc(&r);
	ok.last_id = my_lenenc(&r);
	ok.status = rd_le16(&r);
	ok.warnings = rd_le16(&r);
	if (r.short_read)
		return false;
	if (rd_left(&r) > 0)
		read_info(m, &r, &ok);
	*ret = ok;
	return true;
}

bool my_ok_likely(const struct my_ok *ok)
{
	for (size_t i = 0; i < ok->info.n; i++)
		if (ok->info.p[i] < 0x20 && ok->info.p[i] != '\n')
			return false;
	return true;
}

/* --- what changed in the session --- */

enum { TRACK_VARIABLE, TRACK_SCHEMA, TRACK_STATE, TRACK_GTIDS, TRACK_TRX_FLAGS, TRACK_TRX_STATE };

static void put_change(struct sql_list *l, const char *name, struct slice value, struct buf *tmp)
{
	buf_clear(tmp);
	buf_puts(tmp, name);
	buf_puts(tmp, "=");
	buf_put(tmp, value);
	sql_list_add(l, SQL_LIST_BYTES, buf_slice(tmp));
}

static void change(unsigned type, struct slice data, struct sql_list *l, struct buf *tmp)
{
	struct rd r = rd_init(data);
	struct slice name;

	switch (type) {
	case TRACK_VARIABLE:
		while (rd_left(&r) > 0 && !r.short_read) {
			char key[80];
			size_t n;

			name = my_lenenc_str(&r);
			n = name.n < sizeof(key) - 1 ? name.n : sizeof(key) - 1;
			if (n)
				memcpy(key, name.p, n);
			key[n] = '\0';
			name = my_lenenc_str(&r);
			if (!r.short_read)
				put_change(l, key, name, tmp);
		}
		break;
	case TRACK_SCHEMA:
		put_change(l, "schema", my_lenenc_str(&r), tmp);
		break;
	case TRACK_GTIDS:
		(void)rd_u8(&r); /* how they are written */
		put_change(l, "gtids", my_lenenc_str(&r), tmp);
		break;
	case TRACK_TRX_FLAGS:
		put_change(l, "transaction", my_lenenc_str(&r), tmp);
		break;
	case TRACK_TRX_STATE:
		put_change(l, "transaction_statement", my_lenenc_str(&r), tmp);
		break;
	default: /* that something changed; what is unknown here */
		break;
	}
}

static void note_session(struct mysql *m, struct slice track)
{
	struct rd r = rd_init(track);
	struct sql_list l = { 0 };
	struct buf tmp = { 0 };

	while (rd_left(&r) > 0 && !r.short_read) {
		unsigned type = rd_u8(&r);
		struct slice data = my_lenenc_str(&r);

		if (!r.short_read)
			change(type, data, &l, &tmp);
	}
	if (l.text.n > 0) {
		buf_puts(&l.text, "]");
		m->lost_memory |= l.text.failed;
		my_answer_attr(&m->ans, "session", buf_slice(&l.text));
	}
	m->lost_memory |= tmp.failed || l.text.failed;
	buf_release(&tmp);
	sql_list_release(&l);
}

void my_ok_note(struct mysql *m, const struct my_ok *ok)
{
	struct buf tmp = { 0 };

	if (ok->warnings)
		my_answer_attr_num(&m->ans, "warnings", ok->warnings);
	if (ok->last_id)
		my_answer_attr_num(&m->ans, "last_insert_id", ok->last_id);
	if (ok->info.n)
		my_answer_attr(&m->ans, "info", my_text(ok->info, m->charset, &tmp));
	if (ok->track.n)
		note_session(m, ok->track);
	m->lost_memory |= tmp.failed;
	buf_release(&tmp);
}
