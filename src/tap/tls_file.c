/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tls_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap/maps.h"

static bool is_go(const struct tls_lib *row)
{
	return row->fd == TLS_FD_GO_CONN;
}

static void go_version_text(struct elf_image *img, char *ret, size_t size)
{
	(void)go_plan_version(img, ret, size);
	if (strncmp(ret, "go", 2) == 0)
		memmove(ret, ret + 2, strlen(ret + 2) + 1);
}

/* "libmbedtls.so.3.6.6", which is also called libmbedtls.so.21: the file's own name says more than that for others. */
static bool version_of_name(const char *name, char *ret, size_t size)
{
	const char *so = name ? strstr(name, ".so.") : NULL;
	size_t n = so ? strspn(so + 4, "0123456789.") : 0;

	if (n == 0 || n >= size || so[4 + n] || !strchr(strchr(so + 4, '.') ? strchr(so + 4, '.') + 1 : "", '.'))
		return false;
	memcpy(ret, so + 4, n + 1);
	return true;
}

/* The library on which the file builds, as the file names it, in its own directory.  NULL: none; else to be closed, with
 * the descriptor. */
static struct elf_image *companion_of(const struct tls_file *c, const char *prefix, int *ret_fd)
{
	char name[MAPS_PATH_MAX + 128], needed[96];
	const char *slash = strrchr(c->path, '/');
	struct elf_image *img = NULL;

	if (!slash || elf_image_needed(c->img, prefix, needed, sizeof(needed)) != 0)
		return NULL;
	(void)snprintf(name, sizeof(name), "/proc/%u/root%.*s/%s", c->pid, (int)(slash - c->path),
		       c->path, needed);
	*ret_fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*ret_fd >= 0 && elf_image_open(&img, *ret_fd) != 0) {
		close(*ret_fd);
		return NULL;
	}
	return img;
}

/* What descends from OpenSSL: a text of its own with the version behind it, or a function that it alone has. */
static bool relative_text(struct elf_image *img, char *ret, size_t size)
{
	static const char *const boring = "SSL_set_custom_verify";
	static const char libre[] = "LibreSSL ";
	struct elf_sym sym;

	if (elf_image_symbols(img, &boring, 1, &sym) == 1) {
		(void)snprintf(ret, size, "BoringSSL");
		return true;
	}
	if (size <= sizeof(libre) ||
	    elf_image_version(img, libre, ret + sizeof(libre) - 1, size - sizeof(libre) + 1) != 0)
		return false;
	memcpy(ret, libre, sizeof(libre) - 1);
	return true;
}

static void version_text(const struct tls_file *c, const struct tls_lib *row, char *ret, size_t size)
{
	struct elf_image *img;
	int fd;

	ret[0] = '\0';
	if (elf_image_version(c->img, row->version_text, ret, size) == 0 ||
	    (!row->companion && version_of_name(strrchr(c->path, '/'), ret, size)) ||
	    (row->companion && relative_text(c->img, ret, size)))
		return;
	(void)elf_image_soname_version(c->img, ret, size);
	img = row->companion ? companion_of(c, row->companion, &fd) : NULL;
	if (!img)
		return;
	if (elf_image_version(img, row->version_text, ret, size) != 0)
		(void)relative_text(img, ret, size);
	elf_image_close(img);
	close(fd);
}

/* The row applies to the file; what is damaged or too old is said. */
static bool analyse_row(const struct tls_file *c, const struct tls_lib *row, struct tls_answer_part *ret)
{
	*ret = (struct tls_answer_part){ .row = row };
	if (is_go(row)) {
		ret->err = go_plan_make(&ret->go, c->img);
		if (ret->err == -ENOENT)
			return false;
		go_version_text(c->img, ret->version, sizeof(ret->version));
		return true;
	}
	if (tls_plan_applies(c->img, row) != 1)
		return false;
	ret->err = tls_plan_make(&ret->plan, c->img, row, c->nop5);
	if (!ret->err && c->no_returns)
		ret->err = tls_plan_exits(&ret->plan, c->img, row, c->nop5);
	version_text(c, row, ret->version, sizeof(ret->version));
	return true;
}

void tls_file_analyse(const struct tls_file *c, struct tls_answer *ret)
{
	bool by_symbols = false;

	ret->n = 0;
	for (const struct tls_lib *row = tls_table; row->name && ret->n < TLS_ANSWER_PARTS; row++) {
		if ((by_symbols && !is_go(row)) || !analyse_row(c, row, &ret->part[ret->n]))
			continue;
		by_symbols |= !is_go(row);
		ret->n++;
	}
}

static uint8_t what_of(enum tls_dir dir)
{
	static const uint8_t what[] = {
		[TLS_DIR_READ] = EV_TLS_READ,
		[TLS_DIR_WRITE] = EV_TLS_WRITE,
		[TLS_DIR_NONE] = EV_TLS_HANDSHAKE,
		[TLS_DIR_HIDE] = EV_TLS_HIDE,
		[TLS_DIR_FORGET] = EV_TLS_FORGET,
		[TLS_DIR_END] = EV_TLS_END,
	};

	return what[dir];
}

