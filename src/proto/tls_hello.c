/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of a handshake that are sent in the clear. */
#include "proto/tls_priv.h"

#define HELLO_MOST 16384
#define CERT_MOST  16384 /* the server's own certificate comes first */
#define KEY_MOST   4

enum {
	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	EXT_PRE_SHARED_KEY = 41,
	EXT_EARLY_DATA = 42,
	EXT_VERSIONS = 43,
	EXT_KEY_SHARE = 51,
	EXT_ECH = 0xfe0d,
};

size_t tls_message_wants(uint8_t type)
{
	switch (type) {
	case TLS_CLIENT_HELLO:
	case TLS_SERVER_HELLO:
		return HELLO_MOST;
	case TLS_CERTIFICATE:
		return CERT_MOST;
	case TLS_SERVER_KEY_EXCHANGE:
		return KEY_MOST;
	default:
		return 0;
	}
}

static struct slice vector(struct rd *r, size_t len_bytes)
{
	return rd_bytes(r, (size_t)rd_be(r, len_bytes));
}

static bool printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n > 0;
}

/* Values like 0x?a?a keep implementations honest and mean nothing (RFC 8701). */
static bool grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* --- extensions --- */

static void read_sni(struct slice ext, struct tls_facts *f)
{
	struct rd r = rd_init(ext), list = rd_init(vector(&r, 2));

	while (rd_left(&list) > 0 && !list.short_read) {
		uint8_t type = rd_u8(&list);
		struct slice name = vector(&list, 2);

		if (type == 0 && name.p && printable(name) && name.n < sizeof(f->sni)) {
			memcpy(f->sni, name.p, name.n);
			f->sni[name.n] = '\0';
			return;
		}
	}
}

static void read_alpn(struct slice ext, char *to, size_t size)
{
	struct rd r = rd_init(ext), list = rd_init(vector(&r, 2));
	size_t n = 0;

	to[0] = '\0';
	while (rd_left(&list) > 0 && !list.short_read) {
		struct slice name = vector(&list, 1);

		if (!name.p || !printable(name) || memchr(name.p, ',', name.n) ||
		    name.n + 2 > size - n ||
		    (name.n == 2 && grease((uint16_t)(name.p[0] << 8 | name.p[1]))))
			continue;
		if (n > 0)
			to[n++] = ',';
		memcpy(to + n, name.p, name.n);
		n += name.n;
		to[n] = '\0';
	}
}

/* RFC 8446, 4.2.1. */
static void read_offered_versions(struct slice ext, struct tls_facts *f)
{
	struct rd r = rd_init(ext), list = rd_init(vector(&r, 1));

	f->highest = 0;
	while (rd_left(&list) > 1) {
		uint16_t v = rd_be16(&list);

		if (v > f->highest && !grease(v) && v >> 8 == 3)
			f->highest = v;
	}
}

static void of_client(uint16_t type, struct slice ext, struct tls_facts *f)
{
	if (type == EXT_SERVER_NAME)
		read_sni(ext, f);
	else if (type == EXT_ALPN)
		read_alpn(ext, f->offered, sizeof(f->offered));
	else if (type == EXT_VERSIONS)
		read_offered_versions(ext, f);
	else if (type == EXT_EARLY_DATA)
		f->flags |= TLS_EARLY_DATA;
	else if (type == EXT_ECH)
		f->flags |= TLS_ECH;
}

static void of_server(uint16_t type, struct slice ext, struct tls_facts *f)
{
	struct rd r = rd_init(ext);

	if (type == EXT_ALPN)
		read_alpn(ext, f->chosen, sizeof(f->chosen));
	else if (type == EXT_VERSIONS)
		f->version = rd_be16(&r);
	else if (type == EXT_KEY_SHARE)
		f->group = rd_be16(&r);
	else if (type == EXT_PRE_SHARED_KEY)
		f->flags |= TLS_RESUMED;
}

static void read_extensions(struct slice in, bool server, struct tls_facts *f)
{
	struct rd r = rd_init(in);

	while (rd_left(&r) > 0) {
		uint16_t type = rd_be16(&r);
		struct slice ext = vector(&r, 2);

		if (r.short_read)
			return;
		if (server)
			of_server(type, ext, f);
		else
			of_client(type, ext, f);
	}
}

/* --- messages --- */

static bool read_client(struct slice in, struct tls_facts *f)
{
	struct rd r = rd_init(in);
	uint16_t version = rd_be16(&r);

	(void)rd_bytes(&r, 32); /* random */
	(void)vector(&r, 1);	/* session id */
	(void)vector(&r, 2);	/* cipher suites */
	(void)vector(&r, 1);	/* compression */
	if (r.short_read || version >> 8 != 3)
		return false;
	if (!(f->flags & TLS_CLIENT_SEEN)) /* a second one, after a retry, has less to say */
		f->highest = version;
	f->flags |= TLS_CLIENT_SEEN;
	if (rd_left(&r) > 0)
		read_extensions(vector(&r, 2), false, f);
	return true;
}

static bool read_server(struct slice in, struct tls_facts *f)
{
	/* RFC 8446, 4.1.3: the hash of "HelloRetryRequest". */
	static const uint8_t retry[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
					   0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
					   0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
					   0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };
	struct rd r = rd_init(in);
	uint16_t version = rd_be16(&r), cipher;
	struct slice random = rd_bytes(&r, 32);

	(void)vector(&r, 1); /* session id */
	cipher = rd_be16(&r);
	(void)rd_u8(&r); /* compression */
	if (r.short_read || version >> 8 != 3)
		return false;
	f->version = version;
	f->cipher = cipher;
	f->flags |= slice_eq(random, (struct slice){ retry, sizeof(retry) }) ? TLS_RETRIED
									     : TLS_SERVER_SEEN;
	if (rd_left(&r) > 0)
		read_extensions(vector(&r, 2), true, f);
	return true;
}

static void read_certificates(struct slice in, struct tls_facts *f)
{
	struct rd r = rd_init(in);
	size_t len;

	(void)rd_be(&r, 3); /* of the list */
	len = (size_t)rd_be(&r, 3);
	(void)tls_cert_read(slice_cut((struct slice){ r.p, rd_left(&r) }, 0, len),
			    f); /* or nothing is known */
}

/* RFC 8422, 5.4: what is signed begins with the curve, where the cipher suite is one with curves. */
static void read_key_exchange(struct slice in, struct tls_facts *f)
{
	const char *name = tls_cipher_name(f->cipher);
	struct rd r = rd_init(in);

	if (name && strncmp(name, "TLS_ECDH", 8) == 0 && !strstr(name, "PSK") && rd_u8(&r) == 3)
		f->group = rd_be16(&r);
}

bool tls_message_read(uint8_t type, struct slice body, struct tls_facts *f)
{
	switch (type) {
	case TLS_CLIENT_HELLO:
		return read_client(body, f);
	case TLS_SERVER_HELLO:
		return read_server(body, f);
	case TLS_CERTIFICATE:
		read_certificates(body, f);
		return true;
	case TLS_SERVER_KEY_EXCHANGE:
		read_key_exchange(body, f);
		return true;
	default:
		return true;
	}
}
