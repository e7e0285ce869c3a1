/* SPDX-License-Identifier: Apache-2.0 */
/* limpid export: a worker without privileges reads flows and writes the file; its parent, who may have them, gives the file its name when
 * the worker is done. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/confine.h"
#include "cmd/decode.h"
#include "cmd/feed.h"
#include "cmd/hub_call.h"
#include "cmd/run.h"
#include "cmd/target.h"
#include "export/export.h"
#include "export/redact.h"
#include "flow/pb.h"
#include "store/pick.h"

#define DEFAULT_DB "/var/lib/limpid/limpid.db"
#define WRITE_AT   (256u << 10)
#define PROTOS	   32
#define TELL_NS	   200000000
#define HEAD_BYTES 24 /* before the records of a piece (docs/api.md) */
#define TRIES	   150
#define FLOW_MEMORY ((size_t)1 << 30)

struct exporting {
	const struct args *args;
	const struct export_ops *ops;
	struct exporter *exporter;
	const struct filter *filter;
	struct redact *redact; /* NULL: as it was said */
	int fd;
	struct buf out;
	uint64_t written, left_out, unread, kept_back, bytes, done, of;
	struct {
		char name[24];
		uint64_t n;
	} protos[PROTOS]; /* of what was left out */
	int err;	  /* of writing */
	bool stop, tells;
	int64_t told_ns;
};

/* --- writing -------------------------------------------------------------------------------------------- */

