/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/confine.h"
#include "cmd/replay.h"
#include "export/read.h"
#include "flow/pb.h"

#define PIECE	   (256u << 10)
#define LINE_MAX_N ((size_t)1 << 30)
#define FLOW_BASE  ((size_t)1 << 20)

/* --- the child ------------------------------------------------------------------------------------------- */

struct child {
	const struct args *args;
	const char *file;
	int in, out;
	struct buf head; /* what was read to see what it is */
	struct buf packed;
	uint64_t nth, bad, first_bad; /* lines or entries; those that are none */
	bool gone;		      /* nobody reads any more */
};

static bool write_all(int fd, struct slice s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = slice_cut(s, (size_t)n, s.n);
	}
	return true;
}

static void hand_over(void *ctx, const struct flow *f)
{
	struct child *c = ctx;
	uint32_t n;

	buf_clear(&c->packed);
	buf_put(&c->packed, SLICE_LIT("\0\0\0\0"));
	if (c->gone || flow_pb_pack(&c->packed, f) < 0 || c->packed.failed)
		return;
	n = (uint32_t)(c->packed.n - 4);
	memcpy(c->packed.p, &n, 4);
	c->gone = !write_all(c->out, buf_slice(&c->packed));
}

/* One line of JSON, or one entry of a HAR. */
static int one(struct child *c, struct slice text, bool har)
{
	struct arena *a = arena_new(FLOW_BASE + 100 * text.n);
	const struct json *v;
	struct flow f;
	int r;

	c->nth++;
	r = a ? json_parse(text, a, &v) : -ENOMEM;
	if (r == 0 && !har && json_get(v, "limpid_session")) { /* a session's first line: how the agents were */
		arena_free(a);
		return 0;
	}
	if (r == 0)
		r = har ? read_har_entry(text, v, a, &f) : read_flow(v, a, &f);
	if (r == 0)
		hand_over(c, &f);
	else if (c->bad++ == 0)
		c->first_bad = c->nth;
	arena_free(a);
	return c->gone;
}

static int one_entry(void *ctx, struct slice text)
{
	return one(ctx, text, true);
}

static bool blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
			return false;
	return true;
}

/* Whole lines of b go out; *ret_seen: bytes that were looked at and have no end yet. */
static int lines(struct child *c, struct buf *b, size_t *seen)
{
	size_t from = 0, end;
	int r = 0;

	while (r == 0 && (end = slice_find(buf_slice(b), SLICE_LIT("\n"), from > *seen ? from : *seen)) < b->n) {
		struct slice line = slice_cut(buf_slice(b), from, end);

		from = *seen = end + 1;
		if (!blank(line))
			r = one(c, line, false);
		else
			c->nth++;
	}
	buf_drop(b, from);
	*seen = b->n;
	return r;
}

static int complain(const struct child *c, const char *what, const char *why)
{
	log_error("%s: %s%s%s", c->file, what, why[0] ? ": " : "", why);
	return 1;
}

static int end_of_text(struct child *c, const struct har_split *har, bool is_har)
{
	int r = is_har ? har_split_end(har) : 0;

	if (r == -EBADMSG)
		return complain(c, "this is no HAR file: it has no log with entries", "");
	if (r == -EPIPE)
		return complain(c, "the file is cut off; what came before was taken", "");
	if (c->bad == 0)
		return 0;
	log_error("%s: %llu of %llu %s were no flows and are left out; the first is number %llu", c->file,
		  (unsigned long long)c->bad, (unsigned long long)c->nth, is_har ? "entries" : "lines",
		  (unsigned long long)c->first_bad);
	return 1;
}

static int read_text(struct child *c, bool is_har)
{
	struct har_split har = { 0 };
	struct buf line = { 0 };
	struct slice piece = buf_slice(&c->head);
	static uint8_t room[PIECE];
	size_t seen = 0;
	ssize_t n = 1;
	int r = 0;

	while (r == 0 && n > 0) {
		if (is_har) {
			r = har_split_feed(&har, piece, one_entry, c);
		} else {
			buf_put(&line, piece);
			r = line.failed || line.n > LINE_MAX_N ? -EMSGSIZE : lines(c, &line, &seen);
		}
		n = read(c->in, room, sizeof(room));
		piece = (struct slice){ room, n > 0 ? (size_t)n : 0 };
	}
	if (r == 0 && !is_har && !blank(buf_slice(&line)))
		(void)one(c, buf_slice(&line), false); /* the last line may have no end */
	if (c->gone)
		r = 0;
	else if (n < 0)
		r = complain(c, "cannot be read", strerror(errno));
	else if (r < 0)
		r = complain(c, "an entry is larger than the memory for it", "");
	else
		r = end_of_text(c, &har, is_har);
	har_split_release(&har);
	buf_release(&line);
	return r;
}

