/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "tap/bpf_tls.h"
#include "tap/cost.h"
#include "tap/images.h"
#include "tap/tap_priv.h"

#define SWEEP_NS  (60 * SECOND_NS) /* a socket can also end without its process */
#define TELL_NS	  (SECOND_NS / 10) /* while the rings have no room for what is to be told */
#define RESCAN_NS (60 * SECOND_NS)
#define EXEC_NS	  (SECOND_NS / 100) /* from exec to when the libraries are mapped */

uint64_t tap_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

int tap_watch_fd(struct tap *t, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(t->ep, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void tap_find_connections(struct tap *t)
{
	int n = tap_bpf_scan(t->bpf);

	if (n < 0) {
		log_debug("open connections could not be looked for: %s", strerror(-n));
		return;
	}
	t->found += (uint64_t)n;
	tap_fact(t, "found", 0, "",
		 "%llu connections were open already and are read from their next message on",
		 (unsigned long long)t->found);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void reap(struct tap *t)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == t->decode) {
			/* At once, so that what is recorded until the next one reads makes sense to it. */
			tap_bpf_new_reader(t->bpf);
			(void)tap_bpf_scan(t->bpf); /* the rest is announced when it is used */
			tap_decode_ended(t, status);
		} else if (pid == t->connecting) {
			tap_never(t, (uint32_t)pid, false);
			t->connecting = 0; /* its answer comes over the socket */
		} else if (t->h.ended && !t->h.ended(t->h.ctx, pid, status)) {
			tap_stop(t, -ECHILD);
		}
	}
}

