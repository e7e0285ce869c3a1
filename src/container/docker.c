/* SPDX-License-Identifier: Apache-2.0 */
/* Two connections to Docker's socket: one carries the event stream, the other one question at a time.
 * The event stream is opened before the list is asked for, so nothing falls between the two.
 * Everything is non-blocking; a timer that fires every two seconds connects again after a loss and
 * notices a question that is never answered.
 */
#include "container/docker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "container/docker_json.h"
#include "container/questions.h"
#include "container/wire.h"

#define DOCKER_SOCKET "/var/run/docker.sock"
#define PODMAN_SOCKET "/run/podman/podman.sock"
#define RETRY_NS      (2 * 1000000000ull)
#define ANSWER_NS     (10 * 1000000000ull)
#define EVENT_MAX     (1u << 20)

/* {"type":["container","network"],"event":["create",...]} */
#define EVENTS_PATH                                                                               \
	"/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%2C%22event%22%3A%" \
	"5B%22"                                                                                   \
	"create%22%2C%22start%22%2C%22die%22%2C%22died%22%2C%22destroy%22%2C%22remove%22%2C%"     \
	"22rename%22"                                                                             \
	"%2C%22pause%22%2C%22unpause%22%2C%22connect%22%2C%22disconnect%22%5D%7D"

enum question { ASK_NOTHING, ASK_VERSION, ASK_LIST, ASK_INSPECT };

struct docker {
	int ep, timer;
	char path[108];
	bool usual; /* path was not named by anybody */
	struct known *known;
	enum containers_state state;
	int err;
	char problem[300], version[64];
	struct wire events, ask;
	enum question asking;
	char asked_id[65];
	uint64_t asked_ns;
	bool need_list, listed;
	struct questions todo; /* to be inspected */
};

/* --- whom to ask --- */

static void choose_path(struct docker *c, const char *docker_socket)
{
	const char *host = getenv("DOCKER_HOST");

	if (!docker_socket && host && strncmp(host, "unix://", 7) == 0)
		docker_socket = host + 7;
	c->usual = !docker_socket;
	(void)snprintf(c->path, sizeof(c->path), "%s",
		       docker_socket ? docker_socket : DOCKER_SOCKET);
}

/* Nothing was said, and Docker is not installed: podman's socket, if it is. */
static void choose_engine(struct docker *c)
{
	bool podman = access(DOCKER_SOCKET, F_OK) < 0 && access(PODMAN_SOCKET, F_OK) == 0;

	if (c->usual)
		(void)snprintf(c->path, sizeof(c->path), "%s",
			       podman ? PODMAN_SOCKET : DOCKER_SOCKET);
}

static const char *engine(const struct docker *c)
{
	return strstr(c->path, "podman") ? "podman" : "Docker";
}

static void say_problem(struct docker *c, int err)
{
	const char *why = strerror(-err);

	if (err == -ENOENT || err == -ECONNREFUSED)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s does not answer at %s; containers are shown by id", engine(c),
			       c->path);
	else if (err == -EACCES || err == -EPERM)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s's socket %s may not be opened; containers are shown by id",
			       engine(c), c->path);
	else if (err == -EBADMSG || err == -EMSGSIZE || err == -EPIPE)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "what answers at %s does not speak the Docker API; containers are "
			       "shown by id",
			       c->path);
	else
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s at %s: %s; containers are shown by id", engine(c), c->path, why);
}

static int fail(struct docker *c, int err)
{
	wire_close(&c->events);
	wire_close(&c->ask);
	c->asking = ASK_NOTHING;
	c->need_list = c->listed = false;
	questions_clear(&c->todo);
	c->state = CONTAINERS_OFF;
	c->err = err;
	say_problem(c, err);
	known_give_up_all(c->known, CONTAINERS_DOCKER);
	return err;
}

/* --- questions -------------------------------------------------------------------------------- */

static int ask(struct docker *c, enum question q, const char *path)
{
	c->asking = q;
	c->asked_ns = known_now_ns();
	return wire_open(&c->ask, c->ep, c->path, path);
}

