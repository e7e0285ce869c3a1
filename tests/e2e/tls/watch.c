/* SPDX-License-Identifier: Apache-2.0 */
/* watch - captures with the TLS probes and says what plaintext each connection carried.
 *
 *	watch [-t] [-e] [-x PORT] [-p PORT]	until SIGTERM
 *
 * Scans all processes again every second.  Prints "ready" when capture has begun, then one line for each library file, and one for each
 * connection with a port PORT that ended, or is still there at the end:
 *	lib ID NAME VERSION attached|not MILLISECONDS PATH | HOW | PROBLEM
 *	conn TGID LOCALPORT REMOTEPORT SIDE sent BYTES SHA256 received BYTES SHA256 holes N lib ID
 *		nested N sticky N matched N raw-after BYTES
 * and when it changes, how many processes have the probe for connections that are older than the capture: "late N".
 * raw-after: bytes of ciphertext that were still copied, in the two directions together, after plaintext was
 * seen.  At the end: "loss unmapped BYTES ring BYTES fault BYTES", the first of the whole machine, the others of those
 * connections, since what else runs there loses bytes, too.  -t attaches OpenSSL and Go twice.
 * -x leaves connections with that port out.  -e uses no return probes, as where they are not safe.  -k probes no library: what remains is TLS by the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/map.h"
#include "capture/source.h"
#include "tap/bpf.h"
#include "tap/bpf_tls.h"
#include "tap/ends.h"
#include "tap/go_plan.h"
#include "tap/late.h"
#include "tap/tls_file.h"
#include "tap/tls_plan.h"
#include "tap/tls_watch.h"

struct half {
	uint64_t n;
	EVP_MD_CTX *md;
};
struct conn {
	struct ev_open open;
	struct half half[2];
	uint64_t holes, sure[4], raw_after, lost[EV_WHY_MAX];
	unsigned lib;
};
static struct map conns;
static uint64_t lost[EV_WHY_MAX]; /* of the connections that were printed */
static unsigned port;
static volatile sig_atomic_t stop;
static bool twice, exits, kernel_only;
static struct tap_bpf *bpf;
static uint64_t map_seen_ns; /* when the mapping under way was recorded */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct conn *conn_of(uint64_t cookie)
{
	struct conn *c = map_find(&conns, cookie);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	for (int d = 0; d < 2; d++) {
		c->half[d].md = EVP_MD_CTX_new();
		EVP_DigestInit_ex(c->half[d].md, EVP_sha256(), NULL);
	}
	(void)map_put(&conns, cookie, c);
	return c;
}

static void print_half(struct half *h, const char *name)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	EVP_DigestFinal_ex(h->md, md, &n);
	EVP_MD_CTX_free(h->md);
	printf(" %s %" PRIu64 " ", name, h->n);
	for (unsigned i = 0; i < n; i++)
		printf("%02x", md[i]);
}

static void print_conn(struct conn *c)
{
	static const char *const sides[] = { "unknown", "client", "server" };
	const struct ev_open *o = &c->open;

	if (!port || o->lport == port || o->rport == port) {
		printf("conn %u %u %u %s", o->h.tgid, o->lport, o->rport, sides[o->side % 3]);
		print_half(&c->half[EV_WRITE], "sent");
		print_half(&c->half[EV_READ], "received");
		printf(" holes %" PRIu64 " lib %u nested %" PRIu64 " sticky %" PRIu64
		       " matched %" PRIu64 " raw-after %" PRIu64 "\n",
		       c->holes, c->lib, c->sure[EV_SURE_NESTED], c->sure[EV_SURE_STICKY],
		       c->sure[EV_SURE_MATCHED], c->raw_after);
		fflush(stdout);
		for (int i = 0; i < EV_WHY_MAX; i++)
			lost[i] += c->lost[i];
	} else {
		EVP_MD_CTX_free(c->half[0].md);
		EVP_MD_CTX_free(c->half[1].md);
	}
	free(c);
}

