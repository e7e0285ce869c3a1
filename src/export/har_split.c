/* SPDX-License-Identifier: Apache-2.0 */
/* A HAR file is one JSON object, as large as it likes.  This counts brackets and remembers the last key, which is enough to
 * cut {"log":{"entries":[{...},{...}]}} into its entries; what is wrong inside of one shows when that is parsed. */
#include "export/read.h"

#include <errno.h>

#define ENTRY_MAX ((size_t)1 << 30)

static bool word_is(const struct har_split *s, const char *w)
{
	return s->nword == strlen(w) && memcmp(s->word, w, s->nword) == 0;
}

static void in_string(struct har_split *s, uint8_t c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = false;
	if (!s->in_string || s->inside || s->value)
		return;
	if (s->nword < sizeof(s->word))
		s->word[s->nword++] = (char)c;
}

static void open_bracket(struct har_split *s, uint8_t c)
{
	s->depth++;
	if (s->depth == 2 && c == '{' && word_is(s, "log"))
		s->log = s->seen_log = true;
	else if (s->depth == 3 && c == '[' && s->log && word_is(s, "entries"))
		s->entries = s->seen_entries = true;
	s->nword = 0;
	s->value = false;
}

/* True: an entry ends with this byte. */
static bool close_bracket(struct har_split *s)
{
	s->depth -= s->depth > 0;
	if (s->depth < 3)
		s->entries = false;
	if (s->depth < 2)
		s->log = false;
	return s->inside && s->depth == 3;
}

/* One byte outside of strings; true: an entry ends with it. */
static bool structure(struct har_split *s, uint8_t c)
{
	switch (c) {
	case '"':
		s->in_string = true;
		s->nword = s->value ? s->nword : 0;
		return false;
	case ':':
		s->value = true;
		return false;
	case ',':
		s->value = false;
		return false;
	case '{':
	case '[':
		s->inside |= c == '{' && s->entries && s->depth == 3;
		open_bracket(s, c);
		return false;
	case '}':
	case ']':
		return close_bracket(s);
	default:
		return false;
	}
}

int har_split_feed(struct har_split *s, struct slice in, har_entry_fn fn, void *ctx)
{
	size_t from = 0;
	bool was_inside = s->inside;
	int r;

	for (size_t i = 0; i < in.n; i++) {
		bool ended = false;

		if (s->in_string)
			in_string(s, in.p[i]);
		else
			ended = structure(s, in.p[i]);
		if (s->inside && !was_inside)
			from = i;
		was_inside = s->inside;
		if (!ended)
			continue;
		buf_put(&s->entry, slice_cut(in, from, i + 1));
		s->inside = was_inside = false;
		r = s->entry.failed ? -ENOMEM : fn(ctx, buf_slice(&s->entry));
		buf_clear(&s->entry);
		if (r)
			return r;
	}
	if (s->inside)
		buf_put(&s->entry, slice_cut(in, from, in.n));
	if (s->entry.n > ENTRY_MAX)
		return -EMSGSIZE;
	return s->entry.failed ? -ENOMEM : 0;
}

int har_split_end(const struct har_split *s)
{
	if (!s->seen_log || !s->seen_entries)
		return -EBADMSG;
	return s->depth > 0 || s->in_string ? -EPIPE : 0;
}

void har_split_release(struct har_split *s)
{
	buf_release(&s->entry);
}
