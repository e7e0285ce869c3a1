/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "expect.h"

/* --- loading ---------------------------------------------------------------------------------------- */

void errors(struct watch *w, struct worker *k)
{
	struct tap_bpf_options odd = { .events_bytes = 12345 };
	struct tap_bpf *b;
	char err[512] = "";
	int rc = tap_bpf_open(&b, &odd, err, sizeof(err));

	(void)k;
	check(rc == -EINVAL && strstr(err, "power of two"),
	      "a ring size that is no power of two is refused: %s", err);
	check(tap_bpf_verdict(w->bpf, 1234567890123, EV_COPY_NONE) == -ENOENT,
	      "a verdict on an unknown connection is refused");
	check(!backend || strcmp(tap_bpf_backend(w->bpf), tap_backend_name(backend)) == 0,
	      "the back end is %s", tap_bpf_backend(w->bpf));
}

/* --- connections from before -------------------------------------------------------------------------- */

static struct reply used_before(struct worker *k)
{
	struct reply unused, r;

	start(k, 0);
	r = order(k, T_OPEN, F_V4);
	move(k, 0, S_WRITE, R_READ, 1000);
	move(k, 1, S_WRITE, R_READ, 1000);
	worker_do(k, (struct order){ .what = T_BLOCK, .n = 3000 }, &unused);
	return r;
}

static void used_since(struct watch *w, struct worker *k, struct reply r)
{
	struct end *c, *s;

	tap_bpf_rule_tgid(w->bpf, (uint32_t)k->pid, EV_RULE_INCLUDE);
	w->late_shift = 1000;
	w->late_sport = r.sport;
	order(k, T_UNBLOCK, 0);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(c && s && (c->flags & EV_LATE) && (s->flags & EV_LATE),
		   "a connection from before is marked late"))
		printf("# %p %p\n", (void *)c, (void *)s);
	if (!check(c && s && c->captured[EV_WRITE] == 3000 && s->captured[EV_READ] == 3000 &&
			   !c->wrong && !s->wrong,
		   "a read that waited when capture began is captured")) {
		explain("client", c);
		explain("server", s);
	}
	w->late_shift = 0;
	w->late_sport = 0;
	worker_stop(k);
	watch_forget(w);
}

static bool at_once(const struct watch *w, const void *arg)
{
	(void)w;
	(void)arg;
	return true;
}

/* Its socket has no descriptor when the descriptors are scanned, so no cookie when it is accepted (unless another
 * capture runs on this machine).  What polls the tasks then scans again. */
static void accepted_since(struct watch *w, struct worker *k, struct reply r)
{
	uint64_t loss[EV_LOSS_MAX] = { 0 };
	struct end *c, *s;

	tap_bpf_rule_tgid(w->bpf, (uint32_t)k->pid, EV_RULE_INCLUDE);
	order(k, T_ACCEPT, 0);
	watch_until(w, at_once, NULL);
	tap_bpf_losses(w->bpf, loss);
	printf("# %s\n", loss[EV_LOSS_INFLIGHT] ? "it had no cookie"
						: "it had a cookie: another capture runs");
	move(k, 0, S_WRITE, R_READ, 5000);
	move(k, 1, S_WRITE, R_READ, 5000);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(c && s && c->captured[EV_READ] == 5000 && s->captured[EV_READ] == 5000 &&
			   !c->wrong && !s->wrong,
		   "a connection that waited in the accept queue when capture began is found")) {
		explain("client", c);
		explain("server", s);
	}
	worker_stop(k);
	watch_forget(w);
}

bool late(struct watch *w)
{
	struct worker used, waiting;
	struct reply r = used_before(&used), q;
	bool loaded;

	start(&waiting, 0);
	q = order(&waiting, T_CONNECT, F_V4);
	loaded = load(w, RING_OF_ALL);
	if (!loaded) {
		worker_stop(&used);
		worker_stop(&waiting);
		return false;
	}
	used_since(w, &used, r);
	accepted_since(w, &waiting, q);
	return true;
}

/* --- open, close, tasks ------------------------------------------------------------------------------- */

struct ports {
	uint16_t local, remote;
};

static bool end_is_read(const struct watch *w, const void *arg)
{
	const struct ports *p = arg;
	const struct end *e = watch_end((struct watch *)w, p->local, p->remote);

	return e && e->ends_read;
}

