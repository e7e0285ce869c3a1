/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

/* OpenSSL 1.1.1 to 3.6: ssl/ssl_lib.c; of them LibreSSL and BoringSSL have what they have.  SSL_write_ex2 exists since 3.3.
 * SSL_write_early_data calls SSL_write_ex, which leaves the bytes in a buffer, and sends them itself.  A BIO of the kind BIO_f_ssl (ssl/bio_ssl.c)
 * calls the internal functions.  SSL_do_handshake is what SSL_connect and
 * SSL_accept call; a server that reads ahead (nginx) may find the first request in the bytes that this call
 * read, and the SSL_read that returns them makes no system call at all. */
static const struct tls_call openssl_calls[] = {
	{ "SSL_read", TLS_DIR_READ, TLS_LEN_RETURN, 1, 2, 0 },
	{ "SSL_write", TLS_DIR_WRITE, TLS_LEN_RETURN, 1, 2, 0 },
	{ "SSL_read_ex", TLS_DIR_READ, TLS_LEN_POINTER, 1, 2, 3 },
	{ "SSL_write_ex", TLS_DIR_WRITE, TLS_LEN_POINTER, 1, 2, 3 },
	{ "SSL_write_ex2", TLS_DIR_WRITE, TLS_LEN_POINTER, 1, 2, 4 },
	{ "SSL_do_handshake", TLS_DIR_NONE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "SSL_write_early_data", TLS_DIR_WRITE, TLS_LEN_AROUND, 1, 2, 3 },
	{ "SSL_read_early_data", TLS_DIR_READ, TLS_LEN_AROUND, 1, 2, 3 },
	{ "SSL_shutdown", TLS_DIR_END, TLS_LEN_RETURN, 0, 0, 0 },
	{ "SSL_free", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ "SSL_clear", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ 0 },
};
static const struct tls_call openssl_internals[] = {
	{ "ssl_read_internal", TLS_DIR_READ, TLS_LEN_INTERNAL, 1, 2, 3 },
	{ "ssl_write_internal", TLS_DIR_WRITE, TLS_LEN_INTERNAL, 1, 2, 3 },
	{ 0 },
};
static const char *const openssl_peeks[] = { "SSL_peek", "SSL_peek_ex", NULL };

/* GnuTLS: lib/record.c, lib/range.c.  A corked send only keeps the bytes; gnutls_record_uncork gives them to gnutls_record_send once
 * more, so its calls must not count.  gnutls_record_send_file reads the file and calls gnutls_record_send2. */
static const struct tls_call gnutls_calls[] = {
	{ "gnutls_record_recv", TLS_DIR_READ, TLS_LEN_LONG, 1, 2, 0 },
	{ "gnutls_record_recv_seq", TLS_DIR_READ, TLS_LEN_LONG, 1, 2, 0 },
	{ "gnutls_record_recv_packet", TLS_DIR_READ, TLS_LEN_PACKET, 1, 1, 0 },
	{ "gnutls_record_recv_early_data", TLS_DIR_READ, TLS_LEN_LONG, 1, 2, 0 },
	{ "gnutls_record_send2", TLS_DIR_WRITE, TLS_LEN_RESUMED, 1, 2, 0 },
	{ "gnutls_record_send", TLS_DIR_WRITE, TLS_LEN_RESUMED, 1, 2, 0 },
	{ "gnutls_record_send_range", TLS_DIR_WRITE, TLS_LEN_LONG, 1, 2, 0 },
	{ "gnutls_record_uncork", TLS_DIR_HIDE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "gnutls_handshake", TLS_DIR_NONE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "gnutls_bye", TLS_DIR_END, TLS_LEN_RETURN, 0, 0, 0 },
	{ "gnutls_deinit", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ 0 },
};

