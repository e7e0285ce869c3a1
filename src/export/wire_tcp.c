/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet, IP (RFC 791, RFC 8200), TCP (RFC 9293) around payload.  Checksums are right; nothing is ever lost, and each segment
 * acknowledges all that came before. */
#include "export/wire.h"

#define ETHER	   14
#define MTU	   1500
#define TCP_HEAD   20
#define WINDOW	   65535
#define SYN_OPTION 8

static bool is_v4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(addr, mapped, 12) == 0;
}

static bool is_known(const uint8_t addr[16])
{
	static const uint8_t none[16];

	return memcmp(addr, none, 16) != 0;
}

static bool conn_v4(const struct wire_conn *c)
{
	return is_v4(c->addr[0]) && is_v4(c->addr[1]);
}

static uint32_t hash(struct slice s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 16777619u;
	return h;
}

/* 198.18.0.0/15, or 2001:2::/48 when the other end is IPv6. */
static void make_up(uint8_t addr[16], bool v4, bool server, uint32_t h)
{
	memset(addr, 0, 16);
	if (v4) {
		addr[10] = addr[11] = 0xff;
		addr[12] = 198;
		addr[13] = server ? 19 : 18;
	} else {
		addr[0] = 0x20;
		addr[1] = 0x01;
		addr[3] = 0x02;
		addr[7] = server;
	}
	addr[14] = (uint8_t)(h >> 8);
	addr[15] = (uint8_t)(h % 254 + 1);
}

void wire_ends(struct wire_conn *c, const struct flow *f, uint16_t port)
{
	const struct flow_conn *fc = f->conn;
	const struct flow_peer *ends[2] = { &fc->client, &fc->server };
	struct slice name = fc->path ? slice_str(fc->path) : slice_str(fc->server.comm);
	bool known[2], unix_socket = flow_is_unix(fc);

	for (int i = 0; i < 2; i++) {
		known[i] = !unix_socket && is_known(ends[i]->addr);
		memcpy(c->addr[i], ends[i]->addr, 16);
		c->port[i] = unix_socket ? 0 : ends[i]->port;
	}
	for (int i = 0; i < 2; i++)
		if (!known[i])
			make_up(c->addr[i], !known[!i] || is_v4(c->addr[!i]), i == 1,
				i ? hash(name) : (uint32_t)(fc->id ^ fc->id >> 32));
	if (!c->port[0])
		c->port[0] = (uint16_t)(1024 + fc->id % 60000);
	if (!c->port[1])
		c->port[1] = port ? port : 1023;
	c->seq[0] = 1000000000u + hash((struct slice){ (const uint8_t *)&fc->id, sizeof(fc->id) }) % 1000000000u;
	c->seq[1] = c->seq[0] / 2 + 1;
}

size_t wire_mss(const struct wire_conn *c)
{
	return MTU - TCP_HEAD - (conn_v4(c) ? 20 : 40);
}

/* RFC 1071. */
static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void set_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_ethernet(struct buf *out, const struct wire_conn *c, bool from_server)
{
	bool v4 = conn_v4(c);

	for (int i = 0; i < 2; i++) { /* destination first; locally administered, ending like the address */
		const uint8_t *addr = c->addr[i ? from_server : !from_server];

		wire_be(out, 0x0200, 2);
		buf_put(out, (struct slice){ addr + 12, 4 });
	}
	wire_be(out, v4 ? 0x0800 : 0x86dd, 2);
}

static void put_ip(struct buf *out, const struct wire_conn *c, bool from_server, size_t n)
{
	const uint8_t *from = c->addr[from_server], *to = c->addr[!from_server];
	size_t at = out->n;

	if (!conn_v4(c)) {
		wire_be(out, 0x60000000, 4);
		wire_be(out, n, 2);
		wire_be(out, 6 << 8 | 64, 2); /* TCP, hop limit */
		buf_put(out, (struct slice){ from, 16 });
		buf_put(out, (struct slice){ to, 16 });
		return;
	}
	wire_be(out, 0x4500, 2);
	wire_be(out, 20 + n, 2);
	wire_be(out, 0x00004000, 4);  /* no id, do not fragment */
	wire_be(out, 64 << 8 | 6, 2); /* time to live, TCP */
	wire_be(out, 0, 2);
	buf_put(out, (struct slice){ from + 12, 4 });
	buf_put(out, (struct slice){ to + 12, 4 });
	if (!out->failed)
		set_be16(out->p + at + 10, ~sum(0, out->p + at, 20) & 0xffff);
}

static uint32_t pseudo(const struct wire_conn *c, bool from_server, size_t n)
{
	size_t from = conn_v4(c) ? 12 : 0;
	uint32_t s = sum((uint32_t)n + 6, c->addr[from_server] + from, 16 - from);

	return sum(s, c->addr[!from_server] + from, 16 - from);
}

void wire_frame(struct buf *out, struct wire_conn *c, bool from_server, unsigned flags, struct slice payload)
{
	bool syn = flags & WIRE_SYN;
	size_t n = TCP_HEAD + (syn ? SYN_OPTION : 0) + payload.n, at;

	put_ethernet(out, c, from_server);
	put_ip(out, c, from_server, n);
	at = out->n;
	wire_be(out, c->port[from_server], 2);
	wire_be(out, c->port[!from_server], 2);
	wire_be(out, c->seq[from_server], 4);
	wire_be(out, flags & WIRE_ACK ? c->seq[!from_server] : 0, 4);
	wire_be(out, (syn ? 7u : 5u) << 12 | flags, 2);
	wire_be(out, WINDOW, 2);
	wire_be(out, 0, 4); /* checksum, urgent pointer */
	if (syn) {
		wire_be(out, 2 << 8 | 4, 2); /* the largest segment */
		wire_be(out, wire_mss(c), 2);
		wire_be(out, 1 << 24 | 3 << 16 | 3 << 8 | 8, 4); /* windows are 256 times what they say */
	}
	buf_put(out, payload);
	if (!out->failed)
		set_be16(out->p + at + 16, ~sum(pseudo(c, from_server, n), out->p + at, n) & 0xffff);
	c->seq[from_server] += (uint32_t)payload.n + (syn || flags & WIRE_FIN);
}
