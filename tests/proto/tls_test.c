/* SPDX-License-Identifier: Apache-2.0 */
/* The handshakes come from OpenSSL itself: two ends that talk through memory, everything they say written down. */
#include "test.h"

#include "proto/tls.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define MOST 400

struct piece {
	unsigned dir; /* 0: of the client */
	struct slice bytes;
};
struct talk {
	struct piece piece[MOST];
	size_t n;
	struct buf bytes[2]; /* what each direction said */
};

struct plan {
	int version;	    /* the highest for both */
	const char *groups; /* the server's */
	const char *ciphers;
	bool verify, no_alpn_of_server, ech, early;
	SSL_SESSION **session; /* taken up, or filled in */
	SSL_CTX *server;       /* used again, for resumption */
};

static int choose_http(SSL *ssl, const unsigned char **out, unsigned char *outlen,
		       const unsigned char *in, unsigned inlen, void *arg)
{
	(void)ssl;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, outlen,
				     (const unsigned char *)(arg ? "\x03xmp" : "\x08http/1.1"),
				     arg ? 4 : 9, in, inlen) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static X509 *certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *san;

	X509_set_version(cert, 2);
	X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const uint8_t *)"NO", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"Smørbrød AS", -1, -1,
				   0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"shop.example", -1,
				   -1, 0);
	X509_set_issuer_name(cert, name);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), "20260101000000Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "20280229123456Z");
	X509_set_pubkey(cert, key);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
				  "DNS:shop.example,DNS:*.shop.example,IP:10.1.2.3,IP:fd00::7");
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

static SSL_CTX *server_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	X509 *cert = certificate(key);

	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"t", 1);
	SSL_CTX_set_max_early_data(ctx, 1000);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static SSL *end(SSL_CTX *ctx, const struct plan *p)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_min_proto_version(ssl, 0);
	SSL_set_max_proto_version(ssl, p->version);
	SSL_set_security_level(ssl, 0);
	if (p->ciphers)
		assert_int_equal(SSL_set_cipher_list(ssl, p->ciphers), 1);
	return ssl;
}

/* Carries what from wrote to the other end, and writes it down. */
static bool carry(struct talk *t, SSL *from, SSL *to, unsigned dir)
{
	uint8_t buf[32768];
	int n = BIO_read(SSL_get_wbio(from), buf, sizeof(buf));

	if (n <= 0)
		return false;
	assert_true(t->n < MOST);
	buf_put(&t->bytes[dir], (struct slice){ buf, (size_t)n });
	t->piece[t->n++] = (struct piece){ dir, { NULL, (size_t)n } };
	BIO_write(SSL_get_rbio(to), buf, n);
	return true;
}

static void converse(struct talk *t, SSL *c, SSL *s, bool early)
{
	char buf[100];
	size_t n;

	if (early)
		assert_int_equal(SSL_write_early_data(c, "soon", 4, &n), 1);
	for (int i = 0; i < 8; i++) {
		(void)SSL_do_handshake(c);
		(void)carry(t, c, s, 0);
		if (early)
			(void)SSL_read_early_data(s, buf, sizeof(buf), &n);
		(void)SSL_do_handshake(s);
		(void)carry(t, s, c, 1);
	}
	if (!SSL_is_init_finished(c) || !SSL_is_init_finished(s))
		return;
	(void)SSL_write(c, "question", 8);
	(void)carry(t, c, s, 0);
	(void)SSL_read(s, buf, sizeof(buf));
	(void)SSL_write(s, "answer", 6);
	(void)carry(t, s, c, 1);
	assert_int_equal(SSL_read(c, buf, sizeof(buf)), 6);
}

static int ech_add(SSL *s, unsigned type, const unsigned char **out, size_t *outlen, int *al,
		   void *arg)
{
	(void)s;
	(void)al;
	(void)type;
	(void)arg;
	*out = (const unsigned char *)"\0\0\1\0\1\x07\0\0\0\4abcd";
	*outlen = 13;
	return 1;
}

