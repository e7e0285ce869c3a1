/* SPDX-License-Identifier: Apache-2.0 */
/* TLS that nobody reads is a row of its own, one a connection: who talks to whom, by what name, how much, and why it is
 * not read.  Such a row must not appear and go away again, so it waits until it is sure: for a second, and where the
 * process's library is probed, until the client said something after the handshake (the probe would have seen it) and
 * nothing moves any more (a write of many megabytes is told at its end), or until the end.  While it is open its bytes are asked of the kernel, ever less often when nothing moves.
 *
 * The same questions give what each process moved by TLS, and how much of it was read. */
#include "conn/conn.h"

#define PROTO	    "tls"
#define SURE_NS	    1000000000u
#define PATIENCE_NS 30000000000u
#define ASK_NS	    1000000000u
#define ASK_MOST_NS 16000000000u

static bool is_secure(const struct conn *c)
{
	return c->is_tls || c->plain_seen || (c->peer && (c->peer->is_tls || c->peer->plain_seen));
}

static uint64_t moved(const struct layer *l, enum ev_dir dir)
{
	const struct dir *d = &l->dir[dir];

	return d->has_total && d->total > d->seen ? d->total : d->seen;
}

static uint64_t wire(const struct conn *c, enum ev_dir dir)
{
	uint64_t n = moved(&c->raw, dir), from = c->secure->from[dir];

	return n > from ? n - from : 0;
}

void unread_begin(struct layer *l)
{
	struct secure *s = secure_of(l->c);

	if (!s || s->since_ns)
		return;
	s->since_ns = l->c->t->now_ns;
	for (int i = 0; i < 2; i++)
		s->from[i] = l->dir[i].s ? stream_offset(l->dir[i].s) : l->dir[i].seen;
	unread_use(l->c); /* now its library is there */
}

/* --- why --- */

/* Bytes that a client's last message of the handshake, and the alert that closes the connection, take at most, behind the
 * head of their first record.  A request with its own record is more. */
static uint64_t farewell(const struct tls_facts *f)
{
	const char *cipher = tls_cipher_name(f->cipher);

	if (!cipher || strstr(cipher, "CBC"))
		return 120;
	return strstr(cipher, "SHA384") ? 96 : 80;
}

/* The client has said something after its part of the handshake. */
static bool talks(const struct conn *c)
{
	const struct tls_hs *h = c->secure->hs;
	int client = tls_hs_client(h);
	enum ev_dir dir = client >= 0		 ? (enum ev_dir)client
			  : c->side == EV_SERVER ? EV_READ
						 : EV_WRITE;
	bool hidden = c->raw.phase == PHASE_OPAQUE || tls_hs_done(h, dir);

	return hidden && wire(c, dir) > tls_hs_taken(h, dir) + farewell(tls_hs_facts(h));
}

static enum tls_reason of_process(const struct conn *c)
{
	const struct conn_table *t = c->t;

	return t->hooks.tls_why ? t->hooks.tls_why(t->ctx, c->self.pid) : TLS_WHY_UNKNOWN;
}

static enum tls_reason why(const struct conn *c)
{
	enum tls_reason r = of_process(c);

	if (c->plain_seen || (c->peer && c->peer->plain_seen))
		return TLS_WHY_UNTIL_LATER;
	if (tls_hs_facts(c->secure->hs)->alert_by && !talks(c))
		return TLS_WHY_BROKEN_OFF;
	if (r != TLS_WHY_READ)
		return r;
	if (c->late)
		return TLS_WHY_LATE;
	return talks(c) ? TLS_WHY_SOCKET : TLS_WHY_SILENT;
}

/* --- the row --- */

/* Of two ends that both see it, the client's has the row. */
static bool is_unread(const struct conn *c)
{
	const struct conn *p = c->peer;

	if (!c->is_tls || !c->secure || c->plain_seen || c->lender || c->covered)
		return false;
	if (!p || !p->is_tls || p->lender)
		return !p || !p->plain_seen;
	return !p->plain_seen && !(p->secure && p->secure->row) &&
	       (c->secure->row || c->side != EV_SERVER || p->side != EV_CLIENT);
}

static enum flow_state state_of(const struct conn *c, const struct flow *f, bool ended)
{
	if (!ended)
		return FLOW_OPEN;
	if (c->reset && !f->failed)
		return FLOW_RESET;
	return f->resp.body.len || c->late ? FLOW_DONE : FLOW_UNANSWERED;
}

/* The process, or how it uses its library, is why; not what the connection was. */
static bool blames_process(const struct conn *c, enum tls_reason r)
{
	return c->t->hooks.use && r != TLS_WHY_LATE && r != TLS_WHY_SILENT &&
	       r != TLS_WHY_BROKEN_OFF && r != TLS_WHY_UNTIL_LATER;
}

