/* SPDX-License-Identifier: Apache-2.0 */
/* One step undoes one coding, from a slice into a sink that stops it at its limit.  The last step
 * writes into the arena, where the body stays; those before it into memory that is freed here. */
#include "proto/coding.h"

#include <stdlib.h>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define PIECE		16384
#define ZSTD_WINDOW_LOG 23 /* 8 MiB, the most that RFC 9659 lets a sender use */

struct sink {
	struct arena *arena; /* NULL: plain holds the bytes */
	struct buf plain;
	uint8_t *p;
	size_t n, max;
	bool nomem;
};

/* False: the sink is full, or out of memory. */
static bool sink_put(struct sink *k, const uint8_t *p, size_t n)
{
	size_t take = n < k->max - k->n ? n : k->max - k->n;

	if (take > 0 && k->arena) {
		uint8_t *q = arena_grow(k->arena, k->p, k->n, k->n + take);

		if (!q) {
			k->nomem = true;
			return false;
		}
		memcpy(q + k->n, p, take);
		k->p = q;
	} else if (take > 0) {
		buf_put(&k->plain, (struct slice){ p, take });
		if (k->plain.failed) {
			k->nomem = true;
			return false;
		}
	}
	k->n += take;
	return take == n;
}

static enum coding_end sink_refused(const struct sink *k)
{
	return k->nomem ? CODING_NOMEM : CODING_CUT;
}

static enum coding_end at_end_of_input(bool partial)
{
	return partial ? CODING_OK : CODING_ERROR;
}

/* bits: zlib's windowBits, which choose the wrapping. */
static enum coding_end undo_zlib(struct slice in, int bits, bool partial, struct sink *k)
{
	uint8_t piece[PIECE];
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
	enum coding_end end = CODING_ERROR;
	int rc;

	if (in.n > UINT32_MAX)
		return CODING_ERROR;
	if (inflateInit2(&z, bits) != Z_OK)
		return CODING_NOMEM;
	for (;;) {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		rc = inflate(&z, Z_NO_FLUSH);
		if (rc == Z_MEM_ERROR) {
			end = CODING_NOMEM;
			break;
		}
		if (!sink_put(k, piece, sizeof(piece) - z.avail_out)) {
			end = sink_refused(k);
			break;
		}
		if (rc == Z_STREAM_END) {
			end = CODING_OK;
			/* A gzip body may have several members (RFC 1952, 2.2). */
			if (bits < 16 || z.avail_in < 2 || z.next_in[0] != 0x1f ||
			    z.next_in[1] != 0x8b || inflateReset(&z) != Z_OK)
				break;
		} else if (rc == Z_BUF_ERROR || (rc == Z_OK && z.avail_in == 0 && z.avail_out)) {
			end = at_end_of_input(partial);
			break;
		} else if (rc != Z_OK) {
			end = CODING_ERROR;
			break;
		}
	}
	(void)inflateEnd(&z); /* fails only on a state that inflateInit2 refused */
	return end;
}

static enum coding_end undo_gzip(struct slice in, bool partial, struct sink *k)
{
	return undo_zlib(in, 16 + MAX_WBITS, partial, k);
}

/* "deflate" means zlib's format (RFC 9110, 8.4.1.2), and some senders leave its wrapping away. */
static enum coding_end undo_deflate(struct slice in, bool partial, struct sink *k)
{
	bool wrapped = in.n >= 2 && (in.p[0] & 0x0f) == 8 && (in.p[0] << 8 | in.p[1]) % 31 == 0;

	if (wrapped) {
		enum coding_end end = undo_zlib(in, MAX_WBITS, partial, k);

		if (end != CODING_ERROR || k->n > 0)
			return end;
	}
	return undo_zlib(in, -MAX_WBITS, partial, k);
}

static enum coding_end undo_br(struct slice in, bool partial, struct sink *k)
{
	BrotliDecoderState *s = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	const uint8_t *p = in.p;
	size_t n = in.n;
	enum coding_end end;

	if (!s)
		return CODING_NOMEM;
	for (;;) {
		size_t none = 0, got = 0;
		BrotliDecoderResult rc;
		const uint8_t *out;

		rc = BrotliDecoderDecompressStream(s, &n, &p, &none, NULL, NULL);
		out = BrotliDecoderTakeOutput(s, &got);
		if (got > 0 && !sink_put(k, out, got)) {
			end = sink_refused(k);
			break;
		}
		if (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT)
			continue;
		if (rc == BROTLI_DECODER_RESULT_SUCCESS && !BrotliDecoderHasMoreOutput(s)) {
			end = CODING_OK;
			break;
		}
		if (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT && got == 0) {
			end = at_end_of_input(partial);
			break;
		}
		if (rc == BROTLI_DECODER_RESULT_ERROR) {
			BrotliDecoderErrorCode e = BrotliDecoderGetErrorCode(s);

			end = e <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
					      e >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES
				      ? CODING_NOMEM
				      : CODING_ERROR;
			break;
		}
	}
	BrotliDecoderDestroyInstance(s);
	return end;
}

