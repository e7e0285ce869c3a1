/* SPDX-License-Identifier: Apache-2.0 */
/* Unknown history is two windows that differ in every byte.  Both are fed the same: what deflate does with its input
 * does not depend on the window's bytes, so the two go on in step, and where they give different bytes these
 * came from what is unknown.  When a whole window of known bytes was given out, one of them suffices.
 *
 * Rejected: refusing every message until the sender starts anew, which most never do. */
#include "proto/ws_inflate.h"

#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

#define WINDOW 32768u
#define PIECE  4096u
#define STATE  8192u /* about what zlib holds beside the window */

struct ws_inflate {
	z_stream z, other; /* other: with unsure only */
	int bits;
	bool unsure;
	size_t known; /* bytes given out since the last unknown one; up to WINDOW */
};

struct ws_inflate *ws_inflate_new(int bits)
{
	struct ws_inflate *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->bits = bits;
	if (inflateInit2(&w->z, -bits) != Z_OK) {
		free(w);
		return NULL;
	}
	return w;
}

static void be_sure(struct ws_inflate *w)
{
	if (w->unsure)
		(void)inflateEnd(&w->other); /* fails only on a state that was never made */
	w->unsure = false;
}

/* Writes '?' where the two differ. */
static bool compare(struct ws_inflate *w, uint8_t *p, const uint8_t *q, size_t n)
{
	bool unknown = false;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == q[i]) {
			w->known += w->known < WINDOW;
			continue;
		}
		p[i] = '?';
		unknown = true;
		w->known = 0;
	}
	return unknown;
}

/* A piece of output.  Positive: there is more; 0: all input was taken. */
static int step(struct ws_inflate *w, ws_inflate_fn fn, void *ctx)
{
	uint8_t out[PIECE], also[PIECE];
	bool unknown = false;
	size_t n;
	int rc;

	w->z.next_out = out;
	w->z.avail_out = PIECE;
	rc = inflate(&w->z, Z_SYNC_FLUSH);
	n = PIECE - w->z.avail_out;
	if (w->unsure) {
		w->other.next_out = also;
		w->other.avail_out = PIECE;
		if (inflate(&w->other, Z_SYNC_FLUSH) != rc || w->other.avail_out != w->z.avail_out)
			return -EBADMSG;
		unknown = compare(w, out, also, n);
		if (w->known == WINDOW)
			be_sure(w);
	}
	if (n > 0)
		fn(ctx, (struct slice){ out, n }, unknown);
	if (rc ==
	    Z_STREAM_END) { /* the sender ended a stream; the window stays (RFC 7692, 7.2.3.4) */
		if (inflateResetKeep(&w->z) != Z_OK ||
		    (w->unsure && inflateResetKeep(&w->other) != Z_OK))
			return -EBADMSG;
		return w->z.avail_in > 0;
	}
	if (rc == Z_MEM_ERROR)
		return -ENOMEM;
	if (rc != Z_OK && rc != Z_BUF_ERROR)
		return -EBADMSG;
	return w->z.avail_out == 0;
}

int ws_inflate_put(struct ws_inflate *w, struct slice in, ws_inflate_fn fn, void *ctx)
{
	while (in.n > 0) {
		struct slice part = slice_cut(in, 0, 1u << 20);
		int r;

		in = slice_cut(in, part.n, in.n);
		w->z.next_in = w->other.next_in = (Bytef *)(uintptr_t)part.p;
		w->z.avail_in = w->other.avail_in = (uInt)part.n;
		do
			r = step(w, fn, ctx);
		while (r > 0);
		if (r < 0)
			return r;
	}
	return 0;
}

int ws_inflate_end(struct ws_inflate *w, ws_inflate_fn fn, void *ctx)
{
	return ws_inflate_put(w, SLICE_LIT("\x00\x00\xff\xff"), fn, ctx);
}

void ws_inflate_reset(struct ws_inflate *w)
{
	be_sure(w);
	(void)inflateReset(&w->z); /* as inflateEnd */
}

int ws_inflate_forget(struct ws_inflate *w)
{
	uint8_t fill[WINDOW];
	size_t n = (size_t)1 << w->bits;

	ws_inflate_reset(w);
	w->other = (z_stream){ 0 };
	if (inflateInit2(&w->other, -w->bits) != Z_OK)
		return -ENOMEM;
	w->unsure = true;
	w->known = 0;
	memset(fill, 0, n);
	if (inflateSetDictionary(&w->z, fill, (uInt)n) != Z_OK)
		goto nomem;
	memset(fill, 0xff, n);
	if (inflateSetDictionary(&w->other, fill, (uInt)n) != Z_OK)
		goto nomem;
	return 0;
nomem:
	ws_inflate_reset(w);
	return -ENOMEM;
}

size_t ws_inflate_held(const struct ws_inflate *w)
{
	return sizeof(*w) + (STATE + ((size_t)1 << w->bits)) * (w->unsure ? 2 : 1);
}

void ws_inflate_free(struct ws_inflate *w)
{
	if (!w)
		return;
	be_sure(w);
	(void)inflateEnd(&w->z); /* as above */
	free(w);
}
