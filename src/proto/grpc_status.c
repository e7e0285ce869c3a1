/* SPDX-License-Identifier: Apache-2.0 */
/* How a call ended: grpc-status and grpc-message (grpc/grpc: doc/statuscodes.md; doc/PROTOCOL-HTTP2.md, "Responses" and
 * "Errors"). */
#include "proto/grpc.h"

#define TIMEOUT_MAX_NS (UINT64_MAX / 4) /* a century and more */

static const char *const names[] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};

const char *grpc_status_name(const char *code)
{
	unsigned n = 0;

	if (!code[0] || code[0] == '-')
		return code;
	for (const char *p = code; *p; p++) {
		if (*p < '0' || *p > '9' || n > 99)
			return code;
		n = n * 10 + (unsigned)(*p - '0');
	}
	return n < sizeof(names) / sizeof(names[0]) ? names[n] : code;
}

/* What the client's library makes of a reset of the stream. */
const char *grpc_status_of_reset(const char *error)
{
	static const struct {
		const char *error, *status;
	} table[] = {
		{ "CANCEL", "CANCELLED" },
		{ "REFUSED_STREAM", "UNAVAILABLE" },
		{ "ENHANCE_YOUR_CALM", "RESOURCE_EXHAUSTED" },
		{ "INADEQUATE_SECURITY", "PERMISSION_DENIED" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(error, table[i].error) == 0)
			return table[i].status;
	return "INTERNAL";
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *grpc_percent_decoded(struct arena *a, const char *s)
{
	char *out = arena_str(a, slice_str(s));
	size_t n = 0;

	for (const char *p = s; out && *p; p++) {
		int hi = *p == '%' ? hex(p[1]) : -1, lo = hi < 0 ? -1 : hex(p[2]);
		int c = lo < 0 ? (uint8_t)*p : hi << 4 | lo;

		out[n++] = (char)(c ? c : ' ');
		p += lo < 0 ? 0 : 2;
	}
	if (out)
		out[n] = '\0';
	return out;
}

const char *grpc_timeout_text(struct arena *a, const char *s)
{
	static const struct {
		char unit;
		const char *name;
	} units[] = { { 'H', "h" },  { 'M', "min" }, { 'S', "s" },
		      { 'm', "ms" }, { 'u', "us" },  { 'n', "ns" } };
	size_t digits = strspn(s, "0123456789");

	if (digits > 0 && digits <= 8 && s[digits] && !s[digits + 1])
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (units[i].unit == s[digits])
				return arena_printf(a, "%.*s%s", (int)digits, s, units[i].name);
	return s;
}

uint64_t grpc_timeout_ns(const char *s)
{
	static const struct {
		char unit;
		uint64_t ns;
	} units[] = { { 'H', 3600000000000u }, { 'M', 60000000000u }, { 'S', 1000000000u },
		      { 'm', 1000000u },       { 'u', 1000u },	      { 'n', 1u } };
	size_t digits = strspn(s, "0123456789");
	uint64_t n = 0;

	if (digits == 0 || digits > 8 || !s[digits] || s[digits + 1])
		return 0;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (uint64_t)(s[i] - '0');
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == s[digits])
			return n > TIMEOUT_MAX_NS / units[i].ns ? TIMEOUT_MAX_NS : n * units[i].ns;
	return 0;
}
