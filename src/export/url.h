/* SPDX-License-Identifier: Apache-2.0 */
/* url.h - the address of an HTTP exchange, and what is in one. */
#ifndef LIMPID_EXPORT_URL_H
#define LIMPID_EXPORT_URL_H

#include "flow/flow.h"

/* Appends "https://api:8443/v1?x=1"; bytes that no URI may have become %XX (RFC 3986, 2). */
void url_put(struct buf *out, const struct flow *f);
/* Appends s with %XX and plus signs undone (application/x-www-form-urlencoded). */
void url_decode(struct buf *out, struct slice s);
struct url {
	struct slice scheme, host, target; /* target: path and query, "" when there is none; host without brackets */
	uint16_t port;			   /* 0: the scheme's own */
};
/* 0; -EBADMSG: no absolute URL. */
int url_parse(struct slice s, struct url *ret);

#endif
