/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the kernel takes programs of a kind at all, by an empty one. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tap/bpf_hooks.h"

#define PROBE_FUNCTION "tcp_sendmsg" /* the others are of the same kind */
#define NOT_SUPPORTED  524	     /* ENOTSUPP: inside the kernel only, but it comes out */

const char *hooks_error_text(int err)
{
	return err == NOT_SUPPORTED ? "not supported" : strerror(err);
}

bool hooks_probe_fentry(char *why, size_t n)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_TRACE_FENTRY);
	int prog, link, id = libbpf_find_vmlinux_btf_id(PROBE_FUNCTION, BPF_TRACE_FENTRY);

	if (id < 0) {
		(void)snprintf(why, n, "the kernel's types have no " PROBE_FUNCTION);
		return false;
	}
	o.attach_btf_id = (__u32)id;
	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "limpid_probe", "Dual BSD/GPL", nothing,
			     sizeof(nothing) / sizeof(*nothing), &o);
	if (prog < 0) {
		(void)snprintf(why, n, "the kernel does not load such programs: %s",
			       hooks_error_text(errno));
		return false;
	}
	link = bpf_raw_tracepoint_open(NULL, prog);
	if (link < 0)
		(void)snprintf(why, n, "the kernel does not attach such programs: %s",
			       hooks_error_text(errno));
	else
		close(link);
	close(prog);
	return link >= 0;
}

bool hooks_probe_kprobe(char *why, size_t n)
{
	static const char path[] = "/sys/bus/event_source/devices/kprobe/type";
	struct perf_event_attr attr = { .size = sizeof(attr) };
	FILE *f = fopen(path, "re");
	unsigned type = 0;
	long fd;
	bool known = f && fscanf(f, "%u", &type) == 1;

	if (f)
		(void)fclose(f); /* only read */
	if (!known) {
		(void)snprintf(why, n, "the kernel has no kprobes: %s", path);
		return false;
	}
	attr.type = type;
	attr.kprobe_func = (__u64)(unsigned long)PROBE_FUNCTION;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0) {
		(void)snprintf(why, n, "the kernel does not set a kprobe on " PROBE_FUNCTION ": %s",
			       hooks_error_text(errno));
		return false;
	}
	close((int)fd);
	return true;
}
