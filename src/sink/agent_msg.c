/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/agent_msg.h"

#include <errno.h>

#include "base/arena.h"
#include "flow/pb.h"
#include "limpid.pb-c.h"

#define TAG_LEN(field)	  ((uint8_t)((field) << 3 | 2))
#define TAG_VARINT(field) ((uint8_t)((field) << 3))
#define BATCH_IN_MESSAGE  4 /* AgentMessage.batch */
#define SEQ_IN_BATCH	  1
#define FLOWS_IN_BATCH	  2
#define FLOW_HEAD	  5 /* tag, and a length of four bytes whatever it is */

static char *chars(const char *s)
{
	return s ? (char *)(uintptr_t)s : (char *)(uintptr_t)protobuf_c_empty_string;
}

static int pack(struct buf *out, const Limpid__V1__AgentMessage *m)
{
	size_t n = limpid__v1__agent_message__get_packed_size(m);
	uint8_t *p;

	buf_clear(out);
	p = buf_room(out, n);
	if (!p) {
		buf_clear(out);
		return -ENOMEM;
	}
	out->n = limpid__v1__agent_message__pack(m, p);
	return 0;
}

int agent_msg_hello(struct buf *out, const struct collector_options *o)
{
	Limpid__V1__Hello hello = LIMPID__V1__HELLO__INIT;
	Limpid__V1__AgentMessage m = LIMPID__V1__AGENT_MESSAGE__INIT;

	hello.agent_id = chars(o->agent_id);
	hello.hostname = chars(o->hostname);
	hello.version = chars(o->version);
	hello.kernel = chars(o->kernel);
	m.msg_case = LIMPID__V1__AGENT_MESSAGE__MSG_HELLO;
	m.hello = &hello;
	return pack(out, &m);
}

static int container_out(struct arena *a, const struct collector_container *c,
			 Limpid__V1__Container *m)
{
	limpid__v1__container__init(m);
	m->id = chars(c->id);
	m->name = chars(c->name);
	m->image = chars(c->image);
	m->project = chars(c->project);
	m->service = chars(c->service);
	m->pod = chars(c->pod);
	m->namespace_ = chars(c->ns);
	m->state = chars(c->state);
	m->networks = chars(c->networks);
	m->captured = c->captured;
	if (c->naddrs == 0)
		return 0;
	m->addrs = arena_alloc(a, c->naddrs * sizeof(*m->addrs));
	if (!m->addrs)
		return -ENOMEM;
	m->n_addrs = c->naddrs;
	for (size_t i = 0; i < c->naddrs; i++)
		m->addrs[i] = (ProtobufCBinaryData){ 16, c->addrs[i] };
	return 0;
}

int agent_msg_containers(struct buf *out, const struct collector_container *list, size_t n,
			 const char *runtime)
{
	Limpid__V1__Containers all = LIMPID__V1__CONTAINERS__INIT;
	Limpid__V1__AgentMessage m = LIMPID__V1__AGENT_MESSAGE__INIT;
	struct arena *a = arena_new(SIZE_MAX);
	Limpid__V1__Container *mem = a ? arena_alloc(a, n * sizeof(*mem)) : NULL;
	int r = -ENOMEM;

	buf_clear(out);
	all.containers = a ? arena_alloc(a, n * sizeof(*all.containers)) : NULL;
	if (!mem || !all.containers)
		goto out;
	for (size_t i = 0; i < n; i++) {
		if (container_out(a, &list[i], &mem[i]) < 0)
			goto out;
		all.containers[i] = &mem[i];
	}
	all.n_containers = n;
	all.runtime = chars(runtime);
	m.msg_case = LIMPID__V1__AGENT_MESSAGE__MSG_CONTAINERS;
	m.containers = &all;
	r = pack(out, &m);
out:
	arena_free(a);
	return r;
}

static ProtobufCBinaryData bytes(const char *s)
{
	return (ProtobufCBinaryData){ s ? strlen(s) : 0, (uint8_t *)(uintptr_t)s };
}

static int libraries_out(struct arena *a, const struct collector_tls *t, Limpid__V1__TlsProcess *m)
{
	Limpid__V1__TlsLibrary *mem = arena_alloc(a, (t->nlibs + 1) * sizeof(*mem));

	m->libraries = arena_alloc(a, (t->nlibs + 1) * sizeof(*m->libraries));
	if (!mem || !m->libraries)
		return -ENOMEM;
	for (size_t i = 0; i < t->nlibs; i++) {
		limpid__v1__tls_library__init(&mem[i]);
		mem[i].name = chars(t->libs[i].name);
		mem[i].version = bytes(t->libs[i].version);
		mem[i].path = bytes(t->libs[i].path);
		mem[i].code = chars(t->libs[i].code);
		m->libraries[i] = &mem[i];
	}
	m->n_libraries = t->nlibs;
	m->more_libraries = t->more_libs;
	return 0;
}

