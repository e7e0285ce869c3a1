/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread: one epoll loop over the agents' side, commands of the web thread, and the end.  It alone
 * writes the store. */
#include "hub/hub.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/keep.h"
#include "hub/marks.h"
#include "hub/saved.h"
#include "hub/types.h"
#include "hub/web.h"

#define TICK_NS	      UINT64_C(100000000)
#define TRIM_NS	      UINT64_C(1000000000)
#define LOAD_FIRST_NS UINT64_C(500000000) /* before anybody is let in */
#define LOAD_NS	      UINT64_C(20000000)  /* between two looks at the sockets */

struct hub {
	struct hub_state st;
	const struct store_ops *ops;
	struct store *store;
	struct keep *keep;
	struct ingest *ingest;
	struct web *web;
	int epoll, signals, stop;
	uint64_t next_tick_ns, next_trim_ns;
	bool loading; /* rows load_next to load_last of a former run are still to be listed */
	uint64_t load_next, load_last, load_until_ns;
	uint64_t seen_version, seen_agents, seen_list; /* what the web thread was woken for */
	bool ending;
};

static uint64_t unix_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- commands of the web thread --------------------------------------------------------------------------- */

/* Takes what is in c. */
static void apply_capture(struct hub *h, struct capture *c)
{
	Limpid__V1__Settings settings;

	capture_settings(c, &settings);
	(void)ingest_settings(h->ingest, &settings); /* without memory: the next change */
	hub_lock(&h->st);
	capture_release(&h->st.capture);
	h->st.capture = *c;
	*c = (struct capture){ 0 };
	h->st.version++;
	hub_unlock(&h->st);
	keep_capture(h->keep);
}

static int apply_part(struct hub *h, const struct buf *part)
{
	const char *why;
	struct capture c;
	int r = capture_parse(buf_slice(part), &h->st.capture, &c,
			      &why); /* only this thread writes it */

	if (r == 0)
		apply_capture(h, &c);
	return r;
}

static int clear(struct hub *h)
{
	h->loading = false;
	return keep_clear(h->keep);
}

static int import(struct hub *h, const struct hub_command *cmd)
{
	return h->loading ? -EAGAIN /* rows are listed in their order */ : keep_import(h->keep, buf_slice(&cmd->part));
}

static int run_commands(struct hub *h)
{
	struct hub_command *cmd, *next;
	int r;

	hub_lock(&h->st);
	cmd = h->st.first;
	h->st.first = NULL;
	h->st.last = &h->st.first;
	hub_unlock(&h->st);
	for (; cmd; cmd = next) {
		next = cmd->next;
		r = 0;
		if (cmd->kind == COMMAND_CAPTURE)
			apply_capture(h, &cmd->capture);
		else if (cmd->kind == COMMAND_CAPTURE_PART)
			r = apply_part(h, &cmd->part);
		else if (cmd->kind == COMMAND_IMPORT)
			r = import(h, cmd);
		else if (cmd->kind == COMMAND_MARK)
			r = marks_apply(&h->st, h->ops, h->store, buf_slice(&cmd->part));
		else if (cmd->kind == COMMAND_SAVED)
			r = saved_apply(&h->st, h->ops, h->store, &cmd->part);
		else if (cmd->kind == COMMAND_TYPES)
			r = types_apply(&h->st, h->ops, h->store, buf_slice(&cmd->part));
		else
			r = clear(h);
		hub_lock(&h->st);
		h->st.results[cmd->ticket % HUB_RESULTS] = r;
		h->st.done = cmd->ticket;
		h->st.version++;
		hub_unlock(&h->st);
		hub_command_free(cmd);
		if (r == -EUCLEAN)
			return r;
	}
	return 0;
}

/* --- what the agents say ----------------------------------------------------------------------------------- */

static uint64_t on_hello(void *ctx, const struct ingest_agent *a)
{
	struct hub *h = ctx;

	hub_lock(&h->st);
	agents_hello(&h->st.agents, a, hub_now_ns());
	hub_unlock(&h->st);
	log_info("agent on %s connected", a->hostname && a->hostname[0] ? a->hostname : "?");
	return keep_hello(h->keep, a->id);
}

static void on_gone(void *ctx, const struct ingest_agent *a)
{
	struct hub *h = ctx;

	hub_lock(&h->st);
	agents_gone(&h->st.agents, a, hub_now_ns());
	hub_unlock(&h->st);
	if (!h->ending)
		log_info("agent on %s is gone", a->hostname && a->hostname[0] ? a->hostname : "?");
}

static void on_containers(void *ctx, const struct ingest_agent *a, const Limpid__V1__Containers *m)
{
	struct hub *h = ctx;

	hub_lock(&h->st);
	agents_containers(&h->st.agents, a, m);
	hub_unlock(&h->st);
}

