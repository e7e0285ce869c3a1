/* SPDX-License-Identifier: Apache-2.0 */
#include "export/block.h"

#include "export/wire.h"

static void le(struct buf *b, uint64_t v, size_t n)
{
	wire_le(b, v, n);
}

static void pad(struct buf *b, size_t n)
{
	le(b, 0, -n & 3);
}

static void option(struct buf *b, unsigned code, struct slice v)
{
	v = slice_cut(v, 0, UINT16_MAX);
	le(b, code, 2);
	le(b, v.n, 2);
	buf_put(b, v);
	pad(b, v.n);
}

static size_t begin_block(struct buf *b, uint32_t type)
{
	size_t at = b->n;

	le(b, type, 4);
	le(b, 0, 4);
	return at;
}

static void end_block(struct buf *b, size_t at)
{
	size_t n = b->n - at + 4;

	le(b, n, 4);
	if (b->failed)
		return;
	for (size_t i = 0; i < 4; i++)
		b->p[at + 4 + i] = (uint8_t)(n >> 8 * i);
}

void block_section(struct buf *b)
{
	size_t at = begin_block(b, 0x0a0d0d0a);

	le(b, 0x1a2b3c4d, 4);
	le(b, 1, 2);
	le(b, 0, 2);
	le(b, UINT64_MAX, 8); /* length: not said */
	option(b, 1, SLICE_LIT("Frames are made up around what Limpid understood of decrypted streams; comments say what differs from "
			       "what was sent."));
	option(b, 4, SLICE_LIT("Limpid " LIMPID_VERSION));
	le(b, 0, 4);
	end_block(b, at);
	at = begin_block(b, 1);
	le(b, 1, 2); /* LINKTYPE_ETHERNET */
	le(b, 0, 2);
	le(b, 0, 4); /* no snap length */
	option(b, 2, SLICE_LIT("limpid"));
	option(b, 9, SLICE_LIT("\x09")); /* times are in 10^-9 s */
	le(b, 0, 4);
	end_block(b, at);
}

void block_name(struct buf *b, const uint8_t addr[16], const char *name)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = memcmp(addr, mapped, 12) == 0;
	struct slice a = { v4 ? addr + 12 : addr, v4 ? 4 : 16 }, s = slice_cut(slice_str(name), 0, 250);
	size_t at = begin_block(b, 4);

	le(b, v4 ? 1 : 2, 2);
	le(b, a.n + s.n + 1, 2);
	buf_put(b, a);
	buf_put(b, s);
	le(b, 0, 1);
	pad(b, a.n + s.n + 1);
	le(b, 0, 4); /* the end of the records */
	end_block(b, at);
}

void block_packet(struct buf *b, int64_t at_ns, struct slice frame, const char *comment)
{
	size_t at = begin_block(b, 6);

	le(b, 0, 4);
	le(b, (uint64_t)at_ns >> 32, 4);
	le(b, (uint64_t)at_ns & UINT32_MAX, 4);
	le(b, frame.n, 4);
	le(b, frame.n, 4);
	buf_put(b, frame);
	pad(b, frame.n);
	if (comment && comment[0]) {
		option(b, 1, slice_str(comment));
		le(b, 0, 4);
	}
	end_block(b, at);
}
