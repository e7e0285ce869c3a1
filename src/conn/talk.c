/* SPDX-License-Identifier: Apache-2.0 */
/* What no protocol reads is shown all the same: one flow a connection (and another one for what follows a protocol that
 * ended, or that turned out not to be it), protocol "tcp", open while it lives, with the bytes that went each way
 * and the first of them.
 *
 * Once that is decided and enough of the first bytes are there, nothing more is copied: the kernel is asked how much
 * moved, ever less often. */
#include "conn/conn.h"

#include <stdlib.h>

#define PROTO	    "tcp"
#define FIRST_BYTES 4096u
#define TALK_BYTES  65536u /* after so many, what is there of the first bytes has to do */
#define TELL_NS	    1000000000u
#define TELL_MOST_NS 16000000000u

struct talk {
	struct first {		  /* by enum ev_dir */
		uint64_t from;	  /* position where it begins */
		uint64_t before;  /* bytes counted under earlier positions */
		uint64_t begin_ns, end_ns;
		uint64_t sum;	  /* as counted when end_ns was noted */
		uint8_t *p;
		size_t n;
		bool full; /* no more of them are wanted */
	} dir[2];
	uint8_t id[16];
	const struct proto *after;
	unsigned flags;
	bool sure; /* nothing else will be found */
	bool here; /* it ends with the bytes that were read */
	bool row;  /* was written */
	uint64_t told, begun_ns, tell_ns, wait_ns;
};

static uint64_t count(const struct layer *l, enum ev_dir dir)
{
	const struct dir *d = &l->dir[dir];
	const struct first *f = &l->talk->dir[dir];
	uint64_t n = d->has_total && d->total > d->seen ? d->total : d->seen;
	uint64_t from = f->from > d->start ? f->from : d->start;

	if (l->talk->here && d->s)
		n = stream_offset(d->s);
	return f->before + (n > from ? n - from : 0);
}

static uint64_t total(const struct layer *l)
{
	return count(l, EV_READ) + count(l, EV_WRITE);
}

/* --- its bytes --- */

static struct talk *talk_of(struct layer *l)
{
	struct talk *t = l->talk ? l->talk : calloc(1, sizeof(*t));

	if (!t) {
		l->c->t->stats.nomem++;
		return NULL;
	}
	if (l->talk)
		return t;
	l->talk = t;
	t->after = l->after;
	t->begun_ns = l->c->t->now_ns;
	for (int i = 0; i < 2; i++) {
		const struct dir *d = &l->dir[i];

		t->dir[i].from = d->s ? stream_offset(d->s) : d->start;
	}
	return t;
}

static void keep(struct layer *l, struct first *f, struct slice in)
{
	size_t n = in.n < FIRST_BYTES - f->n ? in.n : FIRST_BYTES - f->n;
	uint8_t *p = n ? realloc(f->p, f->n + n) : NULL;

	if (n && !p) {
		l->c->t->stats.nomem++;
		f->full = true;
		return;
	}
	if (n) {
		memcpy(p + f->n, in.p, n);
		f->p = p;
		f->n += n;
	}
	f->full = f->n == FIRST_BYTES;
}

void talk_keep(struct layer *l, enum ev_dir dir, size_t n)
{
	struct dir *d = &l->dir[dir];
	struct talk *t = n && d->s ? talk_of(l) : NULL;
	struct first *f;

	if (!t)
		return;
	f = &t->dir[dir];
	if (!f->begin_ns)
		f->begin_ns = stream_time(d->s, 0);
	f->full |= f->before > 0; /* there was more of it than that */
	if (f->full)
		return;
	if (stream_offset(d->s) != (f->from > d->start ? f->from : d->start) + f->n) {
		t->flags |= layer_lost_flag(d); /* what is kept has no holes */
		f->full = true;
		return;
	}
	keep(l, f, slice_cut(stream_head(d->s), 0, n));
}

void talk_begin(struct layer *l)
{
	struct talk *t = talk_of(l);

	if (!t) { /* as many as there are, it is counted and no more */
		layer_opaque(l);
		return;
	}
	t->sure = true;
	l->phase = PHASE_TALK;
	talk_moved(l);
}

