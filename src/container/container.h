/* SPDX-License-Identifier: Apache-2.0 */
/* container.h - which container a cgroup, a process or an address belongs to.
 *
 * Docker (or podman) is asked over its unix socket: one list at the start, then its event stream.  So is what
 * Kubernetes runs its containers with (containerd, CRI-O), through the Container Runtime Interface: a list now and
 * then, and each container when it is first seen.  A container that is gone keeps its entry until the limit is
 * reached, oldest first.
 */
#ifndef LIMPID_CONTAINER_CONTAINER_H
#define LIMPID_CONTAINER_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_ADDRS	    8
#define CONTAINER_CGROUP_V1 (1ULL << 63) /* in a cgroup id: of version 1's pids (or memory) tree */

struct container {
	uint64_t cgroup_id; /* 0: not known yet */
	char id[65];	    /* 64 hex digits, or a name (container_name_in_path) */
	char name[128], image[256], project[64],
		service[64];	      /* project, service: Docker Compose's */
	char pod[128], namespace[64]; /* Kubernetes'; "": not in a pod */
	bool sandbox;	/* holds a pod's namespaces and addresses; named like the pod */
	char state[16]; /* Docker's word: "running", "exited"; "": nobody told of it */
	uint8_t addrs[CONTAINER_ADDRS][16]; /* IPv4 mapped, network order */
	size_t naddrs;
	char networks[256];	      /* comma-separated */
	uint32_t pid;		      /* of its first process, host's namespace; 0: not running */
	uint64_t started_ns, gone_ns; /* CLOCK_MONOTONIC; gone_ns 0: still there */
	unsigned
		asked; /* by enum containers_which: the name is a makeshift, that engine was asked for the
			   * right one and will answer */
	bool pod_asked;	  /* the pod was not known when the container was: it was asked for */
	unsigned told_by; /* by enum containers_which: which engines know it */
};

enum containers_which { CONTAINERS_DOCKER, CONTAINERS_CRI, CONTAINERS_ENGINES };

enum containers_state { CONTAINERS_OFF, CONTAINERS_CONNECTING, CONTAINERS_OK };

struct containers_engine {
	const char *name;    /* "Docker", "podman", "containerd", "cri-o"; borrowed, as all are */
	const char *socket;  /* where it is, or would be */
	const char *version; /* NULL: it does not answer */
	const char *problem; /* one clear sentence, or NULL */
	enum containers_state state;
	bool settled; /* it has told all it knows: what was running is listed */
	bool absent;  /* nobody named it, and it is not there; or it has nothing to say to us */
};

struct containers;
/* c is borrowed; gone: it stopped.  Called from containers_poll and
 * containers_sweep only. */
typedef void (*container_fn)(void *ctx, const struct container *c, bool gone);

/* docker_socket: NULL: DOCKER_HOST's unix socket, or /var/run/docker.sock, or, when that is not there, podman's
 * (/run/podman/podman.sock).  cri_socket: NULL: CONTAINER_RUNTIME_ENDPOINT's, or the usual ones of containerd, CRI-O, k3s,
 * k0s and MicroK8s, whichever is there; "": none.  Absence is not an error: it is tried again every two seconds.
 * NULL: out of memory. */
struct containers *containers_new(const char *docker_socket, const char *cri_socket,
				  container_fn changed, void *ctx);
int containers_fd(
	const struct containers *c); /* an epoll descriptor: readable: call containers_poll */
void containers_poll(struct containers *c); /* never blocks; errors show in containers_engine */
void containers_engine(const struct containers *c, enum containers_which which,
		       struct containers_engine *ret);
/* Each engine has told all it knows, or will not: what was running is listed, Docker's with its cgroup. */
bool containers_settled(const struct containers *c);
/* Containers whose end nobody tells at once (all but Docker's): those whose cgroup is gone are gone.  To be called
 * now and then. */
void containers_sweep(struct containers *c);
const struct container *containers_find(const struct containers *c,
					uint64_t cgroup_id); /* or NULL */
const struct container *containers_find_id(const struct containers *c, const char *id);
const struct container *containers_next(const struct containers *c, const struct container *prev);
/* A process of container id was seen in this cgroup: remembers that, and makes an entry (named by the first
 * twelve digits until an engine says better) when there is none.  Does not call `changed`.  Borrowed; NULL: out
 * of memory. */
const struct container *containers_seen(struct containers *c, const char *id, uint64_t cgroup_id);
void containers_free(struct containers *c);

/* Reads /proc/PID/cgroup: the container id anywhere in a path.  *ret_cgroup_id: of the cgroup that carries the
 * id, in version 2's tree or else in version 1's; 0 when its directory cannot be found.  0; -ENOENT: not in a
 * container; -ESRCH: no such process. */
int container_of_pid(uint32_t pid, char ret_id[65], uint64_t *ret_cgroup_id);
/* The same for a cgroup whose processes may be gone already, as long as its directory is there (needs
 * CAP_DAC_READ_SEARCH).  isolated: its processes have a pid namespace of their own, so that a name will do as an id.
 * 0; -ENOENT: not a container's; -ESTALE: no such cgroup; -ENOTSUP: no such cgroup tree to be seen; or negative
 * errno. */
int container_of_cgroup(uint64_t cgroup_id, bool isolated, char ret_id[65]);
/* The container id in a cgroup path, any runtime; the innermost when containers are nested.
 * 0, -ENOENT. */
int container_id_in_path(const char *path, char ret_id[65]);
/* The name in the path of a container without such an id (ctr, runc, LXC, systemd-nspawn), cut to 64 bytes.
 * 0; -ENOENT: there is none, only units of systemd or the root. */
int container_name_in_path(const char *path, char ret_id[65]);

#endif
