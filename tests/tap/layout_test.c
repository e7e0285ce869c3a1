/* SPDX-License-Identifier: Apache-2.0 */
/* Where the client's random is in a connection object: against an object of this machine's libssl, and against objdump's
 * reading of other builds. */
#include "test.h"

#include "tap/layout.h"
#include "tap/layout_arm64.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char own[] = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

static int find(const char *path, const struct tls_lib *row, struct ev_tls_layout *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct elf_image *img;

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(&img, fd), 0);
	err = layout_find(img, row, ret);
	elf_image_close(img);
	close(fd);
	return err;
}

/* The random where the layout says, against what the object wrote into its ClientHello. */
static void real_object_has_its_random_there(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *client = SSL_new(ctx), *server = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	struct ev_tls_layout l;
	unsigned char *hello;
	const char *at;
	int side;

	(void)state;
	assert_int_equal(find(own, &tls_table[0], &l), 0);
	SSL_set_bio(client, in, out);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	(void)SSL_do_handshake(client);
	assert_true(BIO_get_mem_data(out, (char **)&hello) > 43);
	assert_int_equal(hello[0], 22);
	at = (const char *)client;
	if (l.random_at)
		memcpy(&at, at + l.random_at, sizeof(at));
	assert_memory_equal(at + l.random, hello + 11, 32);
	memcpy(&side, (const char *)client + l.side, sizeof(side));
	assert_int_equal(side, 0);
	memcpy(&side, (const char *)server + l.side, sizeof(side));
	assert_int_equal(side, 1);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(ctx);
}

static long shell_hex(const char *path, const char *symbol, const char *script)
{
	char cmd[1024], line[64] = "";
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd),
		       "a=$(nm -D --defined-only %s | sed -n 's/ T %s@.*//p'); "
		       "objdump -d --no-show-raw-insn --start-address=0x$a "
		       "--stop-address=$((0x$a+0xa0)) %s | sed -n '%s'",
		       path, symbol, path, script);
	f = popen(cmd, "re");
	assert_non_null(f);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	(void)pclose(f);
	return strtol(line, NULL, 16);
}

static void other_builds_are_read_as_objdump_does(void **state)
{
	static const char *const builds[][2] = {
		{ "bullseye libssl1.1", "libssl.so.1.1" },
		{ "trixie libssl3t64", "libssl.so.3" },
	};
	const char *const *b = builds[*(const int *)*state];
	char cmd[256], path[600], root[512] = "";
	struct ev_tls_layout l;
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "tests/lib/fetch-debs %s 2>/dev/null", b[0]);
	f = popen(cmd, "re");
	if (f && !fgets(root, sizeof(root), f))
		root[0] = '\0';
	if (!f || pclose(f) != 0) {
		print_message("no package mirror: %s not checked\n", b[0]);
		skip();
	}
	root[strcspn(root, "\n")] = '\0';
	(void)snprintf(path, sizeof(path), "%s/usr/lib/x86_64-linux-gnu/%s", root, b[1]);
	assert_int_equal(find(path, &tls_table[0], &l), 0);
	assert_int_equal(l.random, shell_hex(path, "SSL_get_client_random",
					     "/lea/{s/.*lea *0x\\([0-9a-f]*\\)(.*/\\1/p;q}"));
	assert_int_equal(l.random_at,
			 shell_hex(path, "SSL_get_client_random",
				   "/lea/q;s/.*mov *0x\\([0-9a-f]*\\)(%rdi),%r.*/\\1/p"));
	assert_int_equal(l.side, shell_hex(path, "SSL_is_server",
					   "s/.*mov *0x\\([0-9a-f]*\\)(%rdi),%eax/\\1/p"));
}

/* gcc -O2 for arm64 of functions of ours that are built like those of OpenSSL: 3.2 and later, where a call may be needed to get at the
 * object proper, and 1.1.1. */
