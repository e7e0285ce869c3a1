/* SPDX-License-Identifier: Apache-2.0 */
#include "many.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define SETTLE_US 300000 /* for threads that are about to wait, on a slow machine */

struct pair {
	int client, server;
	uint16_t key;
	uint32_t op; /* enum recv_op */
	size_t size;
	bool ok;
	pthread_t thread;
};
static atomic_uint waiting;

static void *reader(void *arg)
{
	struct pair *p = arg;
	uint8_t *in = malloc(p->size);
	size_t done = 0;
	ssize_t n = 1;

	atomic_fetch_add(&waiting, 1);
	while (in && done < p->size && n > 0) {
		n = way_recv(p->op)->go(p->server, in + done, p->size - done);
		done += n > 0 ? (size_t)n : 0;
	}
	p->ok = done == p->size;
	for (size_t i = 0; p->ok && i < p->size; i++)
		p->ok = in[i] == pattern(p->key, 0, i);
	free(in);
	return NULL;
}

static int pair_open(struct pair *p, int listener, size_t size)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	if (getsockname(listener, (void *)&a, &len) < 0)
		return -errno;
	p->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->client < 0 || connect(p->client, (void *)&a, len) < 0)
		return -errno;
	p->server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (p->server < 0 || getsockname(p->client, (void *)&a, &len) < 0)
		return -errno;
	p->key = ntohs(a.sin_port);
	p->size = size;
	return 0;
}

static int pair_write(const struct pair *p)
{
	uint8_t *out = malloc(p->size);
	ssize_t rc;

	for (size_t i = 0; out && i < p->size; i++)
		out[i] = pattern(p->key, 0, i);
	rc = out ? write(p->client, out, p->size) : -1;
	free(out);
	return rc == (ssize_t)p->size ? 0 : -EIO;
}

static int all(struct pair *p, uint32_t n, int listener, size_t size)
{
	uint32_t started = 0;
	static const uint32_t ops[] = { R_WAITALL, R_READ, R_READV_MANY, R_RECVMSG, R_RECVMMSG };
	int rc = 0;

	atomic_store(&waiting, 0);
	for (uint32_t i = 0; i < n && !rc; i++) {
		p[i].op = ops[i % (sizeof(ops) / sizeof(*ops))];
		rc = pair_open(&p[i], listener, size);
	}
	while (!rc && started < n && !(rc = -pthread_create(&p[started].thread, NULL, reader, &p[started])))
		started++;
	while (!rc && atomic_load(&waiting) < n)
		usleep(1000);
	usleep(SETTLE_US);
	for (uint32_t i = 0; i < started; i++) {
		int failed = rc ? rc : pair_write(&p[i]);

		if (failed)
			shutdown(p[i].client, SHUT_RDWR);
		rc = rc ? rc : failed;
	}
	for (uint32_t i = 0; i < started; i++) {
		pthread_join(p[i].thread, NULL);
		rc = rc || p[i].ok ? rc : -EIO;
	}
	return rc;
}

int many_blocked(uint32_t n, uint64_t size, uint16_t *ret_sport)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = 0;
	socklen_t len = sizeof(a);
	struct pair *p;

	if (n > MANY_MAX)
		return -EINVAL;
	p = calloc(n, sizeof(*p));
	if (!p || bind(listener, (void *)&a, len) < 0 || listen(listener, (int)n) < 0 ||
	    getsockname(listener, (void *)&a, &len) < 0)
		rc = -errno;
	for (uint32_t i = 0; p && i < n; i++)
		p[i].client = p[i].server = -1;
	rc = rc ? rc : all(p, n, listener, size);
	*ret_sport = ntohs(a.sin_port);
	for (uint32_t i = 0; p && i < n; i++) {
		close(p[i].client); /* -1 of one that was not made is refused */
		close(p[i].server);
	}
	close(listener);
	free(p);
	return rc;
}
