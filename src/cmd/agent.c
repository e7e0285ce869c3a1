/* SPDX-License-Identifier: Apache-2.0 */
/* limpid, limpid agent, limpid tail, limpid record: the commands that capture. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/end_rule.h"
#include "cmd/children.h"
#include "cmd/decode.h"
#include "cmd/run.h"
#include "tap/tap.h"
#include "tap/tls_cache.h"

struct capture {
	struct args args; /* a copy: the server's address may be the own hub's */
	struct decode_options decode;
	struct tap_options tap;
	struct policy policy;
	struct hub_setup setup;
	char server[300];
	uint32_t own[1];
	pid_t hub; /* 0: not ours */
	int hub_stop;
	bool running; /* tap_run was entered: changes are news */
	char captures[400];
};

/* --- hooks of tap ------------------------------------------------------------------------------- */

static pid_t start_decode(void *ctx, int ipc, const int *rings, unsigned n)
{
	const struct capture *c = ctx;
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? -errno : pid;
	_exit(decode_main(&c->decode, ipc, rings, n));
}

static pid_t start_connect(void *ctx, int reply)
{
	const struct capture *c = ctx;

	return connect_start(&c->args, &c->decode.who, reply);
}

static bool child_ended(void *ctx, pid_t pid, int status)
{
	struct capture *c = ctx;

	if (pid != c->hub)
		return true; /* a helper of the TLS probes */
	if (WIFSIGNALED(status))
		log_error("the hub was killed by signal %d (%s): stopping", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else
		log_error("the hub ended with status %d: stopping", WEXITSTATUS(status));
	c->hub = 0;
	return false;
}

static void captures(void *ctx, const char *sentence)
{
	struct capture *c = ctx;

	if (strcmp(c->captures, sentence) == 0)
		return;
	(void)snprintf(c->captures, sizeof(c->captures), "%s", sentence);
	if (c->running)
		log_info("now capturing %s", sentence);
}

/* --- set-up ------------------------------------------------------------------------------------- */

static int usage_error(const char *text)
{
	log_error("%s", text);
	return EXIT_USAGE;
}

static bool has_choice(const struct args *a)
{
	return a->ncontainers || a->nnot_containers || a->npids || a->ncomms || a->all || a->nends;
}

static int policy_of(const struct args *a, struct policy *ret)
{
	struct policy p = { .capture = { .hosts = a->all,
					 .include_new = 1,
					 .body_limit = a->body_limit ? a->body_limit : 1u << 20,
					 .conn_budget = a->conn_budget } };
	int err = 0;

	if (a->ncontainers || ((a->npids || a->ncomms) && !a->all)) {
		p.capture.mode = IPC_MODE_CHOSEN;
		p.capture.include_new = 0;
	} else if (a->nnot_containers)
		p.capture.mode = IPC_MODE_EXCEPT;
	for (size_t i = 0; i < a->ncontainers && !err; i++)
		err = policy_add(&p, a->containers[i]);
	for (size_t i = 0; i < a->nnot_containers && p.capture.mode == IPC_MODE_EXCEPT && !err; i++)
		err = policy_add(&p, a->not_containers[i]);
	for (size_t i = 0; i < a->nends && !err; i++) {
		char rule[END_RULE_MAX + 1];

		(void)snprintf(rule, sizeof(rule), "%s %s", a->end_rules[i].what,
			       a->end_rules[i].value);
		err = policy_add_end(&p, rule);
	}
	if (err)
		policy_release(&p);
	else
		*ret = p;
	return err;
}

static int prepare(struct capture *c, const struct args *a, enum decode_to to)
{
	struct decode_left *left;
	char missing[160];

	c->args = *a;
	c->hub_stop = -1;
	c->decode = (struct decode_options){ .to = to, .args = &c->args, .output = -1 };
	c->tap = (struct tap_options){ .bpf = { .backend = a->backend,
						.only_tcp = a->only_tcp,
						.events_bytes = a->events_bytes },
				       .docker_socket = a->docker,
				       .cri_socket = a->cri,
				       .cache_dir = a->no_cache ? NULL
						    : a->cache	? a->cache
								: TLS_CACHE_DIR,
				       .policy = &c->policy,
				       .keep_choice = has_choice(a),
				       .keep_body_limit = a->body_limit != 0,
				       .keep_conn_budget = a->conn_budget != 0,
				       .pids = a->pids,
				       .npids = a->npids,
				       .comms = a->comms,
				       .ncomms = a->ncomms,
				       .not_comms = a->not_comms,
				       .nnot_comms = a->nnot_comms };
	/* Without it nothing is counted. */
	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	c->decode.left = left == MAP_FAILED ? NULL : left;
	if (capabilities_check(missing, sizeof(missing)) < 0) {
		log_error("capturing needs %s: run it as root, for example with sudo%s", missing,
			  geteuid() == 0 ? ", or give the container those capabilities" : "");
		return 1;
	}
	identity_find(&c->decode.who);
	if (policy_of(a, &c->policy) < 0) {
		log_error("out of memory");
		return 1;
	}
	return 0;
}

/* Loads, gives up what is not needed any more, runs.  begin: says that everything is there. */
static int capture(struct capture *c, void (*begin)(const struct capture *c))
{
	const struct tap_hooks hooks = { start_decode, start_connect, child_ended, captures, c };
	struct tap *tap = NULL;
	char err[400] = "";
	int rc = confine_tap(err, sizeof(err));

	confine_heap();
	rc = rc ? rc : tap_open(&tap, &c->tap, &hooks, err, sizeof(err));
	if (rc == 0)
		rc = confine_tap_loaded(strcmp(tap_probes(tap), "uprobe_multi") == 0, err,
					sizeof(err));
	if (rc) {
		tap_close(tap);
		log_error("%s", err);
		return 1;
	}
	(void)malloc_trim(0); /* loading took several times what is kept, and decode would inherit it */
	c->running = true;
	begin(c);
	rc = tap_run(tap);
	if (rc && rc != -ECHILD && rc != -EIO) /* those were said */
		log_error("cannot start the decoder: %s", strerror(-rc));
	tap_close(tap);
	return rc ? 1 : 0;
}

/* --- limpid --------------------------------------------------------------------------------------- */

static void begin_all(const struct capture *c)
{
	printf("%s/#t=%s\n", c->setup.url, c->setup.token);
	printf("capturing %s; choose on the page, end with Ctrl-C\n", c->captures);
	(void)fflush(stdout);
}

static void stop_hub(struct capture *c)
{
	struct timespec pause = { .tv_nsec = 20000000 };

	if (c->hub_stop >= 0)
		close(c->hub_stop);
	for (int i = 0; c->hub > 0 && i < 250; i++) {
		if (waitpid(c->hub, NULL, WNOHANG) != 0)
			c->hub = 0;
		else
			(void)nanosleep(&pause, NULL);
	}
	if (c->hub > 0) {
		log_warn("the hub did not end within five seconds: it is killed");
		(void)kill(c->hub, SIGKILL);
		(void)waitpid(c->hub, NULL, 0);
	}
}

/* The choice of the command line becomes the hub's, else what the page chose last time holds. */
static int agree_with_hub(struct capture *c)
{
	const struct args *a = &c->args;
	struct policy agreed = { 0 };
	bool given = has_choice(a) || a->body_limit || a->conn_budget;
	int err = settings_exchange(&c->setup, given ? &c->policy : NULL, &agreed);

	if (err) {
		log_error("the own hub at %s does not answer: %s", c->setup.url, strerror(-err));
		return 1;
	}
	policy_release(&c->policy);
	c->policy = agreed;
	return 0;
}

int run_all(const struct args *a)
{
	static struct capture c;
	char err[400] = "";
	int rc = prepare(&c, a, DECODE_HUB);

	if (rc)
		return rc;
	rc = hub_prepare(a, &c.decode.who, &c.setup, err, sizeof(err));
	if (rc == -EINVAL)
		return usage_error(err);
	if (rc == 0)
		c.hub = hub_start(a, &c.setup, &c.decode.who, &c.hub_stop, err, sizeof(err));
	if (rc || c.hub < 0) {
		hub_complain(&c.setup, &c.decode.who, err);
		return 1;
	}
	(void)snprintf(c.server, sizeof(c.server), "%s", a->grpc);
	if (strncmp(c.server, "0.0.0.0:", 8) == 0 || strncmp(c.server, "[::]:", 5) == 0)
		(void)snprintf(c.server, sizeof(c.server), "127.0.0.1:%u", c.setup.grpc_port);
	c.args.server = c.tap.hub = c.server;
	c.args.plaintext = true; /* to itself */
	c.own[0] = (uint32_t)c.hub;
	c.tap.own = c.own;
	c.tap.nown = 1;
	c.tap.own_ports[0] = c.setup.http_port;
	c.tap.own_ports[1] = c.setup.grpc_port;
	rc = agree_with_hub(&c);
	rc = rc ? rc : capture(&c, begin_all);
	stop_hub(&c);
	policy_release(&c.policy);
	return rc;
}

/* --- limpid agent ----------------------------------------------------------------------------------- */

static void begin_agent(const struct capture *c)
{
	log_info("capturing %s, sending to %s", c->captures, c->args.server);
}

int run_agent(const struct args *a)
{
	static struct capture c;
	bool loopback = false;
	uint16_t port = 0;
	char err[400];
	int rc = connect_check(a, &port, &loopback, err, sizeof(err));

	if (rc)
		return usage_error(err);
	rc = prepare(&c, a, DECODE_HUB);
	if (rc)
		return rc;
	c.tap.hub = c.args.server;
	c.tap.own_ports[0] = loopback ? port : 0;
	rc = capture(&c, begin_agent);
	policy_release(&c.policy);
	return rc;
}

/* --- limpid tail, limpid record ----------------------------------------------------------------------- */

static void begin_output(const struct capture *c)
{
	log_info("capturing %s; end with Ctrl-C", c->captures);
}

int run_tail(const struct args *a)
{
	static struct capture c;
	struct filter *q = run_filter(a);
	int rc = prepare(&c, a, DECODE_PRINT);

	if (rc == 0) {
		if (!a->json && isatty(STDOUT_FILENO)) /* tap's messages come between decode's lines */
			log_erases();
		c.decode.filter = q;
		c.decode.output = STDOUT_FILENO;
		rc = capture(&c, begin_output);
	}
	policy_release(&c.policy);
	filter_free(q);
	return rc;
}

int run_record(const struct args *a)
{
	static struct capture c;
	int rc = prepare(&c, a, DECODE_RECORD);

	if (rc)
		return rc;
	c.decode.output = open(a->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (c.decode.output < 0) {
		log_error("cannot write %s: %s", a->output, strerror(errno));
		rc = 1;
	} else {
		rc = capture(&c, begin_output);
		close(c.decode.output);
	}
	policy_release(&c.policy);
	return rc;
}
