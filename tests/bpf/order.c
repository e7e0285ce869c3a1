/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a connection may report over different rings.  What happened first has to be read first all the
 * same: that the server was there, and read the request, before the client has the answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int listen_here(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return fd < 0 || bind(fd, (void *)a, len) < 0 || listen(fd, 100) < 0 ||
			       getsockname(fd, (void *)a, &len) < 0
		       ? -1
		       : fd;
}

static void serve(int listener)
{
	char data[100];
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n > 0 && write(fd, data, (size_t)n) != n)
			break;
		close(fd);
	}
	_exit(0);
}

/* When it is told to: so many connections with one exchange each. */
static void ask(int go, const struct sockaddr_in *to, unsigned n)
{
	char data[100] = "question";

	if (read(go, data + 50, 1) != 1)
		_exit(1);
	for (unsigned i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (const void *)to, sizeof(*to)) < 0 ||
		    write(fd, data, 20) != 20 || read(fd, data, sizeof(data)) != 20)
			_exit(2);
		close(fd);
	}
	_exit(0);
}

struct seen { /* by the client's port */
	uint64_t client;
	bool server, read;
};
struct causes {
	uint16_t sport;
	struct seen ports[65536];
	unsigned answers, early;
	uint64_t cookie_port[1 << 16]; /* cookie << 16 | port, by the cookie's low bits */
};

static void opened(struct causes *c, const struct ev_open *ev)
{
	bool server = ev->lport == c->sport;
	uint16_t port = server ? ev->rport : ev->lport;

	if (!server && ev->rport != c->sport)
		return;
	c->cookie_port[ev->h.cookie & 0xffff] = ev->h.cookie << 16 | port;
	if (server)
		c->ports[port].server = true;
	else
		c->ports[port].client = ev->h.cookie;
}

static void note(void *arg, const struct ev_hdr *h)
{
	const struct ev_data *ev = (const void *)h;
	struct causes *c = arg;
	uint64_t known = c->cookie_port[h->cookie & 0xffff];
	struct seen *s = &c->ports[known & 0xffff];

	if (h->kind == EV_OPEN)
		opened(c, (const void *)h);
	if (h->kind != EV_DATA || ev->dir != EV_READ || !ev->len || known >> 16 != h->cookie)
		return;
	if (s->client != h->cookie) {
		s->read = true;
		return;
	}
	c->answers++;
	c->early += !s->server || !s->read;
	*s = (struct seen){ 0 };
}

static bool enough(const struct watch *w, const void *arg)
{
	(void)w;
	return ((const struct causes *)arg)->answers >= (quick ? 500 : 5000);
}

void causality(struct watch *w, struct worker *k)
{
	static struct causes c;
	struct sockaddr_in a;
	int go[2], listener = listen_here(&a), status = -1;
	pid_t pids[2];

	(void)k;
	if (listener < 0 || pipe(go) < 0)
		return;
	c.sport = ntohs(a.sin_port);
	pids[0] = fork();
	if (pids[0] == 0)
		serve(listener);
	pids[1] = fork();
	if (pids[1] == 0)
		ask(go[0], &a, quick ? 500 : 5000);
	for (int i = 0; i < 2; i++)
		tap_bpf_rule_tgid(w->bpf, (uint32_t)pids[i], EV_RULE_INCLUDE);
	w->also = note;
	w->also_arg = &c;
	if (write(go[1], "g", 1) != 1)
		perror("pipe");
	while (waitpid(pids[1], &status, WNOHANG) == 0)
		watch_take(w); /* without a pause: a ring is looked at in every moment */
	watch_until(w, enough, &c);
	w->also = NULL;
	check(status == 0 && enough(w, &c) && c.early == 0,
	      "what an answer follows from is read before it: %u answers, %u came first", c.answers,
	      c.early);
	shutdown(listener, SHUT_RDWR);
	waitpid(pids[0], &status, 0);
	for (int i = 0; i < 2; i++)
		tap_bpf_rule_tgid(w->bpf, (uint32_t)pids[i], -1);
	close(listener);
	close(go[0]);
	close(go[1]);
	watch_forget(w);
}
