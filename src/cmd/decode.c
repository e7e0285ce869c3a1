/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/decode_priv.h"
#include "tap/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define MS	   1000000ull
#define SECOND	   (1000 * MS)
#define TICK_NS	   (100 * MS)
#define ACTIVE_NS  (100 * MS) /* how long after an event the ring is looked at ... */
#define ACTIVE_MS  3	      /* ... at this interval; the kernel wakes us at the first one */
#define QUEUED_MS  10	      /* while flows wait to be sent */
#define IDLE_MS	   100
#define BATCHES	   16 /* batches of records between looks at anything else */
#define OPEN_NS	   (50 * MS) /* what is over before is written once */
#define DRAIN_NS   SECOND
#define FLUSH_MS   2500
#define BODY_LIMIT (1u << 20)
#define QUEUE_BODIES 8 /* of the largest kind fit into the queue, unless --queue says otherwise ... */
#define QUEUE_MAX (128u << 20) /* ... up to this */
#define BACK_PERCENT 25 /* of a ring may wait for the hub; from 75 on the kernel leaves bodies out */

enum fds { FD_IPC = 3, FD_OUTPUT, FD_RINGS }; /* as many as there are */

static uint64_t clock_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static int64_t epoch_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail with this clock */
	return (int64_t)t.tv_sec * (int64_t)SECOND + t.tv_nsec - (int64_t)clock_ns();
}

/* --- tap ---------------------------------------------------------------------------------------- */

static void set_limits(struct decode *d, const struct ipc_capture *c)
{
	size_t max = c->body_limit ? (size_t)c->body_limit : BODY_LIMIT;

	d->limits.msg.body_bytes = max;
	if (d->limits.msg.decoded_bytes < max)
		d->limits.msg.decoded_bytes = max;
	conn_table_set_limits(d->table, &d->limits);
	if (d->to_hub && !d->o->args->queue_bytes) {
		if (max < BODY_LIMIT)
			max = BODY_LIMIT;
		collector_queue(d->sink, max < QUEUE_MAX / QUEUE_BODIES ? max * QUEUE_BODIES : QUEUE_MAX);
	}
}

static void hub_answer(struct decode *d, int err, int fd)
{
	if (!d->to_hub) {
		if (fd >= 0)
			close(fd);
		return;
	}
	(void)collector_connected(d->sink, fd >= 0 ? fd : -err); /* it asks again */
	if (fd < 0) /* tap has said that, with since when */
		(void)snprintf(d->why, sizeof(d->why), "%s", collector_stats(d->sink)->why);
}

/* After an error nothing more can be recorded: the recording ends there, and so do we. */
static void recorded(struct decode *d, int err)
{
	if (!err || err == -EINVAL) /* EINVAL: not an event; the kernel's own are checked as a file's are */
		return;
	if (!d->failed)
		log_error("the recording cannot be written: %s; it ends here", strerror(-err));
	d->failed = d->closed = d->stop = true;
}

static void message(struct decode *d, const struct ipc_msg *m, int fd)
{
	if (d->recorder)
		recorded(d, notes_record(d->recorder, m, d->now_ns));
	switch (m->kind) {
	case IPC_CONTAINER:
		(void)names_container(d->names,
				      &m->container); /* out of memory: shown by address */
		d->containers_new = true;
		break;
	case IPC_CGROUP:
		(void)names_cgroup(d->names, &m->cgroup); /* the same */
		break;
	case IPC_TLS_LIB:
		(void)names_tls_lib(d->names, &m->tls_lib); /* the same */
		break;
	case IPC_TLS_PROCESS:
		tls_use_answer(d->tls, &m->tls_process);
		break;
	case IPC_HEALTH:
		d->containers_new |= strcmp(m->health.key, "docker") == 0 ||
				     strcmp(m->health.key, "cri") == 0;
		report_fact(d, &m->health);
		break;
	case IPC_CAPTURE:
		set_limits(d, &m->capture);
		break;
	case IPC_HUB:
		hub_answer(d, m->hub.err, fd);
		break;
	case IPC_STOP:
		d->stop = true;
		break;
	default: /* ipc_recv lets nothing else through */
		break;
	}
}

