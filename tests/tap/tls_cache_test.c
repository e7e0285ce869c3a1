/* SPDX-License-Identifier: Apache-2.0 */
/* What was found in real files, kept and taken from a directory. */
#include "test.h"

#include "tap/tls_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBSSL "/usr/lib/x86_64-linux-gnu/libssl.so.3"

struct kept {
	char dir[64];
	struct tls_cache *c;
	struct tls_cache_key key;
	struct tls_answer a;
};

static bool analyse(const char *path, struct kept *k)
{
	struct tls_file f = { .pid = (uint32_t)getpid(), .path = path, .nop5 = true };

	f.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f.fd < 0)
		return false;
	assert_int_equal(elf_image_open(&f.img, f.fd), 0);
	assert_int_equal(file_id_of(f.fd, &k->key.id), 0);
	k->key.build_id_len = elf_image_build_id(f.img, k->key.build_id);
	tls_file_analyse(&f, &k->a);
	elf_image_close(f.img);
	close(f.fd);
	return true;
}

static int set_up(void **state)
{
	struct kept *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	(void)snprintf(k->dir, sizeof(k->dir), "/tmp/limpid-cache-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	assert_int_equal(tls_cache_open(&k->c, k->dir), 0);
	assert_true(analyse(LIBSSL, k));
	assert_int_equal(k->a.n, 1);
	*state = k;
	return 0;
}

static int tear_down(void **state)
{
	struct kept *k = *state;
	DIR *d = opendir(k->dir);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	assert_int_equal(rmdir(k->dir), 0);
	tls_cache_close(k->c);
	free(k);
	return 0;
}

/* The only entry's path. */
static void entry(const struct kept *k, char *ret, size_t size)
{
	DIR *d = opendir(k->dir);
	const struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			assert_true(snprintf(ret, size, "%s/%s", k->dir, e->d_name) < (int)size);
			n++;
		}
	(void)closedir(d);
	assert_int_equal(n, 1);
}

static void same_site(const struct site *a, const struct site *b)
{
	assert_int_equal(a->addr, b->addr);
	assert_int_equal(a->off, b->off);
	assert_int_equal(a->delta, b->delta);
	assert_int_equal(a->nbytes, b->nbytes);
	assert_memory_equal(a->bytes, b->bytes, a->nbytes);
}

static void library_comes_back_as_it_was(void **state)
{
	struct kept *k = *state;
	struct tls_answer got = { 0 };
	const struct tls_plan *p = &k->a.part[0].plan, *q = &got.part[0].plan;

	assert_int_equal(tls_cache_get(k->c, &k->key, &got), -ENOENT);
	assert_int_equal(tls_cache_put(k->c, &k->key, &k->a), 0);
	assert_int_equal(tls_cache_count(k->c), 1);
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), 0);
	assert_int_equal(got.n, 1);
	assert_ptr_equal(got.part[0].row, k->a.part[0].row);
	assert_string_equal(got.part[0].version, k->a.part[0].version);
	assert_true(p->n >= 2);
	assert_int_equal(q->n, p->n);
	for (size_t i = 0; i < p->n; i++) {
		same_site(&p->site[i].at, &q->site[i].at);
		assert_ptr_equal(p->site[i].call.symbol, q->site[i].call.symbol);
		assert_int_equal(p->site[i].call.len_arg, q->site[i].call.len_arg);
	}
	assert_int_equal(q->nexits, p->nexits);
#ifdef __x86_64__
	assert_true(p->layout.random > 0);
#endif
	assert_memory_equal(&q->layout, &p->layout, sizeof(p->layout));
}

static void go_program_comes_back_as_it_was(void **state)
{
	static const char *const programs[] = { "/usr/bin/docker", "/usr/bin/dockerd",
						"/usr/local/go/bin/go" };
	struct kept *k = *state;
	struct tls_answer got = { 0 };

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (!analyse(programs[i], k) || !k->a.n)
			continue;
		assert_int_equal(tls_cache_put(k->c, &k->key, &k->a), 0);
		assert_int_equal(tls_cache_get(k->c, &k->key, &got), 0);
		assert_int_equal(got.part[0].go.n, k->a.part[0].go.n);
		for (size_t j = 0; j < got.part[0].go.n; j++) {
			same_site(&got.part[0].go.place[j].at, &k->a.part[0].go.place[j].at);
			assert_string_equal(got.part[0].go.place[j].func,
					    k->a.part[0].go.place[j].func);
		}
		return;
	}
	skip();
}

