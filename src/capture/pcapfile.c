/* SPDX-License-Identifier: Apache-2.0 */
/* The file formats of tcpdump (draft-ietf-opsawg-pcap) and Wireshark (draft-ietf-opsawg-pcapng), read in place.
 *
 * Not by libpcap: that refuses pcapng files whose interfaces differ in link type, which is what `dumpcap -i lo -i any`
 * writes, does not tell what was dropped, and copies every packet (docs/decisions/002-captures.md). */
#include "capture/packet.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_INTERFACES 4096
#define MAX_PACKET     (INPUT_MAX - 64)
#define NS	       1000000000u

enum {
	BLOCK_SECTION = 0x0A0D0D0A,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2,
	BLOCK_SIMPLE = 3,
	BLOCK_STATISTICS = 5,
	BLOCK_ENHANCED = 6
};
enum { OPT_END = 0, OPT_TSRESOL = 9, OPT_TSOFFSET = 14, OPT_IFDROP = 5, OPT_OSDROP = 7 };

struct interface {
	uint32_t link, snaplen;
	uint64_t per_second; /* units of its timestamps */
	int64_t offset;	     /* seconds */
	uint64_t dropped;
};

struct pcapfile {
	struct input *in;
	bool ng, big;
	unsigned record_head; /* pcap: bytes before each packet */
	struct interface pcap;
	struct interface *ifs; /* of this section */
	size_t nifs;
	uint64_t last_ns, dropped; /* of earlier sections */
};

static uint16_t get16(const struct pcapfile *f, struct rd *r)
{
	return f->big ? rd_be16(r) : rd_le16(r);
}

static uint32_t get32(const struct pcapfile *f, struct rd *r)
{
	return f->big ? rd_be32(r) : rd_le32(r);
}

/* --- pcap --- */

static int read_pcap_head(struct pcapfile *f, uint32_t magic)
{
	struct rd r = rd_init(slice_cut(input_unread(f->in), 0, 24));

	f->record_head = magic == 0xa1b2cd34
				 ? 24
				 : 16; /* a variant that some old Linux distributions wrote */
	f->pcap.per_second = magic == 0xa1b23c4d ? NS : 1000000;
	(void)rd_bytes(&r, 4);
	if (get16(f, &r) != 2 && !r.short_read)
		return -EBADMSG;
	(void)rd_bytes(&r, 10);
	f->pcap.snaplen = get32(f, &r);
	f->pcap.link =
		get32(f, &r) & 0xffff; /* what is above tells the length of a check sequence */
	if (r.short_read)
		return -ENOMSG;
	input_take(f->in, 24);
	return 0;
}

/* 1 when n bytes are there; -ENODATA at the end of the file; -ENOMSG: fewer are left. */
static int need(struct pcapfile *f, size_t n)
{
	int rc;

	if (input_unread(f->in).n >= n)
		return 1;
	rc = input_need(f->in, n);
	if (rc)
		return rc;
	if (input_unread(f->in).n >= n)
		return 1;
	return input_unread(f->in).n ? -ENOMSG : -ENODATA;
}

static int next_pcap(struct pcapfile *f, struct packet *ret)
{
	uint32_t sec, part, ncap, len;
	int rc = need(f, f->record_head);
	struct rd r;

	if (rc < 0)
		return rc;
	r = rd_init(input_unread(f->in));
	sec = get32(f, &r);
	part = get32(f, &r);
	ncap = get32(f, &r);
	len = get32(f, &r);
	if (ncap > MAX_PACKET || part >= f->pcap.per_second * 2)
		return -EBADMSG;
	rc = need(f, f->record_head + ncap);
	if (rc < 0)
		return rc;
	*ret = (struct packet){ .ts_ns = (uint64_t)sec * NS + part * (NS / f->pcap.per_second),
				.data = slice_cut(input_unread(f->in), f->record_head,
						  f->record_head + ncap),
				.len = len,
				.link = f->pcap.link };
	input_take(f->in, f->record_head + ncap);
	return 1;
}

/* --- pcapng --- */

static uint64_t sum_dropped(const struct pcapfile *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i < f->nifs; i++)
		n += f->ifs[i].dropped;
	return n;
}

