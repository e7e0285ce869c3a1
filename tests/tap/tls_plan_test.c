/* SPDX-License-Identifier: Apache-2.0 */
/* The sites found in real builds of libssl, against objdump's reading of the same files. */
#include "test.h"

#include "tap/tls_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct build {
	const char *suite, *package, *file; /* suite NULL: this machine's */
	uint8_t write_len_arg;
};
static const struct build builds[] = {
	{ NULL, NULL, "/usr/lib/x86_64-linux-gnu/libssl.so.3", 3 },
	{ "bullseye", "libssl1.1", "/usr/lib/x86_64-linux-gnu/libssl.so.1.1", 3 },
	{ "trixie", "libssl3t64", "/usr/lib/x86_64-linux-gnu/libssl.so.3", 4 },
};

static unsigned long shell_hex(const char *fmt, const char *path, unsigned long addr)
{
	char cmd[1024], line[256];
	unsigned long v = 0;
	FILE *f;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	assert_true(snprintf(cmd, sizeof(cmd), fmt, path, addr, addr + 0x60) < (int)sizeof(cmd));
#pragma GCC diagnostic pop
	f = popen(cmd, "re");
	assert_non_null(f);
	if (fgets(line, sizeof(line), f))
		v = strtoul(line, NULL, 16);
	(void)pclose(f);
	return v;
}

/* The target of the first direct call in the function that objdump shows, not counting the PLT. */
static unsigned long objdump_callee(const char *path, const char *symbol)
{
	char fmt[512];
	unsigned long addr;

	assert_true(snprintf(fmt, sizeof(fmt), "nm -D --defined-only %%s | sed -n 's/ T %s@.*//p'",
			     symbol) > 0);
	addr = shell_hex(fmt, path, 0);
	assert_true(addr > 0);
	return shell_hex(
		"objdump -d --no-show-raw-insn --start-address=%2$#lx --stop-address=%3$#lx %1$s |"
		" grep -v @plt | sed -n 's/.*\\tcall *\\([0-9a-f]*\\).*/\\1/p'",
		path, addr);
}

static void check_internal(const struct tls_site *s, const char *path, const char *exported,
			   const char *ex, uint8_t len_arg)
{
	unsigned long callee = objdump_callee(path, exported);

	assert_int_equal(callee, objdump_callee(path, ex));
	assert_int_equal(s->at.addr - s->at.delta, callee);
	assert_int_equal(s->call.len_arg, len_arg);
	assert_int_equal(s->call.len, TLS_LEN_INTERNAL);
	assert_int_equal(s->at.cost, SITE_PUSH);
	assert_int_equal(shell_hex("objdump -d --no-show-raw-insn --start-address=%2$#lx "
				   "--stop-address=%3$#lx %1$s |"
				   " sed -n '/^ /{s/:\\tpush.*//p;q}'",
				   path, s->at.addr),
			 s->at.addr);
}

/* The conditional jump that objdump shows next behind the call of the internal. */
static void check_exit(const struct site *s, const char *path, const char *symbol)
{
	char fmt[256];
	unsigned long addr;

	(void)snprintf(fmt, sizeof(fmt), "nm -D --defined-only %%s | sed -n 's/ T %s@.*//p'",
		       symbol);
	addr = shell_hex(fmt, path, 0);
	if (s->cost != SITE_BRANCH)
		return; /* some builds test with a conditional move */
	assert_int_equal(
		shell_hex("objdump -d --no-show-raw-insn --start-address=%2$#lx "
			  "--stop-address=%3$#lx %1$s |"
			  " sed -n '/call.*plt/b;/call/,/\\tj/s/^ *\\([0-9a-f]*\\):\\tj.*/\\1/p'",
			  path, addr),
		s->addr);
}

