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
 * libssl is opened at run time, so the same binary runs on OpenSSL from 1.1.1 on, on LibreSSL and on BoringSSL.  Compiled with
 * -DLINKED it has the library in itself.
 *	-l FILE  which one          -c FILE  its libcrypto, opened first
 *	-x       SSL_read_ex, SSL_write_ex in place of SSL_read, SSL_write
 *	-n N     requests           -s BYTES, -r BYTES  bodies of requests and of answers
 *	-N       non-blocking, with small socket buffers: writes come back with WANT_WRITE
 *	-y       SSL_write_ex2 to write                 -B  through a BIO of the kind BIO_f_ssl
 *	-P       SSL_peek (with -x SSL_peek_ex) before each read   -R  read-ahead
 *	-E       early data: a client resumes its session on a second connection and sends the request with SSL_write_early_data
 *	-C N     client: N connections one after the other, all with one object, which SSL_clear makes new
 *	-M       client (with CERT KEY): when all is said the object becomes one end of TLS in memory, while the socket is still open
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
	F(int, SSL_CTX_use_certificate_file, (void *, const char *, int)) \
	F(int, SSL_CTX_use_PrivateKey_file, (void *, const char *, int))  \
	F(void *, SSL_new, (void *))                                      \
	F(int, SSL_set_fd, (void *, int))                                 \
	F(int, SSL_connect, (void *))                                     \
	F(int, SSL_accept, (void *))                                      \
	F(int, SSL_read, (void *, void *, int))                           \
	F(int, SSL_peek, (void *, void *, int))                           \
	F(int, SSL_write, (void *, const void *, int))                    \
	F(int, SSL_get_error, (const void *, int))                        \
	F(int, SSL_shutdown, (void *))                                    \
	F(void *, SSL_get_wbio, (const void *))                           \
	F(void *, SSL_get_rbio, (const void *))                           \
	F(int, SSL_clear, (void *))                                       \
	F(void, SSL_set_bio, (void *, void *, void *))                    \
	F(int, SSL_do_handshake, (void *))                                \
	F(void, SSL_set_accept_state, (void *))                           \
	F(void, SSL_set_connect_state, (void *))                          \
	F(void, SSL_free, (void *))
/* Not in all of them. */
#define SOMETIMES                                                         \
	F(long, SSL_CTX_ctrl, (void *, int, long, void *))                \
	F(uint32_t, SSL_CTX_set_mode, (void *, uint32_t))                 \
	F(void, SSL_CTX_set_read_ahead, (void *, int))                    \
	F(uint64_t, SSL_CTX_set_options, (void *, uint64_t))              \
	F(ssize_t, SSL_sendfile, (void *, int, off_t, size_t, int))       \
	F(int, SSL_read_ex, (void *, void *, size_t, size_t *))           \
	F(int, SSL_peek_ex, (void *, void *, size_t, size_t *))           \
	F(int, SSL_write_ex, (void *, const void *, size_t, size_t *))    \
	F(int, SSL_write_ex2, (void *, const void *, size_t, uint64_t, size_t *)) \
	F(int, SSL_write_early_data, (void *, const void *, size_t, size_t *))    \
	F(int, SSL_read_early_data, (void *, void *, size_t, size_t *))   \
	F(int, SSL_get_early_data_status, (void *))                       \
	F(int, SSL_CTX_set_max_early_data, (void *, uint32_t))            \
	F(void *, SSL_get1_session, (void *))                             \
	F(int, SSL_set_session, (void *, void *))                         \
	F(void *, BIO_f_ssl, (void))
#define CRYPTO                                                            \
	F(long, BIO_ctrl, (void *, int, long, void *))                    \
	F(void *, BIO_new, (const void *))                                \
	F(const void *, BIO_s_mem, (void))                                \
	F(int, BIO_read, (void *, void *, int))                           \
	F(int, BIO_write, (void *, const void *, int))                    \
	F(void *, EVP_MD_CTX_new, (void))                                 \
	F(const void *, EVP_sha256, (void))                               \
	F(int, EVP_DigestInit_ex, (void *, const void *, void *))         \
	F(int, EVP_DigestUpdate, (void *, const void *, size_t))          \
	F(int, EVP_DigestFinal_ex, (void *, unsigned char *, unsigned *)) \
	F(void, EVP_MD_CTX_free, (void *))

