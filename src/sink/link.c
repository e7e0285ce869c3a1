/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/link.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limpid.pb-c.h"
#include "rpc/exchange.h"
#include "sink/agent_msg.h"

#define PIECE	     (256u << 10) /* what the connection is given of a batch at a time */
#define READ_SIZE    (64u << 10)
#define READS_MAX    16
#define WELCOME_NS   (10000 * MS)
#define DELAY_MAX_MS 5000
#define REFUSALS_MAX 5

/* --- connecting -------------------------------------------------------------------------------------- */

void link_ask(struct collector *c, bool at_once)
{
	unsigned delay = c->delay_ms;

	c->asked = true;
	if (at_once) {
		c->o.want_connect(c->o.ctx, 0);
		return;
	}
	/* xorshift64: the jitter only has to differ between agents */
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	delay = delay * (80 + (unsigned)(c->random % 41)) / 100;
	c->delay_ms = c->delay_ms * 8 / 5 < DELAY_MAX_MS ? c->delay_ms * 8 / 5 : DELAY_MAX_MS;
	c->o.want_connect(c->o.ctx, delay);
}

static void set_connected(struct collector *c, bool on)
{
	if (c->stats.connected == on)
		return;
	c->stats.connected = on;
	c->stats.since_ns = c->now_ns;
	if (on && c->was_connected)
		c->stats.reconnects++;
	c->was_connected |= on;
}

static void give_up(struct collector *c, int err, const char *why)
{
	c->broken = err;
	if (why)
		(void)snprintf(c->stats.why, sizeof(c->stats.why), "%s", why);
}

static void give_up_errno(struct collector *c, int err)
{
	char why[96];

	(void)snprintf(why, sizeof(why), "the connection to the hub broke: %s", strerror(-err));
	give_up(c, err, why);
}

static void disconnect(struct collector *c)
{
	if (grpc_pinged_too_often(c->g))
		c->ping_ns *= 2;
	grpc_free(c->g);
	c->g = NULL;
	(void)close(c->fd); /* nothing to be done about a socket that is gone anyway */
	c->fd = -1;
	c->call = 0;
	c->welcome = false;
	c->broken = 0;
	c->sending = NULL;
	queue_rewind(&c->q);
	set_connected(c, false);
	link_ask(c, false);
}

/* --- what the hub says ------------------------------------------------------------------------------- */

static void stored(struct collector *c, uint64_t seq)
{
	size_t n = queue_ack(&c->q, seq);

	c->stats.acked += n;
	if (n)
		c->acked_ns = c->now_ns;
}

static void on_settings(struct collector *c, const Limpid__V1__Settings *m)
{
	struct collector_settings s = {
		.paused = m->paused,
		.hosts = m->hosts,
		.include_new = m->include_new,
		.mode = m->mode,
		.body_limit = m->body_limit,
		.conn_budget = m->conn_budget,
		.names = (const char *const *)m->names,
		.nnames = m->n_names,
		.ends = (const char *const *)m->ends,
		.nends = m->n_ends,
		.processes = (const char *const *)m->processes,
		.nprocesses = m->n_processes,
	};

	if (s.mode <= 2 && c->o.settings)
		c->o.settings(c->o.ctx, &s);
}

static void on_welcome(struct collector *c, const Limpid__V1__Welcome *m)
{
	c->welcome = true;
	c->delay_ms = LINK_DELAY_FIRST_MS;
	c->stats.why[0] = 0;
	set_connected(c, true);
	c->acked_ns = c->now_ns;
	stored(c, m->last_seq);
	c->containers.due = c->containers.bytes.n > 0;
	c->health.due = c->health.bytes.n > 0;
}

static void on_message(void *ctx, int32_t stream, struct slice msg)
{
	Limpid__V1__HubMessage *m = limpid__v1__hub_message__unpack(NULL, msg.n, msg.p);
	struct collector *c = ctx;

	(void)stream;
	if (!m) {
		give_up(c, -EBADMSG,
			"the hub sent a message that cannot be decoded: is it of the same "
			"version?");
		return;
	}
	switch (m->msg_case) {
	case LIMPID__V1__HUB_MESSAGE__MSG_WELCOME:
		on_welcome(c, m->welcome);
		break;
	case LIMPID__V1__HUB_MESSAGE__MSG_ACK:
		stored(c, m->ack->seq);
		break;
	case LIMPID__V1__HUB_MESSAGE__MSG_SETTINGS:
		on_settings(c, m->settings);
		break;
	case LIMPID__V1__HUB_MESSAGE__MSG__NOT_SET:
		break; /* of a later version */
	case _LIMPID__V1__HUB_MESSAGE__MSG__CASE_IS_INT_SIZE:
		break;
	}
	limpid__v1__hub_message__free_unpacked(m, NULL);
}

static void on_ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct collector *c = ctx;
	char why[160];

	(void)stream;
	(void)snprintf(why, sizeof(why), "the hub ended the exchange: %.100s (status %d)",
		       *text ? text : "no reason given", (int)st);
	c->sending = NULL;
	/* A batch that a hub cannot take would otherwise be sent for ever. */
	if (st == GRPC_INTERNAL || st == GRPC_EXHAUSTED)
		queue_refused(&c->q, REFUSALS_MAX);
	give_up(c, -ECONNRESET, why);
}

