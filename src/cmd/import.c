/* SPDX-License-Identifier: Apache-2.0 */
/* limpid import: what limpid export wrote, a browser's HAR, or a capture, into a running hub or a database. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/feed.h"
#include "cmd/hub_call.h"
#include "cmd/run.h"
#include "flow/pb.h"
#include "store/store.h"

#define DEFAULT_DB "/var/lib/limpid/limpid.db"
#define COMMIT_AT  1000
#define SEND_AT	   ((size_t)4 << 20)
#define RECORD_MAX ((size_t)60 << 20)
#define TRIES	   150
#define TELL_EVERY 1000

struct importing {
	const struct args *args;
	struct store *store; /* NULL: into a hub */
	struct buf batch;
	uint64_t writes, added, too_large;
	int err;
	bool stop, tells;
};

static void tell(struct importing *m)
{
	if (++m->writes % TELL_EVERY != 0 || !m->tells)
		return;
	(void)fprintf(stderr, "\r%llu writes of flows\033[K", (unsigned long long)m->writes);
	(void)fflush(stderr);
}

static void failed(struct importing *m, int err)
{
	m->err = err;
	m->stop = true;
}

/* --- a database ------------------------------------------------------------------------------------------- */

static int note(struct importing *m, const struct flow *f)
{
	struct arena *a = arena_new(1 << 20);
	struct flow_mark now;
	int r = a ? store_note_import(&store_sqlite, m->store, f->id, f->mark, a, &now) : -ENOMEM;

	arena_free(a);
	return r;
}

static void put(void *ctx, const struct flow *f)
{
	struct importing *m = ctx;
	bool is_new = false;
	uint64_t row;
	int r = store_sqlite.put(m->store, f, (struct slice){ 0 }, &row, &is_new);

	m->added += r == 0 && is_new;
	if (r == 0 && f->mark)
		r = note(m, f);
	if (r == 0 && m->writes % COMMIT_AT == COMMIT_AT - 1)
		r = store_sqlite.commit(m->store);
	if (r < 0 && r != -EINVAL)
		failed(m, r);
	tell(m);
}

static int open_db(struct importing *m)
{
	const char *path = m->args->db ? m->args->db : DEFAULT_DB;
	const struct store_limits none = { 0 };
	char err[400] = "";
	int r = feed_become_owner(path, err, sizeof(err));

	if (r == 0)
		r = store_sqlite.open(&m->store, path, &none, err, sizeof(err));
	if (r == 0)
		return 0;
	log_error("%s%s", err, r == -EBUSY ? "; give --running URL to import into the Limpid that runs" : "");
	return 1;
}

/* --- a hub -------------------------------------------------------------------------------------------------- */

static void send_batch(struct importing *m)
{
	const char *url = m->args->running;
	int err = -EAGAIN;

	if (m->batch.n == 0 || m->stop)
		return;
	for (int i = 0; err == -EAGAIN && i < TRIES; i++) {
		if (i)
			(void)nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
		err = hub_call(url, strstr(url, "#t=") + 3, "POST", "/api/import", buf_slice(&m->batch), NULL);
	}
	buf_clear(&m->batch);
	if (err)
		failed(m, err);
}

static void batch(void *ctx, const struct flow *f)
{
	struct importing *m = ctx;
	size_t from = m->batch.n, n;

	buf_put(&m->batch, SLICE_LIT("\0\0\0\0"));
	if (flow_pb_pack(&m->batch, f) < 0 || m->batch.failed) {
		failed(m, -ENOMEM);
		return;
	}
	n = m->batch.n - from - 4;
	for (size_t i = 0; i < 4; i++)
		m->batch.p[from + i] = (uint8_t)(n >> 8 * i);
	if (n > RECORD_MAX) {
		m->batch.n = from;
		m->too_large++;
	}
	if (from && m->batch.n > RECORD_MAX) { /* what is there first, then this one */
		struct buf last = { 0 };

		buf_put(&last, slice_cut(buf_slice(&m->batch), from, m->batch.n));
		m->batch.n = from;
		send_batch(m);
		buf_release(&m->batch);
		m->batch = last;
	}
	if (m->batch.n >= SEND_AT)
		send_batch(m);
	m->added += f->state != FLOW_OPEN; /* a capture tells of it again when it ends */
	tell(m);
}

static const char *reason(const struct importing *m)
{
	if (!m->args->running)
		return strerror(-m->err);
	return m->err == -EACCES   ? "the token is wrong: give the address that Limpid printed"
	       : m->err == -EPROTO ? "what answers there is no Limpid that can do this"
	       : m->err == -ECONNREFUSED
		       ? "no Limpid answers at that address: start it, and give the address that it prints"
	       : m->err == -EAGAIN ? "the hub cannot store it: its Health page says why"
				   : strerror(-m->err);
}

/* --- the command -------------------------------------------------------------------------------------------- */

static void finish(struct importing *m)
{
	if (m->store) {
		int r = m->err ? 0 : store_sqlite.commit(m->store);

		m->err = m->err ? m->err : r;
		store_sqlite.close(m->store);
	} else {
		send_batch(m);
	}
	buf_release(&m->batch);
}

int run_import(const struct args *a)
{
	struct importing m = { .args = a, .tells = isatty(STDERR_FILENO) };
	struct feed feed;
	int rc = feed_start(a, a->file, &feed); /* opens the file while we may */

	if (rc)
		return rc;
	if (!a->running && open_db(&m)) {
		m.stop = true;
		(void)feed_run(&feed, put, &m, &m.stop); /* ends it */
		return 1;
	}
	rc = feed_run(&feed, a->running ? batch : put, &m, &m.stop);
	finish(&m);
	if (m.tells)
		(void)fprintf(stderr, "\r\033[K");
	if (m.err) {
		log_error("cannot import %s: %s", a->file, reason(&m));
		return 1;
	}
	if (m.too_large)
		log_warn("%llu flows are larger than 60 MiB and are left out", (unsigned long long)m.too_large);
	if (rc && !m.writes)
		return rc; /* why was said */
	if (a->running)
		log_info("%llu flows of %s are in the running Limpid", (unsigned long long)m.added, a->file);
	else
		log_info("%llu flows of %s are new in %s", (unsigned long long)m.added, a->file,
			 a->db ? a->db : DEFAULT_DB);
	return rc;
}
