/* SPDX-License-Identifier: Apache-2.0 */
/* decode make KIND N FILE - writes a capture with N exchanges; prints the number of exchanges and their bytes of payload.
 * decode read FILE        - what limpid read does, unconfined and without output (for callgrind): prints the flows.
 * decode copy FILE        - the limit: reads the file and copies it once more; nothing is looked at. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/pcap.h"
#include "conn/table.h"

#define MSS   1448
#define CONNS 50

struct end {
	uint32_t seq;
	uint16_t port;
};

struct conn {
	struct end s[2]; /* client, server */
};

static FILE *out;
static uint64_t now_us = 1700000000000000, payload;

/* --- packets --- */

static void put(struct buf *b, uint64_t v, int n)
{
	for (int i = n - 1; i >= 0; i--) {
		uint8_t byte = (uint8_t)(v >> 8 * i);

		buf_put(b, (struct slice){ &byte, 1 });
	}
}

static void le32(uint32_t v)
{
	for (int i = 0; i < 4; i++)
		(void)putc((int)(v >> 8 * i & 255), out);
}

static void packet(struct conn *c, int from, unsigned flags, struct slice data)
{
	static struct buf b;
	size_t n = 54 + data.n;

	b.n = 0;
	buf_put(&b, SLICE_LIT("\2\0\0\0\0\2\2\0\0\0\0\1\x08\0"));
	put(&b, 0x4500, 2);
	put(&b, 40 + data.n, 2);
	put(&b, 0, 4);
	put(&b, 0x4006, 2);
	put(&b, 0, 2);
	put(&b, 0x0a000001u + (unsigned)from, 4);
	put(&b, 0x0a000002u - (unsigned)from, 4);
	put(&b, c->s[from].port, 2);
	put(&b, c->s[!from].port, 2);
	put(&b, c->s[from].seq, 4);
	put(&b, flags & 16 ? c->s[!from].seq : 0, 4);
	put(&b, 0x5000 | flags, 2);
	put(&b, 65535, 2);
	put(&b, 0, 4);
	now_us += 3;
	le32((uint32_t)(now_us / 1000000));
	le32((uint32_t)(now_us % 1000000));
	le32((uint32_t)n);
	le32((uint32_t)n);
	(void)fwrite(b.p, 1, b.n, out);
	(void)fwrite(data.p, 1, data.n, out);
	c->s[from].seq += (uint32_t)data.n + (flags & 3 ? 1 : 0);
}

/* As a network card gives it: segments, an acknowledgement for every two. */
static void say(struct conn *c, int from, struct slice data)
{
	payload += data.n;
	for (size_t at = 0, i = 1; at < data.n; at += MSS, i++) {
		bool last = at + MSS >= data.n;

		packet(c, from, last ? 24 : 16, slice_cut(data, at, at + MSS));
		if (i % 2 == 0 || last)
			packet(c, !from, 16, (struct slice){ 0 });
	}
}

static void begin(struct conn *c, unsigned i, uint16_t port)
{
	*c = (struct conn){ .s = { { i * 77777777u, (uint16_t)(20000 + i % 40000) },
				   { i * 99999999u, port } } };
	packet(c, 0, 2, (struct slice){ 0 });
	packet(c, 1, 18, (struct slice){ 0 });
	packet(c, 0, 16, (struct slice){ 0 });
}

static void finish(struct conn *c)
{
	packet(c, 0, 17, (struct slice){ 0 });
	packet(c, 1, 17, (struct slice){ 0 });
	packet(c, 0, 16, (struct slice){ 0 });
}

/* --- protocols: i-th exchange on c --- */

static struct buf req, resp;

static void http1_small(struct conn *c, unsigned i)
{
	req.n = resp.n = 0;
	buf_printf(&req,
		   "GET /v1/users/%u?fields=name,mail HTTP/1.1\r\nHost: "
		   "api.example.com\r\nUser-Agent: bench/1.0\r\n"
		   "Accept: application/json\r\nAuthorization: Bearer "
		   "abcdefghijklmnopqrstuvwxyz\r\n\r\n",
		   i);
	buf_printf(&resp,
		   "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 04:00:00 "
		   "GMT\r\nContent-Type: "
		   "application/json\r\nContent-Length: 88\r\nConnection: "
		   "keep-alive\r\n\r\n{\"id\":%010u,\"name\":\"somebody or "
		   "other\",\"mail\":\"somebody@example.com\",\"active\":true}",
		   i);
	say(c, 0, buf_slice(&req));
	say(c, 1, buf_slice(&resp));
}