static void arm64_code_is_read_too(void **state)
{
	static const uint32_t random_3[] = { /* object + 0x188 */
		0xa9bd7bfd, 0x910003fd, 0xf90013f5, 0xb40003c0, 0xa90153f3, 0xaa0103f4, 0xb9400001,
		0xaa0203f3, 0xaa0003e3, 0x340000a1, 0x363802c1, 0x94000000, 0xaa0003e3, 0xb4000260,
		0xd2800415, 0xb4000193, 0xeb15027f, 0x91062061, 0x9a959275, 0xaa1403e0, 0xaa1503e2,
		0x94000000, 0xa94153f3, 0xaa1503e0, 0xf94013f5, 0xa8c37bfd, 0xd65f03c0, 0xa94153f3,
		0xaa1503e0, 0xf94013f5, 0xa8c37bfd, 0xd65f03c0, 0xa94153f3, 0xd2800015, 0xaa1503e0,
		0xf94013f5, 0xa8c37bfd, 0xd65f03c0,
	};
	static const uint32_t side_3[] = { /* object + 0x78 */
		0xb4000200, 0xb9400002, 0x34000122, 0x363801a2, 0xa9bf7bfd, 0x910003fd, 0x94000000,
		0xb40000c0, 0xb9407800, 0xa8c17bfd, 0xd65f03c0, 0xb9407800, 0xd65f03c0, 0x52800000,
		0xa8c17bfd, 0xd65f03c0, 0x52800000, 0xd65f03c0,
	};
	static const uint32_t random_1[] = { /* *(object + 0xa8) + 0xb8 */
		0xa9be7bfd, 0x910003fd, 0xf9000bf3, 0xd2800413, 0xb4000142, 0xaa0003e3, 0xf100805f,
		0xaa0103e0, 0xf9405461, 0xd2800403, 0x9a839053, 0x9102e021, 0xaa1303e2, 0x94000000,
		0xaa1303e0, 0xf9400bf3, 0xa8c27bfd, 0xd65f03c0,
	};
	uint16_t at = 1, off = 1;

	(void)state;
#define N(a) (sizeof(a) / sizeof((a)[0]))
	assert_true(layout_arm64(random_3, N(random_3), false, &at, &off));
	assert_int_equal(at, 0);
	assert_int_equal(off, 0x188);
	assert_true(layout_arm64(side_3, N(side_3), true, &at, &off));
	assert_int_equal(off, 0x78);
	assert_true(layout_arm64(random_1, N(random_1), false, &at, &off));
	assert_int_equal(at, 0xa8);
	assert_int_equal(off, 0xb8);
	for (size_t n = 0; n < 12; n++) /* cut before the address is made */
		assert_false(layout_arm64(random_1, n < 11 ? n : 0, false, &at, &off));
	assert_false(layout_arm64(side_3, N(side_3), false, &at, &off));
}

static void what_names_no_such_function_has_no_layout(void **state)
{
	const struct tls_lib none = { .name = "none" },
			     wrong = { .name = "wrong", .random = "SSL_nothing", .side = "SSL_is_server" },
			     other = { .name = "other", .random = "SSL_get_shutdown", .side = "SSL_is_server" };
	struct ev_tls_layout l;

	(void)state;
	assert_int_equal(find(own, &none, &l), -ENOENT);
	assert_int_equal(find(own, &wrong, &l), -ENOENT);
	assert_int_equal(find(own, &other, &l), -ENOENT); /* it makes no address */
	assert_int_equal(l.random | l.random_at | l.side, 0);
}

int main(void)
{
	static int first = 0, second = 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_object_has_its_random_there),
		cmocka_unit_test_prestate(other_builds_are_read_as_objdump_does, &first),
		cmocka_unit_test_prestate(other_builds_are_read_as_objdump_does, &second),
		cmocka_unit_test(arm64_code_is_read_too),
		cmocka_unit_test(what_names_no_such_function_has_no_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
