/* SPDX-License-Identifier: Apache-2.0 */
/* mysql_zip.h - the compressed MySQL protocol: frames of 7 bytes of header around a stream of packets, each frame
 * compressed by itself with zlib or zstd, or as it is.
 *
 * Plain bytes come out in pieces of MY_ZIP_PIECE, whatever a frame claims, and never more than it claims.
 */
#ifndef LIMPID_PROTO_MYSQL_ZIP_H
#define LIMPID_PROTO_MYSQL_ZIP_H

#include "base/bytes.h"

#define MY_ZIP_PIECE 16384
#define MY_ZIP_HEAD  7

struct my_zip;

enum my_zip_take {
	MY_ZIP_MORE, /* no plain bytes yet */
	MY_ZIP_DATA, /* *ret: of the input; the caller says with my_zip_used how many it took, and takes them from the
		      * input, too */
	MY_ZIP_OWN, /* *ret: unpacked; my_zip_used likewise */
	MY_ZIP_BAD,
	MY_ZIP_NOMEM,
};

struct my_zip *my_zip_new(void);    /* NULL: out of memory */
void my_zip_free(struct my_zip *z); /* z may be NULL */
enum my_zip_take my_zip_take(struct my_zip *z, struct slice in, size_t *ret_used,
			     struct slice *ret);
void my_zip_used(struct my_zip *z, size_t n);
bool my_zip_waits(
	const struct my_zip *z); /* it has plain bytes, or may have, that need no more input */
/* Forgets the frame at hand: the next byte begins one. */
void my_zip_restart(struct my_zip *z);
/* Frames are passed over until one that begins a message of its side: with number seq. */
void my_zip_search(struct my_zip *z, uint8_t seq);
/* A frame begins that my_zip_search looked for: once. */
bool my_zip_found(struct my_zip *z);
size_t my_zip_held(const struct my_zip *z);
/* The beginning of s can be nothing else than the frame of a client's command. */
bool my_zip_likely(struct slice s);
/* No more is here than begins such a frame: nothing else has a zero there. */
bool my_zip_maybe(struct slice s);
/* The first place >= from where a frame with number seq may begin; or s.n. */
size_t my_zip_next(struct slice s, size_t from, uint8_t seq);

#endif