static void body(struct buf *b, size_t n)
{
	uint8_t *p = buf_room(b, n);

	for (size_t i = 0; p && i < n; i++)
		p[i] = (uint8_t)("0123456789abcdef"[i * 2654435761u >> 20 & 15]);
	b->n += n;
}

static void http1_large(struct conn *c, unsigned i)
{
	static struct buf large;

	req.n = resp.n = 0;
	buf_printf(&req, "GET /files/%u HTTP/1.1\r\nHost: files.example.com\r\n\r\n", i);
	buf_puts(&resp,
		 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n");
	if (!large.n)
		body(&large, 1000000);
	buf_put(&resp, buf_slice(&large));
	say(c, 0, buf_slice(&req));
	say(c, 1, buf_slice(&resp));
}

static void frame(struct buf *b, uint32_t n, unsigned type, unsigned flags, uint32_t stream)
{
	put(b, n, 3);
	put(b, type, 1);
	put(b, flags, 1);
	put(b, stream, 4);
}

/* 100 streams at once: all requests, then the answers' heads, then their bodies. */
static void http2(struct conn *c, unsigned i)
{
	uint32_t first = 1 + i / CONNS * 200;

	req.n = resp.n = 0;
	if (first == 1) {
		buf_puts(&req, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		frame(&req, 0, 4, 0, 0);
		frame(&resp, 0, 4, 0, 0);
	}
	for (uint32_t s = 0; s < 100; s++) {
		char path[24];
		int n = snprintf(path, sizeof(path), "/v1/users/%08u", s);

		/* :method GET, :scheme http, :path literal, :authority literal, user-agent literal */
		frame(&req, 2 + 2 + (uint32_t)n + 2 + 15 + 3 + 9, 1, 5, first + s * 2);
		put(&req, 0x8286, 2);
		put(&req, 0x0400 | (unsigned)n, 2);
		buf_puts(&req, path);
		put(&req, 0x010f, 2);
		buf_puts(&req, "api.example.com");
		put(&req, 0x0f2b, 2);
		put(&req, 9, 1);
		buf_puts(&req, "bench/1.0");
	}
	for (uint32_t s = 0; s < 100; s++) { /* :status 200, content-type literal */
		frame(&resp, 1 + 3 + 16, 1, 4, first + s * 2);
		put(&resp, 0x88, 1);
		put(&resp, 0x0f1010, 3);
		buf_puts(&resp, "application/json");
	}
	for (uint32_t s = 0; s < 100; s++) {
		frame(&resp, 84, 0, 1, first + s * 2);
		body(&resp, 84);
	}
	say(c, 0, buf_slice(&req));
	say(c, 1, buf_slice(&resp));
}

static void pg(struct buf *b, char type, const char *text, size_t n)
{
	put(b, (uint8_t)type, 1);
	put(b, n + 4, 4);
	buf_put(b, (struct slice){ (const uint8_t *)text, n });
}

#define PG(b, type, text) pg(b, type, text, sizeof(text) - 1)

/* Extended query, ten rows of three columns. */
static void postgres(struct conn *c, unsigned i)
{
	char bind[64] = "\0s1\0\0\0\0\1\0\0\0\10", row[64];
	int n;

	req.n = resp.n = 0;
	if (i < CONNS) {
		put(&req, 35, 4);
		put(&req, 196608, 4); /* version 3.0 */
		buf_put(&req, SLICE_LIT("user\0bench\0database\0bench\0\0"));
		say(c, 0, buf_slice(&req));
		pg(&resp, 'R', "\0\0\0\0", 4);
		pg(&resp, 'Z', "I", 1);
		say(c, 1, buf_slice(&resp));
		req.n = resp.n = 0;
	}
	PG(&req, 'P', "s1\0SELECT id, name, mail FROM users WHERE id > $1 LIMIT 10\0\0\0");
	(void)snprintf(bind + 12, sizeof(bind) - 12, "%08u", i);
	memcpy(bind + 20, "\0\0", 2);
	pg(&req, 'B', bind, 22);
	PG(&req, 'D', "P\0");
	PG(&req, 'E', "\0\0\0\0\0");
	PG(&req, 'S', "");
	PG(&resp, '1', "");
	PG(&resp, '2', "");
	PG(&resp, 'T',
	   "\0\3id\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"
	   "name\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
	   "mail\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
	for (unsigned r = 0; r < 10; r++) {
		memcpy(row, "\0\3\0\0\0\10", 6);
		n = snprintf(row + 6, 9, "%08u", i + r);
		memcpy(row + 6 + n, "\0\0\0\10somebody\0\0\0\24somebody@example.com",
		       4 + 8 + 4 + 20);
		pg(&resp, 'D', row, 6 + 8 + 4 + 8 + 4 + 20);
	}
	PG(&resp, 'C', "SELECT 10\0");
	PG(&resp, 'Z', "I");
	say(c, 0, buf_slice(&req));
	say(c, 1, buf_slice(&resp));
}

/* A pipeline of 100 commands. */
static void redis(struct conn *c, unsigned i)
{
	req.n = resp.n = 0;
	for (unsigned k = 0; k < 100; k++) {
		if (k % 2) {
			buf_printf(&req, "*2\r\n$3\r\nGET\r\n$12\r\nuser:%07u\r\n",
				   (i * 100 + k) % 9999999);
			buf_puts(&resp, "$20\r\nsomebody@example.com\r\n");
		} else {
			buf_printf(&req,
				   "*3\r\n$3\r\nSET\r\n$12\r\nuser:%07u\r\n$20\r\nsomebody@example."
				   "com\r\n",
				   (i * 100 + k) % 9999999);
			buf_puts(&resp, "+OK\r\n");
		}
	}
	say(c, 0, buf_slice(&req));
	say(c, 1, buf_slice(&resp));
}

static const struct kind {
	const char *name;
	void (*put)(struct conn *c, unsigned i);
	unsigned each, extra; /* exchanges per call; in all, those of each connection's beginning */
	uint16_t port;
} kinds[] = {
	{ "http1-small", http1_small, 1, 0, 80 },
	{ "http1-large", http1_large, 1, 0, 80 },
	{ "http2", http2, 100, 0, 80 },
	{ "postgres", postgres, 1, CONNS, 5432 },
	{ "redis", redis, 100, 0, 6379 },
};

static int make(const char *name, unsigned n, const char *file)
{
	static const uint8_t head[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0,
					  0,	0,    0,    0,	  0, 0, 0, 4, 0, 1 };
	static struct conn conns[CONNS];
	const struct kind *k = kinds;

	while (k < kinds + sizeof(kinds) / sizeof(*kinds) && strcmp(k->name, name) != 0)
		k++;
	out = fopen(file, "we");
	if (!out || k == kinds + sizeof(kinds) / sizeof(*kinds))
		return 1;
	(void)fwrite(head, 1, sizeof(head), out);
	for (unsigned i = 0; i < CONNS; i++)
		begin(&conns[i], i, k->port);
	for (unsigned i = 0; i * k->each < n; i++)
		k->put(&conns[i % CONNS], i);
	for (unsigned i = 0; i < CONNS; i++)
		finish(&conns[i]);
	if (fclose(out) != 0)
		return 1;
	printf("%u %llu\n", (n + k->each - 1) / k->each * k->each + k->extra, (unsigned long long)payload);
	return 0;
}

/* --- reading --- */

static void count(void *ctx, const struct flow *f)
{
	*(uint64_t *)ctx += f->state != FLOW_OPEN;
}

static void deliver(void *ctx, const struct ev_hdr *ev)
{
	(void)conn_table_event(ctx, ev);
}

static int read_file(const char *file)
{
	static const struct conn_hooks hooks = { .flow = count };
	static const uint8_t seed[16] = { 1 };
	struct conn_limits limits;
	struct conn_table *t;
	struct source *s;
	uint64_t flows = 0;

	conn_limits_default(&limits);
	limits.all_messages = limits.streams_only = limits.msg.unread_bodies = true; /* as src/cmd/replay.c */
	t = conn_table_new(&limits, &hooks, &flows, 0, seed);
	if (!t || source_file_open(&s, open(file, O_RDONLY | O_CLOEXEC)) < 0)
		return 1;
	while (s->ops->poll(s, 0, deliver, t) > 0)
		;
	conn_table_finish(t);
	conn_table_free(t);
	s->ops->close(s);
	printf("%llu\n", (unsigned long long)flows);
	return 0;
}

static int copy_file(const char *file)
{
	static uint8_t a[256 << 10], b[256 << 10];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 1;
	while ((n = read(fd, a, sizeof(a))) > 0) {
		memcpy(b, a, (size_t)n);
		__asm__ volatile("" : : "r"(b) : "memory");
	}
	close(fd);
	return n < 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "make") == 0)
		return make(argv[2], (unsigned)strtoul(argv[3], NULL, 10), argv[4]);
	if (argc == 3 && strcmp(argv[1], "read") == 0)
		return read_file(argv[2]);
	if (argc == 3 && strcmp(argv[1], "copy") == 0)
		return copy_file(argv[2]);
	(void)fputs("decode make KIND N FILE | read FILE | copy FILE\n", stderr);
	return 2;
}
