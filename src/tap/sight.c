/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/sight.h"

#define ALL(s) { [TAP_BACKEND_TRACEPOINT] = (s), [TAP_BACKEND_KPROBE] = (s), [TAP_BACKEND_FENTRY] = (s) }
#define BY(t, functions)                                                                     \
	{ [TAP_BACKEND_TRACEPOINT] = (t), [TAP_BACKEND_KPROBE] = (functions),                \
	  [TAP_BACKEND_FENTRY] = (functions) }

const struct sight_row sight_rows[] = {
	{ "write, writev, send, sendto, sendmsg, sendmmsg", true, ALL(SIGHT_BYTES) },
	{ "sendfile", true, BY(SIGHT_BYTES_TRACED, SIGHT_BYTES) },
	{ "splice and vmsplice into a socket", true, BY(SIGHT_BYTES_TRACED, SIGHT_BYTES) },
	{ "io_uring: send, sendmsg, write, send_zc, splice", true,
	  BY(SIGHT_BYTES_TRACED, SIGHT_BYTES) },
	{ "read, readv, recv, recvfrom, recvmsg, recvmmsg", false, ALL(SIGHT_BYTES) },
	{ "io_uring: recv, recvmsg, read, multishot", false, ALL(SIGHT_BYTES) },
	{ "splice from a socket", false, ALL(SIGHT_HOLE) },
	{ "bytes thrown away with MSG_TRUNC", false, ALL(SIGHT_HOLE) },
	{ "TCP_ZEROCOPY_RECEIVE", false, ALL(SIGHT_HOLE) },
};
const size_t sight_nrows = sizeof(sight_rows) / sizeof(*sight_rows);

const char *sight_text(enum sight s)
{
	static const char *const texts[] = { "bytes", "bytes (from Linux 6.16 on; else a gap)",
					     "a gap" };

	return texts[s];
}

bool sight_is_whole(const struct sight_row *row, const struct tap_hook *h)
{
	enum sight s = row->by[h->used];

	return s == SIGHT_BYTES || (s == SIGHT_BYTES_TRACED && h->traced);
}