/* mbedTLS 2.16 to 3.6: library/ssl_msg.c. */
static const struct tls_call mbedtls_calls[] = {
	{ "mbedtls_ssl_read", TLS_DIR_READ, TLS_LEN_SIZE, 1, 2, 0 },
	{ "mbedtls_ssl_write", TLS_DIR_WRITE, TLS_LEN_SIZE, 1, 2, 0 },
	{ "mbedtls_ssl_handshake", TLS_DIR_NONE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "mbedtls_ssl_close_notify", TLS_DIR_END, TLS_LEN_RETURN, 0, 0, 0 },
	{ "mbedtls_ssl_session_reset", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ "mbedtls_ssl_free", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ 0 },
};

/* wolfSSL: src/ssl.c, src/tls13.c.  wolfSSL_writev calls wolfSSL_write; wolfSSL_peek goes to a function below wolfSSL_read. */
static const struct tls_call wolfssl_calls[] = {
	{ "wolfSSL_read", TLS_DIR_READ, TLS_LEN_RETURN, 1, 2, 0 },
	{ "wolfSSL_recv", TLS_DIR_READ, TLS_LEN_RETURN, 1, 2, 0 },
	{ "wolfSSL_write", TLS_DIR_WRITE, TLS_LEN_RETURN, 1, 2, 0 },
	{ "wolfSSL_send", TLS_DIR_WRITE, TLS_LEN_RETURN, 1, 2, 0 },
	{ "wolfSSL_connect", TLS_DIR_NONE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "wolfSSL_accept", TLS_DIR_NONE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "wolfSSL_connect_TLSv13", TLS_DIR_NONE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "wolfSSL_accept_TLSv13", TLS_DIR_NONE, TLS_LEN_RETURN, 0, 0, 0 },
	{ "wolfSSL_shutdown", TLS_DIR_END, TLS_LEN_RETURN, 0, 0, 0 },
	{ "wolfSSL_clear", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ "wolfSSL_free", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ 0 },
};

/* NSS: lib/ssl/sslsecur.c.  PR_Read, PR_Recv, PR_Write, PR_Send, PR_Writev and PR_TransmitFile of a descriptor with TLS come to these. */
static const struct tls_call nss_calls[] = {
	{ "ssl_SecureRecv", TLS_DIR_READ, TLS_LEN_FLAGS, 1, 2, 0 },
	{ "ssl_SecureSend", TLS_DIR_WRITE, TLS_LEN_RETURN, 1, 2, 0 },
	{ "ssl_SecureRead", TLS_DIR_READ, TLS_LEN_FLAGS, 1, 2, 0 },
	{ "ssl_SecureWrite", TLS_DIR_WRITE, TLS_LEN_RETURN, 1, 2, 0 },
	{ "ssl_SecureClose", TLS_DIR_FORGET, TLS_LEN_RETURN, 0, 0, 0 },
	{ 0 },
};

const struct tls_lib tls_table[] = {
	{ "openssl", TLS_FD_NESTED_SYSCALL, openssl_calls, openssl_internals, openssl_peeks,
	  "OpenSSL ", "libcrypto", "SSL_get_client_random", "SSL_is_server",
	  "BIO_write" },
	/* Functions of the executable itself, found by tap/go_plan.c in the runtime's own table. */
	{ "go", TLS_FD_GO_CONN, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
	{ .name = "gnutls", .fd = TLS_FD_NESTED_SYSCALL, .calls = gnutls_calls, .version_text = "GnuTLS " },
	{ .name = "mbedtls", .fd = TLS_FD_NESTED_SYSCALL, .calls = mbedtls_calls, .version_text = "bed TLS " },
	{ .name = "wolfssl", .fd = TLS_FD_NESTED_SYSCALL, .calls = wolfssl_calls, .version_text = "wolfSSL " },
	{ .name = "nss", .fd = TLS_FD_NSS, .calls = nss_calls, .version_text = "Version: NSS " },
	{ 0 },
};

size_t tls_table_rows(void)
{
	return sizeof(tls_table) / sizeof(tls_table[0]) - 1;
}
