/* SPDX-License-Identifier: Apache-2.0 */
/* Packets to events: link layer, IP, fragments, tunnels, TCP, in this order.  What cannot be used is counted by its reason. */
#include "capture/pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "capture/record.h"

#define BATCH	    256 /* packets per poll */
#define MAX_TUNNELS 4	/* inside each other */

enum { IP_IN_IP = 4, TCP = 6, UDP = 17, IP6_IN_IP = 41, GRE = 47 };
enum { PORT_VXLAN = 4789, PORT_VXLAN_LINUX = 8472, PORT_GENEVE = 6081 };

struct pcap {
	struct source src;
	struct input *in;
	struct pcapfile *file;
	struct fragments *fragments;
	struct segments *segments;
	int failed;	/* what every further poll gives */
	uint64_t ts_ns; /* of the packet at hand */
	struct pcap_stats stats;
};

static int on_ip(struct pcap *s, struct slice in, int depth);

static int on_link(struct pcap *s, enum link_found found, struct slice ip, int depth)
{
	switch (found) {
	case LINK_IP:
		return on_ip(s, ip, depth);
	case LINK_OTHER:
		s->stats.other++;
		break;
	case LINK_CUT:
		s->stats.cut++;
		break;
	case LINK_UNKNOWN:
		s->stats.unknown++;
		break;
	}
	return 0;
}

/* --- tunnels: what a capture on a host, or between hosts, has around what containers say --- */

/* RFC 2784 and 2890: optional fields by the flags, then a type as Ethernet's. */
static int on_gre(struct pcap *s, struct slice in, int depth)
{
	struct rd r = rd_init(in);
	uint16_t flags = rd_be16(&r), type = rd_be16(&r);
	struct slice ip = { 0 };

	(void)rd_bytes(&r, (flags & 0x8000 ? 4u : 0) + (flags & 0x2000 ? 4u : 0) +
				   (flags & 0x1000 ? 4u : 0));
	if (r.short_read)
		return on_link(s, LINK_CUT, ip, depth);
	if (flags & 7) /* another version */
		return on_link(s, LINK_OTHER, ip, depth);
	in = rd_bytes(&r, rd_left(&r));
	if (type == 0x6558) /* an Ethernet frame */
		return on_link(s, ether_find_ip(in, &ip), ip, depth);
	return on_link(s, ether_type_find_ip(type, in, &ip), ip, depth);
}

/* VXLAN (RFC 7348, 5) and Geneve (RFC 8926, 3.4) by their ports and what their heads must be. */
static bool is_overlay(struct slice in, struct slice *ret_frame)
{
	struct rd r = rd_init(in);
	uint16_t port;
	size_t head = 0;

	(void)rd_be16(&r);
	port = rd_be16(&r);
	(void)rd_be32(&r);
	in = slice_cut(in, 8, in.n);
	if (in.n < 8)
		return false;
	if (port == PORT_GENEVE && in.p[0] >> 6 == 0 && in.p[2] == 0x65 && in.p[3] == 0x58)
		head = 8 + (in.p[0] & 63) * 4u;
	else if ((port == PORT_VXLAN || port == PORT_VXLAN_LINUX) && in.p[0] == 8 && !in.p[7])
		head = 8;
	*ret_frame = slice_cut(in, head, in.n);
	return head > 0;
}

static int on_udp(struct pcap *s, struct slice in, int depth)
{
	struct slice frame, ip = { 0 };

	if (depth < MAX_TUNNELS && is_overlay(in, &frame))
		return on_link(s, ether_find_ip(frame, &ip), ip, depth + 1);
	s->stats.datagrams++;
	return 0;
}

/* --- IP --- */

static int on_tcp(struct pcap *s, const struct ip_packet *p)
{
	struct segment seg;

	if (segment_parse(p, s->ts_ns, &seg))
		return segments_put(s->segments, &seg);
	if (p->payload.n < 20)
		s->stats.cut++;
	else
		s->stats.bad++;
	return 0;
}

