/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings as fixtures: tests/recordings/X.rec must give the flows of X.json, byte for byte (make there). */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/notes.h"
#include "cmd/replay.h"
#include "flow/json.h"

#define DIR_NAME "tests/recordings"

static void to_json(void *ctx, const struct flow *f)
{
	static const struct flow_json_options all = { .body_max = SIZE_MAX };
	struct buf *b = ctx;

	if (f->state == FLOW_OPEN)
		return;
	flow_json(b, f, &all);
	buf_put(b, SLICE_LIT("\n"));
}

/* What the recording fd gives, as JSON lines with a NUL at the end; takes fd over. */
static int replayed(int fd, flow_fn fn, void *ctx)
{
	struct source *s = NULL;
	struct replay *r;
	int rc;

	assert_int_equal(source_file_open(&s, fd), 0);
	r = replay_new(s, 0, NULL, fn, ctx);
	assert_non_null(r);
	do {
		rc = replay_step(r);
	} while (rc > 0);
	replay_finish(r);
	assert_int_equal(replay_stats(r)->bad_events, 0);
	replay_free(r);
	s->ops->close(s);
	return rc;
}

static char *whole_file(const char *name)
{
	FILE *f = fopen(name, "re");
	size_t n;
	char *p;

	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	n = (size_t)ftell(f);
	rewind(f);
	p = calloc(1, n + 1);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, n, f), n);
	(void)fclose(f);
	return p;
}

static void compare(const char *name, size_t len)
{
	struct buf got = { 0 };
	char path[300], *want;
	int fd;

	(void)snprintf(path, sizeof(path), DIR_NAME "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(replayed(fd, to_json, &got), -ENODATA);
	buf_put(&got, (struct slice){ (const uint8_t *)"", 1 });
	(void)snprintf(path, sizeof(path), DIR_NAME "/%.*s.json", (int)len, name);
	want = whole_file(path);
	if (strcmp(want, (const char *)got.p) != 0)
		fprintf(stderr, "# %s gives:\n%.3000s\n", name, (const char *)got.p);
	assert_string_equal(want, (const char *)got.p);
	free(want);
	buf_release(&got);
}

static void each_recording_gives_its_flows(void **state)
{
	DIR *d = opendir(DIR_NAME);
	struct dirent *e;
	size_t n = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len < 5 || strcmp(e->d_name + len - 4, ".rec") != 0)
			continue;
		compare(e->d_name, len - 4);
		n++;
	}
	(void)closedir(d);
	assert_true(n >= 4);
}

/* --- names ------------------------------------------------------------------------------------------- */

#define CGROUP 4711

static void say(struct recorder *r, uint64_t ts_ns, enum ev_dir dir, const char *text)
{
	struct {
		struct ev_data d;
		char text[200];
	} ev = { .d = { .h = { .ts_ns = ts_ns, .kind = EV_DATA, .cookie = 7 },
			.dir = (uint8_t)dir } };

	ev.d.len = ev.d.ncap = (uint32_t)strlen(text);
	ev.d.h.size = (uint32_t)(sizeof(ev.d) + ev.d.ncap);
	memcpy(ev.d.data, text, ev.d.ncap);
	assert_int_equal(recorder_put(r, &ev.d.h), 0);
}

static void tell_names(struct recorder *r, uint64_t ts_ns)
{
	struct ipc_msg c = { .kind = IPC_CONTAINER }, g = { .kind = IPC_CGROUP },
		       stop = { .kind = IPC_STOP };

	memset(c.container.id, 'a', 64);
	memcpy(c.container.name, "shop_web_1", 11);
	memcpy(c.container.image, "shop/web:3", 11);
	memcpy(c.container.state, "running", 8);
	c.container.naddrs = 1;
	c.container.addrs[0][15] = 9;
	g.cgroup.cgroup_id = CGROUP;
	memcpy(g.cgroup.id, c.container.id, 65);
	assert_int_equal(notes_record(r, &c, ts_ns), 0);
	assert_int_equal(notes_record(r, &g, ts_ns + 1), 0);
	assert_int_equal(notes_record(r, &stop, ts_ns + 2), 0); /* tells no name */
}

/* One exchange at 1 s; names are told at names_ns. */
static int recording(uint64_t names_ns)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct ev_open o = { .h = { 1000000000, sizeof(o), EV_OPEN, 0, 7, 12, 12 },
			     .cgroup_id = CGROUP,
			     .side = EV_CLIENT };
	struct recorder *r;

	o.remote[15] = 9; /* the container's own address: it talks to itself */
	o.local[15] = 8;
	assert_int_equal(recorder_new(&r, fd, 0), 0);
	if (names_ns < 1000000000)
		tell_names(r, names_ns);
	assert_int_equal(recorder_put(r, &o.h), 0);
	say(r, 1000000100, EV_WRITE, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	say(r, 1000000200, EV_READ, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	if (names_ns >= 1000000000)
		tell_names(r, names_ns);
	o.h.ts_ns = 3000000000;
	o.h.cookie = 8;
	assert_int_equal(recorder_put(r, &o.h), 0); /* time goes on */
	recorder_free(r);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

struct seen {
	size_t n;
	char client[64], server[64], image[64];
};

static void see(void *ctx, const struct flow *f)
{
	const struct flow_peer *c = &f->conn->client, *s = &f->conn->server;
	struct seen *seen = ctx;

	if (f->state == FLOW_OPEN)
		return;
	seen->n++;
	(void)snprintf(seen->client, sizeof(seen->client), "%s", c->container ? c->container : "-");
	(void)snprintf(seen->server, sizeof(seen->server), "%s", s->container ? s->container : "-");
	(void)snprintf(seen->image, sizeof(seen->image), "%s", c->image ? c->image : "-");
}

static void names_are_in_the_recording(void **state)
{
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(replayed(recording(500000000), see, &s), -ENODATA);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.client, "shop_web_1");
	assert_string_equal(s.server, "shop_web_1");
	assert_string_equal(s.image, "shop/web:3");
}

/* As in the live run: a flow waits a moment for the name of a container that has just begun to exist. */
static void names_that_were_told_late_count_too(void **state)
{
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(replayed(recording(1100000000), see, &s), -ENODATA);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.client, "shop_web_1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recording_gives_its_flows),
		cmocka_unit_test(names_are_in_the_recording),
		cmocka_unit_test(names_that_were_told_late_count_too),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