static void talk(struct talk *t, const struct plan *p)
{
	static const unsigned char offered[] = "\x02h2\x08http/1.1";
	SSL_CTX *cctx = SSL_CTX_new(TLS_client_method()),
		*sctx = p->server ? p->server : server_new();
	size_t at[2] = { 0 };
	SSL *c, *s;

	*t = (struct talk){ 0 };
	if (p->ech)
		SSL_CTX_add_client_custom_ext(cctx, 0xfe0d, ech_add, NULL, NULL, NULL, NULL);
	SSL_CTX_set_alpn_select_cb(sctx, choose_http, p->no_alpn_of_server ? t : NULL);
	c = end(cctx, p);
	s = end(sctx, p);
	SSL_set_connect_state(c);
	SSL_set_accept_state(s);
	if (p->groups)
		assert_int_equal(SSL_set1_groups_list(s, p->groups), 1);
	if (p->verify)
		SSL_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_set_alpn_protos(c, offered, sizeof(offered) - 1);
	SSL_set_tlsext_host_name(c, "api.shop.example");
	if (p->session && *p->session)
		assert_int_equal(SSL_set_session(c, *p->session), 1);
	converse(t, c, s, p->early);
	if (p->session && !*p->session)
		*p->session = SSL_get1_session(c);
	SSL_set_shutdown(c, SSL_SENT_SHUTDOWN |
				    SSL_RECEIVED_SHUTDOWN); /* else it is not taken up again */
	SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c);
	SSL_free(s);
	SSL_CTX_free(cctx);
	if (!p->server)
		SSL_CTX_free(sctx);
	for (size_t i = 0; i < t->n; i++) {
		t->piece[i].bytes.p = t->bytes[t->piece[i].dir].p + at[t->piece[i].dir];
		at[t->piece[i].dir] += t->piece[i].bytes.n;
	}
}

static void talk_free(struct talk *t)
{
	buf_release(&t->bytes[0]);
	buf_release(&t->bytes[1]);
}

/* Reads the talk in its order, no more than most bytes at a time; the client is direction `client`. */
static struct tls_facts facts_of(const struct talk *t, size_t most, unsigned client)
{
	struct tls_hs *h = tls_hs_new();
	struct tls_facts f;

	for (size_t i = 0; i < t->n; i++)
		for (struct slice in = t->piece[i].bytes; in.n > 0;
		     in = slice_cut(in, in.n < most ? in.n : most, in.n)) {
			struct slice part = guarded(slice_cut(in, 0, most));

			assert_true(tls_hs_feed(h, t->piece[i].dir ^ client, part) >= 0);
			guarded_free(part);
		}
	assert_true(tls_hs_done(h, 0));
	assert_true(tls_hs_done(h, 1));
	assert_int_equal(tls_hs_client(h), (int)client);
	f = *tls_hs_facts(h);
	tls_hs_free(h);
	return f;
}

static struct tls_facts facts(const struct plan *p)
{
	struct tls_facts whole, f;
	struct talk t;

	talk(&t, p);
	whole = facts_of(&t, 100000, 0);
	for (size_t most = 1; most < 200; most = most * 3 + 1) {
		f = facts_of(&t, most, most & 1);
		assert_memory_equal(&f, &whole, sizeof(f));
	}
	talk_free(&t);
	return whole;
}

static void check_client(const struct tls_facts *f)
{
	assert_true(f->flags & TLS_CLIENT_SEEN);
	assert_string_equal(f->sni, "api.shop.example");
	assert_string_equal(f->offered, "h2,http/1.1");
}

static void check_certificate(const struct tls_facts *f)
{
	assert_string_equal(f->subject, "CN=shop.example, O=Smørbrød AS, C=NO");
	assert_string_equal(f->issuer, f->subject);
	assert_string_equal(f->names, "shop.example,*.shop.example,10.1.2.3,fd00:0:0:0:0:0:0:7");
	assert_int_equal(f->not_after, 1835440496);
}