static void find(const struct build *b, char *path, size_t size)
{
	char cmd[256], root[512] = "";
	FILE *f;

	if (!b->suite) {
		(void)snprintf(path, size, "%s", b->file);
		return;
	}
	(void)snprintf(cmd, sizeof(cmd), "tests/lib/fetch-debs %s %s 2>/dev/null", b->suite,
		       b->package);
	f = popen(cmd, "re");
	if (f && !fgets(root, sizeof(root), f))
		root[0] = '\0';
	if (!f || pclose(f) != 0) {
		print_message("no package mirror: libssl of %s not checked\n", b->suite);
		skip();
	}
	root[strcspn(root, "\n")] = '\0';
	(void)snprintf(path, size, "%s%s", root, b->file);
}

static void internals_are_found_where_objdump_says(void **state)
{
	const struct build *b = *state;
	struct elf_image *img;
	struct tls_plan plan;
	char path[1024], text[256];
	int fd;

	find(b, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(&img, fd), 0);
	assert_int_equal(tls_plan_applies(img, &tls_table[0]), 1);
	assert_int_equal(tls_plan_make(&plan, img, &tls_table[0], true), 0);
	assert_int_equal(plan.n, 8); /* read, write, handshake, early data both ways, shutdown, free, clear */
	check_internal(&plan.site[0], path, "SSL_read", "SSL_read_ex", 3);
	check_internal(&plan.site[1], path, "SSL_write",
		       b->write_len_arg == 4 ? "SSL_write_ex2" : "SSL_write_ex", b->write_len_arg);
	assert_string_equal(plan.site[2].call.symbol, "SSL_do_handshake");
	assert_int_equal(plan.site[2].at.cost, SITE_PUSH);
	assert_int_equal(tls_plan_exits(&plan, img, &tls_table[0], true), 0);
	assert_int_equal(plan.n, 5);	  /* a handshake's end cannot be told, nor what is around another call */
	assert_int_equal(plan.nexits, 6); /* read, write, their _ex, and those of a BIO */
	assert_false(tls_plan_returns(&plan));
	check_exit(&plan.exit[0], path, "SSL_read");
	check_exit(&plan.exit[1], path, "SSL_write");
	if (!b->suite)
		assert_int_equal(plan.exit[0].cost, SITE_BRANCH);
	tls_plan_text(&plan, text, sizeof(text));
	assert_non_null(strstr(text, "ssl_read_internal+"));
	assert_non_null(strstr(text, "(push)"));
	assert_int_equal(tls_plan_naive(&plan, img, &tls_table[0]), 0);
	assert_true(plan.n >= 4);
	assert_int_equal(plan.site[0].at.delta, 0);
	elf_image_close(img);
	close(fd);
}

/* OpenSSL 3.6: nothing in the internal functions' windows is emulated, but calls of them are. */
static void callers_are_probed_where_the_internal_is_dear(void **state)
{
	static const struct build sid = { "sid", "libssl3t64 libc6 zlib1g libzstd1",
					  "/usr/lib/x86_64-linux-gnu/libssl.so.3", 4 };
	unsigned long callee[2];
	struct elf_image *img;
	struct tls_plan plan;
	size_t calls = 0;
	char path[1024];
	int fd;

	(void)state;
	find(&sid, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(&img, fd), 0);
	assert_int_equal(tls_plan_make(&plan, img, &tls_table[0], true), 0);
	callee[0] = objdump_callee(path, "SSL_read");
	callee[1] = objdump_callee(path, "SSL_write");
	for (size_t i = 0; i < plan.n; i++) {
		const struct tls_site *s = &plan.site[i];
		bool write = s->call.dir == TLS_DIR_WRITE;

		if (!s->caller)
			continue;
		calls++;
		assert_true(s->by_exit);
		assert_int_equal(s->at.cost, SITE_BRANCH);
		assert_int_equal(s->call.len_arg, write ? 4 : 3);
		assert_int_equal(shell_hex("objdump -d --no-show-raw-insn --start-address=%2$#lx "
					   "--stop-address=%3$#lx %1$s | sed -n '/^ /{s/.*\tcall *//p;q}'",
					   path, s->at.addr),
				 callee[write]);
	}
	assert_int_equal(calls, 4); /* SSL_read, SSL_write, and a BIO both ways; _ex have return probes */
	assert_int_equal(plan.nexits, 4);
	for (size_t i = 0; i < plan.nexits; i++)
		assert_int_equal(plan.exit[i].cost, SITE_BRANCH);
	assert_true(tls_plan_returns(&plan));
	assert_int_equal(tls_plan_exits(&plan, img, &tls_table[0], true), 0);
	assert_false(tls_plan_returns(&plan));
	elf_image_close(img);
	close(fd);
}

