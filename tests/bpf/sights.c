/* SPDX-License-Identifier: Apache-2.0 */
/* sights.c - what the program says of its back ends (src/tap/sight.c) is what the tests expect of them. */
#include <stdio.h>

#include "check.h"
#include "expect.h"
#include "tap/sight.h"

/* The first and last way of each row of sight_rows, in their order. */
static const uint32_t ops[][2] = {
	{ S_WRITE, S_ZEROCOPY },    { S_SENDFILE, S_SENDFILE },
	{ S_SPLICE_FILE, S_TEE },   { S_URING_SEND, S_URING_SPLICE },
	{ R_READ, R_PEEK },	    { R_URING_RECV, R_URING_SQPOLL },
	{ R_SPLICE, R_SPLICE },	    { R_TRUNC, R_TRUNC },
	{ R_ZEROCOPY, R_ZEROCOPY },
};

static bool agrees(const struct sight_row *row, enum tap_backend b, uint32_t op)
{
	bool whole = (row->sends ? expect_send(b, EV_TCP, op) : expect_recv(b, EV_TCP, op)).seen ==
		     SEEN_BYTES;

	/* Both are right of SIGHT_BYTES_TRACED: that is for the kernel to decide. */
	if (row->by[b] != SIGHT_BYTES_TRACED && whole != (row->by[b] == SIGHT_BYTES)) {
		printf("# %s: %s says otherwise\n", row->what, tap_backend_name(b));
		return false;
	}
	return true;
}

void sights(struct watch *w)
{
	bool ok = sight_nrows == sizeof(ops) / sizeof(*ops);

	(void)w;
	for (size_t i = 0; ok && i < sight_nrows; i++)
		for (enum tap_backend b = TAP_BACKEND_TRACEPOINT; b < TAP_BACKENDS; b++)
			for (uint32_t op = ops[i][0]; op <= ops[i][1]; op++)
				ok = agrees(&sight_rows[i], b, op) && ok;
	check(ok, "what doctor says of each back end is what is tested");
}
