/* SPDX-License-Identifier: Apache-2.0 */
/* Header: length on the wire (3 bytes), number (1), length of what it unpacks to (3; 0: it is not compressed).  The number of a
 * command's first frame is 0, of its answer's first frame 1.  Packets and frames do not begin together, but for
 * those.  zstd's windows are those of at most 8 MiB, as elsewhere in Limpid. */
#include "proto/mysql_zip.h"

#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>

#define WINDOW_LOG 23
#define ZLIB_BYTES 48000 /* of an inflating zlib, about (zconf.h) */

struct my_zip {
	uint8_t head[MY_ZIP_HEAD];
	unsigned nhead;
	uint32_t left;	   /* bytes of the frame to come */
	uint32_t plain;	   /* bytes it still may unpack to */
	bool packed, over; /* over: its stream ended */
	bool begun;	   /* its stream */
	bool zstd, ready;  /* ready: z is */
	bool searching, found;
	uint8_t wanted;
	z_stream z;
	ZSTD_DStream *d;
	size_t from, n; /* of piece: what was not used yet */
	uint8_t piece[MY_ZIP_PIECE];
};

struct my_zip *my_zip_new(void)
{
	return calloc(1, sizeof(struct my_zip));
}

void my_zip_free(struct my_zip *z)
{
	if (!z)
		return;
	if (z->ready)
		(void)inflateEnd(&z->z); /* fails for none of our states */
	(void)ZSTD_freeDStream(z->d);
	free(z);
}

size_t my_zip_held(const struct my_zip *z)
{
	return sizeof(*z) + ZSTD_sizeof_DStream(z->d) + (z->ready ? ZLIB_BYTES : 0);
}

/* Which of the two it is, shows: a zstd frame begins with 28, a zlib stream never does. */
static bool start(struct my_zip *z, uint8_t first)
{
	z->begun = true;
	z->zstd = first == 0x28;
	if (z->zstd) {
		if (!z->d)
			z->d = ZSTD_createDStream();
		return z->d && !ZSTD_isError(ZSTD_initDStream(z->d)) &&
		       !ZSTD_isError(ZSTD_DCtx_setParameter(z->d, ZSTD_d_windowLogMax, WINDOW_LOG));
	}
	if (z->ready)
		return inflateReset(&z->z) == Z_OK;
	z->ready = inflateInit(&z->z) == Z_OK;
	return z->ready;
}

