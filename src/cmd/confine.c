/* SPDX-License-Identifier: Apache-2.0 */
/* The order matters.  The bounding set and the securebits need CAP_SETPCAP, which goes away with the
 * user id; the user id needs CAP_SETUID; seccomp comes last, because it forbids all of the above.
 */
#include "cmd/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <malloc.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

void identity_find(struct identity *ret)
{
	static const char *const names[] = { "limpid", "nobody" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct passwd *p = getpwnam(names[i]);

		if (!p || p->pw_uid == 0)
			continue;
		*ret = (struct identity){ .uid = p->pw_uid, .gid = p->pw_gid };
		(void)snprintf(ret->name, sizeof(ret->name), "%s", names[i]);
		return;
	}
	*ret = (struct identity){ .uid = NOBODY, .gid = NOBODY, .name = "nobody" };
}

/* What tap uses, and for what; docs/processes.md has the same table.  The first two only as long as said. */
#define ONLY_LOADING 1 /* capabilities at the head of the list that end with loading */
#define ONLY_OLD     2 /* and those that only kernels without uprobe_multi need after it */
static const cap_value_t tap_caps[] = {
	CAP_SYS_RESOURCE,	/* locked memory for maps, before Linux 5.11 */
	CAP_SYS_ADMIN,		/* uprobes where uprobe_multi is missing; all of bpf() before 5.8 */
	CAP_BPF,		/* loading programs, maps */
	CAP_PERFMON,		/* attaching tracing programs */
	CAP_SYS_PTRACE,		/* /proc/PID/root and maps of other users' processes */
	CAP_CHECKPOINT_RESTORE, /* /proc/PID/map_files: a library as it is mapped, deleted or not */
	CAP_DAC_READ_SEARCH, /* library files below directories closed to root's group; cgroups by id */
	CAP_SETUID,
	CAP_SETGID,  /* decode and helpers change to the unprivileged user */
	CAP_SETPCAP, /* and give up their bounding set */
	CAP_KILL,    /* a decode that does not answer */
};
#define NTAP (sizeof(tap_caps) / sizeof(*tap_caps))

static int set_caps(const cap_value_t *keep, size_t n)
{
	cap_t now = cap_get_proc(), want = cap_init();
	int err = now && want ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++) {
		cap_flag_value_t have = CAP_CLEAR;

		/* what is not there cannot be kept: a container may have been given less */
		if (cap_get_flag(now, keep[i], CAP_PERMITTED, &have) < 0 || have == CAP_CLEAR)
			continue;
		if (cap_set_flag(want, CAP_PERMITTED, 1, &keep[i], CAP_SET) < 0 ||
		    cap_set_flag(want, CAP_EFFECTIVE, 1, &keep[i], CAP_SET) < 0)
			err = -errno;
	}
	if (!err && cap_set_proc(want) < 0)
		err = -errno;
	if (now)
		cap_free(now);
	if (want)
		cap_free(want);
	return err;
}

/* EPERM is fine: without CAP_SETPCAP there is no way to use what the set would allow, either. */
static void drop_bounding(const cap_value_t *keep, size_t n)
{
	for (cap_value_t c = 0; cap_get_bound(c) >= 0; c++) {
		bool kept = false;

		for (size_t i = 0; i < n; i++)
			kept |= keep[i] == c;
		if (!kept)
			(void)cap_drop_bound(c);
	}
}

static bool may(cap_value_t c)
{
	cap_t now = cap_get_proc();
	cap_flag_value_t have = CAP_CLEAR;

	if (now) {
		(void)cap_get_flag(now, c, CAP_EFFECTIVE,
				   &have); /* unknown to this kernel: not there */
		cap_free(now);
	}
	return have == CAP_SET;
}

int capabilities_check(char *err, size_t errlen)
{
	static const struct {
		cap_value_t cap;
		const char *name;
	} needed[] = {
		{ CAP_BPF, "CAP_BPF" },
		{ CAP_PERFMON, "CAP_PERFMON" },
		{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
		{ CAP_SETUID, "CAP_SETUID" },
		{ CAP_SETGID, "CAP_SETGID" },
	};
	size_t at = 0;

	if (errlen)
		err[0] = 0;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		bool covered = needed[i].cap == CAP_BPF || needed[i].cap == CAP_PERFMON;
		bool identity = needed[i].cap == CAP_SETUID || needed[i].cap == CAP_SETGID;
		int n;

		if (may(needed[i].cap) || (covered && may(CAP_SYS_ADMIN)) ||
		    (identity && geteuid() != 0))
			continue;
		n = snprintf(err + at, errlen - at, "%s%s", at ? ", " : "", needed[i].name);
		if (n > 0 && at + (size_t)n < errlen)
			at += (size_t)n;
	}
	return at ? -EPERM : 0;
}

static int keep_from(size_t first, char *err, size_t errlen)
{
	int rc;

	drop_bounding(tap_caps + first, NTAP - first);
	rc = set_caps(tap_caps + first, NTAP - first);
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	if (rc)
		(void)snprintf(err, errlen, "cannot give up privileges: %s", strerror(-rc));
	return rc;
}

int confine_tap(char *err, size_t errlen)
{
	return keep_from(0, err, errlen);
}

int confine_tap_loaded(bool uprobe_multi, char *err, size_t errlen)
{
	bool enough = uprobe_multi && may(CAP_BPF) && may(CAP_PERFMON);

	return keep_from(enough ? ONLY_OLD : ONLY_LOADING, err, errlen);
}

/* Switches of the kernel by which root would get capabilities back; locked. */
static void lock_securebits(void)
{
	unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
			     SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
			     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	(void)prctl(PR_SET_SECUREBITS, bits, 0, 0, 0); /* EPERM: as with the bounding set */
}

static int become(const struct identity *who)
{
	if (geteuid() != 0)
		return 0; /* an ordinary user with capabilities: they go, the user stays */
	if (setgroups(0, NULL) < 0 || setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		return -errno;
	return 0;
}

static bool is_powerless(void)
{
	uid_t r, e, s;
	cap_t now = cap_get_proc(), none = cap_init();
	bool ok = now && none && cap_compare(now, none) == 0;

	if (now)
		cap_free(now);
	if (none)
		cap_free(none);
	return ok && getresuid(&r, &e, &s) == 0 && r && e && s && setuid(0) < 0;
}

int confine_user(const struct identity *who, char *err, size_t errlen)
{
	int rc;

	drop_bounding(NULL, 0);
	lock_securebits();
	rc = become(who);
	if (rc) {
		(void)snprintf(
			err, errlen,
			"cannot change to the user %s: %s; CAP_SETUID and CAP_SETGID are needed "
			"(docker run --cap-add SETUID --cap-add SETGID)",
			who->name, strerror(-rc));
		return rc;
	}
	rc = set_caps(NULL, 0);
	if (rc == 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0))
		rc = -errno;
	if (rc == 0 && !is_powerless())
		rc = -EPERM;
	if (rc)
		(void)snprintf(err, errlen, "cannot give up all privileges: %s", strerror(-rc));
	return rc;
}

#define SLICE_NS 200000

/* What sched_setattr(2) takes in its first version; glibc has no such struct before 2.41. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

void confine_priority(int nice)
{
	/* A time slice of our own (Linux 6.12 and later): a program that wakes up waits for the end of ours, which are 3 ms else. */
	const struct attributes at = { .size = sizeof(at), .policy = SCHED_BATCH, .nice = nice, .runtime_ns = SLICE_NS };

	(void)syscall(SYS_sched_setattr, 0, &at, 0);
}

void confine_heap(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 10);
}
