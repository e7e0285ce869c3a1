/* SPDX-License-Identifier: Apache-2.0 */
/* go_table.h - what a Go program says of itself: its version, and where its functions are.
 *
 * Both come from tables that the Go runtime needs, which stripping leaves in place.  The file is foreign: all
 * offsets are checked, and what contradicts itself is an ordinary error.
 */
#ifndef LIMPID_TLS_GO_TABLE_H
#define LIMPID_TLS_GO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GO_NAME_MAX 96

struct go_segment { /* what a PT_LOAD maps from the file */
	uint64_t addr, off, len;
	bool exec, write;
};
struct go_file {
	/* Puts n bytes at offset off of the file into buf.  Bytes read, fewer at the end of the file; negative: error. */
	long (*read)(void *ctx, uint64_t off, void *buf, size_t n);
	void *ctx;
	const struct go_segment *seg;
	size_t nsegs;
	/* File offsets of the sections .go.buildinfo and .gopclntab; 0: not known, they are searched for. */
	uint64_t info_off, table_off;
	uint64_t rela_off,
		rela_len; /* the loader's relocations with addends (ELF64); len 0: none */
};
struct go_func {
	char name[GO_NAME_MAX]; /* "crypto/tls.(*Conn).Read" */
	uint64_t addr, size;	/* virtual address; bytes up to the next function */
};

/* The version of Go that built the program: "go1.22.12"; "" when it is where only a running program knows.
 * 0; -ENOENT: not a Go program; -EIO, -ENOMEM. */
int go_version(const struct go_file *f, char *ret, size_t size);
/* The functions whose names begin with prefix and of which want says so, at most max; longer names than GO_NAME_MAX - 1 are
 * left out.
 * How many; -ENOENT: the file has no table of functions; -ENOTSUP: it is of a Go before 1.16, or the code's place in memory
 * is not told; -EBADMSG: the table contradicts itself; -ENOSPC: more than max; -EIO, -ENOMEM. */
int go_functions(const struct go_file *f, const char *prefix, bool (*want)(const char *name),
		 struct go_func *ret, size_t max);

#endif
