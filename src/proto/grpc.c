/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC over HTTP/2 and gRPC-Web over any HTTP (grpc/grpc: doc/PROTOCOL-HTTP2.md, doc/PROTOCOL-WEB.md).
 *
 * A call is an exchange: POST to /package.Service/Method, messages each way, a status behind the last.  Nothing on the wire
 * says whether a side will send one message or many.  So the first message of a side is shown as its body; with the
 * second, that body is taken back, the call becomes a stream, and both are messages of it.  Where the
 * method's descriptor is known, a side that streams does so from its first message on.
 *
 * The answer's end is the end of what is told; the exchange is over when the client ended its side, too.
 * Servers tell about their types themselves when they are asked by server reflection; what they say is learned here.
 */
#include "proto/grpc_call.h"

#include <stdlib.h>

#define REFLECTION    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define REFLECTION_V1 "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

#define EARLY_NS 2000000u /* at most so much before its deadline a call is given up for it */

static bool starts(const char *s, const char *with)
{
	return s && (*s | 0x20) == (*with | 0x20) &&
	       slice_eq_nocase(slice_cut(slice_str(s), 0, strlen(with)), slice_str(with));
}

static bool is_type(const char *type)
{
	size_t n = sizeof("application/grpc") - 1;

	/* "application/grpc", and what follows as a format or parameter. */
	return starts(type, "application/grpc") &&
	       (!type[n] || type[n] == '+' || type[n] == '-' || type[n] == ';' || type[n] == ' ');
}

static bool grpc_is(const struct flow_half *req, const struct flow_half *resp)
{
	const struct flow_half *h = req ? req : resp;

	if (!h || !is_type(flow_header(h, "content-type")))
		return false;
	/* A body that HTTP has compressed as a whole cannot be followed. */
	return !(req && flow_header(req, "content-encoding")) &&
	       !(resp && flow_header(resp, "content-encoding"));
}

static void *grpc_open(const struct proto_limits *limits)
{
	struct grpc_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->limits = limits;
	for (size_t i = 0; i < 2; i++)
		c->side[i].frames.limits = limits;
	return c;
}

static void grpc_close(void *call)
{
	struct grpc_call *c = call;

	if (!c)
		return;
	for (size_t i = 0; i < 2; i++) {
		struct grpc_side *s = &c->side[i];

		grpc_frames_release(&s->frames);
		arena_free(s->arena);
		arena_free(s->first.arena);
		for (unsigned k = s->taken; k < s->nqueue; k++)
			arena_free(s->queue[k].arena);
	}
	free(c);
}

static size_t grpc_held(const void *call)
{
	const struct grpc_call *c = call;
	size_t n = sizeof(*c);

	for (size_t i = 0; i < 2; i++) {
		const struct grpc_side *s = &c->side[i];

		n += s->arena ? arena_used(s->arena) : 0;
		n += s->first.arena ? arena_used(s->first.arena) : 0;
		n += s->frames.arena ? arena_used(s->frames.arena) : 0;
	}
	return n;
}

/* --- heads ------------------------------------------------------------------------------------------------------------ */

static void add_attr(struct grpc_side *s, const char *key, const char *value)
{
	if (!value)
		return;
	if (s->nattrs < GRPC_ATTRS)
		s->attrs[s->nattrs++] = (struct flow_attr){ key, value };
	else
		s->flags |= FLOW_TRUNCATED;
}

static const char *kind_of(const struct schema_method *m)
{
	if (m->client_streams)
		return m->server_streams ? "bidi_stream" : "client_stream";
	return m->server_streams ? "server_stream" : "unary";
}

/* What the path says: its last part is the method; its schema, if it is known. */
static void read_path(struct grpc_call *c, struct grpc_side *s)
{
	const char *path = s->half.target, *slash = path ? strrchr(path, '/') : NULL;
	const struct schema_method *m;

	if (!slash)
		return;
	if (slash[1])
		s->half.op = slash + 1;
	c->reflects = strcmp(path, REFLECTION) == 0 || strcmp(path, REFLECTION_V1) == 0;
	m = schemas_method(c->limits->schemas, path);
	if (!m)
		return;
	c->known = true;
	s->type = m->input;
	s->streams |= m->client_streams; /* its messages may have been quicker than its head */
	c->side[SIDE_RESP].type = m->output;
	c->side[SIDE_RESP].streams |= m->server_streams;
	add_attr(s, "kind", kind_of(m));
}

/* Clients count from before the head was written, and say what was left then, rounded: a little earlier is in time, too. */
static void set_deadline(struct grpc_call *c, uint64_t begin_ns, uint64_t timeout_ns)
{
	uint64_t early = timeout_ns / 64 + EARLY_NS;

	if (begin_ns > EARLY_NS && timeout_ns)
		c->deadline_ns = begin_ns + timeout_ns - early;
}

