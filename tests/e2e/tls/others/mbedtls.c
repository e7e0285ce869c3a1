/* SPDX-License-Identifier: Apache-2.0 */
/* mbedtls - 2.28 and 3.6; what the library keeps in its structures is its affair, so each is given more room than it needs. */
#include <stdlib.h>

#include "peer.h"

#define READ_WANTED  (-0x6900)
#define WRITE_WANTED (-0x6880)
#define TICKET_CAME  (-0x7B00)
#define CLOSED	     (-0x7880)
#define ROOM	     65536

#define FUNCTIONS                                                                                \
	F(void, mbedtls_ssl_init, (void *))                                                      \
	F(void, mbedtls_ssl_config_init, (void *))                                               \
	F(int, mbedtls_ssl_config_defaults, (void *, int, int, int))                             \
	F(void, mbedtls_ssl_conf_rng, (void *, int (*)(void *, unsigned char *, size_t), void *)) \
	F(void, mbedtls_ssl_conf_authmode, (void *, int))                                        \
	F(void, mbedtls_ssl_conf_max_version, (void *, int, int))                                \
	F(int, mbedtls_ssl_conf_own_cert, (void *, void *, void *))                              \
	F(int, mbedtls_ssl_setup, (void *, const void *))                                        \
	F(int, mbedtls_ssl_set_hostname, (void *, const char *))                                 \
	F(void, mbedtls_ssl_set_bio,                                                             \
	  (void *, void *, int (*)(void *, const unsigned char *, size_t),                       \
	   int (*)(void *, unsigned char *, size_t), void *))                                    \
	F(int, mbedtls_net_send, (void *, const unsigned char *, size_t))                        \
	F(int, mbedtls_net_recv, (void *, unsigned char *, size_t))                              \
	F(int, mbedtls_ssl_handshake, (void *))                                                  \
	F(int, mbedtls_ssl_read, (void *, unsigned char *, size_t))                              \
	F(int, mbedtls_ssl_write, (void *, const unsigned char *, size_t))                       \
	F(int, mbedtls_ssl_close_notify, (void *))                                               \
	F(void, mbedtls_ssl_free, (void *))                                                      \
	F(void, mbedtls_ctr_drbg_init, (void *))                                                 \
	F(int, mbedtls_ctr_drbg_random, (void *, unsigned char *, size_t))                       \
	F(int, mbedtls_ctr_drbg_seed,                                                            \
	  (void *, int (*)(void *, unsigned char *, size_t), void *, const unsigned char *, size_t)) \
	F(void, mbedtls_entropy_init, (void *))                                                  \
	F(int, mbedtls_entropy_func, (void *, unsigned char *, size_t))                          \
	F(void, mbedtls_x509_crt_init, (void *))                                                 \
	F(int, mbedtls_x509_crt_parse_file, (void *, const char *))                              \
	F(void, mbedtls_pk_init, (void *))                                                       \
	/* 2.28 takes three of its arguments, 3.6 all */                                         \
	F(int, mbedtls_pk_parse_keyfile,                                                         \
	  (void *, const char *, const char *, int (*)(void *, unsigned char *, size_t), void *))
#define F(type, name, args) static type(*name) args;
FUNCTIONS
#undef F

struct session {
	int fd; /* first: what mbedtls_net_context holds */
	void *ssl, *random, *config;
};
static void *certificate, *private_key, *entropy;

static void load(bool server, const char *cert, const char *key)
{
	void *lib = library_open("libmbedtls.so.14"), *random = library_zeroed(ROOM);
	int (*start)(void) = (int (*)(void))library_function_if(lib, "psa_crypto_init");

#define F(type, name, args) name = (type(*) args)library_function(lib, #name);
	FUNCTIONS
#undef F
	if (start && start() != 0)
		die("psa_crypto_init");
	entropy = library_zeroed(ROOM);
	mbedtls_entropy_init(entropy);
	if (!server)
		return;
	mbedtls_ctr_drbg_init(random);
	certificate = library_zeroed(ROOM);
	private_key = library_zeroed(ROOM);
	mbedtls_x509_crt_init(certificate);
	mbedtls_pk_init(private_key);
	if (mbedtls_ctr_drbg_seed(random, mbedtls_entropy_func, entropy, NULL, 0) != 0 ||
	    mbedtls_x509_crt_parse_file(certificate, cert) != 0 ||
	    mbedtls_pk_parse_keyfile(private_key, key, NULL, mbedtls_ctr_drbg_random, random) != 0)
		die("mbedtls certificate");
}

static void *new(int fd)
{
	struct session *c = library_zeroed(sizeof(*c));

	c->fd = fd;
	c->ssl = library_zeroed(ROOM);
	c->random = library_zeroed(ROOM);
	c->config = library_zeroed(ROOM);
	mbedtls_ctr_drbg_init(c->random);
	mbedtls_ssl_config_init(c->config);
	mbedtls_ssl_init(c->ssl);
	if (mbedtls_ctr_drbg_seed(c->random, mbedtls_entropy_func, entropy, NULL, 0) != 0 ||
	    mbedtls_ssl_config_defaults(c->config, is_server, 0, 0) != 0 ||
	    (is_server && mbedtls_ssl_conf_own_cert(c->config, certificate, private_key) != 0))
		die("mbedtls configuration");
	mbedtls_ssl_conf_rng(c->config, mbedtls_ctr_drbg_random, c->random);
	mbedtls_ssl_conf_authmode(c->config, 0);
	if (has_way("1.2"))
		mbedtls_ssl_conf_max_version(c->config, 3, 3);
	if (mbedtls_ssl_setup(c->ssl, c->config) != 0 ||
	    (!is_server && mbedtls_ssl_set_hostname(c->ssl, "localhost") != 0))
		die("mbedtls session");
	mbedtls_ssl_set_bio(c->ssl, c, mbedtls_net_send, mbedtls_net_recv, NULL);
	return c;
}

static int want(int rc)
{
	return rc == READ_WANTED ? WANT_READ : rc == WRITE_WANTED ? WANT_WRITE : FAILED;
}

static int handshake(void *s)
{
	int rc = mbedtls_ssl_handshake(((struct session *)s)->ssl);

	return rc == 0 ? 1 : want(rc);
}

static long send_(void *s, const void *p, size_t n)
{
	int rc = mbedtls_ssl_write(((struct session *)s)->ssl, p, n);

	return rc > 0 ? rc : want(rc);
}

static long receive(void *s, void *p, size_t n)
{
	int rc;

	do
		rc = mbedtls_ssl_read(((struct session *)s)->ssl, p, n);
	while (rc == TICKET_CAME);
	return rc >= 0 ? rc : rc == CLOSED ? 0 : want(rc);
}

static void end(void *s)
{
	struct session *c = s;

	mbedtls_ssl_close_notify(c->ssl);
	mbedtls_ssl_free(c->ssl);
}

const struct library mbedtls_library = { "mbedtls", load, new, handshake, send_, receive, end };