static void half_closed(struct watch *w, struct worker *k, uint32_t rop)
{
	const char *why = way_recv(rop)->lacks ? way_recv(rop)->lacks() : NULL;
	struct reply r;
	struct ports server;
	struct end *c, *s;
	bool told;

	if (why) {
		check(true, "the end is read by %s # SKIP %s", way_recv(rop)->name, why);
		return;
	}
	r = order(k, T_OPEN, F_V4);

	move(k, 0, S_WRITE, R_READ, 100);
	order(k, T_HALF, rop);
	move(k, 1, S_WRITE, R_READ, 100000);
	server = (struct ports){ r.sport, r.cport };
	told = !expect_ends(backend_used(w), rop) || watch_until(w, end_is_read, &server);
	order(k, T_CLOSE, 0); /* reads it again, by a system call */
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(c && s && told && s->ends_read == 1 && (c->how & EV_END_WRITE) &&
			   c->captured[EV_READ] == 100000 && c->total[EV_READ] == 100000 &&
			   !c->wrong && !s->wrong && !c->holes[EV_READ] &&
			   !((c->how | s->how) & EV_END_RESET),
		   "what comes after shutdown of the other direction is captured; the end by %s",
		   way_recv(rop)->name)) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

static void reset(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_OPEN, F_V6);
	struct end *c, *s;

	move(k, 0, S_WRITE, R_READ, 100);
	order(k, T_CLOSE, 1);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(c && s && (c->how & EV_END_RESET) && (s->how & EV_END_RESET),
		   "a reset is told from an end")) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

static void identity(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_OPEN, F_V4);
	struct stat ns = { 0 };
	struct end *c;
	uint32_t first = 0;

	stat("/proc/self/ns/net", &ns);
	move(k, 0, S_WRITE, R_READ, 100);
	watch_moved(w, r.cport, r.sport, 100, 0);
	c = watch_end(w, r.cport, r.sport);
	if (c)
		first = c->tgid;
	tap_bpf_rule_tgid(w->bpf, (uint32_t)k->pid, -1);
	tap_bpf_set_policy(w->bpf, &(struct ev_policy){ .dflt = EV_DEFAULT_ALL });
	move(k, 0, S_FORKED, R_READ, 100);
	watch_moved(w, r.cport, r.sport, 200, 0);
	check(c && first == (uint32_t)k->pid && c->netns == ns.st_ino && c->cgroup_id &&
		      strncmp(c->comm, "capture_check", EV_COMM_LEN) == 0,
	      "EV_OPEN names process, network namespace, cgroup and command");
	if (!check(c && c->opens == 2 && c->tgid != first && c->captured[EV_WRITE] == 200 &&
			   !c->wrong,
		   "a process that takes a socket over is told"))
		explain("client", c);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	tap_bpf_rule_tgid(w->bpf, (uint32_t)k->pid, EV_RULE_INCLUDE);
	tap_bpf_set_policy(w->bpf, &(struct ev_policy){ .dflt = EV_DEFAULT_NONE });
	watch_forget(w);
}

static const struct ev_task *task_seen(const struct watch *w, uint16_t kind, uint32_t tgid)
{
	for (unsigned i = 0; i < w->ntasks; i++)
		if (w->tasks[i].h.kind == kind && w->tasks[i].h.tgid == tgid)
			return &w->tasks[i];
	return NULL;
}

static bool has_exited(const struct watch *w, const void *arg)
{
	return task_seen(w, EV_EXIT, *(const uint32_t *)arg);
}

static bool has_mapped(const struct watch *w, const void *arg)
{
	return task_seen(w, EV_MAP, *(const uint32_t *)arg);
}

static void tasks(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_EXEC, 0);
	const struct ev_task *ev;
	struct stat ns = { 0 };
	uint32_t pid = (uint32_t)k->pid;

	stat("/proc/self/ns/pid", &ns);
	watch_until(w, has_exited, &r.pid);
	ev = task_seen(w, EV_EXEC, r.pid);
	check(ev && ev->ppid == pid && ev->pidns == ns.st_ino && strcmp(ev->name, "exe") == 0,
	      "exec is seen with parent, pid namespace and name");
	check(task_seen(w, EV_EXIT, r.pid), "exit is seen");
	if (only_tcp) {
		check(true, "a file mapped executable # SKIP the system call is not hooked");
		return;
	}
	r = order(k, T_MAP, 0);
	watch_until(w, has_mapped, &pid);
	ev = task_seen(w, EV_MAP, pid);
	if (!check(ev && ev->ino == r.ino && strncmp(ev->name, "capture_check", 13) == 0 &&
			   ev->addr,
		   "a file mapped executable is seen with its inode and name"))
		printf("# ino %llu, want %llu; %s\n", ev ? (unsigned long long)ev->ino : 0,
		       (unsigned long long)r.ino, ev ? ev->name : "no record");
	watch_forget(w);
}

void life(struct watch *w, struct worker *k)
{
	half_closed(w, k, R_READ);
	half_closed(w, k, R_URING_RECV);
	reset(w, k);
	identity(w, k);
	tasks(w, k);
}
