/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/state.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

uint64_t hub_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
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
