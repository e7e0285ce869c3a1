/* SPDX-License-Identifier: Apache-2.0 */
#include "go_image.h"

#include <elf.h>
#include <string.h>

#define RODATA 0x402000
#define DATA   0x403000
#define NFUNC  4
#define RELA   0x3800 /* in the file */
#define NAMES  0x3c00 /* of sections */
#define HEADS  0x3d00

struct maker {
	uint8_t *p;
	const struct go_image_options *o;
	size_t nrela;
};

static void put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* An address, in the file or in a relocation. */
static void put_addr(struct maker *m, size_t off, uint64_t value)
{
	uint8_t *r = m->p + RELA + 24 * m->nrela;

	if (!m->o->relocated) {
		put(m->p + off, value, 8);
		return;
	}
	put(r, 0x400000 + off, 8);
	put(r + 8, R_X86_64_RELATIVE, 8);
	put(r + 16, value, 8);
	m->nrela++;
}

static void put_code(struct maker *m)
{
	static const uint8_t check[] = { 0x49, 0x3b, 0x66, 0x10, 0x76, 0x3a, 0x55, 0x48, 0x89,
					 0xe5, 0x48, 0x83, 0xec, 0x58, 0x48, 0x8d, 0x3d };
	static const uint8_t end[] = { 0xff, 0xd0, 0x48, 0x8b, 0x44, 0x24, 0x20, 0x48, 0x8b,
				       0x5c, 0x24, 0x30, 0x48, 0x83, 0xc4, 0x58, 0x5d, 0xc3 };
	static const uint8_t deferred[] = { 0x49, 0x3b, 0x66, 0x10, 0x76,
					    0x03, 0x55, 0x90, 0x5d, 0xc3 };
	static const size_t at[] = { 0x1040, 0x1100 };

	memset(m->p + 0x1000, 0xcc, 0x200);
	for (size_t i = 0; i < 2; i++) {
		uint8_t *p = m->p + at[i];
		/* lea: of Read, its deferred function; of Write, something else. */
		uint64_t target = i == 0 && !m->o->no_defer ? 0x10c0 : 0x1000;

		memcpy(p, check, sizeof(check));
		if (m->o->old_code)
			p[2] = 0x61; /* another register than that of g */
		put(p + sizeof(check), target - (at[i] + sizeof(check) + 4), 4);
		memcpy(p + 21, end, sizeof(end));
		memcpy(p + 39, end, sizeof(end));
	}
	memcpy(m->p + 0x10c0, deferred, sizeof(deferred));
}

static void put_table(struct maker *m)
{
	static const char names[] =
		"\0main.main\0crypto/tls.(*Conn).Read\0crypto/tls.(*Conn).Read.deferwrap1\0"
		"crypto/tls.(*Conn).Write\0crypto/tls.(*Conn).ReadTimeout\0";
	static const uint32_t name_off[NFUNC] = { 1, 11, 35, 70 };
	static const uint32_t pc[NFUNC + 1] = { 0, 0x40, 0xc0, 0x100, 0x180 };
	static const uint8_t magic[] = { [GO_LAYOUT_1_17] = 0xfa, 0xf0, 0xf1, 0xf1 };
	bool old = m->o->layout == GO_LAYOUT_1_17;
	uint8_t *t = m->p + GO_IMAGE_TABLE;
	uint64_t header[8] = { NFUNC, 1, GO_IMAGE_TEXT, 0x80, 0x180, 0x190, 0x1a0, 0x200 };
	size_t word = old ? 8 : 4, n = 0;

	put(t, 0xffffff00 | magic[m->o->layout], 4);
	t[6] = 1;
	t[7] = 8;
	for (size_t i = 0; i < 8; i++) {
		if (i == 2 && old)
			continue;
		if (i == 2 && m->o->layout == GO_LAYOUT_1_26)
			header[i] = 0;
		if (i == 2 && header[i])
			put_addr(m, GO_IMAGE_TABLE + 8 + 8 * n++, header[i]);
		else
			put(t + 8 + 8 * n++, header[i], 8);
	}
	memcpy(t + 0x80, names, sizeof(names));
	for (size_t i = 0; i <= NFUNC; i++) {
		size_t off = 0x200 + 2 * word * i, what = 0x100 + 0x20 * i;

		if (old)
			put_addr(m, GO_IMAGE_TABLE + off, GO_IMAGE_TEXT + pc[i]);
		else
			put(t + off, pc[i], 4);
		if (i == NFUNC)
			break;
		put(t + off + word, what, word);
		put(t + 0x200 + what + word, name_off[i], 4);
	}
}

