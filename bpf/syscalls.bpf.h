/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* syscalls.bpf.h - system call numbers and where the arguments are, per architecture. */
#ifndef LIMPID_SYSCALLS_BPF_H
#define LIMPID_SYSCALLS_BPF_H

#include "compat.bpf.h"

#if defined(__TARGET_ARCH_x86) /* arch/x86/entry/syscalls/syscall_64.tbl */
#define NR_READ	    0
#define NR_WRITE    1
#define NR_CLOSE    3
#define NR_MMAP	    9
#define NR_READV    19
#define NR_WRITEV   20
#define NR_SENDFILE 40
#define NR_CONNECT  42
#define NR_ACCEPT   43
#define NR_SENDTO   44
#define NR_RECVFROM 45
#define NR_SENDMSG  46
#define NR_RECVMSG  47
#define NR_PAIR	    53 /* socketpair */
#define NR_SPLICE   275
#define NR_ACCEPT4  288
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define SYS_NR(regs)   ((long)(regs)->orig_ax)
#define SYS_ARG0(regs) ((regs)->di)
#define SYS_ARG1(regs) ((regs)->si)
#define SYS_ARG2(regs) ((regs)->dx)
#define SYS_ARG3(regs) ((regs)->r10)
#define SYS_ARG4(regs) ((regs)->r8)
#define TASK_COMPAT(task) (KREAD(task, thread_info.status) & 2) /* TS_COMPAT: a 32-bit call, other numbers */
#elif defined(__TARGET_ARCH_arm64) /* include/uapi/asm-generic/unistd.h */
#define NR_CLOSE    57
#define NR_READ	    63
#define NR_WRITE    64
#define NR_READV    65
#define NR_WRITEV   66
#define NR_SENDFILE 71
#define NR_SPLICE   76
#define NR_PAIR	    199 /* socketpair */
#define NR_ACCEPT   202
#define NR_CONNECT  203
#define NR_SENDTO   206
#define NR_RECVFROM 207
#define NR_SENDMSG  211
#define NR_RECVMSG  212
#define NR_MMAP	    222
#define NR_ACCEPT4  242
#define NR_RECVMMSG 243
#define NR_SENDMMSG 269
#define SYS_NR(regs)   ((long)(regs)->syscallno)
#define SYS_ARG0(regs) ((regs)->orig_x0) /* regs[0] has the result by the exit */
#define SYS_ARG1(regs) ((regs)->regs[1])
#define SYS_ARG2(regs) ((regs)->regs[2])
#define SYS_ARG3(regs) ((regs)->regs[3])
#define SYS_ARG4(regs) ((regs)->regs[4])
#define TASK_COMPAT(task) (KREAD(task, thread_info.flags) & (1 << 22)) /* TIF_32BIT */
#endif

static __always_inline bool nr_is_io(long nr)
{
	switch (nr) {
	case NR_READ:
	case NR_WRITE:
	case NR_CLOSE:
	case NR_CONNECT:
	case NR_PAIR:
	case NR_READV:
	case NR_WRITEV:
	case NR_SENDFILE:
	case NR_ACCEPT:
	case NR_SENDTO:
	case NR_RECVFROM:
	case NR_SENDMSG:
	case NR_RECVMSG:
	case NR_SPLICE:
	case NR_ACCEPT4:
	case NR_RECVMMSG:
	case NR_SENDMMSG:
		return true;
	}
	return false;
}

static __always_inline bool task_is_compat(struct task_struct *task)
{
	return TASK_COMPAT(task) != 0;
}

#endif
