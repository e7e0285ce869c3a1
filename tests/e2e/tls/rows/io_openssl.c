/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL and what descends from it, opened at run time, so that one program talks with every version: TLS_CRYPTO,
 * TLS_SSL name the libraries' files.  TLS_EX: SSL_read_ex and SSL_write_ex in place of SSL_read and SSL_write. */
#include "io.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FUNCTIONS                                                         \
	F(void *, TLS_method, (void))                                     \
	F(void *, SSL_CTX_new, (void *))                                  \
	F(int, SSL_CTX_use_certificate_file, (void *, const char *, int)) \
	F(int, SSL_CTX_use_PrivateKey_file, (void *, const char *, int))  \
	F(void *, SSL_new, (void *))                                      \
	F(int, SSL_set_fd, (void *, int))                                 \
	F(int, SSL_get_fd, (void *))                                      \
	F(int, SSL_connect, (void *))                                     \
	F(int, SSL_accept, (void *))                                      \
	F(int, SSL_read, (void *, void *, int))                           \
	F(int, SSL_write, (void *, const void *, int))                    \
	F(int, SSL_shutdown, (void *))                                    \
	F(void, SSL_free, (void *))
/* Under another name for the linker, which may have the library's own. */
#define F(type, name, args) static type(*name) args __asm__("talk_" #name);
FUNCTIONS
#undef F
static int (*SSL_read_ex)(void *, void *, size_t, size_t *) __asm__("talk_SSL_read_ex");
static int (*SSL_write_ex)(void *, const void *, size_t, size_t *) __asm__("talk_SSL_write_ex");
static void *ctx;
static bool ex;

static void load(void)
{
#ifdef LINKED
#define F(type, name, args)                                   \
	{                                                     \
		extern char linked_##name[] __asm__(#name);   \
		name = (type(*) args)(void *)linked_##name;   \
	}
	FUNCTIONS
#undef F
#else
	const char *crypto = getenv("TLS_CRYPTO"), *name = getenv("TLS_SSL");
	void *ssl;

	dlopen(crypto ? crypto : "libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL);
	ssl = dlopen(name ? name : "libssl.so.3", RTLD_NOW);
	if (!ssl) {
		fprintf(stderr, "talk: %s\n", dlerror());
		exit(1);
	}
#define F(type, name, args)                            \
	if (!(name = (type(*) args)dlsym(ssl, #name))) \
		io_die(#name);
	FUNCTIONS
#undef F
	SSL_read_ex = (int (*)(void *, void *, size_t, size_t *))dlsym(ssl, "SSL_read_ex");
	SSL_write_ex = (int (*)(void *, const void *, size_t, size_t *))dlsym(ssl, "SSL_write_ex");
#endif
}

void io_setup(bool server, const char *cert, const char *key)
{
	load();
	ex = getenv("TLS_EX") != NULL;
	if (ex && (!SSL_read_ex || !SSL_write_ex))
		io_die("no SSL_read_ex");
	ctx = SSL_CTX_new(TLS_method());
	if (server && (SSL_CTX_use_certificate_file(ctx, cert, 1) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key, 1) != 1))
		io_die(cert);
}

struct io *io_open(int fd, bool server)
{
	void *s = SSL_new(ctx);

	SSL_set_fd(s, fd);
	if ((server ? SSL_accept(s) : SSL_connect(s)) != 1) {
		fprintf(stderr, "talk: the handshake failed\n");
		exit(1);
	}
	return s;
}

ssize_t io_read(struct io *c, void *p, size_t n)
{
	size_t got = 0;

	if (ex)
		return SSL_read_ex(c, p, n, &got) == 1 ? (ssize_t)got : 0;
	return SSL_read(c, p, (int)n);
}

void io_write(struct io *c, const void *p, size_t n)
{
	size_t put = 0;

	if (ex ? SSL_write_ex(c, p, n, &put) != 1 || put != n : SSL_write(c, p, (int)n) != (int)n)
		io_die("SSL_write");
}

void io_close(struct io *c)
{
	int fd = SSL_get_fd(c);

	SSL_shutdown(c);
	SSL_free(c);
	close(fd);
}
