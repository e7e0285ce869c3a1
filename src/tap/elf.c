/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/elf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SEGMENTS 64	  /* executable PT_LOADs; real files have one or two */
#define MAX_HEADERS  4096 /* sections, program headers */
/* A bound on what one section may make us read: the .symtab of the largest browsers is 60 MB. */
#define MAX_SECTION (256UL << 20)

#if defined(__x86_64__)
#define MACHINE	       EM_X86_64
#define R_JUMP_SLOT    R_X86_64_JUMP_SLOT
#define R_GLOBAL_DATUM R_X86_64_GLOB_DAT
#define R_RELATIVE     R_X86_64_RELATIVE
#elif defined(__aarch64__)
#define MACHINE	       EM_AARCH64
#define R_JUMP_SLOT    R_AARCH64_JUMP_SLOT
#define R_GLOBAL_DATUM R_AARCH64_GLOB_DAT
#define R_RELATIVE     R_AARCH64_RELATIVE
#else
#error "unknown machine: add its ELF number and relocations"
#endif

struct segment {
	uint64_t addr, off, len; /* bytes that the file has */
};
struct elf_image {
	Elf *elf;
	int fd;
	uint64_t file_size;
	struct segment seg[MAX_SEGMENTS];
	size_t nsegs;
};

static int read_segments(struct elf_image *img)
{
	size_t n;

	if (elf_getphdrnum(img->elf, &n) != 0 || n > MAX_HEADERS)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(img->elf, (int)i, &ph))
			return -EBADMSG;
		if (ph.p_type != PT_LOAD || !(ph.p_flags & PF_X))
			continue;
		if (ph.p_offset > img->file_size || ph.p_filesz > img->file_size - ph.p_offset ||
		    ph.p_vaddr + ph.p_filesz < ph.p_vaddr || img->nsegs == MAX_SEGMENTS)
			return -EBADMSG;
		img->seg[img->nsegs++] = (struct segment){ ph.p_vaddr, ph.p_offset, ph.p_filesz };
	}
	return 0;
}

static int check_header(struct elf_image *img)
{
	GElf_Ehdr eh;
	size_t nsections;

	if (elf_kind(img->elf) != ELF_K_ELF || !gelf_getehdr(img->elf, &eh))
		return -ENOEXEC;
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh.e_machine != MACHINE || (eh.e_type != ET_EXEC && eh.e_type != ET_DYN))
		return -ENOEXEC;
	if (elf_getshdrnum(img->elf, &nsections) != 0 || nsections > UINT16_MAX * 2UL)
		return -EBADMSG;
	return read_segments(img);
}

int elf_image_open(struct elf_image **ret, int fd)
{
	struct elf_image *img;
	struct stat st;
	int err;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOTSUP;
	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr))
		return -ENOEXEC;
	img = calloc(1, sizeof(*img));
	if (!img)
		return -ENOMEM;
	img->fd = fd;
	img->file_size = (uint64_t)st.st_size;
	/* ELF_C_READ, not _MMAP: a file that shrinks under a mapping would kill us with SIGBUS. */
	img->elf = elf_begin(fd, ELF_C_READ, NULL);
	err = img->elf ? check_header(img) : -EIO;
	if (err) {
		elf_image_close(img);
		return err;
	}
	*ret = img;
	return 0;
}

void elf_image_close(struct elf_image *img)
{
	if (!img)
		return;
	elf_end(img->elf);
	free(img);
}

/* The next section of a type after scn, its header, and its content when it may be read at all. */
static Elf_Scn *next_section(struct elf_image *img, Elf_Scn *scn, uint32_t type, GElf_Shdr *sh)
{
	while ((scn = elf_nextscn(img->elf, scn)))
		if (gelf_getshdr(scn, sh) && sh->sh_type == type)
			return scn;
	return NULL;
}

