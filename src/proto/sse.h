/* SPDX-License-Identifier: Apache-2.0 */
/* sse.h - Server-Sent Events, as the content of an HTTP answer. */
#ifndef LIMPID_PROTO_SSE_H
#define LIMPID_PROTO_SSE_H

#include "proto/content.h"

extern const struct content content_sse;

#endif
