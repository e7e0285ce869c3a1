/* SPDX-License-Identifier: Apache-2.0 */
/* expect.h - what each back end is allowed not to see of each way to move bytes. */
#ifndef LIMPID_TESTS_EXPECT_H
#define LIMPID_TESTS_EXPECT_H

#include "tap/bpf.h"
#include "way.h"

enum seen {
	SEEN_BYTES, /* all of them, none missing */
	SEEN_HOLE,  /* their number only */
	SEEN_PART,  /* some of them; the rest is a hole */
	SEEN_NOT,   /* not even that they moved: AF_UNIX has no sequence numbers */
};
struct expect {
	enum seen seen;
	enum ev_why why; /* of the hole */
};

struct expect expect_send(enum tap_backend b, enum ev_l4 l4, uint32_t op);
struct expect expect_recv(enum tap_backend b, enum ev_l4 l4, uint32_t op);
/* Of TLS by the kernel: its ways with system calls. */
struct expect expect_tls(enum tap_backend b, bool out, uint32_t op);

/* Whether the end of a stream is told that was read in that way. */
bool expect_ends(enum tap_backend b, uint32_t op);

#endif