static void ipc_came(struct decode *d)
{
	struct ipc_msg m;
	int fd, err;

	while ((err = ipc_recv(d->ipc, IPC_DECODE, &m, &fd)) == 0 || err == -EBADMSG) {
		if (err == 0)
			message(d, &m, fd);
	}
	if (err != -EAGAIN) /* tap is gone: nobody else would end us */
		d->stop = true;
}

/* --- the hub ------------------------------------------------------------------------------------ */

static void watch_hub(struct decode *d)
{
	int fd = collector_fd(d->sink);
	bool wants = fd >= 0 && collector_wants_write(d->sink);
	struct epoll_event ev = { .events = EPOLLIN | (wants ? EPOLLOUT : 0u), .data.fd = fd };

	if (fd != d->hub_fd) { /* the old one was closed and left the set by itself */
		if (fd >= 0) {
			(void)epoll_ctl(d->ep, EPOLL_CTL_ADD, fd, &ev);
			d->containers_new = true;
			report_health(d);
		}
	} else if (fd >= 0 && wants != d->hub_out) {
		(void)epoll_ctl(d->ep, EPOLL_CTL_MOD, fd, &ev);
	}
	d->hub_fd = fd;
	d->hub_out = wants;
}

static void complain(struct decode *d)
{
	const struct collector_stats *s = collector_stats(d->sink);

	if (strcmp(s->why, d->why) == 0)
		return;
	(void)snprintf(d->why, sizeof(d->why), "%s", s->why);
	if (d->why[0])
		log_warn("hub: %s; flows are kept and it is tried again", d->why);
}

static void serve_hub(struct decode *d)
{
	collector_tick(d->sink, d->now_ns);
	if (d->connect_ns && d->now_ns >= d->connect_ns) {
		int err = ipc_send(d->ipc, IPC_CONNECT, NULL, -1);

		d->connect_ns = err == -EAGAIN ? d->now_ns + TICK_NS : 0;
	}
	if (d->containers_new)
		report_containers(d);
	watch_hub(d);
	complain(d);
}

/* --- the loop ----------------------------------------------------------------------------------- */

/* While recording nobody needs names yet: they are asked for, so that the answers are recorded. */
static void ask_name(const struct decode *d, uint64_t cgroup_id)
{
	struct ipc_msg who = { .cgroup.cgroup_id = cgroup_id };
	struct conn_names names;

	if (cgroup_id && names_by_cgroup(d->names, cgroup_id, &names) == NAMES_UNKNOWN)
		(void)ipc_send(d->ipc, IPC_WHO, &who, -1); /* not taken: read without names */
}

static void event(void *ctx, const struct ev_hdr *ev)
{
	struct decode *d = ctx;

	if (!d->recorder) {
		(void)conn_table_event(d->table, ev); /* what is wrong with it is counted */
		return;
	}
	if (ev->kind == EV_OPEN) {
		ask_name(d, ((const struct ev_open *)ev)->cgroup_id);
		ask_name(d, ((const struct ev_open *)ev)->peer_cgroup_id);
	}
	recorded(d, recorder_put(d->recorder, ev));
}

/* A hub that is slower than what comes for a moment: the rings have memory for that, the queue less. */
static bool hub_is_behind(const struct decode *d)
{
	return d->to_hub && !d->stop && collector_crowded(d->sink) && d->source->ops->filled(d->source) < BACK_PERCENT;
}

/* Rings that are not read for now must not wake us all the time. */
static void hold_back(struct decode *d, bool on)
{
	struct epoll_event ev = { .events = on ? 0 : EPOLLIN, .data.fd = d->source->ops->fd(d->source) };

	if (d->held_back != on && epoll_ctl(d->ep, EPOLL_CTL_MOD, ev.data.fd, &ev) == 0)
		d->held_back = on;
}

static bool read_ring(struct decode *d)
{
	for (int i = 0; i < BATCHES; i++) {
		if (hub_is_behind(d))
			return false;
		if (d->source->ops->poll(d->source, 0, event, d) <= 0)
			return i > 0;
		d->now_ns = clock_ns();
	}
	return true;
}

