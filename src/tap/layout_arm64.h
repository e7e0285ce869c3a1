/* SPDX-License-Identifier: Apache-2.0 */
/* layout_arm64.h - layout.h's reading of code, for arm64: on every machine, so that it is tested on all. */
#ifndef LIMPID_TAP_LAYOUT_ARM64_H
#define LIMPID_TAP_LAYOUT_ARM64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the function whose n instructions are at code, and whose first argument is the object: the first address made from it, object +
 * *ret_off (*ret_at 0) or *(object + *ret_at) + *ret_off; or with side, the first 32-bit field that is read to be returned.  False:
 * there is none. */
bool layout_arm64(const uint32_t *code, size_t n, bool side, uint16_t *ret_at, uint16_t *ret_off);

#endif
