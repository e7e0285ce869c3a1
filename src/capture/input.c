/* SPDX-License-Identifier: Apache-2.0 */
/* One window for what was uncompressed (or read, where nothing is compressed), one for what was read of a compressed file.
 * The window holds more than can be asked for, so that what is left of it is seldom moved. */
#include "capture/input.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW	   (INPUT_MAX + (256u << 10))
#define READ_BYTES (256u << 10) /* at once: what fits into a processor's cache */
#define MAGIC	   6
#define XZ_MEMORY  ((uint64_t)256 << 20) /* what xz -9 needs is 65 MiB */
#define ZSTD_LOG   27			 /* of the window: what zstd -19 --long needs */

enum coding { PLAIN, GZIP, ZSTD, XZ };

struct input {
	int fd;
	enum coding coding;
	int failed;	      /* what every further input_need gives, once the window is empty */
	bool file_end, ended; /* nothing more to read; nothing more to come */
	bool between;	      /* compressed: a member ended, another may follow */
	size_t at, end;	      /* unread bytes of window */
	size_t packed_at, packed_end; /* of packed */
	uint64_t offset, file_bytes;
	z_stream gzip;
	ZSTD_DStream *zstd;
	lzma_stream xz;
	uint8_t *packed; /* READ_BYTES, where the file is compressed */
	uint8_t window[WINDOW];
};

static ssize_t read_some(struct input *in, uint8_t *to, size_t n)
{
	ssize_t rc;

	do
		rc = read(in->fd, to, n);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		in->file_end = true;
	if (rc > 0)
		in->file_bytes += (uint64_t)rc;
	return rc < 0 ? -errno : rc;
}

/* --- one step of each coding: bytes of packed to bytes of the window.  0 or negative errno --- */