static void grpc_head(void *call, enum side side, struct msg *m)
{
	struct grpc_call *c = call;
	struct grpc_side *s = &c->side[side];
	const char *type = flow_header(&m->half, "content-type");

	s->arena = m->arena;
	s->half = m->half;
	s->half.body = (struct flow_body){ 0 };
	s->half.body.type = type;
	s->flags = m->flags;
	s->has_head = true;
	s->frames.web = starts(type, "application/grpc-web");
	s->frames.text = starts(type, "application/grpc-web-text");
	s->frames.raw = type && !is_type(type); /* a proxy's own answer, say */
	s->json = type && strstr(type, "+json");
	s->coding = flow_header(&m->half, "grpc-encoding");
	if (s->arena)
		arena_limit(s->arena, GRPC_ATTRS * 64 + 65536);
	if (s->frames.raw && s->n == 0)
		s->streams = false;
	if (side == SIDE_REQ && s->arena) {
		const char *timeout = flow_header(&m->half, "grpc-timeout");

		read_path(c, s);
		set_deadline(c, m->half.begin_ns, timeout ? grpc_timeout_ns(timeout) : 0);
		add_attr(s, "timeout", timeout ? grpc_timeout_text(s->arena, timeout) : NULL);
	}
	s->tell = true;
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

static const char *op_of(const struct grpc_side *s)
{
	const char *dot = s->type ? strrchr(s->type, '.') : NULL;

	return dot ? dot + 1 : s->type ? s->type : "message";
}

static void queue(struct grpc_side *s, struct grpc_message m, struct flow_body b)
{
	struct msg *out = &s->queue[s->nqueue++];

	s->flags |= m.flags;
	*out = (struct msg){ .role = ROLE_MESSAGE, .flags = m.flags, .arena = m.arena };
	out->half.body = b;
	out->half.op = grpc_own(m.arena, op_of(s));
	out->half.body.type = grpc_own(m.arena, b.type);
	out->half.body.encoding = grpc_own(m.arena, b.encoding);
}

/* The lines of a trailers frame: kept for the end.  The last line of a part of it may be a part itself. */
static void read_trailers(struct grpc_side *s, struct slice in, bool partial)
{
	while (in.n > 0) {
		size_t nl = slice_find(in, SLICE_LIT("\n"), 0), colon;
		struct slice line = slice_cut(in, 0, nl), value;

		if (partial && nl == in.n)
			return;
		in = slice_cut(in, nl + 1, in.n);
		colon = slice_find(line, SLICE_LIT(":"), 0);
		value = slice_cut(line, colon + 1, line.n);
		while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
			value = slice_cut(value, 1, value.n);
		while (value.n && (value.p[value.n - 1] == '\r' || value.p[value.n - 1] == ' '))
			value.n--;
		if (colon == line.n || colon == 0)
			continue;
		if (s->ntrailers == GRPC_TRAILERS || !s->arena) {
			s->flags |= FLOW_TRUNCATED;
			return;
		}
		s->trailers[s->ntrailers].key = arena_str(s->arena, slice_cut(line, 0, colon));
		s->trailers[s->ntrailers].value = arena_str(s->arena, value);
		if (s->trailers[s->ntrailers].key && s->trailers[s->ntrailers].value)
			s->ntrailers++;
	}
}

static void take_message(struct grpc_call *c, struct grpc_side *s)
{
	struct grpc_message m = grpc_frames_get(&s->frames);
	struct flow_body b;

	if (m.trailers) {
		read_trailers(s, m.data, m.partial);
		s->flags |= m.flags;
		arena_free(m.arena);
		return;
	}
	if (c->over) {
		arena_free(m.arena);
		return;
	}
	s->n++;
	b = grpc_body_of(c, s, &m);
	if (s->n == 1 && !s->streams) {
		s->first = m;
		s->first_body = b;
		s->tell = !c->known; /* else its end comes at once */
		return;
	}
	if (!s->streams) {
		s->streams = s->announce = true;
		s->tell = false;
		queue(s, s->first, s->first_body);
		s->queue[s->nqueue - 1].told = true;
		s->first = (struct grpc_message){ 0 };
	}
	queue(s, m, b);
}

static size_t grpc_take(void *call, enum side side, struct slice in)
{
	struct grpc_call *c = call;
	struct grpc_side *s = &c->side[side];
	size_t used = grpc_frames_take(&s->frames, in);

	if (s->frames.ready)
		take_message(c, s);
	return used;
}

static void grpc_lost(void *call, enum side side, uint64_t n)
{
	struct grpc_call *c = call;
	struct grpc_side *s = &c->side[side];

	s->flags |= FLOW_AFTER_GAP;
	s->lossy |= n == 0;
	grpc_frames_lost(&s->frames, n);
	if (s->frames.ready)
		take_message(c, s);
}

/* --- the end ---------------------------------------------------------------------------------------------------------- */

static const char *trailer(const struct grpc_side *s, const char *name)
{
	for (size_t i = 0; i < s->ntrailers; i++)
		if (slice_eq_nocase(slice_str(s->trailers[i].key), slice_str(name)))
			return s->trailers[i].value;
	return s->has_head ? flow_header(&s->half, name) : NULL; /* "trailers-only" */
}

/* The answer's status: gRPC's own; else what stands in for it. */
static void read_status(struct grpc_call *c, struct grpc_side *s, const char *reset)
{
	const char *code = trailer(s, "grpc-status"), *message = trailer(s, "grpc-message"),
		   *http = s->half.status;

	s->half.reason = NULL;
	if (code) {
		s->half.status = grpc_status_name(code);
		s->half.reason =
			message && *message ? grpc_percent_decoded(s->arena, message) : NULL;
		s->failed = strcmp(code, "0") != 0;
		add_attr(s, "code", code);
	} else if (reset) {
		s->half.status = c->late && strcmp(reset, "CANCEL") == 0 ? "DEADLINE_EXCEEDED" : grpc_status_of_reset(reset);
		s->failed = true;
	} else if (http && strcmp(http, "200") != 0) {
		s->failed = true; /* not from a gRPC server: HTTP's status stays */
	} else {
		s->half.status = NULL;
		/* It owes one, if all of its end was seen. */
		s->failed = s->has_head && !s->cut && !s->lossy && !(s->flags & FLOW_MIDSTREAM);
	}
	if (http && strcmp(http, "200") != 0)
		add_attr(s, "http_status", http);
	if (reset) {
		add_attr(s, "reset", reset);
		add_attr(s, "reset_by", c->reset_by);
	}
}

static void copy_trailers(struct grpc_side *s, const struct flow_attr *trailers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s->ntrailers == GRPC_TRAILERS) {
			s->flags |= FLOW_TRUNCATED;
			break;
		}
		s->trailers[s->ntrailers].key = grpc_own(s->arena, trailers[i].key);
		s->trailers[s->ntrailers].value = grpc_own(s->arena, trailers[i].value);
		if (s->trailers[s->ntrailers].key && s->trailers[s->ntrailers].value)
			s->ntrailers++;
		else
			s->flags |= FLOW_TRUNCATED;
	}
	for (size_t i = 0; i < s->ntrailers; i++) {
		const char *name = s->trailers[i].key, *key;

		if (slice_eq_nocase(slice_str(name), SLICE_LIT("grpc-status")) ||
		    slice_eq_nocase(slice_str(name), SLICE_LIT("grpc-message")))
			continue; /* the half's status and reason */
		key = s->arena ? arena_printf(s->arena, "trailer:%s", s->trailers[i].key) : NULL;
		if (key)
			add_attr(s, key, s->trailers[i].value);
	}
}

