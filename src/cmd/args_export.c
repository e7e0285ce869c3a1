/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/args_priv.h"

#include <string.h>

#include "export/redact.h"

enum key { KEY_READ = 'r', KEY_DB = 0x300, KEY_RUNNING, KEY_WITH_SECRETS, KEY_REDACT };

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
	case KEY_WITH_SECRETS:
		a->with_secrets = true;
		return 0;
	case KEY_REDACT:
		if (a->nredact == REDACT_RULES_MAX)
			argp_error(state, "--redact: at most %d rules", REDACT_RULES_MAX);
		a->redact[a->nredact++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (a->with_secrets && a->nredact)
			argp_error(state, "--with-secrets hides nothing: leave --redact out");
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
	{ NULL, 0, NULL, 0, "What is written:", 5 },
	{ "with-secrets", KEY_WITH_SECRETS, NULL, 0, "as it was said; else passwords, tokens, cookies and card numbers become REDACTED", 5 },
	{ "redact", KEY_REDACT, "RULE", 0, "hide this, too: the NAME of a header, cookie, parameter, field or column, or an /EXPRESSION/ (repeatable)", 5 },
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
