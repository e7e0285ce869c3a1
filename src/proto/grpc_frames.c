/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc_frames.h"

#define FLAG_COMPRESSED 1
#define FLAG_TRAILERS	0x80

static void keep(struct grpc_frames *f, struct slice s)
{
	size_t room = f->kept.n < f->limits->body_bytes ? f->limits->body_bytes - f->kept.n : 0;
	size_t n = s.n < room ? s.n : room;
	uint8_t *p;

	if (n == 0 || f->full || f->hole)
		return;
	if (!f->arena) /* what is decoded of it and shown lies there, too */
		f->arena = arena_new(2 * f->limits->body_bytes + f->limits->decoded_bytes +
				     2 * FLOW_SHOWN_MAX + 4096);
	p = f->arena ? arena_grow(f->arena, (void *)(uintptr_t)f->kept.p, f->kept.n, f->kept.n + n)
		     : NULL;
	if (!p) {
		f->full = true;
		return;
	}
	memcpy(p + f->kept.n, s.p, n);
	f->kept = (struct slice){ p, f->kept.n + n };
}

/* All five bytes of the prefix are there. */
static void begin(struct grpc_frames *f)
{
	uint8_t known = f->web ? FLAG_TRAILERS | FLAG_COMPRESSED : FLAG_COMPRESSED;

	if (f->prefix[0] & ~known) {
		f->broken = true;
		f->counted = sizeof(f->prefix);
		return;
	}
	f->left = (uint32_t)f->prefix[1] << 24 | (uint32_t)f->prefix[2] << 16 |
		  (uint32_t)f->prefix[3] << 8 | f->prefix[4];
	f->len = f->left;
	f->ready = f->left == 0;
}

static size_t take(struct grpc_frames *f, struct slice in)
{
	size_t at = 0, n;

	while (at < in.n && !f->ready) {
		if (f->broken) {
			f->counted += in.n - at;
			return in.n;
		}
		if (f->raw) {
			keep(f, slice_cut(in, at, in.n));
			f->len += in.n - at;
			return in.n;
		}
		if (f->nprefix < sizeof(f->prefix)) {
			f->prefix[f->nprefix++] = in.p[at++];
			if (f->nprefix == sizeof(f->prefix))
				begin(f);
			continue;
		}
		n = in.n - at < f->left ? in.n - at : f->left;
		keep(f, slice_cut(in, at, at + n));
		f->left -= (uint32_t)n;
		f->ready = f->left == 0;
		at += n;
	}
	return at;
}

/* --- base64 (RFC 4648, 4) ------------------------------------------------------------------------------------------ */

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Four characters became up to three bytes; those that are not taken wait for the next call. */
static void quantum_done(struct grpc_frames *f)
{
	uint8_t bytes[3] = { (uint8_t)(f->quantum >> 16), (uint8_t)(f->quantum >> 8),
			     (uint8_t)f->quantum };
	size_t n = f->npad > 2 ? 0 : 3 - f->npad, used = take(f, (struct slice){ bytes, n });

	f->nrest = (unsigned)(n - used);
	memcpy(f->rest, bytes + used, f->nrest);
	f->quantum = f->nquantum = f->npad = 0;
}

static void take_rest(struct grpc_frames *f)
{
	uint8_t rest[3];
	size_t n = f->nrest, used;

	memcpy(rest, f->rest, n);
	used = take(f, (struct slice){ rest, n });
	f->nrest = (unsigned)(n - used);
	memcpy(f->rest, rest + used, f->nrest);
}

static size_t take_text(struct grpc_frames *f, struct slice in)
{
	size_t at = 0;

	take_rest(f);
	while (at < in.n && !f->ready) {
		uint8_t c = in.p[at++];
		int v = value_of(c);

		if (c == '\r' || c == '\n')
			continue;
		if (v < 0 && c != '=') {
			f->broken = true;
			continue;
		}
		f->quantum = f->quantum << 6 | (uint32_t)(v < 0 ? 0 : v);
		f->npad += v < 0;
		if (++f->nquantum == 4)
			quantum_done(f);
	}
	return at;
}

/* --- the interface --------------------------------------------------------------------------------------------------- */

size_t grpc_frames_take(struct grpc_frames *f, struct slice in)
{
	return f->text && !f->raw ? take_text(f, in) : take(f, in);
}

void grpc_frames_lost(struct grpc_frames *f, uint64_t n)
{
	bool inside = f->raw || (f->nprefix == sizeof(f->prefix) && !f->ready);

	if (n == 0 || f->text || !inside || (!f->raw && n > f->left)) {
		f->hole = f->broken = true;
		return;
	}
	f->hole = true;
	if (f->raw) {
		f->len += n;
		return;
	}
	f->left -= (uint32_t)n;
	f->ready = f->left == 0;
}

bool grpc_frames_end(struct grpc_frames *f)
{
	bool inside = f->nprefix > 0 || f->raw;

	if (f->ready || !inside || (f->broken && !f->hole) || (f->raw && f->len == 0))
		return false;
	f->ready = true;
	return true;
}

struct grpc_message grpc_frames_get(struct grpc_frames *f)
{
	struct grpc_message m = { .arena = f->arena, .data = f->kept, .len = f->len };

	if (f->nprefix == sizeof(f->prefix)) {
		m.compressed = f->prefix[0] & FLAG_COMPRESSED;
		m.trailers = f->prefix[0] & FLAG_TRAILERS;
	}
	m.partial = f->kept.n < f->len || f->nprefix < sizeof(f->prefix);
	if (f->raw)
		m.partial = f->kept.n < f->len;
	if (f->hole)
		m.flags |= FLOW_AFTER_GAP;
	else if (f->kept.n < f->len - f->left)
		m.flags |= FLOW_TRUNCATED;
	f->arena = NULL;
	f->kept = (struct slice){ 0 };
	f->nprefix = 0;
	f->left = 0;
	f->len = 0;
	f->ready = f->full = f->hole = false;
	return m;
}

void grpc_frames_release(struct grpc_frames *f)
{
	arena_free(f->arena);
	f->arena = NULL;
}

bool grpc_frames_guess(struct slice in)
{
	struct rd r = rd_init(in);

	while (rd_left(&r) > 0 && !r.short_read) {
		if (rd_u8(&r) > 1)
			return false;
		(void)rd_bytes(&r, rd_be32(&r));
	}
	return in.n > 0 && !r.short_read;
}
