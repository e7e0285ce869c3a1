/* SPDX-License-Identifier: Apache-2.0 */
/* nghttp2's inflater does the decoding.  It gives a connection up at the first index that it does not know, so a
 * block that fails is decoded once more with a table of made-up entries, few at first: an old table of 4,096 bytes has at
 * most 128 entries, one of 65,536 may have over a thousand. */
#include "proto/http2_hpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <nghttp2/nghttp2.h>

#define TABLE_LEAST 65536u /* allowed whatever SETTINGS say, which may not have been seen */
#define TABLE_MOST  ((uint32_t)1 << 20) /* and no more than that */
#define FEW	    256u
#define MANY	    1600u /* of 40 bytes they fit into TABLE_LEAST */
#define PRIME_BYTES (8 + MANY * 8)

/* Through our own calls, so that tests can refuse them. */
static void *get(size_t n, void *ctx)
{
	(void)ctx;
	return malloc(n);
}

static void put_back(void *p, void *ctx)
{
	(void)ctx;
	free(p);
}

static void *get_zeroed(size_t n, size_t size, void *ctx)
{
	(void)ctx;
	return calloc(n, size);
}

static void *get_again(void *p, size_t n, void *ctx)
{
	(void)ctx;
	return realloc(p, n);
}

static uint32_t table_max(const struct hpack *h)
{
	return h->max < TABLE_LEAST ? TABLE_LEAST : h->max > TABLE_MOST ? TABLE_MOST : h->max;
}

void hpack_allow(struct hpack *h, uint32_t bytes)
{
	uint32_t before = table_max(h);

	h->max = bytes;
	/* A smaller limit reaches us as an update in a block; until then old references are right. */
	if (h->inflater && table_max(h) > before)
		(void)nghttp2_hd_inflate_change_table_size(h->inflater, table_max(h));
	if (table_max(h) < before)
		h->max = before;
}

static void drop(struct hpack *h)
{
	if (h->inflater)
		nghttp2_hd_inflate_del(h->inflater);
	h->inflater = NULL;
	h->few = h->many = false;
}

void hpack_forget(struct hpack *h)
{
	drop(h);
	h->joined = true;
}

void hpack_release(struct hpack *h)
{
	drop(h);
}

size_t hpack_held(const struct hpack *h)
{
	size_t n;

	if (!h->inflater)
		return 0;
	n = nghttp2_hd_inflate_get_num_table_entries(h->inflater); /* 61 static ones among them */
	return 2048 + nghttp2_hd_inflate_get_dynamic_table_size(h->inflater) + n * 128;
}

/* --- made-up entries ----------------------------------------------------------------------------- */

/* A block of a table size update to TABLE_LEAST (RFC 7541, 6.3), then n fields without value (6.2.1): "?0" and so on,
 * which no token can be. */
static size_t write_prime(uint8_t *p, unsigned n)
{
	uint32_t rest = TABLE_LEAST - 31;
	size_t len = 0;

	p[len++] = 0x3f;
	for (; rest >= 128; rest >>= 7)
		p[len++] = (uint8_t)(rest | 0x80);
	p[len++] = (uint8_t)rest;
	for (unsigned i = 0; i < n; i++) {
		int name = snprintf((char *)p + len + 2, 6, "?%u", i);

		p[len] = 0x40;
		p[len + 1] = (uint8_t)name;
		p[len + 2 + (size_t)name] = 0;
		len += 3 + (size_t)name;
	}
	return len;
}

