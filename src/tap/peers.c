/* SPDX-License-Identifier: Apache-2.0 */
/* The two processes that tap starts beside itself, and what they say: decode, with its messages and the hub's settings that
 * it passes on, and the one that connects to the hub. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tap/tap_priv.h"

#define BACKOFF_NS \
	(SECOND_NS / 10) /* first wait before decode is started again, doubled each time ... */
#define HEALTHY_NS (60 * SECOND_NS) /* ... until it lived so long */
#define STOP_NS	   (4 * SECOND_NS)  /* what decode gets for flushing */
#define IPC_BATCH  256		    /* messages of decode handled in a row */

/* --- decode ----------------------------------------------------------------------------------- */

void tap_decode_forget(struct tap *t)
{
	if (t->out.sock >= 0)
		close(t->out.sock); /* also leaves the epoll set */
	t->out.sock = -1;
	outbox_clear(&t->out);
}

int tap_decode_start(struct tap *t)
{
	int fds[2], err = ipc_pair(fds);
	const int *rings;
	unsigned nrings = tap_bpf_events_maps(t->bpf, &rings);
	pid_t pid;

	if (err)
		return err;
	pid = t->h.start_decode(t->h.ctx, fds[1], rings, nrings);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return (int)pid;
	}
	tap_never(t, (uint32_t)pid, true);
	t->decode = pid;
	t->decode_since_ns = tap_now_ns();
	t->out.sock = fds[0];
	/* edge-triggered: woken when there is room again, not all the time */
	err = tap_watch_fd(t, fds[0], EPOLLIN | EPOLLOUT | EPOLLET);
	tap_greet(t);
	return err;
}

void tap_stop(struct tap *t, int result)
{
	struct ev_policy nothing = { .paused = 1, .dflt = EV_DEFAULT_NONE };

	if (t->stopping) { /* asked a second time: at once */
		t->stop_ns = 0;
		return;
	}
	t->stopping = true;
	t->result = result;
	t->stop_ns = tap_now_ns() + STOP_NS;
	(void)tap_bpf_set_policy(t->bpf, &nothing); /* what is in the ring is still read */
	if (outbox_send(&t->out, IPC_STOP, &(struct ipc_msg){ 0 }, -1) == -EPIPE)
		t->stop_ns = 0;
}

void tap_decode_kill(struct tap *t)
{
	/* Without CAP_KILL another user's process cannot be signalled; losing its socket ends it too. */
	if (t->decode > 0)
		(void)kill(t->decode, SIGKILL);
	tap_decode_forget(t);
}

void tap_decode_ended(struct tap *t, int status)
{
	uint64_t now = tap_now_ns();
	char how[64];

	tap_never(t, (uint32_t)t->decode, false);
	t->decode = 0;
	tap_decode_forget(t);
	if (t->stopping)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) { /* nobody reads its output any more */
		tap_stop(t, 0);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_DECODE_FAILED) {
		tap_stop(t, -EIO);
		return;
	}
	if (WIFSIGNALED(status))
		(void)snprintf(how, sizeof(how), "was killed by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(status));
	if (now - t->decode_since_ns > HEALTHY_NS)
		t->wait_ns = 0;
	t->wait_ns = t->wait_ns ? t->wait_ns * 2 : BACKOFF_NS;
	if (t->wait_ns > BACKOFF_MAX)
		t->wait_ns = BACKOFF_MAX;
	t->restart_ns = now + t->wait_ns;
	if (t->restarts++ == 0)
		log_error("the decoder %s; it is started again, connections that were open are "
			  "lost; later "
			  "restarts are only counted",
			  how);
	tap_fact(t, "decode", 2, "please report this with a recording (limpid record)",
		 "the decoder %s; restarted %llu times", how, (unsigned long long)t->restarts);
}

/* --- the hub ---------------------------------------------------------------------------------- */

static void answer_connect(struct tap *t, int err, const char *text, int fd)
{
	struct ipc_msg m = { .hub.err = err };
	uint64_t now = tap_now_ns();

	(void)snprintf(m.hub.text, sizeof(m.hub.text), "%s", text);
	if (err && !t->hub_down_ns)
		t->hub_down_ns = now;
	if (err && !t->hub_said) {
		log_warn("the hub at %s cannot be reached: %s; flows are kept and it is tried "
			 "again until "
			 "it answers",
			 t->o.hub, text);
		t->hub_said = true;
	}
	if (!err && t->hub_said)
		log_info("the hub at %s answers again after %.1f s", t->o.hub,
			 (double)(now - t->hub_down_ns) / 1e9);
	if (!err) {
		t->hub_down_ns = 0;
		t->hub_said = false;
	}
	(void)outbox_send(&t->out, IPC_HUB, &m, fd); /* not taken: decode asks again */
}

void tap_connect_end(struct tap *t)
{
	if (t->connect >= 0)
		close(t->connect);
	t->connect = -1;
}

void tap_connect_came(struct tap *t)
{
	struct ipc_msg m;
	int fd = -1, err = ipc_recv(t->connect, IPC_DECODE, &m, &fd);

	if (err == -EAGAIN)
		return;
	if (err || m.kind != IPC_HUB)
		answer_connect(t, ECHILD, "the connecting process died", -1);
	else
		answer_connect(t, m.hub.err, m.hub.text, fd);
	if (fd >= 0)
		close(fd);
	tap_connect_end(t);
}

