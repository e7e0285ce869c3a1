/* SPDX-License-Identifier: Apache-2.0 */
/* Where calls end, in shapes that compilers make, and in the machine's libgnutls against objdump's reading of it. */
#include "test.h"

#include "tap/elf_frames.h"
#include "tap/site_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct elf_image *img;
static int fd = -1;

static void open_file(const char *path)
{
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(&img, fd), 0);
}

static int close_file(void **state)
{
	(void)state;
	elf_image_close(img);
	img = NULL;
	if (fd >= 0)
		close(fd);
	fd = -1;
	return 0;
}

static void compile(const char *source)
{
	char dir[] = "/tmp/limpid-ends-XXXXXX", cmd[512], path[64];
	FILE *cc;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/l.so", dir);
	(void)snprintf(cmd, sizeof(cmd), "gcc -shared -fPIC -w -O2 -fno-stack-protector -x c - -o %s -Wl,-s", path);
	cc = popen(cmd, "we");
	assert_non_null(cc);
	assert_true(fputs(source, cc) >= 0);
	assert_int_equal(pclose(cc), 0);
	open_file(path);
	unlink(path);
	rmdir(dir);
}

static uint64_t addr_of(const char *name)
{
	struct elf_sym s;

	assert_int_equal(elf_image_symbols(img, &name, 1, &s), 1);
	return s.addr;
}

static int ends_of(const char *name, struct site *at, size_t max)
{
	return site_ends(img, addr_of(name), at, max);
}

static void the_function_that_is_jumped_to_has_the_ends(void **state)
{
	struct elf_frame outer, inner;
	struct site at[4];
	int n;

	(void)state;
	compile("int other(int);"
		"__attribute__((noinline)) int inner(int a,int b,int c,int d){return other(a)+other(b)+c+d;}"
		"int outer(int a,int b,int c){return inner(a,b,c,7);}");
	assert_int_equal(elf_frame_at(img, addr_of("outer"), &outer), 0);
	assert_int_equal(elf_frame_at(img, addr_of("inner") + 3, &inner), 0);
	assert_int_equal(inner.addr, addr_of("inner"));
	n = ends_of("outer", at, 4);
	assert_int_equal(n, 1);
	assert_true(at[0].addr > inner.addr && at[0].addr < inner.addr + inner.size);
	assert_int_equal(at[0].bytes[0], 0xc3);
	assert_int_equal(site_forwards(img, outer.addr), inner.addr);
	assert_int_equal(site_forwards(img, inner.addr), 0);
}

static void arguments_that_change_are_not_forwarded(void **state)
{
	(void)state;
	compile("int other(int);__attribute__((noinline)) int inner(int a,int b){return other(a)+other(b);}"
		"int outer(int a,int b){return inner(b,a);}");
	assert_int_equal(site_forwards(img, addr_of("outer")), 0);
}

static void cold_parts_and_switches_belong_to_the_function(void **state)
{
	struct site at[16];
	struct elf_frame f;
	int n;

	(void)state;
	compile("int other(int);void bad(void) __attribute__((cold));"
		"int f(int a,int b){if(__builtin_expect(b<0,0)){bad();return -b;}"
		"switch(a){case 1:return other(b)+1;case 2:return other(b)*3;case 3:return other(7)-b;case 4:return b^other(9);"
		"case 5:return other(b-3)+b;case 6:return 66-other(2);}return 0;}");
	assert_int_equal(elf_frame_at(img, addr_of("f"), &f), 0);
	n = ends_of("f", at, 16);
	assert_true(n >= 2);
	for (int i = 0; i < n; i++)
		assert_int_equal(at[i].bytes[0], 0xc3);
	assert_int_equal(ends_of("f", at, 1), -ENOSPC);
}

static void an_end_that_cannot_be_seen_is_told(void **state)
{
	struct site at[4];

	(void)state;
	compile("int other(int);int (*where)(int);int far(int a){return other(a+1);}"
		"int behind(int a){return where(a+1);}");
	assert_int_equal(ends_of("far", at, 4), -ENOTSUP);
	assert_int_equal(ends_of("behind", at, 4), -ENOTSUP);
}

static void without_the_table_there_is_no_answer(void **state)
{
	struct elf_frame f;

	(void)state;
	compile("int f(int a){return a;}");
	assert_int_equal(elf_frame_at(img, 0, &f), -ENOENT);
	assert_int_equal(elf_frame_at(img, UINT64_MAX, &f), -ENOENT);
}

/* How many returns objdump shows in the function that the address is in, by its own reading of the symbols. */
static int objdump_returns(const char *path, uint64_t from, uint64_t size)
{
	char cmd[512], line[64] = "";
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd),
		       "objdump -d --no-show-raw-insn --start-address=%#lx --stop-address=%#lx %s | grep -cw 'ret *$'", from,
		       from + size, path);
	f = popen(cmd, "re");
	assert_non_null(f);
	(void)fgets(line, sizeof(line), f);
	(void)pclose(f);
	return (int)strtol(line, NULL, 10);
}

static void each_return_of_a_real_function_is_found(void **state)
{
	static const char path[] = "/usr/lib/x86_64-linux-gnu/libgnutls.so.30";
	static const char *const names[] = { "gnutls_record_send2", "gnutls_record_recv", "gnutls_record_recv_packet",
					     "gnutls_record_uncork", "gnutls_handshake" };
	struct site at[32];

	(void)state;
	if (access(path, R_OK) != 0)
		skip();
	open_file(path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int n = ends_of(names[i], at, 32), own = 0;
		struct elf_sym s;

		assert_true(n > 0);
		assert_int_equal(elf_image_symbols(img, &names[i], 1, &s), 1);
		for (int k = 0; k < n; k++)
			own += at[k].addr - s.addr < s.size;
		assert_int_equal(own, objdump_returns(path, s.addr, s.size));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_function_that_is_jumped_to_has_the_ends, close_file),
		cmocka_unit_test_teardown(arguments_that_change_are_not_forwarded, close_file),
		cmocka_unit_test_teardown(cold_parts_and_switches_belong_to_the_function, close_file),
		cmocka_unit_test_teardown(an_end_that_cannot_be_seen_is_told, close_file),
		cmocka_unit_test_teardown(without_the_table_there_is_no_answer, close_file),
		cmocka_unit_test_teardown(each_return_of_a_real_function_is_found, close_file),
	};

	return cmocka_run_group_tests_name("site_ends", tests, NULL, NULL);
}