static int read_capture(struct child *c, struct source *s)
{
	struct replay *replay = replay_new(s, (size_t)c->args->body_limit, c->args->schemas, hand_over, c);
	int n = 0;

	if (!replay)
		return complain(c, "out of memory", "");
	while (n >= 0 && !c->gone)
		n = replay_step(replay);
	replay_finish(replay);
	replay_free(replay);
	if (n < 0 && n != -ENODATA)
		return complain(c, n == -ENOMSG ? "it is cut off; what came before was taken"
						: "it is damaged; what came before was taken",
				"");
	return 0;
}

static int confine(void)
{
	struct identity who;
	char err[300];
	int rc;

	identity_find(&who);
	rc = confine_user(&who, err, sizeof(err));
	rc = rc ? rc : confine_decode(err, sizeof(err));
	if (rc)
		log_error("%s", err);
	return rc ? 1 : 0;
}

static size_t first_letter(struct slice s)
{
	size_t i = 0;

	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n'))
		i++;
	return i;
}

/* JSON lines begin with {"v": or another member of a flow; a HAR file with "log". */
static bool looks_like_har(struct slice s)
{
	size_t at = first_letter(s) + 1;

	at += first_letter(slice_cut(s, at, s.n));
	return slice_starts(slice_cut(s, at, s.n), SLICE_LIT("\"log\""));
}

static int child(struct child *c)
{
	bool seekable = lseek(c->in, 0, SEEK_CUR) >= 0;
	uint8_t room[4096];
	ssize_t n = read(c->in, room, sizeof(room));
	struct slice head = { room, n > 0 ? (size_t)n : 0 };
	struct source *source = NULL;
	size_t at;
	int err;

	if (n < 0)
		return complain(c, "cannot be read", strerror(errno));
	if (slice_starts(head, SLICE_LIT("\xef\xbb\xbf"))) /* a byte order mark */
		head = slice_cut(head, 3, head.n);
	at = first_letter(head);
	if (at < head.n && head.p[at] == '{') {
		buf_put(&c->head, head);
		return confine() ? 1 : read_text(c, looks_like_har(head));
	}
	if (head.n == 0)
		return complain(c, "the file is empty", "");
	if (!seekable || lseek(c->in, 0, SEEK_SET) < 0)
		return complain(c, "only JSON lines and HAR can come through a pipe", "");
	err = source_file_open(&source, c->in);
	if (err)
		return complain(c, "this is no HAR file, no JSON lines and no capture", "");
	return confine() ? 1 : read_capture(c, source);
}

int feed_start(const struct args *a, const char *file, struct feed *ret)
{
	struct child c = { .args = a, .file = file };
	int pipes[2];
	pid_t pid;

	c.in = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	if (c.in < 0) {
		log_error("cannot open %s: %s", file, strerror(errno));
		return 1;
	}
	if (pipe2(pipes, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		log_error("cannot start: %s", strerror(errno));
		return 1;
	}
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* without it the pipe's end ends us */
		(void)signal(SIGPIPE, SIG_IGN);
		close(pipes[0]);
		c.out = pipes[1];
		_exit(child(&c));
	}
	close(pipes[1]);
	if (c.in != STDIN_FILENO)
		close(c.in);
	*ret = (struct feed){ pipes[0], pid, file };
	return 0;
}

/* --- the parent -------------------------------------------------------------------------------------------- */

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

/* Our own child may have been taken over by what it read: what it hands over is unpacked like anybody's. */
static bool one_record(struct feed *f, struct buf *b, flow_fn fn, void *ctx)
{
	struct arena *a;
	struct flow flow;
	uint8_t *room;
	uint32_t n;

	if (!read_all(f->fd, (uint8_t *)&n, sizeof(n)))
		return false;
	buf_clear(b);
	room = buf_room(b, n);
	if (!room || !read_all(f->fd, room, n))
		return false;
	b->n = n;
	a = arena_new(FLOW_BASE + 4 * (size_t)n);
	if (a && flow_pb_unpack(buf_slice(b), a, &flow) == 0)
		fn(ctx, &flow);
	arena_free(a);
	return true;
}

int feed_run(struct feed *f, flow_fn fn, void *ctx, const bool *stop)
{
	struct buf b = { 0 };
	int status = 0;

	while (!*stop && one_record(f, &b, fn, ctx))
		;
	buf_release(&b);
	close(f->fd);
	if (waitpid(f->pid, &status, 0) < 0)
		return 1;
	if (!WIFEXITED(status) && !*stop)
		log_error("%s: its reader was killed (signal %d)", f->file, WTERMSIG(status));
	return *stop ? 0 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int feed_become_owner(const char *path, char *err, size_t errlen)
{
	struct identity who = { .name = "its owner" };
	struct stat st;

	if (getuid() != 0 || stat(path, &st) < 0 || st.st_uid == 0)
		return 0;
	who.uid = st.st_uid;
	who.gid = st.st_gid;
	return confine_user(&who, err, errlen);
}
