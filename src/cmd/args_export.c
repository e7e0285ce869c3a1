/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/args_priv.h"

#include <string.h>

enum key { KEY_READ = 'r', KEY_DB = 0x300, KEY_RUNNING };

static error_t option(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case KEY_DB:
		a->db = arg;
		return 0;
	case KEY_RUNNING:
		args_running_option(state, arg);
		return 0;
	case KEY_READ:
		a->from = arg;
		return 0;
	case ARGP_KEY_END:
		if (!!a->db + !!a->running + !!a->from > 1)
			argp_error(state, "give one of --running, --db and --read");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option export_options[] = {
	{ NULL, 0, NULL, 0, "Where flows come from:", 4 },
	{ "running", KEY_RUNNING, "URL", 0, "a running Limpid: the address that it printed, with the token", 4 },
	{ "db", KEY_DB, "FILE", 0, "a database (default /var/lib/limpid/limpid.db); it may be in use", 4 },
	{ "read", KEY_READ, "FILE", 0, "a recording of limpid record, or a capture", 4 },
	{ 0 },
};
static const struct argp_option import_options[] = {
	{ NULL, 0, NULL, 0, "Where flows go:", 4 },
	{ "running", KEY_RUNNING, "URL", 0, "a running Limpid: the address that it printed, with the token", 4 },
	{ "db", KEY_DB, "FILE", 0, "a database that no running Limpid uses; it is made when there is none", 4 },
	{ 0 },
};

const struct argp args_export = { .options = export_options, .parser = option };
const struct argp args_import = { .options = import_options, .parser = option };
