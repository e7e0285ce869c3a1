/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h - what peer.c needs of a TLS library, each in a file of its own. */
#ifndef LIMPID_TEST_OTHERS_PEER_H
#define LIMPID_TEST_OTHERS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WANT_READ = -1, WANT_WRITE = -2, FAILED = -3 }; /* of handshake, send, receive; 0: the end */

struct library {
	const char *name;
	void (*load)(bool server, const char *cert, const char *key); /* dies when it cannot */
	void *(*new)(int fd);
	int (*handshake)(void *s); /* 1: done */
	/* At most n bytes: how many, or one of the above. */
	long (*send)(void *s, const void *p, size_t n);
	long (*receive)(void *s, void *p, size_t n);
	void (*end)(void *s);
};
extern const struct library gnutls_library, mbedtls_library, wolfssl_library, nss_library;

extern bool is_server, is_nonblocking;
bool has_way(const char *way); /* option -m */
_Noreturn void die(const char *what);
void *library_zeroed(size_t n); /* never NULL */
void *library_open(const char *name); /* by option -l, else of the loader's choice */
void *library_open_other(const char *name); /* one that goes with it */
void *library_function(void *lib, const char *name); /* dies when there is none */
void *library_function_if(void *lib, const char *name); /* NULL */

/* A whole message, which ends by itself. */
struct sha256 {
	uint32_t h[8];
	uint64_t n;
	uint8_t block[64];
};
void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t n);
void sha256_hex(struct sha256 *s, char hex[65]);

#endif
