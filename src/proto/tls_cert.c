/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate's names and end (RFC 5280, 4.1; DER: X.690).  A reader of our own, because it runs where no file may be
 * opened: libcrypto, which Limpid has for other things, may want its configuration for the public key. */
#include "proto/tls.h"

#include <stdio.h>

enum {
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_T61 = 0x14,
	DER_IA5 = 0x16,
	DER_UTC_TIME = 0x17,
	DER_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_VERSION = 0xa0,
	DER_EXTENSIONS = 0xa3,
	SAN_DNS = 0x82,
	SAN_IP = 0x87,
};

/* The next element; *ret_tag 0: there is none, or it is not whole. */
static struct slice element(struct rd *r, uint8_t *ret_tag)
{
	uint8_t tag = rd_u8(r), first = rd_u8(r);
	size_t len = first;
	struct slice s;

	if (first & 0x80) /* the number of bytes of the length; nothing here needs more than 4 */
		len = (first & 0x7f) - 1u < 4 ? (size_t)rd_be(r, first & 0x7f) : SIZE_MAX;
	s = rd_bytes(r, len);
	*ret_tag = r->short_read ? 0 : tag;
	return s;
}

/* The next element if it is one of tag, else nothing. */
static struct slice expect(struct rd *r, uint8_t tag)
{
	uint8_t is;
	struct slice s = element(r, &is);

	if (is == tag)
		return s;
	r->short_read = true;
	return (struct slice){ 0 };
}

static bool peek(const struct rd *r, uint8_t tag)
{
	return !r->short_read && rd_left(r) > 0 && r->p[0] == tag;
}

/* --- text --- */

/* s is UTF-8. */
static void add(char *to, size_t size, const char *sep, const char *what, struct slice s)
{
	size_t n = strlen(to);

	(void)snprintf(to + n, size - n, "%s%s", n ? sep : "", what); /* cut */
	n = strlen(to);
	for (size_t i = 0; i < s.n && n + 1 < size; i++)
		to[n++] = s.p[i] < ' ' || s.p[i] == 0x7f ? '?' : (char)s.p[i];
	to[n] = '\0';
	while (n > 0 && !slice_is_utf8(slice_str(to))) /* cut inside a character */
		to[--n] = '\0';
}

static bool is_text(uint8_t tag, struct slice s)
{
	return (tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_IA5 || tag == DER_T61) &&
	       slice_is_utf8(s);
}

