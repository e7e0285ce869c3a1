/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/peer.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/agent_decode.h"
#include "rpc/exchange.h"

#define READ_SIZE    (64u << 10)
#define READS_MAX    16 /* in a row, before other agents have their turn */
#define ID_MAX	     64
#define NAME_MAX_LEN 255
#define REPLIES_MAX  (16u << 10) /* queued for an agent that does not read */

/* --- the agent --------------------------------------------------------------------------------------- */

static void forget_agent(struct peer *p)
{
	free((void *)(uintptr_t)p->agent.id);
	free((void *)(uintptr_t)p->agent.hostname);
	free((void *)(uintptr_t)p->agent.version);
	free((void *)(uintptr_t)p->agent.kernel);
	p->agent = (struct ingest_agent){ 0 };
	p->hello = false;
	p->npending = p->first = 0;
	p->last_seq = p->stored = p->acked = 0;
	p->ack_due = p->settings_due = false;
}

/* The call is over, by whatever cause. */
static void gone(struct peer *p)
{
	p->stream = 0;
	p->begun_ns = p->in->now_ns;
	if (!p->hello)
		return;
	p->in->stats.agents--;
	p->in->hooks.gone(p->in->hooks.ctx, &p->agent);
	forget_agent(p);
}

static void die(struct peer *p)
{
	if (p->dead)
		return;
	p->dead = true;
	gone(p);
}

static bool id_ok(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

	return n > 0 && n <= ID_MAX && s[n] == 0;
}

static int take_names(struct peer *p, const Limpid__V1__Hello *m)
{
	p->agent.id = strdup(m->agent_id);
	p->agent.hostname = strndup(m->hostname, NAME_MAX_LEN);
	p->agent.version = strndup(m->version, NAME_MAX_LEN);
	p->agent.kernel = strndup(m->kernel, NAME_MAX_LEN);
	p->agent.last_seen_ns = p->in->now_ns;
	return p->agent.id && p->agent.hostname && p->agent.version && p->agent.kernel ? 0
										       : -ENOMEM;
}

static void replace_older(struct peer *p, const char *id)
{
	for (struct peer *o = p->in->peers; o; o = o->next)
		if (o != p && !o->dead && o->hello && strcmp(o->agent.id, id) == 0)
			peer_end(o, GRPC_UNAVAILABLE,
				 "replaced by a newer connection of this agent");
}

static int say(struct peer *p, const Limpid__V1__HubMessage *m)
{
	size_t n = limpid__v1__hub_message__get_packed_size(m);
	uint8_t *buf = malloc(n ? n : 1);
	int r;

	if (!buf)
		return -ENOMEM;
	r = grpc_send(p->g, p->stream, (struct slice){ buf, limpid__v1__hub_message__pack(m, buf) },
		      false);
	free(buf);
	return r;
}

static int on_hello(void *ctx, const Limpid__V1__Hello *m)
{
	Limpid__V1__Welcome welcome = LIMPID__V1__WELCOME__INIT;
	Limpid__V1__HubMessage reply = LIMPID__V1__HUB_MESSAGE__INIT;
	struct peer *p = ctx;

	if (p->hello || !id_ok(m->agent_id))
		return -EBADMSG;
	if (take_names(p, m) < 0) {
		forget_agent(p);
		return -ENOMEM;
	}
	replace_older(p, m->agent_id);
	p->hello = true;
	p->in->stats.agents++;
	p->stored = p->acked = p->in->hooks.hello(p->in->hooks.ctx, &p->agent);
	welcome.hub_version = (char *)(uintptr_t)LIMPID_VERSION;
	welcome.last_seq = p->stored;
	reply.msg_case = LIMPID__V1__HUB_MESSAGE__MSG_WELCOME;
	reply.welcome = &welcome;
	p->settings_due = p->in->settings.n > 0;
	return say(p, &reply);
}

static int on_containers(void *ctx, const Limpid__V1__Containers *m)
{
	struct peer *p = ctx;

	if (!p->hello)
		return -EBADMSG;
	for (size_t i = 0; i < m->n_containers; i++)
		for (size_t k = 0; k < m->containers[i]->n_addrs; k++)
			if (m->containers[i]->addrs[k].len != 16)
				return -EBADMSG;
	p->in->hooks.containers(p->in->hooks.ctx, &p->agent, m);
	return 0;
}

static int on_health(void *ctx, const Limpid__V1__Health *m)
{
	struct peer *p = ctx;

	if (!p->hello)
		return -EBADMSG;
	p->in->hooks.health(p->in->hooks.ctx, &p->agent, m);
	return 0;
}

/* --- batches and their acknowledgement --------------------------------------------------------------- */

