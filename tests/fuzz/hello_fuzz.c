/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/hello.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello h;

	if (tls_hello_parse((struct slice){ data, size }, &h) == 0) {
		if (!memchr(h.sni, 0, sizeof(h.sni)) || !memchr(h.alpn, 0, sizeof(h.alpn)))
			abort();
		(void)tls_hello_has_alpn(&h, "h2");
	}
	return 0;
}
