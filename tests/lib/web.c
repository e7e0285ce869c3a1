/* SPDX-License-Identifier: Apache-2.0 */
#include "web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "test.h"

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

uint16_t web_free_port(void)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

int web_dial(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void send_all(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the answer, or its absence, tells */
		at += sent;
		n -= (size_t)sent;
	}
}

static int read_byte(int fd, char *c)
{
	return recv(fd, c, 1, 0) == 1;
}

int web_has(const struct web_reply *r, const char *line)
{
	const char *p = r->head;
	size_t n = strlen(line);

	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncmp(p, line, n) == 0)
			return 1;
	}
	return 0;
}

static size_t content_length(const char *head)
{
	const char *p = strstr(head, "\r\nContent-Length: ");

	return p ? strtoul(p + 18, NULL, 10) : 0;
}

struct web_reply web_read(int fd)
{
	struct web_reply r = { 0 };
	size_t n = 0, want;

	while (n < sizeof(r.head) - 1 && read_byte(fd, &r.head[n])) {
		n++;
		if (n >= 4 && memcmp(r.head + n - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	if (n < 12 || strncmp(r.head, "HTTP/1.1 ", 9) != 0)
		return r;
	r.status = (int)strtol(r.head + 9, NULL, 10);
	want = content_length(r.head);
	r.body = calloc(1, want + 1);
	assert_non_null(r.body);
	while (r.n < want) {
		ssize_t got = recv(fd, r.body + r.n, want - r.n, 0);

		if (got <= 0)
			break;
		r.n += (size_t)got;
	}
	return r;
}

struct web_reply web_ask(uint16_t port, const char *method, const char *path, const char *more,
			 const char *body)
{
	int fd = web_dial(port);
	struct web_reply r;
	struct buf b = { 0 };

	buf_printf(&b, "%s %s HTTP/1.1\r\n", method, path);
	if (!strstr(more, "Host:"))
		buf_printf(&b, "Host: 127.0.0.1:%u\r\n", port);
	buf_puts(&b, more);
	if (body)
		buf_printf(&b, "Content-Length: %zu\r\n", strlen(body));
	buf_puts(&b, "\r\n");
	if (body)
		buf_puts(&b, body);
	send_all(fd, b.p, b.n);
	buf_release(&b);
	if (strcmp(method, "HEAD") == 0) { /* Content-Length, and no content */
		r = (struct web_reply){ 0 };
		r.n = (size_t)recv(fd, r.head, sizeof(r.head) - 1, 0);
		r.status = (int)strtol(r.head + 9, NULL, 10);
		r.n = 0;
	} else {
		r = web_read(fd);
	}
	close(fd);
	return r;
}

void web_free(struct web_reply *r)
{
	free(r->body);
	r->body = NULL;
}

int ws_open(uint16_t port, const char *more)
{
	int fd = web_dial(port);
	struct web_reply r;
	struct buf b = { 0 };

	buf_puts(&b,
		 "GET /api/ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
	if (!strstr(more, "Host:"))
		buf_printf(&b, "Host: 127.0.0.1:%u\r\n", port);
	buf_puts(&b, more);
	buf_puts(&b, "\r\n");
	send_all(fd, b.p, b.n);
	buf_release(&b);
	r = web_read(fd);
	web_free(&r);
	if (r.status == 101)
		return fd;
	close(fd);
	return -r.status;
}

void ws_send_frame(int fd, unsigned opcode, const void *data, size_t n)
{
	uint8_t head[14] = { (uint8_t)(0x80 | opcode) }; /* RFC 6455, 5.2; the mask is zero */
	size_t at = 2;

	if (n < 126) {
		head[1] = (uint8_t)(0x80 | n);
	} else {
		head[1] = 0x80 | 127;
		for (int i = 7; i >= 0; i--)
			head[at++] = (uint8_t)((uint64_t)n >> 8 * i);
	}
	at += 4;
	send_all(fd, head, at);
	send_all(fd, data, n);
}

void ws_send(int fd, const char *text)
{
	ws_send_frame(fd, 1, text, strlen(text));
}

static int recv_all(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, p, n, 0);

		if (got <= 0)
			return 0;
		p += got;
		n -= (size_t)got;
	}
	return 1;
}

/* One frame; 0: closed. */
static int recv_frame(int fd, struct buf *to, unsigned *ret_opcode)
{
	uint8_t head[2], more[8];
	uint64_t n = 0;
	size_t len;
	uint8_t *p;

	if (!recv_all(fd, head, 2))
		return 0;
	n = head[1] & 127;
	len = n == 126 ? 2 : n == 127 ? 8 : 0;
	if (len) {
		if (!recv_all(fd, more, len))
			return 0;
		n = 0;
		for (size_t i = 0; i < len; i++)
			n = n << 8 | more[i];
	}
	p = buf_room(to, n + 1);
	assert_non_null(p);
	if (!recv_all(fd, p, n))
		return 0;
	to->n += n;
	*ret_opcode = head[0] & 15;
	return head[0] & 0x80 ? 1 : 2; /* 2: more of it follows */
}

cJSON *ws_recv(int fd, int timeout_ms, size_t *ret_bytes)
{
	struct pollfd p = { fd, POLLIN, 0 };
	struct buf b = { 0 };
	unsigned opcode = 0;
	cJSON *j = NULL;
	int r;

	for (;;) {
		if (poll(&p, 1, timeout_ms) <= 0)
			break;
		r = recv_frame(fd, &b, &opcode);
		if (r == 0 || opcode == 8)
			break;
		if (r == 2)
			continue;
		if (opcode == 9) { /* ping */
			buf_clear(&b);
			continue;
		}
		j = cJSON_ParseWithLength((const char *)b.p, b.n);
		assert_non_null(j);
		break;
	}
	if (ret_bytes)
		*ret_bytes = b.n;
	buf_release(&b);
	return j;
}