static enum coding_end undo_zstd(struct slice in, bool partial, struct sink *k)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer from = { in.p, in.n, 0 };
	uint8_t piece[PIECE];
	enum coding_end end;

	if (!d)
		return CODING_NOMEM;
	(void)ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG); /* a valid value */
	for (;;) {
		ZSTD_outBuffer to = { piece, sizeof(piece), 0 };
		size_t left = ZSTD_decompressStream(d, &to, &from);

		if (ZSTD_isError(left)) {
			end = ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation
				      ? CODING_NOMEM
				      : CODING_ERROR;
			break;
		}
		if (!sink_put(k, piece, to.pos)) {
			end = sink_refused(k);
			break;
		}
		/* left is 0 at the end of each frame; several may follow each other. */
		if (from.pos == from.size && (left == 0 || to.pos < to.size)) {
			end = left == 0 ? CODING_OK : at_end_of_input(partial);
			break;
		}
	}
	ZSTD_freeDCtx(d);
	return end;
}

typedef enum coding_end (*undo_fn)(struct slice in, bool partial, struct sink *k);

static enum coding_end undo_nothing(struct slice in, bool partial, struct sink *k)
{
	(void)in;
	(void)partial;
	(void)k;
	return CODING_OK;
}

static const struct {
	struct slice name;
	undo_fn undo;
} codings[] = {
	{ SLICE_LIT("gzip"), undo_gzip },	{ SLICE_LIT("x-gzip"), undo_gzip },
	{ SLICE_LIT("deflate"), undo_deflate }, { SLICE_LIT("br"), undo_br },
	{ SLICE_LIT("zstd"), undo_zstd },	{ SLICE_LIT("identity"), undo_nothing },
};

static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_cut(s, 1, s.n);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The steps in the order of the list, without those that do nothing; -1: one is unknown, or too many. */
static int read_list(struct slice list, undo_fn ret[CODING_STEPS])
{
	int n = 0;

	while (list.n > 0) {
		size_t comma = slice_find(list, SLICE_LIT(","), 0), i;
		struct slice name = trim(slice_cut(list, 0, comma));

		list = slice_cut(list, comma + 1, list.n);
		if (name.n == 0) /* empty elements count for nothing (RFC 9110, 5.6.1.2) */
			continue;
		for (i = 0; i < sizeof(codings) / sizeof(codings[0]); i++)
			if (slice_eq_nocase(name, codings[i].name))
				break;
		if (i == sizeof(codings) / sizeof(codings[0]))
			return -1;
		if (codings[i].undo == undo_nothing)
			continue;
		if (n == CODING_STEPS)
			return -1;
		ret[n++] = codings[i].undo;
	}
	return n;
}

static size_t bound(size_t in, size_t max)
{
	size_t most = in > SIZE_MAX / CODING_RATIO ? SIZE_MAX : in * CODING_RATIO;

	if (most < CODING_FLOOR)
		most = CODING_FLOOR;
	return most < max ? most : max;
}

enum coding_end coding_undo(struct arena *a, struct slice list, struct slice in, size_t max,
			    bool partial, struct slice *ret_out)
{
	undo_fn steps[CODING_STEPS];
	int n = read_list(list, steps);
	bool cut = false;
	struct buf held = { 0 };

	if (n < 0)
		return CODING_ERROR;
	while (n-- > 0 && in.n > 0) {
		struct sink k = { .arena = n == 0 ? a : NULL, .max = bound(in.n, max) };
		enum coding_end end = steps[n](in, partial || cut, &k);

		buf_release(&held);
		held = k.plain;
		if (end == CODING_ERROR || end == CODING_NOMEM) {
			buf_release(&held);
			return end;
		}
		if (end == CODING_CUT)
			cut = true;
		in = n == 0 ? (struct slice){ k.p, k.n } : buf_slice(&held);
	}
	/* Nothing left before the last step: what is empty needs no memory. */
	buf_release(&held);
	if (in.n == 0)
		in = (struct slice){ 0 };
	*ret_out = in;
	return cut ? CODING_CUT : CODING_OK;
}
