/* SPDX-License-Identifier: Apache-2.0 */
/* elf.h - what probing needs to know of an ELF file: symbols, code, PLT targets, version.
 *
 * The file may be hostile (a container's) and may change while it is read: nothing is mapped, every
 * offset is checked, and all errors are ordinary.
 */
#ifndef LIMPID_TAP_ELF_H
#define LIMPID_TAP_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILD_ID_MAX 32

struct elf_image;
struct elf_sym {
	uint64_t addr, size; /* virtual address; 0: not defined here */
};

/* fd is borrowed until elf_image_close.  0; -ENOEXEC: not an ELF executable or library for this
 * machine (a script, another architecture); -EBADMSG: its headers contradict themselves or point
 * outside the file; -EIO; -ENOMEM. */
int elf_image_open(struct elf_image **ret, int fd);
/* Looks the n names up in .dynsym, then in .symtab; ret[i] belongs to names[i].  How many functions
 * were found, or -EBADMSG: a symbol table is damaged.  On failure ret is untouched. */
int elf_image_symbols(struct elf_image *img, const char *const *names, size_t n,
		      struct elf_sym *ret);
/* Where in the file the instruction at addr is: through PT_LOAD, executable segments only.
 * 0, or -ERANGE: nothing executable of the file is there. */
int elf_image_offset(const struct elf_image *img, uint64_t addr, uint64_t *ret_off);
/* Reads at most n bytes of code at addr, fewer at the end of the segment.  Bytes read, -ERANGE as
 * above, -EIO. */
int elf_image_code(const struct elf_image *img, uint64_t addr, uint8_t *buf, size_t n);
/* The name of the function whose address the loader writes to the GOT slot at addr; borrowed until
 * the image is closed.  NULL: none. */
const char *elf_image_got(struct elf_image *img, uint64_t addr);
/* Bytes of the build-id put into ret; 0: none. */
size_t elf_image_build_id(struct elf_image *img, uint8_t ret[ELF_BUILD_ID_MAX]);
/* The first version with at least two dots, or one when nothing follows it, that stands behind text in .rodata: "OpenSSL " gives "3.0.19".
 * 0, -ENOENT. */
int elf_image_version(struct elf_image *img, const char *text, char *ret, size_t size);
/* The same from the name under which others link to it: "libssl.so.3" gives "3".  0, -ENOENT. */
int elf_image_soname_version(struct elf_image *img, char *ret, size_t size);
/* The name of a library that the file asks to be loaded with it and that begins with prefix.  0, -ENOENT. */
int elf_image_needed(struct elf_image *img, const char *prefix, char *ret, size_t size);
/* Reads at most n bytes at offset off of the file.  Bytes read, fewer at its end, or -EIO. */
long elf_image_read(const struct elf_image *img, uint64_t off, void *buf, size_t n);
#define ELF_LOADS_MAX 32
struct elf_load { /* what a PT_LOAD maps from the file */
	uint64_t addr, off, len;
	bool exec, write;
};
/* The segments that are loaded, at most ELF_LOADS_MAX of them.  How many, or -EBADMSG. */
int elf_image_loads(struct elf_image *img, struct elf_load ret[ELF_LOADS_MAX]);
/* Where in the file a section is.  0, -ENOENT: there is none with that name, or it has no bytes in the file. */
int elf_image_section(struct elf_image *img, const char *name, uint64_t *ret_off, uint64_t *ret_len);
/* n words that stand at addr: puts what the loader makes of them, for a file that is loaded at address 0.  0, -EBADMSG. */
int elf_image_relocate(struct elf_image *img, uint64_t addr, uint64_t *words, size_t n);
bool elf_image_has_sections(struct elf_image *img); /* false: their table was stripped off */
void elf_image_close(struct elf_image *img); /* NULL is fine */

#endif
