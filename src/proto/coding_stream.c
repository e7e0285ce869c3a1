/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/coding_stream.h"

#include <errno.h>
#include <stdlib.h>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "proto/coding.h"

#define ZSTD_WINDOW_LOG 23 /* as in coding.c */

enum kind { KIND_ZLIB, KIND_BR, KIND_ZSTD };

struct coding_stream {
	enum kind kind;
	z_stream z;
	BrotliDecoderState *br;
	ZSTD_DCtx *zstd;
	uint64_t taken, given;
	bool over; /* the coding ended: what follows is ignored */
};

static const struct {
	struct slice name;
	enum kind kind;
} names[] = {
	{ SLICE_LIT("gzip"), KIND_ZLIB }, { SLICE_LIT("x-gzip"), KIND_ZLIB },
	{ SLICE_LIT("deflate"), KIND_ZLIB }, { SLICE_LIT("br"), KIND_BR },
	{ SLICE_LIT("zstd"), KIND_ZSTD },
};

static bool begin(struct coding_stream *s)
{
	switch (s->kind) {
	case KIND_ZLIB: /* gzip's wrapping or zlib's, as it says itself */
		return inflateInit2(&s->z, 32 + MAX_WBITS) == Z_OK;
	case KIND_BR:
		s->br = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		return s->br != NULL;
	case KIND_ZSTD:
		s->zstd = ZSTD_createDCtx();
		if (s->zstd)
			(void)ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax,
						     ZSTD_WINDOW_LOG); /* a valid value */
		return s->zstd != NULL;
	}
	return false;
}

int coding_stream_new(struct slice coding, struct coding_stream **ret)
{
	struct coding_stream *s;
	size_t i = 0;

	*ret = NULL;
	if (coding.n == 0 || slice_eq_nocase(coding, SLICE_LIT("identity")))
		return 0;
	while (i < sizeof(names) / sizeof(names[0]) && !slice_eq_nocase(coding, names[i].name))
		i++;
	if (i == sizeof(names) / sizeof(names[0]))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->kind = names[i].kind;
	if (!begin(s)) {
		free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

/* Each takes from *in, writes to *out, and sets s->over at the end of the coding.  0, -EBADMSG, -ENOMEM. */

static int read_zlib(struct coding_stream *s, struct slice *in, struct slice *out)
{
	size_t n = in->n < UINT32_MAX ? in->n : UINT32_MAX;
	int rc;

	s->z.next_in = (Bytef *)(uintptr_t)in->p;
	s->z.avail_in = (uInt)n;
	s->z.next_out = (Bytef *)(uintptr_t)out->p;
	s->z.avail_out = (uInt)out->n;
	rc = inflate(&s->z, Z_SYNC_FLUSH);
	*in = slice_cut(*in, n - s->z.avail_in, in->n);
	out->n -= s->z.avail_out;
	s->over = rc == Z_STREAM_END;
	if (rc == Z_MEM_ERROR)
		return -ENOMEM;
	return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static int read_br(struct coding_stream *s, struct slice *in, struct slice *out)
{
	uint8_t *to = (uint8_t *)(uintptr_t)out->p;
	size_t room = out->n;
	BrotliDecoderResult rc =
		BrotliDecoderDecompressStream(s->br, &in->n, &in->p, &room, &to, NULL);

	out->n -= room;
	s->over = rc == BROTLI_DECODER_RESULT_SUCCESS;
	return rc == BROTLI_DECODER_RESULT_ERROR ? -EBADMSG : 0;
}

static int read_zstd(struct coding_stream *s, struct slice *in, struct slice *out)
{
	ZSTD_inBuffer from = { in->p, in->n, 0 };
	ZSTD_outBuffer to = { (void *)(uintptr_t)out->p, out->n, 0 };
	size_t left = ZSTD_decompressStream(s->zstd, &to, &from);

	*in = slice_cut(*in, from.pos, in->n);
	out->n = to.pos;
	return ZSTD_isError(left) ? -EBADMSG : 0; /* several frames may follow each other */
}

int coding_stream_read(struct coding_stream *s, struct slice *in, uint8_t *out, size_t max)
{
	static int (*const reads[])(struct coding_stream *, struct slice *, struct slice *) = {
		[KIND_ZLIB] = read_zlib, [KIND_BR] = read_br, [KIND_ZSTD] = read_zstd
	};
	struct slice got = { out, max };
	size_t before = in->n;
	int r;

	if (s->over) {
		*in = (struct slice){ 0 };
		return 0;
	}
	r = reads[s->kind](s, in, &got);
	if (r < 0)
		return r;
	s->taken += before - in->n;
	s->given += got.n;
	if (s->given > CODING_FLOOR && s->given / CODING_RATIO > s->taken)
		return -EBADMSG;
	if (got.n == 0 && in->n > 0 && in->n == before && !s->over)
		return -EBADMSG; /* it takes nothing and gives nothing */
	return (int)got.n;
}

size_t coding_stream_held(const struct coding_stream *s)
{
	static const size_t about[] = { [KIND_ZLIB] = 48u << 10, [KIND_BR] = 256u << 10, [KIND_ZSTD] = 256u << 10 };

	if (!s)
		return 0;
	return sizeof(*s) + (s->zstd ? ZSTD_sizeof_DCtx(s->zstd) : about[s->kind]);
}

void coding_stream_free(struct coding_stream *s)
{
	if (!s)
		return;
	if (s->kind == KIND_ZLIB)
		(void)inflateEnd(&s->z); /* begun, so it cannot fail */
	BrotliDecoderDestroyInstance(s->br);
	ZSTD_freeDCtx(s->zstd);
	free(s);
}
