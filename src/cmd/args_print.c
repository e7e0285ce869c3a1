/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/args_priv.h"

#include <string.h>

enum key { KEY_HEADERS = 'H', KEY_BODY = 'b', KEY_MESSAGES = 'm', KEY_ROWS = 'R', KEY_COUNT = 'n', KEY_COLOR = 0x500 };

static const struct argp_option options[] = {
	{ "headers", KEY_HEADERS, NULL, 0, "print headers, and what the TLS handshake said", 4 },
	{ "body", KEY_BODY, NULL, 0, "print bodies, also of messages; rows of SQL as a table", 4 },
	{ "messages", KEY_MESSAGES, NULL, 0, "print each message of WebSockets, event streams, gRPC and subscriptions as it comes", 4 },
	{ "rows", KEY_ROWS, "N", OPTION_ARG_OPTIONAL, "print rows of SQL answers, N of each (default 25)", 4 },
	{ "count", KEY_COUNT, "N", 0, "end after N flows", 4 },
	{ "color", KEY_COLOR, "WHEN", OPTION_ARG_OPTIONAL,
	  "auto (on a terminal, unless NO_COLOR is set), always or never (default auto)", 4 },
	{ 0 },
};

static void colour(struct args *a, const char *when, struct argp_state *state)
{
	static const char *const words[] = { "auto", "always", "never" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(when, words[i]) != 0)
			continue;
		a->colour = (enum args_colour)i;
		return;
	}
	argp_error(state, "--color: '%s' is none of auto, always, never", when);
}

static error_t option(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case KEY_HEADERS:
		a->headers = true;
		return 0;
	case KEY_BODY:
		a->bodies = true;
		return 0;
	case KEY_MESSAGES:
		a->messages = true;
		return 0;
	case KEY_ROWS:
		a->rows = true;
		if (arg)
			args_size_option(state, "rows", arg, &a->rows_max);
		return 0;
	case KEY_COUNT:
		args_size_option(state, "count", arg, &a->count);
		return 0;
	case KEY_COLOR:
		colour(a, arg ? arg : "always", state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp args_print = { .options = options, .parser = option };
