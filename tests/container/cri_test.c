/* SPDX-License-Identifier: Apache-2.0 */
/* The other end is a scripted runtime on a unix socket: a real one cannot be made to misbehave.  The real one is in
 * tests/e2e/53-kubernetes.sh. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "container/container.h"
#include "rpc/grpc.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define D "2222222222222222222222222222222222222222222222222222222222222222"
#define C "1111111111111111111111111111111111111111111111111111111111111111"

struct bytes {
	const char *p;
	size_t n;
};
#define BYTES(s) ((struct bytes){ s, sizeof(s) - 1 })

/* A's pod is B, by label; C's is said by its sandbox alone. */
#define VERSION                    \
	BYTES("\x0a\x05"           \
	      "0.1.0\x12\x0a"      \
	      "containerd\x1a\x06" \
	      "1.6.20")
#define WEB                                                                                 \
	"\x0a\xaf\x01\x0a\x40" A "\x12\x40" B "\x1a\x05\x0a\x03web\x30\x01\x42\x20\x0a\x16" \
	"io.kubernetes.pod.name\x12\x06shop-1"
#define STRAY                                                    \
	"\x0a\x8f\x01\x0a\x40" C "\x12\x40" B "\x1a\x05\x0a\x03" \
	"odd\x30\x01\x72\x00"
#define FRESH                                                    \
	"\x0a\x8b\x01\x0a\x40" D "\x12\x40" B "\x1a\x05\x0a\x03" \
	"new"
#define POD "\x0a\x54\x0a\x40" B "\x12\x0e\x0a\x06shop-1\x1a\x04prod\x18\x00"
#define ADDRESSES                                     \
	BYTES("\x0a\x4e\x0a\x40" B "\x2a\x0a\x0a\x08" \
	      "10.1.2.3")

struct runtime {
	char dir[64], path[108];
	int listening, fd;
	struct grpc *g;
	char called[64];   /* the method of the open call, as "v1 ListContainers" */
	char asked_id[65]; /* its filter's id, or "" */
	struct bytes pods, containers,
		one;	/* answers; one: to a question about a single container */
	bool old, none; /* speaks v1alpha2; does not speak CRI */
	bool mute;	/* takes connections and says nothing */
	int questions, about_one, pod_questions;
};

static enum grpc_status on_called(void *ctx, int32_t stream, const char *path, const char *auth)
{
	struct runtime *r = ctx;
	const char *method = strrchr(path, '/');
	bool old = strncmp(path, "/runtime.v1alpha2.", 18) == 0;

	(void)stream;
	assert_null(auth);
	assert_non_null(method);
	(void)snprintf(r->called, sizeof(r->called), "%s", method + 1);
	r->asked_id[0] = '\0';
	return r->none || r->old != old ? GRPC_UNIMPLEMENTED : GRPC_OK;
}

static void on_message(void *ctx, int32_t stream, struct slice msg)
{
	struct runtime *r = ctx;

	(void)stream;
	if (msg.n >= 64)
		(void)snprintf(r->asked_id, sizeof(r->asked_id), "%.64s",
			       (const char *)msg.p + msg.n - 64);
}

static void on_ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct runtime *r = ctx;
	struct bytes b = { "", 0 };

	(void)text;
	if (st != GRPC_OK)
		return;
	r->questions++;
	if (strcmp(r->called, "Version") == 0) {
		b = VERSION;
	} else if (strcmp(r->called, "ListPodSandbox") == 0) {
		r->pod_questions++;
		b = r->asked_id[0] && strcmp(r->asked_id, B) != 0 ? b : r->pods;
	} else if (strcmp(r->called, "ListContainers") == 0) {
		r->about_one += r->asked_id[0] != '\0';
		b = r->asked_id[0] ? r->one : r->containers;
	} else if (strcmp(r->called, "PodSandboxStatus") == 0) {
		b = ADDRESSES;
	}
	assert_int_equal(
		grpc_send(r->g, stream, (struct slice){ (const uint8_t *)b.p, b.n }, false), 0);
	assert_int_equal(grpc_finish(r->g, stream, GRPC_OK, NULL), 0);
}

static void runtime_start(struct runtime *r)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strcpy(r->dir, "/tmp/limpid-test-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(r->path, sizeof(r->path), "%s/sock", r->dir);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", r->path);
	r->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(r->listening, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(r->listening, 8), 0);
	r->fd = -1;
}

