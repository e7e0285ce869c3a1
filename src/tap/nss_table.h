/* SPDX-License-Identifier: Apache-2.0 */
/* nss_table.h - the functions by which NSS reads and writes TLS.
 *
 * Programs call them through NSPR: PR_Read and its like jump to what the descriptor's layer has, which is the same for files and
 * plain sockets.  A probe there would be paid for by all of them and would have to tell TLS from the rest.  So the
 * functions behind it are looked for, which have no names: NSS keeps two tables of twelve pointers side by side, for sockets
 * without and with TLS (sslSocketOps in sslimpl.h).
 */
#ifndef LIMPID_TAP_NSS_TABLE_H
#define LIMPID_TAP_NSS_TABLE_H

#include "tap/elf.h"

#define NSS_TABLE_MARK "SSL_ImportFD" /* the file that defines this has the tables */

struct nss_table { /* addresses: of (socket, buffer, int size), and, with int flags behind those, recv and send */
	uint64_t read, write, recv, send, close;
};
/* 0; -ENOENT: there are none, or they are not understood; -ENOMEM, -EIO. */
int nss_table_find(struct elf_image *img, struct nss_table *ret);

#endif