static void emit(struct conn *c, bool ended)
{
	struct secure *s = c->secure;
	const struct flow_tls *t = secure_describe(c, NULL);
	enum tls_reason reason = why(c);
	const struct tls_reason_text *r = tls_reason_text(reason);
	bool server = c->side == EV_SERVER;
	struct flow f = { .epoch_ns = c->t->epoch_ns, .conn = &c->raw.fc, .proto = PROTO };
	char name[120];

	if (!t)
		return;
	if (!s->row)
		conn_new_id(&c->raw, s->since_ns, s->id);
	if (!s->row && blames_process(c, reason))
		c->t->hooks.use(c->t->ctx, &(struct conn_use){ .pid = c->self.pid,
							       .cgroup_id = c->self.cgroup_id,
							       .comm = c->self.comm,
							       .unread = 1 });
	s->row = true;
	s->tls.road = "none";
	s->tls.library = s->tls.version = NULL;
	s->tls.reason = r->code;
	s->tls.why = r->text;
	s->tls.hint = r->hint;
	f.failed = t->alert != NULL;
	memcpy(f.id, s->id, sizeof(f.id));
	f.has_req = f.has_resp = true;
	f.req.begin_ns = s->since_ns;
	f.resp.end_ns = c->last_ns > s->since_ns ? c->last_ns : s->since_ns;
	f.req.body.len = wire(c, server ? EV_READ : EV_WRITE);
	f.resp.body.len = wire(c, server ? EV_WRITE : EV_READ);
	f.req.op = t->protocol ? t->protocol : "TLS";
	conn_server_name(c, name, sizeof(name));
	f.req.target = t->sni ? t->sni : name;
	f.resp.status = t->alert ? t->alert : r->code;
	f.state = state_of(c, &f, ended);
	if (c->raw.dir[EV_READ].after_gap || c->raw.dir[EV_WRITE].after_gap) /* of the handshake; the rest is only counted */
		f.flags |= FLOW_AFTER_GAP;
	s->reason = reason;
	s->told = wire(c, EV_READ) + wire(c, EV_WRITE);
	conn_emit_tls(&c->raw, &f, t);
	s->tls.reason = s->tls.why = s->tls.hint = NULL; /* not of its exchanges */
}

bool unread_waits(const struct conn *c)
{
	return c->t->hooks.tls_why && is_unread(c) && of_process(c) == TLS_WHY_UNKNOWN;
}

bool unread_end(struct conn *c)
{
	struct secure *s = c->secure;

	if (!s || s->ended || !(s->row || is_unread(c)))
		return false;
	s->ended = true;
	emit(c, true);
	return true;
}

/* Nothing moved between two of the kernel's answers, or for a while where everything that moves is seen. */
static bool is_quiet(const struct conn *c)
{
	const struct secure *s = c->secure;

	if (!s->wait_ns)
		return c->t->now_ns >= c->last_ns + SURE_NS;
	return s->wait_ns > ASK_NS && s->asked_sum == wire(c, EV_READ) + wire(c, EV_WRITE);
}

static bool is_sure(const struct conn *c)
{
	uint64_t now = c->t->now_ns, since = c->secure->since_ns;

	if (now < since + SURE_NS)
		return false;
	return of_process(c) != TLS_WHY_READ ||
	       (talks(c) && (is_quiet(c) || now >= since + PATIENCE_NS));
}

/* --- with time --- */

static void ask(struct conn *c, uint64_t sum)
{
	struct conn_table *t = c->t;
	struct secure *s = c->secure;

	if (c->raw.phase != PHASE_OPAQUE && !c->plain_seen)
		return; /* what moves is seen */
	s->wait_ns = sum != s->asked_sum || !s->wait_ns ? ASK_NS : s->wait_ns * 2;
	if (s->wait_ns > ASK_MOST_NS)
		s->wait_ns = ASK_MOST_NS;
	s->asked_sum = sum;
	s->ask_ns = t->now_ns + s->wait_ns;
	if (t->hooks.totals && !c->closing)
		t->hooks.totals(t->ctx, c->cookie);
}

void unread_use(struct conn *c)
{
	struct conn_table *t = c->t;
	struct secure *s = is_secure(c) && t->hooks.use ? secure_of(c) : NULL;
	uint64_t plain, sum;

	if (!s)
		return;
	plain = moved(&c->plain, EV_READ) + moved(&c->plain, EV_WRITE);
	sum = wire(c, EV_READ) + wire(c, EV_WRITE);
	if (sum > s->used_wire || plain > s->used_plain || !s->used)
		t->hooks.use(t->ctx,
			     &(struct conn_use){
				     .pid = c->self.pid,
				     .cgroup_id = c->self.cgroup_id,
				     .comm = c->self.comm,
				     .wire = sum > s->used_wire ? sum - s->used_wire : 0,
				     .plain = plain > s->used_plain ? plain - s->used_plain : 0,
				     .tls_conns = !s->used });
	s->used = true;
	s->used_wire = sum > s->used_wire ? sum : s->used_wire;
	s->used_plain = plain > s->used_plain ? plain : s->used_plain;
}

void unread_tick(struct conn *c)
{
	struct secure *s;
	uint64_t sum;

	if (!is_secure(c) || !(s = secure_of(c)))
		return;
	unread_use(c);
	sum = wire(c, EV_READ) + wire(c, EV_WRITE) + moved(&c->plain, EV_READ) +
	      moved(&c->plain, EV_WRITE);
	if (c->t->now_ns >= s->ask_ns || (c->plain_seen && sum != s->asked_sum))
		ask(c, sum);
	if (s->ended || c->closing || !is_unread(c))
		return;
	if (s->row ? s->told != wire(c, EV_READ) + wire(c, EV_WRITE) || s->reason != why(c)
		   : is_sure(c))
		emit(c, false);
}
