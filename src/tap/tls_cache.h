/* SPDX-License-Identifier: Apache-2.0 */
/* tls_cache.h - what the analysis of a file found, kept on disk, so that Limpid's next start need not search it again.
 *
 * The directory belongs to root alone; one that others could write to is not used.  An entry is believed only for the very file
 * that it was made of, in the state in which that was: inode, size, times, build-id.  A build-id alone is what a file
 * says of itself, and a container may say anything: by an entry made of its file, probes would be put into the middle of
 * instructions of the file whose build-id it borrowed.  Files of an image are one inode for all its containers.
 * An entry that is damaged, or of another build of Limpid, is not there.  And the bytes at each site are compared before a
 * probe goes there, as after an analysis.
 */
#ifndef LIMPID_TAP_TLS_CACHE_H
#define LIMPID_TAP_TLS_CACHE_H

#include "tap/file_id.h"
#include "tap/tls_file.h"

#define TLS_CACHE_DIR	  "/var/cache/limpid"
#define TLS_CACHE_MOST	  2048	/* entries; of more the oldest go */
#define TLS_CACHE_SECONDS 86400 /* an entry that is used is marked as used so often */

struct tls_cache_key {
	struct file_id id;
	uint32_t how; /* anything else that the answer hangs on */
	size_t build_id_len;
	uint8_t build_id[ELF_BUILD_ID_MAX];
};

struct tls_cache;
/* Makes the directory when it is missing.  0; -EPERM: others can write there, or it is not ours; -ENOTSUP: this program has no build-id, by which entries
 * of others would be told; or negative errno. */
int tls_cache_open(struct tls_cache **ret, const char *dir);
/* 0; -ENOENT: none; -EBADMSG: there is one, and it is not to be believed.  ret is untouched then. */
int tls_cache_get(const struct tls_cache *c, const struct tls_cache_key *key,
		  struct tls_answer *ret);
/* 0, or negative errno: then it is analysed again another time. */
int tls_cache_put(struct tls_cache *c, const struct tls_cache_key *key, const struct tls_answer *a);
size_t tls_cache_count(const struct tls_cache *c); /* entries in the directory, about */
void tls_cache_close(struct tls_cache *c);	   /* NULL is fine */

#endif
