/* SPDX-License-Identifier: Apache-2.0 */
/* What the choice of probe sites costs a program: SSL_write + SSL_read of 1,000 bytes without probes, with
 * entry and return probes on the first byte of the exported functions (naive), and with ours.
 *
 *	tls_sites CERT KEY
 *
 * The kernel programs are the same in both cases.  "memory": over a BIO pair, so that nothing but the
 * library is measured and no byte is copied out.  "loopback": over a TCP connection, with capture and copying.
 * Rounds are interleaved and the fastest of each kind counts; only the ratios mean something elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/source.h"
#include "tap/bpf.h"
#include "tap/bpf_tls.h"
#include "tap/maps.h"
#include "tap/tls_file.h"
#include "tap/tls_plan.h"

#define BYTES  1000
#define PAIRS  2000
#define ROUNDS 9

enum kind { NONE, NAIVE, OURS, KINDS };
static const char *const kind_names[KINDS] = { "none", "naive", "ours" };
static const char *cert, *key;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "tls_sites: %s: %s\n", what, errno ? strerror(errno) : "failed");
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- the target: a process that answers each byte on its input with the time of one round ---------------------- */

static void use_tcp(SSL *a, SSL *b)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s, one = 1;

	if (bind(l, (struct sockaddr *)&at, len) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&at, &len) || connect(c, (struct sockaddr *)&at, len))
		die("loopback");
	s = accept(l, NULL, NULL);
	setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c, F_SETFL, O_NONBLOCK);
	fcntl(s, F_SETFL, O_NONBLOCK);
	SSL_set_fd(a, c);
	SSL_set_fd(b, s);
}

static void target(bool tcp, int in, int out)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *a, *b;
	BIO *one, *two;
	char buf[BYTES], go;
	int n = 0;

	if (SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		die("certificate");
	a = SSL_new(ctx);
	b = SSL_new(ctx);
	if (tcp) {
		use_tcp(a, b);
	} else {
		BIO_new_bio_pair(&one, 1 << 17, &two, 1 << 17);
		SSL_set_bio(a, one, one);
		SSL_set_bio(b, two, two);
	}
	SSL_set_connect_state(a);
	SSL_set_accept_state(b);
	for (int i = 0; i < 1000 && (!SSL_is_init_finished(a) || !SSL_is_init_finished(b)); i++) {
		SSL_do_handshake(a);
		SSL_do_handshake(b);
	}
	memset(buf, 'x', sizeof(buf));
	while (read(in, &go, 1) == 1) {
		double t = now_ns();

		for (int i = 0; i < PAIRS; i++) {
			if (SSL_write(a, buf, BYTES) != BYTES)
				die("SSL_write");
			while ((n = SSL_read(b, buf, BYTES)) <= 0)
				if (SSL_get_error(b, n) != SSL_ERROR_WANT_READ)
					die("SSL_read");
		}
		t = (now_ns() - t) / PAIRS;
		if (write(out, &t, sizeof(t)) != sizeof(t))
			break;
	}
	_exit(0);
}

/* --- the other side --------------------------------------------------------------------------------------------- */

struct library {
	int fd;
	char path[MAPS_PATH_MAX];
};

static bool find_library(void *ctx, const struct maps_entry *e)
{
	struct library *l = ctx;

	if (!strstr(e->path, "/libssl.so"))
		return true;
	l->fd = open(e->path, O_RDONLY | O_CLOEXEC);
	snprintf(l->path, sizeof(l->path), "%s", e->path);
	return false;
}

static struct tap_tls_links *attach(struct tap_bpf *b, const struct library *l, bool naive)
{
	struct tap_tls_place places[TLS_PLAN_SITES] = { 0 };
	struct tap_tls_links *links;
	struct elf_image *img;
	struct tls_plan plan;
	size_t n = 0;

	if (elf_image_open(&img, l->fd) || (naive ? tls_plan_naive(&plan, img, &tls_table[0])
						  : tls_plan_make(&plan, img, &tls_table[0], true)))
		die("plan");
	elf_image_close(img);
	for (size_t i = 0; i < plan.n; i++) {
		const struct tls_call *c = &plan.site[i].call;

		if (c->dir == TLS_DIR_NONE)
			continue;
		places[n].off = plan.site[i].at.off;
		places[n++].site = tls_file_site(c, 1, 1);
	}
	if (tap_bpf_tls_attach(&links, b, l->fd, places, n, NULL, 0))
		die("attach");
	return links;
}

static void count_data(void *ctx, const struct ev_hdr *ev)
{
	if (ev->kind == EV_DATA && ((const struct ev_data *)(const void *)ev)->tls)
		++*(unsigned long *)ctx;
}

static void measure(struct tap_bpf *b, struct source *src, bool tcp)
{
	double best[KINDS] = { 1e18, 1e18, 1e18 }, t;
	unsigned long events[KINDS] = { 0 };
	struct library lib = { .fd = -1 };
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) || pipe(out))
		die("pipe");
	pid = fork();
	if (pid == 0) {
		close(in[1]);
		target(tcp, in[0], out[1]);
	}
	if (tap_bpf_rule_tgid(b, (uint32_t)pid, EV_RULE_INCLUDE))
		die("rule");
	for (int round = 0; round < ROUNDS; round++)
		for (enum kind k = NONE; k < KINDS; k++) {
			struct tap_tls_links *links = NULL;

			if (round == 0 &&
			    k == NONE) { /* warm-up, and then it has its library mapped */
				if (write(in[1], "g", 1) != 1 ||
				    read(out[0], &t, sizeof(t)) != sizeof(t) ||
				    maps_each((uint32_t)pid, find_library, &lib) || lib.fd < 0)
					die("target");
			}
			if (k != NONE)
				links = attach(b, &lib, k == NAIVE);
			if (write(in[1], "g", 1) != 1 || read(out[0], &t, sizeof(t)) != sizeof(t))
				die("target");
			tap_bpf_tls_detach(links);
			best[k] = t < best[k] ? t : best[k];
			while (src->ops->poll(src, 0, count_data, &events[k]) > 0)
				;
		}
	close(in[1]);
	waitpid(pid, NULL, 0);
	printf("%s, %s, %d rounds of %d pairs\n", tcp ? "loopback" : "memory",
	       tap_bpf_tls_backend(b), ROUNDS, PAIRS);
	for (enum kind k = NONE; k < KINDS; k++)
		printf("  %-6s %8.0f ns a pair, x%.2f, %lu records of plaintext\n", kind_names[k],
		       best[k], best[k] / best[NONE], events[k]);
	printf("  added by ours / added by naive: %.2f\n",
	       (best[OURS] - best[NONE]) / (best[NAIVE] - best[NONE]));
}

int main(int argc, char **argv)
{
	struct ev_policy policy = { .dflt = EV_DEFAULT_NONE };
	struct tap_bpf *b;
	struct source *src;
	const int *rings;
	unsigned nrings;
	char err[512];

	if (argc != 3)
		die("usage: tls_sites CERT KEY");
	cert = argv[1];
	key = argv[2];
	if (tap_bpf_open(&b, NULL, err, sizeof(err))) {
		fprintf(stderr, "tls_sites: %s\n", err);
		return 1;
	}
	nrings = tap_bpf_events_maps(b, &rings);
	if (source_live_open(&src, rings, nrings) || tap_bpf_set_policy(b, &policy))
		die("capture");
	measure(b, src, false);
	measure(b, src, true);
	src->ops->close(src);
	tap_bpf_close(b);
	return 0;
}
