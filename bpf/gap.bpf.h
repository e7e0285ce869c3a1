/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* gap.bpf.h - what user space has still to be told of: bytes that moved without a record, and records of a
 * connection's life that a full ring refused.
 *
 * Such bytes are added up per connection and stream as one range, all of which is missing, and become
 * EV_DATA records without data before the next record of that connection.  When nothing follows, user space runs
 * ring_tell (gap.bpf.c): it sees in gap_seq that there is something.  So the counters of loss say what the
 * records say, byte for byte, once the reader has come after; EV_LOSS_UNTOLD_BYTES is what they do not.
 *
 * Calls that meet in one range wait for each other for a moment, and give up: counted there.
 */
#ifndef LIMPID_GAP_BPF_H
#define LIMPID_GAP_BPF_H

#include "emit.bpf.h"

#define GAPS_MAX 16384
#define KEPT_MAX 4096

enum gap_why { GAP_RING, GAP_UNSEEN, GAP_BUDGET, GAP_WHYS };

/* A stream of a connection, and what its records say besides. */
#define GAP_AT(dir, tls, sure, tls_lib)                                             \
	((__u64)(__u8)(dir) | (__u64)(__u8)(tls) << 8 | (__u64)(__u8)(sure) << 16 | \
	 (__u64)(__u16)(tls_lib) << 32)
#define GAP_STREAM(at) (((at)&1) | ((at)&0xff00 ? 2 : 0))

struct gap_key {
	__u64 cookie;
	__u32 stream, pad;
};
struct gap {
	__u64 from;	   /* position of the first byte missing */
	__u64 n[GAP_WHYS]; /* how many from there on: the reasons of neighbours are not kept apart */
	__u64 at;
	__u32 busy, pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GAPS_MAX);
	__type(key, struct gap_key);
	__type(value, struct gap);
} gaps __weak SEC(".maps");

/* An EV_OPEN or an EV_CLOSE. */
struct kept_key {
	__u64 cookie;
	__u32 kind, pad;
};
struct kept {
	struct ev_hdr h;
	__u8 rest[sizeof(struct ev_open) - sizeof(struct ev_hdr) + EV_PATH_MAX + 4];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KEPT_MAX);
	__type(key, struct kept_key);
	__type(value, struct kept);
} kept __weak SEC(".maps");

/* All global functions, which the verifier looks at once. */

/* Counts n bytes at off of a stream as missing for enum gap_why, to be told. */
extern int gap_add(__u64 cookie, __u64 at, __u64 off, __u64 n, __u32 why);
/* Tells what is there to tell of a connection.  0: all of it, or there was nothing. */
extern int untold_tell(__u64 cookie);
/* n bytes, below 4 GiB, at off that no user buffer holds: sendfile, splice, MSG_TRUNC. */
extern int hole_send(__u64 cookie, __u64 at, __u64 off, __u64 n, __u64 ts_ns);
/* Makes an empty record that is found in `kept`.  0, or -1: there is no room, which is counted. */
extern int kept_make(__u64 cookie, __u32 kind);
extern int kept_drop(__u64 cookie, __u32 kind);
/* The connection is gone and all was told. */
extern int gap_drop(__u64 cookie);

#endif
