/* SPDX-License-Identifier: Apache-2.0 */
/* What capturing needs of the machine, and the sentence when it is not there. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tap/bpf_priv.h"

#define BTF_PATH     "/sys/kernel/btf/vmlinux"
#define PREEMPT_PATH "/sys/kernel/debug/sched/preempt"

int bpf_fail(char *err, size_t errlen, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return rc;
}

static bool have_cap(cap_value_t which)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t is_set = CAP_CLEAR;

	if (!caps)
		return true; /* then bpf() will tell */
	if (cap_get_flag(caps, which, CAP_EFFECTIVE, &is_set) < 0)
		is_set = CAP_CLEAR;
	cap_free(caps);
	return is_set == CAP_SET;
}

int bpf_check_caps(char *err, size_t errlen)
{
	bool bpf = have_cap(CAP_BPF), perfmon = have_cap(CAP_PERFMON);

	if (have_cap(CAP_SYS_ADMIN) || (bpf && perfmon))
		return 0;
	return bpf_fail(err, errlen, -EPERM,
		    "capturing needs the capabilit%s %s%s%s: run it as root, for example with sudo",
		    bpf || perfmon ? "y" : "ies", bpf ? "" : "CAP_BPF",
		    bpf || perfmon ? "" : " and ", perfmon ? "" : "CAP_PERFMON");
}

int bpf_check_kernel(char *err, size_t errlen)
{
	struct utsname u = { 0 };

	uname(&u);
	if (access(BTF_PATH, R_OK) < 0)
		return bpf_fail(err, errlen, -ENOENT,
			    "the kernel (%s) does not describe its types: " BTF_PATH
			    " is missing; use a kernel built with CONFIG_DEBUG_INFO_BTF, as "
			    "Debian's are",
			    u.release);
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 0)
		return bpf_fail(err, errlen, -EOPNOTSUPP,
			    "the kernel (%s) is too old: it has no ring buffers for BPF programs; "
			    "Limpid needs 5.10 or newer",
			    u.release);
	return 0;
}

/* Nothing but the version tells. */
bool bpf_preempts_tracepoints(void)
{
	struct utsname u = { 0 };
	unsigned major = 0;

	return uname(&u) == 0 && sscanf(u.release, "%u.", &major) == 1 && major >= 7;
}

/* "none voluntary (full) lazy": what is in brackets was chosen, of a kernel where that can be. */
bool bpf_preempts(void)
{
	struct utsname u = { 0 };
	char modes[128] = "";
	FILE *f;

	if (uname(&u) || !strstr(u.version, "PREEMPT"))
		return false;
	f = fopen(PREEMPT_PATH, "re");
	if (!f)
		return true; /* nobody has mounted it, or there is no choice */
	if (!fgets(modes, sizeof(modes), f))
		modes[0] = '\0';
	(void)fclose(f); /* only read */
	return !strstr(modes, "(none)") && !strstr(modes, "(voluntary)");
}

bool tap_bpf_skips(const struct tap_bpf *b)
{
	const char *used = tap_bpf_backend(b);

	if (bpf_preempts_tracepoints())
		return true;
	return bpf_preempts() && (strcmp(used, "fentry") == 0 || strcmp(used, "mixed") == 0);
}