/* Under another name for the linker, which has the library's own. */
#define F(type, name, args) static type(*name) args __asm__("peer_" #name);
FUNCTIONS SOMETIMES CRYPTO
#undef F

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
#define SET_SSL		109 /* BIO_C_SET_SSL; BIO_NOCLOSE */

	static struct {
	const char *ssl, *crypto, *cert, *key;
	bool server, ex, ex2, nonblock, peek, read_ahead, wait, confined, ktls, tls12, file, early, bio, memory;
	unsigned n, request, answer, objects;
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
#ifdef LINKED
#define LINK(type, name, args, attribute)                            \
	{                                                            \
		extern char linked_##name[] __asm__(#name) attribute; \
		name = (type(*) args)(void *)linked_##name;          \
	}
#define F(type, name, args) LINK(type, name, args, )
	FUNCTIONS CRYPTO
#undef F
#define F(type, name, args) LINK(type, name, args, __attribute__((weak)))
	SOMETIMES
#undef F
#else
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
#define F(type, name, args) name = (type(*) args)dlsym(ssl, #name);
	SOMETIMES
#undef F
#endif
	if ((opt.ex && !SSL_read_ex) || (opt.ex2 && !SSL_write_ex2) || (opt.bio && !BIO_f_ssl) ||
	    (opt.early && !SSL_write_early_data))
		die("this library has no such function");
	if ((opt.ktls || opt.file) && (!SSL_CTX_set_options || !SSL_sendfile))
		die("this OpenSSL knows nothing of the kernel's TLS");
}

struct half {
	uint64_t n;
	void *md;
};
struct conn {
	int fd;
	void *ssl, *bio;
	const uint8_t *early; /* received by SSL_read_early_data and counted, not used yet */
	size_t nearly;
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

		if (opt.ex2) {
			rc = SSL_write_ex2(c->ssl, p, n, 0, &done);
		} else if (opt.ex) {
			rc = SSL_write_ex(c->ssl, p, n, &done);
		} else if (c->bio) {
			rc = BIO_write(c->bio, p, (int)n);
			done = rc > 0 ? (size_t)rc : 0;
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

		if (c->nearly) {
			done = c->nearly < n ? c->nearly : n;
			memcpy(p, c->early, done);
			c->early += done;
			c->nearly -= done;
			p += done;
			n -= done;
			continue;
		}
		if (opt.peek && (opt.ex ? SSL_peek_ex(c->ssl, p, ask, &done) : SSL_peek(c->ssl, p, (int)ask)) <= 0)
			errno = 0; /* peeking may fail where reading will */
		done = 0;
		if (opt.ex) {
			rc = SSL_read_ex(c->ssl, p, ask, &done);
		} else if (c->bio) {
			rc = BIO_read(c->bio, p, (int)ask);
			done = rc > 0 ? (size_t)rc : 0;
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

/* The server's early data, of one request. */
static void read_early(struct conn *c)
{
	static uint8_t buf[65536];
	size_t n;
	int rc;

	c->early = buf;
	while ((rc = SSL_read_early_data(c->ssl, buf + c->nearly, sizeof(buf) - c->nearly, &n)) == 1) {
		half_add(&c->received, buf + c->nearly, n);
		c->nearly += n;
	}
	if (rc != 2)
		die("early data");
}

static void start(struct conn *c)
{
	int small = 4096, one = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!c->ssl)
		c->ssl = SSL_new(ctx);
	SSL_set_fd(c->ssl, c->fd);
	half_start(&c->sent);
	half_start(&c->received);
	if (opt.nonblock) {
		setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		if (fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK) != 0)
			die("fcntl");
	}
	if (opt.early && opt.server)
		read_early(c);
	for (int rc; (rc = opt.server ? SSL_accept(c->ssl) : SSL_connect(c->ssl)) != 1;)
		if (!wait_for(c, rc))
			die("handshake");
	if (opt.bio) {
		c->bio = BIO_new(BIO_f_ssl());
		BIO_ctrl(c->bio, SET_SSL, 0, c->ssl);
	}
	if (opt.ktls && (!BIO_ctrl(SSL_get_wbio(c->ssl), KTLS_SEND, 0, NULL) ||
			 (opt.tls12 && !BIO_ctrl(SSL_get_rbio(c->ssl), KTLS_RECV, 0, NULL))))
		die("the kernel did not take over");
}

static void tell(struct conn *c)
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
}

static void end(struct conn *c)
{
	tell(c);
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

static void connect_to(struct conn *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)opt.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
}

