/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at in the file system of a container, and what is not. */
#include "test.h"

#include "tap/images.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
	char dir[64];
	size_t n;
	char shown[128][256];
};

static void path_of(const struct image *m, const char *name, char ret[256])
{
	assert_true(snprintf(ret, 256, "%s/%s", m->dir, name) < 256);
}

static void make_dir(const struct image *m, const char *name)
{
	char path[256];

	path_of(m, name, path);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void make_file(const struct image *m, const char *name, off_t size, mode_t mode)
{
	char path[256];
	int fd;

	path_of(m, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static int set_up(void **state)
{
	static const char *const dirs[] = {
		"usr", "usr/lib", "usr/lib/x86_64-linux-gnu", "usr/local", "usr/local/bin",
		"app", "opt"
	};
	struct image *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	(void)snprintf(m->dir, sizeof(m->dir), "/tmp/limpid-image-XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make_dir(m, dirs[i]);
	*state = m;
	return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static int tear_down(void **state)
{
	struct image *m = *state;

	assert_int_equal(nftw(m->dir, drop, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(m);
	return 0;
}

static void note(void *ctx, uint32_t pid, const char *path, const char *shown, int fd)
{
	struct image *m = ctx;
	struct stat st, there;

	assert_int_equal(pid, getpid());
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(st.st_ino, there.st_ino);
	assert_int_equal(strncmp(path, m->dir, strlen(m->dir)), 0);
	assert_true(m->n < 128);
	(void)snprintf(m->shown[m->n++], sizeof(m->shown[0]), "%s", shown);
}

static bool has(const struct image *m, const char *shown)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->shown[i], shown) == 0)
			return true;
	return false;
}

static void libraries_and_large_programs_are_looked_at(void **state)
{
	struct image *m = *state;

	make_file(m, "usr/lib/x86_64-linux-gnu/libssl.so.3", 100, 0644);
	make_file(m, "usr/lib/libgnutls.so.30.1", 100, 0644);
	make_file(m, "usr/lib/libz.so.1", 100, 0644);
	make_file(m, "usr/lib/libssl.txt", 100, 0644);
	make_file(m, "usr/local/bin/node", 5 << 20, 0755);
	make_file(m, "usr/local/bin/small", 5 << 10, 0755);
	make_file(m, "app/data", 5 << 20, 0644);
	make_file(m, "server", 5 << 20, 0755);
	images_look_into(m->dir, note, m);
	assert_true(has(m, "/usr/lib/x86_64-linux-gnu/libssl.so.3"));
	assert_true(has(m, "/usr/lib/libgnutls.so.30.1"));
	assert_true(has(m, "/usr/local/bin/node"));
	assert_true(has(m, "/server"));
	assert_int_equal(m->n, 4);
}

static void links_are_not_followed(void **state)
{
	struct image *m = *state;
	char path[256];

	make_file(m, "usr/lib/libssl.so.3", 100, 0644);
	path_of(m, "lib", path);
	assert_int_equal(symlink("usr/lib", path), 0); /* as Debian has it */
	path_of(m, "lib64", path);
	assert_int_equal(symlink("/usr/lib", path), 0); /* of the image, not of the machine */
	path_of(m, "bin", path);
	assert_int_equal(symlink("../../../../../../usr/bin", path), 0);
	path_of(m, "usr/lib/libssl.so.9", path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	images_look_into(m->dir, note, m);
	assert_true(has(m, "/usr/lib/libssl.so.3"));
	assert_int_equal(m->n, 1);
}

static void what_is_no_file_is_left_alone(void **state)
{
	struct image *m = *state;
	char path[256];

	make_dir(m, "usr/lib/libssl.so.3");
	path_of(m, "usr/lib/libgnutls.so", path);
	assert_int_equal(mkfifo(path, 0644), 0);
	make_file(m, "usr/lib64", 10, 0644); /* where a directory is expected */
	images_look_into(m->dir, note, m);
	assert_int_equal(m->n, 0);
	images_look_into("/nowhere/at/all", note, m);
	assert_int_equal(m->n, 0);
}

static void an_image_with_too_much_in_it_is_looked_at_in_part(void **state)
{
	struct image *m = *state;
	char name[64];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "usr/lib/libssl%d.so", i);
		make_file(m, name, 100, 0644);
	}
	images_look_into(m->dir, note, m);
	assert_int_equal(m->n, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(libraries_and_large_programs_are_looked_at, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(links_are_not_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_image_with_too_much_in_it_is_looked_at_in_part,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