static void put_data(struct maker *m)
{
	uint8_t *info = m->p + GO_IMAGE_INFO;
	size_t len = strlen(m->o->version);

	memcpy(info, "\xff Go buildinf:\x08", 15);
	if (m->o->layout == GO_LAYOUT_1_17) { /* the address of a string's address and length */
		put_addr(m, GO_IMAGE_INFO + 16, DATA + 0x40);
		put_addr(m, GO_IMAGE_INFO + 0x40, DATA + 0x60);
		put(info + 0x48, len, 8);
		memcpy(info + 0x60, m->o->version, len);
	} else {
		info[15] = 2;
		info[32] = (uint8_t)len;
		memcpy(info + 33, m->o->version, len);
	}
	put_addr(m, GO_IMAGE_DATA, RODATA);
	put_addr(m, GO_IMAGE_DATA + 8 * 20, GO_IMAGE_TEXT);
	put_addr(m, GO_IMAGE_DATA + 8 * 21, GO_IMAGE_TEXT + 0x180);
}

/* Only .rela.dyn and .go.buildinfo have sections. */
static void put_elf(struct maker *m)
{
	static const uint64_t seg[3][2] = { { 0x1000, PF_R | PF_X },
					    { 0x2000, PF_R },
					    { 0x3000, PF_R | PF_W } };
	Elf64_Ehdr eh = { .e_type = ET_EXEC,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_phoff = 64,
			  .e_ehsize = 64,
			  .e_phentsize = 56,
			  .e_phnum = 3 };
	Elf64_Shdr sh[4] = { { 0 } };

	memcpy(eh.e_ident,
	       "\x7f"
	       "ELF\x02\x01\x01",
	       7);
	for (size_t i = 0; i < 3; i++) {
		Elf64_Phdr ph = { .p_type = PT_LOAD,
				  .p_flags = (uint32_t)seg[i][1],
				  .p_offset = seg[i][0],
				  .p_vaddr = 0x400000 + seg[i][0],
				  .p_filesz = 0x1000,
				  .p_memsz = 0x1000 };

		memcpy(m->p + 64 + 56 * i, &ph, sizeof(ph));
	}
	if (m->o->relocated) {
		eh.e_shoff = HEADS;
		eh.e_shentsize = 64;
		eh.e_shnum = 4;
		eh.e_shstrndx = 3;
		sh[1] = (Elf64_Shdr){ .sh_name = 1,
				      .sh_type = SHT_RELA,
				      .sh_offset = RELA,
				      .sh_size = 24 * m->nrela };
		sh[2] = (Elf64_Shdr){ .sh_name = 11,
				      .sh_type = SHT_PROGBITS,
				      .sh_offset = GO_IMAGE_INFO,
				      .sh_size = 0x60 };
		sh[3] = (Elf64_Shdr){
			.sh_name = 0, .sh_type = SHT_STRTAB, .sh_offset = NAMES, .sh_size = 26
		};
		memcpy(m->p + NAMES, "\0.rela.dyn\0.go.buildinfo\0", 26);
		memcpy(m->p + HEADS, sh, sizeof(sh));
	}
	memcpy(m->p, &eh, sizeof(eh));
}

void go_image_make(uint8_t ret[GO_IMAGE_SIZE], const struct go_image_options *o)
{
	struct maker m = { ret, o, 0 };

	memset(ret, 0, GO_IMAGE_SIZE);
	put_code(&m);
	put_table(&m);
	put_data(&m);
	put_elf(&m);
}
