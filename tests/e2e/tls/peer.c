/* SPDX-License-Identifier: Apache-2.0 */
/* peer - a TLS client or server that says what it sent and received, for comparison with what was captured.
 *
 *	peer server [options] PORT CERT KEY	prints "listening"; ends when standard input does
 *	peer client [options] PORT
 *
 * Each request is an 8-byte head (size of the request's body, size of the answer) and a body; each
 * answer is a body.  At the end of a connection one line goes out:
 *	peer PID LOCALPORT REMOTEPORT sent BYTES SHA256 received BYTES SHA256
 *
 * libssl is opened at run time, so the same binary runs on 1.1.1, 3.0 and 3.5:
 *	-l FILE  which one          -c FILE  its libcrypto, opened first
 *	-x       SSL_read_ex, SSL_write_ex in place of SSL_read, SSL_write
 *	-n N     requests           -s BYTES, -r BYTES  bodies of requests and of answers
 *	-N       non-blocking, with small socket buffers: writes come back with WANT_WRITE
 *	-P       SSL_peek before each read              -R  read-ahead
 *	-S       confined: seccomp kills the process for system calls that container profiles do not know
 *	-K       encryption is left to the kernel, or the program ends; -2  TLS 1.2, with which OpenSSL 3.0 leaves decryption to
 *		 it as well; -F  server: answers are sent by SSL_sendfile
 *	-W       client: after the first request wait for a line on standard input, and count from there
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
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FUNCTIONS                                                         \
	F(void *, TLS_method, (void))                                     \
	F(void *, SSL_CTX_new, (void *))                                  \
	F(long, SSL_CTX_ctrl, (void *, int, long, void *))                \
	F(int, SSL_CTX_use_certificate_file, (void *, const char *, int)) \
	F(int, SSL_CTX_use_PrivateKey_file, (void *, const char *, int))  \
	F(void *, SSL_new, (void *))                                      \
	F(int, SSL_set_fd, (void *, int))                                 \
	F(int, SSL_connect, (void *))                                     \
	F(int, SSL_accept, (void *))                                      \
	F(int, SSL_read, (void *, void *, int))                           \
	F(int, SSL_peek, (void *, void *, int))                           \
	F(int, SSL_write, (void *, const void *, int))                    \
	F(int, SSL_read_ex, (void *, void *, size_t, size_t *))           \
	F(int, SSL_write_ex, (void *, const void *, size_t, size_t *))    \
	F(int, SSL_get_error, (const void *, int))                        \
	F(int, SSL_shutdown, (void *))                                    \
	F(void *, SSL_get_wbio, (const void *))                           \
	F(void *, SSL_get_rbio, (const void *))                           \
	F(void, SSL_free, (void *))
#define CRYPTO                                                            \
	F(long, BIO_ctrl, (void *, int, long, void *))                    \
	F(void *, EVP_MD_CTX_new, (void))                                 \
	F(const void *, EVP_sha256, (void))                               \
	F(int, EVP_DigestInit_ex, (void *, const void *, void *))         \
	F(int, EVP_DigestUpdate, (void *, const void *, size_t))          \
	F(int, EVP_DigestFinal_ex, (void *, unsigned char *, unsigned *)) \
	F(void, EVP_MD_CTX_free, (void *))

#define F(type, name, args) static type(*name) args;
FUNCTIONS CRYPTO
#undef F
/* Not in OpenSSL 1.1.1. */
static uint64_t (*SSL_CTX_set_options)(void *, uint64_t);
static ssize_t (*SSL_sendfile)(void *, int, off_t, size_t, int);

#define CTRL_MODE	33 /* SSL_CTRL_MODE, SSL_CTRL_SET_READ_AHEAD */
#define CTRL_READ_AHEAD 41
#define MODE_MOVING	2 /* SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER */
#define WANT_READ	2
#define WANT_WRITE	3
#define BODY_MAX	(16U << 20)
#define CTRL_MAX_PROTO	124
#define TLS_1_2		0x0303
#define ENABLE_KTLS	8  /* SSL_OP_ENABLE_KTLS */
#define KTLS_SEND	73 /* BIO_CTRL_GET_KTLS_SEND */
#define KTLS_RECV	76

	static struct {
	const char *ssl, *crypto, *cert, *key;
	bool server, ex, nonblock, peek, read_ahead, wait, confined, ktls, tls12, file;
	unsigned n, request, answer;
	int port;
} opt = {
	.ssl = "libssl.so.3", .crypto = "libcrypto.so.3", .n = 1, .request = 100, .answer = 1000
};
static void *ctx;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, errno ? strerror(errno) : "failed");
	exit(1);
}