static void runtime_hang_up(struct runtime *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	grpc_free(r->g);
	r->g = NULL;
}

static void runtime_stop(struct runtime *r)
{
	runtime_hang_up(r);
	close(r->listening);
	unlink(r->path);
	rmdir(r->dir);
}

static void runtime_serve(struct runtime *r)
{
	const struct grpc_hooks hooks = { on_called, on_message, on_ended, r };
	const struct grpc_options options = { .server = true };
	uint8_t piece[4096];
	ssize_t n;

	if (r->fd < 0) {
		r->fd = accept4(r->listening, NULL, NULL, SOCK_NONBLOCK);
		if (r->fd < 0)
			return;
		r->g = grpc_new(&options, &hooks);
		assert_non_null(r->g);
	}
	while ((n = recv(r->fd, piece, sizeof(piece), 0)) > 0)
		if (!r->mute)
			assert_int_equal(grpc_input(r->g, (struct slice){ piece, (size_t)n }), 0);
	if (n == 0) {
		runtime_hang_up(r);
		return;
	}
	while (!r->mute && grpc_wants_write(r->g)) {
		struct slice out = grpc_output(r->g);

		assert_int_equal(send(r->fd, out.p, out.n, MSG_NOSIGNAL), out.n);
		grpc_sent(r->g, out.n);
	}
}

struct told {
	int calls, gone;
};

static void changed(void *ctx, const struct container *c, bool gone)
{
	struct told *t = ctx;

	(void)c;
	t->calls++;
	t->gone += gone;
}

static struct containers_engine cri(const struct containers *c)
{
	struct containers_engine e;

	containers_engine(c, CONTAINERS_CRI, &e);
	return e;
}

/* Runs both sides until the condition holds, at most fifteen seconds. */
#define UNTIL(cond)                                                                \
	do {                                                                       \
		bool ok_ = false;                                                  \
		for (int i_ = 0; i_ < 15000 && !(ok_ = (cond)); i_++) {            \
			struct pollfd p_[3] = { { r.listening, POLLIN, 0 },        \
						{ r.fd, POLLIN, 0 },               \
						{ containers_fd(c), POLLIN, 0 } }; \
			poll(p_, 3, 1);                                            \
			runtime_serve(&r);                                         \
			containers_poll(c);                                        \
		}                                                                  \
		assert_true(ok_);                                                  \
	} while (0)

#define NO_DOCKER "/nonexistent/docker.sock"

static void pods_are_listed_with_names_and_addresses(void **state)
{
	struct runtime r = { .pods = BYTES(POD), .containers = BYTES(WEB) };
	struct told t = { 0 };
	struct containers *c;
	const struct container *e;

	(void)state;
	runtime_start(&r);
	c = containers_new(NO_DOCKER, r.path, changed, &t);
	UNTIL(cri(c).settled && containers_find_id(c, B) && containers_find_id(c, B)->naddrs);
	assert_int_equal(cri(c).state, CONTAINERS_OK);
	assert_string_equal(cri(c).name, "containerd");
	assert_string_equal(cri(c).version, "1.6.20");
	assert_null(cri(c).problem);
	e = containers_find_id(c, A);
	assert_non_null(e);
	assert_string_equal(e->name, "web");
	assert_string_equal(e->pod, "shop-1");
	assert_string_equal(e->state, "running");
	e = containers_find_id(c, B);
	assert_string_equal(e->name, "shop-1");
	assert_string_equal(e->namespace, "prod");
	assert_true(e->sandbox);
	assert_int_equal(e->naddrs, 1);
	/* The next list, ten seconds later, lacks the container: it was removed, and keeps its name. */
	r.containers = BYTES("");
	UNTIL(t.gone == 1);
	e = containers_find_id(c, A);
	assert_string_equal(e->state, "removed");
	assert_string_equal(e->name, "web");
	containers_free(c);
	runtime_stop(&r);
}

