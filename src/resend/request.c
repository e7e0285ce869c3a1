/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "resend/resend.h"

/* RFC 9110, 5.6.2 */
static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!((*s >= '0' && *s <= '9') || ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') ||
		      strchr("!#$%&'*+-.^_`|~", *s)))
			return false;
	return true;
}

static bool is_target(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool is_value(const char *s)
{
	return !strpbrk(s, "\r\n");
}

static bool is_ours(const char *name)
{
	static const char *const names[] = { "content-length",	 "transfer-encoding", "connection", "keep-alive",
					     "proxy-connection", "te",		      "trailer",    "upgrade",
					     "expect",		 "http2-settings" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

int resend_request(struct buf *out, const char *method, const char *target, const struct flow_attr *headers,
		   size_t nheaders, struct slice body, char *err, size_t errlen)
{
	bool sends = body.n > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;

	if (!is_token(method)) {
		(void)snprintf(err, errlen, "the method is one word");
		return -EINVAL;
	}
	if (!is_target(target)) {
		(void)snprintf(err, errlen, "the target has no blanks and no line breaks: write %%20");
		return -EINVAL;
	}
	buf_printf(out, "%s %s HTTP/1.1\r\n", method, target);
	for (size_t i = 0; i < nheaders; i++) {
		if (!is_token(headers[i].key)) {
			(void)snprintf(err, errlen, "'%.60s' is no name of a header", headers[i].key);
			return -EINVAL;
		}
		if (!is_value(headers[i].value)) {
			(void)snprintf(err, errlen, "the value of %.60s has a line break", headers[i].key);
			return -EINVAL;
		}
		if (!is_ours(headers[i].key))
			buf_printf(out, "%s: %s\r\n", headers[i].key, headers[i].value);
	}
	if (sends)
		buf_printf(out, "Content-Length: %zu\r\n", body.n);
	buf_puts(out, "Connection: close\r\n\r\n");
	buf_put(out, body);
	return out->failed ? -ENOMEM : 0;
}
