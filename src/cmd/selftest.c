/* SPDX-License-Identifier: Apache-2.0 */
/* limpid selftest-sandbox WORD: confines itself by the very functions that decode uses, then tries what
 * decode must not be able to do.  Not in the help; the end-to-end test runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "cmd/confine.h"
#include "cmd/run.h"

static long try_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long try_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long try_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_connect(void)
{
	return connect(STDIN_FILENO, NULL, 0);
}

static long try_fork(void)
{
	return fork();
}

static long try_setuid(void)
{
	return setuid(0);
}

static long try_kill(void)
{
	return kill(getppid(), 0);
}

static long try_code(void) /* memory that is both written and run */
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long try_nothing(void)
{
	return write(STDOUT_FILENO, "", 0);
}

static const struct {
	const char *word;
	long (*attempt)(void);
} attempts[] = {
	{ "exec", try_exec }, { "open", try_open },	  { "ptrace", try_ptrace },
	{ "bpf", try_bpf },   { "socket", try_socket },	  { "connect", try_connect },
	{ "fork", try_fork }, { "setuid", try_setuid },	  { "kill", try_kill },
	{ "code", try_code }, { "nothing", try_nothing },
};

int run_selftest(const struct args *a)
{
	struct identity who;
	char err[300];

	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		long rc;

		if (strcmp(a->word, attempts[i].word) != 0)
			continue;
		identity_find(&who);
		if (confine_user(&who, err, sizeof(err)) < 0 ||
		    confine_decode(err, sizeof(err)) < 0) {
			log_error("%s", err);
			return 1;
		}
		rc = attempts[i].attempt();
		printf("%s: %s\n", a->word, rc < 0 ? "refused" : "allowed");
		return rc < 0 ? 0 : 3;
	}
	log_error("no such attempt: %s", a->word);
	return EXIT_USAGE;
}