static int wait_ms(const struct decode *d, uint64_t active_ns)
{
	if (d->now_ns < active_ns)
		return ACTIVE_MS;
	if (hold_waits(d->hold) || (d->to_hub && collector_stats(d->sink)->queue_bytes))
		return QUEUED_MS;
	return IDLE_MS;
}

static void timers(struct decode *d, uint64_t *tick_ns, uint64_t *second_ns)
{
	if (d->now_ns >= *tick_ns) {
		*tick_ns = d->now_ns + TICK_NS;
		(void)conn_table_tick(d->table, d->now_ns); /* counted */
	}
	hold_tick(d->hold, d->now_ns);
	if (d->to_hub)
		serve_hub(d);
	else if (d->sink && d->sink->ops->flush(d->sink, 0) == -EPIPE)
		d->closed = d->stop = true;
	if (d->now_ns < *second_ns)
		return;
	*second_ns = d->now_ns + SECOND;
	if (d->to_hub)
		report_health(d);
	else
		report_status(d);
	if (d->recorder) /* what was captured survives a kill */
		recorded(d, recorder_flush(d->recorder));
}

static void note_left(const struct decode *d)
{
	struct decode_left *left = d->o->left;

	if (!left)
		return;
	left->exchanges = conn_table_stats(d->table)->exchanges;
	left->waiting = d->to_hub ? collector_stats(d->sink)->waiting : 0;
}

/* Of the one before, if it did not come to its end. */
static void count_left(const struct decode *d)
{
	struct decode_left *left = d->o->left;

	if (!left)
		return;
	left->lost += left->exchanges + left->waiting;
	left->exchanges = left->waiting = 0;
}

static void loop(struct decode *d)
{
	uint64_t tick_ns = 0, second_ns = 0, active_ns = 0;
	int wait = 0;

	while (!d->stop) {
		struct epoll_event evs[8];
		int n = epoll_wait(d->ep, evs, 8, wait);
		bool busy;

		d->now_ns = clock_ns();
		for (int i = 0; i < n; i++) {
			if (evs[i].data.fd == d->ipc)
				ipc_came(d);
			else if (d->to_hub && evs[i].data.fd == d->hub_fd)
				(void)collector_io(d->sink,
						   d->now_ns); /* it wants another one then */
		}
		busy = read_ring(d);
		if (busy)
			active_ns = d->now_ns + ACTIVE_NS;
		timers(d, &tick_ns, &second_ns);
		note_left(d);
		hold_back(d, !busy && hub_is_behind(d));
		wait = busy ? 0 : wait_ms(d, active_ns);
	}
}

/* What was captured before the stop still becomes flows. */
static void finish(struct decode *d)
{
	uint64_t until = clock_ns() + DRAIN_NS;

	while (!d->closed && clock_ns() < until && read_ring(d))
		;
	conn_table_finish(d->table);
	hold_tick(d->hold, UINT64_MAX);
	if (d->sink && !d->to_hub && !d->o->args->json)
		sink_text_status(d->sink, NULL);
	if (d->sink && d->sink->ops->flush(d->sink, FLUSH_MS) < 0 && d->to_hub)
		log_warn("stopped with flows that the hub has not acknowledged");
	if (!d->to_hub && !d->recorder)
		report_end(d);
	if (d->recorder)
		recorded(d, recorder_flush(d->recorder));
	recorder_free(d->recorder);
	if (d->dropped)
		log_warn("%llu flows were not written: the output was too slow",
			 (unsigned long long)d->dropped);
}

/* --- start --------------------------------------------------------------------------------------- */