static uint64_t to_ns(const struct interface *i, uint64_t units)
{
	uint64_t whole = units / i->per_second, part = units % i->per_second;

	whole += (uint64_t)i->offset; /* wraps as a negative offset needs it */
	return whole * NS + (uint64_t)((unsigned __int128)part * NS / i->per_second);
}

/* Calls for each option of the list at r. */
static bool next_option(const struct pcapfile *f, struct rd *r, uint16_t *ret_code,
			struct slice *ret_value)
{
	uint16_t n;

	*ret_code = get16(f, r);
	n = get16(f, r);
	*ret_value = rd_bytes(r, n);
	(void)rd_bytes(r, (4 - n % 4) % 4);
	return !r->short_read && *ret_code != OPT_END;
}

static uint64_t get64(const struct pcapfile *f, struct slice s)
{
	struct rd r = rd_init(s);

	return f->big ? rd_be64(&r) : rd_le64(&r);
}

/* Units a second; 0: it cannot be so many. */
static uint64_t resolution(uint8_t code)
{
	uint64_t n = 1;
	uint8_t power = code & 0x7f;

	if (code & 0x80)
		return power < 64 ? (uint64_t)1 << power : 0;
	for (; power && n <= UINT64_MAX / 10; power--)
		n *= 10;
	return power ? 0 : n;
}