static Elf_Data *section_data(struct elf_image *img, Elf_Scn *scn, const GElf_Shdr *sh)
{
	if (sh->sh_size > MAX_SECTION || sh->sh_offset > img->file_size ||
	    sh->sh_size > img->file_size - sh->sh_offset)
		return NULL;
	return elf_getdata(scn, NULL);
}

static Elf_Scn *section_named(struct elf_image *img, const char *name, GElf_Shdr *sh)
{
	size_t strings;

	if (elf_getshdrstrndx(img->elf, &strings) != 0)
		return NULL;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(img->elf, scn));) {
		const char *s =
			gelf_getshdr(scn, sh) ? elf_strptr(img->elf, strings, sh->sh_name) : NULL;

		if (s && strcmp(s, name) == 0)
			return scn;
	}
	return NULL;
}

static int match_symbol(const char *s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[0] == names[i][0] && strcmp(s, names[i]) == 0)
			return (int)i;
	return -1;
}

static int symbols_in(struct elf_image *img, uint32_t type, const char *const *names, size_t n,
		      struct elf_sym *out)
{
	GElf_Shdr sh;

	for (Elf_Scn *scn = NULL; (scn = next_section(img, scn, type, &sh));) {
		Elf_Data *d = section_data(img, scn, &sh);

		if (!d || sh.sh_entsize != sizeof(Elf64_Sym))
			return -EBADMSG;
		for (size_t i = 0; i < d->d_size / sizeof(Elf64_Sym); i++) {
			GElf_Sym sym;
			const char *s;
			int at;

			if (!gelf_getsym(d, (int)i, &sym))
				return -EBADMSG;
			if (sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_FUNC ||
			    sym.st_value == 0)
				continue;
			s = elf_strptr(img->elf, sh.sh_link, sym.st_name);
			at = s ? match_symbol(s, names, n) : -1;
			if (at >= 0 && out[at].addr == 0)
				out[at] = (struct elf_sym){ sym.st_value, sym.st_size };
		}
	}
	return 0;
}

int elf_image_symbols(struct elf_image *img, const char *const *names, size_t n,
		      struct elf_sym *ret)
{
	struct elf_sym *out = calloc(n ? n : 1, sizeof(*out));
	int found = 0, err;

	if (!out)
		return -ENOMEM;
	err = symbols_in(img, SHT_DYNSYM, names, n, out);
	for (size_t i = 0; i < n; i++)
		found += out[i].addr != 0;
	/* .symtab holds .dynsym's names too, and is large: only when the small one has none. */
	if (!err && found == 0)
		err = symbols_in(img, SHT_SYMTAB, names, n, out);
	if (!err) {
		found = 0;
		for (size_t i = 0; i < n; i++) {
			ret[i] = out[i];
			found += out[i].addr != 0;
		}
	}
	free(out);
	return err ? err : found;
}

static const struct segment *segment_of(const struct elf_image *img, uint64_t addr)
{
	for (size_t i = 0; i < img->nsegs; i++)
		if (addr >= img->seg[i].addr && addr - img->seg[i].addr < img->seg[i].len)
			return &img->seg[i];
	return NULL;
}

int elf_image_offset(const struct elf_image *img, uint64_t addr, uint64_t *ret_off)
{
	const struct segment *s = segment_of(img, addr);

	if (!s)
		return -ERANGE;
	*ret_off = addr - s->addr + s->off;
	return 0;
}

int elf_image_code(const struct elf_image *img, uint64_t addr, uint8_t *buf, size_t n)
{
	const struct segment *s = segment_of(img, addr);
	ssize_t got;

	if (!s)
		return -ERANGE;
	if (n > s->len - (addr - s->addr))
		n = (size_t)(s->len - (addr - s->addr));
	got = pread(img->fd, buf, n, (off_t)(addr - s->addr + s->off));
	return got < 0 ? -EIO : (int)got;
}

long elf_image_read(const struct elf_image *img, uint64_t off, void *buf, size_t n)
{
	ssize_t got = off > INT64_MAX ? 0 : pread(img->fd, buf, n, (off_t)off);

	return got < 0 ? -EIO : (long)got;
}

