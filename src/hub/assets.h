/* SPDX-License-Identifier: Apache-2.0 */
/* assets.h - the page's files, linked into the executable by web/build.mjs. */
#ifndef LIMPID_HUB_ASSETS_H
#define LIMPID_HUB_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct asset {
	const char *path;	  /* "/index.html", "/a/main-4f2a.js" */
	const char *type;	  /* "text/html; charset=utf-8" */
	const uint8_t *data, *br; /* br: brotli, or NULL where that is no smaller */
	size_t n, nbr;
	bool immutable; /* the name holds a hash of the content */
};
extern const struct asset assets[];
extern const size_t assets_n;

#endif
