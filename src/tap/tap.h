/* SPDX-License-Identifier: Apache-2.0 */
/* tap.h - the privileged loop: what is captured, who it belongs to, and the processes that do the rest.
 *
 * It owns the kernel side, the TLS probes and the container list; it starts decode, talks to it over ipc,
 * and starts it again when it dies.  It never reads a captured byte.
 */
#ifndef LIMPID_TAP_TAP_H
#define LIMPID_TAP_TAP_H

#include <sys/types.h>

#include "tap/bpf.h"
#include "tap/comms.h"
#include "tap/ends.h"
#include "tap/policy.h"

struct tap_options { /* everything is borrowed until tap_close */
	struct tap_bpf_options bpf;
	const char *docker_socket;   /* NULL: the usual one */
	const char *cri_socket;	     /* as for containers_new */
	const char *cache_dir;	     /* of tls_cache_open; NULL: no cache */
	const struct policy *policy; /* to begin with */
	/* The hub's settings change this part of the policy only once they differ from its first ones. */
	bool keep_choice, keep_body_limit, keep_conn_budget;
	const uint32_t *pids; /* processes to capture besides, with those that they start */
	size_t npids;
	const char *const *comms; /* globs */
	size_t ncomms;
	const char *const *not_comms; /* such as comms_key takes */
	size_t nnot_comms;
	const uint32_t *own; /* Limpid's other processes: never captured */
	size_t nown;
	uint16_t own_ports[EV_OWN_PORTS];
	const char *hub; /* for messages: "127.0.0.1:50052"; NULL: there is none */
};

#define TAP_DECODE_FAILED 4 /* exit status of a decode that cannot go on, and has said why */

struct tap_hooks {
	/* Starts decode with its end of the ipc socket and the n maps of events.  Its pid, or negative
	 * errno. */
	pid_t (*start_decode)(void *ctx, int ipc, const int *rings, unsigned n);
	/* Starts a helper that connects to the hub and answers with one IPC_HUB over reply. */
	pid_t (*start_connect)(void *ctx, int reply);
	/* A child that is neither of these ended.  False: stop. */
	bool (*ended)(void *ctx, pid_t pid, int status);
	void (*captures)(void *ctx,
			 const char *sentence); /* what is captured, at the start and at changes */
	void *ctx;
};

struct tap;
/* Loads and attaches; nothing is captured yet.  0, or negative errno after err got one sentence. */
int tap_open(struct tap **ret, const struct tap_options *o, const struct tap_hooks *h, char *err,
	     size_t errlen);
/* How TLS probes are attached: tap_bpf_tls_backend. */
const char *tap_probes(const struct tap *t);
/* Starts decode and runs until SIGINT or SIGTERM, until decode ends by itself (its output is closed), or
 * until a hook says so; then has decode flush.  0, or negative errno when decode cannot be started. */
int tap_run(struct tap *t);
void tap_close(struct tap *t); /* detaches everything */

#endif
