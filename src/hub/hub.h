/* SPDX-License-Identifier: Apache-2.0 */
/* hub.h - receives flows from agents, keeps them, serves the page.  Always unprivileged. */
#ifndef LIMPID_HUB_HUB_H
#define LIMPID_HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub_options {
	const char *grpc_addr,
		*http_addr; /* "127.0.0.1:50052", "[::1]:7070", "unix:/path" is for later */
	const char *db_path;
	const char *token;		/* of the page and its API: 32 hex digits */
	const char *agent_token;	/* NULL: agents on loopback need none */
	const char *web_host;		/* one more name allowed in Host, or NULL */
	uint64_t max_bytes, max_age_ns; /* of the store; 0: none */
	size_t max_rows;		/* of the list in memory */
	bool resend; /* requests may be sent again from here (POST /api/resend) */
	bool allow_remote; /* http_addr may be other than loopback; then token must be set */
	int ready_fd; /* -1, or written to: "ok\n" once both ports listen, else one line that says what is wrong */
	int stop_fd; /* readable or hung up: stop; -1: only by signal */
};

/* Runs until stopped.  0, or negative errno after err (one sentence with what to do) was filled. */
int hub_run(const struct hub_options *o, char *err, size_t errlen);

#endif
