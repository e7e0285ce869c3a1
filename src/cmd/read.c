/* SPDX-License-Identifier: Apache-2.0 */
/* limpid read: the same path as live capture, from a file, confined in the same way. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/input.h"
#include "capture/pcap.h"
#include "cmd/decode.h"
#include "cmd/replay.h"
#include "cmd/run.h"

#define PROGRESS_BYTES ((uint64_t)8 << 20) /* between two pictures of progress */
#define WAIT_MS	       60000

struct reading {
	const struct args *args;
	const struct filter *filter;
	struct sink *sink;
	struct source *source;
	uint64_t printed;
	uint64_t size, told; /* of the file, when progress is shown; else 0 */
	bool piped, closed;
};

static void flow(void *ctx, const struct flow *f)
{
	struct reading *r = ctx;

	if (r->closed || !print_wants(r->args, r->filter, f))
		return;
	r->closed = r->sink->ops->write(r->sink, f) < 0;
	if (f->state != FLOW_OPEN && ++r->printed == r->args->count)
		r->closed = true;
}

/* --- what can be wrong with the file ------------------------------------------------------------- */

static int refuse(const char *file, int err)
{
	if (err == -EBADMSG)
		log_error("%s is neither a Limpid recording nor a pcap or pcapng file", file);
	else if (err == -ENOMSG)
		log_error("%s is cut off before anything can be read of it", file);
	else if (err == -EPROTONOSUPPORT)
		log_error("%s is compressed in a way that is not read here: decompress it, and "
			  "give it with - : "
			  "COMMAND %s | limpid read -",
			  file, file);
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
		log_error("%s is cut off after %llu bytes%s (what wrote it was killed, or the disk "
			  "was "
			  "full); what "
			  "came before was read",
			  r->args->file, at,
			  input_coding(r->source->input) ? ", uncompressed" : "");
	else if (err == -EBADMSG)
		log_error("%s is damaged at byte %llu%s; what came before was read", r->args->file,
			  at,
			  input_coding(r->source->input) ? " of what is in it, uncompressed" : "");
	else
		log_error("cannot read %s: %s", r->args->file, strerror(-err));
	return 1;
}

/* --- what a capture did not hold ------------------------------------------------------------------ */

static void tell(uint64_t n, const char *what)
{
	if (n)
		log_warn("%llu %s", (unsigned long long)n, what);
}

static void tell_missing(const struct source *s)
{
	struct pcap_stats st;

	if (!source_pcap_stats(s, &st))
		return;
	tell(st.dropped, "packets were dropped while capturing, says the file");
	tell(st.tcp.lost_bytes,
	     "bytes are not in the capture though they arrived: exchanges with the flag after_gap");
	tell(st.tcp.cut_bytes,
	     "bytes were cut off packets (capture with tcpdump -s 0): flag after_gap");
	tell(st.cut, "packets were captured too short to be read at all");
	tell(st.fragments, "fragments of packets have no complement in the capture");
	tell(st.bad, "packets contradict themselves and were left out");
	if (st.unknown)
		log_warn("%llu packets have a link layer that is not known here (LINKTYPE %u) and "
			 "were left out",
			 (unsigned long long)st.unknown, st.unknown_link);
	if (st.tcp.conns == 0 && st.packets)
		log_warn("no TCP connection with data among %llu packets (%llu UDP datagrams, %llu "
			 "others)",
			 (unsigned long long)st.packets, (unsigned long long)st.datagrams,
			 (unsigned long long)st.other);
}

/* --- progress --------------------------------------------------------------------------------------- */

/* Progress is shown where nobody else writes: on a terminal whose flows go elsewhere. */
static void measure(struct reading *r, int fd)
{
	struct stat st;
	bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	r->piped = !regular;
	if (regular && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) &&
	    (uint64_t)st.st_size >= 2 * PROGRESS_BYTES)
		r->size = (uint64_t)st.st_size;
}

static void progress(struct reading *r, bool end)
{
	static const char bar[] = "########################################";
	uint64_t at = input_file_bytes(r->source->input), percent;
	struct winsize w = { 0 };
	int width;

	if (!r->size || (!end && at < r->told + PROGRESS_BYTES))
		return;
	r->told = at;
	if (at > r->size) /* it grew meanwhile */
		at = r->size;
	percent = at * 100 / r->size;
	width = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 80 ? 40 : 10;
	if (end)
		(void)fputs("\r\033[K", stderr);
	else
		(void)fprintf(stderr, "\r[%-*.*s] %3llu%% of %llu MB, %llu flows", width,
			      (int)(percent * (unsigned)width / 100), bar,
			      (unsigned long long)percent, (unsigned long long)r->size >> 20,
			      (unsigned long long)r->printed);
	(void)fflush(stderr);
}

/* --- reading ---------------------------------------------------------------------------------------- */

static int read_all(struct reading *r, struct replay *replay)
{
	int n = 0;

	while (n >= 0 && !r->closed) {
		n = replay_step(replay);
		progress(r, false);
		if (r->piped) /* somebody may be looking on */
			(void)r->sink->ops->flush(r->sink, WAIT_MS);
	}
	progress(r, true);
	if (!r->closed)
		replay_finish(replay);
	/* what cannot be written has nobody to read it */
	(void)r->sink->ops->flush(r->sink, WAIT_MS);
	if (n >= 0) /* enough was shown, or nobody reads any more */
		return 0;
	tell_missing(r->source);
	return n == -ENODATA ? 0 : give_up(r, n);
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

static int open_file(const struct args *a)
{
	int fd =
		strcmp(a->file, "-") == 0 ? dup(STDIN_FILENO) : open(a->file, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		log_error("cannot open %s: %s", a->file, strerror(errno));
		return -1;
	}
	if (!isatty(fd))
		return fd;
	log_error("%s is a terminal: give a file, or a pipe, as in tcpdump -U -w - | limpid read -",
		  a->file);
	close(fd);
	return -1;
}

static int decode(struct reading *r, int fd)
{
	struct replay *replay;
	int err = source_file_open(&r->source, fd), rc;

	if (err) {
		close(fd);
		return refuse(r->args->file, err);
	}
	replay = replay_new(r->source, print_bodies(r->args, r->filter) ? 0 : REPLAY_UNREAD, r->args->schemas, flow,
			    r);
	if (!replay)
		log_error("out of memory");
	rc = replay ? read_all(r, replay) : 1;
	replay_free(replay);
	r->source->ops->close(r->source);
	return rc;
}

int run_read(const struct args *a)
{
	struct reading r = { .args = a, .filter = run_filter(a) };
	int rc, fd = open_file(a);

	if (fd < 0)
		return 1;
	measure(&r, fd);
	r.sink = print_sink(a, STDOUT_FILENO);
	if (!r.sink) {
		log_error("out of memory");
		return 1;
	}
	r.sink->ops->be_patient(r.sink); /* a file can wait for its reader */
	/* Nothing of the file is looked at before. */
	rc = confine() < 0 ? 1 : decode(&r, fd);
	r.sink->ops->close(r.sink);
	filter_free((struct filter *)(uintptr_t)r.filter);
	return rc;
}
