/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a function are looked for by their bytes, which any byte of the code could begin.  So each find is checked by
 * decoding the function that it lies in from its first byte on, and what is no instruction's start is left out.
 */
#include "tap/sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap/elf_frames.h"

#if defined(__x86_64__)

#include <Zydis/Zydis.h>

#define SEARCH_MAX   (32UL << 20) /* bytes of code: the executables that have all of a browser are not searched */
#define PIECE	     65536
#define FUNCTION_MAX 65536

enum { CALL = 0xe8, JUMP = 0xe9, BRANCH_BYTES = 5 };

/* Decoding from start on arrives at addr. */
static int arrives(const struct elf_image *img, uint64_t start, uint64_t addr)
{
	size_t len = (size_t)(addr - start), at = 0;
	ZydisDecodedInstruction in;
	ZydisDecoder d;
	uint8_t *code;
	int n;

	if (addr - start > FUNCTION_MAX)
		return -ENOTSUP;
	code = malloc(len + 1);
	if (!code)
		return -ENOMEM;
	n = elf_image_code(img, start, code, len);
	(void)ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (n == (int)len && at < len &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d, NULL, code + at, len - at, &in)))
		at += in.length;
	free(code);
	return n < 0 ? n : at == len;
}

struct search {
	struct elf_image *img;
	uint64_t target;
	struct site_caller *ret;
	size_t n, max;
};

/* The bytes p at addr are a branch to the target. */
static int take(struct search *s, uint64_t addr, const uint8_t *p)
{
	struct site_caller c = { .back = addr + BRANCH_BYTES };
	struct elf_frame f;
	int there;

	if (elf_frame_at(s->img, addr, &f) != 0)
		return -ENOTSUP;
	c.func = f.addr;
	there = arrives(s->img, c.func, addr);
	if (there <= 0)
		return there;
	if (p[0] == JUMP) /* as a loop to the target's own beginning is none */
		return c.func == s->target ? 0 : -ENOTSUP;
	if (s->n == s->max)
		return -ENOSPC;
	c.at = (struct site){ .addr = addr,
			      .delta = (uint32_t)(addr - c.func),
			      .cost = SITE_BRANCH,
			      .nbytes = BRANCH_BYTES };
	memcpy(c.at.bytes, p, BRANCH_BYTES);
	if (elf_image_offset(s->img, addr, &c.at.off) != 0)
		return -ERANGE;
	s->ret[s->n++] = c;
	return 0;
}

static int search_piece(struct search *s, uint64_t addr, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + BRANCH_BYTES <= n; i++) {
		int32_t rel;
		int err;

		if ((p[i] & 0xfe) != CALL)
			continue;
		memcpy(&rel, p + i + 1, sizeof(rel));
		if (addr + i + BRANCH_BYTES + (uint64_t)(int64_t)rel != s->target)
			continue;
		err = take(s, addr + i, p + i);
		if (err)
			return err;
	}
	return 0;
}

static int search_segment(struct search *s, const struct elf_load *l, uint8_t *buf)
{
	for (uint64_t at = 0; at < l->len; at += PIECE - BRANCH_BYTES + 1) {
		size_t want = l->len - at < PIECE ? (size_t)(l->len - at) : PIECE;
		long n = elf_image_read(s->img, l->off + at, buf, want);
		int err = n < 0 ? (int)n : search_piece(s, l->addr + at, buf, (size_t)n);

		if (err)
			return err;
	}
	return 0;
}

int site_callers(struct elf_image *img, uint64_t target, struct site_caller *ret, size_t max)
{
	struct search s = { .img = img, .target = target, .ret = ret, .max = max };
	struct elf_load load[ELF_LOADS_MAX];
	int n = elf_image_loads(img, load), err = 0;
	uint64_t total = 0;
	uint8_t *buf;

	for (int i = 0; i < n; i++)
		total += load[i].exec ? load[i].len : 0;
	if (n < 0 || total > SEARCH_MAX)
		return n < 0 ? n : -ENOTSUP;
	buf = malloc(PIECE);
	if (!buf)
		return -ENOMEM;
	for (int i = 0; i < n && !err; i++)
		if (load[i].exec)
			err = search_segment(&s, &load[i], buf);
	free(buf);
	return err ? err : (int)s.n;
}

#else /* arm64: no function is entered by way of its callers */

int site_callers(struct elf_image *img, uint64_t target, struct site_caller *ret, size_t max)
{
	(void)img, (void)target, (void)ret, (void)max;
	return -ENOTSUP;
}

#endif
