/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a byte of choices, then pieces: a byte with the side and what happens, one with a length, so many bytes of body. */
#include <stdlib.h>

#include "proto/grpc.h"
#include "proto/schemas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t given[2]; /* whole halves */

static void drain(void *call, enum side side)
{
	struct msg m = { 0 };

	for (unsigned n = 0; content_grpc.next(call, side, &m); n++) {
		if (n > 8)
			abort();
		if (m.half.body.shown.n && !flow_shown_ok(m.half.body.shown))
			abort();
		if (m.role == ROLE_REQUEST || m.role == ROLE_RESPONSE)
			given[m.role == ROLE_RESPONSE] += !m.partial;
		if (given[0] > 1 || given[1] > 1)
			abort();
		(void)content_grpc.held(call);
		arena_free(m.arena);
		m = (struct msg){ 0 };
	}
}

static void head(void *call, enum side side, uint8_t choice)
{
	static const char *const types[] = { "application/grpc", "application/grpc-web-text",
					     "application/grpc-web+proto", "text/html" };
	static const char *const codings[] = { "gzip", "zstd", "deflate", "identity" };
	struct arena *a = arena_new(1 << 20);
	struct flow_attr *h = a ? arena_alloc(a, 4 * sizeof(*h)) : NULL;
	struct msg m = { .role = side == SIDE_REQ ? ROLE_REQUEST : ROLE_RESPONSE, .arena = a };

	if (!h)
		abort();
	h[0] = (struct flow_attr){ "content-type", types[choice & 3] };
	h[1] = (struct flow_attr){ "grpc-encoding", codings[choice >> 2 & 3] };
	h[2] = (struct flow_attr){ "grpc-timeout", "20m" };
	h[3] = (struct flow_attr){ "grpc-status", "5" };
	m.half.headers = h;
	m.half.nheaders = choice & 128 ? 4 : 3;
	m.half.op = side == SIDE_REQ ? "POST" : NULL;
	m.half.status = side == SIDE_RESP ? (choice & 64 ? "200" : "503") : NULL;
	m.half.target = choice & 32 ? "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
				    : "/a.B/C";
	content_grpc.head(call, side, &m);
}

static void step(void *call, bool headed[2], bool ended[2], uint8_t what, struct slice in,
		 uint8_t choice)
{
	static const struct flow_attr trailers[] = { { "grpc-status", "13" },
						     { "grpc-message", "a%20%0%ff" },
						     { "x", "y" } };
	enum side side = what & 1 ? SIDE_RESP : SIDE_REQ;

	if (ended[side])
		return;
	if (!headed[side] && (what & 2)) {
		headed[side] = true;
		head(call, side, choice);
		drain(call, side);
	}
	while (in.n > 0) {
		size_t n = content_grpc.take(call, side, in);

		if (n > in.n)
			abort();
		in = slice_cut(in, n ? n : in.n, in.n);
		drain(call, side);
	}
	if (what & 4 && what & 8) {
		content_grpc.lost(call, side, what >> 6);
		drain(call, side);
	}
	if (what & 16 && what & 32) {
		ended[side] = true;
		content_grpc.end(call, side, trailers, what >> 6, what & 4,
				 what & 8 ? "CANCEL" : NULL);
		drain(call, side);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schemas *s = schemas_new(1 << 16, 1 << 20);
	struct proto_limits limits = { .body_bytes = 2000, .decoded_bytes = 4000, .head_bytes = 1500, .schemas = s };
	struct rd r = rd_init((struct slice){ data, size });
	uint8_t choice = rd_u8(&r);
	bool headed[2] = { 0 }, ended[2] = { 0 };
	void *call = content_grpc.open(&limits);

	if (!s || !call)
		abort();
	given[0] = given[1] = 0;
	while (rd_left(&r) > 0 && !r.short_read) {
		uint8_t what = rd_u8(&r);
		size_t n = rd_u8(&r);

		step(call, headed, ended, what, rd_bytes(&r, n < rd_left(&r) ? n : rd_left(&r)),
		     choice);
	}
	content_grpc.close(call);
	schemas_free(s);
	return 0;
}
