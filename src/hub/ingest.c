/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/ingest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/peer.h"

#define PEERS_MAX 256
#define EVENTS	  64

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* --- the address ------------------------------------------------------------------------------------- */

/* "1.2.3.4:5", "[::1]:5" or "localhost:5".  0, -EINVAL. */
static int parse(const char *s, union address *a)
{
	const char *colon = strrchr(s, ':');
	char host[INET6_ADDRSTRLEN + 2], *end;
	unsigned long port;
	size_t n;

	*a = (union address){ 0 };
	if (!colon || colon == s || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	n = (size_t)(colon - s);
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, n);
	host[n] = 0;
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host + 1, &a->v6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	a->v4.sin_family = AF_INET;
	a->v4.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
			 &a->v4.sin_addr) == 1
		       ? 0
		       : -EINVAL;
}

static bool is_loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static int explain(int err, const char *addr, char *text, size_t n)
{
	switch (err) {
	case -EADDRINUSE:
		(void)snprintf(text, n,
			       "the address %s for agents is in use: stop the program that has it "
			       "(is another "
			       "hub running?), or choose another with --grpc ADDRESS:PORT",
			       addr);
		break;
	case -EADDRNOTAVAIL:
		(void)snprintf(
			text, n,
			"no network interface here has the address %s: choose another with --grpc "
			"ADDRESS:PORT",
			addr);
		break;
	case -EACCES:
		(void)snprintf(
			text, n,
			"no permission to listen on %s: choose a port above 1023 with --grpc "
			"ADDRESS:PORT",
			addr);
		break;
	default:
		(void)snprintf(text, n, "cannot listen for agents on %s: %s", addr, strerror(-err));
		break;
	}
	return err;
}

static int listen_on(struct ingest *g, union address *a)
{
	socklen_t len = a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
	int on = 1;

	g->listener = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (g->listener < 0)
		return -errno;
	/* Without it a hub that restarts would wait for old connections to expire. */
	if (setsockopt(g->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(g->listener, &a->any, len) < 0 || listen(g->listener, 64) < 0 ||
	    getsockname(g->listener, &a->any, &len) < 0)
		return -errno;
	g->port = ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
	return 0;
}

static int watch_listener(struct ingest *g, bool on)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	if (g->listening == on)
		return 0;
	if (epoll_ctl(g->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, g->listener, &ev) < 0)
		return -errno;
	g->listening = on;
	return 0;
}

static int check(const char *addr, const char *token, union address *a, char *err, size_t errlen)
{
	if (parse(addr, a) < 0) {
		(void)snprintf(err, errlen,
			       "\"%s\" is no address to listen on: write it as 127.0.0.1:50052 or "
			       "[::1]:50052",
			       addr);
		return -EINVAL;
	}
	if (!is_loopback(a) && (!token || !*token)) {
		(void)snprintf(err, errlen,
			       "agents may not reach %s without a token: bind to loopback, or pass "
			       "--agent-token TOKEN (TLS is not available yet: what agents send is "
			       "readable on "
			       "the way)",
			       addr);
		return -EACCES;
	}
	return 0;
}

int ingest_open(struct ingest **ret, const char *addr, const char *agent_token,
		const struct ingest_hooks *h, char *err, size_t errlen)
{
	union address a;
	struct ingest *g;
	int r = check(addr, agent_token, &a, err, errlen);

	if (r < 0)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return explain(-ENOMEM, addr, err, errlen);
	g->listener = -1;
	g->hooks = *h;
	if (agent_token && *agent_token)
		g->token = strdup(agent_token);
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	r = g->epoll < 0 ? -errno : listen_on(g, &a);
	if (r == 0 && agent_token && *agent_token && !g->token)
		r = -ENOMEM;
	if (r == 0)
		r = watch_listener(g, true);
	if (r < 0) {
		ingest_close(g);
		return explain(r, addr, err, errlen);
	}
	*ret = g;
	return 0;
}

/* --- the loop ---------------------------------------------------------------------------------------- */

static void accept_all(struct ingest *g)
{
	for (;;) {
		int on = 1, fd = accept4(g->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno != EAGAIN && errno != EWOULDBLOCK) {
				/* Out of descriptors or memory: the next tick tries again. */
				log_warn("no more agents for the moment: %s", strerror(errno));
				(void)watch_listener(
					g, false); /* at worst the loop spins until the tick */
			}
			return;
		}
		if (g->npeers >= PEERS_MAX) {
			g->stats.refused++;
			(void)close(fd); /* nothing was said on it */
			continue;
		}
		/* Acknowledgements are small and should not wait for company; without it they are late. */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (peer_open(g, fd) < 0)
			g->stats.refused++;
	}
}

static void bury(struct ingest *g)
{
	for (struct peer **at = &g->peers, *p; (p = *at);) {
		if (p->dead) {
			*at = p->next;
			g->npeers--;
			peer_free(p);
		} else {
			at = &p->next;
		}
	}
}

uint16_t ingest_port(const struct ingest *g)
{
	return g->port;
}

int ingest_fd(const struct ingest *g)
{
	return g->epoll;
}

int ingest_poll(struct ingest *g, uint64_t now_ns)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(g->epoll, ev, EVENTS, 0);

	g->now_ns = now_ns;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct peer *p = ev[i].data.ptr;

		if (!p)
			accept_all(g);
		else if (!p->dead)
			peer_input(p); /* which also writes */
	}
	bury(g);
	return 0;
}

void ingest_tick(struct ingest *g, uint64_t now_ns)
{
	g->now_ns = now_ns;
	if (!g->listening)
		(void)watch_listener(g, true); /* or at the next tick */
	for (struct peer *p = g->peers; p; p = p->next)
		peer_tick(p);
	bury(g);
}

void ingest_ack(struct ingest *g, const char *agent_id, uint64_t seq)
{
	for (struct peer *p = g->peers; p; p = p->next)
		if (!p->dead && p->hello && strcmp(p->agent.id, agent_id) == 0) {
			peer_ack(p, seq);
			return;
		}
}

int ingest_settings(struct ingest *g, const Limpid__V1__Settings *s)
{
	Limpid__V1__HubMessage m = LIMPID__V1__HUB_MESSAGE__INIT;
	size_t n;
	uint8_t *room;

	m.msg_case = LIMPID__V1__HUB_MESSAGE__MSG_SETTINGS;
	m.settings = (Limpid__V1__Settings *)(uintptr_t)s;
	n = limpid__v1__hub_message__get_packed_size(&m);
	buf_clear(&g->settings);
	room = buf_room(&g->settings, n);
	if (!room)
		return -ENOMEM;
	g->settings.n = limpid__v1__hub_message__pack(&m, room);
	for (struct peer *p = g->peers; p; p = p->next)
		if (!p->dead)
			peer_settings(p);
	return 0;
}

const struct ingest_stats *ingest_stats(const struct ingest *g)
{
	return &g->stats;
}

void ingest_close(struct ingest *g)
{
	if (!g)
		return;
	for (struct peer *p = g->peers; p; p = p->next)
		peer_end(p, GRPC_UNAVAILABLE, "the hub is stopping");
	bury(g);
	if (g->listener >= 0)
		(void)close(g->listener); /* it holds no data */
	if (g->epoll >= 0)
		(void)close(g->epoll);
	buf_release(&g->settings);
	free(g->token);
	free(g);
}
