/* SPDX-License-Identifier: Apache-2.0 */
/* tls_file.h - one file with a TLS library in it: its version, and the probes on it. */
#ifndef LIMPID_TAP_TLS_FILE_H
#define LIMPID_TAP_TLS_FILE_H

#include "tap/bpf_tls.h"
#include "tap/elf.h"
#include "tap/go_plan.h"
#include "tap/tls_plan.h"
#include "tls/tls.h"

#define TLS_ANSWER_PARTS 2
#define TLS_VERSION_SIZE 48

struct tls_file {	  /* all borrowed */
	uint32_t pid;	  /* a process that has it mapped */
	const char *path; /* as that process sees it */
	const char *shown; /* the same for people: without what a container does not see */
	int fd;		  /* open on the mapped file itself */
	int attach_fd; /* the same file, or that of the layer below an overlay: where the probes go */
	struct elf_image *img;
	bool nop5;	 /* the kernel optimises probes on five-byte nops */
	bool no_returns; /* return probes are not safe here */
};
/* One TLS library in a file. */
struct tls_answer_part {
	const struct tls_lib *row;
	int err; /* why it cannot be probed, though the row applies; 0: there is a plan */
	union {
		struct tls_plan plan;
		struct go_plan go; /* of a row with TLS_FD_GO_CONN */
	};
	char version[TLS_VERSION_SIZE]; /* "3.0.19", or less precisely "3", or "" */
};
/* What analysis says of a file: nothing that hangs on where the file is or on who uses it. */
struct tls_answer {
	size_t n; /* 0: no TLS library */
	struct tls_answer_part part[TLS_ANSWER_PARTS];
};

/* Which libraries are in the file and where to probe them.  Of the rows that go by symbols the first that applies, because
 * relatives share symbols; and Go's. */
void tls_file_analyse(const struct tls_file *c, struct tls_answer *ret);
/* What the kernel side must know to read such a call. */
struct ev_tls_site tls_file_site(const struct tls_call *call, uint16_t lib, uint8_t tls);
/* "ssl_read_internal+0 (push), ...; return probes; uprobe_multi", or "" without a plan; b may be NULL. */
void tls_file_how(const struct tls_answer_part *p, const struct tap_bpf *b, char *ret, size_t size);
/* Compares the bytes at the sites once more and attaches the programs.  0; -ESTALE: the file was written to meanwhile; or as
 * tap_bpf_tls_attach. */
int tls_file_attach(const struct tls_file *c, struct tap_bpf *b, const struct tls_answer_part *p,
		    uint16_t lib, struct tap_tls_links **ret);
/* One sentence for people about the error of a part, or of tls_file_attach; buf is used when it is not a constant. */
const char *tls_file_explain(const struct tls_answer_part *p, int err, char *buf, size_t size);

#endif