/* What is copied from here on would not be looked at. */
static bool has_enough(const struct layer *l)
{
	const struct talk *t = l->talk;

	return (t->dir[0].full && t->dir[1].full) || total(l) >= TALK_BYTES;
}

static void want_nothing(struct layer *l)
{
	struct conn_table *t = l->c->t;

	layer_opaque(l);
	for (int i = 0; i < 2 && l->plain; i++)
		if (t->hooks.skip && l->dir[i].skip_to != UINT64_MAX) {
			l->dir[i].skip_to = UINT64_MAX;
			t->hooks.skip(t->ctx, l->c->cookie, (enum ev_dir)i, true, UINT64_MAX);
		}
}

void talk_read(struct layer *l)
{
	bool wait = false;

	if (!l->plain && l->c->plain_seen) { /* ciphertext */
		talk_drop(l);
		layer_opaque(l);
		return;
	}
	if (layer_turn_tls(l, &wait) || wait)
		return;
	for (int i = 0; i < 2; i++) {
		struct dir *d = &l->dir[i];

		do {
			size_t n = d->s ? stream_head(d->s).n : 0;

			talk_keep(l, (enum ev_dir)i, n);
			if (n)
				stream_consume(d->s, n);
		} while (layer_skip_gap(l, d, 0) > 0);
	}
	if (has_enough(l))
		want_nothing(l);
}

/* --- telling --- */

void talk_moved(struct layer *l)
{
	struct talk *t = l->talk;

	for (int i = 0; i < 2 && t; i++) {
		uint64_t n = count(l, (enum ev_dir)i);

		if (n == t->dir[i].sum)
			continue;
		t->dir[i].sum = n;
		t->dir[i].end_ns = l->c->t->now_ns;
		if (!t->dir[i].begin_ns)
			t->dir[i].begin_ns = l->c->t->now_ns;
	}
}

/* It is this end's to tell, and no ciphertext. */
static bool is_ours(const struct layer *l)
{
	const struct conn *c = l->c, *p = c->peer;

	if (c->lender || c->covered || (!l->plain && c->plain_seen))
		return false;
	return !p || p->lender || (!p->recognised && !p->plain_seen);
}

static struct flow_half half(const struct layer *l, enum ev_dir dir)
{
	const struct first *f = &l->talk->dir[dir];

	return (struct flow_half){ .begin_ns = f->begin_ns,
				   .end_ns = f->end_ns,
				   .body = { .data = { f->p, f->n },
					     .len = count(l, dir),
					     .captured = f->n } };
}

/* Its first and its last byte, whoever sent them. */
static void set_times(struct flow *f)
{
	struct flow_half *q = &f->req, *a = &f->resp;

	if (a->begin_ns && (!q->begin_ns || a->begin_ns < q->begin_ns))
		q->begin_ns = a->begin_ns;
	if (a->end_ns < q->end_ns)
		a->end_ns = q->end_ns;
}

/* Of its first bytes some never came, and nobody chose to leave them out. */
static unsigned missing(const struct layer *l)
{
	for (int i = 0; i < 2; i++) {
		const struct first *f = &l->talk->dir[i];

		if (!f->full && f->n < count(l, (enum ev_dir)i) && l->phase != PHASE_OPAQUE)
			return FLOW_AFTER_GAP;
	}
	return 0;
}