static void on_data(struct conn *c, const struct ev_data *d)
{
	struct half *h = &c->half[d->dir & 1];

	c->lost[d->why % EV_WHY_MAX] += d->len - d->ncap;
	if (!d->tls) {
		if (c->half[0].n || c->half[1].n)
			c->raw_after += d->ncap;
		return;
	}
	if (d->off != h->n || d->ncap != d->len)
		c->holes++;
	c->lib = d->tls_lib;
	c->sure[d->sure % 4]++;
	EVP_DigestUpdate(h->md, d->data, d->ncap);
	h->n += d->ncap;
}

static void on_event(void *ctx, const struct ev_hdr *ev)
{
	(void)ctx;
	if (ev->kind == EV_OPEN) {
		conn_of(ev->cookie)->open = *(const struct ev_open *)(const void *)ev;
	} else if (ev->kind == EV_DATA) {
		on_data(conn_of(ev->cookie), (const struct ev_data *)(const void *)ev);
	} else if (ev->kind == EV_CLOSE &&
		   ((const struct ev_close *)(const void *)ev)->how & EV_END_ALL) {
		struct conn *c = map_take(&conns, ev->cookie);

		if (c)
			print_conn(c);
	}
}

static void on_task(void *ctx, const struct ev_task *ev)
{
	map_seen_ns = ev->h.kind == EV_MAP || ev->h.kind == EV_EXEC ? ev->h.ts_ns : 0;
	tls_watch_task(ctx, ev);
	map_seen_ns = 0;
}

static void on_no_task(void *ctx, const struct ev_task *ev)
{
	(void)ctx;
	(void)ev;
}

static void attach_plan(const struct tls_plan *plan, const struct tls_watch_lib *l, int fd)
{
	struct tap_tls_place places[TLS_PLAN_SITES];
	uint64_t ends[TLS_PLAN_EXITS];
	struct tap_tls_links *links; /* until the end */

	for (size_t i = 0; i < plan->n; i++) {
		places[i].off = plan->site[i].at.off;
		places[i].site = tls_file_site(&plan->site[i].call, l->lib, l->tls);
		places[i].by_exit = plan->site[i].by_exit;
	}
	for (size_t i = 0; i < plan->nexits; i++)
		ends[i] = plan->exit[i].off;
	if (tap_bpf_tls_attach(&links, bpf, fd, places, plan->n, ends, plan->nexits) != 0)
		exit(3);
}

/* What two containers of one image would give if they were not told to be one file; and the exported
 * functions besides. */
static void attach_go_again(const struct tls_watch_lib *l, struct elf_image *img, int fd)
{
	static const uint8_t what[] = { EV_TLS_READ, EV_TLS_WRITE, EV_TLS_HANDSHAKE }; /* by enum tls_dir */
	struct tap_go_place places[GO_PLAN_PLACES];
	struct tap_tls_links *links; /* until the end */
	struct go_plan plan;

	if (go_plan_make(&plan, img) != 0)
		exit(3);
	for (size_t i = 0; i < plan.n; i++) {
		const struct go_place *g = &plan.place[i];

		places[i] = (struct tap_go_place){ g->at.off,
						   { l->lib, l->tls, what[g->dir], g->frame, g->slot },
						   g->exit };
	}
	if (tap_bpf_go_attach(&links, bpf, fd, places, plan.n) != 0)
		exit(3);
}

static void attach_again(const struct tls_watch_lib *l)
{
	struct tls_plan plan;
	struct elf_image *img;
	int fd = open(l->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) /* another root's, or gone by now: not what the test is about */
		return;
	if (strcmp(l->name, "go") == 0) {
		if (elf_image_open(&img, fd) != 0)
			exit(3);
		attach_go_again(l, img, fd);
		elf_image_close(img);
		close(fd);
		return;
	}
	if (elf_image_open(&img, fd) != 0 ||
	    tls_plan_make(&plan, img, &tls_table[l->tls - 1], true) != 0)
		exit(3);
	attach_plan(&plan, l, fd);
	if (tls_plan_naive(&plan, img, &tls_table[l->tls - 1]) != 0)
		exit(3);
	attach_plan(&plan, l, fd);
	elf_image_close(img);
	close(fd);
}

