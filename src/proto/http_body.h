/* SPDX-License-Identifier: Apache-2.0 */
/* http_body.h - the body of a message in the making: what is kept of it, and its codings undone. */
#ifndef LIMPID_PROTO_HTTP_BODY_H
#define LIMPID_PROTO_HTTP_BODY_H

#include "proto/proto.h"

struct http_body {	 /* beside msg.half.body; zeroed at first */
	size_t whole;	 /* kept bytes before the first hole */
	bool hole, full; /* full: nothing more is kept */
};

/* Counts s, and keeps what the limit leaves room for, in m's arena (NULL: nothing). */
void http_body_keep(struct http_body *k, struct msg *m, struct slice s,
		    const struct proto_limits *lim);
/* n bytes are missing here; spare: they would only have been counted. */
void http_body_lost(struct http_body *k, struct msg *m, uint64_t n, bool spare);
/* Nothing more is kept. */
bool http_body_full(const struct http_body *k, const struct msg *m, const struct proto_limits *lim);
/* Undoes the codings of list (as in Content-Encoding; NULL: none) and makes what people see of bytes that are no text, once, when
 * nothing more comes. */
void http_body_decode(const struct http_body *k, struct msg *m, const char *list,
		      const struct proto_limits *lim);

#endif
