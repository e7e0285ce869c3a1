/* SPDX-License-Identifier: Apache-2.0 */
/* deaf.c - hooks that attach and are not called: kprobes switched off as a whole, for which a machine of its own is needed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

static bool kprobes(const char *state)
{
	int fd = open("/sys/kernel/debug/kprobes/enabled", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, state, 1) == 1;

	if (fd >= 0)
		close(fd);
	return ok;
}

void deaf(struct watch *w)
{
	struct tap_bpf_options o = { .backend = TAP_BACKEND_KPROBE };
	struct tap_bpf *b = NULL;
	struct utsname u = { 0 };
	char err[512] = "";
	int rc;

	(void)w;
	uname(&u);
	/* One kernel is enough: to load takes half a minute there. */
	if (backend != TAP_BACKEND_KPROBE || !getenv("LIMPID_GUEST") || strncmp(u.release, "6.1.", 4) != 0) {
		check(true, "kprobes that are not called # SKIP only with --backend kprobe in a machine of its own, with 6.1");
		return;
	}
	(void)mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL); /* it may be there */
	if (!kprobes("0")) {
		check(false, "kprobes can be switched off");
		return;
	}
	rc = tap_bpf_open(&b, &o, err, sizeof(err));
	kprobes("1");
	if (!check(rc < 0 && strstr(err, "the kernel does not call it"), "kprobes that are not called are refused"))
		printf("# %d: %s\n", rc, err);
	if (!rc)
		tap_bpf_close(b);
}
