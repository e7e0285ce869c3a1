/* SPDX-License-Identifier: Apache-2.0 */
/* What the hooks cost a program: one exchange is 1,000 bytes sent and received over loopback TCP by one
 * thread, so that nothing but the two system calls is measured.  Each figure is the least of several runs,
 * taken in turn, of processor time, because the machine may be busy; another thread takes the events.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define EXCHANGES 20000
#define RUNS	  9

static double run(const int fd[2])
{
	static char buf[1000];
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < EXCHANGES; i++)
		if (send(fd[0], buf, sizeof(buf), 0) != sizeof(buf) ||
		    recv(fd[1], buf, sizeof(buf), MSG_WAITALL) != sizeof(buf))
			return -1;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / EXCHANGES;
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

static atomic_bool stop;
static atomic_ulong taken;

static void count(void *ctx, const struct ev_hdr *ev)
{
	(void)ctx;
	(void)ev;
	taken++;
}

static void *consumer(void *arg)
{
	struct source *s = arg;

	while (!stop)
		s->ops->poll(s, 10, count, NULL);
	return NULL;
}

static double least(double a, double b)
{
	return a < 0 || b < a ? b : a;
}

int bench(void)
{
	double bare = -1, out = -1, in = -1;
	uint64_t loss[EV_LOSS_MAX] = { 0 };

	for (int i = 0; i < RUNS; i++) {
		struct watch w;
		pthread_t t;
		int fd[2];

		if (!connected(fd))
			return 1;
		run(fd);
		bare = least(bare, run(fd));
		if (!load(&w, 0))
			return 1;
		run(fd);
		out = least(out, run(fd));
		stop = false;
		pthread_create(&t, NULL, consumer, w.src);
		tap_bpf_rule_tgid(w.bpf, (uint32_t)getpid(), EV_RULE_INCLUDE);
		run(fd);
		in = least(in, run(fd));
		tap_bpf_losses(w.bpf, loss);
		stop = true;
		pthread_join(t, NULL);
		watch_release(&w);
		close(fd[0]);
		close(fd[1]);
	}
	printf("bare %.0f ns; attached, not captured %.0f ns (x%.2f); captured %.0f ns (x%.2f); "
	       "%lu events taken, %llu refused in the last run\n",
	       bare, out, out / bare, in, in / bare, (unsigned long)taken,
	       (unsigned long long)loss[EV_LOSS_RING]);
	return 0;
}
