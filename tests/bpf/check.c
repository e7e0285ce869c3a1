/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned tests, failed;
enum tap_backend backend;
bool quick, only_tcp;
const char *dump_file;
uint64_t seed;
uint32_t hold_up_ns;

bool check(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", ok ? "" : "not ", ++tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	failed += !ok;
	return ok;
}

const char *const family_names[F_ALL] = {
	"127.0.0.1", "::1", "::ffff:127.0.0.1", "a unix path", "an abstract name", "a socketpair",
};

bool load(struct watch *w, size_t ring)
{
	struct tap_bpf_options o = { .backend = backend, .only_tcp = only_tcp, .events_bytes = ring, .hold_up_ns = hold_up_ns };
	struct tap_bpf *b;
	char err[512] = "";

	if (tap_bpf_open(&b, &o, err, sizeof(err)) < 0) {
		check(false, "the programs load and attach: %s", err);
		return false;
	}
	watch_init(w, b);
	return true;
}

enum tap_backend backend_used(const struct watch *w)
{
	enum tap_backend b = backend;

	if (b == TAP_BACKEND_AUTO && tap_backend_parse(tap_bpf_backend(w->bpf), &b) < 0)
		b = TAP_BACKEND_TRACEPOINT;
	return b;
}

struct reply order(struct worker *k, uint32_t what, uint32_t a)
{
	struct reply r = { 0 };
	int rc = worker_do(k, (struct order){ .what = what, .a = a }, &r);

	if (rc) {
		printf("# order %u:\n", what);
		worker_explain(k, rc);
		r.error = rc;
	}
	return r;
}

struct reply move(struct worker *k, int back, uint32_t sop, uint32_t rop, uint64_t n)
{
	struct order o = { .what = T_MOVE, .a = (uint32_t)back, .b = sop, .c = rop, .n = n };
	struct reply r = { 0 };
	int rc = worker_do(k, o, &r);

	if (rc) {
		printf("# %s to %s of %llu bytes:\n", way_send(sop)->name, way_recv(rop)->name,
		       (unsigned long long)n);
		worker_explain(k, rc);
		r.error = rc; /* it has none when no reply came */
	}
	return r;
}

void explain(const char *who, const struct end *e)
{
	if (!e) {
		printf("# %s: not seen\n", who);
		return;
	}
	for (int d = 0; d < 2; d++) {
		printf("# %s %s: captured %llu holes %llu (", who, d ? "write" : "read",
		       (unsigned long long)e->captured[d], (unsigned long long)e->holes[d]);
		for (int i = 0; i < EV_WHY_MAX; i++)
			printf(" %llu", (unsigned long long)e->why[d][i]);
		printf(" ) total %llu wrong %u how %x ends %u side %u opens %u flags %x\n",
		       (unsigned long long)e->total[d], e->wrong, e->how, e->ends_read, e->side, e->opens,
		       e->flags);
		if (e->plain[d].seen)
			printf("# %s %s, plaintext: captured %llu holes %llu total %llu\n", who,
			       d ? "write" : "read", (unsigned long long)e->plain[d].captured,
			       (unsigned long long)e->plain[d].holes, (unsigned long long)e->plain[d].total);
	}
}

void start(struct worker *k, int pidns)
{
	int rc = worker_start(k, pidns);

	if (rc < 0) {
		printf("Bail out! no worker: %s\n", strerror(-rc));
		exit(2);
	}
}
