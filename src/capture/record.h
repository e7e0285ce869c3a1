/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - recordings: what the kernel side reported, kept in a file (docs/recording.md). */
#ifndef LIMPID_CAPTURE_RECORD_H
#define LIMPID_CAPTURE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/source.h"

#define RECORD_MAGIC	  "LIMPIDRC"
#define RECORD_VERSION	  3
#define RECORD_HEADER_LEN 32
#define RECORD_EVENT_MAX  (sizeof(struct ev_data) + EV_CHUNK_MAX)

struct recorder;

/* Writes the head of a recording to fd, which stays the caller's.  epoch_ns: Unix time minus
 * CLOCK_MONOTONIC.  0; -ENOMEM; or the errno of write. */
int recorder_new(struct recorder **ret, int fd, int64_t epoch_ns);
/* Appends an event, which event_is_sound says is one; buffered.  0; -EINVAL: it is not; or the errno of
 * write, after which the recording is cut off and every call gives that errno. */
int recorder_put(struct recorder *r, const struct ev_hdr *ev);
int recorder_flush(struct recorder *r); /* 0, or the errno of write */
/* Flushes.  An error shows only if recorder_flush was called before. */
void recorder_free(struct recorder *r);

/* Whether the n bytes at ev are one whole event of a known kind that agrees with itself in sizes, lengths and
 * the ends of its strings. */
bool event_is_sound(const struct ev_hdr *ev, size_t n);
/* Unix time minus CLOCK_MONOTONIC on the machine of the recording that s (of source_file_open) reads. */
int64_t source_file_epoch_ns(const struct source *s);

#endif