static void tls_1_3(void **state)
{
	struct tls_facts f = facts(&(struct plan){ .version = TLS1_3_VERSION, .groups = "X25519" });

	(void)state;
	check_client(&f);
	assert_int_equal(f.flags, TLS_CLIENT_SEEN | TLS_SERVER_SEEN);
	assert_int_equal(f.highest, TLS_1_3);
	assert_string_equal(tls_version_name(f.version), "TLS 1.3");
	assert_string_equal(tls_cipher_name(f.cipher), "TLS_AES_256_GCM_SHA384");
	assert_string_equal(tls_group_name(f.group), "x25519");
	assert_string_equal(f.chosen, ""); /* encrypted, like the certificate */
	assert_string_equal(f.subject, "");
	assert_int_equal(f.alert_by, TLS_NOBODY);
}

static void tls_1_2(void **state)
{
	struct tls_facts f = facts(&(struct plan){ .version = TLS1_2_VERSION,
						   .groups = "P-384",
						   .ciphers = "ECDHE-RSA-CHACHA20-POLY1305" });

	(void)state;
	check_client(&f);
	check_certificate(&f);
	assert_int_equal(f.flags, TLS_CLIENT_SEEN | TLS_SERVER_SEEN);
	assert_string_equal(tls_version_name(f.version), "TLS 1.2");
	assert_string_equal(tls_cipher_name(f.cipher),
			    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");
	assert_string_equal(tls_group_name(f.group), "secp384r1");
	assert_string_equal(f.chosen, "http/1.1");
	assert_int_equal(f.alert_by, TLS_NOBODY);
}

static void tls_1_0_without_curves(void **state)
{
	struct tls_facts f =
		facts(&(struct plan){ .version = TLS1_VERSION, .ciphers = "AES128-SHA" });

	(void)state;
	check_client(&f);
	check_certificate(&f);
	assert_string_equal(tls_version_name(f.version), "TLS 1.0");
	assert_string_equal(tls_cipher_name(f.cipher), "TLS_RSA_WITH_AES_128_CBC_SHA");
	assert_int_equal(f.group, 0);
}

/* The client's first key share is for X25519. */
static void hello_retry_request(void **state)
{
	struct tls_facts f = facts(&(struct plan){ .version = TLS1_3_VERSION, .groups = "P-384" });

	(void)state;
	check_client(&f);
	assert_int_equal(f.flags, TLS_CLIENT_SEEN | TLS_SERVER_SEEN | TLS_RETRIED);
	assert_int_equal(f.highest, TLS_1_3);
	assert_string_equal(tls_group_name(f.group), "secp384r1");
}

static void resumed(int version, unsigned more)
{
	SSL_SESSION *session = NULL;
	struct plan p = { .version = version, .session = &session, .server = server_new() };
	struct tls_facts f = facts(&p);

	assert_false(f.flags & (TLS_RESUMED | TLS_EARLY_DATA));
	p.early = more & TLS_EARLY_DATA;
	f = facts(&p);
	check_client(&f);
	assert_int_equal(f.flags, TLS_CLIENT_SEEN | TLS_SERVER_SEEN | TLS_RESUMED | more);
	assert_string_equal(f.subject, "");
	SSL_SESSION_free(session);
	SSL_CTX_free(p.server);
}

static void resumption(void **state)
{
	(void)state;
	resumed(TLS1_2_VERSION, 0);
	resumed(TLS1_3_VERSION, 0);
	resumed(TLS1_3_VERSION, TLS_EARLY_DATA);
}

static void encrypted_client_hello_is_said(void **state)
{
	struct tls_facts f = facts(&(struct plan){ .version = TLS1_3_VERSION, .ech = true });

	(void)state;
	check_client(&f);
	assert_true(f.flags & TLS_ECH);
}

static struct tls_facts broken_off(const struct plan *p)
{
	struct tls_hs *h = tls_hs_new();
	struct tls_facts f;
	struct talk t;

	talk(&t, p);
	for (size_t i = 0; i < t.n; i++)
		(void)tls_hs_feed(h, t.piece[i].dir, t.piece[i].bytes);
	f = *tls_hs_facts(h);
	tls_hs_free(h);
	talk_free(&t);
	return f;
}

static void who_broke_it_off_and_why(void **state)
{
	struct tls_facts f =
		broken_off(&(struct plan){ .version = TLS1_2_VERSION, .verify = true });

	(void)state;
	assert_int_equal(f.alert_by, TLS_CLIENT);
	assert_string_equal(tls_alert_name(f.alert), "unknown_ca");
	/* OpenSSL's client has no key for writing yet. */
	f = broken_off(&(struct plan){ .version = TLS1_3_VERSION, .verify = true });
	assert_int_equal(f.alert_by, TLS_CLIENT);
	assert_string_equal(tls_alert_name(f.alert), "unknown_ca");
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		f = broken_off(&(struct plan){ .version = v, .no_alpn_of_server = true });
		check_client(&f);
		assert_int_equal(f.alert_by, TLS_SERVER);
		assert_string_equal(tls_alert_name(f.alert), "no_application_protocol");
	}
}

