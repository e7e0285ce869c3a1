/* SPDX-License-Identifier: Apache-2.0 */
/* args.h - the command line: one table of options per group, one command per row. */
#ifndef LIMPID_CMD_ARGS_H
#define LIMPID_CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "tap/bpf.h"
#include "tap/ends.h"

#define ARGS_LIST  256 /* of one repeatable option */
#define ARGS_ENDS  1024
#define EXIT_USAGE 2

struct args {
	/* what to capture */
	const char *containers[ARGS_LIST], *not_containers[ARGS_LIST];
	const char *comms[ARGS_LIST], *not_comms[ARGS_LIST];
	uint32_t pids[ARGS_LIST];
	size_t ncontainers, nnot_containers, ncomms, nnot_comms, npids;
	bool all;
	struct ends ends; /* those below, together */
	struct args_end {
		const char *what, *value; /* "not port", "80": a rule of base/end_rule.h */
	} end_rules[ARGS_ENDS];
	size_t nends;
	uint64_t body_limit; /* 0: not given */
	uint64_t conn_budget; /* 0: not given, no limit */
	uint64_t events_bytes;
	enum tap_backend backend;
	bool only_tcp;
	const char *docker, *cri;
	const char *cache; /* NULL: the usual directory */
	bool no_cache;
	/* hub */
	const char *http, *grpc, *db, *web_host;
	bool allow_remote, resend;
	char token[33]; /* "": none given */
	uint64_t max_bytes, max_age_ns, max_rows;
	const char *agent_token; /* that agents must show, or that this agent shows */
	/* agent */
	const char *server;
	bool plaintext;
	uint64_t queue_bytes; /* 0: as the body limit wants it */
	/* output */
	const char *output, *file;
	char filter[4096];
	bool json, headers, bodies, messages, rows;
	uint64_t rows_max; /* 0: the usual number */
	enum args_colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER } colour;
	uint64_t count;
	const char *running; /* URL of a page, with its token */
	const char *from;    /* a recording or capture to export */
	bool with_secrets;   /* of an export: as it was said */
	const char *redact[ARGS_LIST]; /* more of what an export hides: export/redact.h */
	size_t nredact;
	struct schemas *schemas; /* that --proto-descriptors gave, or NULL; for the whole life of the program */
	/* hidden commands */
	const char *word;
	enum log_level level;
};

struct command {
	const char *name, *summary;
	int (*run)(const struct args *a);
	const char *usage, *doc; /* of --help; usage: its positional arguments */
	unsigned groups;	 /* which options it has: enum args_group, or-ed */
	bool hidden;
};
enum args_group {
	ARGS_CAPTURE = 1,
	ARGS_HUB = 2,
	ARGS_AGENT = 4,
	ARGS_PRINT = 8,	  /* --json --headers --body --messages --rows --color --count, and a FILTER */
	ARGS_OUTPUT = 16, /* -o FILE */
	ARGS_FILE = 32,	  /* a FILE comes first */
	ARGS_JSON = 64,	  /* --json alone */
	ARGS_WORD = 128,  /* one word */
	ARGS_RUNNING = 256, /* --running URL */
	ARGS_FILTER = 512,  /* a FILTER, without the options of ARGS_PRINT */
	ARGS_EXPORT = 1024, /* --db, --running, --read: where flows come from */
	ARGS_IMPORT = 2048, /* --db, --running: where they go */
	ARGS_DECODE = 4096, /* --proto-descriptors */
};

/* Reads argv of one command.  On a mistake or --help it prints and exits (2 or 0). */
void args_read(const struct command *c, int argc, char **argv, struct args *ret);

/* For what is learned while decoding, where args have none.  NULL: out of memory. */
struct schemas *args_schemas_new(void);

/* "64", "512k", "1.5MiB", "2G": powers of 1024.  0; -EINVAL; -ERANGE. */
int args_size(const char *s, uint64_t *ret);
/* "90s", "30m", "12h", "7d", "2w".  0; -EINVAL; -ERANGE. */
int args_age(const char *s, uint64_t *ret_ns);
/* "127.0.0.1:80", "[::1]:80", "name:80", ":80" (then 127.0.0.1), "80".  host gets no brackets.
 * 0; -EINVAL. */
int args_address(const char *s, char *ret_host, size_t n, uint16_t *ret_port);

#endif
