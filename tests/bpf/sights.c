/* SPDX-License-Identifier: Apache-2.0 */
/* sights.c - what the program says of its back ends (src/tap/sight.c) is what the tests expect of them. */
#include <stdio.h>

#include "check.h"
#include "expect.h"
#include "tap/sight.h"

/* The first and last way of each row of sight_rows, in their order. */
static const uint32_t ops[][2] = {
	{ S_WRITE, S_ZEROCOPY },
	{ S_SENDFILE, S_SENDFILE },
	{ S_SPLICE_FILE, S_TEE },
	{ S_URING_SEND, S_URING_SPLICE },
	{ R_READ, R_PEEK },
	{ R_URING_RECV, R_URING_PEEK },
	{ R_SPLICE, R_SPLICE },
	{ R_TRUNC, R_TRUNC },
	{ R_ZEROCOPY, R_ZEROCOPY },
	{ S_WRITE, S_MORE }, /* of TLS by the kernel */
	{ R_READ, R_PEEK },
	{ S_SENDFILE, S_TEE },
	{ R_SPLICE, R_SPLICE },
	{ S_URING_SEND, S_URING_SENDMSG_ZC },
	{ R_URING_RECV, R_URING_SQPOLL },
	{ S_WRITE, S_MORE }, /* of AF_UNIX */
	{ R_READ, R_PEEK },
	{ S_SENDFILE, S_TEE },
	{ R_SPLICE, R_SPLICE },
	{ S_URING_SEND, S_URING_SPLICE },
	{ R_URING_RECV, R_URING_PEEK },
	{ S_WRITE, S_SENDMMSG }, /* of UDP: what udp.c moves */
	{ R_READ, R_PEEK },
	{ S_URING_SEND, S_URING_SQPOLL },
	{ R_URING_RECV, R_URING_PEEK },
};

static bool agrees(const struct sight_row *row, enum tap_backend b, uint32_t op)
{
	enum seen is = (row->l4 == SIGHT_KTLS ? expect_tls(b, row->sends, op)
			: row->sends ? expect_send(b, row->l4, op)
				     : expect_recv(b, row->l4, op)).seen;
	enum sight says = row->by[b];
	bool right = (is == SEEN_BYTES) == (says == SIGHT_BYTES || says == SIGHT_BYTES_RECEIVED) &&
		     (is == SEEN_NOT) == (says == SIGHT_NOTHING);

	/* That is for the kernel to decide. */
	if (says == SIGHT_BYTES_TRACED)
		right = is == SEEN_BYTES || is == SEEN_HOLE;
	else if (says == SIGHT_HOLE_TOLD || says == SIGHT_BYTES_TOLD)
		right = is == SEEN_NOT || is == (says == SIGHT_HOLE_TOLD ? SEEN_HOLE : SEEN_BYTES);
	if (!right) {
		printf("# %s: %s says otherwise\n", row->what, tap_backend_name(b));
		return false;
	}
	return true;
}

void sights(struct watch *w, struct worker *k)
{
	bool ok = sight_nrows == sizeof(ops) / sizeof(*ops);

	(void)w;
	(void)k;
	for (size_t i = 0; ok && i < sight_nrows; i++)
		for (enum tap_backend b = TAP_BACKEND_TRACEPOINT; b < TAP_BACKENDS; b++)
			for (uint32_t op = ops[i][0]; op <= ops[i][1]; op++)
				ok = agrees(&sight_rows[i], b, op) && ok;
	check(ok, "what doctor says of each back end is what is tested");
}