/* A second connection with the session of the first, and the request before the handshake is over. */
static void resume_early(struct conn *old, uint8_t *message)
{
	void *session = SSL_get1_session(old->ssl);
	uint32_t head[2] = { opt.request, opt.answer };
	struct conn c = { 0 };
	size_t n;
	int one = 1;

	end(old);
	connect_to(&c);
	setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c.ssl = SSL_new(ctx);
	SSL_set_fd(c.ssl, c.fd);
	half_start(&c.sent);
	half_start(&c.received);
	SSL_set_connect_state(c.ssl);
	if (!session || SSL_set_session(c.ssl, session) != 1)
		die("session");
	memcpy(message, head, sizeof(head));
	fill(message + 8, opt.request, 77);
	if (SSL_write_early_data(c.ssl, message, 8 + opt.request, &n) != 1 || n != 8 + opt.request)
		die("SSL_write_early_data");
	half_add(&c.sent, message, n);
	if (SSL_connect(c.ssl) != 1 || SSL_get_early_data_status(c.ssl) != 2)
		die("early data was not accepted");
	if (!receive(&c, message, opt.answer))
		die("exchange");
	end(&c);
}

static void move(void *from, void *to)
{
	uint8_t buf[16384];
	int n;

	while ((n = BIO_read(from, buf, sizeof(buf))) > 0)
		BIO_write(to, buf, n);
}

/* The object of a connection that is still open goes on without it: what it says then is not that connection's. */
static void go_on_in_memory(struct conn *c)
{
	void *server = SSL_new(ctx), *bio[4];
	int done[2] = { 0 };
	uint8_t buf[1000];

	for (int i = 0; i < 4; i++)
		bio[i] = BIO_new(BIO_s_mem());
	if (SSL_clear(c->ssl) != 1)
		die("SSL_clear");
	SSL_set_bio(c->ssl, bio[0], bio[1]);
	SSL_set_bio(server, bio[2], bio[3]);
	SSL_set_connect_state(c->ssl);
	SSL_set_accept_state(server);
	for (int i = 0; i < 20 && !(done[0] && done[1]); i++) {
		done[0] = SSL_do_handshake(c->ssl) == 1;
		move(bio[1], bio[2]);
		done[1] = SSL_do_handshake(server) == 1;
		move(bio[3], bio[0]);
	}
	if (!done[0] || !done[1] || SSL_write(c->ssl, buf, sizeof(buf)) != sizeof(buf))
		die("TLS in memory");
	move(bio[1], bio[2]);
	if (SSL_read(server, buf, sizeof(buf)) != sizeof(buf))
		die("TLS in memory");
	SSL_free(server);
}

static void run_client(void)
{
	struct conn c = { 0 };
	uint8_t *message = malloc(8 + BODY_MAX);
	uint32_t head[2] = { opt.request, opt.answer };

again:
	connect_to(&c);
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
	if (opt.objects > 1) {
		opt.objects--;
		tell(&c);
		SSL_shutdown(c.ssl);
		close(c.fd);
		if (SSL_clear(c.ssl) != 1)
			die("SSL_clear");
		goto again;
	}
	if (opt.early) {
		resume_early(&c, message);
	} else {
		if (opt.memory)
			go_on_in_memory(&c);
		end(&c);
	}
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
	while ((o = getopt(argc - 1, argv + 1, "l:c:xyn:s:r:NPRWSK2FBEC:M")) != -1)
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
		case 'y':
			opt.ex2 = true;
			break;
		case 'B':
			opt.bio = true;
			break;
		case 'E':
			opt.early = true;
			break;
		case 'C':
			opt.objects = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'M':
			opt.memory = true;
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
	if (SSL_CTX_ctrl)
		SSL_CTX_ctrl(ctx, CTRL_MODE, MODE_MOVING, NULL);
	else
		SSL_CTX_set_mode(ctx, MODE_MOVING);
	if (opt.early)
		SSL_CTX_set_max_early_data(ctx, 65536);
	if (opt.ktls)
		SSL_CTX_set_options(ctx, ENABLE_KTLS);
	if (opt.tls12)
		SSL_CTX_ctrl(ctx, CTRL_MAX_PROTO, TLS_1_2, NULL);
	if (opt.read_ahead && SSL_CTX_ctrl)
		SSL_CTX_ctrl(ctx, CTRL_READ_AHEAD, 1, NULL);
	else if (opt.read_ahead)
		SSL_CTX_set_read_ahead(ctx, 1);
	if (opt.server || opt.memory) {
		opt.cert = argv[1];
		opt.key = argv[2];
		if (SSL_CTX_use_certificate_file(ctx, opt.cert, 1) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, opt.key, 1) != 1)
			die("certificate");
	}
	if (opt.server) {
		run_server();
	} else {
		run_client();
	}
	return 0;
}
