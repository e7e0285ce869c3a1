/* SPDX-License-Identifier: Apache-2.0 */
/* access.h - who may ask what of the hub's web side (docs/api.md, Access).  Pure functions. */
#ifndef LIMPID_HUB_ACCESS_H
#define LIMPID_HUB_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

struct access_rules {
	const char *token;    /* 32 hex digits */
	const char *web_host; /* one more name allowed in Host, or NULL */
	uint16_t port;	      /* the one it listens on: names the cookie */
};
struct access_request { /* header values, NULL where absent */
	const char *method, *path;
	const char *host, *origin, *sec_fetch_site, *cookie, *authorization;
	bool websocket; /* asks for an upgrade */
};

/* 200: go on; 401, 403: refuse, and *ret_why says why in a sentence. */
int access_check(const struct access_rules *rules, const struct access_request *q,
		 const char **ret_why);
/* In a time that does not depend on where they differ. */
bool access_token_is(const char *token, const char *given, unsigned long given_len);
/* A name for Host: localhost, an IP literal (IPv6 in brackets) or extra (may be NULL), and perhaps a port. */
bool access_host_ok(const char *host, const char *extra);
/* An address that only this machine reaches: 127.0.0.0/8, ::1, localhost. */
bool access_is_loopback(const char *host);

#endif
