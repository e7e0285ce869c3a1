/* SPDX-License-Identifier: Apache-2.0 */
/* Link layers by their numbers (https://www.tcpdump.org/linktypes.html), one function each, and a table of them. */
#include "capture/packet.h"

#define MAX_TAGS 8

enum {
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTI = 0x8848,
	TYPE_PPPOE = 0x8864,
	TYPE_TRANSPARENT = 0x6558, /* an Ethernet frame inside */
	LAST_LENGTH = 1500,	   /* below, it is the length of an 802.3 frame */
};

/* --- from a type on --- */

static enum link_found by_version(struct slice rest, struct slice *ret)
{
	if (rest.n == 0)
		return LINK_CUT;
	if (rest.p[0] >> 4 != 4 && rest.p[0] >> 4 != 6)
		return LINK_OTHER;
	*ret = rest;
	return LINK_IP;
}

static enum link_found ppp_protocol(uint16_t proto, struct slice rest, struct slice *ret)
{
	switch (proto) { /* IANA, PPP numbers */
	case 0x0021:
	case 0x0057:
		*ret = rest;
		return LINK_IP;
	case 0x0281:
	case 0x0283:
		return ether_type_find_ip(TYPE_MPLS, rest, ret);
	default:
		return LINK_OTHER;
	}
}

/* RFC 1661, 2: the protocol is one byte when that one is odd (compressed). */
static enum link_found ppp(struct slice in, struct slice *ret)
{
	struct rd r = rd_init(in);
	uint16_t proto = rd_u8(&r);

	if (proto == 0xff &&
	    rd_u8(&r) == 0x03) /* address and control, as on a serial line (RFC 1662, 3.1) */
		proto = rd_u8(&r);
	if (!(proto & 1))
		proto = (uint16_t)(proto << 8 | rd_u8(&r));
	return r.short_read ? LINK_CUT : ppp_protocol(proto, rd_bytes(&r, rd_left(&r)), ret);
}

static enum link_found pppoe(struct rd *r, struct slice *ret)
{
	uint16_t proto;

	(void)rd_bytes(r, 6); /* RFC 2516, 4 */
	proto = rd_be16(r);
	return r->short_read ? LINK_CUT : ppp_protocol(proto, rd_bytes(r, rd_left(r)), ret);
}

/* RFC 3032, 2.1: labels until the one with the bottom bit; what follows tells itself. */
static enum link_found mpls(struct rd *r, struct slice *ret)
{
	for (int i = 0; i < 16; i++) {
		uint32_t label = rd_be32(r);

		if (r->short_read)
			return LINK_CUT;
		if (label & 0x100)
			return by_version(rd_bytes(r, rd_left(r)), ret);
	}
	return LINK_OTHER;
}

/* IEEE 802.2 with SNAP. */
static enum link_found llc(struct slice in, struct slice *ret)
{
	struct rd r = rd_init(in);
	uint32_t sap = (uint32_t)rd_be(&r, 3), org;
	uint16_t type;

	if (r.short_read)
		return LINK_CUT;
	if (sap == 0x060603) /* IP right behind it, as hardly anybody does */
		return by_version(rd_bytes(&r, rd_left(&r)), ret);
	if (sap != 0xaaaa03)
		return LINK_OTHER;
	org = (uint32_t)rd_be(&r, 3);
	type = rd_be16(&r);
	if (r.short_read)
		return LINK_CUT;
	return org == 0 || org == 0x0000f8
		       ? ether_type_find_ip(type, rd_bytes(&r, rd_left(&r)), ret)
		       : LINK_OTHER;
}

enum link_found ether_type_find_ip(uint16_t type, struct slice rest, struct slice *ret)
{
	struct rd r = rd_init(rest);

	for (int i = 0; i < MAX_TAGS; i++) {
		if (type != TYPE_VLAN && type != TYPE_QINQ && type != TYPE_QINQ_OLD)
			break;
		(void)rd_be16(&r); /* priority and number of the VLAN */
		type = rd_be16(&r);
		if (r.short_read)
			return LINK_CUT;
	}
	if (type == TYPE_MPLS || type == TYPE_MPLS_MULTI)
		return mpls(&r, ret);
	if (type == TYPE_PPPOE)
		return pppoe(&r, ret);
	rest = rd_bytes(&r, rd_left(&r));
	if (type == TYPE_IP4 || type == TYPE_IP6) {
		*ret = rest;
		return LINK_IP;
	}
	return type <= LAST_LENGTH && type ? llc(rest, ret) : LINK_OTHER;
}

/* --- link layers --- */

enum link_found ether_find_ip(struct slice frame, struct slice *ret)
{
	struct rd r = rd_init(frame);
	uint16_t type;

	(void)rd_bytes(&r, 12);
	type = rd_be16(&r);
	return r.short_read ? LINK_CUT : ether_type_find_ip(type, rd_bytes(&r, rd_left(&r)), ret);
}

/* The address family, in the byte order of the capturing machine (NULL) or of the network (LOOP); what is 24, 28 or 30 on the BSDs
 * is IPv6. */
static enum link_found loopback(struct slice in, struct slice *ret)
{
	struct rd r = rd_init(in), le = rd_init(in);
	uint32_t be = rd_be32(&r), family = be < 256 ? be : rd_le32(&le);

