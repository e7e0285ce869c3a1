/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/late.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tap/bpf_tls.h"
#include "tap/elf.h"
#include "tap/maps.h"
#include "tap/sites.h"
#include "tls/tls.h"

#define ASKING	   64 /* processes that are told of in one tick */
#define FILES_EACH 4  /* of a process that are probed */

struct process {
	uint32_t pid;
	uint64_t since_ns, asked_ns;
	size_t n; /* 0: no longer probed, or in vain */
	struct tap_tls_links *links[FILES_EACH];
};
struct late {
	struct tap_bpf *b;
	size_t n;
	struct process p[LATE_PROCESSES];
};

struct late *late_new(struct tap_bpf *b)
{
	struct late *l = calloc(1, sizeof(*l));

	if (l)
		l->b = b;
	return l;
}

static void detach(struct process *p)
{
	while (p->n > 0)
		tap_bpf_tls_detach(p->links[--p->n]);
}

/* --- one process ---------------------------------------------------------------------------------- */

struct visit {
	struct late *l;
	struct process *p;
	uint64_t last_ino;
};

/* Where libraries of that row write their ciphertext, in this file. */
static int find_site(int fd, struct site *ret)
{
	struct elf_image *img;
	int err = elf_image_open(&img, fd);

	if (err)
		return err;
	err = -1;
	for (const struct tls_lib *row = tls_table; row->name && err; row++) {
		struct elf_sym sym = { 0 };

		if (row->bio_write && elf_image_symbols(img, &row->bio_write, 1, &sym) == 1)
			err = site_choose(img, sym.addr, false, ret);
	}
	elf_image_close(img);
	return err;
}

static bool visit_mapping(void *ctx, const struct maps_entry *e)
{
	struct visit *v = ctx;
	struct process *p = v->p;
	struct site site;
	int path_fd, fd;

	if (e->ino == v->last_ino)
		return true;
	v->last_ino = e->ino;
	path_fd = maps_open(p->pid, e);
	if (path_fd < 0)
		return true;
	fd = maps_reopen(path_fd);
	close(path_fd);
	if (fd < 0)
		return true;
	if (find_site(fd, &site) == 0 &&
	    tap_bpf_late_attach(&p->links[p->n], v->l->b, fd, site.off, p->pid) == 0)
		p->n++;
	close(fd);
	return p->n < FILES_EACH;
}

static void begin(struct late *l, uint32_t pid, uint64_t asked_ns, uint64_t now_ns)
{
	struct process *p = &l->p[l->n];
	struct visit v = { .l = l, .p = p };

	if (l->n == LATE_PROCESSES)
		return; /* asks again */
	*p = (struct process){ .pid = pid, .since_ns = now_ns, .asked_ns = asked_ns };
	l->n++;
	(void)maps_each(pid, visit_mapping, &v); /* it may be gone */
	log_debug("process %u has TLS connections that are older than the capture: %zu probes", pid,
		  p->n);
}

/* --- all of them ---------------------------------------------------------------------------------- */

static void asks(struct late *l, uint32_t pid, uint64_t asked_ns, uint64_t now_ns)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].pid == pid) {
			l->p[i].asked_ns = asked_ns;
			return;
		}
	if (asked_ns + LATE_QUIET_NS > now_ns)
		begin(l, pid, asked_ns, now_ns);
}

size_t late_tick(struct late *l, uint64_t now_ns)
{
	struct tap_bpf_asking asking[ASKING];
	size_t n = tap_bpf_late_asking(l->b, asking, ASKING);
	size_t probed = 0;

	for (size_t i = 0; i < n; i++)
		asks(l, asking[i].pid, asking[i].at_ns, now_ns);
	for (size_t i = l->n; i > 0; i--) {
		struct process *p = &l->p[i - 1];

		if (now_ns > p->asked_ns + LATE_QUIET_NS || now_ns > p->since_ns + LATE_LONGEST_NS)
			detach(p);
		if (now_ns > p->asked_ns + (p->since_ns + LATE_LONGEST_NS > now_ns ?
						    LATE_QUIET_NS :
						    LATE_LONGEST_NS)) {
			tap_bpf_late_forget(l->b, p->pid);
			*p = l->p[--l->n];
		}
	}
	for (size_t i = 0; i < l->n; i++)
		probed += l->p[i].n > 0;
	tap_bpf_late_probed(l->b, probed > 0);
	return probed;
}

void late_free(struct late *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		detach(&l->p[i]);
	free(l);
}
