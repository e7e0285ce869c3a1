/* SPDX-License-Identifier: Apache-2.0 */
/* What decode may still ask of the kernel.  Whatever is not in the list kills it, and tap starts
 * another one; only opening files is refused politely, because the C library tries that by itself
 * (time zones, message catalogues) and goes on without.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "cmd/confine.h"

static const int allowed[] = {
	/* descriptors that are open already */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(close),
	SCMP_SYS(shutdown),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(fcntl),
	SCMP_SYS(getsockopt),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	/* waiting */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(futex),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	/* memory; mmap and mprotect below */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* time, chance, the end */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const int refused[] = { SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2),
			       SCMP_SYS(creat) };

static int add_lists(scmp_filter_ctx f)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	return err;
}

/* Calls that are allowed with some arguments only. */
static int add_conditions(scmp_filter_ctx f)
{
	struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	struct scmp_arg_cmp no_address = SCMP_A4(SCMP_CMP_EQ, 0);
	struct scmp_arg_cmp winsize = SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ);
	struct scmp_arg_cmp tcp = SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP);
	struct scmp_arg_cmp of_fd = SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH);
	struct scmp_arg_cmp tty = SCMP_A1(SCMP_CMP_EQ, 0x5401); /* TCGETS, of isatty */
	int err = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &no_exec);

	err = err ? err
		  : seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &no_exec);
	/* send() on a connected socket */
	err = err ? err
		  : seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, &no_address);
	err = err ? err : seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1, &tcp);
	err = err ? err : seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &winsize);
	err = err ? err : seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &tty);
	/* fstat() of glibc 2.33 and later */
	err = err ? err
		  : seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1, &of_fd);
	return err;
}

static int limit(__rlimit_resource_t what, rlim_t max)
{
	struct rlimit l;

	if (getrlimit(what, &l) < 0)
		return -errno;
	if (l.rlim_max < max)
		max = l.rlim_max;
	l = (struct rlimit){ max, max };
	return setrlimit(what, &l) < 0 ? -errno : 0;
}

/* No limit on file sizes: only inherited descriptors can be written, and when standard error is a file a limit
 * of nothing would kill the process over a log line. */
static int set_limits(void)
{
	int err = limit(RLIMIT_CORE, 0);

	err = err ? err : limit(RLIMIT_NPROC, 0);
	err = err ? err : limit(RLIMIT_NOFILE, 64);
	err = err ? err : limit(RLIMIT_MSGQUEUE, 0);
#ifndef __SANITIZE_ADDRESS__ /* it reserves terabytes of address space */
	err = err ? err : limit(RLIMIT_DATA, 2ul << 30);
#endif
	return err;
}

int confine_decode(char *err, size_t errlen)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = f ? set_limits() : -ENOMEM;

	rc = rc ? rc : add_lists(f);
	rc = rc ? rc : add_conditions(f);
	rc = rc ? rc : seccomp_load(f);
	if (f)
		seccomp_release(f);
	if (rc)
		(void)snprintf(err, errlen, "cannot confine the decoder with seccomp: %s",
			       strerror(-rc));
	return rc;
}