/* Compiles a library from C and plans it: shapes that the packaged builds do not have. */
static int plan_source_with(const char *source, const char *flags, struct tls_plan *ret, bool exits)
{
	char dir[] = "/tmp/limpid-plan-XXXXXX", cmd[512], path[64];
	struct elf_image *img;
	FILE *cc;
	int fd, err;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/l.so", dir);
	(void)snprintf(cmd, sizeof(cmd), "gcc -shared -fPIC -w %s -x c - -o %s", flags, path);
	cc = popen(cmd, "we");
	assert_non_null(cc);
	assert_true(fputs(source, cc) >= 0);
	assert_int_equal(pclose(cc), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	rmdir(dir);
	assert_int_equal(elf_image_open(&img, fd), 0);
	err = tls_plan_make(ret, img, &tls_table[0], true);
	if (!err && exits)
		err = tls_plan_exits(ret, img, &tls_table[0], true);
	elf_image_close(img);
	close(fd);
	return err;
}

static int plan_source(const char *source, const char *flags, struct tls_plan *ret)
{
	return plan_source_with(source, flags, ret, false);
}

#define SHAPES                                                                           \
	"typedef unsigned long z;\n"                                                     \
	"int other(void*,void*,z,z*);int grow(void*);\n"                                 \
	"static __attribute__((noinline)) int in(void*s,void*b,z n,z*r){grow(s);return " \
	"other(s,b,n,r);}\n"

static void peek_that_shares_the_internal_forbids_it(void **state)
{
	struct tls_plan p;

	(void)state;
	assert_int_equal(
		plan_source(SHAPES
			    "int SSL_read(void*s,void*b,int n){z r;return in(s,b,n,&r)>0?r:-1;}\n"
			    "int SSL_peek(void*s,void*b,int n){z r;return in(s,b,n,&r)>0?r:-1;}\n",
			    "-O2", &p),
		0);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.site[0].call.symbol, "SSL_read");
}

static void a_form_that_avoids_the_internal_gets_a_site_of_its_own(void **state)
{
	struct tls_plan p;

	(void)state;
	assert_int_equal(
		plan_source(SHAPES
			    "int SSL_read(void*s,void*b,int n){z r;return in(s,b,n,&r)>0?r:-1;}\n"
			    "int SSL_read_ex(void*s,void*b,z n,z*r){grow(s);return "
			    "1+other(s,b,n,r);}\n",
			    "-O2", &p),
		0);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.site[0].call.symbol, "ssl_read_internal");
	assert_string_equal(p.site[1].call.symbol, "SSL_read_ex");
}

/* As OpenSSL 3.3 and later have it: flags before the pointer. */
static void a_tail_jump_through_the_plt_is_followed(void **state)
{
	struct tls_plan p;

	(void)state;
	assert_int_equal(
		plan_source(
			"typedef unsigned long z;int other(void*,void*,z,z,z*);int grow(void*);\n"
			"static __attribute__((noinline)) int in(void*s,void*b,z n,z f,z*r)\n"
			"{grow(s);return other(s,b,n,f,r);}\n"
			"int SSL_write(void*s,void*b,int n){z r;return in(s,b,n,0,&r)>0?r:-1;}\n"
			"int SSL_write_ex2(void*s,void*b,z n,z f,z*r){int e=in(s,b,n,f,r);return "
			"e<0?0:e;}\n"
			"int SSL_write_ex(void*s,void*b,z n,z*r){return "
			"SSL_write_ex2(s,b,n,0,r);}\n",
			"-O2 -fsemantic-interposition", &p),
		0);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.site[0].call.symbol, "ssl_write_internal");
	assert_int_equal(p.site[0].call.len_arg, 4);
}

