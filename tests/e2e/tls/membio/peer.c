/* SPDX-License-Identifier: Apache-2.0 */
/* peer - a TLS client or server on memory BIOs, which moves the ciphertext itself, on one thread for all connections.
 *
 *	peer server [-t] PORT CERT KEY		prints "listening"; ends when standard input does
 *	peer client [-t] [-W] [-c CONNECTIONS] [-n REQUESTS] [-s BYTES] [-2 PORT] [-r ROUNDS] PORT
 *
 * A request is its length, four bytes, and so many others; the answer is the same again.  A client gives a request to all its
 * connections before it moves any ciphertext; they are of one size, and no two are equal.  At the end of a connection:
 *	peer PID LOCALPORT REMOTEPORT sent BYTES SHA256 received BYTES SHA256
 * -t  another thread makes the system calls on sockets
 * -W  after each request wait for a line on standard input; after "count" begin to count anew
 * -r  so often all that once more: with new connections, and objects at the addresses of those before, whose sockets stay open
 * -2  every byte of ciphertext is sent to that port as well
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS 1024
struct conn {
	int fd, second;
	SSL *ssl;
	BIO *in, *out;
	EVP_MD_CTX *md[2]; /* sent, received */
	uint64_t n[2];
	uint8_t *msg; /* the request being read */
	size_t have;
};
static struct conn conns[CONNS];
static size_t nconns, nrequests = 1, size = 100;
static bool threads, late;
static unsigned rounds = 1;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* --- system calls, here or on another thread --- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int fd, state; /* 0: idle; 1: asked; 2: done */
	bool send;
	void *buf;
	size_t n;
	ssize_t ret;
} job = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, false, NULL, 0, 0 };

static void *worker(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&job.lock);
	for (;;) {
		while (job.state != 1)
			pthread_cond_wait(&job.cond, &job.lock);
		job.ret = job.send ? send(job.fd, job.buf, job.n, MSG_NOSIGNAL)
				   : recv(job.fd, job.buf, job.n, 0);
		job.state = 2;
		pthread_cond_broadcast(&job.cond);
	}
	return NULL;
}

static ssize_t move(int fd, bool out, void *buf, size_t n)
{
	ssize_t ret;

	if (!threads)
		return out ? send(fd, buf, n, MSG_NOSIGNAL) : recv(fd, buf, n, 0);
	pthread_mutex_lock(&job.lock);
	job.fd = fd;
	job.send = out;
	job.buf = buf;
	job.n = n;
	job.state = 1;
	pthread_cond_broadcast(&job.cond);
	while (job.state != 2)
		pthread_cond_wait(&job.cond, &job.lock);
	job.state = 0;
	ret = job.ret;
	pthread_mutex_unlock(&job.lock);
	return ret;
}

static void flush(struct conn *c)
{
	static uint8_t buf[1 << 16];
	int n;

	while ((n = BIO_read(c->out, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0, m; at < n; at += m) {
			m = move(c->fd, true, buf + at, (size_t)(n - at));
			if (m <= 0)
				return;
			if (c->second >= 0 && send(c->second, buf + at, (size_t)m, MSG_NOSIGNAL) != m)
				fail("second");
		}
}

static bool fill(struct conn *c)
{
	static uint8_t buf[1 << 16];
	ssize_t n = move(c->fd, false, buf, sizeof(buf));

	return n > 0 && BIO_write(c->in, buf, (int)n) == n;
}

/* --- connections --- */

static void count(struct conn *c, int what, const void *p, size_t n)
{
	EVP_DigestUpdate(c->md[what], p, n);
	c->n[what] += n;
}

static void begin_count(struct conn *c)
{
	for (int i = 0; i < 2; i++) {
		EVP_MD_CTX_free(c->md[i]);
		c->md[i] = EVP_MD_CTX_new();
		EVP_DigestInit_ex(c->md[i], EVP_sha256(), NULL);
		c->n[i] = 0;
	}
}

static void init(struct conn *c, SSL_CTX *ctx, int fd)
{
	*c = (struct conn){ .fd = fd, .second = -1, .ssl = SSL_new(ctx) };
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	SSL_set_bio(c->ssl, c->in, c->out);
	c->msg = malloc(size > 1 << 20 ? size : 1 << 20);
	begin_count(c);
}

static void end(struct conn *c)
{
	static const char *const what[] = { "sent", "received" };
	struct sockaddr_in own, peer;
	socklen_t len = sizeof(own);

	getsockname(c->fd, (struct sockaddr *)&own, &len);
	len = sizeof(peer);
	getpeername(c->fd, (struct sockaddr *)&peer, &len);
	printf("peer %d %u %u", getpid(), ntohs(own.sin_port), ntohs(peer.sin_port));
	for (int i = 0; i < 2; i++) {
		unsigned char md[EVP_MAX_MD_SIZE];
		unsigned n = 0;

		EVP_DigestFinal_ex(c->md[i], md, &n);
		printf(" %s %llu ", what[i], (unsigned long long)c->n[i]);
		for (unsigned k = 0; k < n; k++)
			printf("%02x", md[k]);
		EVP_MD_CTX_free(c->md[i]);
	}
	printf("\n");
	fflush(stdout);
	SSL_free(c->ssl);
	free(c->msg);
	if (rounds == 1)
		close(c->fd);
	if (c->second >= 0)
		close(c->second);
	c->fd = -1;
}

static void give(struct conn *c, const void *p, size_t n)
{
	if (SSL_write(c->ssl, p, (int)n) != (int)n)
		fail("SSL_write");
	count(c, 0, p, n);
}

/* What is there of a message.  1: all of it. */
static int take(struct conn *c)
{
	for (;;) {
		uint32_t want = 4;
		int n;

		if (c->have >= 4) {
			memcpy(&want, c->msg, 4);
			want = ntohl(want) + 4;
		}
		if (c->have == want && want > 4)
			return 1;
		n = SSL_read(c->ssl, c->msg + c->have, (int)(want - c->have));
		if (n <= 0)
			return 0;
		count(c, 1, c->msg + c->have, (size_t)n);
		c->have += (size_t)n;
	}
}

/* --- client --- */

static int dial(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		fail("connect");
	return fd;
}

static void shake(void)
{
	for (size_t left = nconns; left > 0;) {
		left = 0;
		for (size_t i = 0; i < nconns; i++)
			left += SSL_do_handshake(conns[i].ssl) != 1;
		for (size_t i = 0; i < nconns; i++)
			flush(&conns[i]);
		for (size_t i = 0; i < nconns; i++)
			if (!SSL_is_init_finished(conns[i].ssl) && !fill(&conns[i]))
				fail("handshake");
	}
}

static void ask(size_t nr)
{
	uint8_t *m = malloc(size + 4);
	uint32_t len = htonl((uint32_t)size);

	for (size_t i = 0; i < nconns; i++) {
		memcpy(m, &len, 4);
		for (size_t k = 0; k < size; k++)
			m[4 + k] = (uint8_t)(k < 8 ? (k < 4 ? i : nr) >> 8 * (k & 3) : i * 31 + nr * 7 + k);
		give(&conns[i], m, size + 4);
	}
	free(m);
	for (size_t i = 0; i < nconns; i++)
		flush(&conns[i]);
	for (size_t i = 0; i < nconns; i++) {
		while (!take(&conns[i]))
			if (!fill(&conns[i]))
				fail("answer");
		conns[i].have = 0;
	}
}

static void wait_for_line(size_t nr)
{
	char line[64] = "";

	printf("waiting %zu\n", nr + 1);
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) && strcmp(line, "count\n") == 0)
		for (size_t i = 0; i < nconns; i++)
			begin_count(&conns[i]);
}

