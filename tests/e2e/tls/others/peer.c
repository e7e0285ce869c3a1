/* SPDX-License-Identifier: Apache-2.0 */
/* peer - a TLS client or server of a library other than OpenSSL's kind, that says what it sent and received.
 *
 *	peer LIBRARY server [options] PORT CERT KEY	prints "listening"; ends when standard input does
 *	peer LIBRARY client [options] PORT
 *
 * The conversation and the line about it are those of ../peer.c:
 *	peer PID LOCALPORT REMOTEPORT sent BYTES SHA256 received BYTES SHA256
 *
 *	-l FILE  the library, opened at run time     -m WAYS  which of its functions, see its file; by commas
 *	-n N  requests     -s BYTES, -r BYTES  bodies of requests and of answers     -k BYTES  given to a call at most
 *	-N    non-blocking, with small socket buffers     -S  confined as in ../peer.c
 *	-W    client: after the first request wait for a line on standard input, and count from there
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define BODY_MAX (16U << 20)

bool is_server, is_nonblocking;
static const struct library *const libraries[] = { &gnutls_library, &mbedtls_library, &wolfssl_library,
						&nss_library };
static const struct library *lib;
static struct {
	const char *file, *ways;
	bool wait, confined;
	unsigned n, request, answer, piece;
	int port;
} opt = { .ways = "", .n = 1, .request = 100, .answer = 1000, .piece = 1U << 30 };

_Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "peer: %s: %s\n", what, errno ? strerror(errno) : "failed");
	exit(1);
}

bool has_way(const char *way)
{
	size_t n = strlen(way);

	for (const char *p = opt.ways; *p; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, way, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

void *library_zeroed(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		die("memory");
	return p;
}

void *library_open(const char *name)
{
	return library_open_other(opt.file ? opt.file : name);
}

void *library_open_other(const char *name)
{
	void *l = dlopen(name, RTLD_NOW | RTLD_GLOBAL);

	if (!l) {
		(void)fprintf(stderr, "peer: %s\n", dlerror());
		exit(1);
	}
	return l;
}

void *library_function_if(void *l, const char *name)
{
	return dlsym(l, name);
}

void *library_function(void *l, const char *name)
{
	void *f = dlsym(l, name);

	if (!f)
		die(name);
	return f;
}

struct half {
	uint64_t n;
	struct sha256 sum;
};
struct conn {
	int fd;
	void *tls;
	struct half sent, received;
};

static void half_add(struct half *h, const void *p, size_t n)
{
	h->n += n;
	sha256_add(&h->sum, p, n);
}

static void halves_start(struct conn *c)
{
	c->sent.n = c->received.n = 0;
	sha256_start(&c->sent.sum);
	sha256_start(&c->received.sum);
}

/* Waits for what the call wants.  False: the connection is over. */
static bool wait_for(const struct conn *c, long want)
{
	struct pollfd p = { c->fd, want == WANT_WRITE ? POLLOUT : POLLIN, 0 };

	return (want == WANT_READ || want == WANT_WRITE) && poll(&p, 1, 20000) == 1;
}

static bool send_all(struct conn *c, const uint8_t *p, size_t n)
{
	while (n > 0) {
		long rc = lib->send(c->tls, p, n < opt.piece ? n : opt.piece);

		if (rc <= 0 && !wait_for(c, rc))
			return false;
		if (rc <= 0)
			continue;
		half_add(&c->sent, p, (size_t)rc);
		p += rc;
		n -= (size_t)rc;
	}
	return true;
}

static bool receive_all(struct conn *c, uint8_t *p, size_t n)
{
	while (n > 0) {
		long rc = lib->receive(c->tls, p, n < 20000 ? n : 20000);

		if (rc <= 0 && !wait_for(c, rc))
			return false;
		if (rc <= 0)
			continue;
		half_add(&c->received, p, (size_t)rc);
		p += rc;
		n -= (size_t)rc;
	}
	return true;
}

static void fill(uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(seed >> 56);
	}
}

static void start(struct conn *c)
{
	int small = 4096, one = 1, rc;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (is_nonblocking) {
		setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		if (fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK) != 0)
			die("fcntl");
	}
	halves_start(c);
	c->tls = lib->new(c->fd);
	while ((rc = lib->handshake(c->tls)) != 1)
		if (!wait_for(c, rc))
			die("handshake");
}

