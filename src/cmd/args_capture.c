/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say what is captured. */
#include "cmd/args_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/end_rule.h"
#include "tap/comms.h"

enum key {
	KEY_CONTAINER = 'c',
	KEY_PID = 'p',
	KEY_ALL = 'a',
	KEY_COMM = 0x200,
	KEY_NOT_COMM,
	KEY_NOT_CONTAINER,
	KEY_PORT,
	KEY_NOT_PORT,
	KEY_ADDRESS,
	KEY_NOT_ADDRESS,
	KEY_UDP,
	KEY_BODY_LIMIT,
	KEY_CONN_BUDGET,
	KEY_EVENTS_RING,
	KEY_DOCKER,
	KEY_CRI,
	KEY_BACKEND,
	KEY_CACHE,
	KEY_NO_CACHE,
	KEY_ONLY_TCP,
};

static void list_option(struct argp_state *state, const char *arg, const char **list, size_t *n)
{
	if (*n == ARGS_LIST)
		argp_error(state, "an option may be repeated %d times at most", ARGS_LIST);
	list[(*n)++] = arg;
}

static const struct argp_option capture_options[] = {
	{ NULL, 0, NULL, 0, "What to capture (default: every container, never Limpid itself):", 1 },
	{ "container", KEY_CONTAINER, "NAME", 0,
	  "containers with this name, id or glob; in a pod also NAMESPACE/POD/NAME (repeatable)",
	  1 },
	{ "pid", KEY_PID, "PID", 0, "this process and those it starts (repeatable)", 1 },
	{ "not-container", KEY_NOT_CONTAINER, "NAME", 0, "every container but these (repeatable)",
	  1 },
	{ "comm", KEY_COMM, "GLOB", 0,
	  "processes whose command name, or whose executable's file name, matches, and those they start (repeatable)", 1 },
	{ "not-comm", KEY_NOT_COMM, "NAME[*]", 0,
	  "no process of that command name or file name, or beginning so (repeatable)", 1 },
	{ "all", KEY_ALL, NULL, 0, "processes outside containers too", 1 },
	{ "port", KEY_PORT, "PORT[,PORT|A-B]", 0,
	  "only connections with such a port at either end (repeatable)", 1 },
	{ "not-port", KEY_NOT_PORT, "PORT[,PORT|A-B]", 0,
	  "no connection with such a port at either end (repeatable)", 1 },
	{ "address", KEY_ADDRESS, "ADDR[/BITS]", 0,
	  "only connections with such an address at either end (repeatable)", 1 },
	{ "not-address", KEY_NOT_ADDRESS, "ADDR[/BITS]", 0,
	  "no connection with such an address at either end (repeatable)", 1 },
	{ "udp", KEY_UDP, "PORT[,PORT|A-B]|all", 0,
	  "copy UDP datagrams with such a port at either end; others are counted (repeatable)", 1 },
	{ "body-limit", KEY_BODY_LIMIT, "SIZE", 0, "bytes kept of each body (default 1M)", 1 },
	{ "conn-budget", KEY_CONN_BUDGET, "SIZE", 0,
	  "bytes copied of each direction of a connection; the rest is only counted (default: no "
	  "limit)",
	  1 },
	{ "events-ring", KEY_EVENTS_RING, "SIZE", 0,
	  "buffers in the kernel, together; a power of two (default 32M)", 1 },
	{ "docker", KEY_DOCKER, "SOCKET", 0,
	  "Docker's socket (default DOCKER_HOST, /var/run/docker.sock)", 1 },
	{ "cri", KEY_CRI, "SOCKET", 0,
	  "socket of Kubernetes' runtime (default CONTAINER_RUNTIME_ENDPOINT, or containerd's, "
	  "CRI-O's, k3s's)",
	  1 },
	{ "backend", KEY_BACKEND, "NAME", 0,
	  "fentry, kprobe or tracepoint (default: the best that works; see limpid doctor)", 1 },
	{ "cache", KEY_CACHE, "DIR", 0,
	  "where is kept what was found in programs and libraries, for the next start (default "
	  "/var/cache/limpid)",
	  1 },
	{ "no-cache", KEY_NO_CACHE, NULL, 0, "keep nothing of that kind", 1 },
	{ "only-tcp", KEY_ONLY_TCP, NULL, 0,
	  "hook no system calls, so that watched programs pay less: no unix sockets, no datagrams (docs/capture.md)", 1 },
	{ 0 },
};

