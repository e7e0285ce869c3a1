/* SPDX-License-Identifier: Apache-2.0 */
/* Two connections to Docker's socket: one carries the event stream, the other one question at a time.
 * The event stream is opened before the list is asked for, so nothing falls between the two.
 * Everything is non-blocking; a timer that fires every two seconds connects again after a loss and
 * notices a question that is never answered.
 */
#include "container/container.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "container/docker_json.h"
#include "container/entries.h"
#include "container/wire.h"

#define DOCKER_SOCKET "/var/run/docker.sock"
#define PODMAN_SOCKET "/run/podman/podman.sock"
#define RETRY_NS      (2 * 1000000000ull)
#define ANSWER_NS     (10 * 1000000000ull)
#define EVENT_MAX     (1u << 20)
#define ASK_MAX	      4096

/* {"type":["container","network"],"event":["create",...]} */
#define EVENTS_PATH                                                                               \
	"/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%2C%22event%22%3A%" \
	"5B%22"                                                                                   \
	"create%22%2C%22start%22%2C%22die%22%2C%22died%22%2C%22destroy%22%2C%22remove%22%2C%"     \
	"22rename%22"                                                                             \
	"%2C%22pause%22%2C%22unpause%22%2C%22connect%22%2C%22disconnect%22%5D%7D"

enum question { ASK_NOTHING, ASK_VERSION, ASK_LIST, ASK_INSPECT };

struct containers {
	int ep, timer;
	char path[108];
	bool usual; /* path was not named by anybody */
	container_fn changed;
	void *ctx;
	enum containers_state state;
	int err;
	char problem[300], version[64];
	struct wire events, ask;
	enum question asking;
	char asked_id[65];
	uint64_t asked_ns;
	bool need_list, listed;
	char (*todo)[65]; /* to be inspected */
	size_t ntodo, todo_cap;
	struct entries known;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- whom to ask --- */

static void choose_path(struct containers *c, const char *docker_socket)
{
	const char *host = getenv("DOCKER_HOST");

	if (!docker_socket && host && strncmp(host, "unix://", 7) == 0)
		docker_socket = host + 7;
	c->usual = !docker_socket;
	(void)snprintf(c->path, sizeof(c->path), "%s",
		       docker_socket ? docker_socket : DOCKER_SOCKET);
}

/* Nothing was said, and Docker is not installed: podman's socket, if it is. */
static void choose_engine(struct containers *c)
{
	bool podman = access(DOCKER_SOCKET, F_OK) < 0 && access(PODMAN_SOCKET, F_OK) == 0;

	if (c->usual)
		(void)snprintf(c->path, sizeof(c->path), "%s",
			       podman ? PODMAN_SOCKET : DOCKER_SOCKET);
}

const char *containers_engine(const struct containers *c)
{
	return strstr(c->path, "podman") ? "podman" : "Docker";
}

static void say_problem(struct containers *c, int err)
{
	const char *why = strerror(-err);

	if (err == -ENOENT || err == -ECONNREFUSED)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s does not answer at %s; containers are shown by id",
			       containers_engine(c), c->path);
	else if (err == -EACCES || err == -EPERM)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s's socket %s may not be opened; containers are shown by id",
			       containers_engine(c), c->path);
	else if (err == -EBADMSG || err == -EMSGSIZE || err == -EPIPE)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "what answers at %s does not speak the Docker API; containers are "
			       "shown by id",
			       c->path);
	else
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s at %s: %s; containers are shown by id", containers_engine(c),
			       c->path, why);
}

/* There is no better name. */
static void give_up(struct containers *c, struct container *e)
{
	if (!e || !e->asked)
		return;
	e->asked = false;
	c->changed(c->ctx, e, e->gone_ns != 0);
}

static int fail(struct containers *c, int err)
{
	wire_close(&c->events);
	wire_close(&c->ask);
	c->asking = ASK_NOTHING;
	c->need_list = c->listed = false;
	c->ntodo = 0;
	c->state = CONTAINERS_OFF;
	c->err = err;
	say_problem(c, err);
	for (size_t i = 0; i < c->known.n; i++)
		give_up(c, c->known.list[i]);
	return err;
}