static void on_health(void *ctx, const struct ingest_agent *a, const Limpid__V1__Health *m)
{
	struct hub *h = ctx;

	hub_lock(&h->st);
	agents_health(&h->st.agents, a, m, hub_now_ns());
	hub_unlock(&h->st);
}

static void on_flow(void *ctx, const struct ingest_agent *a, struct slice packed)
{
	(void)a;
	keep_flow(((struct hub *)ctx)->keep, packed);
}

static void on_batch_end(void *ctx, const struct ingest_agent *a, uint64_t seq)
{
	keep_batch_end(((struct hub *)ctx)->keep, a->id, seq);
}

static void on_stored(void *ctx, const char *agent_id, uint64_t seq)
{
	ingest_ack(((struct hub *)ctx)->ingest, agent_id, seq);
}

/* --- starting ----------------------------------------------------------------------------------------------- */

static bool load_row(void *ctx, uint64_t row, const struct flow *f)
{
	struct hub *h = ctx;

	hub_lock(&h->st);
	(void)list_put(&h->st.list, row, f); /* without memory: not shown, but stored */
	hub_unlock(&h->st);
	h->load_next = row + 1;
	return hub_now_ns() < h->load_until_ns;
}

/* Lists rows of a former run, for a while.  New flows wait until all are there, because rows are listed in their
 * order. */
static int load_some(struct hub *h, uint64_t for_ns)
{
	int r;

	h->load_until_ns = hub_now_ns() + for_ns;
	r = h->ops->scan(h->store, h->load_next, h->load_last, false, load_row, h);
	h->loading = r == 0 && hub_now_ns() >= h->load_until_ns && h->load_next <= h->load_last;
	return r;
}

static int load_begin(struct hub *h)
{
	struct store_stats *s = &h->st.store;
	uint64_t rows = h->st.o->max_rows;
	int r = h->ops->stats(h->store, s);

	if (r < 0 || s->rows == 0)
		return r;
	h->load_next = s->last_row > rows ? s->last_row - rows + 1 : 0;
	h->load_last = s->last_row;
	return load_some(h, LOAD_FIRST_NS);
}

static void load_capture(struct hub *h)
{
	struct buf b = { 0 };
	const char *why = "";

	h->st.capture = CAPTURE_DEFAULT;
	if (h->ops->get(h->store, "capture", &b) == 0 &&
	    capture_parse(buf_slice(&b), NULL, &h->st.capture, &why) < 0)
		log_warn("the stored capture settings are unusable (%s): starting with the default",
			 why);
	buf_release(&b);
}

static int open_store(struct hub *h, char *err, size_t errlen)
{
	const struct store_limits lim = { h->st.o->max_bytes, h->st.o->max_age_ns };
	int r = h->ops->open(&h->store, h->st.o->db_path, &lim, err, errlen);

	if (r == -EUCLEAN) {
		log_warn("%s", err);
		r = h->ops->open(&h->store, h->st.o->db_path, &lim, err, errlen);
	}
	if (r == 0) {
		r = load_begin(h);
		if (r < 0)
			(void)snprintf(err, errlen, "the database %s cannot be read (%s)",
				       h->st.o->db_path, strerror(-r));
	}
	return r;
}

static int open_sides(struct hub *h, char *err, size_t errlen)
{
	const struct ingest_hooks hooks = { on_hello,  on_gone, on_containers,
					    on_health, on_flow, on_batch_end,
					    h };
	const struct keep_hooks keep_hooks = { on_stored, h };
	const struct hub_options *o = h->st.o;
	Limpid__V1__Settings settings;
	int r = keep_open(&h->keep, &h->st, h->ops, h->store, &keep_hooks);

	if (r == 0)
		r = ingest_open(&h->ingest, o->grpc_addr, o->agent_token, &hooks, err, errlen);
	if (r == 0) {
		capture_settings(&h->st.capture, &settings);
		r = ingest_settings(h->ingest, &settings);
	}
	if (r == 0)
		r = web_start(&h->web, &h->st, err, errlen);
	return r;
}

static int watch(struct hub *h, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

static int open_loop(struct hub *h)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* Before the web thread begins, so that it has them blocked too. */
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	h->st.wake_main = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->epoll < 0 || h->signals < 0 || h->st.wake_main < 0)
		return -errno;
	r = watch(h, h->signals);
	if (r == 0)
		r = watch(h, h->st.wake_main);
	if (r == 0 && h->st.o->stop_fd >= 0)
		r = watch(h, h->st.o->stop_fd);
	return r;
}

/* --- running ------------------------------------------------------------------------------------------------- */

/* The web thread is woken only when there is something new: it paces itself. */
static void wake_web(struct hub *h)
{
	bool news;

	hub_lock(&h->st);
	news = h->seen_version != h->st.version ||
	       h->seen_agents != h->st.agents.version + h->st.agents.containers_version ||
	       h->seen_list != h->st.list.version;
	h->seen_version = h->st.version;
	h->seen_agents = h->st.agents.version + h->st.agents.containers_version;
	h->seen_list = h->st.list.version;
	hub_unlock(&h->st);
	if (news)
		web_wake(h->web);
}