/* As Go's and the browsers' clients send it: the length is that of no other first record. */
static void encrypted_alert_is_known_by_its_length(void **state)
{
	struct tls_hs *h = tls_hs_new();
	struct talk t;

	(void)state;
	talk(&t, &(struct plan){ .version = TLS1_3_VERSION });
	assert_int_equal(tls_hs_feed(h, 0, t.piece[0].bytes), 0);
	assert_int_equal(tls_hs_feed(h, 1, t.piece[1].bytes), 1);
	assert_int_equal(tls_hs_facts(h)->alert_by, TLS_NOBODY);
	assert_int_equal(tls_hs_taken(h, 0), t.piece[0].bytes.n);
	assert_int_equal(
		tls_hs_feed(h, 0, SLICE_LIT("\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x13")), 1);
	assert_int_equal(tls_hs_facts(h)->alert_by, TLS_CLIENT);
	assert_int_equal(tls_hs_facts(h)->alert, TLS_ALERT_HIDDEN);
	tls_hs_free(h);
	talk_free(&t);
}

/* RFC 8446, 5.1: a message may be cut over records, and several may share one. */
static void messages_over_several_records_are_put_together(void **state)
{
	struct tls_hs *h = tls_hs_new();
	struct talk t;

	(void)state;
	talk(&t, &(struct plan){ .version = TLS1_3_VERSION });
	for (size_t at = 5; at < t.piece[0].bytes.n; at += 100) {
		struct slice part = slice_cut(t.piece[0].bytes, at, at + 100);
		uint8_t head[5] = { 22, 3, 1, 0, (uint8_t)part.n };

		assert_int_equal(tls_hs_facts(h)->flags, 0);
		assert_int_equal(tls_hs_feed(h, 0, (struct slice){ head, 5 }), 0);
		assert_int_equal(tls_hs_feed(h, 0, part), 0);
	}
	check_client(tls_hs_facts(h));
	/* Another type of record inside a message is none of it. */
	assert_int_equal(
		tls_hs_feed(h, 0, SLICE_LIT("\x16\x03\x01\x00\x02\x01\x00\x80\x03\x03\x00\x01x")),
		-EPROTO);
	assert_int_equal(tls_hs_feed(h, 0, SLICE_LIT("x")), 1);
	tls_hs_free(h);
	talk_free(&t);
}