/* --- questions -------------------------------------------------------------------------------- */

static int ask(struct containers *c, enum question q, const char *path)
{
	c->asking = q;
	c->asked_ns = now_ns();
	return wire_open(&c->ask, c->ep, c->path, path);
}

static int ask_next(struct containers *c)
{
	char path[128];

	if (c->asking != ASK_NOTHING)
		return 0;
	if (c->need_list) {
		c->need_list = false;
		return ask(c, ASK_LIST, "/containers/json?all=1");
	}
	if (c->ntodo == 0)
		return 0;
	memcpy(c->asked_id, c->todo[0], sizeof(c->asked_id));
	memmove(c->todo, c->todo + 1, --c->ntodo * sizeof(*c->todo));
	(void)snprintf(path, sizeof(path), "/containers/%s/json", c->asked_id);
	return ask(c, ASK_INSPECT, path);
}

static void inspect_later(struct containers *c, const char *id)
{
	for (size_t i = 0; i < c->ntodo; i++)
		if (strcmp(c->todo[i], id) == 0)
			return;
	if (c->ntodo == c->todo_cap) {
		size_t cap = c->todo_cap ? c->todo_cap * 2 : 16;
		void *p = cap <= ASK_MAX ? realloc(c->todo, cap * sizeof(*c->todo)) : NULL;

		if (!p)
			return; /* it keeps what the event said: its name */
		c->todo = p;
		c->todo_cap = cap;
	}
	(void)snprintf(c->todo[c->ntodo++], sizeof(*c->todo), "%s", id);
}

static bool alive(const char *state)
{
	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
	       strcmp(state, "restarting") == 0 || strcmp(state, "created") == 0;
}

/* Merges what Docker said about one container and tells when something is new. */
static void learn(struct containers *c, const struct container *from)
{
	bool fresh = !entries_find(&c->known, from->id), changed;
	struct container *e = entries_get(&c->known, from->id);
	uint64_t cgroup_id = 0;
	char id[65];

	if (!e)
		return;
	changed = entries_update(e, from) || fresh || e->asked;
	e->asked = false;
	if (from->state[0] && alive(from->state) && (e->gone_ns || !e->started_ns)) {
		e->gone_ns = 0;
		e->started_ns = now_ns();
		changed = true;
	} else if (from->state[0] && !alive(from->state) && !e->gone_ns) {
		e->gone_ns = now_ns();
		e->pid = 0;
		changed = true;
	}
	if (from->pid && container_of_pid(from->pid, id, &cgroup_id) == 0 && cgroup_id &&
	    cgroup_id != e->cgroup_id)
		changed |= entries_set_cgroup(&c->known, e, cgroup_id) == 0;
	if (changed)
		c->changed(c->ctx, e, e->gone_ns != 0);
}

static void listed(void *ctx, const struct container *from)
{
	struct containers *c = ctx;

	learn(c, from);
	if (strcmp(from->state, "running") == 0 || strcmp(from->state, "paused") == 0)
		inspect_later(c, from->id);
}

struct listed_ids {
	struct containers *c;
	struct map seen; /* entries that the list named */
};

static void mark(void *ctx, const struct container *from)
{
	struct listed_ids *l = ctx;
	struct container *e = entries_find(&l->c->known, from->id);

	if (e)
		(void)map_put(&l->seen, (uint64_t)(uintptr_t)e,
			      e); /* out of memory: said to be gone, asked again */
}

/* Docker does not know it any more.  One that it never knew (no state) is another runtime's. */
static void vanished(struct containers *c, struct container *e)
{
	if (!e || e->gone_ns || !e->state[0])
		return;
	(void)snprintf(e->state, sizeof(e->state), "removed");
	e->gone_ns = now_ns();
	e->pid = 0;
	c->changed(c->ctx, e, true);
}

/* What was removed while nobody listened. */
static void sweep(struct containers *c, struct slice json)
{
	struct listed_ids l = { .c = c };

	(void)docker_list(json, mark, &l); /* was read once already */
	for (size_t i = 0; i < c->known.n; i++)
		if (!map_find(&l.seen, (uint64_t)(uintptr_t)c->known.list[i]))
			vanished(c, c->known.list[i]);
	map_release(&l.seen);
}