static int add_interface(struct pcapfile *f, struct rd *r)
{
	struct interface i = { .per_second = 1000000 }, *more;
	struct slice value;
	uint16_t code;

	i.link = get16(f, r);
	(void)rd_bytes(r, 2);
	i.snaplen = get32(f, r);
	if (r->short_read || f->nifs == MAX_INTERFACES)
		return -EBADMSG;
	while (next_option(f, r, &code, &value)) {
		if (code == OPT_TSRESOL && value.n == 1)
			i.per_second = resolution(value.p[0]);
		if (code == OPT_TSOFFSET && value.n == 8)
			i.offset = (int64_t)get64(f, value);
	}
	if (!i.per_second)
		return -EBADMSG;
	if ((f->nifs & (f->nifs - 1)) == 0) { /* doubled at powers of two */
		more = realloc(f->ifs, (f->nifs ? f->nifs * 2 : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		f->ifs = more;
	}
	f->ifs[f->nifs++] = i;
	return 0;
}

static void note_statistics(struct pcapfile *f, struct rd *r)
{
	uint32_t id = get32(f, r);
	uint64_t dropped = 0;
	struct slice value;
	uint16_t code;

	(void)rd_bytes(r, 8);
	while (next_option(f, r, &code, &value))
		if ((code == OPT_IFDROP || code == OPT_OSDROP) && value.n == 8)
			dropped += get64(f, value);
	if (id < f->nifs)
		f->ifs[id].dropped = dropped; /* so far: a later one says more */
}

/* A block with a packet: 1; -EBADMSG. */
static int packet_of(struct pcapfile *f, uint32_t type, struct rd *r, struct packet *ret)
{
	const struct interface *i;
	uint32_t id = 0, ncap;
	uint64_t units = 0;

	if (type == BLOCK_ENHANCED)
		id = get32(f, r);
	if (type == BLOCK_PACKET) { /* in files of long ago */
		id = get16(f, r);
		(void)rd_bytes(r, 2);
	}
	if (id >= f->nifs)
		return -EBADMSG;
	i = &f->ifs[id];
	if (type != BLOCK_SIMPLE) {
		units = (uint64_t)get32(f, r) << 32;
		units |= get32(f, r);
		f->last_ns = to_ns(i, units);
		ncap = get32(f, r);
		ret->len = get32(f, r);
	} else {
		ret->len = get32(f, r);
		ncap = ret->len < rd_left(r) ? ret->len : (uint32_t)rd_left(r);
		ncap = i->snaplen && ncap > i->snaplen ? i->snaplen : ncap;
	}
	ret->data = rd_bytes(r, ncap);
	ret->ts_ns = f->last_ns;
	ret->link = i->link;
	return r->short_read ? -EBADMSG : 1;
}

/* Byte order and length of the section head that is next.  1 or negative errno. */
static int begin_section(struct pcapfile *f)
{
	int rc = need(f, 12);
	struct rd r;

	if (rc < 0)
		return rc == -ENODATA ? -ENOMSG : rc;
	r = rd_init(slice_cut(input_unread(f->in), 8, 12));
	switch (rd_be32(&r)) {
	case 0x1a2b3c4d:
		f->big = true;
		break;
	case 0x4d3c2b1a:
		f->big = false;
		break;
	default:
		return -EBADMSG;
	}
	f->dropped += sum_dropped(f);
	f->nifs = 0;
	return 1;
}

/* What nobody here reads can be longer than the window. */
static int pass_over(struct pcapfile *f, uint64_t n)
{
	while (n > 0) {
		size_t step = n < INPUT_MAX ? (size_t)n : INPUT_MAX;
		int rc = need(f, step);

		if (rc < 0)
			return rc == -ENODATA ? -ENOMSG : rc;
		input_take(f->in, step);
		n -= step;
	}
	return 0;
}

static bool is_read(uint32_t type)
{
	return type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_STATISTICS ||
	       type == BLOCK_PACKET || type == BLOCK_SIMPLE || type == BLOCK_ENHANCED;
}

/* The block that is next.  1: *ret is its packet; 0: it had none; or negative errno. */
static int next_block(struct pcapfile *f, struct packet *ret)
{
	int rc = need(f, 8);
	uint32_t type, size;
	struct rd r;

	if (rc < 0)
		return rc;
	r = rd_init(slice_cut(input_unread(f->in), 0, 8));
	type = get32(f, &r);
	if (type == BLOCK_SECTION && (rc = begin_section(f)) < 0)
		return rc;
	size = get32(f, &r);
	if (type == BLOCK_SECTION) {
		r = rd_init(slice_cut(input_unread(f->in), 4, 8));
		size = get32(f, &r);
	}
	if (size < 12 || size % 4)
		return -EBADMSG;
	if (!is_read(type) || (type == BLOCK_SECTION && size > INPUT_MAX))
		return pass_over(f, size);
	if (size > INPUT_MAX)
		return -EBADMSG;
	rc = need(f, size);
	if (rc < 0)
		return rc;
	r = rd_init(slice_cut(input_unread(f->in), size - 4, size));
	if (get32(f, &r) != size) /* it is there twice */
		return -EBADMSG;
	r = rd_init(slice_cut(input_unread(f->in), 8, size - 4));
	rc = 0;
	if (type == BLOCK_INTERFACE)
		rc = add_interface(f, &r);
	else if (type == BLOCK_STATISTICS)
		note_statistics(f, &r);
	else if (type != BLOCK_SECTION)
		rc = packet_of(f, type, &r, ret);
	if (rc >= 0)
		input_take(f->in, size);
	return rc;
}

/* --- the interface --- */

int pcapfile_next(struct pcapfile *f, struct packet *ret)
{
	int rc;

	if (!f->ng)
		return next_pcap(f, ret);
	do
		rc = next_block(f, ret);
	while (rc == 0);
	return rc;
}

static int detect(struct pcapfile *f)
{
	int rc = input_need(f->in, 24);
	struct slice head = slice_cut(input_unread(f->in), 0, 4);
	struct rd be = rd_init(head), le = rd_init(head);
	uint32_t big = rd_be32(&be), little = rd_le32(&le);

	if (big == BLOCK_SECTION) {
		f->ng = true;
		return 0;
	}
	f->big = big == 0xa1b2c3d4 || big == 0xa1b23c4d || big == 0xa1b2cd34;
	if (!f->big && little != 0xa1b2c3d4 && little != 0xa1b23c4d && little != 0xa1b2cd34)
		return rc ? rc : -EBADMSG;
	return rc ? rc : read_pcap_head(f, f->big ? big : little);
}

int pcapfile_new(struct pcapfile **ret, struct input *in)
{
	struct pcapfile *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->in = in;
	rc = detect(f);
	if (rc)
		pcapfile_free(f);
	else
		*ret = f;
	return rc;
}

uint64_t pcapfile_dropped(const struct pcapfile *f)
{
	return f->dropped + sum_dropped(f);
}

void pcapfile_free(struct pcapfile *f)
{
	if (!f)
		return;
	free(f->ifs);
	free(f);
}
