/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a length of two bytes, so much of a FileDescriptorProto, then a message of the type "M" that it may define, or
 * of none. */
#include <stdlib.h>

#include "flow/flow.h"
#include "proto/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init((struct slice){ data, size });
	size_t n = rd_be16(&r);
	struct slice file = rd_bytes(&r, n < rd_left(&r) ? n : rd_left(&r)),
		     in = { r.p, rd_left(&r) };
	static const char *const types[] = { "M", "google.protobuf.Any", "google.protobuf.Struct",
					     NULL };
	struct schemas *s = schemas_new(1 << 20, 1 << 20);
	struct buf out = { 0 };

	if (!s)
		return 0;
	(void)schemas_give(s, file);
	(void)schemas_learn(s, file);
	if (schemas_learn(s, file) > 0) /* the second time, it is known */
		abort();
	for (size_t i = 0; i < 8; i++) {
		buf_clear(&out);
		if (pb_json(&out, in, types[i / 2], s, i & 1) && !flow_shown_ok(buf_slice(&out)))
			abort();
	}
	(void)schemas_method(s, "/M/M");
	buf_release(&out);
	schemas_free(s);
	return 0;
}
