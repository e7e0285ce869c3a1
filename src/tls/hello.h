/* SPDX-License-Identifier: Apache-2.0 */
/* hello.h - what the first records of a TLS connection say in the clear (RFC 8446, 4.1; RFC 5246, 7.4.1). */
#ifndef LIMPID_TLS_HELLO_H
#define LIMPID_TLS_HELLO_H

#include "base/bytes.h"

struct tls_hello {
	bool server; /* a ServerHello */
	uint16_t
		version; /* 0x0304 for TLS 1.3: what the server chose, or the highest the client offers */
	char sni[256]; /* server_name (RFC 6066, 3), or "" */
	char alpn
		[128]; /* protocols (RFC 7301), comma-separated in order: offered, or chosen; or "" */
};

/* in: the first bytes of one direction.  0; -EAGAIN: the hello goes on behind them; -EINVAL: they are
 * not a hello, or not a well-formed one.  Names with other than printable ASCII are left out. */
int tls_hello_parse(struct slice in, struct tls_hello *ret);
/* Does in begin like a handshake record of TLS?  -EAGAIN: too short to say; 0: yes; -EINVAL: no. */
int tls_hello_probe(struct slice in);
/* Does in begin like any TLS record, as in the middle of a connection?  As above. */
int tls_record_probe(struct slice in);
/* Is name one of the protocols in h->alpn? */
bool tls_hello_has_alpn(const struct tls_hello *h, const char *name);
const char *tls_version_name(uint16_t version); /* "TLS 1.3", or NULL */

#endif
