/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tap/elf.h"
#include "tap/sites.h"
#include "tap/tls_plan.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBSSL "/usr/lib/x86_64-linux-gnu/libssl.so.3"

static uint8_t *file;
static size_t file_len;

static int load_file(void **state)
{
	FILE *f = fopen(LIBSSL, "re");
	struct stat st;

	(void)state;
	if (!f || fstat(fileno(f), &st) != 0)
		return -1;
	file_len = (size_t)st.st_size;
	file = malloc(file_len);
	if (!file || fread(file, 1, file_len, f) != file_len)
		return -1;
	return fclose(f);
}

static int drop_file(void **state)
{
	(void)state;
	free(file);
	return 0;
}

static int memfile(const uint8_t *p, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		assert_true(w > 0);
		p += w;
		n -= (size_t)w;
	}
	return fd;
}

static int open_bytes(const uint8_t *p, size_t n, struct elf_image **ret, int *ret_fd)
{
	*ret_fd = memfile(p, n);
	return elf_image_open(ret, *ret_fd);
}

/* Everything that may be asked of an image; errors are fine, crashes are not. */
static void ask_all(struct elf_image *img)
{
	uint8_t id[ELF_BUILD_ID_MAX];
	struct tls_plan plan;
	char text[64];

	for (const struct tls_lib *row = tls_table; row->name; row++)
		if (row->calls && tls_plan_make(&plan, img, row, true) == 0)
			(void)tls_plan_exits(&plan, img, row, true);
	(void)elf_image_build_id(img, id);
	(void)elf_image_version(img, "OpenSSL ", text, sizeof(text));
	(void)elf_image_soname_version(img, text, sizeof(text));
	(void)elf_image_got(img, 0x1000);
}

static void symbols_and_offsets_agree_with_nm(void **state)
{
	const char *const names[] = { "SSL_read", "no_such_function", "SSL_write_ex" };
	struct elf_sym sym[3];
	struct elf_image *img;
	unsigned long addr;
	uint64_t off;
	FILE *nm;
	int fd;

	(void)state;
	nm = popen("nm -D --defined-only " LIBSSL " | grep -w -m1 'SSL_read@@OPENSSL_3.0.0'", "re");
	assert_non_null(nm);
	assert_int_equal(fscanf(nm, "%lx", &addr), 1);
	(void)pclose(nm);
	assert_int_equal(open_bytes(file, file_len, &img, &fd), 0);
	assert_int_equal(elf_image_symbols(img, names, 3, sym), 2);
	assert_int_equal(sym[0].addr, addr);
	assert_int_equal(sym[1].addr, 0);
	assert_int_equal(elf_image_offset(img, sym[0].addr, &off), 0);
	assert_true(off < file_len);
	elf_image_close(img);
	close(fd);
}

static void position_independent_executables_resolve_through_pt_load(void **state)
{
	const char *const names[] = { "main" };
	struct elf_image *img;
	struct elf_sym sym;
	uint8_t code[4];
	uint64_t off;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(elf_image_open(&img, fd), 0);
	assert_int_equal(elf_image_symbols(img, names, 1, &sym), 1); /* from .symtab */
	assert_int_equal(elf_image_offset(img, sym.addr, &off), 0);
	assert_int_equal(elf_image_code(img, sym.addr, code, sizeof(code)), 4);
	elf_image_close(img);
	close(fd);
}

static void an_address_outside_the_code_is_out_of_range(void **state)
{
	struct elf_image *img;
	uint8_t code[4];
	uint64_t off = 77;
	int fd;

	(void)state;
	assert_int_equal(open_bytes(file, file_len, &img, &fd), 0);
	assert_int_equal(elf_image_offset(img, 1UL << 40, &off), -ERANGE);
	assert_int_equal(off, 77);
	assert_int_equal(elf_image_code(img, 1UL << 40, code, sizeof(code)), -ERANGE);
	elf_image_close(img);
	close(fd);
}

