/* SPDX-License-Identifier: Apache-2.0 */
/* wolfssl - -m: recv send (those functions in place of read and write), peek (before each read), writev. */
#include <sys/uio.h>

#include "peer.h"

#define PEM 1

#define FUNCTIONS                                                                \
	F(int, wolfSSL_Init, (void))                                             \
	F(void *, wolfSSL_CTX_new, (void *))                                     \
	F(int, wolfSSL_CTX_use_certificate_file, (void *, const char *, int))    \
	F(int, wolfSSL_CTX_use_PrivateKey_file, (void *, const char *, int))     \
	F(void, wolfSSL_CTX_set_verify, (void *, int, void *))                   \
	F(void *, wolfSSL_new, (void *))                                         \
	F(int, wolfSSL_set_fd, (void *, int))                                    \
	F(int, wolfSSL_negotiate, (void *))                                      \
	F(int, wolfSSL_connect, (void *))                                        \
	F(int, wolfSSL_accept, (void *))                                         \
	F(int, wolfSSL_read, (void *, void *, int))                              \
	F(int, wolfSSL_peek, (void *, void *, int))                              \
	F(int, wolfSSL_write, (void *, const void *, int))                       \
	F(int, wolfSSL_recv, (void *, void *, int, int))                         \
	F(int, wolfSSL_send, (void *, const void *, int, int))                   \
	F(int, wolfSSL_writev, (void *, const struct iovec *, int))              \
	F(int, wolfSSL_get_error, (void *, int))                                 \
	F(int, wolfSSL_shutdown, (void *))                                       \
	F(void, wolfSSL_free, (void *))
#define F(type, name, args) static type(*name) args;
FUNCTIONS
#undef F
static void *ctx;

static void load(bool server, const char *cert, const char *key)
{
	void *lib = library_open("libwolfssl.so.35"), *(*method)(void);

#define F(type, name, args) name = (type(*) args)library_function(lib, #name);
	FUNCTIONS
#undef F
	method = (void *(*)(void))library_function(lib, has_way("1.2") ? (server ? "wolfTLSv1_2_server_method" : "wolfTLSv1_2_client_method") :
							  (server ? "wolfSSLv23_server_method" : "wolfSSLv23_client_method"));
	wolfSSL_Init();
	ctx = wolfSSL_CTX_new(method());
	if (!ctx || (server && (wolfSSL_CTX_use_certificate_file(ctx, cert, PEM) != 1 ||
				wolfSSL_CTX_use_PrivateKey_file(ctx, key, PEM) != 1)))
		die("wolfssl certificate");
	wolfSSL_CTX_set_verify(ctx, 0, NULL);
}

static void *new(int fd)
{
	void *s = wolfSSL_new(ctx);

	if (!s || wolfSSL_set_fd(s, fd) != 1)
		die("wolfssl session");
	return s;
}

static int want(void *s, int rc)
{
	int e = wolfSSL_get_error(s, rc);

	return e == 2 ? WANT_READ : e == 3 ? WANT_WRITE : FAILED;
}

static int handshake(void *s)
{
	int rc = has_way("negotiate") ? wolfSSL_negotiate(s) : is_server ? wolfSSL_accept(s) : wolfSSL_connect(s);

	return rc == 1 ? 1 : want(s, rc);
}

static long send_(void *s, const void *p, size_t n)
{
	struct iovec v[2] = { { (void *)(uintptr_t)p, n / 2 }, { (char *)(uintptr_t)p + n / 2, n - n / 2 } };
	int rc = has_way("writev") ? wolfSSL_writev(s, v, 2) :
		 has_way("send")   ? wolfSSL_send(s, p, (int)n, 0) :
				     wolfSSL_write(s, p, (int)n);

	return rc > 0 ? rc : want(s, rc);
}

static long receive(void *s, void *p, size_t n)
{
	int rc;

	if (has_way("peek"))
		(void)wolfSSL_peek(s, p, (int)n); /* it may fail where reading will */
	rc = has_way("recv") ? wolfSSL_recv(s, p, (int)n, 0) : wolfSSL_read(s, p, (int)n);
	return rc > 0 ? rc : want(s, rc) == FAILED ? 0 : want(s, rc);
}

static void end(void *s)
{
	wolfSSL_shutdown(s);
	wolfSSL_free(s);
}

const struct library wolfssl_library = { "wolfssl", load, new, handshake, send_, receive, end };
