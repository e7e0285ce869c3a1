/* SPDX-License-Identifier: Apache-2.0 */
/* resend.h - sends one HTTP/1.1 request and turns what is said into a flow, by the parsers that capture uses.
 *
 * Blocks: it is for a thread of its own.  What comes back is as foreign as what was captured.
 */
#ifndef LIMPID_RESEND_RESEND_H
#define LIMPID_RESEND_RESEND_H

#include "flow/flow.h"

struct resend {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d, network order */
	uint16_t port;	  /* host order */
	bool tls;
	bool verify;	  /* TLS: the certificate must be one that this machine trusts, for `name` */
	const char *name; /* TLS: SNI; NULL: none */
	struct slice request; /* all of its bytes: RFC 9112 */
	unsigned timeout_ms;  /* for all of it */
	size_t body_max;      /* kept of the answer's body */
	const struct flow_peer *server; /* names (container and so on) for the flow, or NULL */
	const char *from; /* what the flow's attribute "resent" says, or NULL */
};

/* fn is called once, with the flow in its last state; also with what came until the time was over or the connection broke.
 * 0; negative errno, and err is a sentence: nothing was sent, and there is no flow. */
int resend_run(const struct resend *r, flow_fn fn, void *ctx, char *err, size_t errlen);

/* Appends a request.  Header lines that HTTP/1.1 needs to frame it are made here: Content-Length is that of body, Transfer-Encoding, Connection and
 * the like (RFC 9110, 7.6.1) are left out, "Connection: close" is added.
 * 0; -EINVAL: err says what cannot be sent so (a line break, a blank in the method or target). */
int resend_request(struct buf *out, const char *method, const char *target, const struct flow_attr *headers,
		   size_t nheaders, struct slice body, char *err, size_t errlen);

#endif
