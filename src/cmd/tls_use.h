/* SPDX-License-Identifier: Apache-2.0 */
/* tls_use.h - decode's half of the ledger: what each process with sockets moved by TLS and how much of it was read; which
 * TLS it has, tap says. */
#ifndef LIMPID_CMD_TLS_USE_H
#define LIMPID_CMD_TLS_USE_H

#include "cmd/names.h"
#include "sink/collector.h"

#define TLS_USE_MAX  4096 /* processes; the one without use for longest gives way */
#define TLS_USE_ROWS 200  /* told at a time */

struct tls_use;

struct tls_use *tls_use_new(void); /* NULL: out of memory */
/* now_ns: CLOCK_MONOTONIC.  True: tap has to be asked about that process. */
bool tls_use_note(struct tls_use *u, const struct conn_use *c, uint64_t now_ns);
void tls_use_answer(struct tls_use *u, const struct ipc_tls_process *p);
/* As conn_hooks.tls_why. */
enum tls_reason tls_use_why(const struct tls_use *u, uint32_t pid);
/* Processes of one name, container and library are one row; those that cannot be read and move most come first.  Rows that
 * ended are left out when nobody used them for ten minutes.  *ret is valid until the next call on u or names. */
void tls_use_list(struct tls_use *u, const struct names *names, uint64_t now_ns,
		  struct collector_ledger *ret);
void tls_use_free(struct tls_use *u);

#endif
