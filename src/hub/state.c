/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define ROW_BYTES 400 /* of memory per row of the list, with what it refers to */

uint64_t hub_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int hub_state_init(struct hub_state *st, const struct hub_options *o)
{
	uint8_t boot[16];

	st->o = o;
	st->last = &st->first;
	st->wake_main = -1;
	st->started_ns = hub_now_ns();
	(void)pthread_mutex_init(&st->lock, NULL);
	if (getrandom(boot, sizeof(boot), 0) != sizeof(boot))
		return -EIO;
	for (size_t i = 0; i < sizeof(boot); i++)
		(void)snprintf(st->boot + 2 * i, 3, "%02x", boot[i]);
	return list_init(&st->list, o->max_rows, o->max_rows * ROW_BYTES);
}

void hub_state_release(struct hub_state *st)
{
	struct hub_command *cmd;

	while ((cmd = st->first)) {
		st->first = cmd->next;
		hub_command_free(cmd);
	}
	list_release(&st->list);
	agents_release(&st->agents);
	capture_release(&st->capture);
	buf_release(&st->saved);
	buf_release(&st->types);
	if (st->wake_main >= 0)
		close(st->wake_main);
	(void)pthread_mutex_destroy(&st->lock);
}

uint64_t hub_command(struct hub_state *st, enum hub_command_kind kind, struct capture *c,
		     struct buf *part)
{
	struct hub_command *cmd = calloc(1, sizeof(*cmd));
	uint64_t ticket = 0, one = 1;

	if (cmd) {
		cmd->kind = kind;
		cmd->capture = c ? *c : (struct capture){ 0 };
		if (part) {
			cmd->part = *part;
			*part = (struct buf){ 0 };
		}
		hub_lock(st);
		ticket = cmd->ticket = ++st->tickets;
		*st->last = cmd;
		st->last = &cmd->next;
		hub_unlock(st);
		(void)!write(st->wake_main, &one, sizeof(one)); /* full: it is awake already */
	} else if (c) {
		capture_release(c);
	}
	return ticket;
}

void hub_command_free(struct hub_command *cmd)
{
	capture_release(&cmd->capture);
	buf_release(&cmd->part);
	free(cmd);
}

bool hub_command_done(struct hub_state *st, uint64_t ticket, int *ret_result)
{
	bool done;

	hub_lock(st);
	done = st->done >= ticket;
	*ret_result = st->results[ticket % HUB_RESULTS];
	hub_unlock(st);
	return done;
}
