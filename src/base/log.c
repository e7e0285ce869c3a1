/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	const char *name;
	enum log_level level;
	bool colour, erases;
} state = { "", LOG_LEVEL_INFO, false, false };

void log_setup(const char *name, enum log_level level)
{
	state.name = name;
	state.level = level;
	state.colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

void log_erases(void)
{
	state.erases = isatty(STDERR_FILENO);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = { "error: ", "warning: ", "", "debug: " };
	static const char *const colours[] = { "\033[31m", "\033[33m", "", "\033[2m" };
	char line[1024];
	va_list ap;

	if (level > state.level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap); /* cut at the end of the line buffer */
	va_end(ap);
	/* One call, so that lines of several processes do not mix. */
	(void)fprintf(stderr, "%s%slimpid%s%s: %s%s%s\n", state.erases ? "\r\033[K" : "", state.colour ? colours[level] : "",
		      state.name[0] ? " " : "", state.name, words[level], line,
		      state.colour && colours[level][0] ? "\033[0m" : "");
}
