/* SPDX-License-Identifier: Apache-2.0 */
/* What a hub reads from a socket: HTTP/2, gRPC and, where the bytes get as far, an agent's messages.
 * The first byte chooses how the rest is cut, so that every seam is met. */
#include <stdlib.h>

#include "flow/pb.h"
#include "hub/agent_decode.h"
#include "rpc/grpc.h"

struct ctx {
	struct grpc *g;
	size_t bytes;
};

static int on_hello(void *ctx, const Limpid__V1__Hello *m)
{
	struct ctx *c = ctx;

	c->bytes += strlen(m->agent_id) + strlen(m->hostname);
	return 0;
}

static int on_containers(void *ctx, const Limpid__V1__Containers *m)
{
	struct ctx *c = ctx;

	for (size_t i = 0; i < m->n_containers; i++)
		c->bytes += strlen(m->containers[i]->name) + m->containers[i]->n_addrs;
	return 0;
}

static int on_health(void *ctx, const Limpid__V1__Health *m)
{
	struct ctx *c = ctx;

	for (size_t i = 0; i < m->n_facts; i++)
		c->bytes += strlen(m->facts[i]->text);
	return 0;
}

static int on_batch(void *ctx, uint64_t seq)
{
	(void)ctx;
	return seq % 16 == 15;
}

static void on_flow(void *ctx, struct slice packed)
{
	struct arena *a = arena_new((16u << 20) + 4 * packed.n);
	struct ctx *c = ctx;
	struct flow f;

	if (flow_pb_unpack(packed, a, &f) == 0) {
		c->bytes += strlen(f.proto) + f.req.nheaders + f.resp.body.data.n;
		for (size_t i = 0; i < f.req.nheaders; i++)
			c->bytes += strlen(f.req.headers[i].key) + strlen(f.req.headers[i].value);
	}
	arena_free(a);
}

static int on_batch_end(void *ctx, uint64_t seq)
{
	(void)ctx;
	(void)seq;
	return 0;
}

static const struct agent_decode_hooks decode = { on_hello, on_containers, on_health,
						  on_batch, on_flow, on_batch_end };

static enum grpc_status called(void *ctx, int32_t stream, const char *path, const char *auth)
{
	struct ctx *c = ctx;

	c->bytes += strlen(path) + (auth ? strlen(auth) : 0);
	if (auth)
		(void)grpc_finish(c->g, stream, GRPC_UNAUTHENTICATED, auth);
	return path[0] == '/' ? GRPC_OK : GRPC_UNIMPLEMENTED;
}

static void message(void *ctx, int32_t stream, struct slice msg)
{
	struct ctx *c = ctx;

	if (agent_decode(msg, &decode, c) < 0)
		(void)grpc_finish(c->g, stream, GRPC_INTERNAL, "no");
	else
		(void)grpc_send(c->g, stream, slice_cut(msg, 0, 100), false);
	(void)grpc_consume(c->g, stream, msg.n);
}

static void ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct ctx *c = ctx;

	(void)text;
	if (st == GRPC_OK)
		(void)grpc_finish(c->g, stream, GRPC_OK, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t cuts[] = { 1, 2, 3, 7, 9, 64, 1000, SIZE_MAX };
	struct grpc_options o = { .server = true, .message_max = 1 << 20, .manual_window = true };
	struct ctx c = { 0 };
	struct grpc_hooks h = { called, message, ended, &c };
	struct slice in = { data, size };
	size_t cut;

	if (size == 0)
		return 0;
	cut = cuts[data[0] % 8];
	in = slice_cut(in, 1, in.n);
	if (data[0] >= 0xf0) { /* a message alone: few inputs get through HPACK */
		(void)agent_decode(in, &decode, &c);
		return 0;
	}
	c.g = grpc_new(&o, &h);
	if (!c.g)
		abort();
	for (uint64_t now = 1; in.n > 0 && !grpc_done(c.g); now++) {
		struct slice out;

		if (grpc_input(c.g, slice_cut(in, 0, cut)) < 0)
			break;
		in = slice_cut(in, cut, in.n);
		out = grpc_output(c.g);
		grpc_sent(c.g, out.n);
		(void)grpc_tick(c.g, now * 100000000);
	}
	grpc_free(c.g);
	return 0;
}
