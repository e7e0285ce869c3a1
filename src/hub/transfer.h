/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.h - flows out of the hub and into it, as records: four bytes of length (little-endian), a limpid.v1.Flow. */
#ifndef LIMPID_HUB_TRANSFER_H
#define LIMPID_HUB_TRANSFER_H

#include "hub/serve.h"

#define TRANSFER_MAX  ((size_t)60 << 20) /* of one record */
#define TRANSFER_BODY ((size_t)64 << 20) /* of one import's body */
#define TRANSFER_HEAD 3			 /* numbers of 8 bytes before the records of an export */

/* GET /api/export */
void transfer_export(struct conn *c, const char *rest);

#endif
