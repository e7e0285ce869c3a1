/* SPDX-License-Identifier: Apache-2.0 */
/* .eh_frame_hdr (Linux Standard Base, Exception Frames): a head of 12 bytes, and a table sorted by address; 8 bytes each, the
 * beginning of the code and its description in .eh_frame, both relative to the head. */
#include "tap/elf_frames.h"

#include <errno.h>
#include <string.h>

#define HEAD	  12
#define ENTRY	  8
#define FORMS	  "\x01\x1b\x03\x3b" /* version; sdata4 from here; udata4; sdata4 from the head */
#define CODE_MAX  (16UL << 20)	      /* of one function */

struct frames {
	struct elf_image *img;
	struct elf_load load[ELF_LOADS_MAX];
	int nloads;
	uint64_t off, addr; /* of the head: in the file, in memory */
	uint32_t n;
};

static int file_offset(const struct frames *f, uint64_t addr, uint64_t *ret)
{
	for (int i = 0; i < f->nloads; i++)
		if (addr >= f->load[i].addr && addr - f->load[i].addr < f->load[i].len) {
			*ret = addr - f->load[i].addr + f->load[i].off;
			return 0;
		}
	return -EBADMSG;
}

static int read_at(const struct frames *f, uint64_t off, void *buf, size_t n)
{
	long got = elf_image_read(f->img, off, buf, n);

	return got < 0 ? (int)got : (size_t)got == n ? 0 : -EBADMSG;
}

static int open_frames(struct frames *f, struct elf_image *img)
{
	uint8_t head[HEAD];
	uint64_t len;
	int err;

	f->img = img;
	if (elf_image_section(img, ".eh_frame_hdr", &f->off, &len) != 0 || len < HEAD)
		return -ENOENT;
	f->nloads = elf_image_loads(img, f->load);
	if (f->nloads < 0)
		return f->nloads;
	for (int i = 0; i < f->nloads; i++)
		if (f->off >= f->load[i].off && f->off - f->load[i].off < f->load[i].len)
			f->addr = f->off - f->load[i].off + f->load[i].addr;
	err = read_at(f, f->off, head, sizeof(head));
	if (err)
		return err;
	memcpy(&f->n, head + 8, sizeof(f->n));
	if (f->addr == 0 || memcmp(head, FORMS, 4) != 0 || f->n > (len - HEAD) / ENTRY)
		return -EBADMSG;
	return 0;
}

/* Entry i: the beginning of its code, and where its description is. */
static int entry(const struct frames *f, uint32_t i, uint64_t *ret_code, uint64_t *ret_what)
{
	int32_t e[2];
	int err = read_at(f, f->off + HEAD + (uint64_t)i * ENTRY, e, sizeof(e));

	if (err)
		return err;
	*ret_code = f->addr + (uint64_t)(int64_t)e[0];
	*ret_what = f->addr + (uint64_t)(int64_t)e[1];
	return 0;
}

/* The description: its length, its common part, the beginning (from where that stands), the size. */
static int describe(const struct frames *f, uint64_t at, uint64_t code, struct elf_frame *ret)
{
	uint32_t d[4];
	uint64_t off;
	int err = file_offset(f, at, &off);

	if (!err)
		err = read_at(f, off, d, sizeof(d));
	if (err)
		return err;
	if (d[0] == UINT32_MAX || d[1] == 0 || at + 8 + (uint64_t)(int64_t)(int32_t)d[2] != code || d[3] > CODE_MAX)
		return -EBADMSG;
	*ret = (struct elf_frame){ code, d[3] };
	return 0;
}

int elf_frame_at(struct elf_image *img, uint64_t addr, struct elf_frame *ret)
{
	struct frames f = { 0 };
	uint64_t code = 0, what = 0;
	struct elf_frame found;
	uint32_t from = 0, to;
	int err = open_frames(&f, img);

	/* The last entry that begins at addr or before is below `to`. */
	for (to = f.n; !err && from < to;) {
		uint32_t mid = from + (to - from) / 2;

		err = entry(&f, mid, &code, &what);
		if (code <= addr)
			from = mid + 1;
		else
			to = mid;
	}
	if (!err && from == 0)
		err = -ENOENT;
	if (!err)
		err = entry(&f, from - 1, &code, &what);
	if (!err)
		err = describe(&f, what, code, &found);
	if (!err && addr - found.addr >= found.size)
		err = -ENOENT;
	if (!err)
		*ret = found;
	return err;
}
