/* SPDX-License-Identifier: Apache-2.0 */
/* args_priv.h - what the files that read the command line share. */
#ifndef LIMPID_CMD_ARGS_PRIV_H
#define LIMPID_CMD_ARGS_PRIV_H

#include <argp.h>

#include "cmd/args.h"

/* Each file numbers its long options in a range of its own: args.c from 0x100, args_capture.c from 0x200, args_export.c from
 * 0x300, args_decode.c from 0x400, args_print.c from 0x500. */

extern const struct argp args_capture; /* args_capture.c: what is captured, and how */

extern const struct argp args_decode; /* args_decode.c: about the bytes that are read */
extern const struct argp args_print;		   /* args_print.c: what is printed of flows, and how */
extern const struct argp args_export, args_import; /* args_export.c: which flows, or where to */

/* Takes the URL given to --running; ends the program with a message when it is none. */
void args_running_option(struct argp_state *state, const char *arg);
/* Reads the size given to --NAME; ends the program with a message when it is none. */
void args_size_option(struct argp_state *state, const char *name, const char *arg, uint64_t *ret);

#endif
