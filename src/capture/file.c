/* SPDX-License-Identifier: Apache-2.0 */
/* A recording comes from anywhere: every length is checked before it is believed, and an event is delivered
 * only whole and in agreement with itself. */
#include "capture/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define BUFFER_BYTES (256 * 1024)
#define BATCH	     1024 /* events delivered per poll */

struct file {
	struct source src;
	int fd;
	int64_t epoch_ns;
	bool ended;
	int failed;				    /* what every further poll gives */
	size_t at, end;				    /* unread bytes of buf */
	uint64_t offset;			    /* of buf[at] in the file */
	uint64_t event[(RECORD_EVENT_MAX + 7) / 8]; /* the event at hand, aligned */
	uint8_t buf[BUFFER_BYTES];
};

/* Reads until want bytes are there or the file ends.  0 or negative errno. */
static int fill(struct file *f, size_t want)
{
	if (f->end - f->at >= want || f->ended)
		return 0;
	memmove(f->buf, f->buf + f->at, f->end - f->at);
	f->end -= f->at;
	f->at = 0;
	while (f->end < want) {
		ssize_t rc = read(f->fd, f->buf + f->end, sizeof(f->buf) - f->end);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return -errno;
		if (rc == 0) {
			f->ended = true;
			return 0;
		}
		f->end += (size_t)rc;
	}
	return 0;
}

static struct slice unread(const struct file *f)
{
	return (struct slice){ f->buf + f->at, f->end - f->at };
}

/* Takes the next event into f->event.  1; -ENODATA: the end; -ENOMSG; -EBADMSG; or negative errno. */
static int next(struct file *f)
{
	struct ev_hdr *ev = (struct ev_hdr *)f->event;
	struct rd r;
	size_t size;
	int rc = fill(f, sizeof(struct ev_hdr));

	if (rc)
		return rc;
	if (f->at == f->end)
		return -ENODATA;
	r = rd_init(unread(f));
	(void)rd_le64(&r);
	size = rd_le32(&r);
	if (f->end - f->at < sizeof(*ev))
		return -ENOMSG;
	if (r.short_read || size < sizeof(*ev) || size > RECORD_EVENT_MAX)
		return -EBADMSG;
	rc = fill(f, size);
	if (rc)
		return rc;
	if (f->end - f->at < size)
		return -ENOMSG;
	memcpy(f->event, f->buf + f->at, size);
	if (!event_is_sound(ev, size))
		return -EBADMSG;
	f->at += size;
	f->offset += size;
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
	close(f->fd);
	free(f);
}

static const struct source_ops file_ops = { "file", file_poll, file_fd, NULL, file_close };

int64_t source_file_epoch_ns(const struct source *s)
{
	return ((const struct file *)s)->epoch_ns;
}

uint64_t source_file_offset(const struct source *s)
{
	return ((const struct file *)s)->offset;
}

static int read_head(struct file *f)
{
	int rc = fill(f, RECORD_HEADER_LEN);
	struct rd r = rd_init(slice_cut(unread(f), 0, RECORD_HEADER_LEN));

	if (rc)
		return rc;
	if (!slice_eq(rd_bytes(&r, 8), SLICE_LIT(RECORD_MAGIC)) || r.short_read)
		return -EBADMSG;
	if (rd_le16(&r) != RECORD_VERSION && !r.short_read)
		return -EPROTO;
	if (rd_le16(&r) != RECORD_HEADER_LEN || rd_le32(&r) != 0)
		return -EBADMSG;
	f->epoch_ns = (int64_t)rd_le64(&r);
	(void)rd_le64(&r);
	if (r.short_read)
		return -EBADMSG;
	f->at += RECORD_HEADER_LEN;
	f->offset = RECORD_HEADER_LEN;
	return 0;
}

int source_file_open(struct source **ret, int fd)
{
	struct file *f = malloc(sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	memset(f, 0, offsetof(struct file, buf));
	f->src.ops = &file_ops;
	f->fd = fd;
	rc = read_head(f);
	if (rc) {
		free(f);
		return rc;
	}
	*ret = &f->src;
	return 0;
}
