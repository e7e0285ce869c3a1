/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a foreign site can make the browser send requests here, with the cookie if SameSite did not
 * forbid it, and by rebinding its own name to 127.0.0.1 even read the answers.  So: the name in
 * Host must be one that a foreign site cannot own, Origin must be this page's own, and the token must
 * be there. */
#include "hub/access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool access_token_is(const char *token, const char *given, unsigned long given_len)
{
	size_t n = strlen(token);
	unsigned char diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= (unsigned char)(token[i] ^ (i < given_len ? given[i] : 0));
	return diff == 0 && n == given_len && n > 0;
}

/* Host without its port and brackets.  False: no such thing. */
static bool split(const char *host, char *ret, size_t retlen, bool *ret_bracket)
{
	const char *end, *colon;
	size_t n;

	*ret_bracket = host[0] == '[';
	if (*ret_bracket) {
		end = strchr(++host, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strchr(host, ':');
		end = colon ? colon : host + strlen(host);
	}
	if (colon && (colon[1] == '\0' || strlen(colon + 1) > 5 ||
		      colon[1 + strspn(colon + 1, "0123456789")] != '\0'))
		return false;
	n = (size_t)(end - host);
	if (n == 0 || n >= retlen)
		return false;
	memcpy(ret, host, n);
	ret[n] = '\0';
	return true;
}

bool access_host_ok(const char *host, const char *extra)
{
	struct in6_addr v6;
	struct in_addr v4;
	char name[256];
	bool bracket;

	if (!host || !split(host, name, sizeof(name), &bracket))
		return false;
	if (bracket)
		return inet_pton(AF_INET6, name, &v6) == 1;
	return inet_pton(AF_INET, name, &v4) == 1 || strcasecmp(name, "localhost") == 0 ||
	       (extra && strcasecmp(name, extra) == 0);
}

bool access_is_loopback(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* The origin of a page that was loaded from this Host: its scheme may have been added by a proxy. */
static bool own_origin(const char *origin, const char *host)
{
	if (strncmp(origin, "http://", 7) == 0)
		return strcasecmp(origin + 7, host) == 0;
	return strncmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0;
}

/* Does one cookie of that name in the header hold the token?  RFC 6265, 4.2.1; several of one name can be there. */
static bool cookie_ok(const struct access_rules *rules, const char *cookie)
{
	char name[32];
	size_t n = (size_t)snprintf(name, sizeof(name), "limpid_%u=", rules->port), len;

	for (const char *p = cookie; *p; p += len) {
		p += strspn(p, "; \t");
		len = strcspn(p, ";");
		if (len > n && memcmp(p, name, n) == 0 &&
		    access_token_is(rules->token, p + n, len - n))
			return true;
	}
	return false;
}

static bool has_token(const struct access_rules *rules, const struct access_request *q)
{
	const char *a = q->authorization;

	if (a && strncasecmp(a, "Bearer ", 7) == 0) {
		a += 7 + strspn(a + 7, " ");
		if (access_token_is(rules->token, a, strlen(a)))
			return true;
	}
	return q->cookie && cookie_ok(rules, q->cookie);
}

int access_check(const struct access_rules *rules, const struct access_request *q,
		 const char **ret_why)
{
	bool api = strcmp(q->path, "/api") == 0 || strncmp(q->path, "/api/", 5) == 0;
	bool reads = strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;

	if (!access_host_ok(q->host, rules->web_host)) {
		*ret_why = "this name is not known as the hub's: use localhost or an IP address, "
			   "or start the "
			   "hub with --web-host NAME";
		return 403;
	}
	if (q->origin && (q->websocket || !reads) && !own_origin(q->origin, q->host)) {
		*ret_why = "requests from pages of another origin are refused";
		return 403;
	}
	if (api && q->sec_fetch_site && strcmp(q->sec_fetch_site, "same-origin") != 0 &&
	    strcmp(q->sec_fetch_site, "none") != 0) {
		*ret_why = "requests from pages of another site are refused";
		return 403;
	}
	if (!api || strcmp(q->path, "/api/login") == 0 || has_token(rules, q))
		return 200;
	*ret_why = "the token is missing or wrong: open the address that limpid printed, or send "
		   "Authorization: Bearer TOKEN";
	return 401;
}
