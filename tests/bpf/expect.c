/* SPDX-License-Identifier: Apache-2.0 */
/* expect.c - one row per way that some back end does not see whole.  A way without a row is seen by all. */
#include "expect.h"

#include "check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/utsname.h>

#define BYTES                           \
	{                               \
		SEEN_BYTES, EV_WHY_NONE \
	}
#define NO_BUFFER                           \
	{                                   \
		SEEN_HOLE, EV_WHY_NO_BUFFER \
	}
#define UNSEEN                           \
	{                                \
		SEEN_HOLE, EV_WHY_UNSEEN \
	}
#define MAPPED                           \
	{                                \
		SEEN_PART, EV_WHY_UNSEEN \
	}

struct row {
	uint32_t op;
	struct expect tracepoint, probe; /* probe: fentry and kprobe */
};

static const struct row sends[] = {
	/* A system call that names no buffer of the program. */
	{ S_SENDFILE, NO_BUFFER, BYTES },
	{ S_SPLICE_FILE, NO_BUFFER, BYTES },
	{ S_SPLICE_PIPE, NO_BUFFER, BYTES },
	{ S_VMSPLICE, NO_BUFFER, BYTES },
	{ S_TEE, NO_BUFFER, BYTES },
	/* No system call. */
	{ S_URING_SEND, UNSEEN, BYTES },
	{ S_URING_SENDMSG, UNSEEN, BYTES },
	{ S_URING_WRITE, UNSEEN, BYTES },
	{ S_URING_WRITEV, UNSEEN, BYTES },
	{ S_URING_WRITE_FIXED, UNSEEN, BYTES },
	{ S_URING_SEND_ZC, UNSEEN, BYTES },
	{ S_URING_SENDMSG_ZC, UNSEEN, BYTES },
	{ S_URING_ASYNC, UNSEEN, BYTES },
	{ S_URING_SQPOLL, UNSEEN, BYTES },
	{ S_URING_SPLICE, UNSEEN, BYTES },
};
static const struct row recvs[] = {
	{ R_TRUNC, NO_BUFFER, NO_BUFFER },
	{ R_SPLICE, NO_BUFFER, BYTES },
	{ R_ZEROCOPY, MAPPED, MAPPED },
};

/* Not by a system call. */
static bool is_uring(uint32_t op, bool out)
{
	return out ? op >= S_URING_SEND && op <= S_URING_SPLICE : op >= R_URING_RECV && op < R_OPS;
}

static bool kernel_since(unsigned want_major, unsigned want_minor)
{
	struct utsname u = { 0 };
	unsigned major = 0, minor = 0;

	uname(&u);
	return sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major > want_major || (major == want_major && minor >= want_minor));
}

static struct expect find(const struct row *rows, size_t n, enum tap_backend b, enum ev_l4 l4,
			  uint32_t op)
{
	bool traced = b == TAP_BACKEND_TRACEPOINT;
	struct expect x = BYTES;

	for (size_t i = 0; i < n; i++)
		if (rows[i].op == op)
			x = traced ? rows[i].tracepoint : rows[i].probe;
	/* The tracepoints sock_send_length and sock_recv_length came with 6.3. */
	if (l4 != EV_TCP && traced && is_uring(op, rows == sends)) {
		if (!kernel_since(6, 3))
			x = (struct expect){ SEEN_NOT, EV_WHY_NONE };
		else if (l4 == EV_UDP || rows == sends)
			x = (struct expect)NO_BUFFER;
	}
	return x;
}

struct expect expect_send(enum tap_backend b, enum ev_l4 l4, uint32_t op)
{
	if (l4 == EV_TCP && kernel_since(6, 16)) /* the tracepoint tcp_sendmsg_locked */
		return (struct expect)BYTES;
	return find(sends, sizeof(sends) / sizeof(*sends), b, l4, op);
}

struct expect expect_recv(enum tap_backend b, enum ev_l4 l4, uint32_t op)
{
	struct expect x = find(recvs, sizeof(recvs) / sizeof(*recvs), b, l4, op);

	if (only_tcp && b == TAP_BACKEND_TRACEPOINT && x.seen == SEEN_HOLE)
		x.why = EV_WHY_UNSEEN; /* only the sequence numbers tell of such a call */
	return x;
}

struct expect expect_tls(enum tap_backend b, bool out, uint32_t op)
{
	bool unseen = out ? op >= S_SENDFILE : op == R_SPLICE || op >= R_URING_RECV;

	if (b != TAP_BACKEND_TRACEPOINT || !unseen)
		return (struct expect)BYTES;
	if (is_uring(op, out) && !kernel_since(6, 3))
		return (struct expect){ SEEN_NOT, EV_WHY_NONE };
	return (struct expect)NO_BUFFER;
}

bool expect_ends(enum tap_backend b, uint32_t op)
{
	return b != TAP_BACKEND_TRACEPOINT || !is_uring(op, false) || kernel_since(6, 3);
}