	if (r.short_read)
		return LINK_CUT;
	if (family != 2 && family != 10 && family != 24 && family != 28 && family != 30)
		return LINK_OTHER;
	*ret = rd_bytes(&r, rd_left(&r));
	return LINK_IP;
}

/* Linux's cooked captures: what `tcpdump -i any` writes. */
static enum link_found cooked(struct slice in, size_t type_at, size_t head, struct slice *ret)
{
	struct rd r = rd_init(slice_cut(in, type_at, in.n));
	uint16_t type = rd_be16(&r);
	struct slice rest = slice_cut(in, head, in.n);

	if (in.n < head)
		return LINK_CUT;
	return type == 4 ? llc(rest, ret) : ether_type_find_ip(type, rest, ret);
}

static enum link_found sll(struct slice in, struct slice *ret)
{
	return cooked(in, 14, 16, ret);
}

static enum link_found sll2(struct slice in, struct slice *ret)
{
	return cooked(in, 0, 20, ret);
}

static enum link_found hdlc(struct slice in, struct slice *ret) /* Cisco's; RFC 1547, 4.3.1 */
{
	struct rd r = rd_init(in);
	uint16_t type;

	if (in.n >= 2 && in.p[0] == 0xff && in.p[1] == 0x03)
		return ppp(in, ret);
	(void)rd_be16(&r);
	type = rd_be16(&r);
	return r.short_read ? LINK_CUT : ether_type_find_ip(type, rd_bytes(&r, rd_left(&r)), ret);
}

static enum link_found ppp_ether(struct slice in, struct slice *ret)
{
	struct rd r = rd_init(in);

	return pppoe(&r, ret);
}

/* pppd's: a byte for the direction in place of the address (LINKTYPE_PPP_PPPD), and control. */
static enum link_found ppp_pppd(struct slice in, struct slice *ret)
{
	return ppp(slice_cut(in, in.n >= 2 && in.p[1] == 0x03 ? 2 : 1, in.n), ret);
}

/* IEEE 802.11-2020, 9.2: only data frames that are not encrypted carry anything that can be read. */
static enum link_found wireless(struct slice in, struct slice *ret)
{
	struct rd r = rd_init(in);
	uint16_t control = rd_le16(&r);
	size_t head = 24;

	if (r.short_read)
		return LINK_CUT;
	if ((control >> 2 & 3) != 2 || (control & 0x4000) ||
	    (control & 0x40)) /* no data, protected, null */
		return LINK_OTHER;
	if ((control & 0x0300) == 0x0300)
		head += 6; /* a fourth address */
	if (control & 0x80)
		head += control & 0x8000 ? 6 : 2; /* quality of service, and high throughput */
	return in.n < head ? LINK_CUT : llc(slice_cut(in, head, in.n), ret);
}

static enum link_found radiotap(struct slice in, struct slice *ret) /* https://www.radiotap.org */
{
	struct rd r = rd_init(in);
	uint16_t n;

	(void)rd_be16(&r);
	n = rd_le16(&r);
	return r.short_read || n > in.n ? LINK_CUT : wireless(slice_cut(in, n, in.n), ret);
}

static enum link_found nflog(struct slice in,
			     struct slice *ret) /* LINKTYPE_NFLOG: `tcpdump -i nflog` */
{
	struct rd r = rd_init(in);
	uint8_t family = rd_u8(&r);

	(void)rd_bytes(&r, 3);
	while (!r.short_read && rd_left(&r) >= 4) {
		uint16_t n = rd_le16(&r), type = rd_le16(&r) & 0x7fff;

		if (n < 4 || (family != 2 && family != 10))
			return LINK_OTHER;
		if (type == 9) { /* NFULA_PAYLOAD: the last one, and cut where the packet is */
			*ret = slice_cut(rd_bytes(&r, rd_left(&r)), 0, n - 4u);
			return LINK_IP;
		}
		(void)rd_bytes(&r, ((n + 3u) & ~3u) - 4);
	}
	return LINK_CUT;
}

static enum link_found
pflog(struct slice in, struct slice *ret) /* OpenBSD's packet filter; its head tells its length */
{
	size_t n = in.n ? (in.p[0] + 3u) & ~3u : 0;

	return in.n <= n || !n ? LINK_CUT : by_version(slice_cut(in, n, in.n), ret);
}

static enum link_found enc(struct slice in, struct slice *ret) /* OpenBSD's IPsec */
{
	return in.n <= 12 ? LINK_CUT : by_version(slice_cut(in, 12, in.n), ret);
}

static const struct {
	uint32_t number;
	enum link_found (*find)(struct slice in, struct slice *ret);
} links[] = {
	{ 1, ether_find_ip }, { 276, sll2 },	  { 113, sll },
	{ 101, by_version }, /* raw IP, also under its number on some BSDs: */
	{ 12, by_version },   { 14, by_version }, { 228, by_version },
	{ 229, by_version },  { 0, loopback },	  { 108, loopback },
	{ 9, ppp },	      { 50, ppp },	  { 51, ppp_ether },
	{ 166, ppp_pppd },    { 104, hdlc },	  { 105, wireless },
	{ 127, radiotap },    { 239, nflog },	  { 117, pflog },
	{ 109, enc },
};

enum link_found link_find_ip(const struct packet *p, struct slice *ret_ip)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (links[i].number == p->link)
			return links[i].find(p->data, ret_ip);
	return LINK_UNKNOWN;
}