static void end(struct conn *c)
{
	struct sockaddr_in a, b;
	socklen_t la = sizeof(a), lb = sizeof(b);
	char sent[65], received[65];

	getsockname(c->fd, (struct sockaddr *)&a, &la);
	getpeername(c->fd, (struct sockaddr *)&b, &lb);
	sha256_hex(&c->sent.sum, sent);
	sha256_hex(&c->received.sum, received);
	printf("peer %d %d %d sent %llu %s received %llu %s\n", getpid(), ntohs(a.sin_port),
	       ntohs(b.sin_port), (unsigned long long)c->sent.n, sent,
	       (unsigned long long)c->received.n, received);
	(void)fflush(stdout);
	lib->end(c->tls);
	close(c->fd);
}

static void *serve(void *arg)
{
	struct conn c = { .fd = (int)(intptr_t)arg };
	uint8_t *body = library_zeroed(BODY_MAX);
	uint32_t head[2];

	start(&c);
	while (receive_all(&c, (uint8_t *)head, sizeof(head)) && head[0] <= BODY_MAX &&
	       head[1] <= BODY_MAX && receive_all(&c, body, head[0])) {
		fill(body, head[1], c.sent.n + 7);
		if (!send_all(&c, body, head[1]))
			break;
	}
	end(&c);
	free(body);
	return NULL;
}

static void run_server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)opt.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pollfd p[2] = { { 0, POLLIN, 0 }, { socket(AF_INET, SOCK_STREAM, 0), POLLIN, 0 } };
	int one = 1;

	setsockopt(p[1].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(p[1].fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(p[1].fd, 64) != 0)
		die("bind");
	puts("listening");
	(void)fflush(stdout);
	while (poll(p, 2, -1) > 0 && !p[0].revents) {
		pthread_t t;
		int fd = accept(p[1].fd, NULL, NULL);

		if (fd < 0 || pthread_create(&t, NULL, serve, (void *)(intptr_t)fd) != 0)
			die("accept");
		pthread_detach(t);
	}
}

static void run_client(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)opt.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct conn c = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
	uint8_t *message = library_zeroed(8 + BODY_MAX);
	uint32_t head[2] = { opt.request, opt.answer };

	if (connect(c.fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	start(&c);
	for (unsigned i = 0; i < opt.n; i++) {
		memcpy(message, head, sizeof(head));
		fill(message + 8, opt.request, i);
		if (!send_all(&c, message, 8 + opt.request) ||
		    !receive_all(&c, message, opt.answer))
			die("exchange");
		if (i == 0 && opt.wait) {
			puts("waiting");
			(void)fflush(stdout);
			(void)getchar();
			halves_start(&c);
		}
	}
	end(&c);
	free(message);
}

/* uretprobe is 335 and uprobe 336 on x86: what a profile that lists known calls would refuse. */
static void confine(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 335, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		die("seccomp");
}

static void options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "l:m:n:s:r:k:NSW")) != -1)
		switch (o) {
		case 'l':
			opt.file = optarg;
			break;
		case 'm':
			opt.ways = optarg;
			break;
		case 'n':
			opt.n = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			opt.request = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			opt.answer = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			opt.piece = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'N':
			is_nonblocking = true;
			break;
		case 'S':
			opt.confined = true;
			break;
		case 'W':
			opt.wait = true;
			break;
		default:
			die("usage");
		}
	if (opt.request > BODY_MAX || opt.answer > BODY_MAX || opt.piece == 0)
		die("size");
}

int main(int argc, char **argv)
{
	if (argc < 4)
		die("usage");
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (strcmp(libraries[i]->name, argv[1]) == 0)
			lib = libraries[i];
	if (!lib)
		die(argv[1]);
	is_server = strcmp(argv[2], "server") == 0;
	options(argc - 2, argv + 2);
	argv += 2 + optind;
	opt.port = (int)strtol(argv[0], NULL, 10);
	lib->load(is_server, is_server ? argv[1] : NULL, is_server ? argv[2] : NULL);
	if (opt.confined)
		confine();
	if (is_server)
		run_server();
	else
		run_client();
	return 0;
}
