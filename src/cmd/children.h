/* SPDX-License-Identifier: Apache-2.0 */
/* children.h - the other processes of a command: the hub, and the one that connects to a hub. */
#ifndef LIMPID_CMD_CHILDREN_H
#define LIMPID_CMD_CHILDREN_H

#include "cmd/args.h"
#include "cmd/confine.h"

/* The options of hub_run out of the command line; token gets a fresh one when none was given.  Creates the
 * directory of the database, owned by who when running as root.
 * 0, or negative errno after err got one sentence. */
struct hub_setup {
	char db[4096], token[33], url[192];
	uint16_t http_port, grpc_port;
};
int hub_prepare(const struct args *a, const struct identity *who, struct hub_setup *ret, char *err,
		size_t errlen);
/* Runs the hub in this process until it is stopped.  Exit status. */
int hub_process(const struct args *a, const struct hub_setup *s, const struct identity *who,
		int ready_fd, int stop_fd);
/* Logs why it did not start. */
void hub_complain(const struct hub_setup *s, const struct identity *who, const char *err);
/* Starts it as a child and waits until it listens.  *ret_stop: closing it stops the hub.
 * Its pid, or negative errno after err got one sentence. */
pid_t hub_start(const struct args *a, const struct hub_setup *s, const struct identity *who,
		int *ret_stop, char *err, size_t errlen);

/* Starts a child that gives up its privileges, resolves host, connects, and answers with one IPC_HUB. */
pid_t connect_start(const struct args *a, const struct identity *who, int reply);
/* -s HOST:PORT: 0, or -EINVAL or -EPERM after err got one sentence. */
int connect_check(const struct args *a, uint16_t *ret_port, bool *ret_loopback, char *err,
		  size_t errlen);

/* The capture settings of a hub that listens at s->url.  set: tells it these first; then *a is filled with
 * what is in force.  0 or negative errno. */
struct policy;
int settings_exchange(const struct hub_setup *s, const struct policy *set, struct policy *ret);

#endif