static void build_id_and_versions_are_read(void **state)
{
	uint8_t id[ELF_BUILD_ID_MAX];
	struct elf_image *img;
	char text[64] = "same";
	int fd;

	(void)state;
	assert_int_equal(open_bytes(file, file_len, &img, &fd), 0);
	assert_int_equal(elf_image_build_id(img, id), 20);
	assert_int_equal(elf_image_soname_version(img, text, sizeof(text)), 0);
	assert_string_equal(text, "3");
	assert_int_equal(elf_image_version(img, "no such text ", text, sizeof(text)), -ENOENT);
	assert_string_equal(text, "3");
	elf_image_close(img);
	close(fd);
	fd = open("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_image_open(&img, fd), 0);
	assert_int_equal(elf_image_version(img, "OpenSSL ", text, sizeof(text)), 0);
	assert_memory_equal(text, "3.0.", 4);
	elf_image_close(img);
	close(fd);
}

static void what_is_not_an_elf_file_for_this_machine_is_refused(void **state)
{
	Elf64_Ehdr other;
	struct elf_image *img = NULL;
	int fd, dir = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(elf_image_open(&img, dir), -ENOEXEC);
	close(dir);
	assert_int_equal(open_bytes((const uint8_t *)"#!/bin/sh\n", 10, &img, &fd), -ENOEXEC);
	close(fd);
	assert_int_equal(open_bytes(NULL, 0, &img, &fd), -ENOEXEC);
	close(fd);
	memcpy(&other, file, sizeof(other));
	other.e_machine = EM_S390;
	memcpy(file, &other, sizeof(other));
	assert_int_equal(open_bytes(file, file_len, &img, &fd), -ENOEXEC);
	close(fd);
	other.e_machine = EM_X86_64;
	memcpy(file, &other, sizeof(other));
	assert_null(img);
}

static void a_segment_outside_the_file_is_a_bad_file(void **state)
{
	struct elf_image *img = NULL;
	Elf64_Ehdr eh;
	Elf64_Phdr *ph;
	uint8_t *copy = malloc(file_len);
	int fd;

	(void)state;
	memcpy(copy, file, file_len);
	memcpy(&eh, copy, sizeof(eh));
	ph = (Elf64_Phdr *)(void *)(copy + eh.e_phoff);
	for (size_t i = 0; i < eh.e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X))
			ph[i].p_offset = UINT64_MAX - 4096;
	assert_int_equal(open_bytes(copy, file_len, &img, &fd), -EBADMSG);
	close(fd);
	free(copy);
}

static void a_damaged_symbol_table_is_a_bad_file(void **state)
{
	const char *const names[] = { "SSL_read" };
	struct elf_image *img;
	struct elf_sym sym = { 5, 5 };
	uint8_t *copy = malloc(file_len);
	Elf64_Ehdr eh;
	Elf64_Shdr *sh;
	int fd;

	(void)state;
	memcpy(copy, file, file_len);
	memcpy(&eh, copy, sizeof(eh));
	sh = (Elf64_Shdr *)(void *)(copy + eh.e_shoff);
	for (size_t i = 0; i < eh.e_shnum; i++)
		if (sh[i].sh_type == SHT_DYNSYM)
			sh[i].sh_offset = file_len + 1;
	assert_int_equal(open_bytes(copy, file_len, &img, &fd), 0);
	assert_int_equal(elf_image_symbols(img, names, 1, &sym), -EBADMSG);
	assert_int_equal(sym.addr, 5);
	elf_image_close(img);
	close(fd);
	free(copy);
}

static void every_truncation_is_survived(void **state)
{
	(void)state;
	for (size_t n = 0; n < file_len; n += n < 1024 ? 61 : 9973) {
		struct elf_image *img;
		int fd;

		if (open_bytes(file, n, &img, &fd) == 0) {
			ask_all(img);
			elf_image_close(img);
		}
		close(fd);
	}
}

static void random_damage_is_survived(void **state)
{
	uint8_t *copy = malloc(file_len);

	(void)state;
	srand(11);
	for (int round = 0; round < 60; round++) {
		struct elf_image *img;
		int fd;

		memcpy(copy, file, file_len);
		for (int k = 0; k < 20; k++) { /* headers, tables and code alike */
			size_t at = (size_t)rand() % (k % 2 ? file_len : 4096);

			copy[at] = (uint8_t)rand();
		}
		memcpy(copy, file, sizeof(Elf64_Ehdr) - 16);
		if (open_bytes(copy, file_len, &img, &fd) == 0) {
			ask_all(img);
			elf_image_close(img);
		}
		close(fd);
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbols_and_offsets_agree_with_nm),
		cmocka_unit_test(position_independent_executables_resolve_through_pt_load),
		cmocka_unit_test(an_address_outside_the_code_is_out_of_range),
		cmocka_unit_test(build_id_and_versions_are_read),
		cmocka_unit_test(what_is_not_an_elf_file_for_this_machine_is_refused),
		cmocka_unit_test(a_segment_outside_the_file_is_a_bad_file),
		cmocka_unit_test(a_damaged_symbol_table_is_a_bad_file),
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(random_damage_is_survived),
	};

	return cmocka_run_group_tests_name("elf", tests, load_file, drop_file);
}
