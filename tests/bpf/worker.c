/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - the side of a worker's parent: starts it, gives orders, and tells in which way one failed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "moving.h"
#include "traffic.h"

#define ANSWER_MS 60000

static const struct worker none = { .pid = -1, .fd = -1 };

int worker_start(struct worker *w, int pidns)
{
	int pair[2], own = -1;

	*w = none;
	w->movings = movings_new();
	if (!w->movings)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	if (pidns) {
		own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		if (own < 0 || unshare(CLONE_NEWPID) < 0)
			return -errno;
	}
	w->pid = fork();
	if (w->pid == 0) {
		close(pair[0]);
		movings = w->movings;
		work(pair[1]);
	}
	/* Without this, the worker would be the init of all later children, and they could not be made
	 * after its end. */
	if (own >= 0 && setns(own, CLONE_NEWPID) < 0)
		return -errno;
	if (own >= 0)
		close(own);
	close(pair[1]);
	w->fd = pair[0];
	return w->pid < 0 ? -errno : 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* After this no order is given any more: what came back would be another's answer. */
static int lose(struct worker *w, enum worker_lost how)
{
	w->lost = how;
	return -EPIPE;
}

int worker_do(struct worker *w, struct order o, struct reply *ret)
{
	struct pollfd pf = { w->fd, POLLIN, 0 };
	uint64_t end = now_ms() + ANSWER_MS;
	struct reply r;
	int rc = 0;

	if (w->lost)
		return -EPIPE;
	o.serial = ++w->serial;
	movings_clear(w->movings);
	if (send(w->fd, &o, sizeof(o), MSG_NOSIGNAL) != sizeof(o))
		return lose(w, WORKER_DEAD);
	do {
		rc = poll(&pf, 1, 10);
		if (w->idle)
			w->idle(w->idle_arg);
	} while ((rc == 0 || (rc < 0 && errno == EINTR)) && now_ms() < end);
	if (rc != 1)
		return lose(w, WORKER_SILENT);
	if (recv(w->fd, &r, sizeof(r), 0) != sizeof(r))
		return lose(w, WORKER_DEAD);
	if (r.serial != o.serial)
		return lose(w, WORKER_OUT_OF_STEP);
	*ret = r;
	return r.error;
}

/* Left as it is: worker_stop() reaps it, and until then nobody else has its number. */
static void print_end(pid_t pid)
{
	siginfo_t i = { 0 };

	for (int tries = 0; tries < 100 && !i.si_pid; tries++) {
		if (waitid(P_PID, (id_t)pid, &i, WEXITED | WNOWAIT | WNOHANG) < 0)
			break;
		if (!i.si_pid)
			usleep(10000);
	}
	if (!i.si_pid)
		printf("# the worker closed its socket, and lives\n");
	else if (i.si_code == CLD_EXITED)
		printf("# the worker ended with status %d\n", i.si_status);
	else
		printf("# the worker was ended by signal %d\n", i.si_status);
}

/* The first lines of a file of a thread, as one. */
static void print_file(pid_t pid, const char *thread, const char *name, unsigned lines)
{
	char path[300], line[200];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", (int)pid, thread, name);
	f = fopen(path, "re");
	while (f && lines-- && fgets(line, sizeof(line), f))
		printf(" %.*s", (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
}

/* Where the kernel has each thread: its system call with the arguments, and whom that called. */
static void print_threads(pid_t pid)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		printf("# thread %s:", e->d_name);
		print_file(pid, e->d_name, "comm", 1);
		print_file(pid, e->d_name, "syscall", 1);
		print_file(pid, e->d_name, "stack", 8);
		putchar('\n');
	}
	if (d)
		closedir(d);
}

void worker_explain(struct worker *w, int error)
{
	if (w->explained) {
		printf("# the worker had been lost before\n");
		return;
	}
	w->explained = w->lost != WORKER_THERE;
	if (w->lost == WORKER_DEAD) {
		print_end(w->pid);
	} else if (w->lost == WORKER_SILENT) {
		printf("# the worker did not answer within %d s\n", ANSWER_MS / 1000);
		if (w->pid > 1)
			print_threads(w->pid);
	} else if (w->lost == WORKER_OUT_OF_STEP) {
		printf("# the worker answered another order\n");
	} else {
		printf("# the worker said: %s\n", strerror(-error));
	}
	movings_print(w->movings, stdout);
}

void worker_stop(struct worker *w)
{
	if (w->fd >= 0)
		close(w->fd);
	/* Never with the -1 of a fork that failed: to kill() that means every process there is. */
	if (w->pid > 1) {
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
	}
	movings_free(w->movings);
	*w = none;
}
