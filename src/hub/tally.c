/* SPDX-License-Identifier: Apache-2.0 */
/* A mark is a string of its own, shared by all rows that have the same: the colour's digit, 'P' or '-', the note. */
#include "hub/tally.h"

#include <errno.h>
#include <inttypes.h>

#include "hub/list.h"

#define SLOW_NS UINT64_C(1000000000) /* is:slow */

static void count_proto(struct tally *t, uint32_t proto, int by)
{
	size_t i = 0;

	while (i < t->nprotos && t->protos[i].proto != proto)
		i++;
	if (i == t->nprotos) {
		if (by < 0 || i == TALLY_PROTOS)
			return;
		t->protos[t->nprotos++] = (struct tally_proto){ .proto = proto };
	}
	t->protos[i].rows += (uint64_t)(int64_t)by;
	if (t->protos[i].rows == 0)
		t->protos[i] = t->protos[--t->nprotos];
}

static void count(uint64_t *n, bool is, int by)
{
	*n += is ? (uint64_t)(int64_t)by : 0;
}

void tally_row(struct list *l, const struct row *r, int by)
{
	struct tally *t = &l->tally;
	struct flow_mark m = { 0 };

	(void)row_mark(l, r, &m); /* none: nothing of it is set */
	count(&t->error, (r->bits & ROW_FAILED) || r->state == FLOW_RESET, by);
	count(&t->slow, r->dur_ns != ROW_NO_DURATION && r->dur_ns >= SLOW_NS, by);
	count(&t->pending, r->state == FLOW_OPEN, by);
	count(&t->tls, r->tls != 0, by);
	count(&t->marked, m.colour != 0, by);
	count(&t->noted, m.note != NULL, by);
	count(&t->pinned, m.pinned, by);
	count_proto(t, r->proto, by);
}

void tally_json(const struct list *l, struct buf *out)
{
	const struct tally *t = &l->tally;

	buf_printf(out,
		   "{\"error\":%" PRIu64 ",\"slow\":%" PRIu64 ",\"pending\":%" PRIu64 ",\"tls\":%" PRIu64
		   ",\"marked\":%" PRIu64 ",\"noted\":%" PRIu64 ",\"pinned\":%" PRIu64 ",\"protos\":{",
		   t->error, t->slow, t->pending, t->tls, t->marked, t->noted, t->pinned);
	for (size_t i = 0; i < t->nprotos; i++) {
		buf_puts(out, i ? "," : "");
		buf_put_json_str(out, intern_get(&l->strings, t->protos[i].proto));
		buf_printf(out, ":%" PRIu64, t->protos[i].rows);
	}
	buf_puts(out, "}}");
}

/* --- marks ----------------------------------------------------------------------------------------------- */

bool row_mark(const struct list *l, const struct row *r, struct flow_mark *ret)
{
	struct slice s = intern_get(&l->strings, r->mark);

	if (s.n < 2)
		return false;
	*ret = (struct flow_mark){
		.colour = (unsigned)(s.p[0] - '0'),
		.pinned = s.p[1] == 'P',
		.note = s.n > 2 ? (const char *)s.p + 2 : NULL,
	};
	return true;
}

int list_set_mark(struct list *l, struct row *r, const struct flow_mark *m)
{
	struct buf b = { 0 };
	uint32_t id = 0;
	int e = 0;

	if (m && (m->colour || m->pinned || m->note)) {
		buf_printf(&b, "%c%c", (char)('0' + m->colour % 10), m->pinned ? 'P' : '-');
		buf_put(&b, slice_cut(slice_str(m->note), 0, FLOW_NOTE_MAX));
		id = b.failed ? 0 : intern_put(&l->strings, buf_slice(&b));
		e = id ? 0 : -ENOMEM;
	}
	buf_release(&b);
	if (e == 0) {
		intern_drop(&l->strings, r->mark);
		r->mark = id;
	}
	return e;
}
