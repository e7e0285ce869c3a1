/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng (draft-ietf-opsawg-pcapng): one section, one Ethernet interface with times in ns, names of addresses, packets.
 *
 * Flows come in the order of their beginnings, more or less, and each brings bytes of several moments: those wait in a heap
 * until no flow that begins so early can come any more (SLACK_NS), so that packets are in the order of time.  The heap is bounded; what
 * has to leave it early is in its place within its connection, but not among the others.
 */
#include "export/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "export/block.h"
#include "export/wire.h"

#define SLACK_NS   INT64_C(5000000000)
#define HEAP_BYTES ((size_t)64 << 20)
#define CONNS_MAX  65536u
#define NAMES_MAX  65536u
#define ACK_EVERY  (1u << 20)
#define PORTS_MAX  8
#define EVICT_TRIES 64u

struct exporter {
	struct buf *out; /* of the call */
	struct wire_event **heap;
	size_t n, cap, bytes;
	uint64_t order;
	struct map conns, names;
	struct wire_conn *first, *last;
	int64_t latest_ns, now_ns; /* the latest beginning; the last packet */
	struct wire_out wire;
	struct buf frame;
	bool begun, failed;
	struct {
		uint16_t port;
		const char *dissector;
	} odd[PORTS_MAX]; /* where a dissector has to be told */
	size_t nodd;
	char remark[400];
};

static void put_packet(struct exporter *e, const char *comment)
{
	block_packet(e->out, e->now_ns, buf_slice(&e->frame), comment);
	e->failed |= e->frame.failed || e->out->failed;
	buf_clear(&e->frame);
}

/* --- connections ----------------------------------------------------------------------------------------- */

static void frame(struct exporter *e, struct wire_conn *c, bool from_server, unsigned flags, struct slice payload,
		  const char *comment)
{
	wire_frame(&e->frame, c, from_server, flags, payload);
	put_packet(e, comment);
}

static void handshake(struct exporter *e, struct wire_conn *c)
{
	struct slice nothing = { 0 };

	frame(e, c, false, WIRE_SYN, nothing, c->about);
	frame(e, c, true, WIRE_SYN | WIRE_ACK, nothing, NULL);
	frame(e, c, false, WIRE_ACK, nothing, NULL);
	c->open = true;
}

static void goodbye(struct exporter *e, struct wire_conn *c)
{
	struct slice nothing = { 0 };

	if (!c->open)
		return;
	frame(e, c, true, WIRE_FIN | WIRE_ACK, nothing, "made up: the end of the connection");
	frame(e, c, false, WIRE_FIN | WIRE_ACK, nothing, NULL);
	frame(e, c, true, WIRE_ACK, nothing, NULL);
	c->open = false;
}

static void write_event(struct exporter *e, const struct wire_event *ev)
{
	struct slice left = { ev->data, ev->n };
	struct wire_conn *c = ev->conn;
	const char *comment = ev->comment;
	size_t mss = wire_mss(c);

	if (ev->at_ns > e->now_ns)
		e->now_ns = ev->at_ns;
	if (!c->open)
		handshake(e, c);
	while (left.n) {
		struct slice piece = slice_cut(left, 0, mss);

		left = slice_cut(left, piece.n, left.n);
		frame(e, c, ev->from_server, WIRE_ACK | (left.n ? 0 : WIRE_PSH), piece, comment);
		comment = NULL;
		c->unacked += (uint32_t)piece.n;
		if (c->unacked >= ACK_EVERY || !left.n) {
			frame(e, c, !ev->from_server, WIRE_ACK, (struct slice){ 0 }, NULL);
			c->unacked = 0;
		}
	}
	c->pending--;
}

static void unlink_conn(struct exporter *e, struct wire_conn *c)
{
	*(c->prev ? &c->prev->next : &e->first) = c->next;
	*(c->next ? &c->next->prev : &e->last) = c->prev;
	c->next = c->prev = NULL;
}

static void link_first(struct exporter *e, struct wire_conn *c)
{
	c->next = e->first;
	*(e->first ? &e->first->prev : &e->last) = c;
	e->first = c;
}

static void drop_conn(struct exporter *e, struct wire_conn *c)
{
	goodbye(e, c);
	unlink_conn(e, c);
	(void)map_take(&e->conns, c->key);
	free(c->about);
	free(c);
}

static uint64_t mix(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ slice_at(s, i)) * UINT64_C(1099511628211);
	return h;
}

