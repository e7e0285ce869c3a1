/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int keep(struct outbox *o, enum ipc_kind kind, const struct ipc_msg *m)
{
	if (o->n >= OUTBOX_MAX) {
		o->dropped++;
		return -ENOBUFS;
	}
	if (o->head + o->n == o->cap) {
		if (o->head) {
			memmove(o->list, o->list + o->head, o->n * sizeof(*o->list));
			o->head = 0;
		} else {
			size_t cap = o->cap ? o->cap * 2 : 64;
			void *list = realloc(o->list, cap * sizeof(*o->list));

			if (!list) {
				o->dropped++;
				return -ENOBUFS;
			}
			o->list = list;
			o->cap = cap;
		}
	}
	o->list[o->head + o->n] = *m;
	o->list[o->head + o->n].kind = (uint16_t)kind;
	o->n++;
	return 0;
}

int outbox_flush(struct outbox *o)
{
	while (o->n) {
		const struct ipc_msg *m = &o->list[o->head];
		int err = ipc_send(o->sock, m->kind, m, -1);

		if (err)
			return err;
		o->head++;
		o->n--;
	}
	o->head = 0;
	return 0;
}

int outbox_send(struct outbox *o, enum ipc_kind kind, struct ipc_msg *m, int pass_fd)
{
	int err;

	if (o->sock < 0)
		return -EPIPE;
	err = outbox_flush(o);
	if (err == 0)
		err = ipc_send(o->sock, kind, m, pass_fd);
	if (err != -EAGAIN || pass_fd >= 0)
		return err;
	return keep(o, kind, m);
}

void outbox_clear(struct outbox *o)
{
	o->head = o->n = 0;
}

void outbox_release(struct outbox *o)
{
	free(o->list);
	*o = (struct outbox){ .sock = -1 };
}
