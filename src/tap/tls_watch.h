/* SPDX-License-Identifier: Apache-2.0 */
/* tls_watch.h - finds TLS libraries in what processes map, and puts probes on them.
 *
 * A file is analysed once and attached once, however many containers share it: it is known by inode,
 * size and build-id, never by path.
 */
#ifndef LIMPID_TAP_TLS_WATCH_H
#define LIMPID_TAP_TLS_WATCH_H

#include "tap/tls_files.h"

struct tls_watch;
/* As tls_files_new. */
int tls_watch_new(struct tls_watch **ret, struct tap_bpf *b, tls_watch_fn found, void *ctx);
/* fn is called for each process that maps a file with a library in it, also repeatedly. */
void tls_watch_on_use(struct tls_watch *w, void (*fn)(void *ctx, uint32_t pid, uint16_t lib), void *ctx);
/* From now on no return probe is used: what happens by itself where they are not safe.  For tests. */
void tls_watch_avoid_returns(struct tls_watch *w);
/* A file that nobody uses yet, as images_fn has it. */
void tls_watch_file(struct tls_watch *w, uint32_t pid, const char *path, const char *shown, int fd);
/* As tls_files_check; to be called each second. */
void tls_watch_check(struct tls_watch *w);
/* As tls_files_cache, tls_files_counts. */
int tls_watch_cache(struct tls_watch *w, const char *dir);
void tls_watch_counts(const struct tls_watch *w, struct tls_files_counts *ret);
/* EV_EXEC, EV_MAP, EV_EXIT as they come. */
void tls_watch_task(struct tls_watch *w, const struct ev_task *ev);
/* Readable when an attached file was written to: call tls_watch_changed, which takes the probes off at once. */
int tls_watch_fd(const struct tls_watch *w);
void tls_watch_changed(struct tls_watch *w);
/* Looks at the files one process maps.  Files newly attached, or negative errno. */
int tls_watch_pid(struct tls_watch *w, uint32_t pid);
/* Looks at every process there is (the start, and a slow rescan). */
int tls_watch_scan(struct tls_watch *w);
size_t tls_watch_count(const struct tls_watch *w);
void tls_watch_free(struct tls_watch *w); /* detaches */

#endif
