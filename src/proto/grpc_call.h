/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_call.h - the state of one call: internal to grpc*.c. */
#ifndef LIMPID_PROTO_GRPC_CALL_H
#define LIMPID_PROTO_GRPC_CALL_H

#include "proto/coding.h"
#include "proto/grpc.h"
#include "proto/grpc_frames.h"
#include "proto/protobuf.h"

#define GRPC_ATTRS    48
#define GRPC_TRAILERS 32
#define GRPC_COPY_MAX (4u << 20) /* of a head, copied */

struct grpc_side {
	bool has_head, json;
	bool streams;  /* its messages are told one by one */
	bool tell;     /* its half, as it is now */
	bool announce; /* its half as that of a stream, before the messages that wait */
	bool whole, cut, failed;
	bool lossy; /* an unknown part of its body is missing */
	unsigned flags;
	struct arena *arena; /* of half, trailers, and the values of attrs */
	struct flow_half half;
	const char *type;   /* full name of its messages' type, or NULL */
	const char *coding; /* grpc-encoding */
	struct grpc_frames frames;
	uint64_t n;		   /* messages */
	struct grpc_message first; /* kept while it is the only one of a side that may not stream */
	struct flow_body first_body;
	struct msg queue[3];
	unsigned nqueue, taken;
	struct flow_attr attrs[GRPC_ATTRS], trailers[GRPC_TRAILERS];
	size_t nattrs, ntrailers;
};

struct grpc_call {
	const struct proto_limits *limits;
	struct grpc_side side[2]; /* by enum side */
	bool known;		  /* the method's descriptor is */
	bool reflects;
	bool over; /* the answer ended: nothing else is told */
	const char *reset_by;
	uint64_t deadline_ns; /* when the client will not wait any longer; 0: not known */
	bool late;	      /* it was reset after that */
};

/* The body of a message of side s: decoded, and as JSON.  What it points to lies in m's arena, but for type and
 * encoding, which lie in s's.  m->flags tell what could not be done. */
struct flow_body grpc_body_of(struct grpc_call *c, struct grpc_side *s, struct grpc_message *m);

/* That side's half as it is now; at its end (whole) with the memory of its head, which is not needed any more. */
void grpc_give_half(struct grpc_call *c, enum side side, bool whole, struct msg *out);
const char *grpc_own(struct arena *a, const char *s); /* a copy; NULL: s or a is, or no memory */

#endif