static void a_hole_ends_a_direction_only(void **state)
{
	struct tls_hs *h = tls_hs_new();
	struct talk t;

	(void)state;
	talk(&t, &(struct plan){ .version = TLS1_2_VERSION });
	assert_int_equal(tls_hs_feed(h, 0, slice_cut(buf_slice(&t.bytes[0]), 0, 50)), 0);
	tls_hs_lost(h, 0);
	assert_int_equal(tls_hs_feed(h, 0, slice_cut(buf_slice(&t.bytes[0]), 80, 200)), 1);
	assert_int_equal(tls_hs_feed(h, 1, buf_slice(&t.bytes[1])), 1);
	assert_int_equal(tls_hs_facts(h)->flags, TLS_SERVER_SEEN);
	check_certificate(tls_hs_facts(h));
	assert_int_equal(tls_hs_client(h), 0);
	tls_hs_free(h);
	talk_free(&t);
}

static void other_bytes_are_refused(void **state)
{
	struct tls_hs *h = tls_hs_new();

	(void)state;
	assert_int_equal(tls_hello_probe(SLICE_LIT("GET / HTTP/1.1\r\n")), -EINVAL);
	assert_int_equal(tls_hello_probe(SLICE_LIT("\x16\x03\x01\x00")), -EAGAIN);
	assert_int_equal(tls_hello_probe(SLICE_LIT("\x16\x03\x01\x02\x00\x01")), 0);
	assert_int_equal(tls_hello_probe(SLICE_LIT("\x16\x03\x01\x02\x00\x0b")), -EINVAL);
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03\x03\x40\x11")), 0);
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03\x03\x50\x11")), -EINVAL);
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03\x03\x00\x00")), -EINVAL);
	assert_int_equal(tls_record_probe(SLICE_LIT("\x17\x03")), -EAGAIN);
	assert_int_equal(tls_hs_feed(h, 0, SLICE_LIT("GET / HTTP/1.1\r\n")), -EPROTO);
	assert_int_equal(
		tls_hs_feed(h, 1, SLICE_LIT("\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03")),
		-EPROTO);
	assert_int_equal(tls_hs_facts(h)->flags, 0);
	tls_hs_free(h);
	assert_null(tls_version_name(0x7f1c));
	assert_null(tls_cipher_name(0xfefe));
	assert_true(tls_list_has("h2,http/1.1", "http/1.1"));
	assert_false(tls_list_has("h2,http/1.1", "http/1"));
	assert_false(tls_list_has("h2,http/1.1", "2"));
}

static void damaged_handshakes_are_harmless(void **state)
{
	struct talk t;

	(void)state;
	talk(&t, &(struct plan){ .version = TLS1_2_VERSION });
	srand(5);
	for (int i = 0; i < 4000; i++) {
		struct tls_hs *h = tls_hs_new();

		for (unsigned dir = 0; dir < 2; dir++) {
			struct slice in = guarded(buf_slice(&t.bytes[dir]));
			uint8_t *p = (uint8_t *)(uintptr_t)in.p;

			for (int k = 0; k < 4; k++)
				p[(size_t)rand() % in.n] = (uint8_t)rand();
			(void)tls_hs_feed(h, dir, in);
			guarded_free(in);
		}
		assert_true(slice_is_utf8(slice_str(tls_hs_facts(h)->subject)));
		assert_true(slice_is_utf8(slice_str(tls_hs_facts(h)->names)));
		tls_hs_free(h);
	}
	talk_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_1_3),
		cmocka_unit_test(tls_1_2),
		cmocka_unit_test(tls_1_0_without_curves),
		cmocka_unit_test(hello_retry_request),
		cmocka_unit_test(resumption),
		cmocka_unit_test(encrypted_client_hello_is_said),
		cmocka_unit_test(who_broke_it_off_and_why),
		cmocka_unit_test(encrypted_alert_is_known_by_its_length),
		cmocka_unit_test(messages_over_several_records_are_put_together),
		cmocka_unit_test(a_hole_ends_a_direction_only),
		cmocka_unit_test(other_bytes_are_refused),
		cmocka_unit_test(damaged_handshakes_are_harmless),
	};

	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