static void header(struct my_zip *z)
{
	const uint8_t *h = z->head;

	z->left = (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16;
	z->plain = (uint32_t)h[4] | (uint32_t)h[5] << 8 | (uint32_t)h[6] << 16;
	z->packed = z->plain > 0;
	z->over = z->begun = false;
	if (z->searching && h[3] == z->wanted) {
		z->searching = false;
		z->found = true;
	}
}

static size_t unpack_zstd(struct my_zip *z, struct slice in, size_t room, bool *ret_good)
{
	ZSTD_inBuffer i = { in.p, in.n, 0 };
	ZSTD_outBuffer o = { z->piece, room, 0 };
	size_t rc = ZSTD_decompressStream(z->d, &o, &i);

	*ret_good = !ZSTD_isError(rc);
	z->over = rc == 0;
	z->n = o.pos;
	return i.pos;
}

static size_t unpack_zlib(struct my_zip *z, struct slice in, size_t room, bool *ret_good)
{
	int rc;

	z->z.next_in = (uint8_t *)(uintptr_t)in.p;
	z->z.avail_in = (uInt)in.n;
	z->z.next_out = z->piece;
	z->z.avail_out = (uInt)room;
	rc = inflate(&z->z, Z_NO_FLUSH);
	*ret_good = rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
	z->over = rc == Z_STREAM_END;
	z->n = room - z->z.avail_out;
	return in.n - z->z.avail_in;
}

/* The next piece of a compressed frame. */
static enum my_zip_take unpack(struct my_zip *z, struct slice in, size_t *used, struct slice *ret)
{
	size_t room = z->plain < MY_ZIP_PIECE ? z->plain : MY_ZIP_PIECE, took = 0;
	bool good = true;

	in = slice_cut(in, 0, z->left);
	z->from = z->n = 0;
	if (!z->begun && in.n == 0 && z->left > 0)
		return MY_ZIP_MORE;
	if (!z->begun && in.n > 0 && !start(z, in.p[0]))
		return MY_ZIP_NOMEM;
	if (!z->over && room > 0 && in.p)
		took = z->zstd ? unpack_zstd(z, in, room, &good) : unpack_zlib(z, in, room, &good);
	else if (room == 0 || z->over)
		took = in.n; /* what is left of it says nothing */
	if (!good)
		return MY_ZIP_BAD;
	z->left -= (uint32_t)took;
	z->plain -= (uint32_t)z->n;
	*used += took;
	if (z->n > 0) {
		*ret = (struct slice){ z->piece, z->n };
		return MY_ZIP_OWN;
	}
	if (z->left > 0)
		return MY_ZIP_MORE;
	z->nhead = 0;
	return z->plain > 0 ? MY_ZIP_BAD : MY_ZIP_MORE;
}

enum my_zip_take my_zip_take(struct my_zip *z, struct slice in, size_t *ret_used, struct slice *ret)
{
	size_t used = 0;

	*ret_used = 0;
	if (z->from < z->n) {
		*ret = (struct slice){ z->piece + z->from, z->n - z->from };
		return MY_ZIP_OWN;
	}
	while (z->nhead < MY_ZIP_HEAD && used < in.n) {
		z->head[z->nhead++] = in.p[used++];
		if (z->nhead == MY_ZIP_HEAD)
			header(z);
	}
	*ret_used = used;
	if (z->nhead < MY_ZIP_HEAD)
		return MY_ZIP_MORE;
	in = slice_cut(in, used, in.n);
	if (z->searching) {
		size_t n = in.n < z->left ? in.n : z->left;

		*ret_used += n;
		my_zip_used(z, n);
		return MY_ZIP_MORE;
	}
	if (z->packed)
		return unpack(z, in, ret_used, ret);
	*ret = slice_cut(in, 0, z->left);
	if (z->left == 0)
		z->nhead = 0;
	return ret->n > 0 ? MY_ZIP_DATA : MY_ZIP_MORE;
}

void my_zip_used(struct my_zip *z, size_t n)
{
	if (z->packed && !z->searching) {
		z->from += n;
		if (z->from == z->n && z->left == 0 && z->plain == 0)
			z->nhead = 0;
		return;
	}
	z->left -= (uint32_t)n;
	if (z->left == 0)
		z->nhead = 0;
}

bool my_zip_waits(const struct my_zip *z)
{
	return z->from < z->n || (z->nhead == MY_ZIP_HEAD && z->packed && z->left == 0);
}

void my_zip_restart(struct my_zip *z)
{
	z->nhead = 0;
	z->from = z->n = 0;
	z->left = z->plain = 0;
	z->packed = false;
}

void my_zip_search(struct my_zip *z, uint8_t seq)
{
	my_zip_restart(z);
	z->searching = true;
	z->found = false;
	z->wanted = seq;
}

bool my_zip_found(struct my_zip *z)
{
	bool found = z->found;

	z->found = false;
	return found;
}

static bool starts(struct slice s, uint8_t seq)
{
	size_t n, plain, inner;

	if (s.n < MY_ZIP_HEAD + 4)
		return true; /* it may */
	n = (size_t)s.p[0] | (size_t)s.p[1] << 8 | (size_t)s.p[2] << 16;
	plain = (size_t)s.p[4] | (size_t)s.p[5] << 8 | (size_t)s.p[6] << 16;
	if (s.p[3] != seq || n < 4)
		return false;
	if (plain == 0) { /* a packet begins with it */
		inner = (size_t)s.p[7] | (size_t)s.p[8] << 8 | (size_t)s.p[9] << 16;
		return inner > 0 && (s.p[10] == seq || s.p[10] == 0) &&
		       inner + 4 <= n + (seq ? MY_ZIP_PIECE : 0);
	}
	if (plain + 64 < n)
		return false;
	return (s.p[7] == 0x78 && ((unsigned)s.p[7] << 8 | s.p[8]) % 31 == 0) ||
	       (s.p[7] == 0x28 && s.p[8] == 0xb5 && s.p[9] == 0x2f && s.p[10] == 0xfd);
}

bool my_zip_likely(struct slice s)
{
	struct rd r = rd_init(s);
	uint64_t n = rd_le(&r, 3), plain, inner;

	(void)rd_u8(&r);
	plain = rd_le(&r, 3);
	inner = rd_le(&r, 3);
	return s.n >= MY_ZIP_HEAD + 5 && starts(s, 0) && (plain > 0 || inner + 4 == n);
}

bool my_zip_maybe(struct slice s)
{
	return s.n >= 5 && s.n < MY_ZIP_HEAD + 5 && s.p[3] == 0 && s.p[4] == 0;
}

size_t my_zip_next(struct slice s, size_t from, uint8_t seq)
{
	for (; from < s.n; from++)
		if (starts(slice_cut(s, from, s.n), seq))
			return from;
	return s.n;
}
