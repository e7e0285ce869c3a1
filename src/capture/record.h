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

#define RECORD_ID_LEN	  72 /* a container's id, NUL-terminated */

/* Besides the kernel's events: what decode was told of names meanwhile (h.ts_ns: when), so that a replay names
 * both ends as the live run did.  Strings end with NUL; h.cookie is 0. */
enum record_kind {
	RECORD_CGROUP = 64,
	RECORD_CONTAINER = 65,
	RECORD_TLS_LIB = 66,
};
struct record_cgroup {
	struct ev_hdr h;
	uint64_t cgroup_id;
	char id[RECORD_ID_LEN]; /* of its container; "": of none */
};
struct record_container {
	struct ev_hdr h;
	uint64_t cgroup_id;
	char id[RECORD_ID_LEN], name[128], image[256], project[64], service[64], state[16];
	uint8_t addrs[8][16];
	uint8_t naddrs, gone, pad[6];
	char pod[128], namespace[64]; /* not in recordings of older versions, whose h.size says so */
};
struct record_tls_lib {
	struct ev_hdr h;
	uint16_t lib; /* as ev_data.tls_lib */
	uint8_t tls;  /* as ev_data.tls */
	uint8_t pad[5];
	char name[16], version[32];
};

struct recorder;

/* Writes the head of a recording to fd, which stays the caller's; a file that is not at its beginning is gone on
 * with.  epoch_ns: Unix time minus
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
/* The two kinds of source_file_open; in is taken over when they succeed.  As that one. */
int source_recording_open(struct source **ret, struct input *in);
int source_pcap_open(struct source **ret, struct input *in);
/* Where in the (uncompressed) file the next event or packet begins, or the one that cannot be read. */
uint64_t source_file_offset(const struct source *s);

#endif