static int prime(struct hpack *h, unsigned n)
{
	uint8_t *p = malloc(PRIME_BYTES), *at = p;
	size_t left = p ? write_prime(p, n) : 0;
	ssize_t used = 0;

	if (!p)
		return -ENOMEM;
	while (left > 0 && used >= 0) {
		nghttp2_nv nv;
		int flags = 0;

		used = nghttp2_hd_inflate_hd2(h->inflater, &nv, &flags, at, left, 1);
		if (used > 0) {
			at += used;
			left -= (size_t)used;
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	free(p);
	(void)nghttp2_hd_inflate_end_headers(h->inflater); /* always 0 */
	return used < 0 ? -ENOMEM : 0; /* the bytes are our own: nothing else can be wrong */
}

static int make(struct hpack *h)
{
	static nghttp2_mem mem = { NULL, get, put_back, get_zeroed,
				   get_again }; /* never written to */
	int rc = 0;

	if (h->inflater)
		return 0;
	if (nghttp2_hd_inflate_new2(&h->inflater, &mem) != 0) {
		h->inflater = NULL;
		return -ENOMEM;
	}
	/* Fails only in the middle of a block. */
	(void)nghttp2_hd_inflate_change_table_size(h->inflater, table_max(h));
	if (h->joined)
		rc = prime(h, h->many ? MANY : FEW);
	h->few = h->joined && !h->many;
	if (rc)
		drop(h);
	return rc;
}

/* --- blocks ----------------------------------------------------------------------------------------- */

/* Eight bytes, none below a blank: none has its top bit changed by taking away 32 but those that had it. */
static bool all_printable(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return ((v - 0x2020202020202020u) & ~v & 0x8080808080808080u) == 0;
}

static char *text(struct arena *a, const uint8_t *p, size_t n, bool *odd)
{
	char *s = arena_str(a, (struct slice){ p, n });
	size_t i = 0;

	if (!s)
		return NULL;
	while (n - i >= 8 && all_printable(s + i))
		i += 8;
	if (n >= 8 && n - i < 8 && all_printable(s + n - 8)) /* the rest, and some again */
		return s;
	for (; i < n; i++) {
		*odd |= (uint8_t)s[i] < ' ' && s[i] != '\t';
		if (s[i] == '\0')
			s[i] = ' ';
	}
	return s;
}

static void add(struct arena *a, const nghttp2_nv *nv, struct hpack_fields *ret, size_t *room)
{
	bool made_up = nv->namelen > 0 && nv->name[0] == '?';
	const char *name = HPACK_UNKNOWN, *value = HPACK_UNKNOWN;

	if (ret->cut || !a) {
		ret->cut = true;
		return;
	}
	if (ret->n == *room) {
		size_t more = *room ? *room * 2 : 16;
		struct flow_attr *list = arena_alloc(a, more * sizeof(*list));

		if (!list) {
			ret->cut = true;
			return;
		}
		if (ret->n)
			memcpy(list, ret->list, ret->n * sizeof(*list));
		ret->list = list;
		*room = more;
	}
	if (!made_up)
		name = text(a, nv->name, nv->namelen, &ret->odd);
	if (!made_up || nv->valuelen > 0)
		value = text(a, nv->value, nv->valuelen, &ret->odd);
	ret->unknown += made_up;
	if (name && value)
		ret->list[ret->n++] = (struct flow_attr){ name, value };
	else
		ret->cut = true;
}

static int inflate_block(struct hpack *h, struct slice in, struct arena *a,
			 struct hpack_fields *ret)
{
	size_t room = 0;

	*ret = (struct hpack_fields){ 0 };
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(h->inflater, &nv, &flags, in.p, in.n, 1);

		if (used == NGHTTP2_ERR_NOMEM)
			return -ENOMEM;
		if (used < 0)
			return -EBADMSG;
		in = slice_cut(in, (size_t)used, in.n);
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			add(a, &nv, ret, &room);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && in.n == 0)
			return -EBADMSG;
	}
	(void)nghttp2_hd_inflate_end_headers(h->inflater); /* always 0 */
	return 0;
}

int hpack_read(struct hpack *h, struct slice block, struct arena *a, struct hpack_fields *ret)
{
	struct arena_mark mark = { 0 };
	static const uint8_t none;
	int rc = 0;

	if (block.n == 0)
		block.p = &none;
	if (a)
		mark = arena_mark(a);
	for (;;) {
		rc = make(h);
		if (rc == 0)
			rc = inflate_block(h, block, a, ret);
		if (rc == 0)
			return 0;
		if (a)
			arena_rewind(a, mark);
		*ret = (struct hpack_fields){ 0 };
		if (rc == -ENOMEM || h->many) { /* the next one begins with few again */
			hpack_forget(h);
			return rc;
		}
		if (h->few) {
			drop(h);
			h->many = true;
		} else {
			hpack_forget(h);
		}
	}
}