int elf_image_loads(struct elf_image *img, struct elf_load ret[ELF_LOADS_MAX])
{
	size_t n, found = 0;

	if (elf_getphdrnum(img->elf, &n) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < n && found < ELF_LOADS_MAX; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(img->elf, (int)i, &ph))
			return -EBADMSG;
		if (ph.p_type != PT_LOAD)
			continue;
		if (ph.p_offset > img->file_size || ph.p_filesz > img->file_size - ph.p_offset ||
		    ph.p_vaddr + ph.p_filesz < ph.p_vaddr)
			return -EBADMSG;
		ret[found++] = (struct elf_load){ ph.p_vaddr, ph.p_offset, ph.p_filesz,
						  (ph.p_flags & PF_X) != 0, (ph.p_flags & PF_W) != 0 };
	}
	return (int)found;
}

int elf_image_section(struct elf_image *img, const char *name, uint64_t *ret_off, uint64_t *ret_len)
{
	GElf_Shdr sh;

	if (!section_named(img, name, &sh) || sh.sh_type == SHT_NOBITS || sh.sh_offset > img->file_size ||
	    sh.sh_size > img->file_size - sh.sh_offset)
		return -ENOENT;
	*ret_off = sh.sh_offset;
	*ret_len = sh.sh_size;
	return 0;
}

int elf_image_relocate(struct elf_image *img, uint64_t addr, uint64_t *words, size_t n)
{
	GElf_Shdr sh;

	for (Elf_Scn *scn = NULL; (scn = next_section(img, scn, SHT_RELA, &sh));) {
		Elf_Data *d = section_data(img, scn, &sh);

		if (!d)
			return -EBADMSG;
		for (size_t i = 0; i < d->d_size / sizeof(Elf64_Rela); i++) {
			const Elf64_Rela *r = (const Elf64_Rela *)d->d_buf + i;
			uint64_t at = r->r_offset - addr;

			if (ELF64_R_TYPE(r->r_info) == R_RELATIVE && at % sizeof(*words) == 0 && at / sizeof(*words) < n)
				words[at / sizeof(*words)] = (uint64_t)r->r_addend;
		}
	}
	return 0;
}

bool elf_image_has_sections(struct elf_image *img)
{
	return elf_nextscn(img->elf, NULL) != NULL;
}

const char *elf_image_got(struct elf_image *img, uint64_t addr)
{
	GElf_Shdr sh, symsh, strsh;

	for (Elf_Scn *scn = NULL; (scn = next_section(img, scn, SHT_RELA, &sh));) {
		Elf_Data *d = section_data(img, scn, &sh), *symd;
		Elf_Scn *syms = elf_getscn(img->elf, sh.sh_link);

		if (!d || !syms || !gelf_getshdr(syms, &symsh) || symsh.sh_type != SHT_DYNSYM)
			continue;
		symd = section_data(img, syms, &symsh);
		if (!symd || !gelf_getshdr(elf_getscn(img->elf, symsh.sh_link), &strsh))
			continue;
		for (size_t i = 0; i < d->d_size / sizeof(Elf64_Rela); i++) {
			GElf_Rela rela;
			GElf_Sym sym;

			if (!gelf_getrela(d, (int)i, &rela) || rela.r_offset != addr ||
			    (GELF_R_TYPE(rela.r_info) != R_JUMP_SLOT &&
			     GELF_R_TYPE(rela.r_info) != R_GLOBAL_DATUM))
				continue;
			if (GELF_R_SYM(rela.r_info) > INT32_MAX ||
			    !gelf_getsym(symd, (int)GELF_R_SYM(rela.r_info), &sym))
				return NULL;
			return elf_strptr(img->elf, symsh.sh_link, sym.st_name);
		}
	}
	return NULL;
}

