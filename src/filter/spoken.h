/* SPDX-License-Identifier: Apache-2.0 */
/* spoken.h - the keys that are about one protocol: what they read from a flow, as in struct key (node.h). */
#ifndef LIMPID_FILTER_SPOKEN_H
#define LIMPID_FILTER_SPOKEN_H

#include "filter/node.h"

#define KEY(name) bool key_##name(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
KEY(id);
KEY(grpc);
KEY(sql);
KEY(sql_op);
KEY(sql_table);
KEY(sql_error);
KEY(redis_cmd);
KEY(redis_key);
KEY(ws_kind);
KEY(ws_dir);
KEY(json); /* arg: names of members and numbers of elements, with dots between them */
#undef KEY
/* Rows of the answer; without rows those that were affected. */
bool key_sql_rows(const struct flow *f, uint64_t *ret);

/* Names of the tables that a statement reads or writes, as written without quotes, and without their schema. */
bool sql_tables(const char *statement, visit_fn visit, void *ctx);

#endif