static void write_out(struct exporting *e)
{
	struct slice s = buf_slice(&e->out);

	while (s.n && !e->err) {
		ssize_t n = write(e->fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			e->err = -errno;
		else
			s = slice_cut(s, (size_t)n, s.n);
	}
	e->bytes += e->out.n;
	e->stop |= e->err != 0;
	buf_clear(&e->out);
}

static void count_left_out(struct exporting *e, const char *proto)
{
	size_t i = 0;

	e->left_out++;
	while (i < PROTOS - 1 && e->protos[i].n && strncmp(e->protos[i].name, proto, sizeof(e->protos[i].name) - 1) != 0)
		i++;
	(void)snprintf(e->protos[i].name, sizeof(e->protos[i].name), "%s", i < PROTOS - 1 ? proto : "others");
	e->protos[i].n++;
}

static void tell(struct exporting *e)
{
	struct timespec t;
	int64_t now;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	if (!e->tells || now < e->told_ns + TELL_NS)
		return;
	e->told_ns = now;
	(void)fprintf(stderr, "\r%llu flows, %llu kB", (unsigned long long)e->written,
		      (unsigned long long)(e->bytes + e->out.n) / 1000);
	if (e->of && e->done <= e->of)
		(void)fprintf(stderr, ", %llu %%", (unsigned long long)(e->done * 100 / e->of));
	(void)fprintf(stderr, "\033[K");
	(void)fflush(stderr);
}

static void one_flow(void *ctx, const struct flow *f)
{
	struct exporting *e = ctx;
	struct arena *a = NULL;
	struct flow bare;
	int r;

	if (e->stop)
		return;
	if (e->redact) {
		a = arena_new(FLOW_MEMORY);
		if (!a || redact_flow(e->redact, f, a, &bare) < 0) {
			e->kept_back++; /* rather nothing than a secret */
			arena_free(a);
			return;
		}
		f = &bare;
	}
	r = e->ops->flow(e->exporter, f, &e->out);
	if (r < 0) {
		e->err = r;
		e->stop = true;
	} else if (r == 0) {
		count_left_out(e, f->proto);
	} else {
		e->written++;
	}
	arena_free(a);
	if (e->out.n >= WRITE_AT)
		write_out(e);
	tell(e);
}

/* --- from a database -------------------------------------------------------------------------------------- */

static bool stopped(void *ctx)
{
	return ((struct exporting *)ctx)->stop;
}

static int from_store(struct exporting *e, const char *path)
{
	struct pick p = { .ops = &store_sqlite, .filter = e->filter };
	struct store_stats stats = { 0 };
	int r = store_sqlite.open_reader(&p.store, path);

	if (r == 0 && store_sqlite.stats(p.store, &stats) == 0)
		e->of = stats.rows;
	if (r == 0)
		r = pick_some(&p, one_flow, stopped, e);
	e->unread = p.unread;
	if (p.store)
		store_sqlite.close(p.store);
	if (r < 0)
		log_error("cannot read the database %s: %s", path, strerror(-r));
	return r < 0;
}

static int from_db(struct exporting *e)
{
	const char *path = e->args->db ? e->args->db : DEFAULT_DB;
	char err[300] = "";

	if (access(path, R_OK) < 0) {
		log_error("cannot read the database %s: %s%s", path, strerror(errno),
			  e->args->db ? "" : "; give --db FILE, --read FILE or --running URL");
		return 1;
	}
	if (feed_become_owner(path, err, sizeof(err)) < 0) {
		log_error("%s", err);
		return 1;
	}
	return from_store(e, path);
}

/* --- from a running hub ------------------------------------------------------------------------------------ */

static uint64_t records(struct exporting *e, struct slice in)
{
	struct rd r = rd_init(in);
	uint64_t next = rd_le64(&r);

	e->done = next;
	e->of = rd_le64(&r);
	e->unread += rd_le64(&r);
	while (rd_left(&r) > 0 && !r.short_read && !e->stop) {
		uint32_t size = rd_le32(&r);
		struct slice packed = rd_bytes(&r, size);
		struct arena *a = arena_new(((size_t)1 << 20) + 4 * packed.n);
		struct flow f;

		if (a && flow_pb_unpack(packed, a, &f) == 0)
			one_flow(e, &f);
		else
			e->unread++;
		arena_free(a);
	}
	return next;
}

static int hub_failed(const char *url, int err)
{
	log_error("%.*s: %s", (int)strcspn(url, "#"), url,
		  err == -EACCES   ? "the token is wrong: give the address that Limpid printed"
		  : err == -EPROTO ? "what answers there is no Limpid that can do this"
				   : strerror(-err));
	return 1;
}

static int from_hub(struct exporting *e)
{
	const char *url = e->args->running, *token = strstr(url, "#t=");
	struct buf answer = { 0 }, path = { 0 };
	uint64_t after = 0;
	int err = 0, tries = 0;

	do {
		buf_clear(&path);
		buf_clear(&answer);
		buf_printf(&path, "/api/export?after=%llu&f=", (unsigned long long)after);
		for (const char *p = e->args->filter; *p; p++)
			buf_printf(&path, "%%%02X", (unsigned char)*p);
		buf_put(&path, (struct slice){ (const uint8_t *)"", 1 });
		err = path.failed ? -ENOMEM
				  : hub_call(url, token + 3, "GET", (const char *)path.p, (struct slice){ 0 }, &answer);
		if (err == -EAGAIN && ++tries < TRIES) {
			(void)nanosleep(&(struct timespec){ .tv_nsec = TELL_NS }, NULL);
			continue;
		}
		if (!err && answer.n < HEAD_BYTES)
			err = -EPROTO;
		if (!err)
			after = records(e, buf_slice(&answer));
	} while ((err == -EAGAIN && tries < TRIES) || (!err && after && !e->stop));
	buf_release(&answer);
	buf_release(&path);
	return err ? hub_failed(url, err) : 0;
}

/* --- from a file -------------------------------------------------------------------------------------------- */

struct gathering {
	struct exporting *e;
	struct store *store;
	uint64_t n;
	int err;
	bool stop;
};

static void gather(void *ctx, const struct flow *f)
{
	struct gathering *g = ctx;
	uint64_t row;
	bool is_new;

	g->err = store_sqlite.put(g->store, f, (struct slice){ 0 }, &row, &is_new);
	if (g->err == -EINVAL)
		g->err = 0;
	if (!g->err && ++g->n % 1000 == 0)
		g->err = store_sqlite.commit(g->store);
	g->stop = g->err != 0;
}

/* A file tells a flow in pieces; a database of its own puts them together, on disk, so that any size will do. */
static int gather_all(struct exporting *e, const char *db)
{
	const struct store_limits none = { 0 };
	struct gathering g = { .e = e };
	char err[300] = "";
	struct feed feed;
	int rc;

	if (store_sqlite.open(&g.store, db, &none, err, sizeof(err)) < 0) {
		log_error("%s", err);
		return 1;
	}
	rc = feed_start(e->args, e->args->from, &feed);
	if (rc == 0)
		rc = feed_run(&feed, gather, &g, &g.stop);
	if (!g.err)
		g.err = store_sqlite.commit(g.store);
	if (g.err)
		log_error("cannot keep the flows of %s in %s: %s", e->args->from, db, strerror(-g.err));
	store_sqlite.close(g.store);
	return g.err ? 1 : rc;
}

static int from_file(struct exporting *e)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-lock", ".lock" };
	const char *tmp = getenv("TMPDIR");
	char dir[4000], db[4096];
	int rc;

	(void)snprintf(dir, sizeof(dir), "%s/limpid-export.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		log_error("cannot make a directory like %s: %s", dir, strerror(errno));
		return 1;
	}
	(void)snprintf(db, sizeof(db), "%s/flows.db", dir);
	rc = gather_all(e, db);
	if (from_store(e, db))
		rc = 1;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		char path[4200];

		(void)snprintf(path, sizeof(path), "%s%s", db, ends[i]);
		(void)unlink(path); /* not all of them are there */
	}
	(void)rmdir(dir);
	return rc;
}