/* Agents count their connections each from one on: the ends tell them apart. */
static uint64_t conn_key(const struct flow_conn *c)
{
	uint64_t h = UINT64_C(14695981039346656037), facts[2] = { c->id, (uint64_t)c->client.port << 16 | c->server.port };

	for (size_t i = 0; i < 16; i++)
		h = (h ^ (facts[i / 8] >> i % 8 * 8 & 0xff)) * UINT64_C(1099511628211);
	h = mix(h, (struct slice){ c->client.addr, 16 });
	h = mix(h, (struct slice){ c->server.addr, 16 });
	h = mix(h, slice_str(c->path));
	return h ? h : 1;
}

static void put_who(struct buf *b, const char *what, const struct flow_peer *p)
{
	char room[FLOW_NAME_MAX];
	const char *name = flow_container_name(p, room);

	buf_printf(b, "%s %s", what, name ? name : p->comm ? p->comm : "unknown");
	if (name && p->comm)
		buf_printf(b, " (%s)", p->comm);
	if (p->pid)
		buf_printf(b, ", pid %u", p->pid);
	buf_puts(b, "; ");
}

static char *about(const struct flow *f)
{
	const struct flow_conn *c = f->conn;
	struct buf b = { 0 };

	put_who(&b, "client", &c->client);
	put_who(&b, "server", &c->server);
	if (flow_is_unix(c))
		buf_printf(&b, "unix socket %s, its addresses and ports are made up; ", c->path ? c->path : "without a name");
	if (c->tls)
		buf_printf(&b, "%s, decrypted; ", c->tls->protocol ? c->tls->protocol : "TLS");
	if (f->flags & FLOW_MIDSTREAM)
		buf_puts(&b, "the connection was open before capture began; ");
	buf_puts(&b, "the handshake is made up");
	buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
	return (char *)b.p;
}

static void name_address(struct exporter *e, const uint8_t addr[16], const struct flow_peer *p, const char *path)
{
	char room[FLOW_NAME_MAX];
	const char *name = flow_container_name(p, room);
	uint64_t key = mix(UINT64_C(14695981039346656037), (struct slice){ addr, 16 });

	name = name ? name : path;
	if (!name || map_find(&e->names, key) || e->names.n >= NAMES_MAX)
		return;
	block_name(e->out, addr, name);
	if (map_put(&e->names, key, e) < 0)
		e->failed = true;
}

static void notice_port(struct exporter *e, const struct wire *w, const struct wire_conn *c, bool tls)
{
	uint16_t port = c->port[1];

	if (!w->dissector || (port == w->port && !tls))
		return;
	for (size_t i = 0; i < e->nodd; i++)
		if (e->odd[i].port == port)
			return;
	if (e->nodd == PORTS_MAX)
		return;
	e->odd[e->nodd].port = port;
	e->odd[e->nodd++].dissector = w->dissector;
}

/* Of the connections used longest ago those go that nothing waits for. */
static void make_room(struct exporter *e)
{
	struct wire_conn *c = e->last;

	for (unsigned i = 0; i < EVICT_TRIES && c && e->conns.n >= CONNS_MAX; i++) {
		struct wire_conn *prev = c->prev;

		if (!c->pending)
			drop_conn(e, c);
		c = prev;
	}
}

static struct wire_conn *conn_of(struct exporter *e, const struct wire *w, const struct flow *f)
{
	uint64_t key = conn_key(f->conn);
	struct wire_conn *c = map_find(&e->conns, key);

	if (c) {
		unlink_conn(e, c);
		link_first(e, c);
		return c;
	}
	make_room(e);
	c = calloc(1, sizeof(*c));
	if (!c || map_put(&e->conns, key, c) < 0) {
		free(c);
		return NULL;
	}
	c->key = key;
	c->about = about(f);
	c->stream = 1;
	wire_ends(c, f, w->port);
	link_first(e, c);
	name_address(e, c->addr[0], &f->conn->client, NULL);
	name_address(e, c->addr[1], &f->conn->server, f->conn->path);
	notice_port(e, w, c, f->conn->tls != NULL);
	return c;
}

/* --- the heap ---------------------------------------------------------------------------------------------- */

