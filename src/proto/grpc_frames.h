/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_frames.h - gRPC's messages in one body: each behind one byte of flags and four of length.
 *
 * grpc/grpc: doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"; doc/PROTOCOL-WEB.md: a frame with the highest flag has the
 * trailers, and application/grpc-web-text is base64 of all of it, in pieces that may each be padded. */
#ifndef LIMPID_PROTO_GRPC_FRAMES_H
#define LIMPID_PROTO_GRPC_FRAMES_H

#include "proto/proto.h"

struct grpc_frames {
	const struct proto_limits *limits;
	bool web, text;
	bool raw;    /* no frames: all of it is one piece, that grpc_frames_end() makes ready */
	bool broken; /* no frame starts here any more: the rest is only counted */
	bool ready;  /* a frame is complete: grpc_frames_get() before more is taken */
	uint8_t prefix[5];
	unsigned nprefix;
	uint32_t left; /* of the frame's bytes */
	bool hole;     /* bytes of this frame are missing: only those before the hole are kept */
	bool full;
	struct arena *arena; /* of this frame's bytes */
	struct slice kept;
	uint64_t len, counted; /* of this frame; of all that was broken */
	uint32_t quantum;      /* base64: up to four characters */
	unsigned nquantum, npad, nrest;
	uint8_t rest[3]; /* decoded bytes that belong to the next frame */
};

/* One message as it was sent, or (trailers) a block of header lines. */
struct grpc_message {
	struct arena *arena; /* NULL: out of memory, or nothing was kept */
	struct slice data;
	uint64_t len; /* as sent, without the prefix */
	bool compressed, trailers;
	bool partial;	/* data is not all of it */
	unsigned flags; /* enum flow_flag */
};

/* Returns how many bytes it took: all of them, unless ready was set. */
size_t grpc_frames_take(struct grpc_frames *f, struct slice in);
/* n bytes are missing (0: nobody knows how many). */
void grpc_frames_lost(struct grpc_frames *f, uint64_t n);
/* The body ended.  True: in the middle of a frame, or of what is no frames: what there is of it is ready. */
bool grpc_frames_end(struct grpc_frames *f);
/* The frame that is ready; its arena goes to the caller. */
struct grpc_message grpc_frames_get(struct grpc_frames *f);
void grpc_frames_release(struct grpc_frames *f);
/* Is in messages from its first byte to its last, none of them with flags but "compressed"?  For DATA that came at once. */
bool grpc_frames_guess(struct slice in);

#endif
