/* SPDX-License-Identifier: Apache-2.0 */
/* A reader for the handful of fields that are looked at; unknown ones are passed over, as protobuf asks. */
#include "container/cri_msg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct field {
	uint64_t no;
	uint64_t number; /* of a varint */
	struct slice s;	 /* of what has a length */
};

static uint64_t varint(struct rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = rd_u8(r);

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	r->short_read = true; /* longer than any number */
	return 0;
}

/* False: no more, or (r->short_read) no sound message. */
static bool next(struct rd *r, struct field *ret)
{
	uint64_t key;

	if (r->short_read || !rd_left(r))
		return false;
	key = varint(r);
	*ret = (struct field){ .no = key >> 3 };
	switch (key & 7) {
	case 0:
		ret->number = varint(r);
		break;
	case 1:
		(void)rd_le64(r);
		break;
	case 2:
		ret->s = rd_bytes(r, (size_t)varint(r));
		break;
	case 5:
		(void)rd_le32(r);
		break;
	default:
		r->short_read = true;
	}
	return !r->short_read;
}

static void copy(char *ret, size_t n, struct slice s)
{
	size_t len = s.n < n - 1 ? s.n : n - 1;
	const void *nul = len ? memchr(s.p, '\0', len) : NULL;

	if (nul)
		len = (size_t)((const uint8_t *)nul - s.p);
	if (len)
		memcpy(ret, s.p, len);
	ret[len] = '\0';
}
#define COPY(to, s) copy(to, sizeof(to), s)