static void emit(struct layer *l, bool ended)
{
	struct conn *c = l->c;
	struct talk *t = l->talk;
	enum ev_dir asks = c->side == EV_SERVER ? EV_READ : EV_WRITE;
	struct flow f = { .epoch_ns = c->t->epoch_ns, .conn = &l->fc, .proto = PROTO };
	const struct flow_tls *tls = l->plain ? secure_describe(c, NULL) : NULL;
	struct flow_attr attrs[2];
	size_t nattrs = 0;
	uint64_t q, a;
	char name[120];

	talk_moved(l);
	conn_server_name(c, name, sizeof(name));
	f.has_req = f.has_resp = true;
	f.req = half(l, asks);
	f.resp = half(l, (enum ev_dir) !asks);
	q = f.req.begin_ns;
	a = f.resp.begin_ns;
	set_times(&f);
	if (!t->row)
		conn_new_id(l, f.req.begin_ns, t->id);
	memcpy(f.id, t->id, sizeof(f.id));
	if (q || a)
		attrs[nattrs++] = (struct flow_attr){ "first", a && (!q || a < q) ? "server" : "client" };
	if (t->after)
		attrs[nattrs++] = (struct flow_attr){ "after", t->after->name };
	f.req.attrs = attrs;
	f.req.nattrs = nattrs;
	f.req.op = c->l4 == EV_UNIX ? "UNIX" : "TCP";
	f.req.target = tls && tls->sni ? tls->sni : name;
	f.resp.status = "unknown";
	f.state = !ended ? FLOW_OPEN : c->reset ? FLOW_RESET : FLOW_DONE;
	f.flags = t->flags | (ended ? missing(l) : 0);
	t->row = true;
	t->told = total(l);
	conn_emit_tls(l, &f, tls);
}

/* --- with time --- */

bool talk_waits(const struct layer *l)
{
	return l->talk && l->talk->sure && !l->talk->row && is_ours(l);
}

void talk_flush(struct layer *l)
{
	struct conn_table *t = l->c->t;

	if (talk_waits(l) && total(l) && t->now_ns >= l->talk->begun_ns + t->lim.open_ns)
		emit(l, false);
}

void talk_tick(struct layer *l)
{
	struct conn_table *t = l->c->t;
	struct talk *k = l->talk;

	if (!k || l->c->closing || t->now_ns < k->tell_ns)
		return;
	if (k->tell_ns && is_ours(l) && k->told != total(l) &&
	    (k->sure || k->wait_ns == TELL_MOST_NS)) /* detection has been searching for long */
		emit(l, false);
	k->wait_ns = !k->wait_ns ? TELL_NS : k->wait_ns * 2;
	if (k->wait_ns > TELL_MOST_NS)
		k->wait_ns = TELL_MOST_NS;
	k->tell_ns = t->now_ns + k->wait_ns;
	if (l->phase == PHASE_OPAQUE && t->hooks.totals)
		t->hooks.totals(t->ctx, l->c->cookie);
}

/* --- the end --- */

void talk_rebase(struct layer *l)
{
	for (int i = 0; i < 2 && l->talk; i++) {
		struct first *f = &l->talk->dir[i];

		f->before = count(l, (enum ev_dir)i);
		f->from = 0; /* the direction's start says it */
	}
}

void talk_release(struct layer *l)
{
	for (int i = 0; i < 2 && l->talk; i++)
		free(l->talk->dir[i].p);
	free(l->talk);
	l->talk = NULL;
}

bool talk_end(struct layer *l)
{
	bool ours = l->talk && (l->talk->row || (is_ours(l) && total(l)));

	if (ours)
		emit(l, true);
	talk_release(l);
	return ours;
}

void talk_drop(struct layer *l)
{
	if (l->talk)
		l->talk->here = true;
	if (l->talk && l->talk->row)
		emit(l, true);
	talk_release(l);
}

void talk_end_here(struct layer *l)
{
	if (l->talk)
		l->talk->here = true;
	(void)talk_end(l);
}

bool talk_finish(struct layer *l)
{
	bool undecided = !l->spoke && (l->phase == PHASE_DETECT || l->phase == PHASE_PARSE);

	for (int i = 0; i < 2 && undecided; i++)
		if (l->dir[i].s)
			talk_keep(l, (enum ev_dir)i, stream_head(l->dir[i].s).n);
	if (undecided && (l->dir[0].seen > l->dir[0].start || l->dir[1].seen > l->dir[1].start))
		(void)talk_of(l); /* counted when there is no memory */
	return talk_end(l);
}

size_t talk_held(const struct layer *l)
{
	return l->talk ? sizeof(*l->talk) + l->talk->dir[0].n + l->talk->dir[1].n : 0;
}
