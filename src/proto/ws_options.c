/* SPDX-License-Identifier: Apache-2.0 */
/* What the answer to a handshake agreed on: Sec-WebSocket-Extensions (RFC 6455, 9.1; RFC 7692, 7.1). */
#include "proto/websocket.h"

static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_cut(s, 1, s.n);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Up to the next sep, which is taken too. */
static struct slice take(struct slice *rest, const char *sep)
{
	size_t n = slice_find(*rest, slice_str(sep), 0);
	struct slice s = trim(slice_cut(*rest, 0, n));

	*rest = slice_cut(*rest, n + 1, rest->n);
	return s;
}

static uint8_t read_bits(struct slice value)
{
	unsigned bits = 0;

	for (size_t i = 0; i < value.n && bits < 100; i++)
		if (value.p[i] != '"')
			bits = value.p[i] >= '0' && value.p[i] <= '9'
				       ? bits * 10 + (value.p[i] - '0')
				       : 100;
	return bits >= 8 && bits <= 15 ? (uint8_t)bits : 15;
}

static void read_parameter(struct slice p, struct ws_options *o)
{
	static const struct {
		struct slice fresh, bits;
	} names[] = {
		{ SLICE_LIT("client_no_context_takeover"), SLICE_LIT("client_max_window_bits") },
		{ SLICE_LIT("server_no_context_takeover"), SLICE_LIT("server_max_window_bits") },
	};
	struct slice key = take(&p, "=");

	for (size_t side = 0; side < 2; side++) {
		o->fresh[side] |= slice_eq_nocase(key, names[side].fresh);
		if (slice_eq_nocase(key, names[side].bits))
			o->bits[side] = read_bits(trim(p));
	}
}

struct ws_options ws_options_read(const struct flow_attr *headers, size_t n)
{
	struct ws_options o = { .seen = true, .bits = { 15, 15 } };

	for (size_t i = 0; i < n; i++) {
		struct slice list = slice_str(headers[i].value);

		if (!slice_eq_nocase(slice_str(headers[i].key),
				     SLICE_LIT("sec-websocket-extensions")))
			continue;
		while (list.n > 0 && !o.deflate) {
			struct slice one = take(&list, ",");

			o.deflate =
				slice_eq_nocase(take(&one, ";"), SLICE_LIT("permessage-deflate"));
			while (o.deflate && one.n > 0)
				read_parameter(take(&one, ";"), &o);
		}
	}
	return o;
}