static void connect_wanted(struct tap *t)
{
	int fds[2], err;

	if (t->connect >= 0 || !t->o.hub)
		return; /* one at a time */
	err = ipc_pair(fds);
	if (!err) {
		t->connecting = t->h.start_connect(t->h.ctx, fds[1]);
		close(fds[1]);
		t->connect = fds[0];
		err = t->connecting < 0 ? (int)t->connecting : tap_watch_fd(t, t->connect, EPOLLIN);
	}
	if (err) {
		answer_connect(t, -err, strerror(-err), -1);
		tap_connect_end(t);
	} else {
		tap_never(t, (uint32_t)t->connecting, true);
	}
}

/* --- settings --------------------------------------------------------------------------------- */

static bool same_choice(const struct policy *a, const struct policy *b)
{
	if (a->capture.mode != b->capture.mode || a->capture.hosts != b->capture.hosts ||
	    a->capture.include_new != b->capture.include_new || a->n != b->n ||
	    a->nends != b->nends || a->nprocesses != b->nprocesses)
		return false;
	if (a->nprocesses && memcmp(a->processes, b->processes, a->nprocesses * sizeof(*a->processes)) != 0)
		return false;
	return (a->n == 0 || memcmp(a->names, b->names, a->n * sizeof(*a->names)) == 0) &&
	       (a->nends == 0 || memcmp(a->ends, b->ends, a->nends * sizeof(*a->ends)) == 0);
}

static void settings_complete(struct tap *t)
{
	struct policy p = t->next;
	uint64_t body_limit = p.capture.body_limit, budget = p.capture.conn_budget;

	t->next = (struct policy){ 0 };
	if (!t->has_first) {
		t->has_first = true;
		(void)policy_copy(&t->first, &p); /* out of memory: differs from all others */
	}
	if (body_limit != t->first.capture.body_limit)
		t->keep_body_limit = false;
	if (budget != t->first.capture.conn_budget)
		t->keep_conn_budget = false;
	if (!same_choice(&p, &t->first))
		t->keep_choice = false;
	if (t->keep_body_limit || body_limit == 0)
		body_limit = t->policy.capture.body_limit;
	if (t->keep_conn_budget)
		budget = t->policy.capture.conn_budget;
	if (t->keep_choice) { /* what the command line chose; the pause is the hub's in any case */
		t->policy.capture.paused = p.capture.paused;
		policy_release(&p);
	} else {
		policy_release(&t->policy);
		t->policy = p;
	}
	t->policy.capture.body_limit = body_limit;
	t->policy.capture.conn_budget = budget;
	tap_apply_policy(t);
	tap_find_connections(t);
	/* What is captured from now on may use libraries that nobody cared for before. */
	if (tls_watch_scan(t->tls) < 0)
		log_debug("looking for TLS libraries failed");
}

static void settings_came(struct tap *t, const struct ipc_settings *s)
{
	if (s->begin) {
		policy_release(&t->next);
		t->next.capture = s->capture;
	}
	if (s->name[0] && (s->what == IPC_RULE_END     ? policy_add_end(&t->next, s->name) :
			   s->what == IPC_RULE_PROCESS ? policy_add_process(&t->next, s->name) :
							 policy_add(&t->next, s->name)) < 0)
		log_warn("'%s' of the hub's settings is left out: it means nothing here, or there "
			 "are more "
			 "than %d",
			 s->name, POLICY_NAMES);
	if (s->commit)
		settings_complete(t);
}

/* --- ipc -------------------------------------------------------------------------------------- */

static void verdict_came(const struct tap *t, const struct ipc_verdict *v)
{
	if (v->totals)
		(void)tap_bpf_totals(t->bpf, v->cookie); /* no room: asked again */
	else if (v->skip)				 /* either: the connection is gone, fine */
		(void)tap_bpf_skip(t->bpf, v->cookie, v->dir, v->plain, v->skip_to);
	else
		(void)tap_bpf_verdict(t->bpf, v->cookie, v->verdict);
}

static void message(struct tap *t, const struct ipc_msg *m)
{
	switch (m->kind) {
	case IPC_VERDICT:
		verdict_came(t, &m->verdict);
		break;
	case IPC_CONNECT:
		connect_wanted(t);
		break;
	case IPC_SETTINGS:
		settings_came(t, &m->settings);
		break;
	case IPC_WHO:
		tap_who(t, m->cgroup.cgroup_id);
		break;
	case IPC_TLS_WHO:
		tap_tls_who(t, m->tls_who.pid);
		break;
	default: /* IPC_STATS; ipc_recv lets nothing else through */
		break;
	}
}

bool tap_decode_came(struct tap *t)
{
	struct ipc_msg m;
	int fd = -1, err = 0;

	(void)outbox_flush(&t->out); /* a dead socket shows below */
	for (int i = 0; i < IPC_BATCH && t->out.sock >= 0; i++) {
		err = ipc_recv(t->out.sock, IPC_TAP, &m, &fd);
		if (err == -EAGAIN)
			return false;
		if (err)
			break;
		if (fd >= 0)
			close(fd); /* no message to tap brings one */
		message(t, &m);
	}
	if (err == -EBADMSG) {
		log_error("the decoder sent a message that it should not send; it is killed");
		tap_decode_kill(t);
	} else if (err) {
		tap_decode_forget(t); /* SIGCHLD follows */
	}
	return !err;
}
