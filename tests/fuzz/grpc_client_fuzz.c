/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent reads from the socket to its hub. */
#include <stdlib.h>

#include "limpid.pb-c.h"
#include "rpc/grpc.h"

struct ctx {
	size_t bytes;
	unsigned ended;
};

static void message(void *ctx, int32_t stream, struct slice msg)
{
	Limpid__V1__HubMessage *m = limpid__v1__hub_message__unpack(NULL, msg.n, msg.p);
	struct ctx *c = ctx;

	(void)stream;
	if (!m)
		return;
	c->bytes += m->msg_case;
	limpid__v1__hub_message__free_unpacked(m, NULL);
}

static void ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct ctx *c = ctx;

	c->bytes += strlen(text) + (size_t)st + (size_t)stream;
	c->ended++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t cuts[] = { 1, 2, 3, 7, 9, 64, 1000, SIZE_MAX };
	struct grpc_options o = { .message_max = 1 << 20 };
	struct ctx c = { 0 };
	struct grpc_hooks h = { .message = message, .ended = ended, .ctx = &c };
	struct slice in = { data, size }, out;
	struct grpc *g = grpc_new(&o, &h);
	size_t cut;
	int32_t id;

	if (!g || (id = grpc_call_within(g, "/a.B/C", "hub", "token", 10000000000)) < 0)
		abort();
	(void)grpc_send(g, id, SLICE_LIT("hello"), false);
	cut = size ? cuts[data[0] % 8] : 1;
	in = slice_cut(in, 1, in.n);
	for (uint64_t now = 1;; now++) {
		out = grpc_output(g);
		grpc_sent(g, out.n);
		if (in.n == 0 || grpc_done(g) || grpc_input(g, slice_cut(in, 0, cut)) < 0)
			break;
		in = slice_cut(in, cut, in.n);
		(void)grpc_tick(g, now * 100000000);
	}
	if (c.ended > 1) /* each call ends once */
		abort();
	grpc_free(g);
	return 0;
}