static void signal_came(struct tap *t)
{
	struct signalfd_siginfo si;

	while (read(t->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			reap(t);
		else
			tap_stop(t, 0);
	}
}

static void send_losses(struct tap *t)
{
	struct ipc_msg m = { .health = { .key = "loss",
					 .restarts = t->restarts,
					 .up_s = (tap_now_ns() - t->began_ns) / SECOND_NS } };
	struct cost c;

	for (size_t i = 0; i < 2; i++) {
		if (cost_read(i ? (uint32_t)t->decode : (uint32_t)getpid(), &c) < 0)
			continue;
		m.health.cpu_ms[i] = c.cpu_ms;
		m.health.bytes[i] = c.bytes;
	}
	if (tap_bpf_losses(t->bpf, m.health.loss) == 0)
		(void)outbox_send(&t->out, IPC_HEALTH, &m, -1);
}

/* Soon, but so that it takes no more than a fiftieth of the time. */
void tap_sweep_soon(struct tap *t)
{
	uint64_t at = tap_now_ns() + SECOND_NS;

	if (at < t->sweep_after_ns)
		at = t->sweep_after_ns;
	if (at < t->sweep_ns)
		t->sweep_ns = at;
}

static void sweep(struct tap *t)
{
	uint64_t begin_ns = tap_now_ns(), end_ns;
	int err = tap_bpf_sweep(t->bpf);

	if (err)
		log_debug("connections that ended could not be looked for: %s", strerror(-err));
	end_ns = tap_now_ns();
	t->sweep_after_ns = end_ns + (end_ns - begin_ns) * 50;
	t->sweep_ns = end_ns + SWEEP_NS;
}

/* Not at once: the loader maps libraries first.  And a fiftieth of the time, as above. */
void tap_rescan_soon(struct tap *t)
{
	uint64_t at = tap_now_ns() + EXEC_NS;

	if (at < t->rescan_after_ns)
		at = t->rescan_after_ns;
	if (at < t->rescan_ns)
		t->rescan_ns = at;
}

static void rescan(struct tap *t)
{
	uint64_t begin_ns = tap_now_ns(), end_ns;

	(void)tls_watch_scan(t->tls); /* what failed is said in its facts */
	containers_sweep(t->containers);
	end_ns = tap_now_ns();
	t->rescan_after_ns = end_ns + (end_ns - begin_ns) * 50;
	t->rescan_ns = end_ns + RESCAN_NS;
}

/* Returns how long the loop may sleep. */
static int timers(struct tap *t, uint64_t *second_ns)
{
	uint64_t now = tap_now_ns(), next;

	if (now >= *second_ns || t->untold.left) {
		(void)tap_bpf_tell(t->bpf, &t->untold); /* out of memory: with the next second */
		if (now >= *second_ns) {
			*second_ns = now + SECOND_NS;
			(void)late_tick(t->late, now);
			tls_watch_check(t->tls);
		}
		send_losses(t);
	}
	if (now >= t->rescan_ns)
		rescan(t);
	if (now >= t->sweep_ns)
		sweep(t);
	next = t->untold.left && *second_ns > now + TELL_NS ? now + TELL_NS : *second_ns;
	if (t->rescan_ns < next)
		next = t->rescan_ns;
	if (t->stopping && now >= t->stop_ns)
		tap_decode_kill(t);
	else if (t->stopping && t->stop_ns < next)
		next = t->stop_ns;
	if (!t->decode && !t->stopping) {
		if (now >= t->restart_ns && tap_decode_start(t) < 0)
			t->restart_ns = now + BACKOFF_MAX;
		if (!t->decode && t->restart_ns < next)
			next = t->restart_ns;
	}
	now = tap_now_ns();
	return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

static bool handle(struct tap *t, int fd)
{
	if (fd == t->signals)
		signal_came(t);
	else if (fd == tap_bpf_tasks_fd(t->bpf))
		(void)tap_bpf_tasks_poll(t->bpf, tap_task, t); /* lost ones are counted */
	else if (fd == containers_fd(t->containers))
		containers_poll(t->containers); /* its state is told below */
	else if (fd == tls_watch_fd(t->tls))
		tls_watch_changed(t->tls);
	else if (tap_discovery_event(t, fd))
		return false;
	else if (fd == t->connect)
		tap_connect_came(t);
	else if (fd == t->out.sock)
		return tap_decode_came(t);
	return false;
}

int tap_run(struct tap *t)
{
	uint64_t second_ns = 0;
	int err = tap_decode_start(t);
	bool more = false;

	if (err)
		return err;
	t->began_ns = tap_now_ns();
	t->rescan_ns = t->began_ns + RESCAN_NS;
	while (!(t->stopping && !t->decode)) {
		struct epoll_event evs[16];
		int wait = timers(t, &second_ns);
		int n = epoll_wait(t->ep, evs, 16, more ? 0 : wait);

		more = more && tap_decode_came(t);
		for (int i = 0; i < n; i++)
			more |= handle(t, evs[i].data.fd);
		tap_engines_state(t);
	}
	return t->result;
}

static int open_loop(struct tap *t)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	t->ep = epoll_create1(EPOLL_CLOEXEC);
	t->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (t->ep < 0 || t->signals < 0)
		return -errno;
	err = tap_watch_fd(t, t->signals, EPOLLIN);
	err = err ? err : tap_watch_fd(t, tap_bpf_tasks_fd(t->bpf), EPOLLIN);
	err = err ? err : tap_watch_fd(t, tls_watch_fd(t->tls), EPOLLIN);
	return err ? err : tap_watch_fd(t, containers_fd(t->containers), EPOLLIN);
}

static void first_facts(struct tap *t)
{
	struct utsname u = { 0 };
	uint64_t cgroup_id;

	(void)uname(&u); /* empty then */
	tap_fact(t, "kernel", 0, "", "Linux %s on %s, with BTF", u.release, u.machine);
	tap_fact(t, "backend", 0, "", "sockets are read by hooks of kind %s",
		 tap_bpf_backend(t->bpf));
	(void)container_of_pid((uint32_t)getpid(), t->own_id,
			       &cgroup_id); /* not in one: stays empty */
}

/* Lets Docker and the others answer before the first rules are set, so that a choice of containers holds from the start. */
static void wait_for_engines(struct tap *t)
{
	uint64_t until = tap_now_ns() + SECOND_NS / 2;

	while (tap_now_ns() < until && !containers_settled(t->containers)) {
		/* poll, because epoll_wait on that descriptor would swallow its edges. */
		struct pollfd p = { .fd = containers_fd(t->containers), .events = POLLIN };

		if (poll(&p, 1, 50) < 0)
			break;
		containers_poll(t->containers);
	}
	tap_engines_state(t);
}

int tap_open(struct tap **ret, const struct tap_options *o, const struct tap_hooks *h, char *err,
	     size_t errlen)
{
	struct tap *t = calloc(1, sizeof(*t));
	int rc = -ENOMEM;

	if (!t)
		return rc;
	t->o = *o;
	t->h = *h;
	t->ep = t->signals = t->out.sock = t->connect = -1;
	t->keep_choice = o->keep_choice;
	t->keep_body_limit = o->keep_body_limit;
	t->keep_conn_budget = o->keep_conn_budget;
	t->host_pidns = tap_host_pidns();
	t->facts = calloc(TAP_FACTS, sizeof(*t->facts));
	(void)snprintf(err, errlen, "out of memory");
	if (!t->facts || policy_copy(&t->policy, o->policy) < 0)
		goto out;
	rc = tap_bpf_open(&t->bpf, &o->bpf, err, errlen);
	if (rc)
		goto out;
	(void)snprintf(err, errlen, "cannot watch processes and containers");
	t->containers = containers_new(o->docker_socket, o->cri_socket, tap_container_changed, t);
	rc = t->containers ? tls_watch_new(&t->tls, t->bpf, tap_tls_found, t) : -ENOMEM;
	t->ledger = rc ? NULL : ledger_new(t->tls, tap_tls_changed, t);
	t->late = late_new(t->bpf);
	rc = rc ? rc : t->ledger && t->late ? open_loop(t) : -ENOMEM;
	if (rc)
		goto out;
	rc = tap_apply_ends(t);
	if (rc)
		goto out;
	rc = tap_bpf_set_comms(t->bpf, o->not_comms, o->nnot_comms, EV_RULE_EXCLUDE);
	rc = rc ? rc : tap_bpf_set_comms(t->bpf, o->comms, o->ncomms, EV_RULE_INCLUDE);
	if (rc)
		goto out;
	first_facts(t);
	tap_scan_processes(t);
	tap_never(t, (uint32_t)getpid(), true); /* last: a glob may match it */
	for (size_t i = 0; i < o->nown; i++)
		tap_never(t, o->own[i], true);
	wait_for_engines(t);
	tap_apply_policy(t);
	tap_find_connections(t);
	tap_discovery_begin(t);
	*ret = t;
	return 0;
out:
	tap_close(t);
	return rc;
}

const char *tap_probes(const struct tap *t)
{
	return tap_bpf_tls_backend(t->bpf);
}

void tap_close(struct tap *t)
{
	if (!t)
		return;
	tap_decode_forget(t);
	tap_connect_end(t);
	images_free(t->images);
	if (t->tls)
		tls_watch_free(t->tls);
	late_free(t->late);
	ledger_free(t->ledger);
	containers_free(t->containers);
	if (t->bpf)
		tap_bpf_close(t->bpf);
	if (t->signals >= 0)
		close(t->signals);
	if (t->ep >= 0)
		close(t->ep);
	outbox_release(&t->out);
	tap_subjects_release(t);
	free(t);
}
