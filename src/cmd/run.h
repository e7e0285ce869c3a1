/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - the commands, one function each; main.c has the table.  All return an exit status. */
#ifndef LIMPID_CMD_RUN_H
#define LIMPID_CMD_RUN_H

#include "cmd/args.h"

int run_all(const struct args *a);
int run_agent(const struct args *a);
int run_hub(const struct args *a);
int run_tail(const struct args *a);
int run_read(const struct args *a);
int run_record(const struct args *a);
int run_doctor(const struct args *a);
/* What a running Limpid says of itself; url: of its page, with the token.  Exit status. */
/* Calls fn for each process that has a socket; those of one name and the same TLS are told once, with their number. */
struct ledger;
struct ipc_tls_process;
void doctor_processes(struct ledger *l, void (*fn)(void *ctx, const struct ipc_tls_process *p, unsigned n),
		      void *ctx);
int doctor_running(const char *url, bool json);
int run_export(const struct args *a);
int run_import(const struct args *a);
int run_import_reader(const struct args *a);
int run_version(const struct args *a);
int run_selftest(const struct args *a);

/* The filter of the command line, or NULL for none.  A mistake is shown with its place, and exits with 2. */
struct filter;
struct filter *run_filter(const struct args *a);

#endif
