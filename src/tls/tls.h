/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - the table of TLS libraries: what to look for in a file, what to probe, how to find the socket. */
#ifndef LIMPID_TLS_TLS_H
#define LIMPID_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TLS_FD_NSS: as the first; the calls that are not exported are found by tap/nss_table.c. */
enum tls_fd { TLS_FD_NESTED_SYSCALL, TLS_FD_NSS, TLS_FD_ARG, TLS_FD_GO_CONN }; /* how the socket is found */
/* TLS_DIR_NONE moves no plaintext: only its nested system calls matter, because they name the socket.
 * TLS_DIR_HIDE moves none either, and calls functions of the row with bytes that are known by then.  After TLS_DIR_FORGET
 * the connection object is another connection's, or none: its socket is not the one that is remembered.  TLS_DIR_END: it sends no
 * more plaintext. */
enum tls_dir { TLS_DIR_READ, TLS_DIR_WRITE, TLS_DIR_NONE, TLS_DIR_HIDE, TLS_DIR_FORGET, TLS_DIR_END };
/* How a call says how many bytes it moved. */
enum tls_len {
	TLS_LEN_RETURN, /* the return value, when positive */
	TLS_LEN_POINTER, /* *arg when the return value is 1: SSL_read_ex, SSL_write_ex */
	TLS_LEN_INTERNAL, /* the same; unlike there, 0 says that the peer's plaintext has ended */
	/* As that.  Probed even when it leads to another probed call, for the system calls that it makes around that. */
	TLS_LEN_AROUND,
	TLS_LEN_SIZE,	 /* as the first, with a size_t as the buffer's size: mbedTLS */
	TLS_LEN_LONG,	 /* and an ssize_t as the return value: GnuTLS */
	TLS_LEN_RESUMED, /* as that; without a buffer it resumes the call that the socket refused, and returns its bytes */
	TLS_LEN_FLAGS,	 /* as the first; argument 3 are flags: with MSG_PEEK's bit in them the bytes stay there (NSPR) */
	TLS_LEN_PACKET,	 /* an ssize_t; buf_arg is where a pointer to GnuTLS's packet is put */
};
struct tls_call {
	const char *symbol;
	enum tls_dir dir;
	enum tls_len len;
	uint8_t buf_arg, num_arg; /* argument numbers from 0: (ssl, buf, num, ...) */
	uint8_t len_arg;	  /* of the pointer, where tls_len_points */
};
static inline bool tls_len_points(enum tls_len len) /* len_arg has a meaning */
{
	return len == TLS_LEN_POINTER || len == TLS_LEN_INTERNAL || len == TLS_LEN_AROUND;
}
struct tls_lib {
	const char *name; /* "openssl": shows in every flow, in doctor and in the docs */
	enum tls_fd fd;
	/* NULL for TLS_FD_GO_CONN, as all below.  Exported functions; the first must be there for the row to apply, others may be missing.  End with a
	 * NULL symbol. */
	const struct tls_call *calls;
	/* Cheaper functions that those lead to, at most one for each direction, or NULL.  They are found by
	 * following the calls, so the symbol is only a name for people, and len_arg is what the file says. */
	const struct tls_call *internals;
	/* Functions that look like a read and consume nothing (SSL_peek): what they lead to is not probed.
	 * Ends with NULL; may be NULL itself. */
	const char *const *peeks;
	/* Text that precedes the version in the library's data, "OpenSSL ", or in that of its companion, a library in the same
	 * directory that it needs: how its name begins, "libcrypto". */
	const char *version_text, *companion;
	/* Functions (object, out, size), which copies out the random of the ClientHello, and (object), which is 1 on the
	 * server's side: how sockets are found of programs that move the ciphertext themselves.  NULL: they are not. */
	const char *random, *side;
	/* (bio, bytes, length): what the library calls to pass ciphertext on; probed for a while in such programs (tap/late.c). */
	const char *bio_write;
};
extern const struct tls_lib tls_table[]; /* ends with a NULL name */
size_t tls_table_rows(void);

#endif
