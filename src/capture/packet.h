/* SPDX-License-Identifier: Apache-2.0 */
/* packet.h - packets of a capture file, and what of TCP and UDP is in them.
 *
 *   pcapfile.c  pcap and pcapng: the packets of a file
 *   link.c      link layers and tags: where the IP packet begins
 *   ip.c        IPv4, IPv6 and tunnels; fragment.c: fragments joined
 *   segment.c   TCP connections: segments become positions in streams
 *   pcap.c      the source that puts them together
 *
 * All bytes are hostile; all lengths are checked against what was captured before they are believed.
 */
#ifndef LIMPID_CAPTURE_PACKET_H
#define LIMPID_CAPTURE_PACKET_H

#include "capture/input.h"

struct packet {
	uint64_t ts_ns;	   /* Unix time */
	struct slice data; /* as captured, borrowed until the next packet */
	uint32_t len;  /* as it was on the wire; less than data.n: data is more than the packet */
	uint32_t link; /* a number of tcpdump.org/linktypes */
};

/* --- pcapfile.c --- */

struct pcapfile;
/* in is borrowed; its head tells which format it is.  0; -EBADMSG: neither pcap nor pcapng; -ENOMEM; or what input_need says. */
int pcapfile_new(struct pcapfile **ret, struct input *in);
/* 1 and the next packet; -ENODATA: the end; -ENOMSG: the file is cut off here; -EBADMSG: it is damaged here; -ENOMEM; or what
 * input_need says. */
int pcapfile_next(struct pcapfile *f, struct packet *ret);
/* What the capturing program says it did not get (pcapng's interface statistics); 0: nothing, or nothing is said. */
uint64_t pcapfile_dropped(const struct pcapfile *f);
void pcapfile_free(struct pcapfile *f);

/* --- link.c --- */

enum link_found { LINK_IP, LINK_OTHER, LINK_CUT, LINK_UNKNOWN };
/* Where in p the IP packet begins: *ret_ip is what was captured from there on, at most the bytes that are there.  LINK_OTHER: what it
 * carries is not IP (ARP); LINK_CUT: not enough was captured to tell; LINK_UNKNOWN: nobody here knows that link layer. */
enum link_found link_find_ip(const struct packet *p, struct slice *ret_ip);
/* The same for an Ethernet frame. */
enum link_found ether_find_ip(struct slice frame, struct slice *ret_ip);
/* By the type that an Ethernet frame would have. */
enum link_found ether_type_find_ip(uint16_t type, struct slice rest, struct slice *ret_ip);

/* --- ip.c --- */

struct endpoint {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;	  /* host order */
};
struct ip_packet {
	struct endpoint src, dst; /* without ports */
	uint8_t proto;
	struct slice payload; /* as captured */
	uint32_t len;	      /* as it was: what is more than payload.n was not captured */
	bool fragment, more;
	uint16_t frag_off; /* bytes */
	uint32_t frag_id;
};
enum ip_found { IP_OK, IP_CUT, IP_BAD };
/* The packet at the start of in, extension headers passed over (RFC 791, RFC 8200). */
enum ip_found ip_parse(struct slice in, struct ip_packet *ret);
/* Passes over IPv6's extension headers at the start of p's payload, up to that of a fragment.  False: cut off. */
bool ip_pass_extensions(struct ip_packet *p);

/* --- fragment.c --- */

struct fragments;
struct fragments *fragments_new(void); /* NULL: out of memory */
/* Takes a fragment.  True: it was the last missing one, and p is the whole packet now, borrowed until the next call. */
bool fragments_put(struct fragments *f, struct ip_packet *p, uint64_t now_ns);
/* Fragments whose packet never became whole, for their age, a limit, or memory. */
uint64_t fragments_lost(const struct fragments *f);
void fragments_finish(struct fragments *f); /* nothing follows: what is there counts as lost */
void fragments_free(struct fragments *f);

#endif