static void one_function_for_both_directions_is_refused(void **state)
{
	struct tls_plan p;

	(void)state;
	assert_int_equal(
		plan_source(
			"int SSL_read(void*s,void*b,int n){return n;}\n"
			"int SSL_write(void*,void*,int) __attribute__((alias(\"SSL_read\")));\n",
			"-O2", &p),
		-EINVAL);
}

static void code_that_changes_the_arguments_is_not_followed(void **state)
{
	struct tls_plan p;

	(void)state;
	assert_int_equal(
		plan_source(
			SHAPES
			"int SSL_read(void*s,char*b,int n){z r;return in(s,b+1,n,&r)>0?r:-1;}\n",
			"-O2", &p),
		0);
	assert_string_equal(p.site[0].call.symbol, "SSL_read");
	assert_int_equal(
		plan_source(SHAPES
			    "int SSL_read(void*s,char*b,int n){z r;return in(s,b,n,&r)>0?r:-1;}\n",
			    "-O0", &p),
		0);
	assert_string_equal(p.site[0].call.symbol, "SSL_read"); /* goes through memory */
}

/* Nothing is called that could be followed: the ends are the function's own. */
static void without_an_internal_each_ret_is_an_exit(void **state)
{
	struct tls_plan p;

	(void)state;
	assert_int_equal(plan_source_with("int other(void*,char*,int);"
					  "int SSL_read(void*s,char*b,int n){if(n<3)return "
					  "-1;b[0]=1;return 4+other(s,b+1,n-1);}\n",
					  "-O2", &p, true),
			 0);
	assert_int_equal(p.n, 1);
	assert_true(p.nexits >= 1);
	for (size_t i = 0; i < p.nexits; i++)
		assert_int_equal(p.exit[i].bytes[0], 0xc3);
	/* It ends in somebody else's return. */
	assert_int_equal(
		plan_source_with("int other(void*,char*,int);"
				 "int SSL_read(void*s,char*b,int n){return other(s,b+1,n-1);}\n",
				 "-O2", &p, true),
		-ENOTSUP);
}

static void a_file_without_the_functions_is_no_such_library(void **state)
{
	struct tls_plan p;

	(void)state;
	assert_int_equal(plan_source("int f(void){return 1;}", "-O2", &p), -ENOENT);
	assert_int_equal(plan_source("int SSL_do_handshake(void*s){return 1;}", "-O2", &p),
			 -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(internals_are_found_where_objdump_says,
					  (void *)&builds[0]),
		cmocka_unit_test_prestate(internals_are_found_where_objdump_says,
					  (void *)&builds[1]),
		cmocka_unit_test_prestate(internals_are_found_where_objdump_says,
					  (void *)&builds[2]),
		cmocka_unit_test(callers_are_probed_where_the_internal_is_dear),
		cmocka_unit_test(peek_that_shares_the_internal_forbids_it),
		cmocka_unit_test(a_form_that_avoids_the_internal_gets_a_site_of_its_own),
		cmocka_unit_test(a_tail_jump_through_the_plt_is_followed),
		cmocka_unit_test(one_function_for_both_directions_is_refused),
		cmocka_unit_test(code_that_changes_the_arguments_is_not_followed),
		cmocka_unit_test(without_an_internal_each_ret_is_an_exit),
		cmocka_unit_test(a_file_without_the_functions_is_no_such_library),
	};

	return cmocka_run_group_tests_name("tls_plan", tests, NULL, NULL);
}
