/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/args_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum key {
	KEY_SERVER = 's',
	KEY_OUTPUT = 'o',
	KEY_JSON = 'j',
	KEY_HTTP = 0x100,
	KEY_GRPC,
	KEY_DB,
	KEY_WEB_HOST,
	KEY_RESEND,
	KEY_ALLOW_REMOTE,
	KEY_TOKEN,
	KEY_TOKEN_FILE,
	KEY_MAX_SIZE,
	KEY_MAX_AGE,
	KEY_MAX_ROWS,
	KEY_AGENT_TOKEN,
	KEY_PLAINTEXT,
	KEY_QUEUE,
	KEY_LOG_LEVEL,
	KEY_RUNNING,
};

/* --- values ----------------------------------------------------------------------------------- */

/* A decimal number with an optional fraction; *end is what follows. */
static int number(const char *s, double *ret, const char **ret_end)
{
	char *end;
	double v;

	if (*s < '0' || *s > '9' || s[1] == 'x' || s[1] == 'X')
		return -EINVAL;
	errno = 0;
	v = strtod(s, &end);
	if (errno)
		return -ERANGE;
	*ret = v;
	*ret_end = end;
	return 0;
}

int args_size(const char *s, uint64_t *ret)
{
	static const char letters[] = "kmgt";
	const char *end;
	double v;
	int err = number(s, &v, &end);

	if (err)
		return err;
	if (*end) {
		const char *l = strchr(letters, *end | 32);

		if (l) {
			end++;
			for (const char *p = letters; p <= l; p++)
				v *= 1024;
		}
		if (l && *end == 'i')
			end++;
		if (*end == 'B' || *end == 'b')
			end++;
	}
	if (*end)
		return -EINVAL;
	if (v >= 9e18)
		return -ERANGE;
	*ret = (uint64_t)v;
	return 0;
}

int args_age(const char *s, uint64_t *ret_ns)
{
	static const struct {
		char unit;
		unsigned seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	const char *end;
	double v;
	int err = number(s, &v, &end);

	if (err)
		return err;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (*end != units[i].unit || end[1])
			continue;
		v *= units[i].seconds * 1e9;
		if (v >= 9e18)
			return -ERANGE;
		*ret_ns = (uint64_t)v;
		return 0;
	}
	return -EINVAL;
}

static int port_of(const char *s, uint16_t *ret)
{
	char *end;
	unsigned long v;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	v = strtoul(s, &end, 10);
	if (*end || v > 65535)
		return -EINVAL;
	*ret = (uint16_t)v;
	return 0;
}

int args_address(const char *s, char *ret_host, size_t n, uint16_t *ret_port)
{
	const char *colon = strrchr(s, ':'), *from = s, *to = colon;
	uint16_t port;
	int len;

	if (!colon) { /* a port alone */
		from = to = "";
		colon = s - 1;
	}
	if (port_of(colon + 1, &port) < 0)
		return -EINVAL;
	if (from < to && from[0] == '[') {
		if (to[-1] != ']')
			return -EINVAL;
		from++;
		to--;
	} else if (from < to && memchr(from, ':', (size_t)(to - from))) {
		return -EINVAL; /* an IPv6 address without brackets: where does the port begin? */
	}
	if (from == to) {
		from = "127.0.0.1";
		to = from + strlen(from);
	}
	len = (int)(to - from);
	if ((size_t)len >= n)
		return -EINVAL;
	(void)snprintf(ret_host, n, "%.*s", len, from);
	*ret_port = port;
	return 0;
}

static bool token_ok(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdefABCDEF") == 32;
}

static void read_token_file(const char *path, struct args *a, struct argp_state *state)
{
	char line[128] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		argp_failure(state, 1, errno, "cannot read the token file %s", path);
	if (f && !fgets(line, sizeof(line), f))
		line[0] = 0;
	if (f)
		(void)fclose(f); /* only read */
	line[strcspn(line, "\r\n")] = 0;
	if (!token_ok(line))
		argp_failure(state, 1, 0, "%s does not begin with a token: 32 hexadecimal digits",
			     path);
	memcpy(a->token, line, sizeof(a->token)); /* with the end that token_ok found at 32 */
}

/* --- groups ----------------------------------------------------------------------------------- */

static struct args *args_of(struct argp_state *state)
{
	return state->input;
}

void args_size_option(struct argp_state *state, const char *name, const char *arg, uint64_t *ret)
{
	if (args_size(arg, ret) < 0)
		argp_error(state, "--%s: '%s' is not a size; write for example 512k or 4M", name,
			   arg);
}

