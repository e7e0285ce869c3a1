/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection's TLS says in the clear, for its flows. */
#include "conn/conn.h"

#include <stdio.h>
#include <stdlib.h>

struct secure *secure_of(struct conn *c)
{
	if (!c->secure)
		c->secure = calloc(1, sizeof(*c->secure));
	if (c->secure && !c->secure->hs)
		c->secure->hs = tls_hs_new();
	if (c->secure && c->secure->hs)
		return c->secure;
	c->t->stats.nomem++;
	return NULL;
}

void secure_release(struct conn *c)
{
	if (!c->secure)
		return;
	tls_hs_free(c->secure->hs);
	free(c->secure->copy);
	free(c->secure);
	c->secure = NULL;
}

size_t secure_held(const struct conn *c)
{
	const struct secure *s = c->secure;

	return s ? sizeof(*s) + (s->hs ? tls_hs_held(s->hs) : 0) + (s->copy ? sizeof(*s->copy) : 0)
		 : 0;
}

/* --- reading --- */

bool secure_read(struct layer *l, enum ev_dir dir)
{
	struct dir *d = &l->dir[dir];
	struct secure *s = secure_of(l->c);
	struct slice in = d->s ? stream_head(d->s) : (struct slice){ 0 };

	if (d->hello_done || !d->s)
		return false;
	if (s && in.n > 0) {
		(void)tls_hs_feed(s->hs, dir, in); /* what is wrong with it ends it */
		stream_consume(d->s, in.n);
	}
	if (s && layer_skip_gap(l, d, 0) > 0)
		tls_hs_lost(s->hs, dir);
	if (s && !tls_hs_done(s->hs, dir))
		return false;
	d->hello_done = true;
	stream_free(d->s);
	d->s = NULL;
	return true;
}

/* --- telling --- */

static const struct tls_facts *own_facts(const struct conn *c)
{
	return c && c->secure && c->secure->hs ? tls_hs_facts(c->secure->hs) : NULL;
}

/* As this end saw the handshake; when it did not see the server's part and the other end did, as that one did. */
static const struct tls_facts *facts_of(struct conn *c)
{
	const struct tls_facts *own = own_facts(c), *other = own_facts(c->peer);
	struct secure *s = c->secure;

	if (own && (own->flags & TLS_SERVER_SEEN))
		return own;
	if (other && (other->flags & TLS_SERVER_SEEN)) { /* that end may go away first */
		if (!s->copy)
			s->copy = malloc(sizeof(*s->copy));
		if (!s->copy)
			c->t->stats.nomem++;
		else
			*s->copy = *other;
	}
	return s->copy ? s->copy : own;
}

static const char *text(const char *s)
{
	return s[0] ? s : NULL;
}

/* A number without a name is shown as such. */
static const char *named(const char *name, uint16_t number, char *room, size_t size)
{
	if (name || !number)
		return name;
	(void)snprintf(room, size, "0x%04X", number);
	return room;
}

static unsigned flags_of(const struct tls_facts *f)
{
	return (f->flags & TLS_RESUMED ? FLOW_TLS_RESUMED : 0u) |
	       (f->flags & TLS_RETRIED ? FLOW_TLS_RETRIED : 0u) |
	       (f->flags & TLS_EARLY_DATA ? FLOW_TLS_EARLY_DATA : 0u) |
	       (f->flags & TLS_ECH ? FLOW_TLS_ECH : 0u) |
	       (f->flags & TLS_CLIENT_CERT ? FLOW_TLS_CLIENT_CERT : 0u);
}

static void tell_alert(const struct tls_facts *f, struct flow_tls *t, char *room, size_t size)
{
	const char *name = tls_alert_name(f->alert);

	if (f->alert_by == TLS_NOBODY)
		return;
	if (!name && f->alert != TLS_ALERT_HIDDEN)
		(void)snprintf(room, size, "%u", f->alert);
	t->alert = name ? name : f->alert == TLS_ALERT_HIDDEN ? "encrypted" : room;
	t->alert_by = f->alert_by == TLS_CLIENT ? "client" : "server";
}

static void tell_facts(struct secure *s, const struct tls_facts *f, const struct proto *p)
{
	struct flow_tls *t = &s->tls;

	t->sni = text(f->sni);
	t->offered = text(f->offered);
	t->protocol = tls_version_name(f->version);
	t->cipher = named(tls_cipher_name(f->cipher), f->cipher, s->cipher, sizeof(s->cipher));
	t->group = named(tls_group_name(f->group), f->group, s->group, sizeof(s->group));
	t->subject = text(f->subject);
	t->issuer = text(f->issuer);
	t->names = text(f->names);
	t->not_after = f->not_after;
	t->flags = flags_of(f);
	tell_alert(f, t, s->alert, sizeof(s->alert));
	if (f->chosen[0])
		t->alpn = f->chosen;
	else if (p && p->alpn && tls_list_has(f->offered, p->alpn))
		t->alpn = p->alpn; /* TLS 1.3 encrypts the choice; what is spoken tells it */
}

static const char *mapping_of(const struct conn *c)
{
	static const char *const names[] = {
		[EV_SURE_NONE] = NULL,
		[EV_SURE_NESTED] = "nested",
		[EV_SURE_STICKY] = "sticky",
		[EV_SURE_MATCHED] = "matched",
	};

	return names[c->sure];
}

const struct flow_tls *secure_describe(struct conn *c, const struct proto *p)
{
	struct conn_table *t = c->t;
	struct secure *s = secure_of(c);
	const struct tls_facts *f;

	if (!s)
		return NULL;
	s->tls.road = "probes";
	s->tls.mapping = mapping_of(c);
	if (c->tls_row == EV_TLS_KERNEL) {
		s->tls.library = "kernel";
		s->tls.road = "kernel";
	} else if (!s->tls.library && t->hooks.tls) {
		t->hooks.tls(t->ctx, c->tls_row, c->tls_lib, &s->tls);
	}
	f = facts_of(c);
	if (f)
		tell_facts(s, f, p);
	return &s->tls;
}
