/* SPDX-License-Identifier: Apache-2.0 */
/* flavour.h - which of the two flavours of the BPF programs a kernel can run, and one skeleton for both.
 *
 * bpf/compat.bpf.h says how they differ.  A kernel is asked for helpers and kinds of maps, never for its version:
 * distributions take features into older versions.
 */
#ifndef LIMPID_TAP_FLAVOUR_H
#define LIMPID_TAP_FLAVOUR_H

#include <stdbool.h>
#include <stddef.h>

struct limpid_bpf;

/* The kernel lacks what the flavour for present kernels needs, or the environment has LIMPID_FLAVOUR=old (for
 * tests). */
bool flavour_is_old(void);
/* Opens the flavour, as limpid_bpf__open does.  The caller destroys the skeleton.  0, -ENOMEM, or what libbpf said. */
int flavour_open(struct limpid_bpf **ret, bool old);
/* The bytes of the old flavour's object file; lives as long as the process. */
const void *flavour_old_bytes(size_t *ret_len);

#endif