static void on_lib(void *ctx, const struct tls_watch_lib *l)
{
	(void)ctx;
	printf("lib %u %s %s %s %.1f %s | %s | %s\n", l->lib, l->name,
	       l->version[0] ? l->version : "?", l->attached ? "attached" : "not",
	       map_seen_ns ? (double)(now_ns() - map_seen_ns) / 1e6 : 0.0, l->path, l->how,
	       l->problem ? l->problem : "");
	fflush(stdout);
	if (twice && l->attached && (strcmp(l->name, "go") == 0 || strcmp(l->name, tls_table[0].name) == 0))
		attach_again(l);
}

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

int main(int argc, char **argv)
{
	struct ev_policy policy = { .dflt = EV_DEFAULT_ALL };
	struct tls_watch *w;
	struct late *late;
	struct ends ends = { 0 };
	const char *leave_out = NULL;
	struct source *src;
	uint64_t losses[EV_LOSS_MAX];
	uint64_t scanned;
	size_t n, probed = 0;
	const int *rings;
	unsigned nrings;
	char err[512];
	int o;

	while ((o = getopt(argc, argv, "tekp:x:")) != -1)
		if (o == 't')
			twice = true;
		else if (o == 'e')
			exits = true;
		else if (o == 'k')
			kernel_only = true;
		else if (o == 'x')
			leave_out = optarg;
		else if (o == 'p')
			port = (unsigned)strtoul(optarg, NULL, 10);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	/* What is compared is what the probes see: a busy machine must not lose any of it in the rings. */
	if (tap_bpf_open(&bpf, &(struct tap_bpf_options){ .events_bytes = 128 << 20 }, err,
			 sizeof(err)) != 0) {
		fprintf(stderr, "watch: %s\n", err);
		return 1;
	}
	nrings = tap_bpf_events_maps(bpf, &rings);
	if (source_live_open(&src, rings, nrings) != 0 ||
	    tls_watch_new(&w, bpf, on_lib, NULL) != 0 ||
	    (exits && (tls_watch_avoid_returns(w), false)) ||
	    tap_bpf_rule_tgid(bpf, (uint32_t)getpid(), EV_RULE_EXCLUDE) != 0 ||
	    (leave_out && (ends_ports(&ends, EV_RULE_EXCLUDE, leave_out) != 0 || tap_bpf_set_ends(bpf, &ends) != 0)) ||
	    (policy.ends = ends.kinds, tap_bpf_set_policy(bpf, &policy) != 0))
		return 1;
	if (!kernel_only)
		(void)tls_watch_scan(w);
	late = late_new(bpf);
	if (!late)
		return 1;
	printf("ready %s\n", tap_bpf_tls_backend(bpf));
	fflush(stdout);
	scanned = now_ns();
	while (!stop) {
		struct pollfd p[2] = { { tap_bpf_tasks_fd(bpf), POLLIN, 0 },
				       { src->ops->fd(src), POLLIN, 0 } };

		(void)poll(p, 2, 2);
		(void)tap_bpf_tasks_poll(bpf, kernel_only ? on_no_task : on_task, w);
		if (!kernel_only && now_ns() - scanned > 1000000000) {
			(void)tls_watch_scan(w);
			scanned = now_ns();
			n = late_tick(late, scanned);
			if (n != probed) {
				probed = n;
				printf("late %zu\n", n);
				fflush(stdout);
			}
		}
		while (src->ops->poll(src, 0, on_event, NULL) > 0)
			;
	}
	while (src->ops->poll(src, 0, on_event, NULL) > 0)
		;
	uint64_t key;
	void *c;

	for (size_t pos = 0; map_next(&conns, &pos, &key, &c);)
		print_conn(map_take(&conns, key));
	if (tap_bpf_losses(bpf, losses) == 0)
		printf("loss unmapped %" PRIu64 " ring %" PRIu64 " fault %" PRIu64 "\n",
		       losses[EV_LOSS_TLS_UNMAPPED], lost[EV_WHY_RING], lost[EV_WHY_FAULT]);
	late_free(late);
	tls_watch_free(w);
	src->ops->close(src);
	tap_bpf_close(bpf);
	return 0;
}
