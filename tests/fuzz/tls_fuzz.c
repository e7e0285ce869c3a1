/* SPDX-License-Identifier: Apache-2.0 */
/* Both directions of a handshake, cut anywhere: the first byte of each piece says whose it is and how long. */
#include "proto/tls.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s, size_t size)
{
	if (!memchr(s, 0, size) || !slice_is_utf8(slice_str(s)))
		abort();
}

static void check(const struct tls_facts *f)
{
	check_text(f->sni, sizeof(f->sni));
	check_text(f->offered, sizeof(f->offered));
	check_text(f->chosen, sizeof(f->chosen));
	check_text(f->subject, sizeof(f->subject));
	check_text(f->issuer, sizeof(f->issuer));
	check_text(f->names, sizeof(f->names));
	(void)tls_list_has(f->offered, "h2");
	(void)tls_cipher_name(f->cipher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };
	struct tls_facts cert = { 0 };
	struct tls_hs *h = tls_hs_new();

	(void)tls_hello_probe(in);
	(void)tls_cert_read(in, &cert);
	check(&cert);
	while (h && in.n > 0) {
		unsigned dir = in.p[0] & 1;
		size_t n = 1u + (in.p[0] >> 1) * 4u;
		bool done = tls_hs_done(h, dir);
		int rc = tls_hs_feed(h, dir, slice_cut(in, 1, 1 + n));

		if ((done && rc != 1) || (rc != 0) != tls_hs_done(h, dir))
			abort();
		in = slice_cut(in, 1 + n < in.n ? 1 + n : in.n, in.n);
	}
	if (h)
		check(tls_hs_facts(h));
	tls_hs_free(h);
	return 0;
}
