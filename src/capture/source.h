/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - where events come from: the kernel, a recording.  All to the right of it runs in
 * tests without root. */
#ifndef LIMPID_CAPTURE_SOURCE_H
#define LIMPID_CAPTURE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct source;
typedef void (*event_fn)(void *ctx, const struct ev_hdr *ev); /* ev is borrowed */

struct source_ops {
	const char *name;
	/* Delivers what is there, at most a bounded batch.  Events delivered; 0: none at timeout;
	 * -ENODATA at the end of a recording; -ENOMSG: it is cut off here; -EBADMSG: it is damaged here; or
	 * negative errno. */
	int (*poll)(struct source *s, int timeout_ms, event_fn fn, void *ctx);
	/* Readable when poll would deliver; -1: always.  The live one may say so some milliseconds late: while
	 * events come, poll every 2 ms or so whatever it says. */
	int (*fd)(const struct source *s);
	/* How full the fullest ring is, percent; NULL: it has none.  What is in a ring waits without memory of ours. */
	unsigned (*filled)(const struct source *s);
	/* How large the rings are together; NULL as above.  *ret_most: filled's most so far, as seen when polled. */
	size_t (*room)(const struct source *s, unsigned *ret_most);
	void (*close)(struct source *s);
};
struct input;
struct source {
	const struct source_ops *ops;
	const struct input *input; /* of a file; NULL: live */
	int64_t epoch_ns;	   /* of a file: what to add to its times to get Unix time */
};

/* Over n ring buffer maps, whose descriptors are borrowed until this returns; works after all privileges are gone.
 * Records of one ring come in its order, those of different rings in order of time as far as they are there.
 * 0, -EINVAL (n is 0 or above EV_RINGS_MAX), -ENOMEM, or what the kernel said. */
int source_live_open(struct source **ret, const int *map_fds, unsigned n);
/* A recording made by `limpid record` (docs/recording.md), or a pcap or pcapng file (docs/captures.md), which its first bytes
 * tell; compressed or not; a pipe will do.  Takes over fd when it succeeds: close closes it.
 * 0; -EBADMSG: none of these; -ENOMSG: cut off before anything can be told; -EPROTO: a recording of another version; -EPROTONOSUPPORT: compressed
 * in a way that is not supported; -ENOMEM; or the errno of read.  Polls after an error give the same error. */
int source_file_open(struct source **ret, int fd);

#endif
