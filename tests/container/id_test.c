/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/container.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void every_runtimes_path_gives_the_id(void **state)
{
	static const char *const paths[] = {
		"/docker/" A, "/system.slice/docker-" A ".scope", "/x/" A,
		"/libpod_parent/libpod-" A, "/machine.slice/libpod-" A ".scope/container",
		"/kubepods/burstable/pod6b2d/" A,
		"/kubepods.slice/kubepods-pod6b2d.slice/cri-containerd-" A ".scope",
		"/kubepods.slice/crio-" A ".scope", "9:memory:/docker/" A,
		"0::/docker/" A "/init.scope", "/docker/" B "/docker/" A,
		"/docker/" A "/user.slice/libpod-conmon-" B ".scope",
		/* as seen on machines: */
		"/system.slice/docker-" A ".scope/init.scope", "1:name=systemd:/docker/" A,
		"/limpid-e2e/" A, "/ecs/0a1b2c3d4e5f/" A, "/libpod_parent/libpod-" A,
		"/machine.slice/libpod-" A ".scope",
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" A
		".scope/container",
		"/kubepods/besteffort/pod8c0e6a6f-7a54-4b4c-8f0e-0f8a0d3d7b0a/" A,
		"/kubepods.slice/kubepods-burstable.slice/"
		"kubepods-burstable-pod8c0e6a6f_7a54_4b4c_8f0e_0f8a0d3d7b0a.slice/cri-containerd-" A
		".scope",
		"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod12.slice/crio-" A
		".scope",
		"/kubepods.slice/kubepods-pod12.slice/docker-" A ".scope",
		"/kubelet/kubepods/burstable/pod12/" A,
		"/system.slice/containerd.service/kubepods-burstable-pod12.slice:cri-containerd:" A,
		"/k8s.io/" A,
		"/docker/" B "/kubelet/kubepods/pod12/" A, /* kind: a node that is a container */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char id[65] = "";

		assert_int_equal(container_id_in_path(paths[i], id), 0);
		assert_string_equal(id, A);
	}
}

static void other_paths_have_no_id(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"/user.slice/user-0.slice/session-1.scope",
		"/default/c1",
		"/docker/" A "0",			    /* 65 digits */
		"/docker/0123456789abcdef",		    /* too few */
		"/machine.slice/libpod-conmon-" A ".scope", /* the monitor, outside */
		"/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char id[65] = "untouched";

		assert_int_equal(container_id_in_path(paths[i], id), -ENOENT);
		assert_string_equal(id, "untouched");
	}
}

static void runtimes_without_ids_give_a_name(void **state)
{
	static const struct {
		const char *path, *name;
	} good[] = { { "/default/c1", "c1" },
		     { "/t1", "t1" },
		     { "/t1/init.scope", "t1" },
		     { "/lxc.payload.web", "web" },
		     { "/lxc/web", "web" },
		     { "/machine.slice/machine-web.scope", "web" },
		     { "/machine.slice/systemd-nspawn@web.service/payload", "payload" },
		     { "/machine.slice/systemd-nspawn@web.service", "web" },
		     { "/moby/x/", "x" },
		     { "/0123456789012345678901234567890123456789012345678901234567890123456789",
		       "0123456789012345678901234567890123456789012345678901234567890123" } };
	static const char *const bad[] = { "", "/", "/user.slice/user-0.slice/session-1.scope",
					   "/system.slice/ssh.service", "//" };
	char id[65] = "untouched";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(container_name_in_path(bad[i], id), -ENOENT);
		assert_string_equal(id, "untouched");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(container_name_in_path(good[i].path, id), 0);
		assert_string_equal(id, good[i].name);
	}
}

static void a_process_of_the_host_is_in_no_container_and_a_dead_one_is_not_there(void **state)
{
	char id[65], own[65];
	uint64_t cgroup = 5;

	(void)state;
	if (container_of_pid((uint32_t)getpid(), own, &cgroup) == 0)
		skip(); /* the tests themselves run in a container */
	assert_int_equal(cgroup, 5);
	assert_int_equal(container_of_pid(0x7fffffff, id, &cgroup), -ESRCH);
}

/* In version 1's tree alone, as on machines that leave version 2's to systemd. */
static void a_cgroup_of_version_1_gives_its_container(void **state)
{
	static const char dir[] = "/sys/fs/cgroup/pids/" A;
	char path[256], id[65] = "";
	uint64_t cgroup = 0;
	struct stat st;
	FILE *f;
	int err;

	(void)state;
	if (geteuid() != 0 || access("/sys/fs/cgroup/pids/cgroup.procs", W_OK) < 0 ||
	    mkdir(dir, 0700) < 0)
		skip();
	assert_int_equal(stat(dir, &st), 0);
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fprintf(f, "%d\n", getpid());
	err = fclose(f);
	if (!err)
		err = container_of_pid((uint32_t)getpid(), id, &cgroup);
	f = fopen("/sys/fs/cgroup/pids/cgroup.procs", "we");
	assert_non_null(f);
	(void)fprintf(f, "%d\n", getpid());
	(void)fclose(f);
	rmdir(dir);
	assert_int_equal(err, 0);
	assert_string_equal(id, A);
	assert_true(cgroup == (st.st_ino | CONTAINER_CGROUP_V1));
	assert_int_equal(container_of_cgroup(cgroup, false, id), -ESTALE);
}

/* Finds a cgroup v2 tree that may be written to, or skips. */
static void a_cgroup_gives_its_container_without_any_process(void **state)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	char path[256], id[65] = "";
	struct stat st;
	int made = -1, err;

	(void)state;
	for (int i = 0; i < 2 && made < 0; i++) {
		(void)snprintf(path, sizeof(path), "%s/cgroup.procs", roots[i]);
		if (geteuid() != 0 || access(path, W_OK) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/" A, roots[i]);
		made = mkdir(path, 0700);
	}
	if (made < 0)
		skip();
	assert_int_equal(stat(path, &st), 0);
	err = container_of_cgroup(st.st_ino, false, id);
	rmdir(path);
	if (err == -EPERM)
		skip(); /* root without CAP_DAC_READ_SEARCH */
	assert_int_equal(err, 0);
	assert_string_equal(id, A);
	assert_int_equal(container_of_cgroup(st.st_ino, false, id), -ESTALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_runtimes_path_gives_the_id),
		cmocka_unit_test(other_paths_have_no_id),
		cmocka_unit_test(runtimes_without_ids_give_a_name),
		cmocka_unit_test(a_cgroup_of_version_1_gives_its_container),
		cmocka_unit_test(
			a_process_of_the_host_is_in_no_container_and_a_dead_one_is_not_there),
		cmocka_unit_test(a_cgroup_gives_its_container_without_any_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
