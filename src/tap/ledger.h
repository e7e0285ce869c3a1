/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h - which TLS is in a process, whether it is read, and if not, why.
 *
 * Libraries of the table are told by tls_watch, with every process that maps them; so a process that was short-lived has
 * its libraries here still.  For the rest the process is looked at when somebody asks: its mapped files by name, its
 * program by text (tls/marks.h).
 */
#ifndef LIMPID_TAP_LEDGER_H
#define LIMPID_TAP_LEDGER_H

#include "ipc/ipc.h"
#include "tap/tls_watch.h"

struct ledger;
typedef void (*ledger_fn)(void *ctx, const struct ipc_tls_process *p);

/* w is borrowed: it is told to tell.  changed is called for a process that was asked about when something is
 * otherwise than it was answered.  At most 8,192 processes are remembered; the one that was noted first gives way.
 * NULL: out of memory. */
struct ledger *ledger_new(struct tls_watch *w, ledger_fn changed, void *ctx);
void ledger_library(struct ledger *l, const struct tls_watch_lib *lib); /* as tls_watch_fn */
void ledger_task(struct ledger *l, const struct ev_task *ev);		/* before tls_watch_task */
void ledger_ask(struct ledger *l, uint32_t pid, struct ipc_tls_process *ret);
/* Nobody asked about anything yet: decode was started again. */
void ledger_forget_asked(struct ledger *l);
void ledger_free(struct ledger *l);

#endif
