/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc_pair.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static uint32_t sum(struct slice s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 16777619u;
	return h;
}

static enum grpc_status on_called(void *ctx, int32_t stream, const char *path, const char *auth)
{
	struct end *e = ctx;

	buf_printf(&e->log, "called %d %s %s\n", stream, path, auth ? auth : "-");
	e->stream = stream;
	return e->refuse;
}

static void on_message(void *ctx, int32_t stream, struct slice msg)
{
	struct end *e = ctx;

	buf_printf(&e->log, "message %d %zu %08x\n", stream, msg.n, sum(msg));
	if (e->messages < END_MESSAGES)
		e->lens[e->messages] = msg.n;
	e->messages++;
	if (e->echo)
		assert_int_equal(grpc_send(e->g, stream, msg, false), 0);
	if (e->consume)
		assert_int_equal(grpc_consume(e->g, stream, msg.n), 0);
	if (e->finish_on_message)
		(void)grpc_finish(e->g, stream, GRPC_PERMISSION, "enough");
}

static void on_ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct end *e = ctx;

	buf_printf(&e->log, "ended %d %d %s\n", stream, (int)st, text);
	e->ended++;
	e->status = st;
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
	if (e->finish_on_end && st == GRPC_OK)
		assert_int_equal(grpc_finish(e->g, stream, GRPC_OK, NULL), 0);
}

static void end_open(struct end *e, const struct grpc_options *o, bool server)
{
	struct grpc_options opt = o ? *o : (struct grpc_options){ 0 };
	struct grpc_hooks h = { on_called, on_message, on_ended, e };

	opt.server = server;
	e->g = grpc_new(&opt, &h);
	assert_non_null(e->g);
}

void pair_open(struct pair *p, const struct grpc_options *client, const struct grpc_options *server)
{
	memset(p, 0, sizeof(*p));
	end_open(&p->client, client, false);
	end_open(&p->server, server, true);
}

void pair_close(struct pair *p)
{
	grpc_free(p->client.g);
	grpc_free(p->server.g);
	buf_release(&p->client.log);
	buf_release(&p->server.log);
}

size_t pair_move(struct end *from, struct end *to, size_t cut)
{
	struct slice s = grpc_output(from->g);
	uint8_t *copy;

	if (s.n == 0)
		return 0;
	if (cut && s.n > cut)
		s.n = cut;
	copy = malloc(s.n); /* of that very size: the sanitizer sees a read beyond it */
	assert_non_null(copy);
	memcpy(copy, s.p, s.n);
	grpc_sent(from->g, s.n);
	if (to->error == 0)
		to->error = grpc_input(to->g, (struct slice){ copy, s.n });
	free(copy);
	return s.n;
}

void pair_pump(struct pair *p, size_t cut)
{
	while (pair_move(&p->client, &p->server, cut) + pair_move(&p->server, &p->client, cut) > 0)
		continue;
}

struct slice test_message(size_t n, unsigned seed)
{
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
	return (struct slice){ p, n };
}
