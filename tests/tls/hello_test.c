/* SPDX-License-Identifier: Apache-2.0 */
/* The hellos come from OpenSSL itself: two ends that talk through memory. */
#include "test.h"

#include "tls/hello.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

struct hellos {
	uint8_t client[4096], server[4096];
	size_t nclient, nserver;
};

static int choose_http(SSL *ssl, const unsigned char **out, unsigned char *outlen,
		       const unsigned char *in, unsigned inlen, void *arg)
{
	(void)ssl;
	(void)arg;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, outlen,
				     (const unsigned char *)"\x08http/1.1", 9, in,
				     inlen) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *server_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_http, NULL);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static SSL *end(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	return ssl;
}

static struct hellos handshake(int max_version)
{
	static const unsigned char offered[] = "\x02h2\x08http/1.1";
	SSL_CTX *cctx = SSL_CTX_new(TLS_client_method()), *sctx = server_ctx();
	SSL *client = end(cctx), *server = end(sctx);
	struct hellos h;

	SSL_set_max_proto_version(client, max_version);
	SSL_set_alpn_protos(client, offered, sizeof(offered) - 1);
	SSL_set_tlsext_host_name(client, "api.shop.example");
	assert_int_equal(SSL_connect(client), -1);
	h.nclient = (size_t)BIO_read(SSL_get_wbio(client), h.client, sizeof(h.client));
	BIO_write(SSL_get_rbio(server), h.client, (int)h.nclient);
	assert_int_equal(SSL_accept(server), -1);
	h.nserver = (size_t)BIO_read(SSL_get_wbio(server), h.server, sizeof(h.server));
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
	return h;
}

static void client_says_name_protocols_and_version(void **state)
{
	struct hellos h = handshake(TLS1_3_VERSION);
	struct tls_hello hello;

	(void)state;
	assert_int_equal(tls_hello_parse((struct slice){ h.client, h.nclient }, &hello), 0);
	assert_false(hello.server);
	assert_string_equal(hello.sni, "api.shop.example");
	assert_string_equal(hello.alpn, "h2,http/1.1");
	assert_true(tls_hello_has_alpn(&hello, "h2"));
	assert_true(tls_hello_has_alpn(&hello, "http/1.1"));
	assert_false(tls_hello_has_alpn(&hello, "http/1"));
	assert_false(tls_hello_has_alpn(&hello, "2"));
	assert_string_equal(tls_version_name(hello.version), "TLS 1.3");
}

static void server_says_what_it_chose(void **state)
{
	struct hellos h = handshake(TLS1_3_VERSION);
	struct tls_hello hello;

	(void)state;
	assert_int_equal(tls_hello_parse((struct slice){ h.server, h.nserver }, &hello), 0);
	assert_true(hello.server);
	assert_string_equal(tls_version_name(hello.version), "TLS 1.3");
	assert_string_equal(hello.alpn, ""); /* encrypted in TLS 1.3 */
	h = handshake(TLS1_2_VERSION);
	assert_int_equal(tls_hello_parse((struct slice){ h.server, h.nserver }, &hello), 0);
	assert_string_equal(tls_version_name(hello.version), "TLS 1.2");
	assert_string_equal(hello.alpn, "http/1.1");
}

static void every_part_of_a_hello_asks_for_more(void **state)
{
	struct hellos h = handshake(TLS1_3_VERSION);
	struct tls_hello hello;

	(void)state;
	for (size_t n = 0; n < h.nclient; n++) {
		struct slice part = guarded((struct slice){ h.client, n });

		assert_int_equal(tls_hello_parse(part, &hello), -EAGAIN);
		guarded_free(part);
	}
}

/* RFC 8446, 5.1: a handshake message may be cut over records. */
static void hello_over_several_records_is_put_together(void **state)
{
	struct hellos h = handshake(TLS1_3_VERSION);
	uint8_t cut[8192];
	struct tls_hello hello;
	size_t n = 0;

	(void)state;
	for (size_t at = 5; at < h.nclient; at += 100) {
		size_t len = h.nclient - at < 100 ? h.nclient - at : 100;

		memcpy(cut + n, "\x16\x03\x01\x00", 4);
		cut[n + 4] = (uint8_t)len;
		memcpy(cut + n + 5, h.client + at, len);
		n += 5 + len;
	}
	assert_int_equal(tls_hello_parse((struct slice){ cut, n }, &hello), 0);
	assert_string_equal(hello.sni, "api.shop.example");
	assert_int_equal(tls_hello_parse((struct slice){ cut, n - 1 }, &hello), -EAGAIN);
	cut[105] = 23; /* application data in the middle */
	assert_int_equal(tls_hello_parse((struct slice){ cut, n }, &hello), -EINVAL);
}

static void other_bytes_are_refused(void **state)
{
	struct tls_hello hello;

	(void)state;
	assert_int_equal(tls_hello_parse(SLICE_LIT("GET / HTTP/1.1\r\n"), &hello), -EINVAL);
	assert_int_equal(tls_hello_parse(SLICE_LIT("\x16\x03\x01\x00\x05\x0b\0\0\0\0"), &hello),
			 -EINVAL);
	assert_int_equal(tls_hello_parse(SLICE_LIT("\x16\x03\x01\x00\x05\x01\0\0\1\0"), &hello),
			 -EINVAL); /* a hello of one byte */
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03\x03\x40\x11")), 0);
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03\x03\x50\x11")), -EINVAL);
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03\x03\x00\x00")), -EINVAL);
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03")), -EAGAIN);
	assert_null(tls_version_name(0x7f1c));
}

static void damaged_hellos_are_harmless(void **state)
{
	struct hellos h = handshake(TLS1_3_VERSION);

	(void)state;
	srand(5);
	for (int i = 0; i < 3000; i++) {
		struct slice in = guarded((struct slice){ h.client, h.nclient });
		uint8_t *p = (uint8_t *)(uintptr_t)in.p;
		struct tls_hello hello;

		for (int k = 0; k < 4; k++)
			p[5 + (size_t)rand() % (in.n - 5)] = (uint8_t)rand();
		if (tls_hello_parse(in, &hello) == 0)
			assert_true(strlen(hello.sni) < sizeof(hello.sni));
		guarded_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_says_name_protocols_and_version),
		cmocka_unit_test(server_says_what_it_chose),
		cmocka_unit_test(every_part_of_a_hello_asks_for_more),
		cmocka_unit_test(hello_over_several_records_is_put_together),
		cmocka_unit_test(other_bytes_are_refused),
		cmocka_unit_test(damaged_hellos_are_harmless),
	};

	return cmocka_run_group_tests_name("hello", tests, NULL, NULL);
}