static int step_gzip(struct input *in)
{
	z_stream *z = &in->gzip;
	int rc;

	z->next_in = in->packed + in->packed_at;
	z->avail_in = (unsigned)(in->packed_end - in->packed_at);
	z->next_out = in->window + in->end;
	z->avail_out = (unsigned)(WINDOW - in->end);
	rc = inflate(z, Z_NO_FLUSH);
	in->packed_at = in->packed_end - z->avail_in;
	in->end = WINDOW - z->avail_out;
	if (rc == Z_STREAM_END) {
		in->between = true;
		return inflateReset(z) == Z_OK ? 0 : -EBADMSG;
	}
	return rc == Z_OK || rc == Z_BUF_ERROR ? 0 : rc == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int step_zstd(struct input *in)
{
	ZSTD_inBuffer from = { in->packed, in->packed_end, in->packed_at };
	ZSTD_outBuffer to = { in->window, WINDOW, in->end };
	size_t rc = ZSTD_decompressStream(in->zstd, &to, &from);

	in->packed_at = from.pos;
	in->end = to.pos;
	if (ZSTD_isError(rc))
		return ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
	in->between = rc == 0;
	return 0;
}

static int step_xz(struct input *in)
{
	lzma_stream *x = &in->xz;
	lzma_ret rc;

	x->next_in = in->packed + in->packed_at;
	x->avail_in = in->packed_end - in->packed_at;
	x->next_out = in->window + in->end;
	x->avail_out = WINDOW - in->end;
	rc = lzma_code(x, in->file_end ? LZMA_FINISH : LZMA_RUN);
	in->packed_at = in->packed_end - x->avail_in;
	in->end = WINDOW - x->avail_out;
	if (rc == LZMA_STREAM_END)
		in->ended = true;
	if (rc == LZMA_BUF_ERROR)
		return in->file_end ? -ENOMSG : 0;
	return rc == LZMA_OK || rc == LZMA_STREAM_END		   ? 0
	       : rc == LZMA_MEM_ERROR || rc == LZMA_MEMLIMIT_ERROR ? -ENOMEM
								   : -EBADMSG;
}

/* Bytes that follow a gzip or zstd member and are none are refused like damaged ones. */
static int unpack(struct input *in)
{
	size_t before = in->end;
	int rc = 0;

	while (!rc && !in->ended && in->end == before) {
		if (in->packed_at == in->packed_end && !in->file_end) {
			ssize_t n = read_some(in, in->packed, READ_BYTES);

			if (n < 0)
				return (int)n;
			in->packed_at = 0;
			in->packed_end = (size_t)n;
		}
		if (in->coding == XZ) {
			rc = step_xz(in);
			continue;
		}
		if (in->packed_at == in->packed_end && in->file_end && in->between) {
			in->ended = true;
			return 0;
		}
		in->between &= in->packed_at == in->packed_end;
		before = in->end;
		rc = in->coding == GZIP ? step_gzip(in) : step_zstd(in);
		if (!rc && in->end == before && in->packed_at == in->packed_end && in->file_end &&
		    !in->between)
			rc = -ENOMSG;
	}
	return rc;
}

static int read_plain(struct input *in, size_t n)
{
	size_t room = WINDOW - in->end, want = n > READ_BYTES ? n : READ_BYTES;
	ssize_t rc = read_some(in, in->window + in->end, room < want ? room : want);

	if (rc < 0)
		return (int)rc;
	in->end += (size_t)rc;
	in->ended = in->file_end;
	return 0;
}

int input_need(struct input *in, size_t n)
{
	if (in->end - in->at >= n || in->ended)
		return 0;
	if (in->at == in->end || WINDOW - in->at < n + READ_BYTES) {
		memmove(in->window, in->window + in->at, in->end - in->at);
		in->end -= in->at;
		in->at = 0;
	}
	while (!in->failed && !in->ended && in->end - in->at < n)
		in->failed =
			in->coding == PLAIN ? read_plain(in, n - (in->end - in->at)) : unpack(in);
	return in->end - in->at >= n ? 0 : in->failed;
}

struct slice input_unread(const struct input *in)
{
	return (struct slice){ in->window + in->at, in->end - in->at };
}

void input_take(struct input *in, size_t n)
{
	in->at += n;
	in->offset += n;
}

uint64_t input_offset(const struct input *in)
{
	return in->offset;
}

uint64_t input_file_bytes(const struct input *in)
{
	return in->file_bytes;
}

const char *input_coding(const struct input *in)
{
	static const char *const names[] = { NULL, "gzip", "zstd", "xz" };

	return names[in->coding];
}

/* --- opening --- */

static const struct {
	struct slice magic;
	int coding; /* enum coding, or negative: known, and not supported */
} codings[] = {
	{ { (const uint8_t *)"\x1f\x8b\x08", 3 }, GZIP },
	{ { (const uint8_t *)"\x28\xb5\x2f\xfd", 4 }, ZSTD },
	{ { (const uint8_t *)"\xfd"
			     "7zXZ\0",
	    6 },
	  XZ },
	{ { (const uint8_t *)"\x04\x22\x4d\x18", 4 }, -1 }, /* lz4 */
	{ { (const uint8_t *)"BZh", 3 }, -1 },
	{ { (const uint8_t *)"PK\x03\x04", 4 }, -1 },
};

static int start(struct input *in)
{
	size_t n = in->end;

	in->packed = malloc(READ_BYTES);
	if (!in->packed)
		return -ENOMEM;
	memcpy(in->packed, in->window, n);
	in->packed_end = n;
	in->end = 0;
	if (in->coding == GZIP)
		return inflateInit2(&in->gzip, 16 + MAX_WBITS) == Z_OK ? 0 : -ENOMEM;
	if (in->coding == XZ)
		return lzma_stream_decoder(&in->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK
			       ? 0
			       : -ENOMEM;
	in->zstd = ZSTD_createDStream();
	if (!in->zstd ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(in->zstd, ZSTD_d_windowLogMax, ZSTD_LOG)))
		return -ENOMEM;
	return 0;
}

static int detect(struct input *in)
{
	struct slice head;
	int rc = 0;

	while (!rc && !in->file_end && in->end < MAGIC)
		rc = read_plain(in, MAGIC);
	if (rc)
		return rc;
	head = input_unread(in);
	for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++) {
		if (!slice_starts(head, codings[i].magic))
			continue;
		if (codings[i].coding < 0)
			return -EPROTONOSUPPORT;
		in->coding = (enum coding)codings[i].coding;
		in->ended = false;
		return start(in);
	}
	return 0;
}

static void release(struct input *in)
{
	if (in->coding == GZIP)
		(void)inflateEnd(&in->gzip);
	if (in->coding == XZ)
		lzma_end(&in->xz);
	ZSTD_freeDStream(in->zstd);
	free(in->packed);
	free(in);
}

int input_open(struct input **ret, int fd)
{
	struct input *in = malloc(sizeof(*in));
	int rc;

	if (!in)
		return -ENOMEM;
	memset(in, 0, offsetof(struct input, window));
	in->fd = fd;
	rc = detect(in);
	if (rc)
		release(in);
	else
		*ret = in;
	return rc;
}

void input_leave(struct input *in)
{
	release(in);
}

void input_close(struct input *in)
{
	close(in->fd);
	release(in);
}
