/* SPDX-License-Identifier: Apache-2.0 */
/* go_image.h - makes a very small Go program (x86-64) that has crypto/tls's names: what the analysis reads, nothing else. */
#ifndef LIMPID_TESTS_GO_IMAGE_H
#define LIMPID_TESTS_GO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GO_IMAGE_SIZE  0x4000
#define GO_IMAGE_TEXT  0x401000
#define GO_IMAGE_READ  (GO_IMAGE_TEXT + 0x40)
#define GO_IMAGE_DEFER (GO_IMAGE_TEXT + 0xc0)
#define GO_IMAGE_WRITE (GO_IMAGE_TEXT + 0x100)
/* Offsets in the file. */
#define GO_IMAGE_TABLE 0x2000
#define GO_IMAGE_INFO  0x3000
#define GO_IMAGE_DATA  0x3100 /* the module data */

enum go_layout { GO_LAYOUT_1_17, GO_LAYOUT_1_18, GO_LAYOUT_1_20, GO_LAYOUT_1_26 };
struct go_image_options {
	enum go_layout layout;
	const char *version; /* "go1.22.12" */
	bool relocated; /* addresses are only in relocations, as in a position-independent program */
	bool no_defer;	/* Read's deferred function is nowhere to be found */
	bool old_code;	/* no check of the stack as since 1.17 */
};
void go_image_make(uint8_t ret[GO_IMAGE_SIZE], const struct go_image_options *o);

#endif
