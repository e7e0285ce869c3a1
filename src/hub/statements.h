/* SPDX-License-Identifier: Apache-2.0 */
/* statements.h - SQL by the shape of its statements: how often, how long, by whom (GET /api/sql). */
#ifndef LIMPID_HUB_STATEMENTS_H
#define LIMPID_HUB_STATEMENTS_H

#include "hub/job.h"

#define STATEMENTS_KEPT 2000 /* shapes that are counted; others are counted together */
#define STATEMENTS_TOLD 300  /* of these in the answer */

/* A job for job_begin.  told: shapes in the answer, at most STATEMENTS_TOLD.  NULL: out of memory. */
struct job *statements_new(size_t told);

#endif
