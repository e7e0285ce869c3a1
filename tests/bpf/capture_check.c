/* SPDX-License-Identifier: Apache-2.0 */
/* capture_check - loads the capture programs and compares what they report with what a worker process
 * moved.  Root; speaks TAP.  Needs few libraries, so that it also runs in an empty virtual machine.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "check.h"
#include "limpid.skel.h"
#include "tap/bpf_priv.h"

struct group {
	const char *name, *help;
	bool (*first)(struct watch *w); /* loads, and leaves it loaded; false: it cannot.  Or: */
	void (*alone)(struct watch *w); /* loads by itself, or: */
	void (*with)(struct watch *w, struct worker *k); /* with a worker that is captured */
};
static const struct group groups[] = {
	{ "late", "connections from before capture began", late, NULL, NULL },
	{ "load", "what loading refuses", NULL, NULL, errors },
	{ "sights", "what the program says of its back ends", NULL, NULL, sights },
	{ "ways", "every way to move bytes over TCP", NULL, NULL, movers },
	{ "unix", "the same over AF_UNIX", NULL, NULL, unix_movers },
	{ "udp", "datagrams", NULL, NULL, udp },
	{ "odd", "an urgent byte, TLS by the kernel", NULL, NULL, odd },
	{ "waiters", "many calls that wait at once", NULL, NULL, waiters },
	{ "same", "the same traffic gives the same report on every back end", NULL, NULL, same },
	{ "property", "random calls of random sizes: no byte is lost or made up", NULL, NULL,
	  property },
	{ "order", "what happened first is read first", NULL, NULL, causality },
	{ "forget", "a connection that had to give way to others", NULL, NULL, forget },
	{ "life", "open, close, reset; exec, exit, map", NULL, NULL, life },
	{ "policies", "who is captured, and what", NULL, NULL, policies },
	{ "choices", "which connections are captured", NULL, NULL, choices },
	{ "transport", "several rings, what is left out on request, wake-ups", NULL, NULL,
	  transport },
	{ "race", "many threads on one socket", NULL, race, NULL },
	{ "overload", "more than the ring holds", NULL, overload, NULL },
	{ "deaf", "hooks that the kernel does not call", NULL, deaf, NULL },
};
#define GROUPS (sizeof(groups) / sizeof(*groups))

/* One load serves all groups that have a worker: in an emulated machine it takes half a minute. */
struct shared {
	struct watch w;
	bool loaded;
};

static bool share(struct shared *s)
{
	static const struct ev_policy nobody = { .dflt = EV_DEFAULT_NONE };

	if (!s->loaded && !load(&s->w, RING_OF_ALL))
		return false;
	s->loaded = true;
	watch_forget(&s->w);
	tap_bpf_set_policy(s->w.bpf, &nobody);
	return true;
}

static void unshare(struct shared *s)
{
	if (!s->loaded)
		return;
	(void)watch_misses(&s->w, true);
	watch_release(&s->w);
	s->loaded = false;
}

/* False: the programs cannot be loaded, so there is no point in going on. */
static bool run(const struct group *g, struct shared *s)
{
	struct worker k;
	struct watch w;

	printf("# %s: %s\n", g->name, g->help);
	if (g->first) {
		unshare(s);
		return s->loaded = g->first(&s->w);
	}
	if (g->alone) {
		unshare(s);
		g->alone(&w);
		return true;
	}
	if (!share(s))
		return false;
	start(&k, 0);
	tap_bpf_rule_tgid(s->w.bpf, (uint32_t)k.pid, EV_RULE_INCLUDE);
	g->with(&s->w, &k);
	tap_bpf_rule_tgid(s->w.bpf, (uint32_t)k.pid, -1);
	worker_stop(&k);
	return true;
}

static void help(void)
{
	puts("capture_check [OPTION]...\n"
	     "Moves bytes in every way there is, and compares what the capture programs report.\n"
	     "Root.  Prints TAP; exits with 0 when nothing failed, 1 when something did.\n\n"
	     "  --backend NAME   tracepoint, kprobe, fentry (default auto: what the kernel takes)\n"
	     "  --only-tcp       no system call is hooked\n"
	     "  --quick          fewer sizes and less time: for emulated machines\n"
	     "  --seed N         of the random calls (default: the time); a failure names its own\n"
	     "  --dump FILE      where the group `same` writes its report: the files of all back "
	     "ends and\n"
	     "                   kernels must be equal\n"
	     "  --only GROUP     that group only; may be given again\n"
	     "  --verbose        with what libbpf and the verifier say, on standard error\n"
	     "  --list           the groups\n"
	     "  --open           only load and attach\n"
	     "  --bench          what the hooks cost a program, in one line");
}

static int list(void)
{
	for (size_t i = 0; i < GROUPS; i++)
		printf("%-10s %s\n", groups[i].name, groups[i].help);
	return 0;
}

static bool choose(bool *chosen, const char *name)
{
	for (size_t i = 0; i < GROUPS; i++)
		if (strcmp(groups[i].name, name) == 0)
			return chosen[i] = true;
	fprintf(stderr, "capture_check: there is no group %s; --list shows them\n", name);
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' }, { "quick", no_argument, NULL, 'q' },
		{ "only", required_argument, NULL, 'o' },    { "list", no_argument, NULL, 'l' },
		{ "open", no_argument, NULL, 'O' },	     { "bench", no_argument, NULL, 'B' },
		{ "dump", required_argument, NULL, 'd' },    { "verbose", no_argument, NULL, 'v' },
		{ "seed", required_argument, NULL, 's' },    { "nothing", no_argument, NULL, 'N' },
		{ "help", no_argument, NULL, 'h' },	     { "only-tcp", no_argument, NULL, 'T' },
		{ NULL, 0, NULL, 0 },
	};
	bool chosen[GROUPS] = { false }, some = false;
	struct shared shared = { .loaded = false };
	struct watch w;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'b' && tap_backend_parse(optarg, &backend) == 0)
			continue;
		if (c == 'o' && choose(chosen, optarg))
			some = true;
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 'd')
			dump_file = optarg;
		else if (c == 'v')
			log_setup("capture_check", LOG_LEVEL_DEBUG);
		else if (c == 'q')
			quick = true;
		else if (c == 'T')
			only_tcp = true;
		else if (c == 'l')
			return list();
		else if (c == 'O')
			return !load(&w, 0);
		else if (c == 'B')
			return bench();
		else if (c == 'N')
			return 0; /* what the worker executes */
		else if (c == 'h')
			return help(), 0;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* While the kernel makes a huge page of a program's memory, that memory cannot be read (`unmapped` in property.c
	 * sees to that): all else is to find every byte.  Children inherit this. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	for (size_t i = 0; i < GROUPS; i++)
		if ((chosen[i] || !some) && !run(&groups[i], &shared))
			break;
	unshare(&shared);
	printf("1..%u\n", tests);
	return failed != 0;
}
