/* SPDX-License-Identifier: Apache-2.0 */
/* tls_files.h - the files that were looked at for TLS libraries: what is in each, and the probes on it.
 *
 * A file is looked at once and probed once, however many containers share it.  One file may have two libraries in it: a
 * Go program into which OpenSSL was linked has Go's own besides.
 */
#ifndef LIMPID_TAP_TLS_FILES_H
#define LIMPID_TAP_TLS_FILES_H

#include "tap/bpf.h"
#include "tls/reason.h"

struct tls_files;
struct tls_watch_lib {
	uint16_t lib;	     /* goes into ev_data.tls_lib; counts from 1 */
	uint8_t tls;	     /* goes into ev_data.tls */
	const char *name;    /* "openssl" */
	const char *version; /* "3.0.15" or "" */
	const char *path;    /* where it was first seen, for people */
	const char *how;     /* "ssl_read_internal+0 (push), uretprobe", for doctor */
	bool attached;
	const char *problem; /* one sentence when not attached, else NULL */
	enum tls_reason reason; /* the same as a code */
};
typedef void (*tls_watch_fn)(void *ctx, const struct tls_watch_lib *l);

/* b is borrowed; NULL: files are looked at, nothing is probed.  found is called once per library of a file, attached or not,
 * and again should it have to be given up.  0, negative errno. */
int tls_files_new(struct tls_files **ret, struct tap_bpf *b, tls_watch_fn found, void *ctx);
void tls_files_avoid_returns(struct tls_files *fs); /* as tls_watch_avoid_returns */

/* From now on what is found is kept below dir, and what was found before is taken from there (tls_cache.h).  0, or negative errno
 * of tls_cache_open: then there is no cache. */
int tls_files_cache(struct tls_files *fs, const char *dir);
struct tls_files_counts {
	size_t hits, analysed; /* files told by the cache, and read */
	size_t kept;	       /* entries in the cache */
};
void tls_files_counts(const struct tls_files *fs, struct tls_files_counts *ret);

struct tls_known;
/* The file that path_fd (O_PATH will do, borrowed) is open on and that process pid sees at path; looked at and probed if it is
 * not known yet.  People are told shown.  NULL: nothing could be found out. */
const struct tls_known *tls_files_look(struct tls_files *fs, uint32_t pid, const char *path,
				       const char *shown, int path_fd);
/* Half of the numbers of libraries are there yet: files that nobody uses so far may be probed. */
bool tls_files_have_room(const struct tls_files *fs);
bool tls_known_empty(const struct tls_known *k); /* no TLS library is in it */
/* Numbers of its libraries; fn gets each. */
void tls_known_libs(const struct tls_known *k, void (*fn)(void *ctx, uint32_t pid, uint16_t lib),
		    void *ctx, uint32_t pid);

/* Readable when a probed file was written to: call tls_files_changed, which takes the probes off at once. */
int tls_files_fd(const struct tls_files *fs);
void tls_files_changed(struct tls_files *fs);
/* Gives up libraries to which the kernel side stopped listening, because their calls claim what cannot be. */
void tls_files_check(struct tls_files *fs);
size_t tls_files_attached(const struct tls_files *fs); /* libraries with probes */
void tls_files_free(struct tls_files *fs);	       /* detaches; NULL is fine */

#endif