static void nothing_and_why_not_are_kept_too(void **state)
{
	struct kept *k = *state;
	struct tls_answer got = { .n = 5 };

	assert_int_equal(tls_cache_put(k->c, &k->key, &(struct tls_answer){ 0 }), 0);
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), 0);
	assert_int_equal(got.n, 0);
	k->a.part[0].err = -ENOEXEC;
	assert_int_equal(tls_cache_put(k->c, &k->key, &k->a), 0);
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.part[0].err, -ENOEXEC);
}

/* By a build-id alone a file could place the probes of another one. */
static void another_file_with_the_same_build_id_is_another_file(void **state)
{
	struct kept *k = *state;
	struct tls_answer got = { 0 };
	struct tls_cache_key other = k->key;

	assert_int_equal(tls_cache_put(k->c, &k->key, &k->a), 0);
	other.id.ino++;
	assert_int_equal(tls_cache_get(k->c, &other, &got), -ENOENT);
	other = k->key;
	other.id.ctime_ns++; /* written to since */
	assert_int_equal(tls_cache_get(k->c, &other, &got), -ENOENT);
	other = k->key;
	other.how ^= 2;
	assert_int_equal(tls_cache_get(k->c, &other, &got), -ENOENT);
	assert_true(other.build_id_len > 0);
	other = k->key;
	other.build_id[0] ^= 1;
	assert_int_equal(tls_cache_get(k->c, &other, &got), -EBADMSG);
}

static void entry_with_any_byte_changed_or_cut_off_is_not_believed(void **state)
{
	struct kept *k = *state;
	struct tls_answer got = { .n = 7 };
	uint8_t was[16384], now;
	char path[128];
	ssize_t n;
	int fd;

	assert_int_equal(tls_cache_put(k->c, &k->key, &k->a), 0);
	entry(k, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	n = read(fd, was, sizeof(was));
	assert_true(n > 100 && n < (ssize_t)sizeof(was));
	for (ssize_t i = 0; i < n; i++) {
		now = was[i] ^ (uint8_t)(1 << i % 8);
		assert_int_equal(pwrite(fd, &now, 1, i), 1);
		assert_int_equal(tls_cache_get(k->c, &k->key, &got), -EBADMSG);
		assert_int_equal(pwrite(fd, &was[i], 1, i), 1);
	}
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), 0);
	got.n = 7;
	for (ssize_t i = n - 1; i >= 0; i -= 1 + i / 20) {
		assert_int_equal(ftruncate(fd, i), 0);
		assert_int_equal(tls_cache_get(k->c, &k->key, &got), -EBADMSG);
	}
	assert_int_equal(got.n, 7); /* untouched */
	close(fd);
}

static void what_others_could_have_written_is_not_used(void **state)
{
	struct kept *k = *state;
	struct tls_cache *c = NULL;
	struct tls_answer got = { 0 };
	char path[128], aside[140];

	assert_int_equal(tls_cache_put(k->c, &k->key, &k->a), 0);
	entry(k, path, sizeof(path));
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), -EBADMSG);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), 0);
	(void)snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), -ELOOP);
	assert_int_equal(chmod(k->dir, 0755), 0);
	assert_int_equal(tls_cache_open(&c, k->dir), -EPERM);
	assert_int_equal(chmod(k->dir, 0700), 0);
	assert_int_equal(tls_cache_open(&c, "/nowhere/at/all"), -ENOENT);
	assert_null(c);
}

static void directory_does_not_grow_without_bound(void **state)
{
	struct kept *k = *state;
	const struct tls_answer none = { 0 };
	struct tls_cache *again = NULL;
	struct tls_answer got = { 0 };

	for (size_t i = 0; i < TLS_CACHE_MOST + 100; i++) {
		k->key.id.ino = 1000 + i;
		assert_int_equal(tls_cache_put(k->c, &k->key, &none), 0);
	}
	assert_true(tls_cache_count(k->c) <= TLS_CACHE_MOST);
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), 0); /* the last one */
	k->key.id.ino = 1000;					 /* the first one */
	assert_int_equal(tls_cache_get(k->c, &k->key, &got), -ENOENT);
	assert_int_equal(tls_cache_open(&again, k->dir), 0);
	assert_int_equal(tls_cache_count(again), tls_cache_count(k->c));
	tls_cache_close(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(library_comes_back_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(go_program_comes_back_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_and_why_not_are_kept_too, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(another_file_with_the_same_build_id_is_another_file,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			entry_with_any_byte_changed_or_cut_off_is_not_believed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_others_could_have_written_is_not_used, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(directory_does_not_grow_without_bound, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
