/* SPDX-License-Identifier: Apache-2.0 */
/* input.h - the bytes of a file or pipe, uncompressed where they are compressed, through a window of bounded size.
 *
 * gzip (RFC 1952, also several members one after the other), zstd (RFC 8878, windows up to 128 MiB as its command line
 * tool makes them) and xz are told by their first bytes.  A small file can hold a great many bytes: they are never all in memory.
 */
#ifndef LIMPID_CAPTURE_INPUT_H
#define LIMPID_CAPTURE_INPUT_H

#include "base/bytes.h"

#define INPUT_MAX (1u << 20) /* bytes that can be asked for at once */

struct input;

/* Takes over fd when it succeeds.  0; -ENOMEM; -EPROTONOSUPPORT: compressed in a way that is not supported; or the errno of read. */
int input_open(struct input **ret, int fd);
/* "gzip", "zstd", "xz", or NULL: not compressed. */
const char *input_coding(const struct input *in);
/* Waits until n <= INPUT_MAX unread bytes are there, or all there are.  0; -ENOMSG: the compressed data is cut off here; -EBADMSG:
 * it is damaged here; -ENOMEM; or the errno of read.  What came before an error can be taken. */
int input_need(struct input *in, size_t n);
/* The unread bytes that are there, until the next input_need. */
struct slice input_unread(const struct input *in);
void input_take(struct input *in, size_t n);	   /* n <= input_unread(in).n */
uint64_t input_offset(const struct input *in);	   /* of the first unread byte, uncompressed */
uint64_t input_file_bytes(const struct input *in); /* read of the file so far */
void input_close(struct input *in);
void input_leave(struct input *in); /* the same, but that fd is the caller's again */

#endif
