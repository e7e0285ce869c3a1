/* SPDX-License-Identifier: Apache-2.0 */
/* mysql_packet.h - packets of the MySQL protocol: read piece by piece, and the numbers and strings inside. */
#ifndef LIMPID_PROTO_MYSQL_PACKET_H
#define LIMPID_PROTO_MYSQL_PACKET_H

#include "base/bytes.h"

#define MY_PACKET_MAX 0xffffffu
#define MY_BINARY     63 /* the charset of what is no text */

/* One direction: a packet in the making.  Zeroed, it waits for a header. */
struct my_reader {
	uint8_t head[4];
	unsigned nhead;	   /* bytes of it that are there; 4: inside a packet, or at its end */
	uint32_t left;	   /* bytes of the packet to come */
	uint32_t first;	   /* length of the first packet of those that are joined */
	uint8_t seq;	   /* of the packet at hand */
	uint8_t first_seq; /* of the first of those that are joined */
	bool joined;	   /* it goes on with one that was of full length */
	bool hole;	   /* bytes of it are missing behind the kept ones */
	bool spare;	   /* with hole: they would not have been kept */
	bool astray;	   /* the bytes before were no packet: only a plausible start is one */
	bool broken;	   /* its unfinished message will not end: to be given out */
	uint64_t len;	   /* of the payload so far, joined */
	size_t cap;	   /* how much of the payload is kept */
	struct buf kept;
};

/* The end of a packet's header is a good time to say how much of the payload to keep (r->cap). */
enum my_take { MY_TAKE_MORE, MY_TAKE_HEAD, MY_TAKE_WHOLE };
/* Feeds bytes; *ret_used of them were taken.  WHOLE: the payload is complete, *ret what was kept of it, until the next call
 * of my_packet_next. */
enum my_take my_packet_take(struct my_reader *r, struct slice in, size_t *ret_used,
			    struct slice *ret);
void my_packet_next(struct my_reader *r); /* waits for a header */
/* n bytes are missing.  False: the packet's end, or another's header, may be among them. */
bool my_packet_lost(struct my_reader *r, uint64_t n);
uint64_t my_packet_unkept(const struct my_reader *r);

/* Length-encoded integers and strings.  NULL, and what begins with ff, is short_read. */
uint64_t my_lenenc(struct rd *r);
struct slice my_lenenc_str(struct rd *r);
struct slice my_cstr(struct rd *r); /* up to a NUL byte, which is passed; none: sticks */
struct slice my_rest(struct rd *r);

/* s as people read it: UTF-8 stays; of latin1 (cp1252 to MySQL) every byte becomes a character; what is neither, and binary
 * with control characters, is 0x and hexadecimal digits.  tmp is used when it has to be written anew; charset: a collation's number, 0: not known. */
struct slice my_text(struct slice s, unsigned charset, struct buf *tmp);
bool my_is_latin1(unsigned charset);

#endif
