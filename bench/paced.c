/* SPDX-License-Identifier: Apache-2.0 */
/* paced PORT PATH RATE SECONDS CONNECTIONS - GET http://127.0.0.1:PORT/PATH at a fixed rate, and how long it took.
 *
 * Open loop: request number i is due at i/RATE whatever happened before, and its latency counts from then until
 * the last byte of its answer, so that waiting for a slow server is not left out.  A request that is due while
 * all connections are busy waits for the first that is free.  Between requests it sleeps; the timer's slack is
 * set to 1 ns, and what the sleep adds is the same with and without whatever is being measured.
 * Prints: requests, requests/s, p50, p90, p99 and largest latency in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNS 256
#define SECOND	  1000000000ull

struct client {
	int fd;
	bool busy;
	uint64_t due_ns;
	size_t got, want; /* bytes of the answer; want: 0 until its head is whole */
	char buf[65536];
};

static struct client *clients[MAX_CONNS];
static char request[512];
static uint32_t *took_us;
static size_t done;

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void open_client(int ep, unsigned i, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };
	struct client *c = calloc(1, sizeof(*c));
	int one = 1;

	if (!c)
		fail("calloc");
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev))
		fail("connect");
	clients[i] = c;
}

static void ask(struct client *c, uint64_t due_ns)
{
	size_t n = strlen(request);

	c->busy = true;
	c->due_ns = due_ns;
	c->got = c->want = 0;
	if (send(c->fd, request, n, MSG_NOSIGNAL) != (ssize_t)n)
		fail("send");
}

static void answered(struct client *c)
{
	ssize_t n = recv(c->fd, c->buf + c->got, sizeof(c->buf) - 1 - c->got, MSG_DONTWAIT);
	char *end, *len;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || !c->busy)
		fail("recv");
	c->got += (size_t)n;
	c->buf[c->got] = '\0';
	if (!c->want && (end = strstr(c->buf, "\r\n\r\n"))) {
		len = strcasestr(c->buf, "\r\ncontent-length:");
		if (!len || strncmp(c->buf, "HTTP/1.1 200", 12) != 0) {
			(void)fprintf(stderr, "not the answer that was expected: %.60s\n", c->buf);
			exit(1);
		}
		c->want = (size_t)(end + 4 - c->buf) + strtoul(len + 17, NULL, 10);
	}
	if (!c->want || c->got < c->want)
		return;
	took_us[done++] = (uint32_t)((now_ns() - c->due_ns) / 1000);
	c->busy = false;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static struct client *idle(unsigned n)
{
	static unsigned next;

	for (unsigned i = 0; i < n; i++) {
		struct client *c = clients[next++ % n];

		if (!c->busy)
			return c;
	}
	return NULL;
}

static void run(int ep, uint64_t rate, size_t total, unsigned conns)
{
	uint64_t start = now_ns() + SECOND / 100;
	size_t asked = 0;

	while (done < total) {
		struct epoll_event evs[64];
		uint64_t now = now_ns(), due = start + asked * SECOND / rate;
		struct timespec wait = { 1, 0 };
		struct client *c;
		int n;

		while (asked < total && due <= now && (c = idle(conns))) {
			ask(c, due);
			due = start + ++asked * SECOND / rate;
		}
		if (asked < total && due > now)
			wait = (struct timespec){ 0, (long)((due - now) % SECOND) };
		n = epoll_pwait2(ep, evs, 64, &wait, NULL);
		for (int i = 0; i < n; i++)
			answered(clients[evs[i].data.u32]);
		if (now_ns() - start > (total / rate + 10) * SECOND) {
			(void)fprintf(stderr, "%zu of %zu were answered\n", done, total);
			exit(1);
		}
	}
	(void)printf("%zu %.0f ", done,
		     (double)done / ((double)(now_ns() - start) / (double)SECOND));
}

int main(int argc, char **argv)
{
	uint64_t rate = argc == 6 ? strtoull(argv[3], NULL, 10) : 0;
	unsigned conns = argc == 6 ? (unsigned)atoi(argv[5]) : 0;
	size_t total = argc == 6 ? (size_t)(rate * strtoull(argv[4], NULL, 10)) : 0;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (!total || !conns || conns > MAX_CONNS) {
		(void)fprintf(stderr, "usage: paced PORT PATH RATE SECONDS CONNECTIONS\n");
		return 2;
	}
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	(void)snprintf(request, sizeof(request), "GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		       argv[2]);
	took_us = calloc(total, sizeof(*took_us));
	if (!took_us)
		fail("calloc");
	for (unsigned i = 0; i < conns; i++)
		open_client(ep, i, (uint16_t)atoi(argv[1]));
	run(ep, rate, total, conns);
	qsort(took_us, done, sizeof(*took_us), by_value);
	(void)printf("%u %u %u %u\n", took_us[done / 2], took_us[done / 10 * 9],
		     took_us[done / 100 * 99], took_us[done - 1]);
	return 0;
}
