/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/marks.h"

#include <string.h>

#define MARK(t, n, r)                  \
	{                              \
		t, sizeof(t) - 1, n, r \
	}

static const struct tls_mark files[] = {
	MARK("libgnutls.so", "gnutls", TLS_WHY_REFUSED),
	MARK("libssl3.so", "nss", TLS_WHY_REFUSED), /* NSS's name for it; OpenSSL's is libssl.so.3 */
	MARK("libmbedtls.so", "mbedtls", TLS_WHY_REFUSED),
	MARK("libwolfssl.so", "wolfssl", TLS_WHY_REFUSED),
	MARK("libs2n.so", "s2n", TLS_WHY_UNSUPPORTED),
	MARK("libbearssl.so", "bearssl", TLS_WHY_UNSUPPORTED),
	MARK("libbotan-", "botan", TLS_WHY_UNSUPPORTED),
	MARK("libmatrixssl", "matrixssl", TLS_WHY_UNSUPPORTED),
	MARK("libnetty_tcnative", "boringssl", TLS_WHY_FOREIGN_CODE),
	MARK("libconscrypt", "boringssl", TLS_WHY_FOREIGN_CODE),
	MARK("cygrpc.", "boringssl", TLS_WHY_FOREIGN_CODE),
	MARK("libssl.so", "openssl", TLS_WHY_REFUSED), /* else it were in the table's row */
	MARK("libjvm.so", "jsse", TLS_WHY_JAVA), /* last: a library in it is nearer to the truth */
	{ 0 },
};

const struct tls_mark tls_marks_in_program[] = {
	MARK("\xff Go buildinf:", "go", TLS_WHY_GO),
	MARK("/rustls-0.", "rustls", TLS_WHY_RUSTLS),
	MARK("BoringSSL", "boringssl", TLS_WHY_STATIC),
	MARK("LibreSSL ", "libressl", TLS_WHY_STATIC),
	MARK("OpenSSL 1.", "openssl", TLS_WHY_STATIC),
	MARK("OpenSSL 3.", "openssl", TLS_WHY_STATIC),
	MARK("OpenSSL 4.", "openssl", TLS_WHY_STATIC),
	MARK("ssl/ssl_lib.c", "openssl", TLS_WHY_STATIC), /* BoringSSL too: hence its place */
	MARK("mbed TLS ", "mbedtls", TLS_WHY_STATIC),
	MARK("Mbed TLS ", "mbedtls", TLS_WHY_STATIC),
	MARK("wolfSSL ", "wolfssl", TLS_WHY_STATIC),
	{ 0 },
};

const struct tls_mark *tls_mark_of_file(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (const struct tls_mark *m = files; m->text; m++)
		if (strncmp(name, m->text, m->len) == 0)
			return m;
	return NULL;
}
