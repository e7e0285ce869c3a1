/* SPDX-License-Identifier: Apache-2.0 */
/* go_plan.h - where to probe a Go program that has crypto/tls in it.
 *
 * A Go function must never have a return probe: its stack moves while it runs.  So the end of a call is another place in the
 * code, and the call is known by its goroutine and the depth of its frame.
 */
#ifndef LIMPID_TAP_GO_PLAN_H
#define LIMPID_TAP_GO_PLAN_H

#include "tap/elf.h"
#include "tap/sites.h"
#include "tls/tls.h"

#define GO_PLAN_PLACES 64
struct go_place {
	struct site at;
	const char *func; /* "Read", of crypto/tls.(*Conn) */
	enum tls_dir dir;
	bool exit;
	/* Of an exit in a deferred function, which runs when the results are in the caller's frame already: bytes from
	 * its stack pointer to its return address, and to the number of bytes moved.  frame 0: a `ret`, and the
	 * number is in its register. */
	uint16_t frame, slot;
};
struct go_plan {
	size_t n;
	struct go_place place[GO_PLAN_PLACES];
};

/* It is a Go program: 1, and ret has the version ("go1.22.12" or ""); 0; negative errno. */
int go_plan_version(struct elf_image *img, char *ret, size_t size);
/* 0; -ENOENT: no Go program, or one without crypto/tls; -ENOTSUP: of a Go too old (before 1.17; on arm64 before
 * 1.18); -ENOEXEC: its code is not what a Go compiler makes; -ENOSPC, -EBADMSG, -EIO, -ENOMEM as go_functions. */
int go_plan_make(struct go_plan *ret, struct elf_image *img);
/* The function of that name as go_place has it; NULL: none such. */
const char *go_plan_func(const char *name);
/* "Read+4, Write+9, clientHandshake+9 (branch); ends Read.deferwrap1+4, Write.deferwrap2+4 (branch), 13 returns" */
void go_plan_text(const struct go_plan *p, char *buf, size_t size);

#endif
