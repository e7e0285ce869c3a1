/* SPDX-License-Identifier: Apache-2.0 */
/* time.h - moments as text (RFC 3339) and back. */
#ifndef LIMPID_FLOW_TIME_H
#define LIMPID_FLOW_TIME_H

#include "base/bytes.h"

#define FLOW_TIME_MAX 40

/* "2026-11-22T13:00:00.123456789Z" with so many digits (0 to 9) of the second's fraction; false: before 1970. */
bool flow_time_format(int64_t unix_ns, unsigned digits, char ret[FLOW_TIME_MAX]);
/* Also with other fractions, and with an offset from UTC.  0; -EINVAL. */
int flow_time_parse(const char *s, int64_t *ret_unix_ns);
/* The same in seconds, also of years whose nanoseconds do not fit (to 9999). */
int flow_second_parse(const char *s, int64_t *ret_unix_s);

#endif
