/* SPDX-License-Identifier: Apache-2.0 */
/* Records.  A direction is read until what it says is encrypted: the first record of application data (TLS 1.3 sends
 * the rest of its handshake as such), or before TLS 1.3 what follows ChangeCipherSpec.  In TLS 1.3 that record means
 * nothing (RFC 8446, D.4) and may come before a second ClientHello. */
#include "proto/tls_priv.h"

#include <errno.h>
#include <stdlib.h>

#define RECORD_MAX (16384 + 2048) /* TLSCiphertext before TLS 1.3; RFC 5246, 6.2.3 */
#define ALERT_SIZE 2
/* An alert in TLS 1.3: two bytes, the type, and the tag of the AEAD (RFC 8446, 5.2; RFC 5116, 5.1).  Nothing that
 * begins an encrypted flight is as short: EncryptedExtensions has 23 bytes, Finished 53 or 69. */
#define HIDDEN_ALERT 19

enum { RECORD_CCS = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23 };

struct way {			  /* one direction */
	uint8_t head[5], nhead;	  /* of the record */
	uint8_t mhead[4], nmhead; /* of the message */
	uint8_t alert[ALERT_SIZE], nalert;
	uint8_t by; /* enum tls_by */
	bool ccs, done;
	uint64_t taken;
	uint32_t left;	/* bytes of the record still to come */
	uint32_t mleft; /* of the message */
	struct buf msg;
};

struct tls_hs {
	struct way way[2];
	struct tls_facts facts;
	bool server_done;
};

struct tls_hs *tls_hs_new(void)
{
	return calloc(1, sizeof(struct tls_hs));
}

void tls_hs_free(struct tls_hs *h)
{
	if (!h)
		return;
	buf_release(&h->way[0].msg);
	buf_release(&h->way[1].msg);
	free(h);
}

const struct tls_facts *tls_hs_facts(const struct tls_hs *h)
{
	return &h->facts;
}

uint64_t tls_hs_taken(const struct tls_hs *h, unsigned dir)
{
	return h->way[dir & 1].taken;
}

bool tls_hs_done(const struct tls_hs *h, unsigned dir)
{
	return h->way[dir & 1].done;
}

int tls_hs_client(const struct tls_hs *h)
{
	for (int i = 0; i < 2; i++)
		if (h->way[i].by != TLS_NOBODY)
			return h->way[i].by == TLS_CLIENT ? i : !i;
	return -1;
}

size_t tls_hs_held(const struct tls_hs *h)
{
	return sizeof(*h) + h->way[0].msg.cap + h->way[1].msg.cap;
}

static void finish(struct way *w)
{
	w->done = true;
	buf_release(&w->msg);
}

void tls_hs_lost(struct tls_hs *h, unsigned dir)
{
	finish(&h->way[dir & 1]);
}

/* --- probes --- */

int tls_record_probe(struct slice in)
{
	struct rd r = rd_init(in);
	uint8_t type = rd_u8(&r), major = rd_u8(&r), minor = rd_u8(&r);
	uint16_t len = rd_be16(&r);

	if ((in.n > 0 && (type < RECORD_CCS || type > RECORD_DATA)) || (in.n > 1 && major != 3) ||
	    (in.n > 2 && minor > 4))
		return -EINVAL;
	if (in.n < 5)
		return -EAGAIN;
	return len > 0 && len <= RECORD_MAX ? 0 : -EINVAL;
}

int tls_hello_probe(struct slice in)
{
	int rc = tls_record_probe(in);

	if (rc == -EINVAL || (in.n > 0 && in.p[0] != RECORD_HANDSHAKE))
		return -EINVAL;
	if (in.n < 6)
		return -EAGAIN;
	return in.p[5] == TLS_CLIENT_HELLO || in.p[5] == TLS_SERVER_HELLO ? 0 : -EINVAL;
}

bool tls_list_has(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; *p; p += *p == ',') {
		size_t len = strcspn(p, ",");

		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len;
	}
	return false;
}

/* --- messages --- */

static int message_whole(struct tls_hs *h, struct way *w)
{
	uint8_t type = w->mhead[0];
	int rc = w->msg.failed ? -ENOMEM : 0;

	w->nmhead = 0;
	if (type == TLS_CLIENT_HELLO)
		w->by = TLS_CLIENT;
	if (type == TLS_SERVER_HELLO)
		w->by = TLS_SERVER;
	if (type == TLS_CERTIFICATE && w->by == TLS_CLIENT) {
		/* A client that was asked and has none sends an empty list. */
		h->facts.flags |= w->msg.n > 3 ? TLS_CLIENT_CERT : 0;
	} else if (!rc && !tls_message_read(type, buf_slice(&w->msg), &h->facts)) {
		rc = -EPROTO;
	}
	if (type == TLS_SERVER_HELLO_DONE)
		h->server_done = true;
	buf_release(&w->msg);
	return rc;
}

