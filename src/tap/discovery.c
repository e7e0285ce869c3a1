/* SPDX-License-Identifier: Apache-2.0 */
/* What is found out about programs and libraries before anybody asks. */
#include <string.h>

#include "base/log.h"
#include "tap/tap_priv.h"

void tap_discovery_begin(struct tap *t)
{
	int err = t->o.cache_dir ? tls_watch_cache(t->tls, t->o.cache_dir) : 0;

	if (err)
		log_info("what is found in programs is not kept for the next start in %s: %s",
			 t->o.cache_dir, strerror(-err));
	(void)tls_watch_scan(t->tls); /* what failed is said in its facts */
}
