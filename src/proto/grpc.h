/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.h - gRPC and gRPC-Web inside HTTP: what the parts of it share. */
#ifndef LIMPID_PROTO_GRPC_H
#define LIMPID_PROTO_GRPC_H

#include "proto/content.h"

extern const struct content content_grpc;

/* "NOT_FOUND" for "5"; code itself when it is none that has a name. */
const char *grpc_status_name(const char *code);
/* The status that the client's program sees when its stream ends by this HTTP/2 error. */
const char *grpc_status_of_reset(const char *error);
/* grpc-message with %XX undone; NULL: no memory.  A NUL becomes a space. */
const char *grpc_percent_decoded(struct arena *a, const char *s);
/* "1500ms" for "1500m"; s itself when it is no grpc-timeout. */
const char *grpc_timeout_text(struct arena *a, const char *s);
/* The same in nanoseconds; 0: malformed. */
uint64_t grpc_timeout_ns(const char *s);

#endif