static const struct argp_option hub_options[] = {
	{ NULL, 0, NULL, 0, "Hub and page:", 2 },
	{ "http", KEY_HTTP, "ADDR:PORT", 0, "the page and its API (default 127.0.0.1:7070)", 2 },
	{ "grpc", KEY_GRPC, "ADDR:PORT", 0, "for agents (default 127.0.0.1:50052)", 2 },
	{ "allow-remote", KEY_ALLOW_REMOTE, NULL, 0,
	  "--http may be other than loopback; the token goes unencrypted", 2 },
	{ "web-host", KEY_WEB_HOST, "NAME", 0, "one more name by which browsers may call the page",
	  2 },
	{ "resend", KEY_RESEND, NULL, 0,
	  "the page may send captured requests again, edited, from this machine (default: it only looks on)", 2 },
	{ "token", KEY_TOKEN, "TOKEN", 0,
	  "of the page: 32 hexadecimal digits (default: new at each start)", 2 },
	{ "token-file", KEY_TOKEN_FILE, "FILE", 0, "the same, from the first line of a file", 2 },
	{ "db", KEY_DB, "FILE", 0, "where flows are kept (default /var/lib/limpid/limpid.db)", 2 },
	{ "max-size", KEY_MAX_SIZE, "SIZE", 0, "of that file (default 2G; 0: no limit)", 2 },
	{ "max-age", KEY_MAX_AGE, "AGE", 0,
	  "of flows in it, as 12h or 7d (default 7d; 0s: no limit)", 2 },
	{ "max-rows", KEY_MAX_ROWS, "N", 0, "in the page's list (default 1000000)", 2 },
	{ 0 },
};

