/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* https.bpf.c - programs that do nothing, for probes: what a tool that reads TLS at its exported functions cannot go below. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("uprobe.multi")
int naive_entry(void *ctx)
{
	return 0;
}

SEC("uretprobe.multi")
int naive_return(void *ctx)
{
	return 0;
}
