/* SPDX-License-Identifier: Apache-2.0 */
/* What bench/https needs besides shell.
 *
 *	https-bin naive OBJECT openssl|go multi|perf FILE	entry and return of the exported SSL_read and SSL_write with empty
 *		programs (Go: the first byte and every ret of Conn.Read and Conn.Write); says "attached" and holds them.  multi: by
 *		uprobe_multi, perf: by perf events, as most tools do
 *	https-bin runs PID	"NAME RUNS NANOSECONDS" of each BPF program that PID holds (kernel.bpf_stats_enabled)
 *	https-bin sites openssl|go FILE	where Limpid probes that file
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap/elf.h"
#include "tap/go_plan.h"
#include "tap/insn_x86.h"
#include "tap/sites.h"
#include "tap/tls_plan.h"

#define PLACES 64

struct places {
	unsigned long entry[PLACES], back[PLACES];
	size_t nentry, nback;
	bool by_return; /* the returns are return probes at the entries */
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "https: %s: %s\n", what, errno ? strerror(errno) : "failed");
	exit(1);
}

static struct elf_image *open_image(const char *file)
{
	struct elf_image *img;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || elf_image_open(&img, fd))
		die(file);
	return img;
}

/* Every `ret`, as tools for Go take them: from the first byte on, without a look at where jumps lead. */
static void find_rets(struct elf_image *img, const struct elf_sym *s, struct places *ret)
{
	static uint8_t code[1 << 16];
	struct insn in;
	uint64_t off;
	size_t size = s->size < sizeof(code) ? s->size : sizeof(code);
	ssize_t n = elf_image_code(img, s->addr, code, size);

	if (n < 0 || elf_image_offset(img, s->addr, &off))
		die("code");
	for (size_t at = 0; insn_decode(code + at, (size_t)n - at, &in); at += in.i.length)
		if (in.i.meta.category == ZYDIS_CATEGORY_RET && ret->nback < PLACES)
			ret->back[ret->nback++] = off + at;
}

static void find_places(struct places *ret, const char *file, bool go)
{
	static const char *const names[][2] = { { "SSL_read", "SSL_write" },
						{ "crypto/tls.(*Conn).Read", "crypto/tls.(*Conn).Write" } };
	struct elf_image *img = open_image(file);
	struct elf_sym sym[2];

	*ret = (struct places){ .by_return = !go };
	if (elf_image_symbols(img, names[go], 2, sym) != 2)
		die("symbols");
	for (int i = 0; i < 2; i++) {
		uint64_t off;

		if (elf_image_offset(img, sym[i].addr, &off))
			die("code");
		ret->entry[ret->nentry++] = off;
		if (go)
			find_rets(img, &sym[i], ret);
	}
	elf_image_close(img);
}

static void attach(struct bpf_program *p, const char *file, const unsigned long *offs, size_t n, bool retprobe, bool multi)
{
	LIBBPF_OPTS(bpf_uprobe_multi_opts, many, .offsets = offs, .cnt = n, .retprobe = retprobe);
	LIBBPF_OPTS(bpf_uprobe_opts, one, .retprobe = retprobe);

	if (multi && !bpf_program__attach_uprobe_multi(p, -1, file, NULL, &many))
		die("uprobe_multi");
	for (size_t i = 0; !multi && i < n; i++)
		if (!bpf_program__attach_uprobe_opts(p, -1, file, offs[i], &one))
			die("perf event");
}

static void naive(const char *object, bool go, bool multi, const char *file)
{
	struct bpf_object *o = bpf_object__open_file(object, NULL);
	struct bpf_program *entry, *back;
	struct places p;

	if (!o)
		die(object);
	entry = bpf_object__find_program_by_name(o, "naive_entry");
	back = bpf_object__find_program_by_name(o, "naive_return");
	if (!multi) { /* programs for the one kind of attachment are refused by the other */
		bpf_program__set_expected_attach_type(entry, 0);
		bpf_program__set_expected_attach_type(back, 0);
	}
	if (bpf_object__load(o))
		die("load");
	find_places(&p, file, go);
	attach(entry, file, p.entry, p.nentry, false, multi);
	attach(back, file, p.by_return ? p.entry : p.back, p.by_return ? p.nentry : p.nback, p.by_return, multi);
	(void)puts("attached");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

static void run_of(unsigned id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &len))
		die("program");
	(void)close(fd);
	if (info.run_cnt)
		(void)printf("%s %llu %llu\n", info.name, (unsigned long long)info.run_cnt,
			     (unsigned long long)info.run_time_ns);
}

static void runs(const char *pid)
{
	char path[300], line[200];
	struct dirent *e;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	dir = opendir(path);
	if (!dir)
		die(path);
	while ((e = readdir(dir))) {
		unsigned id;
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		bool prog = false;

		while (f && fgets(line, sizeof(line), f)) {
			prog |= strncmp(line, "prog_jited:", 11) == 0; /* a link has an id of a program too */
			if (prog && sscanf(line, "prog_id: %u", &id) == 1)
				run_of(id);
		}
		if (f)
			(void)fclose(f);
	}
	(void)closedir(dir);
}

static void sites(bool go, const char *file)
{
	struct elf_image *img = open_image(file);
	static struct go_plan g;
	static struct tls_plan t;
	char text[2000];

	if (go ? go_plan_make(&g, img) : tls_plan_make(&t, img, &tls_table[0], true))
		die("plan");
	if (go)
		go_plan_text(&g, text, sizeof(text));
	else
		tls_plan_text(&t, text, sizeof(text));
	(void)puts(text);
	elf_image_close(img);
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "naive") == 0)
		naive(argv[2], strcmp(argv[3], "go") == 0, strcmp(argv[4], "multi") == 0, argv[5]);
	else if (argc == 3 && strcmp(argv[1], "runs") == 0)
		runs(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "sites") == 0)
		sites(strcmp(argv[2], "go") == 0, argv[3]);
	else
		die("see the head of bench/https.c");
	return 0;
}
