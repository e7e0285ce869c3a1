/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of NSS that have no names: in real builds, and what is no such table. */
#include "test.h"

#include "tap/elf_frames.h"
#include "tap/nss_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find_in(int fd, struct nss_table *t)
{
	uint64_t all[5];
	struct elf_image *img;
	struct elf_frame f;
	int err;

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(&img, fd), 0);
	err = nss_table_find(img, t);
	memcpy(all, t, sizeof(all));
	for (size_t i = 0; !err && i < 5; i++) { /* each is a function's beginning */
		assert_int_equal(elf_frame_at(img, all[i], &f), 0);
		assert_int_equal(f.addr, all[i]);
	}
	elf_image_close(img);
	close(fd);
	return err;
}

/* What only the function that receives does: it looks at its flags, and compares them with a peek (2). */
static bool tests_for_two(const char *path, uint64_t addr)
{
	char cmd[2048];

	(void)snprintf(cmd, sizeof(cmd),
		       "objdump -d --no-show-raw-insn --start-address=%#lx --stop-address=%#lx %s | grep -qE 'and +\\$0x2,%%|test +\\$0x2,%%|"
		       "testb +\\$0x2,%%|\\$0xfffffffd,%%'",
		       addr, addr + 0x340, path);
	return system(cmd) == 0;
}

static void real_builds_have_them(void **state)
{
	const char *suite = *state;
	char cmd[256], root[512] = "", path[1024];
	struct nss_table t = { 0 };
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "tests/lib/fetch-debs %s libnss3 2>/dev/null", suite);
	f = popen(cmd, "re");
	if (f && !fgets(root, sizeof(root), f))
		root[0] = '\0';
	if (!f || pclose(f) != 0) {
		print_message("no package mirror: NSS of %s not checked\n", suite);
		skip();
	}
	root[strcspn(root, "\n")] = '\0';
	(void)snprintf(path, sizeof(path), "%s/usr/lib/x86_64-linux-gnu/libssl3.so", root);
	assert_int_equal(find_in(open(path, O_RDONLY | O_CLOEXEC), &t), 0);
	assert_true(t.recv && t.send && t.read && t.write && t.close && t.recv != t.send);
	assert_true(tests_for_two(path, t.recv));
}

static int find_in_source(const char *source, struct nss_table *t)
{
	char dir[] = "/tmp/limpid-nss-XXXXXX", cmd[512], path[64];
	FILE *cc;
	int fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/l.so", dir);
	(void)snprintf(cmd, sizeof(cmd), "gcc -shared -fPIC -w -O2 -x c - -o %s -Wl,-s", path);
	cc = popen(cmd, "we");
	assert_non_null(cc);
	assert_true(fputs(source, cc) >= 0);
	assert_int_equal(pclose(cc), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	rmdir(dir);
	return find_in(fd, t);
}

#define FUNCTIONS                                                                                               \
	"int o(void*,int);\n#define F(n) static __attribute__((noinline,noclone)) int n(void*s,void*b,int l,int f)" \
	"{return o(s,__LINE__+l+f)+3;}\n"                                                                       \
	"F(c1)\nF(c2)\nF(bi)\nF(li)\nF(s1)\nF(s2)\nF(k1)\nF(k2)\nF(r1)\nF(r2)\nF(w1)\nF(w2)\nF(e1)\nF(pn)\nF(sn)\n"   \
	"F(v1)\nstatic int rd(void*s,void*b,int l,int f){return r2(s,b,l,0);}\n"

static void the_table_with_tls_is_told_from_the_other(void **state)
{
	struct nss_table t = { 0 };

	(void)state;
	assert_int_equal(find_in_source(FUNCTIONS
					"void*const a[]={c1,0,bi,li,s1,k1,r1,w1,e1,v1,pn,sn,c2,0,bi,li,s2,k2,r2,w2,rd,k1,pn,sn};"
					"void*const*where(void){return a;}",
					&t),
			 0);
	assert_true(t.recv && t.read && t.recv != t.read);
	/* neither, both, or something else between them */
	assert_int_equal(find_in_source(FUNCTIONS
					"void*const a[]={c1,0,bi,li,s1,k1,r1,w1,e1,v1,pn,sn,c2,0,bi,li,s2,k2,r2,w2,s1,k1,pn,sn};"
					"void*const*where(void){return a;}",
					&t),
			 -ENOENT);
	assert_int_equal(find_in_source(FUNCTIONS
					"void*const a[]={c1,0,bi,li,s1,k1,r1,w1,e1,v1,pn,sn,c2,0,bi,s2,s2,k2,r2,w2,rd,k1,pn,sn};"
					"void*const*where(void){return a;}",
					&t),
			 -ENOENT);
	assert_int_equal(find_in_source("int f(void){return 1;}", &t), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(real_builds_have_them, (void *)"bookworm"),
		cmocka_unit_test_prestate(real_builds_have_them, (void *)"trixie"),
		cmocka_unit_test(the_table_with_tls_is_told_from_the_other),
	};

	return cmocka_run_group_tests_name("nss_table", tests, NULL, NULL);
}
