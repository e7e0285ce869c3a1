/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - one line a message on standard error, prefixed by the process's name.
 *
 * Captured bytes, header values and secrets are never logged.  Libraries below cmd/, tap/ and hub/
 * use only log_debug.
 */
#ifndef LIMPID_BASE_LOG_H
#define LIMPID_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* name is borrowed for ever ("tap", "decode", "hub"; "" for the command itself).  Colour only when standard error is a
 * terminal and NO_COLOR is unset. */
void log_setup(const char *name, enum log_level level);
/* Standard error is a terminal whose last line may hold something that is drawn again and again: a message erases that first. */
void log_erases(void);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