static void grpc_reset(void *call, enum side by, uint64_t now_ns)
{
	struct grpc_call *c = call;

	c->late = c->deadline_ns && now_ns >= c->deadline_ns;
	c->reset_by = by == SIDE_REQ ? "client" : "server";
}

static void grpc_end(void *call, enum side side, const struct flow_attr *trailers, size_t n,
		     bool cut, const char *reset)
{
	struct grpc_call *c = call;
	struct grpc_side *s = &c->side[side];

	if (s->whole)
		return;
	if (!s->arena && n > 0)
		s->arena = arena_new(65536 + GRPC_ATTRS * 64);
	else if (s->arena)
		arena_limit(s->arena, 65536 + GRPC_ATTRS * 64);
	if (grpc_frames_end(&s->frames))
		take_message(c, s);
	s->cut = cut && !c->over; /* what a client would still have said is not missed */
	if (s->frames.broken && !s->lossy)
		s->flags |= FLOW_BAD_FRAMING;
	copy_trailers(s, trailers, n);
	if (side == SIDE_RESP) {
		read_status(c, s, reset);
		c->over = s->has_head || reset || n > 0;
	}
	s->whole = s->has_head || side == SIDE_REQ || c->over;
	s->tell = s->whole && (s->has_head || side == SIDE_RESP);
}

/* --- what is given out ------------------------------------------------------------------------------------------------- */

static bool grpc_next(void *call, enum side side, struct msg *ret)
{
	struct grpc_call *c = call;
	struct grpc_side *s = &c->side[side];

	if (s->announce) {
		s->announce = false;
		grpc_give_half(c, side, false, ret);
	} else if (s->nqueue > 0) {
		*ret = s->queue[s->taken++];
		if (s->taken == s->nqueue)
			s->taken = s->nqueue = 0;
	} else if (s->tell) {
		s->tell = false;
		grpc_give_half(c, side, s->whole, ret);
		ret->ends = side == SIDE_RESP && s->whole;
	} else {
		return false;
	}
	return true;
}

const struct content content_grpc = {
	.name = "grpc",
	.is = grpc_is,
	.open = grpc_open,
	.head = grpc_head,
	.take = grpc_take,
	.lost = grpc_lost,
	.end = grpc_end,
	.reset = grpc_reset,
	.next = grpc_next,
	.held = grpc_held,
	.close = grpc_close,
};