static int answered(struct containers *c)
{
	struct slice body = buf_slice(&c->ask.answer.body);
	unsigned status = c->ask.answer.status;
	struct container one;
	int err = 0;

	switch (c->asking) {
	case ASK_VERSION:
		err = status == 200 ? docker_version(body, c->version, sizeof(c->version))
				    : -EBADMSG;
		if (!err)
			err = wire_open(&c->events, c->ep, c->path, EVENTS_PATH);
		if (!err && strcmp(containers_engine(c), "podman") == 0) {
			c->need_list = true; /* it says nothing at all before the first event */
			c->state = CONTAINERS_OK;
			c->err = 0;
		}
		break;
	case ASK_LIST:
		err = status == 200 ? docker_list(body, listed, c) : -EBADMSG;
		if (err >= 0) {
			err = 0;
			c->listed = true;
			sweep(c, body);
		}
		break;
	case ASK_INSPECT:
		if (status == 200 && docker_inspect(body, &one) == 0)
			learn(c, &one);
		else if (status == 404)
			vanished(c, entries_find(&c->known, c->asked_id));
		give_up(c, entries_find(&c->known, c->asked_id));
		break;
	case ASK_NOTHING:
		break;
	}
	wire_close(&c->ask);
	c->asking = ASK_NOTHING;
	return err ? err : ask_next(c);
}

/* --- events ----------------------------------------------------------------------------------- */

static void event(struct containers *c, struct slice line)
{
	enum docker_action action;
	struct container from;

	if (docker_event(line, &action, &from) < 0)
		return; /* one unreadable event must not end the stream */
	switch (action) {
	case DOCKER_OTHER:
		return;
	case DOCKER_CREATE:
		(void)snprintf(from.state, sizeof(from.state), "created");
		break;
	case DOCKER_START:
		(void)snprintf(from.state, sizeof(from.state), "running");
		inspect_later(c, from.id);
		break;
	case DOCKER_LOOK:
		inspect_later(c, from.id);
		from.name[0] = 0; /* of a rename: the old one */
		break;
	case DOCKER_DIE:
		(void)snprintf(from.state, sizeof(from.state), "exited");
		inspect_later(c, from.id); /* an answer on its way may still say "running" */
		break;
	case DOCKER_DESTROY:
		(void)snprintf(from.state, sizeof(from.state), "removed");
		break;
	}
	learn(c, &from);
}

static int events_came(struct containers *c)
{
	struct answer *a = &c->events.answer;
	size_t end;

	if (a->status && a->status != 200)
		return -EBADMSG;
	if (a->status && c->state == CONTAINERS_CONNECTING && c->asking == ASK_NOTHING) {
		c->need_list = true;
		c->state = CONTAINERS_OK; /* the list is on its way */
		c->err = 0;
	}
	while ((end = slice_find(buf_slice(&a->body), SLICE_LIT("\n"), 0)) < a->body.n) {
		event(c, slice_cut(buf_slice(&a->body), 0, end));
		buf_drop(&a->body, end + 1);
	}
	if (a->body.n > EVENT_MAX)
		return -EMSGSIZE;
	return ask_next(c);
}

/* --- the loop --------------------------------------------------------------------------------- */

static int timer_came(struct containers *c)
{
	uint64_t n;
	int err;

	(void)!read(c->timer, &n, sizeof(n)); /* only empties it */
	if (c->state == CONTAINERS_OFF) {
		choose_engine(c);
		c->state = CONTAINERS_CONNECTING;
		err = ask(c, ASK_VERSION, "/version");
		return err ? fail(c, err) : 0;
	}
	if (c->asking != ASK_NOTHING && now_ns() - c->asked_ns > ANSWER_NS)
		return fail(c, -ETIMEDOUT);
	if (c->asking == ASK_NOTHING && c->events.fd < 0)
		return fail(c, -EPIPE);
	return 0;
}

static int wire_came(struct containers *c, struct wire *w)
{
	int err = wire_write(w), closed = err ? err : wire_read(w);

	if (closed < 0)
		return fail(c, closed);
	if (w == &c->events) {
		err = events_came(c);
		if (!err && (closed || w->answer.done))
			err = -ECONNREFUSED; /* the daemon stopped */
	} else if (closed && answer_end(&w->answer) < 0) {
		err = -EPIPE;
	} else if (w->answer.done) {
		err = answered(c);
	}
	return err ? fail(c, err) : 0;
}

