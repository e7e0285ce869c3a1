/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - what decode was told about containers, cgroups and TLS libraries. */
#ifndef LIMPID_CMD_NAMES_H
#define LIMPID_CMD_NAMES_H

#include "conn/table.h"
#include "ipc/ipc.h"

struct names;

enum names_of {
	NAMES_UNKNOWN, /* not told yet whose cgroup that is, or its name is still to come */
	NAMES_NOBODY,  /* of no container */
	NAMES_FOUND,
};

struct names *names_new(void); /* NULL: out of memory */
/* Messages from tap.  0, -ENOMEM. */
int names_container(struct names *n, const struct ipc_container *c);
int names_cgroup(struct names *n, const struct ipc_cgroup *g);
int names_tls_lib(struct names *n, const struct ipc_tls_lib *l);
/* Strings in *ret are valid until the next message. */
enum names_of names_by_cgroup(const struct names *n, uint64_t cgroup_id, struct conn_names *ret);
/* NAMES_UNKNOWN: its last owner is gone, so it may have a new one already; *ret is the last owner. */
enum names_of names_by_addr(const struct names *n, const uint8_t addr[16], struct conn_names *ret);
/* Library and version, or "tls" and "" when unknown; strings live as long as n. */
void names_by_lib(const struct names *n, uint16_t lib, const char **ret_name,
		  const char **ret_version);
/* Iterates over the containers that were not removed; NULL to begin, NULL at the end. */
const struct ipc_container *names_next(const struct names *n, const struct ipc_container *prev);
void names_free(struct names *n);

#endif
