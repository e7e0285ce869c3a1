/* SPDX-License-Identifier: Apache-2.0 */
/* On x86 kernels from 6.11 to about 6.13 a return probe ends in a system call of its own (uretprobe), and
 * the seccomp filter of a container kills the process for it.  Not the version is asked but the kernel:
 * a child with a filter that allows almost nothing runs through a return probe.
 */
#include "tap/bpf_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SURVIVED 42

__attribute__((noinline)) static int probed(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

/* Where in our executable file the function lies. */
static int offset_of(uintptr_t addr, uint64_t *ret)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to, off;
	char line[4096];
	int err = -ENOENT;

	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &off) == 3 && addr >= from &&
		    addr < to) {
			*ret = addr - from + off;
			err = 0;
		}
	(void)fclose(f);
	return err;
}

static _Noreturn void child(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	int (*volatile call)(int) = probed; /* the one at that address, no clone of it */
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		_exit(1);
	_exit(call(SURVIVED - 1));
}

static int run_child(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		child();
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == SURVIVED ? 0 : -EPERM;
	return -EOPNOTSUPP;
}

int tap_bpf_tls_selftest(struct tap_bpf *b)
{
	struct tap_tls_place place = { .site = { .what = EV_TLS_HANDSHAKE } };
	struct tap_tls_links *links;
	int fd, err;

	err = offset_of((uintptr_t)probed, &place.off);
	if (err)
		return err;
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = tap_bpf_tls_attach(&links, b, fd, &place, 1, NULL, 0);
	close(fd);
	if (err)
		return err;
	err = run_child();
	tap_bpf_tls_detach(links);
	return err;
}