static int trim(struct hub *h)
{
	struct store_stats s;
	int64_t n = h->ops->trim(h->store, unix_now_ns());
	int r = n < 0 ? (int)n : 0;

	if (r == 0)
		r = h->ops->stats(h->store, &s);
	if (r == 0) {
		hub_lock(&h->st);
		h->st.store = s;
		if (n > 0)
			list_drop_below(&h->st.list, s.rows ? s.first_row : UINT64_MAX);
		hub_unlock(&h->st);
	}
	return r == -EUCLEAN ? r : 0; /* any other failure shows when flows are written */
}

static int on_time(struct hub *h, uint64_t now)
{
	int r = h->loading ? load_some(h, LOAD_NS) : keep_run(h->keep, now, false);

	if (r == 0 && now >= h->next_trim_ns) {
		h->next_trim_ns = now + TRIM_NS;
		r = trim(h);
	}
	if (r == 0 && !h->loading) /* other failures show when flows are written */
		r = marks_rescue(&h->st, h->ops, h->store) == -EUCLEAN ? -EUCLEAN : 0;
	if (now >= h->next_tick_ns) {
		h->next_tick_ns = now + TICK_NS;
		ingest_tick(h->ingest, now);
	}
	return r;
}

static int wait_ms(const struct hub *h, uint64_t now)
{
	uint64_t due = h->loading ? 0 : keep_due_ns(h->keep);

	due = due < h->next_tick_ns ? due : h->next_tick_ns;
	return due <= now ? 0 : (int)((due - now + 999999) / 1000000);
}

static int run(struct hub *h)
{
	struct epoll_event ev[8];
	uint64_t count;
	int r = watch(h, ingest_fd(h->ingest));

	while (r == 0) {
		int n = epoll_wait(h->epoll, ev, 8, wait_ms(h, hub_now_ns()));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == h->signals ||
			    (h->st.o->stop_fd >= 0 && ev[i].data.fd == h->st.o->stop_fd)) {
				(void)keep_run(h->keep, hub_now_ns(), true);
				return 0;
			}
			if (ev[i].data.fd == h->st.wake_main)
				(void)!read(h->st.wake_main, &count, sizeof(count));
			else
				(void)ingest_poll(h->ingest, hub_now_ns());
		}
		r = run_commands(h);
		if (r == 0)
			r = on_time(h, hub_now_ns());
		wake_web(h);
	}
	return r;
}

static void finish(struct hub *h)
{
	h->ending = true;
	web_stop(h->web);
	ingest_close(h->ingest);
	keep_close(h->keep);
	h->ops->close(h->store);
	if (h->epoll >= 0)
		close(h->epoll);
	if (h->signals >= 0)
		close(h->signals);
	hub_state_release(&h->st);
	free(h);
}

static void ready(const struct hub_options *o, const char *line)
{
	if (o->ready_fd < 0)
		return;
	(void)!write(o->ready_fd, line,
		     strlen(line)); /* whoever waits sees the end of it otherwise */
	(void)!write(o->ready_fd, "\n", 1);
}

/* One life of the hub, until it is stopped or its database has to be opened again. */
static int live(const struct hub_options *o, bool *first, char *err, size_t errlen)
{
	struct hub *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->ops = &store_sqlite;
	h->epoll = h->signals = h->stop = -1;
	r = hub_state_init(&h->st, o);
	if (r == 0)
		r = open_store(h, err, errlen);
	if (r == 0) {
		load_capture(h);
		saved_load(&h->st, h->ops, h->store);
		types_load(&h->st, h->ops, h->store);
		r = open_loop(h);
	}
	if (r == 0)
		r = open_sides(h, err, errlen);
	if (r == 0) {
		if (*first)
			ready(o, "ok");
		*first = false;
		r = run(h);
	}
	finish(h);
	return r;
}

int hub_run(const struct hub_options *o, char *err, size_t errlen)
{
	struct hub_options with_rows = *o;
	bool first = true;
	int r;

	err[0] = '\0';
	/* What one transaction needs is not given back to the kernel before the next. */
	(void)mallopt(M_TRIM_THRESHOLD, 16 << 20);
	(void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
	if (with_rows.max_rows == 0)
		with_rows.max_rows = 1000000;
	do {
		r = live(&with_rows, &first, err, errlen);
		if (r == -EUCLEAN && !first)
			log_warn("the database is damaged: it is set aside and a new one is begun");
	} while (r == -EUCLEAN && !first);
	if (r < 0 && !err[0])
		(void)snprintf(err, errlen, "the hub cannot go on: %s", strerror(-r));
	if (r < 0 && first)
		ready(o, err);
	return r;
}
