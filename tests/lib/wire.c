/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

static void put(struct buf *b, bool big, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)(v >> 8 * (big ? n - 1 - i : i));

		buf_put(b, (struct slice){ &byte, 1 });
	}
}

static void be(struct buf *b, uint64_t v, size_t n)
{
	put(b, true, v, n);
}

void wire_interface(struct wire *w, uint16_t link, uint8_t tsresol)
{
	put(&w->file, w->big, 1, 4);
	put(&w->file, w->big, 32, 4);
	put(&w->file, w->big, link, 2);
	put(&w->file, w->big, 0, 2);
	put(&w->file, w->big, 0, 4);
	put(&w->file, w->big, 9, 2); /* if_tsresol */
	put(&w->file, w->big, 1, 2);
	put(&w->file, w->big, w->big ? (uint32_t)tsresol << 24 : tsresol, 4);
	put(&w->file, w->big, 0, 4); /* opt_endofopt */
	put(&w->file, w->big, 32, 4);
}

static void file_head(struct wire *w)
{
	if (w->format == WIRE_PCAPNG) {
		put(&w->file, w->big, 0x0a0d0d0a, 4);
		put(&w->file, w->big, 28, 4);
		put(&w->file, w->big, 0x1a2b3c4d, 4);
		put(&w->file, w->big, 1, 2);
		put(&w->file, w->big, 0, 2);
		put(&w->file, w->big, UINT64_MAX, 8);
		put(&w->file, w->big, 28, 4);
		wire_interface(w, w->link, 9);
		return;
	}
	put(&w->file, w->big, w->format == WIRE_PCAP_NS ? 0xa1b23c4d : 0xa1b2c3d4, 4);
	put(&w->file, w->big, 2, 2);
	put(&w->file, w->big, 4, 2);
	put(&w->file, w->big, 0, 8);
	put(&w->file, w->big, 262144, 4);
	put(&w->file, w->big, w->link, 4);
}

void wire_init(struct wire *w, enum wire_format format, bool big, uint16_t link)
{
	*w = (struct wire){ .format = format,
			    .big = big,
			    .link = link,
			    .now_ns = 1700000000000000000u,
			    .port = { 40000, 80 },
			    .seq = { 1000, 0xfffffff0u } }; /* the server's wraps */
	file_head(w);
}

void wire_packet(struct wire *w, struct slice data, uint32_t len)
{
	static const uint8_t zero[4];
	uint32_t unit = w->format == WIRE_PCAP ? 1000 : 1, pad;

	data = slice_cut(data, 0, w->snaplen ? w->snaplen : data.n);
	w->now_ns += 1000000;
	if (w->format != WIRE_PCAPNG) {
		put(&w->file, w->big, w->now_ns / 1000000000, 4);
		put(&w->file, w->big, w->now_ns % 1000000000 / unit, 4);
		put(&w->file, w->big, data.n, 4);
		put(&w->file, w->big, len, 4);
		buf_put(&w->file, data);
		return;
	}
	pad = (uint32_t)(4 - data.n % 4) % 4;
	put(&w->file, w->big, 6, 4);
	put(&w->file, w->big, 32 + data.n + pad, 4);
	put(&w->file, w->big, w->iface, 4);
	put(&w->file, w->big, w->now_ns >> 32, 4);
	put(&w->file, w->big, w->now_ns, 4);
	put(&w->file, w->big, data.n, 4);
	put(&w->file, w->big, len, 4);
	buf_put(&w->file, data);
	buf_put(&w->file, (struct slice){ zero, pad });
	put(&w->file, w->big, 32 + data.n + pad, 4);
}

void wire_ip(struct wire *w, struct slice ip)
{
	struct buf b = { 0 };

	if (w->before_ip) {
		buf_put(&b, (struct slice){ (const uint8_t *)w->before_ip, w->nbefore });
	} else if (w->link == 1) {
		buf_put(&b, SLICE_LIT("\2\0\0\0\0\2\2\0\0\0\0\1"));
		be(&b, w->ip6 ? 0x86dd : 0x0800, 2);
	}
	buf_put(&b, ip);
	wire_packet(w, buf_slice(&b), (uint32_t)b.n);
	buf_release(&b);
}

void wire_payload(struct wire *w, struct buf *ret, int from, uint8_t proto, struct slice payload)
{
	static const uint8_t prefix[15] = { 0x20, 1, 0xd, 0xb8 };

	if (w->ip6) {
		be(ret, 0x60000000, 4);
		be(ret, payload.n, 2);
		be(ret, proto, 1);
		be(ret, 64, 1);
		for (int i = 0; i < 2; i++) { /* 2001:db8::1 is the client */
			buf_put(ret, (struct slice){ prefix, 15 });
			be(ret, (i == 0) == (from == 0) ? 1 : 2, 1);
		}
	} else {
		be(ret, 0x4500, 2);
		be(ret, 20 + payload.n, 2);
		be(ret, 0, 4);
		be(ret, 64, 1);
		be(ret, proto, 1);
		be(ret, 0, 2);
		be(ret, 0x0a000001u + (unsigned)from, 4);
		be(ret, 0x0a000002u - (unsigned)from, 4);
	}
	buf_put(ret, payload);
}

void wire_segment(struct wire *w, struct buf *ret, int from, unsigned flags, int64_t off,
		  const char *text)
{
	be(ret, w->port[from], 2);
	be(ret, w->port[!from], 2);
	be(ret, (uint32_t)(w->seq[from] + (uint64_t)off), 4);
	be(ret, flags & WIRE_ACK ? w->seq[!from] : 0, 4);
	be(ret, 0x50, 1);
	be(ret, flags, 1);
	be(ret, 65535, 2);
	be(ret, 0, 4);
	buf_puts(ret, text);
}

void wire_tcp(struct wire *w, int from, unsigned flags, int64_t off, const char *text)
{
	struct buf seg = { 0 }, ip = { 0 };

	wire_segment(w, &seg, from, flags, off, text);
	wire_payload(w, &ip, from, 6, buf_slice(&seg));
	wire_ip(w, buf_slice(&ip));
	buf_release(&seg);
	buf_release(&ip);
}

void wire_say(struct wire *w, int from, const char *text)
{
	wire_tcp(w, from, WIRE_PSH | WIRE_ACK, 0, text);
	w->seq[from] += (uint32_t)strlen(text);
}

void wire_connect(struct wire *w)
{
	wire_tcp(w, 0, WIRE_SYN, 0, "");
	w->seq[0]++;
	wire_tcp(w, 1, WIRE_SYN | WIRE_ACK, 0, "");
	w->seq[1]++;
	wire_tcp(w, 0, WIRE_ACK, 0, "");
}

void wire_finish(struct wire *w)
{
	wire_tcp(w, 0, WIRE_FIN | WIRE_ACK, 0, "");
	w->seq[0]++;
	wire_tcp(w, 1, WIRE_FIN | WIRE_ACK, 0, "");
	w->seq[1]++;
	wire_tcp(w, 0, WIRE_ACK, 0, "");
}

int wire_fd(const struct wire *w)
{
	int fd = memfd_create("wire", MFD_CLOEXEC);

	assert(fd >= 0 && !w->file.failed);
	for (size_t at = 0; at < w->file.n;) {
		ssize_t n = write(fd, w->file.p + at, w->file.n - at);

		assert(n > 0);
		at += (size_t)n;
	}
	assert(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

void wire_release(struct wire *w)
{
	buf_release(&w->file);
}