static error_t hub_option(int key, char *arg, struct argp_state *state)
{
	struct args *a = args_of(state);

	switch (key) {
	case KEY_HTTP:
		a->http = arg;
		return 0;
	case KEY_GRPC:
		a->grpc = arg;
		return 0;
	case KEY_ALLOW_REMOTE:
		a->allow_remote = true;
		return 0;
	case KEY_RESEND:
		a->resend = true;
		return 0;
	case KEY_WEB_HOST:
		a->web_host = arg;
		return 0;
	case KEY_TOKEN:
		if (!token_ok(arg))
			argp_error(state, "--token must be 32 hexadecimal digits");
		(void)snprintf(a->token, sizeof(a->token), "%s", arg);
		return 0;
	case KEY_TOKEN_FILE:
		read_token_file(arg, a, state);
		return 0;
	case KEY_DB:
		a->db = arg;
		return 0;
	case KEY_MAX_SIZE:
		args_size_option(state, "max-size", arg, &a->max_bytes);
		return 0;
	case KEY_MAX_AGE:
		if (args_age(arg, &a->max_age_ns) < 0)
			argp_error(state,
				   "--max-age: '%s' is not an age; write for example 12h or 7d",
				   arg);
		return 0;
	case KEY_MAX_ROWS:
		args_size_option(state, "max-rows", arg, &a->max_rows);
		if (a->max_rows < 1000)
			argp_error(state, "--max-rows must be at least 1000");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option agent_options[] = {
	{ NULL, 0, NULL, 0, "Where flows go:", 3 },
	{ "server", KEY_SERVER, "HOST:PORT", 0, "the hub (default 127.0.0.1:50052)", 3 },
	{ "plaintext", KEY_PLAINTEXT, NULL, 0, "send flows unencrypted to a hub on another machine",
	  3 },
	{ "queue", KEY_QUEUE, "SIZE", 0, "memory for flows that wait for the hub (default 8M, or eight times --body-limit)", 3 },
	{ 0 },
};
static const struct argp_option agent_token_options[] = {
	{ "agent-token", KEY_AGENT_TOKEN, "TOKEN", 0, "shown by agents, asked for by the hub", 3 },
	{ 0 },
};

static error_t agent_option(int key, char *arg, struct argp_state *state)
{
	struct args *a = args_of(state);

	switch (key) {
	case KEY_SERVER:
		a->server = arg;
		return 0;
	case KEY_PLAINTEXT:
		a->plaintext = true;
		return 0;
	case KEY_AGENT_TOKEN:
		a->agent_token = arg;
		return 0;
	case KEY_QUEUE:
		args_size_option(state, "queue", arg, &a->queue_bytes);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option json_options[] = {
	{ "json", KEY_JSON, NULL, 0, "print JSON (docs/flow.md)", 4 },
	{ 0 },
};
static const struct argp_option output_options[] = {
	{ "output", KEY_OUTPUT, "FILE", 0, "where to write", 4 },
	{ 0 },
};

static error_t print_option(int key, char *arg, struct argp_state *state)
{
	struct args *a = args_of(state);

	switch (key) {
	case KEY_JSON:
		a->json = true;
		return 0;
	case KEY_OUTPUT:
		a->output = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option common_options[] = {
	{ "log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warn, info or debug (default info)", 9 },
	{ 0 },
};

static error_t common_option(int key, char *arg, struct argp_state *state)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };

	if (key != KEY_LOG_LEVEL)
		return ARGP_ERR_UNKNOWN;
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (strcmp(arg, levels[i]) != 0)
			continue;
		args_of(state)->level = (enum log_level)i;
		return 0;
	}
	argp_error(state, "--log-level: '%s' is none of error, warn, info, debug", arg);
	return 0;
}

static const struct argp_option running_options[] = {
	{ "running", KEY_RUNNING, "URL", 0,
	  "ask a running Limpid what it misses instead: the address that it printed, with the "
	  "token",
	  5 },
	{ 0 },
};

static error_t running_option(int key, char *arg, struct argp_state *state)
{
	if (key != KEY_RUNNING)
		return ARGP_ERR_UNKNOWN;
	args_running_option(state, arg);
	return 0;
}

void args_running_option(struct argp_state *state, const char *arg)
{
	if (strncmp(arg, "http://", 7) != 0 || !strstr(arg, "#t="))
		argp_error(state, "--running: give the whole address, http://HOST:PORT/#t=TOKEN");
	args_of(state)->running = arg;
}

static const struct argp argp_running = { .options = running_options, .parser = running_option };
static const struct argp argp_hub = { .options = hub_options, .parser = hub_option };
static const struct argp argp_agent = { .options = agent_options, .parser = agent_option };
static const struct argp argp_agent_token = { .options = agent_token_options,
					      .parser = agent_option };
static const struct argp argp_json = { .options = json_options, .parser = print_option };
static const struct argp argp_output = { .options = output_options, .parser = print_option };
static const struct argp argp_common = { .options = common_options, .parser = common_option };

static const struct {
	unsigned groups;
	const struct argp *argp;
} groups[] = {
	{ ARGS_CAPTURE, &args_capture },
	{ ARGS_HUB, &argp_hub },
	{ ARGS_AGENT, &argp_agent },
	{ ARGS_AGENT | ARGS_HUB, &argp_agent_token },
	{ ARGS_JSON | ARGS_PRINT, &argp_json },
	{ ARGS_PRINT, &args_print },
	{ ARGS_OUTPUT, &argp_output },
	{ ARGS_RUNNING, &argp_running },
	{ ARGS_EXPORT, &args_export },
	{ ARGS_IMPORT, &args_import },
	{ ARGS_DECODE, &args_decode },
};
#define NGROUPS (sizeof(groups) / sizeof(*groups))

/* --- a command -------------------------------------------------------------------------------- */

struct reading {
	const struct command *command;
	struct args *args;
	size_t nchildren;
};

/* The words of a filter need no quotes around them all. */
static void add_filter_word(struct args *a, const char *word, struct argp_state *state)
{
	size_t n = strlen(a->filter);
	int len = snprintf(a->filter + n, sizeof(a->filter) - n, "%s%s", n ? " " : "", word);

	if (len < 0 || n + (size_t)len >= sizeof(a->filter))
		argp_error(state, "the filter is longer than %zu bytes", sizeof(a->filter) - 1);
}

static void word(const struct reading *r, const char *arg, struct argp_state *state)
{
	struct args *a = r->args;

	if ((r->command->groups & ARGS_FILE) && !a->file)
		a->file = arg;
	else if ((r->command->groups & ARGS_WORD) && !a->word)
		a->word = arg;
	else if (r->command->groups & (ARGS_PRINT | ARGS_FILTER))
		add_filter_word(a, arg, state);
	else if (!r->command->name)
		argp_error(state, "there is no command '%s'", arg);
	else
		argp_error(state, "'%s' is too much: it takes no such argument", arg);
}

static error_t command_option(int key, char *arg, struct argp_state *state)
{
	const struct reading *r = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		for (size_t i = 0; i < r->nchildren; i++)
			state->child_inputs[i] = r->args;
		return 0;
	case ARGP_KEY_ARG:
		word(r, arg, state);
		return 0;
	case ARGP_KEY_END:
		if ((r->command->groups & ARGS_FILE) && !r->args->file)
			argp_error(state, "which FILE?");
		if ((r->command->groups & ARGS_WORD) && !r->args->word)
			argp_error(state, "%s",
				   (r->command->groups & ARGS_EXPORT)
					   ? "which format?  Give har, jsonl or pcapng"
					   : "a word is missing");
		if ((r->command->groups & ARGS_OUTPUT) && !r->args->output)
			argp_error(state, "where to?  Give -o FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void args_read(const struct command *c, int argc, char **argv, struct args *ret)
{
	struct argp_child children[NGROUPS + 2] = { 0 };
	struct args a = { .http = "127.0.0.1:7070",
			  .grpc = "127.0.0.1:50052",
			  .server = "127.0.0.1:50052",
			  .max_bytes = 2ull << 30,
			  .max_age_ns = 7ull * 86400 * 1000000000,
			  .max_rows = 1000000,
			  .level = LOG_LEVEL_INFO };
	struct reading r = { .command = c, .args = &a };
	struct argp argp = { .parser = command_option, .args_doc = c->usage, .doc = c->doc };
	char name[64], *own = argv[0];

	for (size_t i = 0; i < NGROUPS; i++)
		if (c->groups & groups[i].groups)
			children[r.nchildren++].argp = groups[i].argp;
	children[r.nchildren++].argp = &argp_common;
	argp.children = children;
	(void)snprintf(name, sizeof(name), "limpid%s%s", c->name ? " " : "",
		       c->name ? c->name : "");
	argv[0] = name; /* what messages begin with */
	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &r) != 0)
		exit(EXIT_USAGE);
	argv[0] = own;
	*ret = a;
}