static int on_payload(struct pcap *s, const struct ip_packet *p, int depth)
{
	switch (p->proto) {
	case TCP:
		return on_tcp(s, p);
	case UDP:
		return on_udp(s, p->payload, depth);
	case IP_IN_IP:
	case IP6_IN_IP:
		if (depth < MAX_TUNNELS)
			return on_ip(s, p->payload, depth + 1);
		break;
	case GRE:
		if (depth < MAX_TUNNELS)
			return on_gre(s, p->payload, depth + 1);
		break;
	default:
		break;
	}
	s->stats.other++;
	return 0;
}

static int on_ip(struct pcap *s, struct slice in, int depth)
{
	struct ip_packet p;

	switch (ip_parse(in, &p)) {
	case IP_OK:
		break;
	case IP_CUT:
		s->stats.cut++;
		return 0;
	case IP_BAD:
		s->stats.bad++;
		return 0;
	}
	if (!p.fragment)
		return on_payload(s, &p, depth);
	if (!fragments_put(s->fragments, &p, s->ts_ns))
		return 0;
	if (ip_pass_extensions(&p) && !p.fragment)
		return on_payload(s, &p, depth);
	s->stats.bad++;
	return 0;
}

static int on_packet(struct pcap *s, const struct packet *p)
{
	struct slice ip = { 0 };
	enum link_found found = link_find_ip(p, &ip);

	s->stats.packets++;
	s->ts_ns = p->ts_ns;
	if (found == LINK_UNKNOWN)
		s->stats.unknown_link = p->link;
	return on_link(s, found, ip, 0);
}

/* --- the source --- */

static int pcap_poll(struct source *src, int timeout_ms, event_fn fn, void *ctx)
{
	struct pcap *s = (struct pcap *)src;
	int n = 0;

	(void)timeout_ms; /* a file is always ready */
	segments_to(s->segments, fn, ctx);
	/* What was read is told before more is waited for: a pipe may be slow. */
	while (!s->failed && n < BATCH && (!n || input_unread(s->in).n > 0)) {
		struct packet p;
		int rc = pcapfile_next(s->file, &p);

		if (rc > 0) {
			n++;
			rc = on_packet(s, &p);
		}
		if (rc < 0) {
			s->failed = rc;
			segments_finish(s->segments);
			fragments_finish(s->fragments);
		}
	}
	return n ? n : s->failed;
}

static int pcap_fd(const struct source *s)
{
	(void)s;
	return -1;
}

static void release(struct pcap *s)
{
	pcapfile_free(s->file);
	fragments_free(s->fragments);
	segments_free(s->segments);
	free(s);
}

static void pcap_close(struct source *src)
{
	struct pcap *s = (struct pcap *)src;

	if (!s)
		return;
	input_close(s->in);
	release(s);
}

static const struct source_ops pcap_ops = { "pcap", pcap_poll, pcap_fd, NULL, NULL, pcap_close };

bool source_pcap_stats(const struct source *src, struct pcap_stats *ret)
{
	const struct pcap *s = (const struct pcap *)src;

	if (src->ops != &pcap_ops)
		return false;
	*ret = s->stats;
	ret->tcp = *segments_stats(s->segments);
	ret->fragments = fragments_lost(s->fragments);
	ret->dropped = pcapfile_dropped(s->file);
	return true;
}

int source_pcap_open(struct source **ret, struct input *in)
{
	struct pcap *s = calloc(1, sizeof(*s));
	uint64_t seed = 0;
	int rc;

	if (!s)
		return -ENOMEM;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uint64_t)(uintptr_t)s; /* early in boot: as random as addresses are */
	s->src = (struct source){ .ops = &pcap_ops, .input = in };
	s->in = in;
	s->fragments = fragments_new();
	s->segments = segments_new(seed);
	rc = s->fragments && s->segments ? pcapfile_new(&s->file, in) : -ENOMEM;
	if (rc)
		release(s);
	else
		*ret = &s->src;
	return rc;
}
