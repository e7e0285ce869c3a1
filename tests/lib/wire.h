/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - capture files for tests, packet by packet: a client 10.0.0.1:40000 and a server 10.0.0.2:80, or the same in IPv6. */
#ifndef LIMPID_TESTS_WIRE_H
#define LIMPID_TESTS_WIRE_H

#include "base/bytes.h"

enum { WIRE_FIN = 1, WIRE_SYN = 2, WIRE_RST = 4, WIRE_PSH = 8, WIRE_ACK = 16 };
enum wire_format { WIRE_PCAP, WIRE_PCAP_NS, WIRE_PCAPNG };

struct wire {
	struct buf file;
	enum wire_format format;
	bool big, ip6; /* byte order of the file; version of IP */
	uint16_t link;
	uint32_t iface;	  /* pcapng: of the next packets */
	uint32_t snaplen; /* 0: none */
	uint64_t now_ns;  /* goes on by 1 ms with each packet */
	uint16_t port[2]; /* the client's, the server's */
	uint32_t seq[2];  /* what each says next */
	const char *
		before_ip; /* link head in place of the usual one of the link type, and its length */
	size_t nbefore;
};

/* All as above, the head of the file written. */
void wire_init(struct wire *w, enum wire_format format, bool big, uint16_t link);
/* pcapng: another interface. */
void wire_interface(struct wire *w, uint16_t link, uint8_t tsresol);
/* A packet as it is; len: as it was. */
void wire_packet(struct wire *w, struct slice data, uint32_t len);
/* An IP packet with its link head. */
void wire_ip(struct wire *w, struct slice ip);
/* An IP packet of w's version, from 0: client, 1: server. */
void wire_payload(struct wire *w, struct buf *ret, int from, uint8_t proto, struct slice payload);
/* A TCP segment at off from what from says next. */
void wire_segment(struct wire *w, struct buf *ret, int from, unsigned flags, int64_t off,
		  const char *text);
/* Sends one that does not move on what is said next. */
void wire_tcp(struct wire *w, int from, unsigned flags, int64_t off, const char *text);
void wire_say(struct wire *w, int from, const char *text); /* PSH ACK, and moves on */
void wire_connect(struct wire *w);				   /* SYN, SYN ACK, ACK */
void wire_finish(struct wire *w);			   /* FIN both ways, and the last ACK */
/* A descriptor with the file, at its beginning; the caller closes it. */
int wire_fd(const struct wire *w);
void wire_release(struct wire *w);

#endif
