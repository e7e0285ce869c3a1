/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "dgram.h"
#include "many.h"
#include "moving.h"

uint8_t pattern(uint16_t key, int back, uint64_t off)
{
	uint64_t x = (off + 1) * 0x9e3779b97f4a7c15u + key * 2 + (back != 0);

	return (uint8_t)((x ^ x >> 29) * 0xbf58476d1ce4e5b9u >> 56);
}

/* --- one transfer --------------------------------------------------------------------------------- */

struct move {
	struct conn *c;
	int back;
	const struct way *way;
	uint8_t *buf;
	size_t n;
	int error;
};

static bool again(ssize_t rc)
{
	return rc >= 0 || errno == EAGAIN || errno == EINTR;
}

static ssize_t go(struct moving *at, const struct way *way, int fd, uint8_t *p, size_t done, size_t n)
{
	ssize_t rc;

	moving_call(at, way, done, n - done);
	rc = way->go(fd, p + done, n - done);
	moving_came_back(at, rc);
	return rc;
}

static void *sender(void *arg)
{
	struct move *m = arg;
	int fd = m->c->end[m->back];
	struct moving *at = &movings->at[0];
	size_t done = 0;

	moving_begin(at, 0, m->c->family, m->back, true, m->n);
	do {
		ssize_t rc = go(at, m->way, fd, m->buf, done, m->n);

		if (!again(rc)) {
			m->error = -at->err;
			moving_failed(at, m->error);
			conn_shutdown(m->c);
			break;
		}
		done += rc > 0 ? (size_t)rc : 0;
	} while (done < m->n);
	way_thread_done();
	return NULL;
}

/* A file's pages: they can be unmapped at any moment, and come back with what they held at the next touch. */
static uint8_t *file_memory(size_t n)
{
	int fd = memfd_create("move", MFD_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)n) == 0)
		p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

struct unmapper {
	uint8_t *buf[2];
	size_t n;
	atomic_bool stop;
};

static void *unmapper(void *arg)
{
	static const struct timespec moment = { .tv_nsec = 50000 };
	struct unmapper *u = arg;

	while (!atomic_load(&u->stop)) {
		madvise(u->buf[0], u->n, MADV_DONTNEED);
		madvise(u->buf[1], u->n, MADV_DONTNEED);
		nanosleep(&moment, NULL);
	}
	return NULL;
}

/* in, m->buf: room for n bytes. */
static int move_between(struct move *m, const struct way *way, uint8_t *in)
{
	struct conn *c = m->c;
	struct moving *at = &movings->at[1];
	int back = m->back, error = 0;
	size_t done = 0, n = m->n;
	pthread_t t;

	for (size_t i = 0; i < n; i++)
		m->buf[i] = pattern(c->key, back, c->pos[back] + i);
	moving_begin(at, 0, c->family, back, false, n);
	pthread_create(&t, NULL, sender, m);
	do {
		ssize_t rc = go(at, way, c->end[!back], in, done, n);

		if (!again(rc) || (rc == 0 && n)) {
			error = rc ? -at->err : -EPIPE;
			moving_failed(at, error);
			conn_shutdown(c);
			break;
		}
		done += rc > 0 ? (size_t)rc : 0;
	} while (done < n);
	pthread_join(t, NULL);
	if (m->error || error)
		error = movings_error(movings);
	else if (done != n || (!(way->flags & WAY_LOST) && memcmp(in, m->buf, n) != 0))
		error = -EIO;
	c->pos[back] += n;
	return error;
}

static int move_bytes(struct conn *c, int back, uint32_t sop, uint32_t rop, size_t n)
{
	struct move m = { .c = c, .back = back, .way = way_send(sop), .n = n, .buf = malloc(n + 1) };
	uint8_t *in = malloc(n + 1);
	/* recv of nothing waits for something */
	int error = in && m.buf ? move_between(&m, way_recv(n ? rop : R_READ), in) : -ENOMEM;

	free(in);
	free(m.buf);
	return error;
}

static int move_unmapped(struct conn *c, int back, size_t n)
{
	struct move m = { .c = c, .back = back, .way = way_send(S_WRITE), .n = n, .buf = file_memory(n) };
	struct unmapper u = { .buf = { m.buf, file_memory(n) }, .n = n };
	int error = -ENOMEM;
	pthread_t t;

	if (m.buf && u.buf[1]) {
		pthread_create(&t, NULL, unmapper, &u);
		error = move_between(&m, way_recv(R_READ), u.buf[1]);
		atomic_store(&u.stop, true);
		pthread_join(t, NULL);
	}
	for (int i = 0; i < 2; i++)
		if (u.buf[i])
			munmap(u.buf[i], n);
	return error;
}

