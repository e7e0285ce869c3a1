/* SPDX-License-Identifier: Apache-2.0 */
/* tls_file.h - one file with a TLS library in it: its version, and the probes on it. */
#ifndef LIMPID_TAP_TLS_FILE_H
#define LIMPID_TAP_TLS_FILE_H

#include "tap/bpf_tls.h"
#include "tap/elf.h"
#include "tap/go_plan.h"
#include "tls/tls.h"

struct tls_file {	  /* all borrowed */
	uint32_t pid;	  /* a process that has it mapped */
	const char *path; /* as that process sees it */
	int fd;		  /* open on the mapped file itself */
	int attach_fd;	  /* the same file, or that of the layer below an overlay: where the probes go */
	struct elf_image *img;
	const struct tls_lib *row;
	uint8_t tls;	   /* 1 + number of the row */
	bool nop5;	   /* the kernel optimises probes on five-byte nops */
	bool no_returns;   /* return probes are not safe here */
	struct go_plan go; /* of tls_file_applies, as is: */
	int go_err;
};

/* The row applies to the file: 1, else 0 or negative errno.  Of a Go program, it leaves the plan in c. */
int tls_file_applies(struct tls_file *c);
/* "3.0.19", or less precisely "3", or "". */
void tls_file_version(const struct tls_file *c, char *ret, size_t size);
/* What the kernel side must know to read such a call. */
struct ev_tls_site tls_file_site(const struct tls_call *call, uint16_t lib, uint8_t tls);
/* Chooses the sites, describes them in how ("ssl_read_internal+0 (push), ..."), and attaches the programs
 * unless ret is NULL.  0; -ESTALE: the file was written to meanwhile; or as tls_plan_make,
 * tap_bpf_tls_attach. */
int tls_file_probe(const struct tls_file *c, struct tap_bpf *b, uint16_t lib,
		   struct tap_tls_links **ret, char *how, size_t size);
/* One sentence for people about an error of tls_file_probe; buf is used when it is not a constant. */
const char *tls_file_explain(const struct tls_file *c, int err, char *buf, size_t size);

#endif