int containers_poll(struct containers *c)
{
	struct epoll_event evs[8];
	int n = epoll_wait(c->ep, evs, 8, 0);

	for (int i = 0; i < n; i++) {
		struct wire *w = evs[i].data.ptr;

		if (!w)
			(void)timer_came(c); /* the error stays in c->err */
		else if (w->fd >= 0)	     /* not closed by an event before it */
			(void)wire_came(c, w);
	}
	return c->err;
}

struct containers *containers_new(const char *docker_socket, container_fn changed, void *ctx)
{
	struct itimerspec at_once = { .it_value.tv_nsec = 1,
				      .it_interval.tv_sec = RETRY_NS / 1000000000u };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	struct containers *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->changed = changed;
	c->ctx = ctx;
	c->events.fd = c->ask.fd = -1;
	choose_path(c, docker_socket);
	c->ep = epoll_create1(EPOLL_CLOEXEC);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->ep < 0 || c->timer < 0 || timerfd_settime(c->timer, 0, &at_once, NULL) < 0 ||
	    epoll_ctl(c->ep, EPOLL_CTL_ADD, c->timer, &ev) < 0) {
		containers_free(c);
		return NULL;
	}
	return c;
}

int containers_fd(const struct containers *c)
{
	return c->ep;
}

enum containers_state containers_state(const struct containers *c)
{
	return c->state;
}

bool containers_settled(const struct containers *c)
{
	return c->listed && c->asking == ASK_NOTHING && c->ntodo == 0;
}

const char *containers_problem(const struct containers *c)
{
	return c->err ? c->problem : NULL;
}

const char *containers_version(const struct containers *c)
{
	return c->state == CONTAINERS_OK ? c->version : NULL;
}

const struct container *containers_find(const struct containers *c, uint64_t cgroup_id)
{
	return entries_find_cgroup(&c->known, cgroup_id);
}

const struct container *containers_find_id(const struct containers *c, const char *id)
{
	return entries_find(&c->known, id);
}

const struct container *containers_next(const struct containers *c, const struct container *prev)
{
	size_t i = 0;

	while (prev && i < c->known.n && c->known.list[i++] != prev)
		;
	return i < c->known.n ? c->known.list[i] : NULL;
}

const struct container *containers_seen(struct containers *c, const char *id, uint64_t cgroup_id)
{
	struct container *e = entries_get(&c->known, id);
	char unused[65];

	if (e && !e->state[0] && e->gone_ns) { /* a name may come again */
		e->gone_ns = 0;
		e->started_ns = now_ns();
	}
	if (!e || entries_set_cgroup(&c->known, e, cgroup_id) < 0)
		return NULL;
	if (!e->name[0]) {
		bool hex = container_id_in_path(id, unused) == 0;

		(void)snprintf(e->name, sizeof(e->name), "%.*s", hex ? 12 : 64, id);
		e->started_ns = now_ns();
		if (c->state == CONTAINERS_OK && hex) {
			inspect_later(c, id);
			e->asked = true;
			(void)ask_next(c); /* a failure shows at the next poll, by the timer */
		}
	}
	return e;
}

void containers_sweep(struct containers *c)
{
	char unused[65];

	for (size_t i = 0; i < c->known.n; i++) {
		struct container *e = c->known.list[i];

		if (e->state[0] || e->gone_ns || !e->cgroup_id ||
		    container_of_cgroup(e->cgroup_id, true, unused) != -ESTALE)
			continue;
		e->gone_ns = now_ns();
		c->changed(c->ctx, e, true);
	}
}

void containers_free(struct containers *c)
{
	if (!c)
		return;
	wire_close(&c->events);
	wire_close(&c->ask);
	answer_release(&c->events.answer);
	answer_release(&c->ask.answer);
	if (c->timer >= 0)
		close(c->timer);
	if (c->ep >= 0)
		close(c->ep);
	entries_release(&c->known);
	free(c->todo);
	free(c);
}
