/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/pb.h"

#include <errno.h>

/* --- struct flow to message: everything borrowed, only the arrays are allocated ---------------------- */

static ProtobufCBinaryData bytes(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static ProtobufCBinaryData text(const char *s)
{
	return bytes(slice_str(s));
}

/* protobuf-c writes its default for NULL, which is the empty string. */
static char *chars(const char *s)
{
	return s ? (char *)(uintptr_t)s : (char *)(uintptr_t)protobuf_c_empty_string;
}

static void body_out(Limpid__V1__Body *m, const struct flow_body *b)
{
	limpid__v1__body__init(m);
	m->data = bytes(b->data);
	m->len = b->len;
	m->captured = b->captured;
	m->type = text(b->type);
	m->encoding = text(b->encoding);
	m->shown = bytes(b->shown);
}

static int attrs_out(struct arena *a, const struct flow_attr *in, size_t n, size_t *ret_n,
		     Limpid__V1__Attr ***ret)
{
	Limpid__V1__Attr *m;
	Limpid__V1__Attr **list;

	if (n == 0)
		return 0;
	m = arena_alloc(a, n * sizeof(*m));
	list = arena_alloc(a, n * sizeof(*list));
	if (!m || !list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		limpid__v1__attr__init(&m[i]);
		m[i].key = text(in[i].key);
		m[i].value = text(in[i].value);
		list[i] = &m[i];
	}
	*ret_n = n;
	*ret = list;
	return 0;
}

static int half_out(struct arena *a, const struct flow_half *h, Limpid__V1__Half **ret)
{
	struct {
		Limpid__V1__Half half;
		Limpid__V1__Body body;
	} *m = arena_alloc(a, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	limpid__v1__half__init(&m->half);
	m->half.begin_ns = h->begin_ns;
	m->half.end_ns = h->end_ns;
	m->half.op = text(h->op);
	m->half.target = text(h->target);
	m->half.status = text(h->status);
	m->half.reason = text(h->reason);
	if (h->body.len || h->body.data.n || h->body.shown.n || h->body.type || h->body.encoding) {
		body_out(&m->body, &h->body);
		m->half.body = &m->body;
	}
	r = attrs_out(a, h->headers, h->nheaders, &m->half.n_headers, &m->half.headers);
	if (r == 0)
		r = attrs_out(a, h->attrs, h->nattrs, &m->half.n_attrs, &m->half.attrs);
	*ret = &m->half;
	return r;
}

static void peer_out(Limpid__V1__Peer *m, const struct flow_peer *p)
{
	static const uint8_t none[16];

	limpid__v1__peer__init(m);
	if (memcmp(p->addr, none, sizeof(none)) != 0)
		m->addr = bytes((struct slice){ p->addr, 16 });
	m->port = p->port;
	m->pid = p->pid;
	m->comm = text(p->comm);
	m->container = chars(p->container);
	m->container_id = chars(p->container_id);
	m->image = chars(p->image);
	m->project = chars(p->project);
	m->pod = chars(p->pod);
	m->namespace_ = chars(p->ns);
}

static int msgs_out(struct arena *a, const struct flow *f, Limpid__V1__Flow *out)
{
	struct pair {
		Limpid__V1__Message msg;
		Limpid__V1__Body body;
	} * m;
	int r;

	if (f->nmsgs == 0)
		return 0;
	m = arena_alloc(a, f->nmsgs * sizeof(*m));
	out->msgs = arena_alloc(a, f->nmsgs * sizeof(*out->msgs));
	if (!m || !out->msgs)
		return -ENOMEM;
	for (size_t i = 0; i < f->nmsgs; i++) {
		limpid__v1__message__init(&m[i].msg);
		m[i].msg.seq = f->msgs[i].seq;
		m[i].msg.ts_ns = f->msgs[i].ts_ns;
		m[i].msg.from_server = f->msgs[i].from_server;
		m[i].msg.flags = f->msgs[i].flags;
		m[i].msg.op = text(f->msgs[i].op);
		body_out(&m[i].body, &f->msgs[i].body);
		m[i].msg.body = &m[i].body;
		r = attrs_out(a, f->msgs[i].attrs, f->msgs[i].nattrs, &m[i].msg.n_attrs,
			      &m[i].msg.attrs);
		if (r < 0)
			return r;
		out->msgs[i] = &m[i].msg;
	}
	out->n_msgs = f->nmsgs;
	return 0;
}

static void stream_out(Limpid__V1__Stream *m, const struct flow_stream *s)
{
	limpid__v1__stream__init(m);
	m->client_messages = s->n[0];
	m->client_bytes = s->bytes[0];
	m->server_messages = s->n[1];
	m->server_bytes = s->bytes[1];
	m->left_out = s->left_out;
}

struct conn_pb {
	Limpid__V1__Conn conn;
	Limpid__V1__Peer client, server;
	Limpid__V1__Tls tls;
};

static void tls_out(Limpid__V1__Tls *m, const struct flow_tls *t)
{
	limpid__v1__tls__init(m);
	m->library = chars(t->library);
	m->version = chars(t->version);
	m->road = chars(t->road);
	m->mapping = chars(t->mapping);
	m->sni = text(t->sni);
	m->alpn = text(t->alpn);
	m->protocol = chars(t->protocol);
	m->cipher = chars(t->cipher);
	m->group = chars(t->group);
	m->offered = text(t->offered);
	m->subject = text(t->subject);
	m->issuer = text(t->issuer);
	m->names = text(t->names);
	m->not_after = t->not_after;
	m->alert = chars(t->alert);
	m->alert_by = chars(t->alert_by);
	m->flags = t->flags;
	m->reason = chars(t->reason);
	m->why = chars(t->why);
	m->hint = chars(t->hint);
}

static void conn_out(struct conn_pb *m, const struct flow_conn *c)
{
	limpid__v1__conn__init(&m->conn);
	m->conn.id = c->id;
	m->conn.seen_by = c->seen_by;
	m->conn.l4 = chars(c->l4);
	m->conn.path = text(c->path);
	peer_out(&m->client, &c->client);
	peer_out(&m->server, &c->server);
	m->conn.client = &m->client;
	m->conn.server = &m->server;
	if (!c->tls)
		return;
	tls_out(&m->tls, c->tls);
	m->conn.tls = &m->tls;
}

static void mark_out(Limpid__V1__Mark *m, const struct flow_mark *mark)
{
	limpid__v1__mark__init(m);
	m->colour = mark->colour;
	m->pinned = mark->pinned;
	m->note = text(mark->note);
}

int flow_pb_pack(struct buf *out, const struct flow *f)
{
	struct arena *a = arena_new(SIZE_MAX);
	Limpid__V1__Flow m = LIMPID__V1__FLOW__INIT;
	Limpid__V1__Stream stream;
	Limpid__V1__Mark mark;
	struct conn_pb conn;
	size_t size;
	uint8_t *room;
	int r;

	if (!a)
		return -ENOMEM;
	m.id = bytes((struct slice){ f->id, 16 });
	m.epoch_ns = f->epoch_ns;
	m.proto = chars(f->proto);
	m.state = f->state;
	m.flags = f->flags;
	m.failed = f->failed;
	conn_out(&conn, f->conn);
	m.conn = &conn.conn;
	if (f->streams) {
		stream_out(&stream, &f->stream);
		m.stream = &stream;
	}
	if (f->mark) {
		mark_out(&mark, f->mark);
		m.mark = &mark;
	}
	r = f->has_req ? half_out(a, &f->req, &m.req) : 0;
	if (r == 0 && f->has_resp)
		r = half_out(a, &f->resp, &m.resp);
	if (r == 0)
		r = msgs_out(a, f, &m);
	if (r < 0)
		goto out;
	size = limpid__v1__flow__get_packed_size(&m);
	room = buf_room(out, size);
	if (!room) {
		r = -ENOMEM;
		goto out;
	}
	out->n += limpid__v1__flow__pack(&m, room);
out:
	arena_free(a);
	return r;
}

/* --- message to struct flow ------------------------------------------------------------------------- */

static const char *opt_text(struct arena *a, ProtobufCBinaryData b)
{
	return b.len ? arena_str(a, (struct slice){ b.data, b.len }) : NULL;
}

static const char *opt_chars(struct arena *a, const char *s)
{
	return s && *s ? arena_str(a, slice_str(s)) : NULL;
}

static void body_in(struct arena *a, const Limpid__V1__Body *m, struct flow_body *b)
{
	if (!m)
		return;
	b->data = (struct slice){ m->data.data, m->data.len };
	b->len = m->len;
	b->captured = m->captured;
	b->type = opt_text(a, m->type);
	b->encoding = opt_text(a, m->encoding);
	/* It goes into JSON as it is: what is none is not taken from anybody. */
	if (flow_shown_ok((struct slice){ m->shown.data, m->shown.len }))
		b->shown = (struct slice){ m->shown.data, m->shown.len };
}

static struct flow_attr *attrs_in(struct arena *a, size_t n, Limpid__V1__Attr **in, size_t *ret_n)
{
	struct flow_attr *attrs = n ? arena_alloc(a, n * sizeof(*attrs)) : NULL;

	for (size_t i = 0; attrs && i < n; i++) {
		attrs[i].key = arena_str(a, (struct slice){ in[i]->key.data, in[i]->key.len });
		attrs[i].value =
			arena_str(a, (struct slice){ in[i]->value.data, in[i]->value.len });
		if (!attrs[i].key || !attrs[i].value)
			return NULL;
	}
	*ret_n = attrs ? n : 0;
	return attrs;
}

static void half_in(struct arena *a, const Limpid__V1__Half *m, struct flow_half *h)
{
	h->begin_ns = m->begin_ns;
	h->end_ns = m->end_ns;
	h->op = opt_text(a, m->op);
	h->target = opt_text(a, m->target);
	h->status = opt_text(a, m->status);
	h->reason = opt_text(a, m->reason);
	h->headers = attrs_in(a, m->n_headers, m->headers, &h->nheaders);
	h->attrs = attrs_in(a, m->n_attrs, m->attrs, &h->nattrs);
	body_in(a, m->body, &h->body);
}

static int peer_in(struct arena *a, const Limpid__V1__Peer *m, struct flow_peer *p)
{
	if (!m)
		return 0;
	if ((m->addr.len != 0 && m->addr.len != 16) || m->port > UINT16_MAX)
		return -EBADMSG;
	if (m->addr.len)
		memcpy(p->addr, m->addr.data, 16);
	p->port = (uint16_t)m->port;
	p->pid = m->pid;
	p->comm = opt_text(a, m->comm);
	p->container = opt_chars(a, m->container);
	p->container_id = opt_chars(a, m->container_id);
	p->image = opt_chars(a, m->image);
	p->project = opt_chars(a, m->project);
	p->pod = opt_chars(a, m->pod);
	p->ns = opt_chars(a, m->namespace_);
	return 0;
}

static void tls_in(struct arena *a, const Limpid__V1__Tls *m, struct flow_tls *t)
{
	t->library = opt_chars(a, m->library);
	t->version = opt_chars(a, m->version);
	t->road = opt_chars(a, m->road);
	t->mapping = opt_chars(a, m->mapping);
	t->sni = opt_text(a, m->sni);
	t->alpn = opt_text(a, m->alpn);
	t->protocol = opt_chars(a, m->protocol);
	t->cipher = opt_chars(a, m->cipher);
	t->group = opt_chars(a, m->group);
	t->offered = opt_text(a, m->offered);
	t->subject = opt_text(a, m->subject);
	t->issuer = opt_text(a, m->issuer);
	t->names = opt_text(a, m->names);
	t->not_after = m->not_after;
	t->alert = opt_chars(a, m->alert);
	t->alert_by = opt_chars(a, m->alert_by);
	t->flags = m->flags;
	t->reason = opt_chars(a, m->reason);
	t->why = opt_chars(a, m->why);
	t->hint = opt_chars(a, m->hint);
}

static int conn_in(struct arena *a, const Limpid__V1__Conn *m, const struct flow_conn **ret)
{
	struct flow_conn *c = arena_alloc(a, sizeof(*c));
	struct flow_tls *tls = NULL;

	if (!c || (m->tls && !(tls = arena_alloc(a, sizeof(*tls)))))
		return -ENOMEM;
	c->id = m->id;
	c->seen_by = m->seen_by & 3;
	c->l4 = opt_chars(a, m->l4);
	c->path = opt_text(a, m->path);
	if (peer_in(a, m->client, &c->client) < 0 || peer_in(a, m->server, &c->server) < 0)
		return -EBADMSG;
	if (tls)
		tls_in(a, m->tls, tls);
	c->tls = tls;
	*ret = c;
	return 0;
}

static int msgs_in(struct arena *a, const Limpid__V1__Flow *m, struct flow *f)
{
	struct flow_msg *msgs = m->n_msgs ? arena_alloc(a, m->n_msgs * sizeof(*msgs)) : NULL;

	if (m->n_msgs && !msgs)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_msgs; i++) {
		msgs[i].seq = m->msgs[i]->seq;
		msgs[i].ts_ns = m->msgs[i]->ts_ns;
		msgs[i].from_server = m->msgs[i]->from_server;
		msgs[i].flags = m->msgs[i]->flags;
		msgs[i].op = opt_text(a, m->msgs[i]->op);
		msgs[i].attrs = attrs_in(a, m->msgs[i]->n_attrs, m->msgs[i]->attrs, &msgs[i].nattrs);
		body_in(a, m->msgs[i]->body, &msgs[i].body);
	}
	f->msgs = msgs;
	f->nmsgs = m->n_msgs;
	return 0;
}

/* Out of foreign files, too: a note is text of the usual length, a colour one of those there are. */
static int mark_in(struct arena *a, const Limpid__V1__Mark *m, struct flow *f)
{
	struct flow_mark *mark;

	if (!m)
		return 0;
	mark = arena_alloc(a, sizeof(*mark));
	if (!mark)
		return -ENOMEM;
	mark->colour = m->colour <= FLOW_MARK_MAX ? m->colour : 0;
	mark->pinned = m->pinned;
	if (m->note.len <= FLOW_NOTE_MAX && slice_is_utf8((struct slice){ m->note.data, m->note.len }))
		mark->note = opt_text(a, m->note);
	if (mark->colour || mark->pinned || mark->note)
		f->mark = mark;
	return 0;
}

int flow_pb_from(const Limpid__V1__Flow *m, struct arena *a, struct flow *ret)
{
	struct flow f = { 0 };
	int r;

	if (m->id.len != 16 || !m->conn || !m->proto || !*m->proto || m->state > FLOW_RESET)
		return -EBADMSG;
	memcpy(f.id, m->id.data, 16);
	f.epoch_ns = m->epoch_ns;
	f.proto = opt_chars(a, m->proto);
	f.state = (enum flow_state)m->state;
	f.flags = m->flags;
	f.failed = m->failed;
	r = conn_in(a, m->conn, &f.conn);
	if (r < 0)
		return r;
	f.has_req = m->req != NULL;
	f.has_resp = m->resp != NULL;
	if (m->req)
		half_in(a, m->req, &f.req);
	if (m->resp)
		half_in(a, m->resp, &f.resp);
	if (m->stream) {
		f.streams = true;
		f.stream = (struct flow_stream){
			.n = { m->stream->client_messages, m->stream->server_messages },
			.bytes = { m->stream->client_bytes, m->stream->server_bytes },
			.left_out = m->stream->left_out,
		};
	}
	r = msgs_in(a, m, &f);
	r = r ? r : mark_in(a, m->mark, &f);
	if (r < 0)
		return r;
	if (arena_short(a))
		return -ENOMEM;
	*ret = f;
	return 0;
}

static void *alloc_in_arena(void *a, size_t n)
{
	return arena_alloc(a, n);
}

static void leave_to_arena(void *a, void *p)
{
	(void)a;
	(void)p;
}

int flow_pb_unpack(struct slice in, struct arena *a, struct flow *ret)
{
	ProtobufCAllocator alloc = { alloc_in_arena, leave_to_arena, a };
	Limpid__V1__Flow *m = limpid__v1__flow__unpack(&alloc, in.n, in.p);

	if (!m)
		return arena_short(a) ? -ENOMEM : -EBADMSG;
	return flow_pb_from(m, a, ret);
}
