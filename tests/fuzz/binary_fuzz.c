/* SPDX-License-Identifier: Apache-2.0 */
/* Input: as MessagePack and as CBOR, whole and as a beginning. */
#include <stdlib.h>

#include "flow/flow.h"
#include "proto/binary_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice in = { data, size };
	struct buf out = { 0 };

	for (unsigned i = 0; i < 4; i++) {
		buf_clear(&out);
		if (!(i & 2 ? msgpack_json : cbor_json)(&out, in, i & 1)) {
			if (out.n != 0 && !out.failed)
				abort();
		} else if (!flow_shown_ok(buf_slice(&out))) {
			abort();
		}
	}
	buf_release(&out);
	return 0;
}