static int ask_next(struct docker *c)
{
	char path[128];

	if (c->asking != ASK_NOTHING)
		return 0;
	if (c->need_list) {
		c->need_list = false;
		return ask(c, ASK_LIST, "/containers/json?all=1");
	}
	if (!questions_take(&c->todo, c->asked_id))
		return 0;
	(void)snprintf(path, sizeof(path), "/containers/%s/json", c->asked_id);
	return ask(c, ASK_INSPECT, path);
}

static void inspect_later(struct docker *c, const char *id)
{
	(void)questions_put(&c->todo, id); /* too many: it keeps what the event said, its name */
}

static void listed(void *ctx, const struct container *from)
{
	struct docker *c = ctx;

	known_learn(c->known, from, CONTAINERS_DOCKER);
	if (strcmp(from->state, "running") == 0 || strcmp(from->state, "paused") == 0)
		inspect_later(c, from->id);
}

static void mark(void *ctx, const struct container *from)
{
	known_list_has(ctx, from->id);
}

/* What was removed while nobody listened. */
static void sweep(struct docker *c, struct slice json)
{
	struct known_list l = { .k = c->known, .engine = CONTAINERS_DOCKER };

	(void)docker_list(json, mark, &l); /* was read once already */
	known_list_end(&l);
}

static int answered(struct docker *c)
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
		if (!err && strcmp(engine(c), "podman") == 0) {
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
			known_learn(c->known, &one, CONTAINERS_DOCKER);
		else if (status == 404)
			known_vanished(c->known, entries_find(&c->known->entries, c->asked_id),
				       CONTAINERS_DOCKER);
		known_give_up(c->known, entries_find(&c->known->entries, c->asked_id),
			      CONTAINERS_DOCKER);
		break;
	case ASK_NOTHING:
		break;
	}
	wire_close(&c->ask);
	c->asking = ASK_NOTHING;
	return err ? err : ask_next(c);
}

/* --- events ----------------------------------------------------------------------------------- */

static void event(struct docker *c, struct slice line)
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
	known_learn(c->known, &from, CONTAINERS_DOCKER);
}

static int events_came(struct docker *c)
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

static int timer_came(struct docker *c)
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
	if (c->asking != ASK_NOTHING && known_now_ns() - c->asked_ns > ANSWER_NS)
		return fail(c, -ETIMEDOUT);
	if (c->asking == ASK_NOTHING && c->events.fd < 0)
		return fail(c, -EPIPE);
	return 0;
}

static int wire_came(struct docker *c, struct wire *w)
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

int docker_poll(struct docker *c)
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

struct docker *docker_new(const char *socket, struct known *known)
{
	struct itimerspec at_once = { .it_value.tv_nsec = 1,
				      .it_interval.tv_sec = RETRY_NS / 1000000000u };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	struct docker *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->known = known;
	c->events.fd = c->ask.fd = -1;
	choose_path(c, socket);
	c->ep = epoll_create1(EPOLL_CLOEXEC);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->ep < 0 || c->timer < 0 || timerfd_settime(c->timer, 0, &at_once, NULL) < 0 ||
	    epoll_ctl(c->ep, EPOLL_CTL_ADD, c->timer, &ev) < 0) {
		docker_free(c);
		return NULL;
	}
	return c;
}

int docker_fd(const struct docker *c)
{
	return c->ep;
}

void docker_ask(struct docker *c, struct container *e)
{
	if (c->state != CONTAINERS_OK || !questions_put(&c->todo, e->id))
		return;
	e->asked |= 1u << CONTAINERS_DOCKER;
	(void)ask_next(c); /* a failure shows at the next poll, by the timer */
}

void docker_engine(const struct docker *c, struct containers_engine *ret)
{
	*ret = (struct containers_engine){
		.name = engine(c),
		.socket = c->path,
		.version = c->state == CONTAINERS_OK ? c->version : NULL,
		.problem = c->err ? c->problem : NULL,
		.state = c->state,
		.settled = c->listed && c->asking == ASK_NOTHING && c->todo.n == 0,
		.absent = c->usual && c->err == -ENOENT,
	};
}

void docker_free(struct docker *c)
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
	questions_release(&c->todo);
	free(c);
}
