/* SPDX-License-Identifier: Apache-2.0 */
/* Input: as for http1 (records of one byte, two of length, bytes), after a first byte that says which handshake came
 * before (bit 7: none was seen). */
#include <stdio.h>
#include <stdlib.h>

#include "proto/http1.h"

static const struct proto_limits limits = { .body_bytes = 2000, .decoded_bytes = 4000, .head_bytes = 1500 };

struct run {
	void *state;
	struct buf in[2];
	size_t need[2];
	bool over;
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "contract broken: %s\n", what);
	abort();
}

static void take(struct run *r, struct msg *m)
{
	const struct flow_half *h = &m->half;
	volatile size_t sum = 0;

	must(!r->over, "a message after the end");
	r->over = m->ends || m->role == ROLE_END;
	must(m->role == ROLE_MESSAGE || m->role == ROLE_END, "no message");
	for (size_t i = 0; i < h->body.data.n; i++)
		sum += h->body.data.p[i];
	for (size_t i = 0; i < h->nattrs; i++)
		sum += strlen(h->attrs[i].key) + strlen(h->attrs[i].value);
	must(h->body.captured <= h->body.len, "more kept than sent");
	must(h->body.data.n <= limits.decoded_bytes, "more kept than allowed");
	must(h->body.captured == h->body.len ||
		     (m->flags & (FLOW_TRUNCATED | FLOW_AFTER_GAP | FLOW_DECODE_ERROR)),
	     "silent truncation");
	must(!m->arena || h->op, "a message without a name");
	arena_free(m->arena);
}

static struct slice exact(const struct buf *b)
{
	uint8_t *p = malloc(b->n ? b->n : 1);

	must(p != NULL, "memory");
	if (b->n)
		memcpy(p, b->p, b->n);
	return (struct slice){ p, b->n };
}

static void resync(struct run *r, int side)
{
	struct slice in = exact(&r->in[side]);
	size_t at = proto_websocket.resync(r->state, (enum side)side, in, 1);

	free((void *)(uintptr_t)in.p);
	must(at >= 1 && at <= in.n, "resync leaves the input");
	buf_drop(&r->in[side], at);
}

static void parse(struct run *r, int side)
{
	unsigned idle = 0;

	while (r->in[side].n > 0 && r->in[side].n >= r->need[side]) {
		struct msg m = { 0 };
		struct slice in = exact(&r->in[side]);
		struct parse got = proto_websocket.parse(r->state, (enum side)side, in, &m);

		free((void *)(uintptr_t)in.p);
		r->need[side] = 0;
		must(got.used <= in.n, "more consumed than there was");
		idle = got.used || got.kind == PARSE_BAD ? 0 : idle + 1;
		must(idle < 3, "no progress");
		must(got.kind != PARSE_STOP, "it hands over to nobody");
		if (got.kind == PARSE_MSG)
			take(r, &m);
		else
			must(!m.arena, "memory without a message");
		if (got.kind == PARSE_MORE) {
			must(!got.used && got.need > in.n, "PARSE_MORE that asks for no more");
			must(got.need <= 14 + 125, "more asked for than a control frame");
			r->need[side] = got.need;
			return;
		}
		if (got.kind == PARSE_BAD)
			resync(r, side);
		else
			buf_drop(&r->in[side], got.used);
	}
}

static void end(struct run *r, int side, enum proto_end how)
{
	struct msg m = { 0 };

	if (proto_websocket.end(r->state, (enum side)side, how, &m))
		take(r, &m);
}

static void lose(struct run *r, int side, size_t n, bool tell)
{
	buf_clear(&r->in[side]);
	r->need[side] = 0;
	if (!proto_websocket.lost(r->state, (enum side)side, n) && tell)
		end(r, side, PROTO_END_LOST);
}

/* The state after a handshake, by way of the parser that reads it. */
static void shake_hands(void *state, uint8_t which)
{
	static const char *const answers[] = {
		"",
		"Sec-WebSocket-Extensions: permessage-deflate\r\n",
		"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
		"client_no_context_takeover\r\n",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9; "
		"server_max_window_bits=8\r\n",
	};
	void *http1 = calloc(1, proto_http1.state_size);
	struct buf b = { 0 };
	struct msg m = { 0 };
	struct parse got;

	must(http1 != NULL, "memory");
	proto_http1.init(http1, &(struct proto_limits){ .body_bytes = 2000, .decoded_bytes = 4000, .head_bytes = 65536 });
	buf_printf(&b,
		   "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%s\r\n",
		   answers[which % 4]);
	got = proto_http1.parse(http1, SIDE_RESP, buf_slice(&b), &m);
	must(got.kind == PARSE_STOP && got.next == &proto_websocket && m.streams, "a handshake");
	arena_free(m.arena);
	proto_websocket.inherit(state, &proto_http1, http1);
	proto_http1.done(http1);
	free(http1);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd rd = rd_init((struct slice){ data, size });
	struct run r = { .state = calloc(1, proto_websocket.state_size) };
	uint8_t first = rd_u8(&rd);

	must(r.state != NULL, "memory");
	proto_websocket.init(r.state, &limits);
	if (!(first & 128))
		shake_hands(r.state, first);
	while (rd_left(&rd) >= 3) {
		uint8_t what = rd_u8(&rd);
		size_t n = rd_le16(&rd);
		int side = what & 1;

		if (what & 4)
			lose(&r, side, n, what & 8);
		if ((what & 6) == 4)
			continue;
		buf_put(&r.in[side], rd_bytes(&rd, n < rd_left(&rd) ? n : rd_left(&rd)));
		parse(&r, side);
	}
	end(&r, 0, size & 1 ? PROTO_END_RESET : PROTO_END_CLOSED);
	end(&r, 1, size & 2 ? PROTO_END_RESET : PROTO_END_CLOSED);
	must(r.over, "no end");
	proto_websocket.done(r.state);
	free(r.state);
	buf_release(&r.in[0]);
	buf_release(&r.in[1]);
	return 0;
}
