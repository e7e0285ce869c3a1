/* SPDX-License-Identifier: Apache-2.0 */
/* tls_plan.h - where to probe one file for one row of the table of TLS libraries. */
#ifndef LIMPID_TAP_TLS_PLAN_H
#define LIMPID_TAP_TLS_PLAN_H

#include "event.h"
#include "tap/elf.h"
#include "tap/sites.h"
#include "tls/tls.h"

#define TLS_PLAN_SITES 12
#define TLS_PLAN_EXITS 32
struct tls_site {
	struct site at;
	struct tls_call call; /* symbol borrowed from the table; len_arg is this file's */
	bool by_exit; /* the call's end is one of the plan's exits, or of no interest; else a return probe on the site */
	bool caller;  /* the site is not in the function but a call of it */
};
struct tls_plan {
	size_t n;
	struct tls_site site[TLS_PLAN_SITES];
	size_t nexits; /* passed by calls that are over, with the return value in its register */
	struct site exit[TLS_PLAN_EXITS];
	struct ev_tls_layout layout; /* of the connection object; all 0: not known */
};

/* The file defines one of row's calls with a direction: 1, else 0; -EBADMSG as elf_image_symbols. */
int tls_plan_applies(struct elf_image *img, const struct tls_lib *row);
/* Sites that together see every call of the row once or more often (a call that passes two sites is
 * told apart in the kernel).  0; -ENOENT: the row does not apply; -ENOEXEC, -ERANGE, -EIO: a symbol
 * does not point at code that can be probed; -EINVAL: reading and writing are one function; -EBADMSG. */
int tls_plan_make(struct tls_plan *ret, struct elf_image *img, const struct tls_lib *row,
		  bool nop5);
bool tls_plan_returns(const struct tls_plan *p); /* it has return probes */
/* Finds for a plan the places that calls pass when they are over, instead of return probes.  Handshakes, whose ends cannot be
 * told that way, and outer calls are left out.  0; -ENOTSUP, -ENOENT: there is a call without such a place; -ENOSPC: too many. */
int tls_plan_exits(struct tls_plan *p, struct elf_image *img, const struct tls_lib *row, bool nop5);
/* The same as tls_plan_make with a single-stepped probe on the first byte of each exported call: what bench/ compares with. */
int tls_plan_naive(struct tls_plan *ret, struct elf_image *img, const struct tls_lib *row);
/* "ssl_read_internal+0 (push), ssl_write_internal+0 (push)" */
void tls_plan_text(const struct tls_plan *p, char *buf, size_t size);

#endif