/* --- what the hub is told ---------------------------------------------------------------------------- */

static int begin_batch(struct collector *c, struct batch *b)
{
	uint8_t head[AGENT_BATCH_HEAD_MAX];
	size_t size = queue_flows_size(b), n = agent_batch_head(head, b->seq, size);
	int r = queue_flows(&c->q, b, &c->sending_flows);

	if (r == 0)
		r = grpc_send_begin(c->g, c->call, n + size);
	if (r == 0)
		r = grpc_send_more(c->g, c->call, (struct slice){ head, n });
	if (r < 0)
		return r;
	if (b->tries++ > 0)
		c->stats.resent++;
	b->busy = true;
	c->sending = b;
	c->sending_off = 0;
	return 0;
}

static int send_piece(struct collector *c)
{
	struct batch *b = c->sending;
	struct slice piece =
		slice_cut(c->sending_flows, c->sending_off, c->sending_off + PIECE);
	int r = grpc_send_more(c->g, c->call, piece);

	if (r < 0)
		return r;
	c->sending_off += piece.n;
	if (c->sending_off == c->sending_flows.n) {
		b->sent = true;
		b->busy = false;
		c->sending = NULL;
		queue_flows_done(&c->q);
	}
	return 0;
}

static int say(struct collector *c, struct said *s)
{
	int r = grpc_send(c->g, c->call, buf_slice(&s->bytes), false);

	if (r == 0)
		s->due = false;
	return r;
}

/* There is something to say, and the connection has room for it. */
static bool can_feed(const struct collector *c)
{
	if (!c->g || c->broken || grpc_queued(c->g, c->call) >= PIECE)
		return false;
	return c->sending || c->hello.due ||
	       (c->welcome && (c->containers.due || c->health.due || queue_next(&c->q)));
}

static void feed(struct collector *c)
{
	int r = 0;

	while (r == 0 && can_feed(c)) {
		if (c->sending)
			r = send_piece(c);
		else if (c->hello.due)
			r = say(c, &c->hello);
		else if (c->containers.due)
			r = say(c, &c->containers);
		else if (c->health.due)
			r = say(c, &c->health);
		else
			r = begin_batch(c, queue_next(&c->q));
	}
	/* -EPIPE: the call has ended, which on_ended tells or has told. */
	if (r < 0 && r != -EPIPE && !c->broken)
		give_up_errno(c, r);
}

void link_write(struct collector *c)
{
	while (c->g && !c->broken) {
		struct slice out;
		struct iovec iov;
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		feed(c);
		out = grpc_output(c->g);
		if (out.n == 0)
			return;
		iov = (struct iovec){ (void *)(uintptr_t)out.p, out.n };
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			grpc_sent(c->g, (size_t)n);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			give_up_errno(c, -errno);
	}
}

void link_read(struct collector *c)
{
	uint8_t in[READ_SIZE];

	for (unsigned i = 0; i < READS_MAX && !c->broken; i++) {
		ssize_t n = read(c->fd, in, sizeof(in));

		if (n > 0) {
			if (grpc_input(c->g, (struct slice){ in, (size_t)n }) < 0)
				give_up(c, -EPROTO,
					"what listens at the hub's address does not speak gRPC");
		} else if (n == 0) {
			if (!c->broken)
				give_up(c, -ECONNRESET, "the hub closed the connection");
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno != EINTR) {
			give_up_errno(c, -errno);
		}
	}
}

/* 0, or the reason for which the connection was given up just now. */
int link_settle(struct collector *c)
{
	int r = c->broken;

	if (c->g && r == 0 && grpc_done(c->g)) {
		give_up(c, -ECONNRESET, "the hub closed the connection");
		r = c->broken;
	}
	if (c->g && r < 0)
		disconnect(c);
	return r;
}

int link_open(struct collector *c, int fd)
{
	struct grpc_options o = { .message_max = EXCHANGE_REPLY_MAX,
				  .queue_max = EXCHANGE_MESSAGE_MAX,
				  .ping_ns = c->ping_ns };
	struct grpc_hooks h = { .message = on_message, .ended = on_ended, .ctx = c };

	c->g = grpc_new(&o, &h);
	c->call = c->g ? grpc_call(c->g, EXCHANGE_PATH, "limpid-hub", c->o.token) : -ENOMEM;
	if (c->call < 0) {
		grpc_free(c->g);
		c->g = NULL;
		(void)close(fd); /* as in disconnect */
		link_ask(c, false);
		return -ENOMEM;
	}
	c->fd = fd;
	c->begun_ns = c->now_ns;
	c->hello.due = true;
	return 0;
}

bool link_wants_write(const struct collector *c)
{
	return c->g && (grpc_wants_write(c->g) || can_feed(c));
}

void link_tick(struct collector *c)
{
	if (grpc_tick(c->g, c->now_ns) < 0)
		give_up(c, -ETIMEDOUT, "the hub does not answer any more");
	else if (!c->welcome && c->now_ns - c->begun_ns >= WELCOME_NS)
		give_up(c, -ETIMEDOUT,
			"the hub took the connection but said nothing for 10 seconds");
}
