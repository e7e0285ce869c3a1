/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - the small encodings and tables of gRPC: timeouts, messages, statuses.  Pure functions.
 *
 * Source: the gRPC over HTTP/2 specification (PROTOCOL-HTTP2) and "HTTP to gRPC Status Code Mapping".
 */
#ifndef LIMPID_RPC_TEXT_H
#define LIMPID_RPC_TEXT_H

#include "rpc/grpc.h"

/* grpc-timeout: up to 8 digits and one of H M S m u n.  0, -EINVAL. */
int grpc_timeout_parse(struct slice s, uint64_t *ret_ns);
/* The shortest unit that needs no more than 8 digits; rounded up.  ret holds at least 10 bytes. */
void grpc_timeout_format(uint64_t ns, char ret[12]);
/* grpc-message: percent-encoding of everything but 0x20-0x7e without '%'. */
void grpc_text_encode(struct buf *out, const char *text);
/* Lenient, as the specification asks: a broken escape stays as it is.  Cut to n - 1 bytes. */
void grpc_text_decode(struct slice in, char *ret, size_t n);
/* "application/grpc", or that with "+..." or ";...". */
bool grpc_content_type_ok(struct slice s);
/* grpc-status: a decimal number; what is not one, or unknown, is GRPC_UNKNOWN. */
enum grpc_status grpc_status_parse(struct slice s);
/* Of an answer without grpc-status, from :status. */
enum grpc_status grpc_status_from_http(int status);
/* Of a stream that was reset, from the HTTP/2 error code (RFC 9113, 7). */
enum grpc_status grpc_status_from_h2(uint32_t code);
/* One sentence for a status that came without a text. */
const char *grpc_status_text(enum grpc_status st);

#endif