static int take_handshake(struct tls_hs *h, struct way *w, struct slice in)
{
	int rc = 0;

	while (in.n > 0 && rc == 0) {
		size_t n, want;

		if (w->nmhead < sizeof(w->mhead)) {
			w->mhead[w->nmhead++] = slice_at(in, 0);
			in = slice_cut(in, 1, in.n);
			w->mleft = (uint32_t)w->mhead[1] << 16 | (uint32_t)w->mhead[2] << 8 |
				   w->mhead[3];
			if (w->nmhead == sizeof(w->mhead) && w->mleft == 0)
				rc = message_whole(h, w);
			continue;
		}
		n = in.n < w->mleft ? in.n : w->mleft;
		want = tls_message_wants(w->mhead[0]);
		want = want > w->msg.n ? want - w->msg.n : 0;
		buf_put(&w->msg, slice_cut(in, 0, n < want ? n : want));
		w->mleft -= (uint32_t)n;
		in = slice_cut(in, n, in.n);
		if (w->mleft == 0)
			rc = message_whole(h, w);
	}
	return rc;
}

static uint8_t who(const struct tls_hs *h, const struct way *w)
{
	const struct way *other = w == &h->way[0] ? &h->way[1] : &h->way[0];

	if (w->by != TLS_NOBODY)
		return w->by;
	return other->by == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;
}

static void take_alert(struct tls_hs *h, struct way *w, struct slice in)
{
	for (size_t i = 0; i < in.n && w->nalert < ALERT_SIZE; i++)
		w->alert[w->nalert++] = slice_at(in, i);
	if (w->nalert < ALERT_SIZE || w->left > in.n)
		return;
	w->nalert = 0;
	/* The first fatal one ends it (RFC 8446, 6.2); close_notify and warnings such as unrecognized_name do not. */
	if (!h->facts.alert_by && w->alert[1] != 0 &&
	    (w->alert[0] == 2 || h->facts.version == TLS_1_3)) {
		h->facts.alert = w->alert[1];
		h->facts.alert_by = who(h, w);
	}
}

static void take_ccs(struct tls_hs *h, struct way *w)
{
	w->ccs = true;
	if (w->by == TLS_SERVER && h->facts.version && h->facts.version < TLS_1_3 &&
	    !h->server_done)
		h->facts.flags |= TLS_RESUMED; /* RFC 5246, 7.3: the short handshake */
}

/* --- records --- */

static bool may_be_early(const struct tls_hs *h, const struct way *w)
{
	return w->by == TLS_CLIENT && (h->facts.flags & TLS_EARLY_DATA) &&
	       (!(h->facts.flags & TLS_SERVER_SEEN) || (h->facts.flags & TLS_RETRIED)) && !w->ccs;
}

/* A record that nobody can read begins: its length is all that it says. */
static void hidden(struct tls_hs *h, struct way *w)
{
	if (w->head[0] == RECORD_DATA && h->facts.version == TLS_1_3 && w->left == HIDDEN_ALERT &&
	    !h->facts.alert_by) {
		h->facts.alert = TLS_ALERT_HIDDEN;
		h->facts.alert_by = who(h, w);
	}
	finish(w);
}

/* Its header is here.  -EPROTO: it is none. */
static int begin_record(struct tls_hs *h, struct way *w)
{
	uint8_t type = w->head[0];

	if (tls_record_probe((struct slice){ w->head, sizeof(w->head) }) < 0)
		return -EPROTO;
	w->left = (uint32_t)w->head[3] << 8 | w->head[4];
	if (type == RECORD_DATA && may_be_early(h, w))
		return 0;
	if (type == RECORD_DATA ||
	    (w->ccs && type == RECORD_HANDSHAKE && h->facts.version != TLS_1_3) ||
	    (type == RECORD_ALERT && w->left != ALERT_SIZE))
		hidden(h, w);
	return 0;
}

static int take(struct tls_hs *h, struct way *w, struct slice in)
{
	switch (w->head[0]) {
	case RECORD_HANDSHAKE:
		return take_handshake(h, w, in);
	case RECORD_ALERT:
		take_alert(h, w, in);
		break;
	case RECORD_CCS:
		take_ccs(h, w);
		break;
	default: /* early data */
		break;
	}
	return 0;
}

int tls_hs_feed(struct tls_hs *h, unsigned dir, struct slice in)
{
	struct way *w = &h->way[dir & 1];
	int rc = 0;

	while (in.n > 0 && !w->done && rc == 0) {
		size_t n = in.n < w->left ? in.n : w->left;

		if (w->left == 0) {
			w->head[w->nhead++] = slice_at(in, 0);
			w->taken++;
			in = slice_cut(in, 1, in.n);
			if (w->nhead < sizeof(w->head))
				continue;
			w->nhead = 0;
			rc = begin_record(h, w);
			continue;
		}
		rc = take(h, w, slice_cut(in, 0, n));
		w->left -= (uint32_t)n;
		w->taken += n;
		in = slice_cut(in, n, in.n);
	}
	if (rc < 0)
		finish(w);
	return rc < 0 ? rc : w->done;
}
