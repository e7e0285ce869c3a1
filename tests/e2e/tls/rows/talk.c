/* SPDX-License-Identifier: Apache-2.0 */
/* talk client|server - one end of the conversation of ../rows (script.py) for TLS libraries that are used from C.
 * Environment: PORT, SCRIPT, ROW; CERT and KEY of a server.  Each connection is a thread. */
#include "io.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS	  256
#define HEAD_MAX  16384
#define TARGET_MAX 128

struct step {
	char seq[16], connection[16], method[8], target[TARGET_MAX];
	size_t send, answer;
	int status;
};
struct talk { /* one connection */
	struct io *io;
	char buf[HEAD_MAX]; /* read and not used */
	size_t have;
};
static struct step steps[STEPS];
static size_t nsteps;
static int port;
static const char *row;

void io_die(const char *what)
{
	perror(what);
	exit(1);
}

static const char *env(const char *name)
{
	const char *v = getenv(name);

	if (!v) {
		fprintf(stderr, "talk: no %s in the environment\n", name);
		exit(2);
	}
	return v;
}

static void read_script(const char *path)
{
	FILE *f = fopen(path, "r");
	struct step *s = steps;

	if (!f)
		io_die(path);
	while (nsteps < STEPS && fscanf(f, "%15s %15s %7s %127s %zu %zu %d", s->seq, s->connection, s->method, s->target,
					&s->send, &s->answer, &s->status) == 7)
		s = &steps[++nsteps];
	fclose(f);
}

/* The byte at I of the body of a message about TARGET. */
static void body_fill(char *p, size_t n, const char *target)
{
	size_t len = strlen(target);

	for (size_t i = 0; i < n; i++)
		p[i] = i % (len + 1) == len ? ' ' : target[i % (len + 1)];
}

/* Until the blank line; what lies behind it stays in buf.  NULL: the peer closed. */
static char *read_head(struct talk *t, char *head)
{
	for (;;) {
		char *end = memmem(t->buf, t->have, "\r\n\r\n", 4);

		if (end) {
			size_t n = (size_t)(end - t->buf) + 4;

			memcpy(head, t->buf, n - 2);
			head[n - 2] = '\0';
			memmove(t->buf, t->buf + n, t->have -= n);
			return head;
		}
		if (t->have == sizeof(t->buf))
			io_die("a head that is too long");
		ssize_t got = io_read(t->io, t->buf + t->have, sizeof(t->buf) - t->have);

		if (got <= 0)
			return NULL;
		t->have += (size_t)got;
	}
}

static void header(const char *head, const char *name, char *ret, size_t n)
{
	const char *p = strcasestr(head, name);

	ret[0] = '\0';
	if (p)
		snprintf(ret, n, "%.*s", (int)strcspn(p + strlen(name), "\r"), p + strlen(name));
}

/* Reads N bytes and says whether they are the body of a message about TARGET. */
static bool body_is(struct talk *t, size_t n, const char *target)
{
	char *got = malloc(n + 1), *want = malloc(n + 1);
	size_t have = t->have < n ? t->have : n;

	memcpy(got, t->buf, have);
	memmove(t->buf, t->buf + have, t->have -= have);
	while (have < n) {
		ssize_t r = io_read(t->io, got + have, n - have);

		if (r <= 0)
			io_die("a body that ends early");
		have += (size_t)r;
	}
	body_fill(want, n, target);
	bool same = memcmp(got, want, n) == 0;

	free(got);
	free(want);
	return same;
}

/* A message in one piece; returns its length. */
static size_t put(char *p, const char *head, size_t body, const char *target)
{
	size_t n = strlen(head);

	memcpy(p, head, n);
	body_fill(p + n, body, target);
	return n + body;
}