static bool id_ok(const char *id)
{
	return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

static bool is(struct slice s, const char *text)
{
	return slice_eq(s, slice_str(text));
}

/* --- requests ----------------------------------------------------------------------------------- */

static void put_text(struct buf *out, unsigned no, struct slice s) /* of less than 128 bytes */
{
	const uint8_t head[2] = { (uint8_t)(no << 3 | 2), (uint8_t)s.n };

	buf_put(out, (struct slice){ head, sizeof(head) });
	buf_put(out, s);
}

void cri_ask_one(struct buf *out, const char *id)
{
	struct buf filter = { 0 };

	put_text(&filter, 1, slice_str(id));
	put_text(out, 1, buf_slice(&filter));
	out->failed |= filter.failed;
	buf_release(&filter);
}

void cri_ask_status(struct buf *out, const char *id)
{
	put_text(out, 1, slice_str(id));
}

/* --- answers ------------------------------------------------------------------------------------ */

int cri_version(struct slice msg, char *ret_name, size_t nname, char *ret_version, size_t nversion)
{
	struct rd r = rd_init(msg);
	struct field f;

	ret_name[0] = ret_version[0] = '\0';
	while (next(&r, &f)) {
		if (f.no == 2)
			copy(ret_name, nname, f.s);
		else if (f.no == 3)
			copy(ret_version, nversion, f.s);
	}
	return r.short_read || !ret_name[0] ? -EBADMSG : 0;
}

/* One entry of a map<string, string>. */
static bool entry(struct slice in, struct slice *ret_key, struct slice *ret_value)
{
	struct rd r = rd_init(in);
	struct field f;

	*ret_key = *ret_value = (struct slice){ 0 };
	while (next(&r, &f)) {
		if (f.no == 1)
			*ret_key = f.s;
		else if (f.no == 2)
			*ret_value = f.s;
	}
	return !r.short_read;
}

static bool label(struct slice in, struct container *c)
{
	struct slice key, value;

	if (!entry(in, &key, &value))
		return false;
	if (is(key, "io.kubernetes.pod.name"))
		COPY(c->pod, value);
	else if (is(key, "io.kubernetes.pod.namespace"))
		COPY(c->namespace, value);
	return true;
}

static void set_state(struct container *c, uint64_t state, const char *const words[], size_t n)
{
	(void)snprintf(c->state, sizeof(c->state), "%s", state < n ? words[state] : "unknown");
}

/* ContainerMetadata.name, or PodSandboxMetadata's name and namespace. */
static bool metadata(struct slice in, struct container *c, bool pod)
{
	struct rd r = rd_init(in);
	struct field f;

	while (next(&r, &f)) {
		if (f.no == 1)
			COPY(c->name, f.s);
		else if (f.no == 3 && pod)
			COPY(c->namespace, f.s);
	}
	return !r.short_read;
}

/* ImageSpec: what the pod asked for, when the runtime says so, is better than what that was resolved to. */
static bool image(struct slice in, struct container *c)
{
	struct rd r = rd_init(in);
	struct field f;

	while (next(&r, &f))
		if ((f.no == 1 && !c->image[0]) || (f.no == 18 && f.s.n))
			COPY(c->image, f.s);
	return !r.short_read;
}

static bool container(struct slice in, struct container *c, char of_pod[65])
{
	static const char *const states[] = { "created", "running", "exited" };
	struct rd r = rd_init(in);
	struct field f;
	bool sound = true;

	(void)snprintf(c->state, sizeof(c->state), "created"); /* 0 is not sent */
	while (sound && next(&r, &f)) {
		if (f.no == 1)
			COPY(c->id, f.s);
		else if (f.no == 2)
			copy(of_pod, 65, f.s);
		else if (f.no == 3)
			sound = metadata(f.s, c, false);
		else if (f.no == 4)
			sound = image(f.s, c);
		else if (f.no == 6)
			set_state(c, f.number, states, 3);
		else if (f.no == 8)
			sound = label(f.s, c);
	}
	return sound && !r.short_read;
}

static bool sandbox(struct slice in, struct container *c, char of_pod[65])
{
	static const char *const states[] = { "running", "exited" }; /* ready, not ready */
	struct rd r = rd_init(in);
	struct field f;
	bool sound = true;

	c->sandbox = true;
	(void)snprintf(c->state, sizeof(c->state), "running"); /* 0 is not sent */
	while (sound && next(&r, &f)) {
		if (f.no == 1)
			COPY(c->id, f.s);
		else if (f.no == 2)
			sound = metadata(f.s, c, true);
		else if (f.no == 3)
			set_state(c, f.number, states, 2);
	}
	memcpy(c->pod, c->name, sizeof(c->pod));
	memcpy(of_pod, c->id, sizeof(c->id));
	return sound && !r.short_read;
}

static int list(struct slice msg, bool (*one)(struct slice, struct container *, char[65]),
		cri_fn fn, void *ctx)
{
	struct rd r = rd_init(msg);
	struct field f;
	int n = 0;

	while (next(&r, &f)) {
		struct container c = { 0 };
		char of_pod[65] = "";

		if (f.no != 1)
			continue;
		if (!one(f.s, &c, of_pod))
			return -EBADMSG;
		if (!id_ok(c.id))
			continue;
		fn(ctx, &c, of_pod);
		n++;
	}
	return r.short_read ? -EBADMSG : n;
}

int cri_containers(struct slice msg, cri_fn fn, void *ctx)
{
	return list(msg, container, fn, ctx);
}

int cri_sandboxes(struct slice msg, cri_fn fn, void *ctx)
{
	return list(msg, sandbox, fn, ctx);
}

static void add_addr(struct container *c, struct slice s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t addr[16];
	char text[64];

	COPY(text, s);
	memcpy(addr, mapped, sizeof(mapped));
	if (c->naddrs < CONTAINER_ADDRS && (inet_pton(AF_INET, text, addr + sizeof(mapped)) == 1 ||
					    inet_pton(AF_INET6, text, addr) == 1))
		memcpy(c->addrs[c->naddrs++], addr, sizeof(addr));
}

/* PodSandboxNetworkStatus: ip, and PodIP.ip of more. */
static bool network(struct slice in, struct container *c)
{
	struct rd r = rd_init(in), more;
	struct field f, ip;

	while (next(&r, &f)) {
		if (f.no == 1)
			add_addr(c, f.s);
		if (f.no != 2)
			continue;
		more = rd_init(f.s);
		while (next(&more, &ip))
			if (ip.no == 1)
				add_addr(c, ip.s);
		if (more.short_read)
			return false;
	}
	return !r.short_read;
}

/* The field at that path of messages in messages; 0: not there. */
static uint64_t number_at(struct slice in, const uint64_t *path)
{
	struct rd r = rd_init(in);
	struct field f;

	while (next(&r, &f))
		if (f.no == path[0])
			return path[1] ? number_at(f.s, path + 1) : f.number;
	return 0;
}

int cri_sandbox_status(struct slice msg, struct container *ret)
{
	static const uint64_t to_network[] = { 1, 2, 1, 0 }; /* namespaces.options.network */
	struct rd r = rd_init(msg), status;
	struct container c = { 0 };
	struct field f = { 0 };
	bool sound = true, host = false;

	while (next(&r, &f) && f.no != 1)
		;
	if (r.short_read || f.no != 1)
		return -EBADMSG;
	status = rd_init(f.s);
	while (sound && next(&status, &f)) {
		if (f.no == 1)
			COPY(c.id, f.s);
		else if (f.no == 5)
			sound = network(f.s, &c);
		else if (f.no == 6)
			host = number_at(f.s, to_network) == 2; /* NODE */
	}
	if (!sound || status.short_read || !id_ok(c.id))
		return -EBADMSG;
	if (host)
		c.naddrs = 0; /* the host's, which are everybody's there */
	*ret = c;
	return 0;
}