static void load(void)
{
	void *crypto = dlopen(opt.crypto, RTLD_NOW | RTLD_GLOBAL), *ssl = dlopen(opt.ssl, RTLD_NOW);

	if (!crypto || !ssl) {
		fprintf(stderr, "peer: %s\n", dlerror());
		exit(1);
	}
#define F(type, name, args)                             \
	if (!(name = (type(*) args)dlsym(FROM, #name))) \
		die(#name);
#define FROM ssl
	FUNCTIONS
#undef FROM
#define FROM crypto
	CRYPTO
#undef FROM
#undef F
	SSL_CTX_set_options = (uint64_t(*)(void *, uint64_t))dlsym(ssl, "SSL_CTX_set_options");
	SSL_sendfile = (ssize_t(*)(void *, int, off_t, size_t, int))dlsym(ssl, "SSL_sendfile");
	if ((opt.ktls || opt.file) && (!SSL_CTX_set_options || !SSL_sendfile))
		die("this OpenSSL knows nothing of the kernel's TLS");
}

struct half {
	uint64_t n;
	void *md;
};
struct conn {
	int fd;
	void *ssl;
	struct half sent, received;
};

static void half_add(struct half *h, const void *p, size_t n)
{
	h->n += n;
	EVP_DigestUpdate(h->md, p, n);
}

static void half_start(struct half *h)
{
	h->n = 0;
	h->md = EVP_MD_CTX_new();
	EVP_DigestInit_ex(h->md, EVP_sha256(), NULL);
}

static void half_print(struct half *h, char *out, size_t size, const char *name)
{
	unsigned char md[64];
	unsigned len = 0;
	size_t at = strlen(out);

	EVP_DigestFinal_ex(h->md, md, &len);
	EVP_MD_CTX_free(h->md);
	at += (size_t)snprintf(out + at, size - at, " %s %llu ", name, (unsigned long long)h->n);
	for (unsigned i = 0; i < len && at + 3 < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%02x", md[i]);
}

/* Waits for what the failed call wants.  False: the connection is over. */
static bool wait_for(struct conn *c, int rc)
{
	int want = SSL_get_error(c->ssl, rc);
	struct pollfd p = { c->fd, want == WANT_WRITE ? POLLOUT : POLLIN, 0 };

	return (want == WANT_READ || want == WANT_WRITE) && poll(&p, 1, 20000) == 1;
}

static bool send_all(struct conn *c, const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t done = 0;
		int rc;

		if (opt.ex) {
			rc = SSL_write_ex(c->ssl, p, n, &done);
		} else {
			rc = SSL_write(c->ssl, p, (int)n);
			done = rc > 0 ? (size_t)rc : 0;
		}
		if (!done && !wait_for(c, rc))
			return false;
		half_add(&c->sent, p, done);
		p += done;
		n -= done;
	}
	return true;
}

static bool send_file(struct conn *c, const uint8_t *p, size_t n)
{
	int fd = memfd_create("peer", 0);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		die("memfd");
	for (size_t done = 0; done < n;) {
		ssize_t rc = SSL_sendfile(c->ssl, fd, (off_t)done, n - done, 0);

		if (rc <= 0 && !wait_for(c, (int)rc)) {
			close(fd);
			return false;
		}
		done += rc > 0 ? (size_t)rc : 0;
	}
	close(fd);
	half_add(&c->sent, p, n);
	return true;
}

static bool receive(struct conn *c, uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t done = 0, ask = n > 20000 ? 20000 : n;
		int rc;

		if (opt.peek && SSL_peek(c->ssl, p, (int)ask) <= 0)
			errno = 0; /* peeking may fail where reading will */
		if (opt.ex) {
			rc = SSL_read_ex(c->ssl, p, ask, &done);
		} else {
			rc = SSL_read(c->ssl, p, (int)ask);
			done = rc > 0 ? (size_t)rc : 0;
		}
		if (!done && !wait_for(c, rc))
			return false;
		half_add(&c->received, p, done);
		p += done;
		n -= done;
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
	int small = 4096, one = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->ssl = SSL_new(ctx);
	SSL_set_fd(c->ssl, c->fd);
	half_start(&c->sent);
	half_start(&c->received);
	if (opt.nonblock) {
		setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		if (fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK) != 0)
			die("fcntl");
	}
	for (int rc; (rc = opt.server ? SSL_accept(c->ssl) : SSL_connect(c->ssl)) != 1;)
		if (!wait_for(c, rc))
			die("handshake");
	if (opt.ktls && (!BIO_ctrl(SSL_get_wbio(c->ssl), KTLS_SEND, 0, NULL) ||
			 (opt.tls12 && !BIO_ctrl(SSL_get_rbio(c->ssl), KTLS_RECV, 0, NULL))))
		die("the kernel did not take over");
}

static void end(struct conn *c)
{
	struct sockaddr_in a, b;
	socklen_t la = sizeof(a), lb = sizeof(b);
	char line[512];

	getsockname(c->fd, (struct sockaddr *)&a, &la);
	getpeername(c->fd, (struct sockaddr *)&b, &lb);
	snprintf(line, sizeof(line), "peer %d %d %d", getpid(), ntohs(a.sin_port),
		 ntohs(b.sin_port));
	half_print(&c->sent, line, sizeof(line), "sent");
	half_print(&c->received, line, sizeof(line), "received");
	puts(line);
	fflush(stdout);
	SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	close(c->fd);
}

static void *serve(void *arg)
{
	struct conn c = { .fd = (int)(intptr_t)arg };
	uint8_t *body = malloc(BODY_MAX);
	uint32_t head[2];

	start(&c);
	while (receive(&c, (uint8_t *)head, sizeof(head)) && head[0] <= BODY_MAX &&
	       head[1] <= BODY_MAX && receive(&c, body, head[0])) {
		fill(body, head[1], c.sent.n + 7);
		if (!(opt.file ? send_file : send_all)(&c, body, head[1]))
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
	if (SSL_CTX_use_certificate_file(ctx, opt.cert, 1) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, opt.key, 1) != 1)
		die("certificate");
	if (bind(p[1].fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(p[1].fd, 64) != 0)
		die("bind");
	puts("listening");
	fflush(stdout);
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
	uint8_t *message = malloc(8 + BODY_MAX);
	uint32_t head[2] = { opt.request, opt.answer };

	if (connect(c.fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	start(&c);
	for (unsigned i = 0; i < opt.n; i++) {
		memcpy(message, head, sizeof(head));
		fill(message + 8, opt.request, i);
		if (!send_all(&c, message, 8 + opt.request) || !receive(&c, message, opt.answer))
			die("exchange");
		if (i == 0 && opt.wait) {
			puts("waiting");
			fflush(stdout);
			(void)getchar();
			half_start(&c.sent);
			half_start(&c.received);
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

int main(int argc, char **argv)
{
	int o;

	if (argc < 3)
		die("usage");
	opt.server = strcmp(argv[1], "server") == 0;
	while ((o = getopt(argc - 1, argv + 1, "l:c:xn:s:r:NPRWSK2F")) != -1)
		switch (o) {
		case 'l':
			opt.ssl = optarg;
			break;
		case 'c':
			opt.crypto = optarg;
			break;
		case 'x':
			opt.ex = true;
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
		case 'N':
			opt.nonblock = true;
			break;
		case 'P':
			opt.peek = true;
			break;
		case 'R':
			opt.read_ahead = true;
			break;
		case 'W':
			opt.wait = true;
			break;
		case 'K':
			opt.ktls = true;
			break;
		case '2':
			opt.tls12 = true;
			break;
		case 'F':
			opt.file = true;
			break;
		case 'S':
			opt.confined = true;
			break;
		default:
			die("usage");
		}
	argv += optind + 1;
	opt.port = (int)strtol(argv[0], NULL, 10);
	if (opt.request > BODY_MAX || opt.answer > BODY_MAX)
		die("size");
	load();
	if (opt.confined)
		confine();
	ctx = SSL_CTX_new(TLS_method());
	SSL_CTX_ctrl(ctx, CTRL_MODE, MODE_MOVING, NULL);
	if (opt.ktls)
		SSL_CTX_set_options(ctx, ENABLE_KTLS);
	if (opt.tls12)
		SSL_CTX_ctrl(ctx, CTRL_MAX_PROTO, TLS_1_2, NULL);
	if (opt.read_ahead)
		SSL_CTX_ctrl(ctx, CTRL_READ_AHEAD, 1, NULL);
	if (opt.server) {
		opt.cert = argv[1];
		opt.key = argv[2];
		run_server();
	} else {
		run_client();
	}
	return 0;
}
