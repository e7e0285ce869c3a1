/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/time.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

bool flow_time_format(int64_t unix_ns, unsigned digits, char ret[FLOW_TIME_MAX])
{
	time_t sec = unix_ns / SECOND;
	int64_t fraction = unix_ns % SECOND;
	struct tm tm;
	int n;

	if (unix_ns < 0 || !gmtime_r(&sec, &tm))
		return false;
	n = snprintf(ret, FLOW_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	for (unsigned i = digits; i < 9; i++)
		fraction /= 10;
	if (digits)
		n += snprintf(ret + n, FLOW_TIME_MAX - (size_t)n, ".%0*lld", (int)digits, (long long)fraction);
	(void)snprintf(ret + n, FLOW_TIME_MAX - (size_t)n, "Z");
	return true;
}

/* So many digits at *s, which moves on; -1: they are not there. */
static int number(const char **s, unsigned n)
{
	int v = 0;

	for (; n; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + **s - '0';
	}
	return v;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static int64_t fraction(const char **s)
{
	int64_t v = 0, unit = SECOND / 10;

	if (!skip(s, '.'))
		return 0;
	for (; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
		v += unit * (**s - '0');
	return v;
}

/* Seconds east of UTC; false: there is no zone. */
static bool zone(const char **s, int64_t *ret)
{
	int sign = **s == '-' ? -1 : 1, hours, minutes;

	*ret = 0;
	if (skip(s, 'Z') || skip(s, 'z'))
		return true;
	if (!skip(s, '+') && !skip(s, '-'))
		return false;
	hours = number(s, 2);
	(void)skip(s, ':');
	minutes = number(s, 2);
	*ret = (int64_t)sign * (hours * 3600 + minutes * 60);
	return hours >= 0 && minutes >= 0;
}

static int parse(const char *s, int64_t *ret_s, int64_t *ret_ns)
{
	struct tm tm = { .tm_year = number(&s, 4) - 1900 };
	int64_t ns, east;

	if (!skip(&s, '-') || (tm.tm_mon = number(&s, 2) - 1) < 0 || !skip(&s, '-') ||
	    (tm.tm_mday = number(&s, 2)) < 1 || !(skip(&s, 'T') || skip(&s, 't') || skip(&s, ' ')) ||
	    (tm.tm_hour = number(&s, 2)) < 0 || !skip(&s, ':') || (tm.tm_min = number(&s, 2)) < 0 ||
	    !skip(&s, ':') || (tm.tm_sec = number(&s, 2)) < 0)
		return -EINVAL;
	ns = fraction(&s);
	if (!zone(&s, &east) || *s || tm.tm_year < 70 || tm.tm_mon > 11 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	*ret_s = (int64_t)timegm(&tm) - east;
	*ret_ns = ns;
	return *ret_s < 0 ? -EINVAL : 0;
}

int flow_second_parse(const char *s, int64_t *ret_unix_s)
{
	int64_t ns;

	return parse(s, ret_unix_s, &ns);
}

int flow_time_parse(const char *s, int64_t *ret_unix_ns)
{
	int64_t sec, ns;

	if (parse(s, &sec, &ns) < 0 || sec > INT64_MAX / SECOND - 1)
		return -EINVAL;
	*ret_unix_ns = sec * SECOND + ns;
	return 0;
}
