/* SPDX-License-Identifier: Apache-2.0 */
/* A file that somebody gives the page comes in pieces into a nameless file beside the database.  It is read by a confined process of its own
 * (docs/processes.md: the hub itself never looks at foreign bytes), whose flows a thread here hands to the main thread. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/files.h"
#include "hub/transfer.h"

#define SEND_AT	 ((size_t)4 << 20)
#define PAUSE_NS 5000000
#define WAIT_NS	 (UINT64_C(60) * 1000000000)

struct import_file {
	char id[17];
	struct hub_state *st;
	int fd;
	uint64_t bytes, used_ns;
	pthread_t thread;
	bool running, cancelled; /* cancelled: atomic */
	/* the thread's, under lock */
	pthread_mutex_t lock;
	pid_t pid; /* of the reader, until it is waited for; 0: none */
	bool done;
	uint64_t records, flows;
	char error[400];
};

static struct import_file **find(struct web *w, const char *id)
{
	for (size_t i = 0; i < FILES_IMPORTS; i++)
		if (w->imports[i] && strcmp(w->imports[i]->id, id) == 0)
			return &w->imports[i];
	return NULL;
}

static void drop(struct import_file *f)
{
	if (f->running) {
		__atomic_store_n(&f->cancelled, true, __ATOMIC_RELEASE);
		(void)pthread_mutex_lock(&f->lock);
		if (f->pid > 1)
			(void)kill(f->pid, SIGKILL); /* it may be busy for long, and nobody wants to know */
		(void)pthread_mutex_unlock(&f->lock);
		(void)pthread_join(f->thread, NULL);
	}
	if (f->fd >= 0)
		close(f->fd);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

static bool is_done(struct import_file *f)
{
	bool done;

	(void)pthread_mutex_lock(&f->lock);
	done = f->done;
	(void)pthread_mutex_unlock(&f->lock);
	return done;
}

void files_imports_drop(struct web *w, uint64_t now_ns, bool all)
{
	for (size_t i = 0; i < FILES_IMPORTS; i++) {
		struct import_file *f = w->imports[i];

		/* One that is being read is let go when it has ended and nobody asks how it went. */
		if (f && (all || (now_ns > f->used_ns + FILES_IDLE_NS && (!f->running || is_done(f))))) {
			drop(f);
			w->imports[i] = NULL;
		}
	}
}

/* --- the thread ------------------------------------------------------------------------------------------------ */

static void failed(struct import_file *f, const char *why)
{
	(void)pthread_mutex_lock(&f->lock);
	if (!f->error[0])
		(void)snprintf(f->error, sizeof(f->error), "%s", why);
	(void)pthread_mutex_unlock(&f->lock);
}

static bool cancelled(const struct import_file *f)
{
	return __atomic_load_n(&f->cancelled, __ATOMIC_ACQUIRE);
}

static void nap(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
}

/* Hands over what b has and waits until it is stored. */
static bool store(struct import_file *f, struct buf *b)
{
	uint64_t until = hub_now_ns() + WAIT_NS;
	int r = -EAGAIN;

	while (b->n && r == -EAGAIN && hub_now_ns() < until && !cancelled(f)) {
		struct buf part = { 0 };
		uint64_t ticket;

		buf_put(&part, buf_slice(b));
		ticket = part.failed ? 0 : hub_command(f->st, COMMAND_IMPORT, NULL, &part);
		buf_release(&part);
		if (!ticket) {
			r = -ENOMEM;
			break;
		}
		while (!hub_command_done(f->st, ticket, &r) && !cancelled(f))
			nap();
		if (r == -EAGAIN)
			nap();
	}
	if (b->n && r < 0 && !cancelled(f))
		failed(f, r == -ENOMEM ? "the hub is out of memory" : "the hub cannot store it: Health says why");
	buf_clear(b);
	return r == 0 || !b->n;
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static void take_records(struct import_file *f, int fd)
{
	struct buf b = { 0 };
	uint8_t head[4];

	while (!cancelled(f) && !f->error[0] && read_all(fd, head, sizeof(head))) {
		size_t n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
		uint8_t *room;

		if (n > TRANSFER_MAX) {
			failed(f, "a flow is larger than 60 MiB");
			break;
		}
		buf_put(&b, (struct slice){ head, sizeof(head) });
		room = buf_room(&b, n);
		if (!room || !read_all(fd, room, n)) {
			failed(f, room ? "its reader ended too early" : "the hub is out of memory");
			break;
		}
		b.n += n;
		(void)pthread_mutex_lock(&f->lock);
		f->records++;
		(void)pthread_mutex_unlock(&f->lock);
		if (b.n >= SEND_AT)
			(void)store(f, &b);
	}
	if (!cancelled(f) && !f->error[0])
		(void)store(f, &b);
	buf_release(&b);
}

/* What the reader has to say: complaints, and at last how many flows there were. */
static void take_words(struct import_file *f, int fd)
{
	char text[2000] = "", *line, *next;
	size_t n = 0;
	ssize_t got;

	while (n + 1 < sizeof(text) && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	for (line = text; line && *line; line = next) {
		unsigned long long flows;
		char *colon;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (sscanf(line, "flows %llu", &flows) == 1) {
			(void)pthread_mutex_lock(&f->lock);
			f->flows = flows;
			(void)pthread_mutex_unlock(&f->lock);
			continue;
		}
		colon = strstr(line, "-: "); /* the name of standard input, before what is wrong with it */
		failed(f, colon ? colon + 3 : line);
	}
}

static int spawn_reader(struct import_file *f, int out, int err, pid_t *ret)
{
	char *const argv[] = { (char *)(uintptr_t)"limpid", (char *)(uintptr_t)"import-reader", (char *)(uintptr_t)"-", NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t a;
	posix_spawnattr_t attr;
	sigset_t none;
	int r = posix_spawn_file_actions_init(&a);

	if (r)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r) {
		(void)posix_spawn_file_actions_destroy(&a);
		return -r;
	}
	(void)sigemptyset(&none);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn_file_actions_adddup2(&a, f->fd, STDIN_FILENO);
	r = r ? r : posix_spawn_file_actions_adddup2(&a, out, STDOUT_FILENO);
	r = r ? r : posix_spawn_file_actions_adddup2(&a, err, STDERR_FILENO);
	r = r ? r : posix_spawn_file_actions_addclosefrom_np(&a, STDERR_FILENO + 1);
	r = r ? r : posix_spawn(ret, "/proc/self/exe", &a, &attr, argv, env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&a);
	return -r;
}

static void *read_it(void *arg)
{
	struct import_file *f = arg;
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, status = 0;
	pid_t pid = -1;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || spawn_reader(f, out[1], err[1], &pid) < 0)
		failed(f, "its reader cannot be started");
	for (size_t i = 0; i < 2; i++)
		if ((i ? err : out)[1] >= 0)
			close((i ? err : out)[1]);
	if (pid > 1) {
		(void)pthread_mutex_lock(&f->lock);
		f->pid = pid;
		(void)pthread_mutex_unlock(&f->lock);
		take_records(f, out[0]);
		close(out[0]); /* ends a reader that is not at its end */
		out[0] = -1;
		take_words(f, err[0]);
		(void)pthread_mutex_lock(&f->lock);
		f->pid = 0;
		(void)pthread_mutex_unlock(&f->lock);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFSIGNALED(status) && !cancelled(f))
			failed(f, "its reader was ended by the system");
	}
	if (out[0] >= 0)
		close(out[0]);
	if (err[0] >= 0)
		close(err[0]);
	(void)pthread_mutex_lock(&f->lock);
	f->done = true;
	(void)pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* --- the calls -------------------------------------------------------------------------------------------------- */

/* Beside the database: there is the room that was meant for flows. */
static int nameless_file(const char *db)
{
	char dir[4096];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", db);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	return open(slash ? dir[0] ? dir : "/" : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

void files_import_begin(struct conn *c, const char *rest)
{
	struct import_file **place = NULL, *f;

	(void)rest;
	files_imports_drop(c->w, hub_now_ns(), false);
	for (size_t i = 0; i < FILES_IMPORTS && !place; i++)
		place = c->w->imports[i] ? NULL : &c->w->imports[i];
	if (!place) {
		answer_error(c, 503, "other files are being read: wait for one of them to end");
		return;
	}
	f = calloc(1, sizeof(*f));
	if (!f || !files_id(f->id)) {
		free(f);
		answer_error(c, 503, "the hub is out of memory");
		return;
	}
	f->fd = nameless_file(c->w->st->o->db_path);
	if (f->fd < 0) {
		free(f);
		answer_error(c, 503, "no file can be made beside the database: check the disk");
		return;
	}
	(void)pthread_mutex_init(&f->lock, NULL);
	f->st = c->w->st;
	f->used_ns = hub_now_ns();
	*place = f;
	buf_clear(&c->a.own);
	buf_printf(&c->a.own, "{\"id\":\"%s\"}", f->id);
	answer_own(c, 200, NULL);
}

static int append(struct import_file *f, struct slice s)
{
	while (s.n) {
		ssize_t n = pwrite(f->fd, s.p, s.n, (off_t)f->bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		f->bytes += (uint64_t)n;
		s = slice_cut(s, (size_t)n, s.n);
	}
	return 0;
}

/* A piece at its offset; an empty one is the end: now it is read. */
void files_import_more(struct conn *c, const char *rest)
{
	struct import_file **place = find(c->w, rest), *f = place ? *place : NULL;
	int64_t at = -1;
	int r;

	if (!f || f->running) {
		answer_error(c, 404, "there is no such import that waits for more");
		return;
	}
	if (!api_number(c, "at", &at) || at < 0 || (uint64_t)at != f->bytes) {
		answer_error(c, 400, "at is how many bytes came before this piece");
		return;
	}
	f->used_ns = hub_now_ns();
	if (f->bytes + c->q.body.n > FILES_IMPORT_MAX) {
		answer_error(c, 413, "the file is larger than 4 GiB: limpid import has no such limit");
		return;
	}
	r = append(f, buf_slice(&c->q.body));
	if (r == 0 && c->q.body.n == 0) {
		r = -pthread_create(&f->thread, NULL, read_it, f);
		f->running = r == 0;
	}
	if (r < 0)
		answer_error(c, 503, r == -ENOSPC ? "the disk is full" : "the file cannot be kept while it is read");
	else
		answer(c, 204, NULL, (struct slice){ 0 });
}

void files_import_state(struct conn *c, const char *rest)
{
	struct import_file **place = find(c->w, rest), *f = place ? *place : NULL;
	struct buf *out = &c->a.own;

	if (!f) {
		answer_error(c, 404, "there is no such import");
		return;
	}
	f->used_ns = hub_now_ns();
	buf_clear(out);
	(void)pthread_mutex_lock(&f->lock);
	buf_printf(out, "{\"state\":\"%s\",\"bytes\":%" PRIu64 ",\"records\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"error\":",
		   f->done ? "done" : f->running ? "reading" : "waiting", f->bytes, f->records, f->flows);
	if (f->error[0])
		buf_put_json_str(out, slice_str(f->error));
	else
		buf_puts(out, "null");
	(void)pthread_mutex_unlock(&f->lock);
	buf_puts(out, "}");
	answer_own(c, 200, NULL);
}

void files_import_end(struct conn *c, const char *rest)
{
	struct import_file **place = find(c->w, rest);

	if (place) {
		drop(*place);
		*place = NULL;
	}
	answer(c, 204, NULL, (struct slice){ 0 });
}
