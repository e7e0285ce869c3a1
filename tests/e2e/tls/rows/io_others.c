/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries of ../others, each opened at run time: TLS_LIBRARY names one of them, TLS_FILE its file. */
#include "io.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

struct io {
	void *s;
	int fd;
};
static const struct library *const libraries[] = { &gnutls_library, &mbedtls_library,
						&wolfssl_library, &nss_library };
static const struct library *lib;
bool is_server, is_nonblocking;

void die(const char *what)
{
	io_die(what);
}

bool has_way(const char *way)
{
	(void)way;
	return false;
}

void *library_zeroed(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		io_die("memory");
	return p;
}

void *library_open(const char *name)
{
	const char *file = getenv("TLS_FILE");

	return library_open_other(file ? file : name);
}

void *library_open_other(const char *name)
{
	void *l = dlopen(name, RTLD_NOW | RTLD_GLOBAL);

	if (!l) {
		(void)fprintf(stderr, "talk: %s\n", dlerror());
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
		io_die(name);
	return f;
}

void io_setup(bool server, const char *cert, const char *key)
{
	const char *name = getenv("TLS_LIBRARY");

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (name && strcmp(name, libraries[i]->name) == 0)
			lib = libraries[i];
	if (!lib)
		io_die("TLS_LIBRARY");
	is_server = server;
	lib->load(server, cert, key);
}

struct io *io_open(int fd, bool server)
{
	struct io *c = library_zeroed(sizeof(*c));

	(void)server;
	c->fd = fd;
	c->s = lib->new(fd);
	if (lib->handshake(c->s) != 1)
		io_die("handshake");
	return c;
}

/* The sockets block; a call that wants more had something else than plaintext to read, such as a session ticket. */
ssize_t io_read(struct io *c, void *p, size_t n)
{
	long rc;

	do
		rc = lib->receive(c->s, p, n);
	while (rc == WANT_READ || rc == WANT_WRITE);
	return rc > 0 ? rc : 0;
}

void io_write(struct io *c, const void *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		long rc = lib->send(c->s, (const char *)p + done, n - done);

		if (rc <= 0 && rc != WANT_READ && rc != WANT_WRITE)
			io_die("send");
		done += rc > 0 ? (size_t)rc : 0;
	}
}

void io_close(struct io *c)
{
	lib->end(c->s);
	close(c->fd);
	free(c);
}
