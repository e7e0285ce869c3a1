/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h - by what a request says that it belongs together with others.  Pure functions.
 *
 * Of a trace's number the low 64 bits are taken, which all the ways to write it share: W3C Trace Context
 * (traceparent, 3.2.2), B3 (b3, x-b3-traceid: 64 or 128 bits), Jaeger (uber-trace-id), Datadog (x-datadog-trace-id,
 * decimal), Sentry (sentry-trace), Google (x-cloud-trace-context), AWS (x-amzn-trace-id); and traceparent in the
 * comment of a SQL statement, as sqlcommenter writes it.
 */
#ifndef LIMPID_FLOW_TRACE_H
#define LIMPID_FLOW_TRACE_H

#include "flow/flow.h"

/* Names the header that the number was found in ("traceparent"); borrowed.  NULL: there is none. */
const char *trace_source(const struct flow_half *req);
uint64_t trace_id(const struct flow_half *req); /* 0: none */
/* The headers that trace_id and trace_request read; ends with NULL. */
const char *const *trace_headers(void);
/* A number made of x-request-id, x-correlation-id or request-id, which are any text; 0: none.  Equal texts have equal
 * numbers, others hardly ever. */
uint64_t trace_request(const struct flow_half *req);
/* 32 bits that are 0 only for 0. */
uint32_t trace_fold(uint64_t id);

#endif
