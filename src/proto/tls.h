/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - what a TLS connection says in the clear: the hellos, the certificates before TLS 1.3, broken handshakes.
 *
 * No struct proto: nothing of it is a request.  The records of both directions are fed as they come, cut anywhere; what
 * is kept is the facts, and while a message of the handshake is incomplete, the message.
 * RFC 8446 (TLS 1.3), 5246 (1.2), 4346 (1.1), 2246 (1.0), 6066 (server_name), 7301 (ALPN).
 */
#ifndef LIMPID_PROTO_TLS_H
#define LIMPID_PROTO_TLS_H

#include "base/bytes.h"

#define TLS_1_3 0x0304

enum tls_fact {
	TLS_RESUMED =
		1, /* of an earlier session (its ticket, id or PSK): no certificate was sent */
	TLS_RETRIED = 2,    /* HelloRetryRequest: the client's first key share did not suit */
	TLS_EARLY_DATA = 4, /* the client sent, or offered to send, data with its first flight */
	TLS_ECH =
		8, /* encrypted_client_hello is there: sni may be a public name in place of the real
			      * one.  Browsers send an empty one to everybody (draft-ietf-tls-esni, 6.2) */
	TLS_CLIENT_CERT = 16, /* before TLS 1.3: the client sent a certificate */
	TLS_CLIENT_SEEN = 32, /* the ClientHello */
	TLS_SERVER_SEEN = 64, /* the ServerHello */
};

/* Texts are printable ASCII or UTF-8, "" when not said or not seen; what does not fit is cut. */
struct tls_facts {
	unsigned flags;		/* enum tls_fact */
	uint16_t version;	/* chosen; 0: no ServerHello */
	uint16_t highest;	/* that the client offers; 0: no ClientHello */
	uint16_t cipher, group; /* chosen; 0: not known */
	char sni[256], offered[128],
		chosen[64]; /* ALPN names with commas between, in their order */
	/* The server's certificate. */
	char subject[160], issuer[160],
		names[320]; /* names: DNS names and addresses, commas between */
	int64_t not_after;  /* Unix time, s; 0: not seen */
	uint8_t alert;	    /* of TLS_ALERT_SEEN: its number */
	uint8_t alert_by;   /* enum tls_by: who broke the handshake off */
};
enum tls_by { TLS_NOBODY, TLS_CLIENT, TLS_SERVER };
#define TLS_ALERT_HIDDEN \
	255 /* an encrypted one: its length shows what it is, its reason is not to be seen */

struct tls_hs; /* a handshake being read */

struct tls_hs *tls_hs_new(void); /* NULL: out of memory */
/* The next bytes of direction dir (0 or 1).  0: more is wanted; 1: this direction says no more in the clear, and
 * takes no more bytes; -EPROTO: these are no TLS records (the same then); -ENOMEM: something was not kept. */
int tls_hs_feed(struct tls_hs *h, unsigned dir, struct slice in);
void tls_hs_lost(struct tls_hs *h,
		 unsigned dir); /* bytes are missing: nothing more is read of dir */
/* Bytes of dir that were taken: those in the clear, and the head of the first record that is not. */
uint64_t tls_hs_taken(const struct tls_hs *h, unsigned dir);
bool tls_hs_done(const struct tls_hs *h, unsigned dir);
const struct tls_facts *tls_hs_facts(const struct tls_hs *h);
/* Which direction is the client's: 0, 1, or -1: not known. */
int tls_hs_client(const struct tls_hs *h);
size_t tls_hs_held(const struct tls_hs *h);
void tls_hs_free(struct tls_hs *h);

/* Does in begin like a record of a handshake with a hello in it?  -EAGAIN: too short to say; 0: yes; -EINVAL: no. */
int tls_hello_probe(struct slice in);
/* Does in begin like any TLS record, as in the middle of a connection?  As above. */
int tls_record_probe(struct slice in);
/* Is name one of the protocols in list, which has commas between them? */
bool tls_list_has(const char *list, const char *name);

/* Names as their registries have them; NULL: not in our tables. */
const char *tls_version_name(uint16_t version); /* "TLS 1.3" */
const char *tls_cipher_name(uint16_t cipher);	/* "TLS_AES_128_GCM_SHA256" */
const char *tls_group_name(uint16_t group);	/* "x25519" */
const char *tls_alert_name(uint8_t alert);	/* "unknown_ca" */

/* What is in a certificate (X.509, RFC 5280) goes to the facts.  False: it is none. */
bool tls_cert_read(struct slice der, struct tls_facts *f);

#endif
