/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tap/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct found {
	const char *want; /* a part of the path */
	int n;
	struct maps_entry e;
};

static bool find(void *ctx, const struct maps_entry *e)
{
	struct found *f = ctx;

	if (strstr(e->path, f->want)) {
		f->n++;
		f->e = *e;
	}
	return true;
}

static void own_libraries_are_listed_and_can_be_opened(void **state)
{
	struct found f = { .want = "/libcmocka.so" };
	struct stat st;
	char magic[4];
	int fd, rd;

	(void)state;
	assert_int_equal(maps_each((uint32_t)getpid(), find, &f), 0);
	assert_int_equal(f.n, 1);
	fd = maps_open((uint32_t)getpid(), &f.e);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, f.e.ino);
	rd = maps_reopen(fd);
	assert_int_equal(read(rd, magic, 4), 4);
	assert_memory_equal(magic, "\177ELF", 4);
	close(rd);
	close(fd);
}

static bool stop(void *ctx, const struct maps_entry *e)
{
	(void)e;
	++*(int *)ctx;
	return false;
}

static void the_callback_can_stop(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(maps_each((uint32_t)getpid(), stop, &n), 0);
	assert_int_equal(n, 1);
}

static void a_deleted_file_with_a_strange_name_is_opened_all_the_same(void **state)
{
	char path[] = "/tmp/limpid a\nb-XXXXXX";
	struct found f = { .want = "/limpid a\\012b-" };
	int fd = mkstemp(path), again, rd;
	char text[3];
	void *p;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "abc", 3), 3);
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	unlink(path);
	assert_int_equal(maps_each((uint32_t)getpid(), find, &f), 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.e.from, (uintptr_t)p);
	again = maps_open((uint32_t)getpid(), &f.e);
	if (again == -ENOENT && geteuid() != 0)
		skip(); /* map_files is root's */
	assert_true(again >= 0);
	rd = maps_reopen(again);
	assert_int_equal(read(rd, text, 3), 3);
	close(rd);
	close(again);
	close(fd);
	munmap(p, 4096);
}

static void a_process_that_is_gone_is_an_ordinary_error(void **state)
{
	struct found f = { .want = "/" };
	struct maps_entry e = { .from = 4096, .to = 8192, .ino = 1, .path = "/etc/passwd" };
	pid_t pid = fork();
	int err;

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	err = maps_each((uint32_t)pid, find, &f);
	assert_true(err == -ENOENT || err == -ESRCH);
	assert_true(maps_open((uint32_t)pid, &e) < 0);
}

static void what_is_no_regular_file_is_not_opened(void **state)
{
	int fd = open("/dev/null", O_PATH | O_CLOEXEC);

	(void)state;
	assert_int_equal(maps_reopen(fd), -ENOEXEC);
	close(fd);
	assert_true(maps_reopen(fd) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_libraries_are_listed_and_can_be_opened),
		cmocka_unit_test(the_callback_can_stop),
		cmocka_unit_test(a_deleted_file_with_a_strange_name_is_opened_all_the_same),
		cmocka_unit_test(a_process_that_is_gone_is_an_ordinary_error),
		cmocka_unit_test(what_is_no_regular_file_is_not_opened),
	};

	return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
