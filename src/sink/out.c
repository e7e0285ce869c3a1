/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output is shared with other programs, so it is not made non-blocking: that would change it
 * for them too.  A pipe that poll() calls writable takes PIPE_BUF bytes at once (pipe(7)).
 */
#include "sink/out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH (32u << 10)
#define NEVER (-1)

void out_init(struct out *o, int fd)
{
	struct stat st;

	*o = (struct out){ .fd = fd };
	o->file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* 1: wrote something; 0: not writable within timeout_ms; negative errno. */
static int write_some(struct out *o, int timeout_ms)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };
	size_t n = o->wait.n - o->sent, max = o->file || o->patient ? 1u << 20 : PIPE_BUF;
	ssize_t done;

	if (!o->file && !o->patient && poll(&p, 1, timeout_ms) <= 0)
		return 0;
	done = write(o->fd, o->wait.p + o->sent, n < max ? n : max);
	if (done < 0 && errno == EAGAIN && o->patient)
		return poll(&p, 1, timeout_ms) < 0 && errno != EINTR ? -errno : 0;
	if (done < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	o->sent += (size_t)done;
	if (o->sent > o->wait.n / 2) {
		buf_drop(&o->wait, o->sent);
		o->sent = 0;
	}
	return 1;
}

void out_be_patient(struct out *o)
{
	o->patient = true;
}

int out_record(struct out *o, size_t from)
{
	if (o->wait.failed || o->wait.n - o->sent > OUT_MAX) {
		o->wait.n = from;
		o->wait.failed = false;
		o->dropped++;
		return -EAGAIN;
	}
	if ((o->file || o->patient) && o->wait.n < BATCH)
		return 0; /* out_flush follows within milliseconds, or at the end */
	while (o->wait.n) {
		int rc = write_some(o, o->patient ? NEVER : 0);

		if (rc < 0 || (rc == 0 && !o->patient))
			return rc;
	}
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int out_flush(struct out *o, int timeout_ms)
{
	int64_t until = now_ms() + timeout_ms;

	while (o->wait.n) {
		int64_t left = until - now_ms();
		int rc = write_some(o, left > 0 ? (int)left : 0);

		if (rc < 0)
			return rc;
		if (rc == 0 && left <= 0)
			return -ETIMEDOUT;
	}
	return 0;
}

void out_release(struct out *o)
{
	buf_release(&o->wait);
}