static int on_batch(void *ctx, uint64_t seq)
{
	struct peer *p = ctx;

	if (!p->hello || seq <= p->last_seq)
		return -EBADMSG;
	p->last_seq = seq;
	if (seq > p->stored)
		return 0;
	p->ack_due = true; /* it is stored since before: the agent does not know yet */
	return 1;
}

static void on_flow(void *ctx, struct slice packed)
{
	struct peer *p = ctx;

	p->in->stats.flows++;
	p->in->hooks.flow(p->in->hooks.ctx, &p->agent, packed);
}

static int on_batch_end(void *ctx, uint64_t seq)
{
	struct peer *p = ctx;

	p->in->stats.batches++;
	p->in->hooks.batch_end(p->in->hooks.ctx, &p->agent, seq);
	return 0;
}

static int remember(struct peer *p, uint64_t seq, size_t bytes)
{
	if (p->npending == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct pending *ring = calloc(cap, sizeof(*ring));

		if (!ring)
			return -ENOMEM;
		for (size_t i = 0; i < p->npending; i++)
			ring[i] = p->pending[(p->first + i) & (p->cap - 1)];
		free(p->pending);
		p->pending = ring;
		p->cap = cap;
		p->first = 0;
	}
	p->pending[(p->first + p->npending++) & (p->cap - 1)] = (struct pending){ seq, bytes };
	return 0;
}

static void release_stored(struct peer *p)
{
	while (p->npending > 0 && p->pending[p->first].seq <= p->stored) {
		(void)grpc_consume(p->g, p->stream,
				   p->pending[p->first].bytes); /* no stream: no window */
		p->first = (p->first + 1) & (p->cap - 1);
		p->npending--;
	}
}

void peer_ack(struct peer *p, uint64_t seq)
{
	/* It may be of an earlier connection, and higher than what came on this one. */
	if (seq > p->stored)
		p->stored = seq;
	release_stored(p);
	p->ack_due = p->stored > p->acked || p->ack_due;
	if (!p->inside)
		peer_output(p);
}

void peer_settings(struct peer *p)
{
	p->settings_due = p->hello;
	if (!p->inside)
		peer_output(p);
}

/* One acknowledgement covers all before it, so they wait while the agent does not read. */
static void reply(struct peer *p)
{
	Limpid__V1__HubMessage m = LIMPID__V1__HUB_MESSAGE__INIT;
	Limpid__V1__Ack ack = LIMPID__V1__ACK__INIT;

	if (!p->hello || grpc_queued(p->g, p->stream) > REPLIES_MAX)
		return;
	if (p->settings_due && grpc_send(p->g, p->stream, buf_slice(&p->in->settings), false) == 0)
		p->settings_due = false;
	if (!p->ack_due)
		return;
	ack.seq = p->stored;
	m.msg_case = LIMPID__V1__HUB_MESSAGE__MSG_ACK;
	m.ack = &ack;
	if (say(p, &m) == 0) {
		p->ack_due = false;
		p->acked = p->stored;
	}
}

/* --- the call ---------------------------------------------------------------------------------------- */

static bool token_ok(const struct ingest *in, const char *auth)
{
	static const char scheme[] = "Bearer ";
	size_t n;

	if (!in->token)
		return true;
	if (!auth || strncmp(auth, scheme, sizeof(scheme) - 1) != 0)
		return false;
	auth += sizeof(scheme) - 1;
	n = strlen(in->token);
	return strlen(auth) == n && CRYPTO_memcmp(auth, in->token, n) == 0;
}

static enum grpc_status on_called(void *ctx, int32_t stream, const char *path, const char *auth)
{
	struct peer *p = ctx;

	if (strcmp(path, EXCHANGE_PATH) != 0)
		return GRPC_UNIMPLEMENTED;
	if (!token_ok(p->in, auth)) {
		p->in->stats.refused++;
		/* It will try again every few seconds: said once. */
		log_write(p->in->told_token ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
			  "an agent was refused: its token is %s", auth ? "wrong" : "missing");
		p->in->told_token = true;
		(void)grpc_finish(p->g, stream, GRPC_UNAUTHENTICATED,
				  auth ? "this hub wants another agent token: check --agent-token"
				       : "this hub wants an agent token: pass --agent-token TOKEN");
		return GRPC_OK; /* it is finished, with a text of ours */
	}
	if (p->stream) {
		p->in->stats.refused++;
		return GRPC_EXHAUSTED;
	}
	p->stream = stream;
	return GRPC_OK;
}