size_t elf_image_build_id(struct elf_image *img, uint8_t ret[ELF_BUILD_ID_MAX])
{
	GElf_Shdr sh;

	for (Elf_Scn *scn = NULL; (scn = next_section(img, scn, SHT_NOTE, &sh));) {
		Elf_Data *d = section_data(img, scn, &sh);
		size_t pos = 0, next, name, desc;
		GElf_Nhdr nh;

		while (d && (next = gelf_getnote(d, pos, &nh, &name, &desc)) > 0) {
			if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == 4 &&
			    memcmp((char *)d->d_buf + name, "GNU", 4) == 0 &&
			    nh.n_descsz <= ELF_BUILD_ID_MAX) {
				memcpy(ret, (char *)d->d_buf + desc, nh.n_descsz);
				return nh.n_descsz;
			}
			pos = next;
		}
	}
	return 0;
}

/* Copies the version that starts at p, within the n bytes there.  False: it is none, or it may go on
 * beyond them. */
static bool take_version(const char *p, size_t n, char *ret, size_t size)
{
	size_t len = 0, dots = 0;

	while (len < n && (isalnum((unsigned char)p[len]) || p[len] == '.' || p[len] == '-'))
		dots += p[len++] == '.';
	if (len == 0 || len == n || len >= size || !isdigit((unsigned char)p[0]) || dots < (p[len] ? 2 : 1))
		return false;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return true;
}

int elf_image_version(struct elf_image *img, const char *text, char *ret, size_t size)
{
	enum { PIECE = 65536, OVERLAP = 64 };
	size_t text_len = strlen(text);
	int err = -ENOENT;
	GElf_Shdr sh;
	char *buf;

	if (!section_named(img, ".rodata", &sh) || sh.sh_type != SHT_PROGBITS ||
	    sh.sh_offset > img->file_size || sh.sh_size > img->file_size - sh.sh_offset)
		return -ENOENT;
	buf = malloc(PIECE);
	if (!buf)
		return -ENOMEM;
	for (uint64_t off = 0; off < sh.sh_size && err; off += PIECE - OVERLAP) {
		size_t want = sh.sh_size - off < PIECE ? (size_t)(sh.sh_size - off) : PIECE;
		ssize_t got = pread(img->fd, buf, want, (off_t)(sh.sh_offset + off));
		const char *p = buf, *end = buf + (got > 0 ? got : 0);

		while ((p = memmem(p, (size_t)(end - p), text, text_len))) {
			p += text_len;
			if (take_version(p, (size_t)(end - p), ret, size)) {
				err = 0;
				break;
			}
		}
	}
	free(buf);
	return err;
}

/* The first string of the dynamic section with that tag that begins with prefix; borrowed until the image is closed. */
static const char *dynamic_string(struct elf_image *img, int64_t tag, const char *prefix)
{
	GElf_Shdr sh;
	Elf_Scn *scn = next_section(img, NULL, SHT_DYNAMIC, &sh);
	Elf_Data *d = scn ? section_data(img, scn, &sh) : NULL;

	for (size_t i = 0; d && i < d->d_size / sizeof(Elf64_Dyn); i++) {
		const char *name;
		GElf_Dyn dyn;

		if (!gelf_getdyn(d, (int)i, &dyn) || dyn.d_tag != tag)
			continue;
		name = elf_strptr(img->elf, sh.sh_link, dyn.d_un.d_val);
		if (name && strncmp(name, prefix, strlen(prefix)) == 0)
			return name;
	}
	return NULL;
}

static int copy_text(const char *s, char *ret, size_t size)
{
	if (!s || !*s || strlen(s) >= size)
		return -ENOENT;
	memcpy(ret, s, strlen(s) + 1);
	return 0;
}

int elf_image_soname_version(struct elf_image *img, char *ret, size_t size)
{
	const char *name = dynamic_string(img, DT_SONAME, ""), *so = name ? strstr(name, ".so.") : NULL;

	return copy_text(so ? so + 4 : NULL, ret, size);
}

int elf_image_needed(struct elf_image *img, const char *prefix, char *ret, size_t size)
{
	return copy_text(dynamic_string(img, DT_NEEDED, prefix), ret, size);
}
