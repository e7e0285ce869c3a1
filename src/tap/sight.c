/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/sight.h"

#define ALL(s) { [TAP_BACKEND_TRACEPOINT] = (s), [TAP_BACKEND_KPROBE] = (s), [TAP_BACKEND_FENTRY] = (s) }
#define BY(t, functions)                                                                     \
	{ [TAP_BACKEND_TRACEPOINT] = (t), [TAP_BACKEND_KPROBE] = (functions),                \
	  [TAP_BACKEND_FENTRY] = (functions) }

const struct sight_row sight_rows[] = {
	{ "write, writev, send, sendto, sendmsg, sendmmsg", true, EV_TCP, ALL(SIGHT_BYTES) },
	{ "sendfile", true, EV_TCP, BY(SIGHT_BYTES_TRACED, SIGHT_BYTES) },
	{ "splice and vmsplice into a socket", true, EV_TCP, BY(SIGHT_BYTES_TRACED, SIGHT_BYTES) },
	{ "io_uring: send, sendmsg, write, send_zc, splice", true, EV_TCP,
	  BY(SIGHT_BYTES_TRACED, SIGHT_BYTES) },
	{ "read, readv, recv, recvfrom, recvmsg, recvmmsg", false, EV_TCP, ALL(SIGHT_BYTES) },
	{ "io_uring: recv, recvmsg, read, multishot", false, EV_TCP,
	  BY(SIGHT_BYTES_RECEIVED, SIGHT_BYTES) },
	{ "splice from a socket", false, EV_TCP, BY(SIGHT_HOLE, SIGHT_BYTES) },
	{ "bytes thrown away with MSG_TRUNC", false, EV_TCP, ALL(SIGHT_HOLE) },
	{ "TCP_ZEROCOPY_RECEIVE", false, EV_TCP, ALL(SIGHT_HOLE) },
	{ "kernel TLS: system calls with buffers, to send", true, SIGHT_KTLS, ALL(SIGHT_BYTES) },
	{ "kernel TLS: system calls with buffers, to receive", false, SIGHT_KTLS, ALL(SIGHT_BYTES) },
	{ "kernel TLS: sendfile, splice and vmsplice into a socket", true, SIGHT_KTLS,
	  BY(SIGHT_HOLE, SIGHT_BYTES) },
	{ "kernel TLS: splice from a socket", false, SIGHT_KTLS, BY(SIGHT_HOLE, SIGHT_BYTES) },
	{ "kernel TLS, io_uring: send, sendmsg, write, send_zc", true, SIGHT_KTLS,
	  BY(SIGHT_HOLE_TOLD, SIGHT_BYTES) },
	{ "kernel TLS, io_uring: recv, recvmsg, read, multishot", false, SIGHT_KTLS,
	  BY(SIGHT_HOLE_TOLD, SIGHT_BYTES) },
	{ "unix sockets: system calls with buffers, to send", true, EV_UNIX, ALL(SIGHT_BYTES) },
	{ "unix sockets: system calls with buffers, to receive", false, EV_UNIX, ALL(SIGHT_BYTES) },
	{ "unix sockets: sendfile, splice and vmsplice into one", true, EV_UNIX,
	  BY(SIGHT_HOLE, SIGHT_BYTES) },
	{ "unix sockets: splice from one", false, EV_UNIX, BY(SIGHT_HOLE, SIGHT_BYTES) },
	{ "unix sockets, io_uring: send, sendmsg, write, splice", true, EV_UNIX,
	  BY(SIGHT_HOLE_TOLD, SIGHT_BYTES) },
	{ "unix sockets, io_uring: recv, recvmsg, read, multishot", false, EV_UNIX,
	  BY(SIGHT_BYTES_TOLD, SIGHT_BYTES) },
	{ "UDP: system calls with buffers, to send", true, EV_UDP, ALL(SIGHT_BYTES) },
	{ "UDP: system calls with buffers, to receive", false, EV_UDP, ALL(SIGHT_BYTES) },
	{ "UDP, io_uring: send, sendmsg, write, send_zc", true, EV_UDP,
	  BY(SIGHT_HOLE_TOLD, SIGHT_BYTES) },
	{ "UDP, io_uring: recv, recvmsg, read, multishot", false, EV_UDP,
	  BY(SIGHT_HOLE_TOLD, SIGHT_BYTES) },
};
const size_t sight_nrows = sizeof(sight_rows) / sizeof(*sight_rows);

const char *sight_text(enum sight s)
{
	static const char *const texts[] = { "bytes",  "bytes (from Linux 6.16 on; else a gap)",
					     "bytes",  "bytes (from Linux 6.3 on; else nothing)",
					     "a gap",  "a gap (from Linux 6.3 on; else nothing)",
					     "nothing" };

	return texts[s];
}

enum sight sight_now(const struct sight_row *row, const struct tap_hook *h)
{
	if (h->only_tcp && row->l4 != EV_TCP)
		return row->l4 == SIGHT_KTLS ? SIGHT_HOLE : SIGHT_NOTHING;
	switch (row->by[h->used]) {
	case SIGHT_BYTES:
		break;
	case SIGHT_BYTES_TRACED:
	case SIGHT_BYTES_RECEIVED:
		return h->traced ? SIGHT_BYTES : SIGHT_HOLE;
	case SIGHT_BYTES_TOLD:
		return h->told ? SIGHT_BYTES : SIGHT_NOTHING;
	case SIGHT_HOLE:
		return SIGHT_HOLE;
	case SIGHT_HOLE_TOLD:
		return h->told ? SIGHT_HOLE : SIGHT_NOTHING;
	case SIGHT_NOTHING:
		return SIGHT_NOTHING;
	}
	return SIGHT_BYTES;
}