/* RFC 4514, 2.3: the attributes that people know, by their short names. */
static const char *attribute(struct slice oid)
{
	static const struct {
		struct slice oid;
		const char *name;
	} known[] = {
		{ { (const uint8_t *)"\x55\x04\x03", 3 }, "CN=" },
		{ { (const uint8_t *)"\x55\x04\x0a", 3 }, "O=" },
		{ { (const uint8_t *)"\x55\x04\x0b", 3 }, "OU=" },
		{ { (const uint8_t *)"\x55\x04\x06", 3 }, "C=" },
		{ { (const uint8_t *)"\x55\x04\x07", 3 }, "L=" },
		{ { (const uint8_t *)"\x55\x04\x08", 3 }, "ST=" },
		{ { (const uint8_t *)"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10 }, "DC=" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (slice_eq(known[i].oid, oid))
			return known[i].name;
	return NULL;
}

/* The last attribute, which says most, first, as RFC 4514 writes them. */
static void read_name(struct slice in, char *to, size_t size)
{
	struct slice parts[16];
	struct rd r = rd_init(in);
	size_t n = 0;

	to[0] = '\0';
	while (rd_left(&r) > 0 && n < sizeof(parts) / sizeof(*parts)) {
		parts[n] = expect(&r, DER_SET);
		if (r.short_read)
			break;
		n++;
	}
	while (n > 0) {
		struct rd set = rd_init(parts[--n]), pair = rd_init(expect(&set, DER_SEQUENCE));
		const char *name = attribute(expect(&pair, DER_OID));
		uint8_t tag;
		struct slice value = element(&pair, &tag);

		if (name && is_text(tag, value))
			add(to, size, ", ", name, value);
	}
}

static void add_address(struct slice ip, char *to, size_t size)
{
	char text[48];

	if (ip.n == 4)
		(void)snprintf(text, sizeof(text), "%u.%u.%u.%u", ip.p[0], ip.p[1], ip.p[2],
			       ip.p[3]);
	else if (ip.n == 16)
		for (unsigned i = 0, n = 0; i < 8; i++)
			n += (unsigned)snprintf(text + n, sizeof(text) - n, "%s%x", i ? ":" : "",
						(unsigned)ip.p[2 * i] << 8 | ip.p[2 * i + 1]);
	else
		return;
	add(to, size, ",", "", slice_str(text));
}

static void read_alternatives(struct slice in, char *to, size_t size)
{
	struct rd outer = rd_init(in), r = rd_init(expect(&outer, DER_SEQUENCE));

	while (rd_left(&r) > 0 && strlen(to) + 1 < size) {
		uint8_t tag;
		struct slice s = element(&r, &tag);

		if (tag == 0)
			return;
		if (tag == SAN_DNS && slice_is_utf8(s))
			add(to, size, ",", "", s);
		else if (tag == SAN_IP)
			add_address(s, to, size);
	}
}

static void read_extensions(struct slice in, struct tls_facts *f)
{
	struct rd outer = rd_init(in), r = rd_init(expect(&outer, DER_SEQUENCE));

	while (rd_left(&r) > 0 && !r.short_read) {
		struct rd ext = rd_init(expect(&r, DER_SEQUENCE));
		struct slice oid = expect(&ext, DER_OID);

		if (!slice_eq(oid, SLICE_LIT("\x55\x1d\x11"))) /* subjectAltName */
			continue;
		if (peek(&ext, 0x01)) /* critical */
			(void)expect(&ext, 0x01);
		read_alternatives(expect(&ext, DER_OCTETS), f->names, sizeof(f->names));
	}
}

/* --- time --- */

static int two(struct slice s, size_t at)
{
	int a = at + 1 < s.n ? s.p[at] - '0' : -1, b = at + 1 < s.n ? s.p[at + 1] - '0' : -1;

	return a < 0 || a > 9 || b < 0 || b > 9 ? -1 : a * 10 + b;
}

/* Days from 1970-01-01 in the Gregorian calendar, with March as the first month of a year. */
static int64_t days(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* RFC 5280, 4.1.2.5: YYMMDDHHMMSSZ until 2049, or with four digits of the year.  0: neither. */
static int64_t read_time(uint8_t tag, struct slice s)
{
	size_t at = tag == DER_TIME ? 4 : 2;
	int year = two(s, 0), v[5];

	if ((tag != DER_UTC_TIME && tag != DER_TIME) || s.n != at + 11 || year < 0)
		return 0;
	if (tag == DER_TIME && two(s, 2) < 0)
		return 0;
	year = tag == DER_TIME ? year * 100 + two(s, 2) : year + (year < 50 ? 2000 : 1900);
	for (size_t i = 0; i < 5; i++)
		if ((v[i] = two(s, at + 2 * i)) < 0)
			return 0;
	if (v[0] < 1 || v[0] > 12 || v[1] < 1 || v[1] > 31 || v[2] > 23 || v[3] > 59 || v[4] > 60)
		return 0;
	return days(year, v[0], v[1]) * 86400 + v[2] * 3600 + v[3] * 60 + v[4];
}

bool tls_cert_read(struct slice der, struct tls_facts *f)
{
	struct rd outer = rd_init(der), cert = rd_init(expect(&outer, DER_SEQUENCE));
	struct rd r = rd_init(expect(&cert, DER_SEQUENCE)), validity;
	struct slice issuer, subject, until;
	uint8_t tag;

	if (peek(&r, DER_VERSION))
		(void)expect(&r, DER_VERSION);
	(void)expect(&r, 0x02);		/* serial number */
	(void)expect(&r, DER_SEQUENCE); /* algorithm */
	issuer = expect(&r, DER_SEQUENCE);
	validity = rd_init(expect(&r, DER_SEQUENCE));
	subject = expect(&r, DER_SEQUENCE);
	(void)element(&validity, &tag);
	until = element(&validity, &tag);
	if (r.short_read || validity.short_read)
		return false;
	f->names[0] = '\0';
	read_name(issuer, f->issuer, sizeof(f->issuer));
	read_name(subject, f->subject, sizeof(f->subject));
	f->not_after = read_time(tag, until);
	(void)expect(&r, DER_SEQUENCE);		   /* public key */
	while (rd_left(&r) > 0 && !r.short_read) { /* ids, which nobody uses; extensions */
		struct slice s = element(&r, &tag);

		if (tag == DER_EXTENSIONS)
			read_extensions(s, f);
	}
	return true;
}
