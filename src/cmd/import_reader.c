/* SPDX-License-Identifier: Apache-2.0 */
/* limpid import-reader: what the hub starts to read a file that the page was given.  Records of hub/transfer.h go to standard output,
 * complaints to standard error, and last how many flows there were. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/feed.h"
#include "cmd/run.h"
#include "flow/pb.h"

#define RECORD_MAX ((size_t)60 << 20)

struct reading {
	struct buf b;
	unsigned long long flows, too_large;
	bool stop;
};

static void put(void *ctx, const struct flow *f)
{
	struct reading *r = ctx;
	struct slice s;
	size_t n;

	buf_clear(&r->b);
	buf_put(&r->b, SLICE_LIT("\0\0\0\0"));
	if (flow_pb_pack(&r->b, f) < 0 || r->b.failed || r->b.n > RECORD_MAX) {
		r->too_large++;
		return;
	}
	n = r->b.n - 4;
	for (size_t i = 0; i < 4; i++)
		r->b.p[i] = (uint8_t)(n >> 8 * i);
	r->flows += f->state != FLOW_OPEN; /* a capture tells of it again when it ends */
	for (s = buf_slice(&r->b); s.n && !r->stop;) {
		ssize_t written = write(STDOUT_FILENO, s.p, s.n);

		if (written <= 0)
			r->stop = true; /* the hub does not want more */
		else
			s = slice_cut(s, (size_t)written, s.n);
	}
}

int run_import_reader(const struct args *a)
{
	struct reading r = { 0 };
	struct feed feed;
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	rc = feed_start(a, a->file, &feed);
	if (rc == 0)
		rc = feed_run(&feed, put, &r, &r.stop);
	if (r.too_large)
		log_error("%llu flows are larger than 60 MiB and are left out", r.too_large);
	(void)fprintf(stderr, "flows %llu\n", r.flows);
	buf_release(&r.b);
	return rc;
}