/* Afterwards: 0 is /dev/null, 1 and 2 as before, ipc, the output, the rings; nothing else. */
static int keep_fds(int ipc, int output, const int *rings, unsigned n)
{
	int to[3 + EV_RINGS_MAX] = { STDIN_FILENO, FD_IPC, FD_OUTPUT };
	int from[3 + EV_RINGS_MAX] = { open("/dev/null", O_RDONLY | O_CLOEXEC) };

	/* out of each other's way first */
	from[1] = fcntl(ipc, F_DUPFD_CLOEXEC, 64);
	from[2] = fcntl(output >= 0 ? output : from[0], F_DUPFD_CLOEXEC, 64);
	for (unsigned i = 0; i < n; i++) {
		from[3 + i] = fcntl(rings[i], F_DUPFD_CLOEXEC, 64);
		to[3 + i] = FD_RINGS + (int)i;
	}
	for (size_t i = 0; i < 3 + n; i++) {
		if (from[i] < 0)
			return -errno;
		if (from[i] == to[i]) /* only the first can be: standard input was closed */
			continue;
		if (dup3(from[i], to[i], O_CLOEXEC) < 0)
			return -errno;
	}
	return close_range(FD_RINGS + n, ~0u, 0) < 0 ? -errno : 0;
}

static int open_rings(struct source **ret, unsigned n)
{
	int fds[EV_RINGS_MAX], err;

	for (unsigned i = 0; i < n; i++)
		fds[i] = FD_RINGS + (int)i;
	err = source_live_open(ret, fds, n);
	if (!err)
		(void)close_range(FD_RINGS, FD_RINGS + n - 1, 0); /* they are mapped */
	return err;
}

static int watch(const struct decode *d, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return fd >= 0 && epoll_ctl(d->ep, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int set_up(struct decode *d)
{
	uint8_t seed[16];

	d->names = names_new();
	d->tls = tls_use_new();
	d->facts = calloc(DECODE_FACTS, sizeof(*d->facts));
	d->hold = d->names ? hold_new(d->names, decode_out, d) : NULL;
	conn_limits_default(&d->limits);
	d->limits.open_ns = OPEN_NS;
	d->limits.msg.schemas = d->o->args->schemas ? d->o->args->schemas : args_schemas_new();
	if (d->o->to == DECODE_RECORD) {
		int err = recorder_new(&d->recorder, FD_OUTPUT, epoch_ns());

		if (err)
			recorded(d, err);
		if (err)
			return err;
	} else {
		d->sink = d->to_hub ? report_collector(d) : print_sink(d->o->args, FD_OUTPUT);
	}
	if (!d->facts || !d->tls || !d->hold || !(d->sink || d->recorder) ||
	    getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -ENOMEM;
	d->table = conn_table_new(&d->limits, &decode_hooks, d, epoch_ns(), seed);
	if (!d->table)
		return -ENOMEM;
	set_limits(d, &(struct ipc_capture){ .body_limit = d->o->args->body_limit });
	d->ep = epoll_create1(EPOLL_CLOEXEC);
	if (d->ep < 0 || watch(d, d->ipc) < 0 || watch(d, d->source->ops->fd(d->source)) < 0)
		return -errno;
	return 0;
}

static void ignore_signals(void)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	sigset_t none;

	/* tap tells when to stop; Ctrl-C reaches the whole group and would cut the last flows off */
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		(void)signal(ours[i], SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int confine(const struct decode_options *o)
{
	char err[300];
	int rc = confine_user(&o->who, err, sizeof(err));

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* losing the ipc socket ends us as well */
	rc = rc ? rc : confine_decode(err, sizeof(err));
	if (rc)
		log_error("%s", err);
	return rc;
}

int decode_main(const struct decode_options *o, int ipc, const int *rings, unsigned nrings)
{
	struct decode d = { .o = o, .ipc = FD_IPC, .hub_fd = -1, .to_hub = o->to == DECODE_HUB };
	int err;

	log_setup("decode", o->args->level);
	(void)prctl(PR_SET_NAME, "limpid-decode", 0, 0, 0);
	ignore_signals();
	confine_heap();
	err = keep_fds(ipc, o->output, rings, nrings);
	err = err ? err : open_rings(&d.source, nrings);
	if (err) {
		log_error("cannot open the rings: %s", strerror(-err));
		return 1;
	}
	err = set_up(&d);
	if (d.failed)
		return TAP_DECODE_FAILED;
	if (err) {
		log_error("cannot start: %s", strerror(-err));
		return err == -ENOMEM ? 3 : 1;
	}
	if (confine(o) < 0)
		return 1;
	count_left(&d);
	loop(&d);
	finish(&d);
	return d.failed ? TAP_DECODE_FAILED : 0;
}
