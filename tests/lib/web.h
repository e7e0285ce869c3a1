/* SPDX-License-Identifier: Apache-2.0 */
/* web.h - a plain HTTP and WebSocket client for tests of the hub. */
#ifndef LIMPID_TESTS_WEB_H
#define LIMPID_TESTS_WEB_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

uint16_t web_free_port(void);
int web_dial(uint16_t port); /* blocking, with a time limit for reading; fails the test */

struct web_reply {
	int status;	 /* 0: closed without an answer */
	char head[4096]; /* NUL-terminated */
	uint8_t *body;	 /* NUL behind it */
	size_t n;
};
/* Sends method, path, more header lines (each ending in "\r\n"; Host is added unless one is there) and a body
 * (NULL: none), and reads one answer. */
struct web_reply web_ask(uint16_t port, const char *method, const char *path, const char *more,
			 const char *body);
struct web_reply web_read(int fd); /* one answer */
void web_free(struct web_reply *r);
/* Does a header line of the answer begin with this text?  The rest of it is compared if it ends in "\r\n". */
int web_has(const struct web_reply *r, const char *line);

/* fd, or the negative status when it was refused. */
int ws_open(uint16_t port, const char *more);
void ws_send(int fd, const char *text);
void ws_send_frame(int fd, unsigned opcode, const void *data, size_t n);
/* The next text message as JSON, to be deleted by the caller; NULL: closed, or nothing for timeout_ms. */
cJSON *ws_recv(int fd, int timeout_ms, size_t *ret_bytes);

#endif
