/* SPDX-License-Identifier: Apache-2.0 */
/* What the hooks cost a program: one exchange is 1,000 bytes sent and received over loopback TCP by one
 * thread, so that nothing but the two system calls is measured; one file is opened, looked at, read and closed, as a
 * web server does for each request, which are calls that the hooks have to let pass.
 * Each figure is the tenth percentile of many short runs, taken in turn, of processor time, because the machine may be
 * busy.  Another thread takes the events; it is there all the time, because a process of several threads pays more for
 * its descriptors.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define ONE_RUN 200 /* exchanges or files: a millisecond or two */
#define RUNS	300
#define ROUNDS	3

struct cost { /* nanoseconds */
	double exchange, file;
};

static bool exchange(const int fd[2])
{
	static char buf[1000];

	return send(fd[0], buf, sizeof(buf), 0) == sizeof(buf) &&
	       recv(fd[1], buf, sizeof(buf), MSG_WAITALL) == sizeof(buf);
}

static bool read_file(void)
{
	struct stat st;
	char buf[1024];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && !fstat(fd, &st) && pread(fd, buf, sizeof(buf), 0) == sizeof(buf);

	return !close(fd) && ok;
}

static double run(const int fd[2])
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < ONE_RUN; i++)
		if (!(fd ? exchange(fd) : read_file()))
			return -1;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / ONE_RUN;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double tenth_percentile(double of[RUNS])
{
	qsort(of, RUNS, sizeof(*of), ascending);
	return of[RUNS / 10];
}

/* The least of what was measured in this and in earlier rounds. */
static void measure(struct cost *c, const int fd[2])
{
	double exchanges[RUNS], files[RUNS], e, f;

	for (int i = 0; i < RUNS; i++) {
		exchanges[i] = run(fd);
		files[i] = run(NULL);
	}
	e = tenth_percentile(exchanges);
	f = tenth_percentile(files);
	c->exchange = c->exchange > 0 && c->exchange < e ? c->exchange : e;
	c->file = c->file > 0 && c->file < f ? c->file : f;
}

static bool connected(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(l, (void *)&a, len) || listen(l, 1) || getsockname(l, (void *)&a, &len) ||
	    connect(fd[0], (void *)&a, len))
		return false;
	fd[1] = accept(l, NULL, NULL);
	close(l);
	return fd[1] >= 0;
}

static atomic_bool stop, idle;
static struct source *_Atomic source;
static atomic_ulong taken;

static void count(void *ctx, const struct ev_hdr *ev)
{
	(void)ctx;
	(void)ev;
	taken++;
}

static void *consumer(void *arg)
{
	struct source *s;

	(void)arg;
	while (!stop) {
		s = atomic_load(&source);
		if (s)
			s->ops->poll(s, 10, count, NULL);
		else
			usleep(10000);
		if (!atomic_load(&source))
			idle = true;
	}
	return NULL;
}

/* What the other thread is to read from now on; it has left what was there before. */
static void consume(struct source *s)
{
	idle = false;
	atomic_store(&source, s);
	while (!s && !idle)
		usleep(1000);
}

static void print(const char *what, const struct cost *c, const struct cost *bare)
{
	printf("%-24s exchange %6.0f ns (+%5.0f, x%.2f)   file %6.0f ns (+%5.0f, x%.2f)\n", what,
	       c->exchange, c->exchange - bare->exchange, c->exchange / bare->exchange, c->file,
	       c->file - bare->file, c->file / bare->file);
}

int bench(void)
{
	struct cost bare = { 0 }, out = { 0 }, in = { 0 };
	uint64_t loss[EV_LOSS_MAX] = { 0 };
	pthread_t t;

	if (pthread_create(&t, NULL, consumer, NULL))
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		struct watch w;
		int fd[2];

		if (!connected(fd))
			return 1;
		measure(&bare, fd);
		if (!load(&w, 0))
			return 1;
		measure(&out, fd);
		consume(w.src);
		tap_bpf_rule_tgid(w.bpf, (uint32_t)getpid(), EV_RULE_INCLUDE);
		measure(&in, fd);
		tap_bpf_losses(w.bpf, loss);
		consume(NULL);
		watch_release(&w);
		close(fd[0]);
		close(fd[1]);
	}
	stop = true;
	pthread_join(t, NULL);
	print("bare", &bare, &bare);
	print("attached, not captured", &out, &bare);
	print("captured", &in, &bare);
	printf("%lu events taken, %llu refused in the last run\n", (unsigned long)taken,
	       (unsigned long long)loss[EV_LOSS_RING]);
	return 0;
}
