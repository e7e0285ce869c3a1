/* SPDX-License-Identifier: Apache-2.0 */
/* limpid read: the same path as live capture, from a file, confined in the same way. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/decode.h"
#include "cmd/replay.h"
#include "cmd/run.h"

#define PROGRESS_BYTES ((uint64_t)8 << 20) /* between two lines of progress */

struct reading {
	const struct args *args;
	const struct filter *filter;
	struct sink *sink;
	struct source *source;
	uint64_t printed;
	uint64_t size, told; /* of the file, when progress is shown; else 0 */
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

/* --- what can be wrong with the file ------------------------------------------------------------- */

static int refuse(const char *file, int err)
{
	if (err == -EBADMSG)
		log_error("%s is not a Limpid recording; pcap files cannot be read yet", file);
	else if (err == -EPROTO)
		log_error("%s was recorded by another version of Limpid, this one reads version "
			  "%d: read it "
			  "with the Limpid that recorded it",
			  file, RECORD_VERSION);
	else
		log_error("cannot read %s: %s", file, strerror(-err));
	return 1;
}

static int give_up(const struct reading *r, int err)
{
	unsigned long long at = source_file_offset(r->source);

	if (err == -ENOMSG)
		log_error("%s is cut off after %llu bytes (Limpid was killed, or the disk was "
			  "full); what "
			  "came before was read",
			  r->args->file, at);
	else if (err == -EBADMSG)
		log_error("%s is damaged at byte %llu; what came before was read", r->args->file,
			  at);
	else
		log_error("cannot read %s: %s", r->args->file, strerror(-err));
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
	return err ? refuse(a->file, err) : 0;
}

/* --- reading ---------------------------------------------------------------------------------------- */

/* Shown where nobody else writes: on a terminal whose flows go elsewhere. */
static uint64_t progress_size(const char *file)
{
	struct stat st;

	if (!isatty(STDERR_FILENO) || isatty(STDOUT_FILENO) || stat(file, &st) != 0 ||
	    !S_ISREG(st.st_mode) || (uint64_t)st.st_size < 2 * PROGRESS_BYTES)
		return 0;
	return (uint64_t)st.st_size;
}

static void progress(struct reading *r, bool end)
{
	uint64_t at = source_file_offset(r->source);

	if (!r->size || (!end && at < r->told + PROGRESS_BYTES))
		return;
	r->told = at;
	(void)fprintf(stderr, end ? "\r\033[K" : "\rread %llu of %llu MB, %llu flows",
		      (unsigned long long)at >> 20, (unsigned long long)r->size >> 20,
		      (unsigned long long)r->printed);
	(void)fflush(stderr);
}

static int read_all(struct reading *r, struct replay *replay)
{
	int n = 0;

	while (n >= 0 && !r->closed) {
		n = replay_step(replay);
		progress(r, false);
	}
	progress(r, true);
	replay_finish(replay);
	(void)r->sink->ops->flush(r->sink,
				  60000); /* what cannot be written has nobody to read it */
	return n >= 0 || n == -ENODATA ? 0 : give_up(r, n);
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
	struct reading r = { .args = a, .filter = run_filter(a) };
	struct replay *replay;
	int rc = open_source(a, &r.source);

	if (rc)
		return rc;
	r.size = progress_size(a->file);
	r.sink = print_sink(a, STDOUT_FILENO);
	replay = replay_new(r.source, (size_t)a->body_limit, flow, &r);
	if (!r.sink || !replay) {
		log_error("out of memory");
		return 1;
	}
	rc = confine() < 0 ? 1 : read_all(&r, replay);
	replay_free(replay);
	r.sink->ops->close(r.sink);
	r.source->ops->close(r.source);
	filter_free((struct filter *)(uintptr_t)r.filter);
	return rc;
}
