/* SPDX-License-Identifier: Apache-2.0 */
/* tap_priv.h - what the parts of struct tap share. */
#ifndef LIMPID_TAP_TAP_PRIV_H
#define LIMPID_TAP_TAP_PRIV_H

#include "base/map.h"
#include "tap/ledger.h"
#include "tap/outbox.h"
#include "tap/tap.h"
#include "tap/late.h"
#include "tap/tls_watch.h"

#define SECOND_NS   1000000000ull
#define BACKOFF_MAX (5 * SECOND_NS) /* longest wait before decode is started again */
#define TAP_FACTS   256		    /* lines of the health report */

struct tap {
	struct tap_options o;
	struct tap_hooks h;
	struct tap_bpf *bpf;
	struct tap_untold untold;
	struct tls_watch *tls;
	struct late *late;
	struct ledger *ledger;
	struct images *images; /* NULL: the mounts cannot be watched */
	struct containers *containers;
	struct {
		enum containers_state state; /* as last told */
		bool told;
	} engines[CONTAINERS_ENGINES];

	struct policy policy, next, first; /* in force; being received; the hub's first */
	bool has_first, keep_choice, keep_body_limit, keep_conn_budget;
	struct ends ends; /* the policy's, as they are in force */
	struct map known; /* containers that were there when the policy came into force: id_key() */
	struct map cgroups; /* cgroup id to struct tap_cgroup */
	struct map tracked; /* tgids that got a rule here because of --pid or --comm */
	struct map never;  /* tgids of our own */
	struct map chosen; /* the same as tracked, because of the policy's rules about processes */
	uint32_t host_pidns;
	char own_id[65]; /* of the container that Limpid itself runs in, or "" */

	struct ipc_msg *facts, *libs;
	size_t nfacts, nlibs;

	int ep, signals;
	struct outbox out; /* to decode */
	pid_t decode;
	uint64_t decode_since_ns, restart_ns, wait_ns;
	uint64_t restarts, began_ns;
	uint64_t found; /* connections that were open before they were captured */
	int connect;	/* the reply socket of a connection attempt, or -1 */
	pid_t connecting;
	uint64_t hub_down_ns; /* since when the hub cannot be reached; 0: it can */
	bool hub_said;
	uint64_t sweep_ns,
		sweep_after_ns; /* when connections that ended unseen are looked for; not before */
	uint64_t rescan_ns, rescan_after_ns; /* the same of TLS libraries in all processes */
	bool stopping;
	uint64_t stop_ns; /* when decode has to be gone */
	int result;
};

struct tap_cgroup {
	uint64_t cgroup_id;
	char id[65];   /* "": of no container */
	bool isolated; /* looked up knowing that its processes have a pid namespace of their own */
};

/* tap.c: a process ended, and connections with it of which nobody tells. */
void tap_sweep_soon(struct tap *t);

/* The same, of TLS libraries: a process began, and nobody tells what it maps. */
void tap_rescan_soon(struct tap *t);

int tap_watch_fd(struct tap *t, int fd,
		 uint32_t events);	  /* tap_run hears of it; 0 or negative errno */
void tap_find_connections(struct tap *t); /* those that were open before */

/* peers.c: decode, and the process that connects to the hub. */
int tap_decode_start(struct tap *t);
void tap_decode_ended(struct tap *t,
		      int status);   /* as wait told: started again, unless that means an end */
bool tap_decode_came(struct tap *t); /* its messages; true: there are more */
void tap_decode_kill(struct tap *t);
void tap_decode_forget(struct tap *t); /* its socket */
void tap_connect_came(struct tap *t);
void tap_connect_end(struct tap *t);
/* Asks decode to end, and ends the loop with result when it has; asked twice: at once. */
void tap_stop(struct tap *t, int result);

/* subjects.c: containers, cgroups, processes, rules */
void tap_container_changed(void *ctx, const struct container *c, bool gone);
void tap_task(void *ctx, const struct ev_task *ev);
void tap_tls_found(void *ctx, const struct tls_watch_lib *l);
/* Answer decode's questions. */
void tap_tls_who(struct tap *t, uint32_t pid);
void tap_tls_changed(void *ctx, const struct ipc_tls_process *p);
void tap_who(struct tap *t, uint64_t cgroup_id);
/* Which connections the policy means; 0 or negative errno.  tap_apply_policy has to follow. */
int tap_apply_ends(struct tap *t);
/* The policy changed: rules and messages follow. */
void tap_apply_policy(struct tap *t);
/* Everything decode must know, after it was started. */
void tap_greet(struct tap *t);
void tap_engines_state(struct tap *t); /* tells when one answers, or no longer does */
uint32_t tap_host_pidns(void);	       /* inode number of the machine's pid namespace, 0: unknown */
void tap_fact(struct tap *t, const char *key, unsigned level, const char *hint, const char *fmt,
	      ...) __attribute__((format(printf, 5, 6)));
void tap_subjects_release(struct tap *t);

/* discovery.c: the first look at all processes, and at the file systems of containers, then and whenever one is mounted. */
void tap_discovery_begin(struct tap *t);
bool tap_discovery_event(struct tap *t, int fd); /* true: it was its descriptor */

/* processes.c */
void tap_never(struct tap *t, uint32_t tgid, bool on); /* a process of our own */
void tap_scan_processes(struct tap *t);		       /* --pid and --comm, at the start */
/* The policy's rules about processes: those that are there, and no others any more. */
void tap_choose_processes(struct tap *t);
void tap_processes_task(struct tap *t, const struct ev_task *ev);

uint64_t tap_now_ns(void);

#endif
