/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_value.h - PostgreSQL's values in binary format, as the text that the server would print.
 *
 * Formats: the *send functions of PostgreSQL's types (src/backend/utils/adt/, the same from 8.0 to 18); type OIDs: src/include/catalog/pg_type.dat.
 * Text: ISO dates, intervals in "postgres" style, bytea in hex, times with zone as UTC: the settings of a
 * session are not applied.
 */
#ifndef LIMPID_PROTO_POSTGRES_VALUE_H
#define LIMPID_PROTO_POSTGRES_VALUE_H

#include "base/bytes.h"

enum pg_format { PG_TEXT, PG_BINARY, PG_FORMAT_UNKNOWN };

/* "int4", "text[]", ...; NULL: not in our table (of an extension, or the user's own). */
const char *pg_type_name(uint32_t oid);
/* Appends v as text.  Of a type that is not known, or bytes that are no value of it: themselves when they are printable
 * UTF-8 (enums, citext), else bytea's form, \x and hexadecimal digits.  The work and the text are linear in v.n. */
void pg_value(struct buf *out, uint32_t oid, enum pg_format format, struct slice v);

/* Of one type; false: v is no such value, and what was appended is to be dropped. */
bool pg_numeric(struct buf *out, struct slice v);
bool pg_money(struct buf *out, struct slice v);
bool pg_tid(struct buf *out, struct slice v);
bool pg_lsn(struct buf *out, struct slice v);
bool pg_float4(struct buf *out, struct slice v);
bool pg_float8(struct buf *out, struct slice v);
bool pg_date(struct buf *out, struct slice v);
bool pg_time(struct buf *out, struct slice v);
bool pg_timetz(struct buf *out, struct slice v);
bool pg_timestamp(struct buf *out, struct slice v);
bool pg_timestamptz(struct buf *out, struct slice v);
bool pg_interval(struct buf *out, struct slice v);
bool pg_inet(struct buf *out, struct slice v);
bool pg_bits(struct buf *out, struct slice v);
bool pg_mac(struct buf *out, struct slice v);
bool pg_uuid(struct buf *out, struct slice v);

#endif
