/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a value, as JSON.  Once the limits are reached nothing is written but the brackets that are still
 * open, so that an array of a million elements needs no more memory than the limits say. */
#include "proto/redis_resp.h"

/* --- what is kept of it --- */

static bool muted(const struct resp *r)
{
	return r->cut || (r->mute && r->depth >= r->mute);
}

static void cut_here(struct resp *r, uint64_t kept)
{
	if (r->cut)
		return;
	r->cut = true;
	r->kept = kept < r->limits->body_bytes ? kept : r->limits->body_bytes;
}

static size_t text_max(const struct resp *r)
{
	size_t close = (size_t)RESP_DEPTH * 8, max = r->limits->decoded_bytes;

	return max > close ? max - close : 0;
}

struct resp_level *resp_top(struct resp *r)
{
	return r->depth ? &r->level[r->depth - 1] : NULL;
}

bool resp_in_key(const struct resp_level *l)
{
	return l && (l->type == '%' || l->type == '|') && l->index % 2 == 0;
}

/* What stands before the next value. */
static void put_separator(struct resp *r)
{
	struct resp_level *l = resp_top(r);
	uint64_t first = r->commands ? 1 : 0;

	if (!l || l->index <= first)
		return;
	if ((l->type == '%' || l->type == '|') && l->index % 2 == 1)
		buf_puts(&r->text, ":");
	else
		buf_puts(&r->text, ",");
}

/* text was written from before on, for n bytes that began at wire position at.  Too much: only so much of the value is
 * written that it fits for certain. */
static void keep_or_cut(struct resp *r, size_t before, struct slice v, uint64_t at)
{
	size_t room;

	if (r->text.n <= text_max(r) && !r->text.failed)
		return;
	r->text.n = before;
	if (r->text.failed || v.n == 0) {
		cut_here(r, at);
		return;
	}
	room = text_max(r) > before + 32 ? (text_max(r) - before - 32) / 6 : 0;
	while (room && room < v.n && (v.p[room] & 0xc0) == 0x80)
		room--;
	if (room == 0) {
		cut_here(r, at);
		return;
	}
	put_separator(r);
	resp_put_string(&r->text, slice_cut(v, 0, room));
	cut_here(r, at + room);
}

void resp_put_string(struct buf *b, struct slice v)
{
	if (slice_is_utf8(v)) {
		buf_put_json_str(b, v);
		return;
	}
	buf_puts(b, "{\"base64\":\"");
	buf_put_base64(b, v);
	buf_puts(b, "\"}");
}

struct slice resp_word(const struct resp *r, unsigned i)
{
	if (i >= r->nwords || r->words.failed)
		return (struct slice){ 0 };
	return slice_cut(buf_slice(&r->words), r->word_off[i], r->word_off[i] + r->word_len[i]);
}

/* A message of a channel, whose payload is wanted whole: "message", "pmessage", "smessage". */
static bool is_message(struct slice word)
{
	return word.n >= 7 && word.n <= 8 &&
	       slice_eq(slice_cut(word, word.n - 7, word.n), SLICE_LIT("message"));
}

static void note_word(struct resp *r, struct slice v)
{
	unsigned i = r->nwords;

	if (i == RESP_WORDS || r->depth > 1 || r->mute)
		return;
	if (i < 2 || r->commands || !is_message(resp_word(r, 0)))
		v = slice_cut(v, 0, RESP_WORD);
	r->word_off[i] = r->words.n;
	buf_put(&r->words, v);
	r->word_len[i] = r->words.failed ? 0 : v.n;
	r->nwords++;
}

/* --- values --- */

static bool is_number(struct slice v)
{
	size_t i = 0, digits = 0;

	if (v.n > 24)
		return false;
	i += i < v.n && v.p[i] == '-';
	if (i + 1 < v.n && v.p[i] == '0' && v.p[i + 1] >= '0' && v.p[i + 1] <= '9')
		return false;
	for (; i < v.n && v.p[i] >= '0' && v.p[i] <= '9'; i++)
		digits++;
	if (digits == 0)
		return false;
	if (i < v.n && v.p[i] == '.') {
		if (++i == v.n || v.p[i] < '0' || v.p[i] > '9')
			return false;
		while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
			i++;
	}
	if (i < v.n && (v.p[i] == 'e' || v.p[i] == 'E')) {
		i++;
		i += i < v.n && (v.p[i] == '-' || v.p[i] == '+');
		if (i == v.n)
			return false;
		while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
			i++;
	}
	return i == v.n && (digits <= 15 || digits < v.n);
}

