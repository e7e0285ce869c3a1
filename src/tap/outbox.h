/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h - messages to decode that its socket did not take at once; bounded. */
#ifndef LIMPID_TAP_OUTBOX_H
#define LIMPID_TAP_OUTBOX_H

#include <stddef.h>

#include "ipc/ipc.h"

#define OUTBOX_MAX 16384 /* messages */

struct outbox { /* zero-initialise; sock is -1 while there is nobody */
	int sock;
	struct ipc_msg *list;
	size_t head, n, cap;
	uint64_t dropped;
};

/* In order with what waits already.  pass_fd stays the caller's and is only passed when nothing waits:
 * -EAGAIN otherwise.  0; -EPIPE: nobody there; -ENOBUFS: the limit, counted. */
int outbox_send(struct outbox *o, enum ipc_kind kind, struct ipc_msg *m, int pass_fd);
int outbox_flush(struct outbox *o); /* 0: empty now; -EAGAIN; -EPIPE */
void outbox_clear(struct outbox *o);
void outbox_release(struct outbox *o);

#endif