/* --- the worker ----------------------------------------------------------------------------------- */

static void *blocked_reader(void *arg)
{
	struct conn *c = arg;

	return (void *)(intptr_t)(read(c->end[1], c->block_buf, c->block_n) == (ssize_t)c->block_n);
}

static int unblock(struct conn *c)
{
	uint8_t *p = malloc(c->block_n);
	void *ok = NULL;

	for (size_t i = 0; i < c->block_n; i++)
		p[i] = pattern(c->key, 0, c->pos[0] + i);
	if (write(c->end[0], p, c->block_n) != (ssize_t)c->block_n)
		return -EIO;
	pthread_join(c->blocked, &ok);
	c->pos[0] += c->block_n;
	free(p);
	free(c->block_buf);
	return ok ? 0 : -EIO;
}

static int half_close(struct conn *c, uint32_t rop)
{
	const struct way *way = way_recv(rop);
	uint8_t byte;

	shutdown(c->end[0], SHUT_WR);
	/* A second read of the end, and a write that fails, move nothing. */
	if (way->go(c->end[1], &byte, 1) != 0 || way->go(c->end[1], &byte, 1) != 0)
		return -EIO;
	way_thread_done();
	return send(c->end[0], "x", 1, MSG_NOSIGNAL) < 0 ? 0 : -EIO;
}

static int run_program(struct reply *r)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/proc/self/exe", "capture_check", "--nothing", NULL);
		_exit(1);
	}
	r->pid = (uint32_t)pid;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -EIO;
}

static int map_self(struct reply *r)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -errno;
	munmap(p, 4096);
	r->ino = st.st_ino;
	return 0;
}

static int enter_cgroup(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0 || write(fd, "0", 1) != 1)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int chaos(const struct order *o, struct reply *r)
{
	static struct conn c[CHAOS_CONNS];
	static int n;
	int rc;

	if (o->what == T_CHAOS_OPEN) {
		n = chaos_open(c, o->n, r->chaos);
		r->nchaos = n < 0 ? 0 : (uint32_t)n;
		return n < 0 ? n : 0;
	}
	rc = n > 0 ? chaos_run(c, (unsigned)n, o->n, &o->ways, r->chaos) : -EINVAL;
	for (int i = 0; i < n; i++)
		conn_close(&c[i], false);
	n = 0;
	return rc;
}

static int obey(struct conn *c, const struct order *o, struct reply *r)
{
	int rc;

	switch ((enum what)o->what) {
	case T_OPEN:
		rc = conn_connect(c, o->a, (uint16_t)o->n);
		if (o->c)
			c->key = (uint16_t)o->c;
		return rc ? rc : conn_accept(c);
	case T_CONNECT:
		return conn_connect(c, o->a, (uint16_t)o->n);
	case T_ACCEPT:
		return conn_accept(c);
	case T_MOVE:
		return move_bytes(c, o->a != 0, o->b, o->c, o->n);
	case T_MOVE_UNMAPPED:
		return move_unmapped(c, o->a != 0, o->n);
	case T_BLOCK:
		c->block_n = o->n;
		c->block_buf = malloc(o->n);
		return -pthread_create(&c->blocked, NULL, blocked_reader, c);
	case T_UNBLOCK:
		return unblock(c);
	case T_MANY:
		return many_blocked(o->a, o->n, &c->sport);
	case T_HALF:
		return half_close(c, o->a);
	case T_CLOSE:
		return conn_close(c, o->a != 0);
	case T_URGENT:
		return conn_urgent(c, o->a != 0);
	case T_KTLS:
		return conn_kernel_tls(c, o->a);
	case T_ALERT:
		return conn_alert(c);
	case T_DGRAM_OPEN:
		return dgram_open(c, o->a, o->b);
	case T_DGRAM:
		return dgram_move(c, o->a != 0, o->b, o->n);
	case T_CHAOS_OPEN:
	case T_CHAOS:
		return chaos(o, r);
	case T_EXEC:
		return run_program(r);
	case T_MAP:
		return map_self(r);
	case T_CGROUP:
		return enter_cgroup(o->path);
	}
	return -EINVAL;
}

_Noreturn void work(int fd)
{
	struct conn c = { .end = { -1, -1 } };
	struct order o;

	signal(SIGPIPE, SIG_IGN);
	while (recv(fd, &o, sizeof(o), 0) == sizeof(o)) {
		struct reply r = { 0 };

		r.error = obey(&c, &o, &r);
		r.serial = o.serial;
		r.cport = c.cport;
		r.sport = c.sport;
		memcpy(r.cookie, c.cookie, sizeof(r.cookie));
		if (send(fd, &r, sizeof(r), 0) != sizeof(r))
			break;
	}
	_exit(0);
}
