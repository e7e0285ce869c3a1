/* SPDX-License-Identifier: Apache-2.0 */
/* tls_priv.h - between the records (tls.c) and the messages in them (tls_hello.c). */
#ifndef LIMPID_PROTO_TLS_PRIV_H
#define LIMPID_PROTO_TLS_PRIV_H

#include "proto/tls.h"

enum tls_message {
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_CERTIFICATE = 11,
	TLS_SERVER_KEY_EXCHANGE = 12,
	TLS_SERVER_HELLO_DONE = 14,
};

/* How many bytes of such a message are worth keeping; 0: none. */
size_t tls_message_wants(uint8_t type);
/* body may be cut.  Returns false for a hello that is none. */
bool tls_message_read(uint8_t type, struct slice body, struct tls_facts *f);

#endif
