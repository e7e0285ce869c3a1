/* SPDX-License-Identifier: Apache-2.0 */
/* The other end is a scripted server on a unix socket: a real daemon cannot be made to misbehave.  The
 * real one is in tests/e2e/52-docker.sh. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "container/container.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define OK_JSON \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

struct server {
	char dir[64], path[108];
	int listening;
	int events; /* the accepted connection that carries events, or -1 */
	const char *version, *list,
		*inspect; /* whole answers; NULL: none, the connection stays open */
	const char *events_head;
	int questions;
};

struct told {
	int calls, gone;
	struct container last;
};

static void changed(void *ctx, const struct container *c, bool gone)
{
	struct told *t = ctx;

	t->calls++;
	t->gone += gone;
	t->last = *c;
}

static struct containers_engine docker(const struct containers *c)
{
	struct containers_engine e;

	containers_engine(c, CONTAINERS_DOCKER, &e);
	return e;
}

static void server_start(struct server *s)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strcpy(s->dir, "/tmp/limpid-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->path, sizeof(s->path), "%s/docker.sock", s->dir);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", s->path);
	s->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(s->listening, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->listening, 8), 0);
	s->events = -1;
}

static void server_stop(struct server *s)
{
	if (s->events >= 0)
		close(s->events);
	close(s->listening);
	unlink(s->path);
	rmdir(s->dir);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One JSON line as one chunk. */
static void say_event(const struct server *s, const char *json)
{
	char chunk[1024];

	(void)snprintf(chunk, sizeof(chunk), "%zx\r\n%s\n\r\n", strlen(json) + 1, json);
	say(s->events, chunk);
}

static void server_accept(struct server *s)
{
	char request[1024] = "";
	const char *answer;
	int fd = accept(s->listening, NULL, NULL);

	if (fd < 0)
		return;
	s->questions++;
	assert_true(recv(fd, request, sizeof(request) - 1, 0) > 0);
	assert_memory_equal(request, "GET /", 5);
	if (strncmp(request, "GET /events", 11) == 0) {
		if (s->events >= 0)
			close(s->events);
		s->events = fd;
		say(fd, s->events_head ? s->events_head : OK_JSON);
		return;
	}
	answer = strncmp(request, "GET /version", 12) == 0	     ? s->version
		 : strncmp(request, "GET /containers/json", 20) == 0 ? s->list
								     : s->inspect;
	if (answer)
		say(fd, answer);
	close(fd);
}

/* Runs both sides until the condition holds, at most five seconds. */
#define UNTIL(cond)                                                                \
	do {                                                                       \
		bool ok_ = false;                                                  \
		for (int i_ = 0; i_ < 500 && !(ok_ = (cond)); i_++) {              \
			struct pollfd p_[2] = { { s.listening, POLLIN, 0 },        \
						{ containers_fd(c), POLLIN, 0 } }; \
			poll(p_, 2, 10);                                           \
			server_accept(&s);                                         \
			containers_poll(c);                                        \
		}                                                                  \
		assert_true(ok_);                                                  \
	} while (0)

#define VERSION	    OK_JSON "16\r\n{\"Version\":\"20.10.24\"}\r\n0\r\n\r\n"
#define WEB_JSON    "[{\"Id\":\"" A "\",\"Names\":[\"/web\"],\"State\":\"running\"}]"
#define PLAIN(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body

static void starts_and_deaths_are_told_as_they_happen(void **state)
{
	struct server s = { .version = VERSION, .list = PLAIN(WEB_JSON), .inspect = PLAIN("{}") };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	server_start(&s);
	c = containers_new(s.path, "", changed, &t);
	UNTIL(t.calls == 1);
	assert_string_equal(t.last.name, "web");
	assert_int_equal(docker(c).state, CONTAINERS_OK);
	assert_string_equal(docker(c).version, "20.10.24");
	assert_null(docker(c).problem);
	say_event(&s, "{\"Type\":\"container\",\"Action\":\"create\",\"Actor\":{\"ID\":\"" B
		      "\",\"Attributes\":{\"name\":\"job\",\"image\":\"busybox\"}}}");
	UNTIL(t.calls == 2);
	assert_string_equal(t.last.name, "job");
	assert_string_equal(t.last.state, "created");
	say_event(&s, "rubbish");
	say_event(&s, "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"" B "\"}}");
	UNTIL(t.gone == 1);
	assert_string_equal(t.last.name, "job");
	assert_string_equal(containers_find_id(c, B)->name, "job"); /* the dead keep their name */
	assert_ptr_equal(containers_next(c, containers_next(c, NULL)), containers_find_id(c, B));
	assert_null(containers_next(c, containers_find_id(c, B)));
	containers_free(c);
	server_stop(&s);
}

static void a_cgroup_seen_early_gets_its_name_when_docker_says_it(void **state)
{
	struct server s = { .version = VERSION,
			    .list = PLAIN("[]"),
			    .inspect = "HTTP/1.1 404 Not Found\r\n\r\n" };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	server_start(&s);
	c = containers_new(s.path, "", changed, &t);
	UNTIL(docker(c).state == CONTAINERS_OK && s.questions >= 3);
	assert_string_equal(containers_seen(c, B, 77)->name, "fedcba987654");
	assert_true(containers_find(c, 77)->asked);
	UNTIL(s.questions >= 4); /* it asks at once who that is */
	UNTIL(t.calls >= 1);	 /* Docker does not know it: so that name it is */
	assert_false(containers_find(c, 77)->asked);
	say_event(&s, "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"" B
		      "\",\"Attributes\":{\"name\":\"job\"}}}");
	UNTIL(t.calls >= 2);
	assert_string_equal(containers_find(c, 77)->name, "job");
	assert_non_null(containers_seen(c, B, 78)); /* it was restarted: both cgroups are its */
	assert_ptr_equal(containers_find(c, 77), containers_find(c, 78));
	assert_null(containers_find(c, 79));
	containers_free(c);
	server_stop(&s);
}

static void without_docker_it_says_so_and_tries_again(void **state)
{
	struct server s = { .version = VERSION, .list = PLAIN("[]") };
	struct told t = { 0 };
	struct containers *c = containers_new("/nonexistent/docker.sock", "", changed, &t);

	(void)state;
	for (int i = 0; i < 100 && !docker(c).problem; i++) {
		struct pollfd p = { containers_fd(c), POLLIN, 0 };

		poll(&p, 1, 100);
		containers_poll(c);
	}
	assert_int_equal(docker(c).state, CONTAINERS_OFF);
	assert_string_equal(docker(c).problem,
			    "Docker does not answer at /nonexistent/docker.sock; "
			    "containers are shown by id");
	assert_string_equal(containers_seen(c, A, 5)->name, "0123456789ab");
	containers_free(c);

	server_start(&s);
	close(s.listening); /* the socket file is there, nobody listens: as after a daemon died */
	s.listening = -1;
	c = containers_new(s.path, "", changed, &t);
	UNTIL(docker(c).problem != NULL);
	unlink(s.path);
	rmdir(s.dir);
	server_start(&s);
	containers_free(c);
	c = containers_new(s.path, "", changed, &t);
	UNTIL(docker(c).state == CONTAINERS_OK);
	close(s.events); /* the daemon restarts */
	s.events = -1;
	UNTIL(docker(c).state == CONTAINERS_OFF);
	UNTIL(docker(c).state == CONTAINERS_OK);
	assert_null(docker(c).problem);
	containers_free(c);
	server_stop(&s);
}

static void what_was_removed_in_between_is_found_missing(void **state)
{
	struct server s = { .version = VERSION, .list = PLAIN(WEB_JSON), .inspect = PLAIN("{}") };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	server_start(&s);
	c = containers_new(s.path, "", changed, &t);
	UNTIL(t.calls == 1);
	s.list = PLAIN("[]");
	close(s.events);
	s.events = -1;
	UNTIL(t.gone == 1);
	assert_string_equal(t.last.state, "removed");
	containers_free(c);
	server_stop(&s);
}

static void malformed_answers_end_the_connection_and_nothing_else(void **state)
{
	static const struct server bad[] = {
		{ .version = "SSH-2.0-OpenSSH_9.2\r\n\r\n" },
		{ .version = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" },
		{ .version = PLAIN("not json") },
		{ .version = OK_JSON "5\r\nab" },
		{ .version = VERSION, .events_head = "HTTP/1.1 500 No\r\n\r\n" },
		{ .version = VERSION, .events_head = OK_JSON "zz\r\n" },
		{ .version = VERSION, .list = PLAIN("{\"message\":\"no\"}") },
		{ .version = VERSION, .list = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct server s = bad[i];
		struct told t = { 0 };
		struct containers *c;

		server_start(&s);
		c = containers_new(s.path, "", changed, &t);
		UNTIL(docker(c).problem != NULL);
		assert_non_null(strstr(docker(c).problem, "does not speak the Docker API"));
		assert_int_equal(docker(c).state, CONTAINERS_OFF);
		assert_null(docker(c).version);
		containers_free(c);
		server_stop(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_and_deaths_are_told_as_they_happen),
		cmocka_unit_test(a_cgroup_seen_early_gets_its_name_when_docker_says_it),
		cmocka_unit_test(without_docker_it_says_so_and_tries_again),
		cmocka_unit_test(what_was_removed_in_between_is_found_missing),
		cmocka_unit_test(malformed_answers_end_the_connection_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
