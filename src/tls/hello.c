/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/hello.h"

#include <errno.h>

#define RECORD_MAX    (16384 + 256) /* TLSCiphertext of TLS 1.3; RFC 8446, 5.2 */
#define HANDSHAKE_MAX 16384	    /* a longer hello is not looked at */

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23 };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };
enum { EXT_SERVER_NAME = 0, EXT_ALPN = 16, EXT_VERSIONS = 43 };

int tls_record_probe(struct slice in)
{
	struct rd r = rd_init(in);
	uint8_t type = rd_u8(&r), major = rd_u8(&r), minor = rd_u8(&r);
	uint16_t len = rd_be16(&r);

	if ((in.n > 0 && (type < 20 || type > RECORD_DATA)) || (in.n > 1 && major != 3) ||
	    (in.n > 2 && minor > 4))
		return -EINVAL;
	if (in.n < 5)
		return -EAGAIN;
	return len > 0 && len <= RECORD_MAX ? 0 : -EINVAL;
}

int tls_hello_probe(struct slice in)
{
	int rc = tls_record_probe(in);

	if (rc == -EINVAL || (in.n > 0 && in.p[0] != RECORD_HANDSHAKE))
		return -EINVAL;
	if (in.n < 6)
		return -EAGAIN;
	return in.p[5] == CLIENT_HELLO || in.p[5] == SERVER_HELLO ? 0 : -EINVAL;
}

/* --- extensions --- */

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

static void read_sni(struct slice ext, struct tls_hello *h)
{
	struct rd r = rd_init(ext), list = rd_init(vector(&r, 2));

	while (rd_left(&list) > 0 && !list.short_read) {
		uint8_t type = rd_u8(&list);
		struct slice name = vector(&list, 2);

		if (type == 0 && name.p && printable(name) && name.n < sizeof(h->sni)) {
			memcpy(h->sni, name.p, name.n);
			h->sni[name.n] = '\0';
			return;
		}
	}
}

static void read_alpn(struct slice ext, struct tls_hello *h)
{
	struct rd r = rd_init(ext), list = rd_init(vector(&r, 2));
	size_t n = 0;

	while (rd_left(&list) > 0 && !list.short_read) {
		struct slice name = vector(&list, 1);

		if (!name.p || !printable(name) || memchr(name.p, ',', name.n) ||
		    name.n + 2 > sizeof(h->alpn) - n)
			continue;
		if (n > 0)
			h->alpn[n++] = ',';
		memcpy(h->alpn + n, name.p, name.n);
		n += name.n;
		h->alpn[n] = '\0';
	}
}

/* RFC 8446, 4.2.1: a list from the client, one value from the server.  Values like 0x?a?a keep
 * implementations honest and mean nothing (RFC 8701). */
static void read_versions(struct slice ext, struct tls_hello *h)
{
	struct rd r = rd_init(ext), list;

	if (h->server) {
		h->version = rd_be16(&r);
		return;
	}
	list = rd_init(vector(&r, 1));
	while (rd_left(&list) > 1) {
		uint16_t v = rd_be16(&list);

		if (v > h->version && (v & 0x0f0f) != 0x0a0a && v >> 8 == 3)
			h->version = v;
	}
}

static void read_extensions(struct slice in, struct tls_hello *h)
{
	struct rd r = rd_init(in);

	while (rd_left(&r) > 0 && !r.short_read) {
		uint16_t type = rd_be16(&r);
		struct slice ext = vector(&r, 2);

		if (r.short_read)
			return;
		if (type == EXT_SERVER_NAME && !h->server)
			read_sni(ext, h);
		else if (type == EXT_ALPN)
			read_alpn(ext, h);
		else if (type == EXT_VERSIONS)
			read_versions(ext, h);
	}
}

static int read_hello(struct slice in, struct tls_hello *ret)
{
	struct rd r = rd_init(in);
	struct tls_hello h = { .server = rd_u8(&r) == SERVER_HELLO };

	(void)rd_be(&r, 3); /* the length: in was cut by it */
	h.version = rd_be16(&r);
	(void)rd_bytes(&r, 32); /* random */
	(void)vector(&r, 1);	/* session id */
	if (h.server) {
		(void)rd_bytes(&r, 2 + 1); /* cipher suite, compression */
	} else {
		(void)vector(&r, 2);
		(void)vector(&r, 1);
	}
	if (r.short_read || h.version >> 8 != 3)
		return -EINVAL;
	if (rd_left(&r) > 0)
		read_extensions(vector(&r, 2), &h);
	*ret = h;
	return 0;
}

/* A hello may be cut over several records (RFC 8446, 5.1): tmp takes their contents together. */
static int gather(struct slice in, uint8_t *tmp, size_t *ret_n)
{
	struct rd r = rd_init(in);
	size_t n = 0;

	for (;;) {
		struct slice rest = { r.p, rd_left(&r) };
		size_t len, want;

		if (rest.n > 0 && rest.p[0] != RECORD_HANDSHAKE)
			return -EINVAL;
		if (tls_record_probe(rest) < 0)
			return tls_record_probe(rest);
		(void)rd_be(&r, 3);
		len = rd_be16(&r);
		want = len < rd_left(&r) ? len : rd_left(&r);
		if (want > HANDSHAKE_MAX - n)
			want = HANDSHAKE_MAX - n;
		memcpy(tmp + n, r.p, want);
		n += want;
		if (n >= 4) {
			size_t whole = 4 + ((size_t)tmp[1] << 16 | (size_t)tmp[2] << 8 | tmp[3]);

			if (whole > HANDSHAKE_MAX)
				return -EINVAL;
			if (n >= whole) {
				*ret_n = whole;
				return 0;
			}
		}
		if (rd_left(&r) < len)
			return -EAGAIN;
		(void)rd_bytes(&r, len);
	}
}

int tls_hello_parse(struct slice in, struct tls_hello *ret)
{
	uint8_t tmp[HANDSHAKE_MAX];
	size_t n = 0;
	int rc = tls_hello_probe(in);

	if (rc == 0)
		rc = gather(in, tmp, &n);
	return rc < 0 ? rc : read_hello((struct slice){ tmp, n }, ret);
}

bool tls_hello_has_alpn(const struct tls_hello *h, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = h->alpn; *p; p += *p == ',') {
		size_t len = strcspn(p, ",");

		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len;
	}
	return false;
}

const char *tls_version_name(uint16_t version)
{
	static const char *const names[] = { "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2",
					     "TLS 1.3" };

	return version >> 8 == 3 && (version & 0xff) < 5 ? names[version & 0xff] : NULL;
}
