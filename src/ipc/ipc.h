/* SPDX-License-Identifier: Apache-2.0 */
/* ipc.h - the fixed messages between tap and decode: one SOCK_SEQPACKET pair.
 *
 * Each side treats the other as hostile: the size, the kind for this direction, every enum and the
 * NUL of every string are checked by ipc_recv before the message is handed out.
 */
#ifndef LIMPID_IPC_IPC_H
#define LIMPID_IPC_IPC_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

enum ipc_kind {
	/* tap to decode */
	IPC_CONTAINER = 1, /* struct ipc_container */
	IPC_CGROUP,	   /* struct ipc_cgroup: this cgroup is that container's */
	IPC_TLS_LIB,	   /* struct ipc_tls_lib: a probed library, for the flow's tls facts */
	IPC_HUB,	   /* struct ipc_hub: answer to IPC_CONNECT; carries the connected socket when err is 0 */
	IPC_HEALTH,	   /* struct ipc_health: a named fact for the health report */
	IPC_STOP,	   /* no body: flush and exit */
	IPC_CAPTURE,	   /* struct ipc_capture: what is in force now */
	IPC_TLS_PROCESS,   /* struct ipc_tls_process: answer to IPC_TLS_WHO, and again when it changes */
	/* decode to tap */
	IPC_VERDICT = 64, /* struct ipc_verdict */
	IPC_CONNECT,	  /* no body: connect to the hub again */
	IPC_SETTINGS,	  /* struct ipc_settings: one rule list entry from the hub */
	IPC_STATS,	  /* struct ipc_stats */
	IPC_WHO,	  /* struct ipc_cgroup without an id: whose is it?  Answered by IPC_CGROUP */
	IPC_TLS_WHO,	  /* struct ipc_tls_who: which TLS is in that process? */
};

#define IPC_BODY_MAX 1128
struct ipc_msg {
	uint16_t kind, size; /* size: bytes of body used */
	uint32_t seq;
	union {
		uint8_t body[IPC_BODY_MAX];
		struct ipc_container {
			uint64_t cgroup_id;
			char id[65], name[128], image[256], project[64], service[64], state[16];
			char pod[128], namespace[64];
			uint8_t addrs[8][16];
			uint8_t naddrs, gone, captured, sandbox;
			char networks[128];
		} container;
		struct ipc_cgroup {
			uint64_t cgroup_id;
			char id[65]; /* "": of no container, as far as tap can tell */
		} cgroup;
		struct ipc_tls_lib {
			uint16_t lib; /* as ev_data.tls_lib */
			uint8_t tls;  /* as ev_data.tls */
			char name[16], version[32];
		} tls_lib;
		struct ipc_tls_who {
			uint32_t pid;
		} tls_who;
		struct ipc_tls_process {
			uint32_t pid;
			uint8_t reason; /* enum tls_reason: why it is not read; 0: it is */
			uint8_t nlibs;	/* those that fit */
			uint8_t more;	/* libraries that did not */
			uint8_t gone;	/* it has ended */
			char comm[EV_COMM_LEN];
			struct ipc_tls_use {
				char name[16], version[32], path[200]; /* path: cut at its beginning */
				uint8_t reason; /* as above, of this library */
			} libs[3];
		} tls_process;
		struct ipc_hub {
			int32_t err; /* 0 or positive errno */
			char text[120]; /* one sentence when err is not 0 */
		} hub;
		struct ipc_health {
			/* key: stable code ("kernel", "backend", "docker", "probe.openssl", "tls.unreadable");
			 * level: 0 ok, 1 notice, 2 problem; text: one sentence; hint: what to do, or "" */
			char key[48], text[300], hint[300];
			uint8_t level;
			uint64_t loss[EV_LOSS_MAX]; /* key "loss": the kernel's counters */
			uint64_t restarts;	    /* key "loss": how often decode was started again */
			uint64_t up_s; /* key "loss": how long tap runs */
			uint64_t cpu_ms[2], bytes[2]; /* key "loss": processor time and memory of tap, of decode */
		} health;
		struct ipc_verdict {
			uint64_t cookie;
			uint64_t skip_to; /* with skip: nothing before this position is wanted */
			uint32_t verdict; /* enum ev_verdict; not with skip */
			uint8_t skip, dir, plain; /* dir: enum ev_dir; plain: of TLS probes */
			uint8_t totals; /* no verdict: an EV_CLOSE with how 0 is wanted */
		} verdict;
		struct ipc_capture {
			uint32_t mode;	/* enum ipc_mode */
			uint8_t paused, hosts, include_new, pad;
			uint64_t body_limit;
			uint64_t conn_budget; /* bytes copied of each direction; 0: no limit */
		} capture;
		struct ipc_settings {
			/* A set of settings is one message with begin and capture, any number with a name, and one
			 * with commit; nothing is in force before commit. */
			uint8_t begin, commit, what, pad; /* what: enum ipc_rule, of name */
			struct ipc_capture capture;
			/* container name or id to choose (or to leave out); or a rule as in base/end_rule.h or
			 * base/proc_rule.h; or "" */
			char name[128];
		} settings;
		struct ipc_stats {
			uint64_t events, flows, gap_bytes, conns, bytes_held, queue_bytes, queue_dropped;
		} stats;
	};
};
enum ipc_mode { IPC_MODE_ALL = 0, IPC_MODE_CHOSEN = 1, IPC_MODE_EXCEPT = 2 };

enum ipc_rule { IPC_RULE_NAME, IPC_RULE_END, IPC_RULE_PROCESS };

enum ipc_end { IPC_TAP, IPC_DECODE }; /* who receives */

int ipc_pair(int ret_fds[2]); /* non-blocking, close-on-exec; 0 or negative errno */
/* Sends m as kind; m's own kind and size are not looked at, and m may be NULL for a kind without body.
 * pass_fd: -1, or a descriptor to give, which stays the caller's.
 * 0; -EAGAIN: the other side is slow; -EPIPE: gone; -EINVAL: no such kind. */
int ipc_send(int sock, enum ipc_kind kind, const struct ipc_msg *m, int pass_fd);
/* ret_fd: -1, or a descriptor that now belongs to the caller.  Bytes of *ret behind its size are zero.
 * 0; -EAGAIN: nothing there; -EPIPE: gone; -EBADMSG: dropped, the other side misbehaves. */
int ipc_recv(int sock, enum ipc_end self, struct ipc_msg *ret, int *ret_fd);

#endif
