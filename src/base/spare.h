/* SPDX-License-Identifier: Apache-2.0 */
/* spare.h - memory of the one size that every exchange takes several times, kept for the next. */
#ifndef LIMPID_BASE_SPARE_H
#define LIMPID_BASE_SPARE_H

#define SPARE_BYTES 1024

/* SPARE_BYTES, aligned as malloc's; what they hold is not said.  NULL: out of memory. */
void *spare_get(void);
void spare_put(void *p); /* of spare_get, on whatever thread; may be NULL */
/* How many the calling thread keeps at most, 0 at first; what is more is freed.  To be 0 again before the thread ends. */
void spare_keep(unsigned n);

#endif
