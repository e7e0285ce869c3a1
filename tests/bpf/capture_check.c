/* SPDX-License-Identifier: Apache-2.0 */
/* capture_check - loads the capture programs and compares what they report with what a worker process
 * moved.  Root; speaks TAP.  --backend NAME, if given, comes first.  Needs few libraries, so that it also runs in an empty virtual machine.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static bool has_addr(const struct end *e, uint32_t family)
{
	struct in6_addr want;

	inet_pton(AF_INET6, family == F_V6 ? "::1" : "::ffff:127.0.0.1", &want);
	return memcmp(e->local, &want, 16) == 0 && memcmp(e->remote, &want, 16) == 0;
}

/* --- every call, every length --------------------------------------------------------------------- */

static bool end_right(const struct end *e, int dir, uint64_t moved, bool unseen)
{
	if (e->wrong || e->total[dir] != moved || e->captured[dir] + e->holes[dir] != moved)
		return false;
	return unseen ? e->no_buffer[dir] == moved : e->holes[dir] == 0;
}

static void one_way(struct watch *w, struct worker *k, uint32_t sop, uint32_t rop, uint32_t family,
		    bool big)
{
	static const uint32_t sizes[] = { 0,	 1,	8191,  8192,   8193,
					  16383, 16384, 16385, 100003, 4 << 20 };
	size_t count = sizeof(sizes) / sizeof(*sizes) - !big;
	struct reply r = order(k, T_OPEN, family);
	struct end *c, *s;
	uint64_t sum = 0;
	bool ok = true, no_send = sop == S_SENDFILE || sop == S_SPLICE, no_recv = rop == R_TRUNC;

	for (size_t i = 0; i < count; i++) {
		if (!sizes[i] && (no_send || sop == S_FORKED))
			continue;
		ok = ok && move(k, 0, sop, rop, sizes[i]).error == 0 &&
		     move(k, 1, sop, rop, sizes[i]).error == 0;
		sum += sizes[i];
	}
	order(k, T_CLOSE, 0);
	ok = ok && watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	ok = ok && c && s && c->side == EV_CLIENT && s->side == EV_SERVER && !c->flags &&
	     !s->flags && has_addr(c, family) && has_addr(s, family) &&
	     end_right(c, EV_WRITE, sum, no_send) && end_right(s, EV_READ, sum, no_recv) &&
	     end_right(s, EV_WRITE, sum, no_send) && end_right(c, EV_READ, sum, no_recv) &&
	     (c->how & EV_END_WRITE) && (s->how & EV_END_READ) && !(c->how & EV_END_RESET) &&
	     !(s->how & EV_END_RESET);
	if (!check(ok, "%s and %s over %s%s", send_names[sop], recv_names[rop],
		   family_names[family], big ? ", up to 4 MiB" : "")) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

static void every_call(struct watch *w, struct worker *k)
{
	uint32_t op;

	for (op = 0; op < S_FORKED; op++)
		one_way(w, k, op, op < R_OPS ? op : R_READ, op % F_FAMILIES,
			op == S_WRITE || op == S_NONBLOCK);
	one_way(w, k, S_WRITEV_MANY, R_READV_MANY, F_V6, true);
	one_way(w, k, S_SENDMSG, R_RECVMSG, F_V4, true);
	one_way(w, k, S_SEND, R_RECV, F_MAPPED, true);
}

int main(int argc, char **argv)
{
	struct worker k;
	struct watch w;

	if (argc > 1 && strcmp(argv[1], "--nothing") == 0)
		return 0; /* what the worker executes */
	if (argc > 2 && strcmp(argv[1], "--backend") == 0) {
		if (tap_backend_parse(argv[2], &backend) < 0)
			return 2;
		argv += 2;
		argc -= 2;
	}
	if (argc > 1 && strcmp(argv[1], "--open") == 0)
		return !load(&w, 0);
	if (argc > 1 && strcmp(argv[1], "--bench") == 0)
		return bench();
	setvbuf(stdout, NULL, _IOLBF, 0);
	errors(&w);
	late(&w);
	queued(&w);
	if (load(&w, 0)) {
		start(&k, 0);
		tap_bpf_rule_tgid(w.bpf, (uint32_t)k.pid, EV_RULE_INCLUDE);
		every_call(&w, &k);
		life(&w, &k);
		policies(&w, &k);
		choices(&w, &k);
		worker_stop(&k);
		watch_release(&w);
	}
	overload(&w);
	printf("1..%u\n", tests);
	return failed != 0;
}
