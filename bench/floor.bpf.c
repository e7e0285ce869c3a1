/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* floor.bpf.c - programs that do nothing on the tracepoints that the system call back end needs: what no capture
 * there can go below. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sys_enter")
int floor_enter(void *ctx)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int floor_exit(void *ctx)
{
	return 0;
}