static void client(unsigned port, unsigned second)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	for (size_t i = 0; i < nconns; i++) {
		init(&conns[i], ctx, dial(port));
		SSL_set_connect_state(conns[i].ssl);
		if (second)
			conns[i].second = dial(second);
	}
	shake();
	for (size_t nr = 0; nr < nrequests; nr++) {
		ask(nr);
		if (late)
			wait_for_line(nr);
	}
	for (size_t i = 0; i < nconns; i++)
		end(&conns[i]);
}

/* --- server --- */

/* False: the connection ended. */
static bool serve(struct conn *c)
{
	bool open = fill(c);

	if (!SSL_is_init_finished(c->ssl))
		(void)SSL_do_handshake(c->ssl);
	if (SSL_is_init_finished(c->ssl))
		while (take(c)) {
			give(c, c->msg, c->have);
			c->have = 0;
		}
	flush(c);
	return open;
}

static void server(unsigned port, const char *cert, const char *key)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	static struct pollfd p[CONNS + 2];
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 512) != 0 ||
	    SSL_CTX_use_certificate_file(ctx, cert, 1) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key, 1) != 1)
		fail("server");
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		p[0] = (struct pollfd){ 0, POLLIN, 0 };
		p[1] = (struct pollfd){ nconns < CONNS ? fd : -1, POLLIN, 0 };
		for (size_t i = 0; i < nconns; i++)
			p[i + 2] = (struct pollfd){ conns[i].fd, POLLIN, 0 };
		if (poll(p, nconns + 2, -1) < 0 && errno != EINTR)
			fail("poll");
		if (p[0].revents)
			return;
		for (size_t i = 0; i < nconns; i++)
			if (p[i + 2].revents && !serve(&conns[i]))
				end(&conns[i]);
		for (size_t i = nconns; i > 0; i--)
			if (conns[i - 1].fd < 0)
				conns[i - 1] = conns[--nconns];
		if (p[1].revents) {
			init(&conns[nconns], ctx, accept(fd, NULL, NULL));
			SSL_set_accept_state(conns[nconns++].ssl);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned second = 0;
	pthread_t t;
	int o;

	nconns = 1;
	while ((o = getopt(argc - 1, argv + 1, "tWc:n:s:2:r:")) != -1)
		switch (o) {
		case 't': threads = true; break;
		case 'W': late = true; break;
		case 'c': nconns = strtoul(optarg, NULL, 10); break;
		case 'n': nrequests = strtoul(optarg, NULL, 10); break;
		case 's': size = strtoul(optarg, NULL, 10); break;
		case 'r': rounds = (unsigned)atoi(optarg); break;
		case '2': second = (unsigned)strtoul(optarg, NULL, 10); break;
		default: return 2;
		}
	argv += optind + 1;
	if (threads)
		pthread_create(&t, NULL, worker, NULL);
	if (!argv[0] || nconns > CONNS)
		return 2;
	if (argv[1]) {
		nconns = 0;
		server((unsigned)atoi(argv[0]), argv[1], argv[2]);
	} else {
		for (unsigned r = 0; r < rounds; r++)
			client((unsigned)atoi(argv[0]), second);
	}
	return 0;
}