static int ledger_out(struct arena *a, const struct collector_ledger *l, Limpid__V1__Health *h)
{
	Limpid__V1__TlsProcess *mem = arena_alloc(a, (l->n + 1) * sizeof(*mem));

	h->tls = arena_alloc(a, (l->n + 1) * sizeof(*h->tls));
	if (!mem || !h->tls)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		const struct collector_tls *t = &l->rows[i];
		Limpid__V1__TlsProcess *m = &mem[i];

		limpid__v1__tls_process__init(m);
		m->pid = t->pid;
		m->processes = t->processes;
		m->comm = bytes(t->comm);
		m->container = chars(t->container);
		m->code = chars(t->code);
		m->text = chars(t->text);
		m->hint = chars(t->hint);
		m->readable = t->readable;
		m->gone = t->gone;
		m->connections = t->conns;
		m->unread = t->unread;
		m->wire_bytes = t->wire;
		m->plain_bytes = t->plain;
		if (libraries_out(a, t, m) < 0)
			return -ENOMEM;
		h->tls[i] = m;
	}
	h->n_tls = l->n;
	h->tls_left_out = l->left_out;
	return 0;
}

int agent_msg_health(struct buf *out, const struct collector_fact *facts, size_t nfacts,
		     const struct collector_counter *counters, size_t ncounters,
		     const struct collector_ledger *tls)
{
	Limpid__V1__Health h = LIMPID__V1__HEALTH__INIT;
	Limpid__V1__AgentMessage m = LIMPID__V1__AGENT_MESSAGE__INIT;
	struct arena *a = arena_new(SIZE_MAX);
	Limpid__V1__Counter *cm = a ? arena_alloc(a, ncounters * sizeof(*cm)) : NULL;
	Limpid__V1__Fact *fm = a ? arena_alloc(a, nfacts * sizeof(*fm)) : NULL;
	int r = -ENOMEM;

	buf_clear(out);
	h.facts = a ? arena_alloc(a, nfacts * sizeof(*h.facts)) : NULL;
	h.counters = a ? arena_alloc(a, ncounters * sizeof(*h.counters)) : NULL;
	if (!cm || !fm || !h.facts || !h.counters || (tls && ledger_out(a, tls, &h) < 0))
		goto out;
	for (size_t i = 0; i < nfacts; i++) {
		limpid__v1__fact__init(&fm[i]);
		fm[i].key = chars(facts[i].key);
		fm[i].text = chars(facts[i].text);
		fm[i].hint = chars(facts[i].hint);
		fm[i].level = facts[i].level;
		h.facts[i] = &fm[i];
	}
	for (size_t i = 0; i < ncounters; i++) {
		limpid__v1__counter__init(&cm[i]);
		cm[i].key = chars(counters[i].key);
		cm[i].value = counters[i].value;
		h.counters[i] = &cm[i];
	}
	h.n_facts = nfacts;
	h.n_counters = ncounters;
	m.msg_case = LIMPID__V1__AGENT_MESSAGE__MSG_HEALTH;
	m.health = &h;
	r = pack(out, &m);
out:
	arena_free(a);
	return r;
}

static size_t put_varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

size_t agent_batch_head(uint8_t ret[AGENT_BATCH_HEAD_MAX], uint64_t seq, size_t flows)
{
	uint8_t inner[16];
	size_t ninner = 0, n = 0;

	inner[ninner++] = TAG_VARINT(SEQ_IN_BATCH);
	ninner += put_varint(inner + ninner, seq);
	ret[n++] = TAG_LEN(BATCH_IN_MESSAGE);
	n += put_varint(ret + n, ninner + flows);
	memcpy(ret + n, inner, ninner);
	return n + ninner;
}

int agent_batch_flow(struct buf *out, const struct flow *f, size_t max)
{
	size_t at = out->n, len;
	uint8_t *p;
	int r = -ENOMEM;

	if (!buf_room(out, FLOW_HEAD))
		goto undo;
	out->n += FLOW_HEAD;
	r = flow_pb_pack(out, f);
	if (r < 0)
		goto undo;
	len = out->n - at - FLOW_HEAD;
	r = -EMSGSIZE;
	if (len > max || len >= 1u << 28)
		goto undo;
	/* The length is known only now: a varint of four bytes, longer than need be but valid, saves
	 * encoding the flow elsewhere first. */
	p = out->p + at;
	p[0] = TAG_LEN(FLOWS_IN_BATCH);
	for (unsigned i = 0; i < 4; i++)
		p[1 + i] = (uint8_t)((len >> 7 * i & 0x7f) | (i < 3 ? 0x80 : 0));
	return 0;
undo:
	out->n = at;
	out->failed = false;
	return r;
}
