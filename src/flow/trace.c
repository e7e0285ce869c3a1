/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SQL_COMMENT_MAX 8192 /* bytes at the end of a statement in which a comment is looked for */

/* The last 16 of a run of hexadecimal digits; 0: there are fewer than 8, or they are all 0. */
static uint64_t hex_run(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");
	uint64_t v = 0;

	if (n < 8 || n > 32)
		return 0;
	for (size_t i = n > 16 ? n - 16 : 0; i < n; i++) {
		unsigned c = (unsigned char)s[i];

		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" */
static uint64_t of_traceparent(const char *s)
{
	return strspn(s, "0123456789abcdef") == 2 && s[2] == '-' ? hex_run(s + 3) : 0;
}

static uint64_t of_decimal(const char *s)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(s, &end, 10);
	return end != s && *end == '\0' && errno == 0 && *s >= '0' && *s <= '9' ? v : 0;
}

/* "Root=1-67891233-abcdef012345678912345678;Parent=..." : the number is in two parts. */
static uint64_t of_amazon(const char *s)
{
	const char *root = strstr(s, "Root=1-");
	size_t n = root ? strspn(root + 7, "0123456789abcdef") : 0;

	return n == 8 && root[7 + n] == '-' ? hex_run(root + 8 + n) : 0;
}

static const struct source {
	const char *header;
	uint64_t (*read)(const char *value);
} sources[] = {
	{ "traceparent", of_traceparent },
	{ "b3", hex_run },
	{ "x-b3-traceid", hex_run },
	{ "uber-trace-id", hex_run },
	{ "sentry-trace", hex_run },
	{ "x-datadog-trace-id", of_decimal },
	{ "x-cloud-trace-context", hex_run },
	{ "x-amzn-trace-id", of_amazon },
};

/* A statement's last comment: traceparent='00-...' */
static uint64_t of_statement(const char *sql)
{
	static const char key[] = "traceparent='";
	const char *p;
	size_t n;

	if (!sql)
		return 0;
	n = strlen(sql);
	p = n > SQL_COMMENT_MAX ? sql + n - SQL_COMMENT_MAX : sql;
	p = strstr(p, key);
	return p ? of_traceparent(p + sizeof(key) - 1) : 0;
}

#define NSOURCES (sizeof(sources) / sizeof(*sources))

/* Most headers are told apart by their first letter: this is done for every flow that comes in. */
static size_t source_of(const char *header)
{
	size_t i = 0;

	if (!strchr("tbxusTBXUS", header[0]))
		return NSOURCES;
	while (i < NSOURCES && strcasecmp(header, sources[i].header) != 0)
		i++;
	return i;
}

/* The first of sources[] that has a number. */
static uint64_t find(const struct flow_half *req, const char **ret_source)
{
	size_t best = NSOURCES;
	uint64_t id = 0;

	for (size_t i = 0; i < req->nheaders; i++) {
		size_t at = source_of(req->headers[i].key);
		uint64_t v = at < best ? sources[at].read(req->headers[i].value) : 0;

		if (v) {
			best = at;
			id = v;
		}
	}
	*ret_source = id ? sources[best].header : NULL;
	if (!id)
		id = of_statement(req->target);
	if (id && !*ret_source)
		*ret_source = "traceparent in the statement";
	return id;
}

uint64_t trace_id(const struct flow_half *req)
{
	const char *source;

	return find(req, &source);
}

const char *trace_source(const struct flow_half *req)
{
	const char *source;

	(void)find(req, &source);
	return source;
}

uint64_t trace_request(const struct flow_half *req)
{
	static const char *const names[] = { "x-request-id", "x-correlation-id", "request-id" };
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	const char *v = NULL;

	for (size_t i = 0; req->nheaders > 0 && !v && i < sizeof(names) / sizeof(*names); i++)
		v = flow_header(req, names[i]);
	if (!v || !*v)
		return 0;
	for (; *v; v++)
		h = (h ^ (uint8_t)*v) * UINT64_C(0x100000001b3);
	return h ? h : 1;
}

const char *const *trace_headers(void)
{
	static const char *const names[] = { "traceparent", "b3", "x-b3-traceid", "uber-trace-id", "sentry-trace",
					     "x-datadog-trace-id", "x-cloud-trace-context", "x-amzn-trace-id",
					     "x-request-id", "x-correlation-id", "request-id", NULL };

	return names;
}

uint32_t trace_fold(uint64_t id)
{
	uint32_t f = (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32);

	return id && !f ? 1 : f;
}
