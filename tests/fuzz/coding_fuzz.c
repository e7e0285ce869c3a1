/* SPDX-License-Identifier: Apache-2.0 */
/* Input: one byte that picks a list of codings and whether the body is partial, then the body. */
#include <stdlib.h>

#include "proto/coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const lists[] = {
		"gzip",		"deflate",	    "br",      "zstd", "gzip, br",
		"zstd, x-gzip", "deflate, deflate", "br, zstd"
	};
	const size_t max = 100000;
	struct slice out = { 0 };
	volatile size_t sum = 0;
	struct arena *a;

	if (size == 0)
		return 0;
	a = arena_new(4 * max);
	if (a && coding_undo(a, slice_str(lists[data[0] & 7]), (struct slice){ data + 1, size - 1 },
			     max, data[0] & 8, &out) <= CODING_CUT) {
		if (out.n > max)
			abort();
		for (size_t i = 0; i < out.n; i++)
			sum += out.p[i];
	}
	arena_free(a);
	return 0;
}
