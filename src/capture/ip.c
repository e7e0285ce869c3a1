/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/packet.h"

#define MAX_HEADERS 16

enum {
	HOP_BY_HOP = 0,
	ROUTING = 43,
	FRAGMENT = 44,
	AUTHENTICATION = 51,
	DESTINATION = 60,
	MOBILITY = 135,
	HOST_IDENTITY = 139,
	SHIM6 = 140
};

static void put_ip4(uint8_t to[16], struct slice addr)
{
	memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	if (addr.n == 4)
		memcpy(to + 12, addr.p, 4);
}

/* A length of 0 is what segmentation offload leaves of one that does not fit: the packet is as long as it is. */
static enum ip_found ip4(struct slice in, struct ip_packet *ret)
{
	struct rd r = rd_init(in);
	size_t head = (rd_u8(&r) & 15) * 4u, len;
	uint16_t frag;

	(void)rd_u8(&r);
	len = rd_be16(&r);
	ret->frag_id = rd_be16(&r);
	frag = rd_be16(&r);
	(void)rd_u8(&r);
	ret->proto = rd_u8(&r);
	(void)rd_be16(&r);
	put_ip4(ret->src.addr, rd_bytes(&r, 4));
	put_ip4(ret->dst.addr, rd_bytes(&r, 4));
	if (r.short_read || in.n < head)
		return IP_CUT;
	if (!len)
		len = in.n;
	if (head < 20 || len < head)
		return IP_BAD;
	ret->payload = slice_cut(in, head, len);
	ret->len = (uint32_t)(len - head);
	ret->more = frag & 0x2000;
	ret->frag_off = (uint16_t)((frag & 0x1fff) * 8);
	ret->fragment = ret->more || ret->frag_off;
	return IP_OK;
}

bool ip_pass_extensions(struct ip_packet *p)
{
	struct rd r = rd_init(p->payload);
	size_t n;

	for (int i = 0; i < MAX_HEADERS; i++) {
		uint8_t kind = p->proto, next, words;

		if (kind != HOP_BY_HOP && kind != ROUTING && kind != FRAGMENT &&
		    kind != AUTHENTICATION && kind != DESTINATION && kind != MOBILITY &&
		    kind != HOST_IDENTITY && kind != SHIM6)
			break;
		next = rd_u8(&r);
		words = rd_u8(&r);
		if (kind == FRAGMENT) {
			uint16_t frag = rd_be16(&r);

			p->frag_id = rd_be32(&r);
			p->frag_off = frag & 0xfff8;
			p->more = frag & 1;
			p->fragment = p->more || p->frag_off;
		} else {
			(void)rd_bytes(&r,
				       kind == AUTHENTICATION ? words * 4u + 6 : words * 8u + 6);
		}
		if (r.short_read)
			return false;
		p->proto = next;
		if (p->fragment)
			break; /* what follows is looked at when all of it is there */
	}
	n = p->payload.n - rd_left(&r);
	p->payload = rd_bytes(&r, rd_left(&r));
	p->len -= (uint32_t)n;
	return true;
}

static enum ip_found ip6(struct slice in, struct ip_packet *ret)
{
	struct rd r = rd_init(in);
	struct slice src, dst, rest;
	uint32_t len;

	(void)rd_be32(&r);
	len = rd_be16(&r);
	ret->proto = rd_u8(&r);
	(void)rd_u8(&r);
	src = rd_bytes(&r, 16);
	dst = rd_bytes(&r, 16);
	if (r.short_read)
		return IP_CUT;
	memcpy(ret->src.addr, src.p, 16);
	memcpy(ret->dst.addr, dst.p, 16);
	rest = rd_bytes(&r, rd_left(&r));
	if (!len) /* a jumbogram (RFC 2675), or segmentation offload */
		len = (uint32_t)rest.n;
	ret->payload = slice_cut(rest, 0, len);
	ret->len = len;
	return ip_pass_extensions(ret) ? IP_OK : IP_CUT;
}

enum ip_found ip_parse(struct slice in, struct ip_packet *ret)
{
	*ret = (struct ip_packet){ 0 };
	if (in.n == 0)
		return IP_CUT;
	if (in.p[0] >> 4 == 4)
		return ip4(in, ret);
	return in.p[0] >> 4 == 6 ? ip6(in, ret) : IP_BAD;
}