static void on_message(void *ctx, int32_t stream, struct slice msg)
{
	static const struct agent_decode_hooks hooks = {
		on_hello, on_containers, on_health, on_batch, on_flow, on_batch_end,
	};
	struct peer *p = ctx;
	uint64_t before = p->last_seq;
	int r;

	if (stream != p->stream || p->dead)
		return;
	r = agent_decode(msg, &hooks, p);
	if (r == 0 && p->last_seq > before)
		r = remember(p, p->last_seq, msg.n);
	else if (r == 0)
		(void)grpc_consume(p->g, stream,
				   msg.n); /* the stream is there: this is its message */
	if (r == 0) {
		release_stored(p); /* it may have been acknowledged meanwhile */
		return;
	}
	p->in->stats.bad_messages++;
	(void)grpc_finish(
		p->g, stream, r == -ENOMEM ? GRPC_EXHAUSTED : GRPC_INTERNAL,
		p->hello ? "the hub cannot decode a message: is the agent of the same version?"
			 : "the first message of an agent has to be its hello");
	gone(p);
}

static void on_ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct peer *p = ctx;

	(void)text;
	if (stream != p->stream)
		return;
	if (st == GRPC_OK)
		(void)grpc_finish(p->g, stream, GRPC_OK, NULL); /* an agent that stops says so */
	gone(p);
}

/* --- the socket -------------------------------------------------------------------------------------- */

int peer_open(struct ingest *in, int fd)
{
	struct grpc_options o = { .server = true,
				  .message_max = EXCHANGE_MESSAGE_MAX,
				  .manual_window = true };
	struct epoll_event ev = { .events = EPOLLIN };
	struct peer *p = calloc(1, sizeof(*p));
	struct grpc_hooks h = { on_called, on_message, on_ended, p };

	if (!p) {
		(void)close(fd); /* it was never used */
		return -ENOMEM;
	}
	p->in = in;
	p->fd = fd;
	p->begun_ns = in->now_ns;
	p->g = grpc_new(&o, &h);
	ev.data.ptr = p;
	if (!p->g || epoll_ctl(in->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		peer_free(p);
		return -ENOMEM;
	}
	p->next = in->peers;
	in->peers = p;
	in->npeers++;
	return 0;
}

static void poll_out(struct peer *p, bool on)
{
	struct epoll_event ev = { .events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = p };

	if (p->polls_out == on)
		return;
	p->polls_out = on;
	(void)epoll_ctl(p->in->epoll, EPOLL_CTL_MOD, p->fd,
			&ev); /* it was added, so it can be changed */
}

void peer_output(struct peer *p)
{
	while (!p->dead) {
		struct slice out;
		ssize_t n;

		reply(p);
		out = grpc_output(p->g);
		if (out.n == 0)
			break;
		n = send(p->fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			grpc_sent(p->g, (size_t)n);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			poll_out(p, true);
			return;
		} else if (errno != EINTR) {
			die(p);
		}
	}
	if (p->dead)
		return;
	poll_out(p, false);
	if (grpc_done(p->g))
		die(p);
}

static void rubbish(struct peer *p)
{
	p->in->stats.refused++;
	log_debug("a connection was dropped: it does not speak gRPC");
	die(p);
}

void peer_input(struct peer *p)
{
	uint8_t in[READ_SIZE];

	for (unsigned i = 0; i < READS_MAX && !p->dead; i++) {
		ssize_t n = read(p->fd, in, sizeof(in));

		if (n > 0) {
			p->agent.last_seen_ns = p->in->now_ns;
			p->inside = true;
			if (grpc_input(p->g, (struct slice){ in, (size_t)n }) < 0)
				rubbish(p);
			p->inside = false;
			if ((size_t)n < sizeof(in))
				break;
		} else if (n == 0) {
			die(p);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			break;
		} else if (errno != EINTR) {
			die(p);
		}
	}
	peer_output(p);
}

void peer_tick(struct peer *p)
{
	if (p->dead)
		return;
	if (grpc_tick(p->g, p->in->now_ns) < 0) {
		if (p->hello)
			log_warn("agent %s on %s does not answer any more", p->agent.id,
				 p->agent.hostname);
		die(p);
	} else if (!p->hello && p->in->now_ns - p->begun_ns >= PEER_SILENT_NS) {
		p->in->stats.refused++;
		die(p);
	}
	peer_output(p);
}

void peer_end(struct peer *p, enum grpc_status st, const char *text)
{
	if (p->dead)
		return;
	if (p->stream)
		(void)grpc_finish(p->g, p->stream, st,
				  text); /* what fails is told by the closed socket */
	gone(p);
	if (!p->inside)
		peer_output(p);
	p->dead = true;
}

void peer_free(struct peer *p)
{
	(void)close(p->fd); /* all was written that could be */
	grpc_free(p->g);
	forget_agent(p);
	free(p->pending);
	free(p);
}
