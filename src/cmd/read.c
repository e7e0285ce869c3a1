/* SPDX-License-Identifier: Apache-2.0 */
/* limpid read: the same path as live capture, from a file, confined in the same way. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/record.h"
#include "cmd/decode.h"
#include "cmd/run.h"
#include "conn/table.h"

#define TICK_NS 100000000ull

struct reading {
	const struct args *args;
	const struct filter *filter;
	struct sink *sink;
	struct conn_table *table;
	uint64_t tick_ns, printed;
	bool closed;
};

static void flow(void *ctx, const struct flow *f)
{
	struct reading *r = ctx;

	if (r->closed || !print_wants(r->args, r->filter, f))
		return;
	/* a file can wait for its reader */
	if (r->sink->ops->write(r->sink, f) == -EPIPE || r->sink->ops->flush(r->sink, 60000) < 0)
		r->closed = true;
	if (f->state != FLOW_OPEN && ++r->printed == r->args->count)
		r->closed = true;
}

/* Time is what the records say. */
static void event(void *ctx, const struct ev_hdr *ev)
{
	struct reading *r = ctx;

	(void)conn_table_event(r->table, ev); /* what is wrong with it is counted */
	if (ev->ts_ns < r->tick_ns)
		return;
	r->tick_ns = ev->ts_ns + TICK_NS;
	(void)conn_table_tick(r->table, ev->ts_ns); /* counted */
}

static int not_a_recording(const char *file)
{
	log_error("%s is not a Limpid recording, or it is cut off; pcap files cannot be read yet",
		  file);
	return 1;
}

static int open_source(const struct args *a, struct source **ret)
{
	int fd = strcmp(a->file, "-") == 0 ? STDIN_FILENO : open(a->file, O_RDONLY | O_CLOEXEC),
	    err;

	if (fd < 0) {
		log_error("cannot open %s: %s", a->file, strerror(errno));
		return 1;
	}
	err = source_file_open(ret, fd);
	if (err && fd != STDIN_FILENO)
		close(fd);
	if (err == -EBADMSG)
		return not_a_recording(a->file);
	if (err)
		log_error("cannot read %s: %s", a->file, strerror(-err));
	return err ? 1 : 0;
}

static int read_all(struct reading *r, struct source *s)
{
	int n = 0;

	while (n >= 0 && !r->closed)
		n = s->ops->poll(s, 0, event, r);
	conn_table_finish(r->table);
	(void)r->sink->ops->flush(r->sink,
				  60000); /* what cannot be written has nobody to read it */
	if (n >= 0 || n == -ENODATA)
		return 0;
	if (n == -EBADMSG)
		return not_a_recording(r->args->file);
	log_error("cannot read %s: %s", r->args->file, strerror(-n));
	return 1;
}

static int confine(void)
{
	struct identity who;
	char err[300];
	int rc;

	identity_find(&who);
	rc = confine_user(&who, err, sizeof(err));
	rc = rc ? rc : confine_decode(err, sizeof(err));
	if (rc)
		log_error("%s", err);
	return rc;
}

int run_read(const struct args *a)
{
	const struct conn_hooks hooks = { .flow = flow };
	static const uint8_t seed[16] = "limpid read file"; /* the same ids each time */
	struct reading r = { .args = a, .filter = run_filter(a) };
	struct conn_limits limits;
	struct source *s = NULL;
	int rc = open_source(a, &s);

	if (rc)
		return rc;
	conn_limits_default(&limits);
	if (a->body_limit)
		limits.msg.body_bytes = limits.msg.decoded_bytes = (size_t)a->body_limit;
	r.sink = print_sink(a, STDOUT_FILENO);
	r.table = conn_table_new(&limits, &hooks, &r, source_file_epoch_ns(s), seed);
	if (!r.sink || !r.table) {
		log_error("out of memory");
		return 1;
	}
	rc = confine() < 0 ? 1 : read_all(&r, s);
	conn_table_free(r.table);
	r.sink->ops->close(r.sink);
	s->ops->close(s);
	filter_free((struct filter *)(uintptr_t)r.filter);
	return rc;
}
