/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks at any offset, markers, reads and skips: a byte that is read is the byte of its offset. */
#include "conn/stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t byte_at(uint64_t off)
{
	return (uint8_t)(off * 2654435761u >> 13);
}

static void put(struct stream *s, uint64_t off, size_t n)
{
	static uint8_t chunk[256];

	for (size_t i = 0; i < n; i++)
		chunk[i] = byte_at(off + i);
	(void)stream_put(s, off, (struct slice){ chunk, n }, off);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init((struct slice){ data, size });
	struct stream *s = stream_new(4096, 0);

	if (!s)
		abort();
	while (rd_left(&r) > 0 && !r.short_read) {
		uint8_t what = rd_u8(&r);
		uint64_t from = stream_offset(s), since, off = from + rd_be16(&r) % 8192;
		size_t n = rd_u8(&r);
		struct slice head;

		off -= off < 64 ? 0 : 64;
		switch (what & 7) {
		case 0:
			stream_consume(s, stream_head(s).n * n / 256);
			break;
		case 1:
			(void)stream_put_lost(s, off, n, off);
			break;
		case 2:
			(void)stream_skip_gap(s);
			break;
		case 3:
			(void)stream_end(s, off);
			break;
		default:
			put(s, off, n);
			break;
		}
		head = stream_head(s);
		from = stream_offset(s);
		for (size_t i = 0; i < head.n; i++)
			if (head.p[i] != byte_at(from + i))
				abort();
		if (stream_held(s) > 200000)
			abort();
		(void)stream_has_gap(s, &since);
		(void)stream_time(s, n);
	}
	stream_free(s);
	return 0;
}