/* what: "port", "not port", "address", "not address", "udp".  option: as it is written. */
static void end_option(struct argp_state *state, const char *what, const char *option, const char *arg)
{
	struct args *a = state->input;
	char rule[END_RULE_MAX + 1];
	int n = snprintf(rule, sizeof(rule), "%s %s", what, arg), err;

	if (n < 0 || (size_t)n >= sizeof(rule))
		argp_error(state, "--%s: '%.20s...' is too long; repeat the option", option, arg);
	err = ends_rule(&a->ends, rule);
	if (err == -E2BIG)
		argp_error(state, "--address and --not-address: %d at most", EV_ADDR_RULES);
	if (err && strstr(what, "address"))
		argp_error(state,
			   "--%s: '%s' is no address or prefix; write for example 10.0.0.5, "
			   "10.0.0.0/8 or 2001:db8::/32",
			   option, arg);
	if (err)
		argp_error(state, "--%s: '%s' names no ports; write for example 80%s 80,8000-8100%s",
			   option, arg, *what == 'u' ? "," : " or", *what == 'u' ? " or all" : "");
	if (a->nends == ARGS_ENDS)
		argp_error(state, "ports and addresses: %d options at most", ARGS_ENDS);
	a->end_rules[a->nends++] = (struct args_end){ what, arg };
}

static void end_key(struct argp_state *state, int key, const char *arg)
{
	static const struct {
		int key;
		const char *what, *option;
	} keys[] = {
		{ KEY_PORT, "port", "port" },
		{ KEY_NOT_PORT, "not port", "not-port" },
		{ KEY_ADDRESS, "address", "address" },
		{ KEY_NOT_ADDRESS, "not address", "not-address" },
		{ KEY_UDP, "udp", "udp" },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].key == key)
			end_option(state, keys[i].what, keys[i].option, arg);
}

/* Where things of this machine are, and what it can do. */
static error_t machine_option(struct args *a, int key, const char *arg, struct argp_state *state)
{
	switch (key) {
	case KEY_DOCKER:
		a->docker = arg;
		return 0;
	case KEY_CRI:
		a->cri = arg;
		return 0;
	case KEY_CACHE:
		if (arg[0] != '/')
			argp_error(state,
				   "--cache: '%s' is no absolute path; write for example "
				   "/var/cache/limpid, or --no-cache",
				   arg);
		a->cache = arg;
		return 0;
	case KEY_NO_CACHE:
		a->no_cache = true;
		return 0;
	case KEY_BACKEND:
		if (tap_backend_parse(arg, &a->backend) < 0)
			argp_error(state,
				   "--backend: '%s' is none of fentry, kprobe, tracepoint, auto",
				   arg);
		return 0;
	case KEY_ONLY_TCP:
		a->only_tcp = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t capture_option(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	unsigned long pid;
	char *end;

	switch (key) {
	case KEY_CONTAINER:
		list_option(state, arg, a->containers, &a->ncontainers);
		return 0;
	case KEY_COMM:
		list_option(state, arg, a->comms, &a->ncomms);
		return 0;
	case KEY_NOT_CONTAINER:
		list_option(state, arg, a->not_containers, &a->nnot_containers);
		return 0;
	case KEY_NOT_COMM:
		if (!comms_key(arg, &(struct ev_comm_key){ 0 }))
			argp_error(state, "--not-comm: '%s' is neither a name nor NAME*", arg);
		list_option(state, arg, a->not_comms, &a->nnot_comms);
		return 0;
	case ARGP_KEY_END:
		if (a->ncontainers && a->nnot_containers)
			argp_error(state, "--container and --not-container exclude each other");
		return 0;
	case KEY_PID:
		pid = strtoul(arg, &end, 10);
		if (*arg < '0' || *arg > '9' || *end || pid == 0 || pid > INT32_MAX)
			argp_error(state, "--pid: '%s' is not a process id", arg);
		if (a->npids == ARGS_LIST)
			argp_error(state, "--pid may be repeated %d times at most", ARGS_LIST);
		a->pids[a->npids++] = (uint32_t)pid;
		return 0;
	case KEY_ALL:
		a->all = true;
		return 0;
	case KEY_PORT:
	case KEY_NOT_PORT:
	case KEY_ADDRESS:
	case KEY_NOT_ADDRESS:
	case KEY_UDP:
		end_key(state, key, arg);
		return 0;
	case KEY_BODY_LIMIT:
		args_size_option(state, "body-limit", arg, &a->body_limit);
		if (a->body_limit == 0)
			argp_error(state, "--body-limit must be at least 1");
		return 0;
	case KEY_CONN_BUDGET:
		args_size_option(state, "conn-budget", arg, &a->conn_budget);
		if (a->conn_budget == 0)
			argp_error(
				state,
				"--conn-budget must be at least 1; without it there is no limit");
		return 0;
	case KEY_EVENTS_RING:
		args_size_option(state, "events-ring", arg, &a->events_bytes);
		if (a->events_bytes < 65536 || a->events_bytes > 1u << 30 ||
		    (a->events_bytes & (a->events_bytes - 1)))
			argp_error(state, "--events-ring must be a power of two from 64k to 1G");
		return 0;
	default:
		return machine_option(a, key, arg, state);
	}
}

const struct argp args_capture = { .options = capture_options, .parser = capture_option };
