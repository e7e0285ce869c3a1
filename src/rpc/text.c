/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/text.h"

#include <errno.h>
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>

static const struct unit {
	uint8_t letter;
	uint64_t ns;
} units[] = {
	{ 'n', 1 },	     { 'u', 1000 },	   { 'm', 1000000 },
	{ 'S', 1000000000 }, { 'M', 60000000000 }, { 'H', 3600000000000 },
};
#define NUNITS	   (sizeof(units) / sizeof(units[0]))
#define DIGITS_MAX 8

int grpc_timeout_parse(struct slice s, uint64_t *ret_ns)
{
	uint64_t v = 0;

	if (s.n < 2 || s.n > DIGITS_MAX + 1)
		return -EINVAL;
	for (size_t i = 0; i < s.n - 1; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
		v = v * 10 + (s.p[i] - '0');
	}
	for (size_t i = 0; i < NUNITS; i++)
		if (s.p[s.n - 1] == units[i].letter) {
			/* 99,999,999 hours do not fit: for ever, then. */
			*ret_ns = v > UINT64_MAX / units[i].ns ? UINT64_MAX : v * units[i].ns;
			return 0;
		}
	return -EINVAL;
}

void grpc_timeout_format(uint64_t ns, char ret[12])
{
	for (size_t i = 0; i < NUNITS; i++) {
		uint64_t v = ns / units[i].ns + (ns % units[i].ns != 0);

		if (v <= 99999999) {
			(void)snprintf(ret, 12, "%" PRIu64 "%c", v, units[i].letter);
			return;
		}
	}
	(void)snprintf(ret, 12, "99999999H");
}

void grpc_text_encode(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		uint8_t c = (uint8_t)*p;

		if (c >= 0x20 && c <= 0x7e && c != '%')
			buf_put(out, (struct slice){ &c, 1 });
		else
			buf_printf(out, "%%%02X", c);
	}
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void grpc_text_decode(struct slice in, char *ret, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < in.n && out + 1 < n; i++) {
		uint8_t c = in.p[i];

		if (c == '%' && in.n - i > 2 && hex_digit(in.p[i + 1]) >= 0 &&
		    hex_digit(in.p[i + 2]) >= 0) {
			c = (uint8_t)(hex_digit(in.p[i + 1]) << 4 | hex_digit(in.p[i + 2]));
			i += 2;
		}
		ret[out++] = c ? (char)c : '?';
	}
	if (n > 0)
		ret[out] = 0;
}

bool grpc_content_type_ok(struct slice s)
{
	struct slice base = SLICE_LIT("application/grpc");

	return slice_eq_nocase(slice_cut(s, 0, base.n), base) &&
	       (s.n == base.n || s.p[base.n] == '+' || s.p[base.n] == ';');
}

enum grpc_status grpc_status_parse(struct slice s)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 2)
		return GRPC_UNKNOWN;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return GRPC_UNKNOWN;
		v = v * 10 + (s.p[i] - '0');
	}
	return v <= GRPC_UNAUTHENTICATED ? (enum grpc_status)v : GRPC_UNKNOWN;
}

enum grpc_status grpc_status_from_http(int status)
{
	switch (status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

enum grpc_status grpc_status_from_h2(uint32_t code)
{
	switch (code) {
	case NGHTTP2_REFUSED_STREAM:
		return GRPC_UNAVAILABLE;
	case NGHTTP2_CANCEL:
		return GRPC_CANCELLED;
	case NGHTTP2_ENHANCE_YOUR_CALM:
		return GRPC_EXHAUSTED;
	case NGHTTP2_INADEQUATE_SECURITY:
		return GRPC_PERMISSION;
	default:
		return GRPC_INTERNAL;
	}
}

const char *grpc_status_text(enum grpc_status st)
{
	/* Peers may send any of the 17 codes; those without a name in the enum share a sentence. */
	switch ((int)st) {
	case GRPC_OK:
		return "";
	case GRPC_CANCELLED:
		return "the call was cancelled";
	case GRPC_DEADLINE:
		return "the deadline passed";
	case GRPC_PERMISSION:
		return "not allowed";
	case GRPC_EXHAUSTED:
		return "over a limit";
	case GRPC_UNIMPLEMENTED:
		return "unknown method";
	case GRPC_INTERNAL:
		return "internal error";
	case GRPC_UNAVAILABLE:
		return "not available now";
	case GRPC_UNAUTHENTICATED:
		return "credentials are missing or wrong";
	default:
		return "the call failed";
	}
}