static void a_container_seen_first_is_asked_about(void **state)
{
	struct runtime r = { .pods = BYTES(""), .containers = BYTES(""), .one = BYTES(STRAY) };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	runtime_start(&r);
	c = containers_new(NO_DOCKER, r.path, changed, &t);
	UNTIL(cri(c).settled);
	r.pods = BYTES(POD); /* both were made after the list */
	assert_string_equal(containers_seen(c, C, 77)->name, "111111111111");
	assert_true(containers_find(c, 77)->asked);
	UNTIL(!containers_find(c, 77)->asked);
	assert_string_equal(containers_find(c, 77)->name, "odd");
	assert_string_equal(containers_find(c, 77)->pod, "shop-1"); /* of its sandbox */
	assert_string_equal(containers_find(c, 77)->namespace, "prod");
	r.containers = BYTES(FRESH); /* listed between its creation and its start */
	UNTIL(containers_find_id(c, D) != NULL);
	assert_string_equal(containers_find_id(c, D)->state, "created");
	assert_string_equal(containers_seen(c, D, 79)->state, "running");
	containers_free(c);
	runtime_stop(&r);
}

static void what_the_runtime_does_not_know_keeps_its_id(void **state)
{
	struct runtime r = { .pods = BYTES(""), .containers = BYTES(""), .one = BYTES("") };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	runtime_start(&r);
	c = containers_new(NO_DOCKER, r.path, changed, &t);
	UNTIL(cri(c).settled);
	(void)containers_seen(c, A, 77);
	assert_true(containers_find(c, 77)->asked);
	UNTIL(t.calls == 1);
	assert_false(containers_find(c, 77)->asked);
	assert_string_equal(containers_find(c, 77)->name, "0123456789ab");
	/* Its pod is not known either: it is asked about once more, and not for ever. */
	r.one = BYTES(STRAY);
	(void)containers_seen(c, C, 78);
	UNTIL(!containers_find(c, 78)->asked);
	assert_int_equal(r.about_one, 3);
	assert_string_equal(containers_find(c, 78)->name, "odd");
	assert_string_equal(containers_find(c, 78)->pod, "");
	containers_free(c);
	runtime_stop(&r);
}

static void older_runtimes_speak_v1alpha2(void **state)
{
	struct runtime r = { .pods = BYTES(POD), .containers = BYTES(WEB), .old = true };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	runtime_start(&r);
	c = containers_new(NO_DOCKER, r.path, changed, &t);
	UNTIL(cri(c).settled);
	assert_string_equal(containers_find_id(c, A)->name, "web");
	/* The runtime is started anew. */
	runtime_hang_up(&r);
	UNTIL(cri(c).state == CONTAINERS_OFF);
	assert_non_null(strstr(cri(c).problem, "containerd does not answer at"));
	r.old = false;
	UNTIL(cri(c).settled);
	assert_null(cri(c).problem);
	containers_free(c);
	runtime_stop(&r);
}

static void a_socket_that_speaks_something_else_is_named(void **state)
{
	struct runtime r = { .none = true };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	runtime_start(&r);
	c = containers_new(NO_DOCKER, r.path, changed,
			   &t); /* containerd with its CRI switched off */
	UNTIL(cri(c).problem != NULL);
	assert_non_null(strstr(cri(c).problem, "does not speak Kubernetes' CRI"));
	assert_string_equal(containers_seen(c, A, 5)->name, "0123456789ab");
	assert_false(containers_find(c, 5)->asked);
	containers_free(c);
	c = containers_new(NO_DOCKER, "/nonexistent/cri.sock", changed, &t);
	UNTIL(cri(c).problem != NULL);
	assert_string_equal(cri(c).problem, "the container runtime does not answer at "
					    "/nonexistent/cri.sock; pods are shown by id");
	containers_free(c);
	c = containers_new(NO_DOCKER, "", changed, &t); /* none is wanted */
	UNTIL(cri(c).absent);
	assert_null(cri(c).problem);
	containers_free(c);
	runtime_stop(&r);
}

static void a_runtime_that_never_answers_is_given_up(void **state)
{
	struct runtime r = { .mute = true };
	struct told t = { 0 };
	struct containers *c;

	(void)state;
	runtime_start(&r);
	c = containers_new(NO_DOCKER, r.path, changed, &t);
	UNTIL(cri(c).problem != NULL);
	assert_non_null(strstr(cri(c).problem, "timed out"));
	assert_false(cri(c).settled);
	containers_free(c);
	runtime_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_are_listed_with_names_and_addresses),
		cmocka_unit_test(a_container_seen_first_is_asked_about),
		cmocka_unit_test(what_the_runtime_does_not_know_keeps_its_id),
		cmocka_unit_test(older_runtimes_speak_v1alpha2),
		cmocka_unit_test(a_socket_that_speaks_something_else_is_named),
		cmocka_unit_test(a_runtime_that_never_answers_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
