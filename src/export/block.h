/* SPDX-License-Identifier: Apache-2.0 */
/* block.h - the blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian. */
#ifndef LIMPID_EXPORT_BLOCK_H
#define LIMPID_EXPORT_BLOCK_H

#include "base/bytes.h"

/* The section's header and its one interface: Ethernet, times in ns. */
void block_section(struct buf *b);
/* A name for an address of 16 bytes (IPv4 mapped). */
void block_name(struct buf *b, const uint8_t addr[16], const char *name);
/* comment may be NULL. */
void block_packet(struct buf *b, int64_t at_ns, struct slice frame, const char *comment);

#endif