/* --- the worker and its parent -------------------------------------------------------------------------------- */

static void summary(struct exporting *e, const char *to)
{
	const char *remark = e->ops->remark ? e->ops->remark(e->exporter) : NULL;
	struct buf b = { 0 };

	if (e->tells)
		(void)fprintf(stderr, "\r\033[K");
	for (size_t i = 0; i < PROTOS && e->protos[i].n; i++)
		buf_printf(&b, "%s%llu of %s", i ? ", " : "", (unsigned long long)e->protos[i].n, e->protos[i].name);
	log_info("%llu flows, %llu bytes to %s", (unsigned long long)e->written, (unsigned long long)e->bytes,
		 strcmp(to, "-") == 0 ? "standard output" : to);
	if (e->left_out)
		log_warn("%llu flows are left out, %s has no place for them: %.*s", (unsigned long long)e->left_out,
			 e->ops->name, (int)b.n, (const char *)b.p);
	if (e->unread)
		log_warn("%llu flows could not be read and are left out", (unsigned long long)e->unread);
	if (e->kept_back)
		log_warn("%llu flows are left out: their secrets could not be found (memory, or an expression of --redact)",
			 (unsigned long long)e->kept_back);
	if (e->redact)
		log_info("%llu secrets are hidden; --with-secrets writes what was said", (unsigned long long)redact_count(e->redact));
	if (remark)
		log_info("%s", remark);
	buf_release(&b);
}

static int worker(struct exporting *e)
{
	const struct args *a = e->args;
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	e->exporter = e->ops->open();
	if (!e->exporter) {
		log_error("out of memory");
		return 1;
	}
	e->tells = isatty(STDERR_FILENO) && !isatty(e->fd);
	if (getuid() == 0 && (a->running || a->from)) {
		struct identity who;
		char err[300];

		identity_find(&who);
		if (confine_user(&who, err, sizeof(err)) < 0) {
			log_error("%s", err);
			return 1;
		}
	}
	rc = a->running ? from_hub(e) : a->from ? from_file(e) : from_db(e);
	if (!e->err)
		e->err = e->ops->end(e->exporter, &e->out);
	write_out(e);
	if (e->err == -EPIPE)
		rc = 1; /* whoever read it has seen enough */
	else if (e->err)
		log_error("cannot write %s: %s", a->output, strerror(-e->err));
	else if (rc == 0 || e->written)
		summary(e, a->output);
	e->ops->free(e->exporter);
	buf_release(&e->out);
	return rc || e->err ? 1 : 0;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	if (!WIFEXITED(status))
		log_error("stopped; nothing was written");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int run_export(const struct args *a)
{
	struct exporting e = { .args = a, .ops = export_find(a->word) };
	char why[300] = "";
	struct target to;
	pid_t pid;
	int rc;

	if (!e.ops) {
		log_error("there is no format '%s': give har, jsonl or pcapng", a->word);
		return EXIT_USAGE;
	}
	e.filter = run_filter(a);
	rc = a->with_secrets ? 0 : redact_new(&e.redact, a->redact, a->nredact, why, sizeof(why));
	if (rc < 0) {
		log_error("--redact: %s", rc == -EINVAL ? why : "out of memory");
		return EXIT_USAGE;
	}
	/* opened before anything is given up, and before the file of that name is read */
	rc = target_open(&to, a->output);
	if (rc < 0) {
		log_error("cannot write %s: %s", a->output, strerror(-rc));
		return 1;
	}
	e.fd = to.fd;
	(void)signal(SIGINT, SIG_IGN); /* the worker ends, and its parent takes the half file away */
	(void)signal(SIGTERM, SIG_IGN);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGINT, SIG_DFL);
		(void)signal(SIGTERM, SIG_DFL);
		_exit(worker(&e));
	}
	rc = pid < 0 ? 1 : wait_for(pid);
	if (target_close(&to, rc == 0) < 0) {
		log_error("cannot write %s: %s", a->output, strerror(errno));
		rc = 1;
	}
	redact_free(e.redact);
	filter_free((struct filter *)(uintptr_t)e.filter);
	return rc;
}
