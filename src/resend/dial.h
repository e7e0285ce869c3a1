/* SPDX-License-Identifier: Apache-2.0 */
/* dial.h - one connection to a server, in the clear or inside TLS, until a deadline. */
#ifndef LIMPID_RESEND_DIAL_H
#define LIMPID_RESEND_DIAL_H

#include <sys/types.h>

#include "resend/resend.h"

struct dial;

uint64_t dial_now_ns(void); /* CLOCK_MONOTONIC */
/* 0; negative errno after err was filled. */
int dial_open(struct dial **ret, const struct resend *r, uint64_t deadline_ns, char *err, size_t errlen);
/* All of it; 0, -ETIMEDOUT, or negative errno. */
int dial_send(struct dial *d, struct slice s);
/* Bytes, 0 at the end, -ETIMEDOUT, or negative errno. */
ssize_t dial_recv(struct dial *d, uint8_t *to, size_t n);
/* This end's address and port. */
void dial_local(const struct dial *d, uint8_t ret_addr[16], uint16_t *ret_port);
/* What was agreed on, with strings of the library, or of d; false: in the clear. */
bool dial_tls(const struct dial *d, struct flow_tls *ret);
void dial_close(struct dial *d); /* d may be NULL */

#endif