static void put_scalar(struct resp *r, char type, struct slice v)
{
	bool key = resp_in_key(resp_top(r));

	switch (type) {
	case ':':
	case ',':
		if (is_number(v) && !key)
			buf_put(&r->text, v);
		else
			buf_put_json_str(&r->text, v);
		break;
	case '#':
		buf_puts(&r->text, key ? "\"" : "");
		buf_puts(&r->text, v.n && v.p[0] == 't' ? "true" : "false");
		buf_puts(&r->text, key ? "\"" : "");
		break;
	case '_':
		buf_puts(&r->text, key ? "\"null\"" : "null");
		break;
	case '-':
	case '!':
		if (!key)
			buf_puts(&r->text, "{\"error\":");
		buf_put_json_str(&r->text, v);
		if (!key)
			buf_puts(&r->text, "}");
		break;
	default:
		if (key) /* whatever its bytes are */
			buf_put_json_str(&r->text, v);
		else
			resp_put_string(&r->text, v);
		break;
	}
}

void resp_open_level(struct resp *r, char type, uint64_t n, bool streamed)
{
	struct resp_level l = { .left = n, .type = type, .streamed = streamed };

	if (type == '|' && r->depth > 0 && !r->mute)
		r->mute = r->depth + 1;
	else if (resp_in_key(resp_top(r)) && !muted(r)) { /* a key that is no text */
		put_separator(r);
		buf_puts(&r->text, "\"...\"");
		resp_top(r)->key_shown = true;
		if (!r->mute)
			r->mute = r->depth + 1;
	} else if (!muted(r)) {
		put_separator(r);
		buf_puts(&r->text, type == '%' || type == '|' ? "{" : "[");
		l.shown = true;
		if (resp_top(r))
			resp_top(r)->key_shown = false;
	}
	r->level[r->depth++] = l;
}

static void close_level(struct resp *r, const struct resp_level *l)
{
	bool map = l->type == '%' || l->type == '|';

	if (!l->shown)
		return;
	if (map && l->key_shown)
		buf_puts(&r->text, ":null");
	buf_puts(&r->text, map ? "}" : "]");
}

/* The innermost level is over.  False: it was no value, but an attribute of the next one. */
static bool pop_level(struct resp *r)
{
	struct resp_level was = r->level[--r->depth];
	struct buf old = r->notes;

	close_level(r, &was);
	if (r->mute > r->depth)
		r->mute = 0;
	if (was.type != '|')
		return true;
	if (r->depth == 0) {
		r->notes = r->text;
		r->text = old;
		buf_clear(&r->text);
		buf_clear(&r->words);
		r->nwords = 0;
		r->count = 0;
		r->begun = false;
	}
	return false;
}

static bool value_done(struct resp *r)
{
	while (r->depth > 0) {
		struct resp_level *l = resp_top(r);

		l->index++;
		if (l->streamed || --l->left > 0 || !pop_level(r))
			return false;
	}
	return true;
}

bool resp_close_level(struct resp *r)
{
	return pop_level(r) && value_done(r);
}

bool resp_scalar(struct resp *r, char type, struct slice v)
{
	struct resp_level *l = resp_top(r);
	size_t before = r->text.n;
	bool command = r->commands && r->depth == 1 && l->index == 0;

	r->errors += (type == '-' || type == '!') && r->depth > 0;
	if (type == '=' && v.n >= 4)
		v = slice_cut(v, 4, v.n); /* "txt:" */
	if (!muted(r) && !command && (!r->unread || r->level[0].type == '|')) {
		bool key = resp_in_key(l);

		put_separator(r);
		if (r->hide && r->hide(r, v))
			buf_puts(&r->text, "\"***\"");
		else
			put_scalar(r, type, v);
		if (l)
			l->key_shown = key;
		keep_or_cut(r, before, v, r->piece_len0);
		if (l && r->cut)
			l->key_shown = key && r->text.n > before;
	}
	note_word(r, v);
	if (r->piece_cut)
		cut_here(r, r->piece_len0 + v.n);
	r->piece_cut = false;
	return value_done(r);
}

void resp_close(struct resp *r)
{
	while (r->depth > 0) {
		struct resp_level l = r->level[--r->depth];

		close_level(r, &l);
	}
}