static size_t put_request(char *p, const struct step *s)
{
	char head[512], length[48] = "";

	if (strcmp(s->method, "POST") == 0 || strcmp(s->method, "PUT") == 0)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", s->send);
	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: localhost\r\nX-Row: %s\r\nX-Seq: %s\r\n%s\r\n", s->method,
		 s->target, row, s->seq, length);
	return put(p, head, s->send, s->target);
}

static void check_answer(struct talk *t, const struct step *s)
{
	char head[HEAD_MAX], length[32], echo[32];

	if (!read_head(t, head))
		io_die("no answer");
	header(head, "Content-Length: ", length, sizeof(length));
	header(head, "X-Echo: ", echo, sizeof(echo));
	if (atoi(head + 9) != s->status || strcmp(echo, s->seq) != 0 || strtoul(length, NULL, 10) != s->answer ||
	    !body_is(t, s->answer, s->target)) {
		fprintf(stderr, "talk: %s: a wrong answer: %s\n", s->seq, head);
		exit(1);
	}
}

static void *talk_one(void *first)
{
	const struct step *from = first, *end = from;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct talk t = { 0 };
	size_t total = 0, n = 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	while (end < steps + nsteps && strcmp(end->connection, from->connection) == 0)
		total += 512 + (end++)->send;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		io_die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	t.io = io_open(fd, false);
	char *out = malloc(total);
	bool pipe = strcmp(from->connection, "pipe") == 0;

	for (const struct step *s = from; pipe && s < end; s++)
		n += put_request(out + n, s);
	if (pipe)
		io_write(t.io, out, n);
	for (const struct step *s = from; s < end; s++) {
		if (!pipe)
			io_write(t.io, out, put_request(out, s));
		check_answer(&t, s);
	}
	io_close(t.io);
	free(out);
	return NULL;
}

static void client(void)
{
	pthread_t threads[STEPS];
	size_t n = 0;

	for (size_t i = 0; i < nsteps; i++) {
		if (i && strcmp(steps[i].connection, steps[i - 1].connection) == 0)
			continue;
		if (strncmp(steps[i].connection, "conc", 4) != 0)
			talk_one(&steps[i]);
		else if (pthread_create(&threads[n++], NULL, talk_one, &steps[i]) != 0)
			io_die("pthread_create");
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static void *serve_one(void *arg)
{
	struct talk t = { .io = io_open((int)(intptr_t)arg, true) };
	char head[HEAD_MAX], method[8], target[TARGET_MAX], seq[32], out[512];

	while (t.io && read_head(&t, head)) {
		size_t send = 0, answer = 0;
		int status = 0;

		header(head, "X-Seq: ", seq, sizeof(seq));
		if (sscanf(head, "%7s %127s", method, target) != 2 || !strchr(target, '?') ||
		    sscanf(strchr(target, '?'), "?method=%*[A-Z]&send=%zu&answer=%zu&status=%d", &send, &answer, &status) != 3 ||
		    !body_is(&t, send, target)) {
			fprintf(stderr, "talk: a wrong request: %s\n", head);
			exit(1);
		}
		snprintf(out, sizeof(out),
			 "HTTP/1.1 %d Fine\r\nX-Echo: %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
			 status, seq, answer);
		char *p = malloc(sizeof(out) + answer);

		io_write(t.io, p, put(p, out, answer, target));
		free(p);
	}
	if (t.io)
		io_close(t.io);
	return NULL;
}

static void server(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 128) != 0)
		io_die("listen");
	for (;;) {
		pthread_t thread;
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (c < 0)
			io_die("accept");
		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)c) != 0)
			io_die("pthread_create");
		pthread_detach(thread);
	}
}

int main(int argc, char **argv)
{
	bool serve = argc > 1 && strcmp(argv[1], "server") == 0;

	signal(SIGPIPE, SIG_IGN);
	port = atoi(env("PORT"));
	io_setup(serve, serve ? env("CERT") : NULL, serve ? env("KEY") : NULL);
	if (serve)
		server();
	row = env("ROW");
	read_script(env("SCRIPT"));
	client();
	return 0;
}
