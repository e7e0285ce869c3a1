/* SPDX-License-Identifier: Apache-2.0 */
/* same.c - a fixed script of traffic in all the ways that every back end sees, and what must come of it: the same text
 * on every back end and kernel. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dump.h"
#include "expect.h"

static const uint32_t sizes[] = { 1, 100, 4097, 16384, 70001 };
#define SIZES (sizeof(sizes) / sizeof(*sizes))

struct script { /* one connection */
	uint32_t sop, rop, family;
	uint16_t key;
	struct reply r;
};

/* Seen alike by all, whatever the kernel: sendfile and the like by tracepoints from 6.16 on only, and io_uring is not on
 * every one. */
static bool common(uint32_t op, bool sends)
{
	struct expect first = sends ? expect_send(TAP_BACKEND_TRACEPOINT, EV_TCP, op)
				    : expect_recv(TAP_BACKEND_TRACEPOINT, EV_TCP, op);

	if (sends ? op >= S_SENDFILE : op >= R_URING_RECV)
		return false;
	for (enum tap_backend b = TAP_BACKEND_TRACEPOINT; b < TAP_BACKENDS; b++) {
		struct expect x = sends ? expect_send(b, EV_TCP, op) : expect_recv(b, EV_TCP, op);

		if (x.seen != first.seen || x.why != first.why)
			return false;
	}
	if (only_tcp && first.seen != SEEN_BYTES) /* there is no call of which to say why */
		return false;
	return first.seen != SEEN_PART;
}

static unsigned write_script(struct script *s, unsigned most)
{
	unsigned n = 0;

	for (uint32_t op = 0; op < S_OPS; op++)
		if (common(op, true) && n < most)
			s[n++] = (struct script){ .sop = op, .rop = R_READ };
	for (uint32_t op = 0; op < R_OPS; op++)
		if (common(op, false) && n < most)
			s[n++] = (struct script){ .sop = S_WRITE, .rop = op };
	for (unsigned i = 0; i < n; i++) {
		s[i].family = i % F_FAMILIES;
		s[i].key = (uint16_t)(i + 1);
	}
	return n;
}

static bool play(struct watch *w, struct worker *k, struct script *s)
{
	struct order o = { .what = T_OPEN, .a = s->family, .c = s->key };
	bool ok = worker_do(k, o, &s->r) == 0;

	watch_key(w, s->r.cport, s->key);
	for (size_t i = 0; i < SIZES; i++)
		ok = ok && move(k, 0, s->sop, s->rop, sizes[i]).error == 0 &&
		     move(k, 1, s->sop, s->rop, sizes[SIZES - 1 - i]).error == 0;
	order(k, T_CLOSE, 0);
	return watch_gone(w, s->r.cport, s->r.sport) && ok;
}

/* What must have been seen of one direction at one end. */
static void predict(FILE *f, const struct script *s, int dir, int back, struct expect x)
{
	uint64_t n = 0, hash = DUMP_HASH;

	for (size_t i = 0; i < SIZES; i++)
		n += sizes[i];
	for (uint64_t i = 0; i < n; i++) {
		uint8_t byte = pattern(s->key, back, i);

		hash = dump_hash(hash, &byte, 1);
	}
	if (x.seen == SEEN_BYTES)
		dump_bytes(f, dir, 0, n, hash);
	else
		dump_hole(f, dir, 0, n, x.why);
}

static void predict_all(FILE *f, const struct script *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++, s++) {
		struct expect out = expect_send(TAP_BACKEND_TRACEPOINT, EV_TCP, s->sop);
		struct expect in = expect_recv(TAP_BACKEND_TRACEPOINT, EV_TCP, s->rop);
		char name[200];

		snprintf(name, sizeof(name), "%s to %s, %s", way_send(s->sop)->name,
			 way_recv(s->rop)->name, family_names[s->family]);
		dump_head(f, name, EV_CLIENT, "capture_check", EV_END_WRITE | EV_END_ALL);
		predict(f, s, EV_READ, 1, in);
		predict(f, s, EV_WRITE, 0, out);
		dump_head(f, name, EV_SERVER, "capture_check",
			  EV_END_READ | EV_END_WRITE | EV_END_ALL);
		predict(f, s, EV_READ, 0, in);
		predict(f, s, EV_WRITE, 1, out);
	}
}

static void dump_all(FILE *f, const struct dump *d, const struct script *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++, s++) {
		char name[200];

		snprintf(name, sizeof(name), "%s to %s, %s", way_send(s->sop)->name,
			 way_recv(s->rop)->name, family_names[s->family]);
		dump_end(d, f, name, s->r.cport, s->r.sport);
		dump_end(d, f, name, s->r.sport, s->r.cport);
	}
}

/* The first line that differs, as a comment. */
static void show_difference(const char *got, const char *want)
{
	const char *line = got, *other = want;

	for (size_t i = 0; got[i] && got[i] == want[i]; i++)
		if (got[i] == '\n') {
			line = got + i + 1;
			other = want + i + 1;
		}
	printf("# got:  %.*s\n# want: %.*s\n", (int)strcspn(line, "\n"), line,
	       (int)strcspn(other, "\n"), other);
}

static bool save(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool ok = f && fputs(text, f) >= 0;

	if (f && fclose(f) != 0)
		ok = false;
	return ok;
}

void same(struct watch *w, struct worker *k)
{
	struct script s[S_OPS + R_OPS];
	unsigned n = write_script(s, S_OPS + R_OPS);
	char *got = NULL, *want = NULL;
	size_t ngot, nwant;
	FILE *f = open_memstream(&got, &ngot), *g = open_memstream(&want, &nwant);
	struct dump *d = dump_new();
	bool ok = f && g && d;

	w->also = dump_event;
	w->also_arg = d;
	for (unsigned i = 0; ok && i < n; i++)
		ok = play(w, k, &s[i]);
	w->also = NULL;
	if (ok) {
		dump_all(f, d, s, n);
		predict_all(g, s, n);
	}
	if (f)
		fclose(f);
	if (g)
		fclose(g);
	if (!check(ok && strcmp(got, want) == 0,
		   "the script of %u connections is reported as on every back end and kernel", n) &&
	    got && want)
		show_difference(got, want);
	if (dump_file && got)
		check(save(dump_file, got), "the report is written to %s", dump_file);
	dump_free(d);
	free(got);
	free(want);
	watch_forget(w);
}
