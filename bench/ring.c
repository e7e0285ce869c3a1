/* SPDX-License-Identifier: Apache-2.0 */
/* ring OBJECT - records a second and bytes a second from a ring to the connection table, on one core.
 *
 * A program in the kernel (ring.bpf.c) fills a ring of 32 MiB, then the reader empties it; only the reader's processor
 * time counts.  The floor is the same reader with nothing behind it.  Each figure is the median of several rounds, the
 * two in turn.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/source.h"
#include "conn/table.h"

#define ROUNDS	   15
#define RING_BYTES (32u << 20)
#define COOKIE	   1

struct bench {
	struct bpf_object *obj;
	int templates, produce;
	struct source *src;
	struct conn_table *table;
	uint64_t records, bytes, flows;
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "ring: %s\n", what);
	exit(1);
}

static double cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- what is in the records ------------------------------------------------------------------------- */

static struct ev_data *record(enum ev_dir dir, const char *text, size_t n)
{
	struct ev_data *ev = calloc(1, sizeof(*ev) + EV_CHUNK_MAX);
	size_t len = text ? strlen(text) : n;

	if (!ev || len > EV_CHUNK_MAX)
		die("out of memory");
	ev->h.kind = EV_DATA;
	ev->h.cookie = COOKIE;
	ev->h.size = (uint32_t)(sizeof(*ev) + len);
	ev->len = ev->ncap = (uint32_t)len;
	ev->dir = (uint8_t)dir;
	if (text)
		memcpy(ev->data, text, len);
	else
		memset(ev->data, 'x', len);
	return ev;
}

static void set_template(const struct bench *b, uint32_t i, struct ev_data *ev)
{
	if (bpf_map_update_elem(b->templates, &i, ev, BPF_ANY))
		die("the templates cannot be set");
	free(ev);
}

static void on_flow(void *ctx, const struct flow *f)
{
	struct bench *b = ctx;

	b->flows += f->state == FLOW_DONE;
}

/* A table that knows the connection; body: it is in the middle of an endless one. */
static void begin(struct bench *b, bool body)
{
	static const uint8_t seed[16] = "0123456789abcde";
	const struct conn_hooks hooks = { .flow = on_flow };
	struct ev_open open = { .h = { .size = sizeof(open), .kind = EV_OPEN, .cookie = COOKIE },
				.side = EV_CLIENT,
				.lport = 40000,
				.rport = 80 };
	struct conn_limits lim;

	conn_limits_default(&lim);
	conn_table_free(b->table);
	b->table = conn_table_new(&lim, &hooks, b, 0, seed);
	if (!b->table || conn_table_event(b->table, &open.h))
		die("no table");
	if (body) {
		struct ev_data *q = record(EV_WRITE, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n", 0);
		struct ev_data *a = record(EV_READ, "HTTP/1.1 200 OK\r\n\r\n", 0);

		(void)conn_table_event(b->table, &q->h);
		(void)conn_table_event(b->table, &a->h);
		free(q);
		free(a);
	}
}

/* --- reading ------------------------------------------------------------------------------------------ */

static void to_nothing(void *ctx, const struct ev_hdr *ev)
{
	struct bench *b = ctx;

	b->records++;
	b->bytes += ev->size;
}

static void to_table(void *ctx, const struct ev_hdr *ev)
{
	struct bench *b = ctx;

	b->records++;
	b->bytes += ev->size;
	if (conn_table_event(b->table, ev))
		die("a record was refused");
}

/* Fills the ring and empties it.  Nanoseconds a record. */
static double round_of(struct bench *b, bool two, event_fn fn)
{
	struct {
		uint32_t steps, mask;
	} args = { UINT32_MAX, two };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &args, .ctx_size_in = sizeof(args));
	double begin_ns;

	if (bpf_prog_test_run_opts(b->produce, &run))
		die("the producer does not run");
	b->records = b->bytes = 0;
	begin_ns = cpu_ns();
	while (b->src->ops->poll(b->src, 0, fn, b) > 0)
		;
	return (cpu_ns() - begin_ns) / (double)b->records;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(struct bench *b, const char *name, struct ev_data *one, struct ev_data *two)
{
	double floor_ns[ROUNDS], table_ns[ROUNDS], payload = one->ncap;
	bool both = two != NULL;

	if (two)
		payload = (payload + two->ncap) / 2;
	for (int i = 0; i < ROUNDS; i++) {
		/* Positions begin anew with each table. */
		begin(b, !both);
		one->off = both ? 0 : strlen("HTTP/1.1 200 OK\r\n\r\n");
		if (both)
			two->off = 0;
		for (uint32_t k = 0; k < 1u + both; k++) {
			struct ev_data *copy = calloc(1, sizeof(*copy) + EV_CHUNK_MAX);

			if (!copy)
				die("out of memory");
			memcpy(copy, k ? two : one, sizeof(*copy) + EV_CHUNK_MAX);
			set_template(b, k, copy);
		}
		table_ns[i] = round_of(b, both, to_table);
		floor_ns[i] = round_of(b, both, to_nothing);
	}
	qsort(floor_ns, ROUNDS, sizeof(double), by_value);
	qsort(table_ns, ROUNDS, sizeof(double), by_value);
	printf("%-34s %8.2f %8.2f %10.2f %8.2f %8.1f\n", name, 1e3 / table_ns[ROUNDS / 2],
	       payload / table_ns[ROUNDS / 2], 1e3 / floor_ns[ROUNDS / 2],
	       payload / floor_ns[ROUNDS / 2], table_ns[ROUNDS / 2] / floor_ns[ROUNDS / 2]);
	free(one);
	free(two);
}

int main(int argc, char **argv)
{
	struct bench b = { .obj = argc == 2 ? bpf_object__open_file(argv[1], NULL) : NULL };
	cpu_set_t one;
	int ring;

	if (!b.obj || bpf_object__load(b.obj))
		die("usage: ring OBJECT; it cannot be opened or loaded");
	b.templates = bpf_object__find_map_fd_by_name(b.obj, "templates");
	ring = bpf_object__find_map_fd_by_name(b.obj, "ring");
	b.produce = bpf_program__fd(bpf_object__find_program_by_name(b.obj, "produce"));
	if (source_live_open(&b.src, &ring, 1))
		die("the ring cannot be read");
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	(void)sched_setaffinity(0, sizeof(one), &one); /* else it runs where it may */
	printf("%-34s %17s %19s %8s\n", "", "to the table", "to nothing (floor)", "ratio");
	printf("%-34s %8s %8s %10s %8s\n", "records", "M/s", "GB/s", "M/s", "GB/s");
	measure(&b, "64 B of a body", record(EV_READ, NULL, 64), NULL);
	measure(&b, "1 KiB of a body", record(EV_READ, NULL, 1024), NULL);
	measure(&b, "16 KiB of a body", record(EV_READ, NULL, 16384), NULL);
	measure(&b, "HTTP exchange, two small records",
		record(EV_WRITE, "GET /x HTTP/1.1\r\nHost: bench\r\n\r\n", 0),
		record(EV_READ, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0));
	b.src->ops->close(b.src);
	conn_table_free(b.table);
	bpf_object__close(b.obj);
	return b.flows == 0;
}