static bool before(const struct wire_event *a, const struct wire_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void sift_up(struct exporter *e, size_t i)
{
	struct wire_event *ev = e->heap[i];

	for (size_t up; i > 0 && before(ev, e->heap[up = (i - 1) / 2]); i = up)
		e->heap[i] = e->heap[up];
	e->heap[i] = ev;
}

static struct wire_event *pop(struct exporter *e)
{
	struct wire_event *top = e->heap[0], *ev = e->heap[--e->n];
	size_t i = 0, down;

	while ((down = 2 * i + 1) < e->n) {
		down += down + 1 < e->n && before(e->heap[down + 1], e->heap[down]);
		if (!before(e->heap[down], ev))
			break;
		e->heap[i] = e->heap[down];
		i = down;
	}
	e->heap[i] = ev;
	e->bytes -= sizeof(*top) + top->n;
	return top;
}

static void write_until(struct exporter *e, int64_t until_ns, size_t keep_bytes)
{
	while (e->n && (e->heap[0]->at_ns <= until_ns || e->bytes > keep_bytes)) {
		struct wire_event *ev = pop(e);

		write_event(e, ev);
		free(ev);
	}
}

static bool heap_room(struct exporter *e)
{
	size_t cap = e->cap ? 2 * e->cap : 256;
	struct wire_event **p;

	if (e->n < e->cap)
		return true;
	p = realloc(e->heap, cap * sizeof(struct wire_event *));
	if (!p)
		return false;
	e->heap = p;
	e->cap = cap;
	return true;
}

static void push(void *ctx, struct wire_conn *c, int64_t at_ns, bool from_server, struct slice bytes, const char *comment)
{
	struct exporter *e = ctx;
	size_t more = comment && comment[0] ? strlen(comment) + 1 : 0;
	struct wire_event *ev = malloc(sizeof(*ev) + bytes.n + more);

	if (!ev || !heap_room(e)) {
		free(ev);
		e->failed = true;
		return;
	}
	*ev = (struct wire_event){ .conn = c, .at_ns = at_ns, .order = e->order++, .from_server = from_server, .n = bytes.n };
	if (bytes.n)
		memcpy(ev->data, bytes.p, bytes.n);
	if (more) {
		memcpy(ev->data + bytes.n, comment, more);
		ev->comment = (const char *)ev->data + bytes.n;
	}
	c->pending++;
	e->heap[e->n++] = ev;
	e->bytes += sizeof(*ev) + ev->n;
	sift_up(e, e->n - 1);
}

/* --- the file ------------------------------------------------------------------------------------------------ */

static struct exporter *pcapng_open(void)
{
	struct exporter *e = calloc(1, sizeof(*e));

	if (e)
		e->wire = (struct wire_out){ .ctx = e, .push = push };
	return e;
}

static void begin(struct exporter *e, struct buf *out)
{
	e->out = out;
	if (!e->begun)
		block_section(out);
	e->begun = true;
}

static int pcapng_flow(struct exporter *e, const struct flow *f, struct buf *out)
{
	const struct wire *w = wire_find(f->proto);

	begin(e, out);
	if (!w)
		return 0;
	e->wire.conn = conn_of(e, w, f);
	if (!e->wire.conn)
		return -ENOMEM;
	if (!w->flow(&e->wire, f))
		return 0;
	if (flow_time_ns(f) > e->latest_ns)
		e->latest_ns = flow_time_ns(f);
	write_until(e, e->latest_ns - SLACK_NS, HEAP_BYTES);
	return e->failed || e->wire.b.failed || e->wire.note.failed || out->failed ? -ENOMEM : 1;
}

static int pcapng_end(struct exporter *e, struct buf *out)
{
	begin(e, out);
	write_until(e, INT64_MAX, 0);
	while (e->last)
		drop_conn(e, e->last);
	return e->failed || out->failed ? -ENOMEM : 0;
}

static const char *pcapng_remark(struct exporter *e)
{
	size_t n = 0;

	if (!e->nodd)
		return NULL;
	n = (size_t)snprintf(e->remark, sizeof(e->remark), "at unusual ports Wireshark has to be told, tshark so:");
	for (size_t i = 0; i < e->nodd && n < sizeof(e->remark); i++)
		n += (size_t)snprintf(e->remark + n, sizeof(e->remark) - n, " -d tcp.port==%u,%s", e->odd[i].port,
				      e->odd[i].dissector);
	return e->remark;
}

static void pcapng_free(struct exporter *e)
{
	if (!e)
		return;
	while (e->n)
		free(pop(e));
	free(e->heap);
	for (struct wire_conn *c = e->first, *next; c; c = next) {
		next = c->next;
		free(c->about);
		free(c);
	}
	map_release(&e->conns);
	map_release(&e->names);
	buf_release(&e->wire.b);
	buf_release(&e->wire.note);
	buf_release(&e->frame);
	free(e);
}

const struct export_ops export_pcapng = { "pcapng",   pcapng_open,   pcapng_flow,
					  pcapng_end, pcapng_remark, pcapng_free };