static uint8_t form_of(enum tls_len len)
{
	static const uint8_t form[] = {
		[TLS_LEN_RETURN] = EV_TLS_EOF,
		[TLS_LEN_INTERNAL] = EV_TLS_EOF,
		[TLS_LEN_SIZE] = EV_TLS_SIZE | EV_TLS_EOF,
		[TLS_LEN_LONG] = EV_TLS_SIZE | EV_TLS_LONG | EV_TLS_EOF,
		[TLS_LEN_RESUMED] = EV_TLS_SIZE | EV_TLS_LONG | EV_TLS_RESUMES,
		[TLS_LEN_FLAGS] = EV_TLS_PEEKS | EV_TLS_EOF,
		[TLS_LEN_PACKET] = EV_TLS_SIZE | EV_TLS_LONG | EV_TLS_PACKET,
	};

	return len < sizeof(form) ? form[len] : 0;
}

struct ev_tls_site tls_file_site(const struct tls_call *call, uint16_t lib, uint8_t tls)
{
	return (struct ev_tls_site){
		.lib = lib,
		.tls = tls,
		.what = what_of(call->dir),
		.buf_arg = call->buf_arg,
		.num_arg = call->num_arg,
		.len_arg = tls_len_points(call->len) ? call->len_arg : EV_TLS_LEN_RETURN,
		.form = form_of(call->len),
	};
}

static bool still_there(const struct tls_file *c, const struct site *s)
{
	uint8_t now[SITE_BYTES];

	return pread(c->fd, now, s->nbytes, (off_t)s->off) == s->nbytes &&
	       memcmp(now, s->bytes, s->nbytes) == 0;
}

static bool plan_holds(const struct tls_file *c, const struct tls_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (!still_there(c, &plan->site[i].at))
			return false;
	for (size_t i = 0; i < plan->nexits; i++)
		if (!still_there(c, &plan->exit[i]))
			return false;
	return true;
}

static uint8_t number_of(const struct tls_lib *row)
{
	return (uint8_t)(1 + (row - tls_table));
}

static int attach(const struct tls_file *c, struct tap_bpf *b, const struct tls_answer_part *p,
		  uint16_t lib, struct tap_tls_links **ret)
{
	const struct tls_plan *plan = &p->plan;
	struct tap_tls_place places[TLS_PLAN_SITES];
	uint64_t exits[TLS_PLAN_EXITS];
	int err;

	if (!plan_holds(c, plan))
		return -ESTALE;
	for (size_t i = 0; i < plan->nexits; i++)
		exits[i] = plan->exit[i].off;
	for (size_t i = 0; i < plan->n; i++) {
		places[i].off = plan->site[i].at.off;
		places[i].site = tls_file_site(&plan->site[i].call, lib, number_of(p->row));
		places[i].by_exit = plan->site[i].by_exit;
	}
	err = tap_bpf_tls_layout(b, lib, &plan->layout);
	if (err)
		return err;
	return tap_bpf_tls_attach(ret, b, c->attach_fd, places, plan->n, exits, plan->nexits);
}

static int attach_go(const struct tls_file *c, struct tap_bpf *b, const struct tls_answer_part *p,
		     uint16_t lib, struct tap_tls_links **ret)
{
	const struct go_plan *plan = &p->go;
	struct tap_go_place places[GO_PLAN_PLACES];

	for (size_t i = 0; i < plan->n; i++) {
		const struct go_place *g = &plan->place[i];

		if (!still_there(c, &g->at))
			return -ESTALE;
		places[i] = (struct tap_go_place){
			.off = g->at.off,
			.site = { lib, number_of(p->row), what_of(g->dir), g->frame, g->slot },
			.exit = g->exit,
		};
	}
	return tap_bpf_go_attach(ret, b, c->attach_fd, places, plan->n);
}

int tls_file_attach(const struct tls_file *c, struct tap_bpf *b, const struct tls_answer_part *p,
		    uint16_t lib, struct tap_tls_links **ret)
{
	return is_go(p->row) ? attach_go(c, b, p, lib, ret) : attach(c, b, p, lib, ret);
}

void tls_file_how(const struct tls_answer_part *p, const struct tap_bpf *b, char *ret, size_t size)
{
	bool returns = !is_go(p->row) && tls_plan_returns(&p->plan);
	size_t at;

	ret[0] = '\0';
	if (p->err)
		return;
	if (is_go(p->row))
		go_plan_text(&p->go, ret, size);
	else
		tls_plan_text(&p->plan, ret, size);
	at = strlen(ret);
	(void)snprintf(ret + at, size - at, "; %s%s", returns ? "return probes; " : "",
		       b ? tap_bpf_tls_backend(b) : "not tried");
}

const char *tls_file_explain(const struct tls_answer_part *p, int err, char *buf, size_t size)
{
	if (is_go(p->row) && err == -ENOTSUP)
		return "it was built with a Go before 1.17 (on arm64 before 1.18), or does not say "
		       "where its "
		       "code is: build it with a newer Go to decrypt it";
	switch (err) {
	case -ESTALE:
		return "the file changed while it was looked at";
	case -EBADMSG:
		return "its ELF headers are damaged";
	case -EINVAL:
	case -ENOEXEC:
	case -ERANGE:
		return "its functions do not look like those of the library; please report it";
	case -ENOTSUP:
	case -ENOENT:
	case -ENOSPC:
		return "return probes are not safe on this kernel, and this build has no other "
		       "place to see the "
		       "end of a call: update the kernel to decrypt it";
	case -EPERM:
	case -EACCES:
		return "the kernel refuses probes: CAP_BPF and CAP_PERFMON (before Linux 6.6: "
		       "CAP_SYS_ADMIN) "
		       "are needed";
	default:
		(void)snprintf(buf, size, "the kernel refuses the probes (%s)", strerror(-err));
		return buf;
	}
}
