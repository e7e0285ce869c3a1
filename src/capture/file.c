/* SPDX-License-Identifier: Apache-2.0 */
/* A recording comes from anywhere: every length is checked before it is believed, and an event is delivered
 * only whole and in agreement with itself. */
#include "capture/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/input.h"

#define BATCH 1024 /* events delivered per poll */

struct file {
	struct source src;
	struct input *in;
	int failed;				    /* what every further poll gives */
	uint64_t event[(RECORD_EVENT_MAX + 7) / 8]; /* the event at hand, aligned */
};

/* Takes the next event into f->event.  1; -ENODATA: the end; -ENOMSG; -EBADMSG; or negative errno. */
static int next(struct file *f)
{
	struct ev_hdr *ev = (struct ev_hdr *)f->event;
	struct slice head;
	struct rd r;
	size_t size;
	int rc = input_need(f->in, sizeof(struct ev_hdr));

	if (rc)
		return rc;
	head = input_unread(f->in);
	if (head.n == 0)
		return -ENODATA;
	r = rd_init(head);
	(void)rd_le64(&r);
	size = rd_le32(&r);
	if (head.n < sizeof(*ev))
		return -ENOMSG;
	if (r.short_read || size < sizeof(*ev) || size > RECORD_EVENT_MAX)
		return -EBADMSG;
	rc = input_need(f->in, size);
	if (rc)
		return rc;
	head = input_unread(f->in);
	if (head.n < size)
		return -ENOMSG;
	memcpy(f->event, head.p, size);
	if (!event_is_sound(ev, size))
		return -EBADMSG;
	input_take(f->in, size);
	return 1;
}

static int file_poll(struct source *s, int timeout_ms, event_fn fn, void *ctx)
{
	struct file *f = (struct file *)s;
	int n = 0;

	(void)timeout_ms; /* a file is always ready */
	while (!f->failed && n < BATCH) {
		int rc = next(f);

		if (rc == -EAGAIN)
			break;
		if (rc < 0)
			f->failed = rc;
		else {
			fn(ctx, (const struct ev_hdr *)f->event);
			n++;
		}
	}
	return n ? n : f->failed;
}

static int file_fd(const struct source *s)
{
	(void)s;
	return -1;
}

static void file_close(struct source *s)
{
	struct file *f = (struct file *)s;

	if (!f)
		return;
	input_close(f->in);
	free(f);
}

static const struct source_ops file_ops = { "file", file_poll, file_fd, NULL, NULL, file_close };

uint64_t source_file_offset(const struct source *s)
{
	return input_offset(s->input);
}

static int read_head(struct file *f)
{
	int rc = input_need(f->in, RECORD_HEADER_LEN);
	struct rd r = rd_init(slice_cut(input_unread(f->in), 0, RECORD_HEADER_LEN));

	if (rc)
		return rc;
	if (!slice_eq(rd_bytes(&r, 8), SLICE_LIT(RECORD_MAGIC)) || r.short_read)
		return -EBADMSG;
	if (rd_le16(&r) != RECORD_VERSION && !r.short_read)
		return -EPROTO;
	if (rd_le16(&r) != RECORD_HEADER_LEN || rd_le32(&r) != 0)
		return -EBADMSG;
	f->src.epoch_ns = (int64_t)rd_le64(&r);
	(void)rd_le64(&r);
	if (r.short_read)
		return -EBADMSG;
	input_take(f->in, RECORD_HEADER_LEN);
	return 0;
}

int source_recording_open(struct source **ret, struct input *in)
{
	struct file *f = malloc(sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	*f = (struct file){ .src = { .ops = &file_ops, .input = in }, .in = in };
	rc = read_head(f);
	if (rc) {
		free(f);
		return rc;
	}
	*ret = &f->src;
	return 0;
}

int source_file_open(struct source **ret, int fd)
{
	struct input *in;
	int rc = input_open(&in, fd);

	if (rc)
		return rc;
	(void)input_need(in, RECORD_HEADER_LEN); /* what is there tells, and an error comes again */
	if (slice_starts(input_unread(in), slice_cut(SLICE_LIT(RECORD_MAGIC), 0, 6)))
		rc = source_recording_open(ret, in);
	else
		rc = source_pcap_open(ret, in);
	if (rc)
		input_leave(in);
	return rc;
}
