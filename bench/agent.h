/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h - what the benchmarks that play an agent share: one collector, one connection to a hub on loopback. */
#ifndef LIMPID_BENCH_AGENT_H
#define LIMPID_BENCH_AGENT_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sink/collector.h"

static inline uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* It is dialled once; a benchmark whose hub goes away has failed. */
static inline void on_want(void *ctx, unsigned delay_ms)
{
	(void)ctx;
	(void)delay_ms;
}

static inline int dial(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static inline void pump(struct sink *s, int timeout_ms)
{
	struct pollfd p = { collector_fd(s),
			    (short)(POLLIN | (collector_wants_write(s) ? POLLOUT : 0)), 0 };

	poll(&p, 1, timeout_ms);
	collector_tick(s, now_ns(CLOCK_MONOTONIC));
	if (collector_io(s, now_ns(CLOCK_MONOTONIC)) < 0) {
		fprintf(stderr, "%s\n", collector_stats(s)->why);
		exit(1);
	}
}

#endif
