/* SPDX-License-Identifier: Apache-2.0 */
/* Real HTTP on a connection that was open before capture began, or of which bytes were lost: capture begins at
 * every byte of a conversation, and every hole of every length class is made in it.  What is found is
 * true, what is not true is not claimed, and the first exchange that can be known is known. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conn/table.h"

#define MS	 1000000ull
#define FAR	 1000
#define MAX_SAY	 40
#define MAX_TALK 12

struct say {
	enum side side;
	const char *text;
};
struct truth {
	const char *op, *target, *request, *status, *answer;
};
struct talk {
	const char *name;
	bool pipelined;
	struct say say[MAX_SAY];
	struct truth truth[MAX_TALK];
};

#define Q SIDE_REQ
#define A SIDE_RESP

static const struct talk talks[] = {
	{ "keep-alive",
	  false,
	  { { Q, "GET /one?x=1 HTTP/1.1\r\nHost: a.example\r\nX-Id: 1\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nfirst "
		 "\r lines" },
	    { Q, "POST /two HTTP/1.1\r\nHost: a.example\r\nContent-Length: 14\r\n\r\n" },
	    { Q, "{\"a\": [1, 22]}" },
	    { A, "HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\nsecond" },
	    { Q, "DELETE /three HTTP/1.1\r\nHost: a.example\r\n\r\n" },
	    { A, "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n" },
	    { Q, "GET /four HTTP/1.1\r\nHost: a.example\r\n\r\n" },
	    { A, "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nfourth" },
	    { Q, "GET /five HTTP/1.1\r\nHost: a.example\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfifth" } },
	  { { "GET", "/one?x=1", "", "200", "first \r lines" },
	    { "POST", "/two", "{\"a\": [1, 22]}", "201", "second" },
	    { "DELETE", "/three", "", "204", "" },
	    { "GET", "/four", "", "404", "fourth" },
	    { "GET", "/five", "", "200", "fifth" } } },
	{ "chunked",
	  false,
	  { { Q, "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" },
	    { Q, "4\r\nup 1\r\n" },
	    { Q, "00B;ext=1\r\n and more 1\r\n0\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
	    { A, "5\r\nfirst\r\n" },
	    { A, "10\r\n0123456789abcdef\r\n" },
	    { A, "0\r\nX-Sum: 1\r\n\r\n" },
	    { Q, "GET /two HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n" },
	    { Q, "GET /three HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird" } },
	  { { "POST", "/one", "up 1 and more 1", "200", "first0123456789abcdef" },
	    { "GET", "/two", "", "200", "second" },
	    { "GET", "/three", "", "200", "third" } } },
	{ "interim",
	  false,
	  { { Q,
	      "PUT /one HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n" },
	    { A, "HTTP/1.1 100 Continue\r\n\r\n" },
	    { Q, "upload 1" },
	    { A, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst" },
	    { Q, "HEAD /two HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" },
	    { Q, "GET /three HTTP/1.1\r\nHost: a\r\nIf-None-Match: x\r\n\r\n" },
	    { A, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n" },
	    { Q, "PUT /four HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
		 "8\r\n\r\n" },
	    { A, "HTTP/1.1 100 Continue\r\n\r\n" },
	    { Q, "upload 4" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfourth" },
	    { Q, "GET /five HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfifth" } },
	  { { "PUT", "/one", "upload 1", "200", "first" },
	    { "HEAD", "/two", "", "200", "" },
	    { "GET", "/three", "", "304", "" },
	    { "PUT", "/four", "upload 4", "200", "fourth" },
	    { "GET", "/five", "", "200", "fifth" } } },
	{ "pipelined",
	  true,
	  { { Q, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { Q, "GET /two HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { Q, "GET /three HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird" },
	    { Q, "" }, /* a silence */
	    { Q, "GET /four HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfourth" },
	    { Q, "" },
	    { Q, "GET /five HTTP/1.1\r\nHost: a\r\n\r\n" },
	    { A, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfifth" } },
	  { { "GET", "/one", "", "200", "first" },
	    { "GET", "/two", "", "200", "second" },
	    { "GET", "/three", "", "200", "third" },
	    { "GET", "/four", "", "200", "fourth" },
	    { "GET", "/five", "", "200", "fifth" } } },
};
#define TALKS (sizeof(talks) / sizeof(talks[0]))

/* --- the listener -------------------------------------------------------------------------------- */

struct heard {
	const struct talk *talk;
	const char *how; /* for messages */
	size_t at, len;
	bool lossy;	      /* bytes are missing in the middle */
	bool found[MAX_TALK]; /* as a whole exchange, in its last write */
	bool false_one;
};

static void say_false(struct heard *h, const struct flow *f, const char *what)
{
	fprintf(stderr, "# %s, %s %zu+%zu: %s: %s %s (%.*s) -> %s (%.*s), state %d flags %#x\n",
		h->talk->name, h->how, h->at, h->len, what, f->has_req ? f->req.op : "-",
		f->has_req ? f->req.target : "-", (int)f->req.body.data.n, f->req.body.data.p,
		f->has_resp ? f->resp.status : "-", (int)f->resp.body.data.n, f->resp.body.data.p,
		f->state, f->flags);
	h->false_one = true;
}

static bool same(const char *want, struct slice got)
{
	return strlen(want) == got.n && (got.n == 0 || memcmp(want, got.p, got.n) == 0);
}

static bool is_request(const struct truth *t, const struct flow_half *q)
{
	return strcmp(t->op, q->op) == 0 && strcmp(t->target, q->target) == 0;
}

/* A body that is not the whole one has to say so: by a flag, or because its flow is not over. */
static bool is_body(const char *want, const struct flow_body *b, const struct flow *f)
{
	return same(want, b->data) || f->state == FLOW_OPEN || f->state == FLOW_RESET ||
	       (f->flags & (FLOW_AFTER_GAP | FLOW_TRUNCATED));
}

static bool is_answer(const struct truth *t, const struct flow *f)
{
	return strcmp(t->status, f->resp.status) == 0 && is_body(t->answer, &f->resp.body, f);
}

static void hear(void *ctx, const struct flow *f)
{
	const unsigned flagged = FLOW_MIDSTREAM | FLOW_AFTER_GAP;
	struct heard *h = ctx;
	const struct truth *t = h->talk->truth;
	size_t i = 0;

	if (strcmp(f->proto, "tcp") == 0) /* the end of a message, say: nobody knows what it is */
		return;
	if (!(f->flags & flagged) && !h->lossy)
		say_false(h, f, "not flagged");
	while (i < MAX_TALK && t[i].op &&
	       !((!f->has_req || is_request(&t[i], &f->req)) &&
		 (!f->has_resp || is_answer(&t[i], f))))
		i++;
	if (i == MAX_TALK || !t[i].op) {
		say_false(h, f, "never happened");
		return;
	}
	if (f->has_req && !is_body(t[i].request, &f->req.body, f))
		say_false(h, f, "not its body");
	if (f->state == FLOW_DONE && f->has_req && f->has_resp &&
	    same(t[i].request, f->req.body.data) && same(t[i].answer, f->resp.body.data))
		h->found[i] = true;
}

/* --- the speaker ------------------------------------------------------------------------------------ */

struct speaker {
	struct conn_table *t;
	uint64_t now;
};

static void send_event(struct speaker *s, struct ev_hdr *h, uint16_t kind, size_t size)
{
	h->ts_ns = s->now += MS;
	h->size = (uint32_t)size;
	h->kind = kind;
	h->cookie = 7;
	h->tgid = h->tid = 100;
	assert_int_equal(conn_table_event(s->t, h), 0);
}

static void silence(struct speaker *s)
{
	for (int i = 0; i < 12; i++)
		(void)conn_table_tick(s->t, s->now += 250 * MS);
}

static void begin(struct speaker *s, struct heard *h, unsigned flags, enum ev_side side)
{
	static const uint8_t seed[16] = "attach at points";
	struct ev_open o = { .lport = 40000, .rport = 80, .side = (uint8_t)side, .cgroup_id = 1 };
	struct conn_hooks hooks = { .flow = hear };
	struct conn_limits lim;

	conn_limits_default(&lim);
	*s = (struct speaker){ .now = 1000 * 1000 * MS };
	s->t = conn_table_new(&lim, &hooks, h, 0, seed);
	assert_non_null(s->t);
	o.local[10] = o.local[11] = o.remote[10] = o.remote[11] = 0xff;
	o.local[12] = o.remote[12] = 10;
	o.remote[15] = 2;
	o.h.flags = (uint16_t)flags;
	send_event(s, &o.h, EV_OPEN, sizeof(o));
}

static void send_data(struct speaker *s, enum ev_dir dir, uint64_t off, struct slice text,
		      size_t lost)
{
	struct {
		struct ev_data d;
		uint8_t more[512];
	} ev = { .d = { .off = off, .dir = (uint8_t)dir } };

	assert_true(text.n <= sizeof(ev.more));
	ev.d.len = (uint32_t)(text.n + lost);
	ev.d.ncap = (uint32_t)text.n;
	if (text.n)
		memcpy(ev.d.data, text.p, text.n);
	send_event(s, &ev.d.h, EV_DATA, sizeof(ev.d) + text.n);
}

static void end(struct speaker *s, const uint64_t total[2])
{
	struct ev_close c = { .how = EV_END_ALL | EV_END_READ | EV_END_WRITE };

	for (int i = 0; i < 4; i++)
		(void)conn_table_tick(s->t, s->now += 250 * MS);
	memcpy(c.total, total, sizeof(c.total));
	send_event(s, &c.h, EV_CLOSE, sizeof(c));
	for (int i = 0; i < 4; i++)
		(void)conn_table_tick(s->t, s->now += 250 * MS);
	conn_table_finish(s->t);
	conn_table_free(s->t);
}

/* The client's socket writes requests; a server's would read them. */
static enum ev_dir dir_of(enum side side)
{
	return side == Q ? EV_WRITE : EV_READ;
}

static size_t length_of(const struct talk *t)
{
	size_t n = 0;

	for (const struct say *s = t->say; s->text; s++)
		n += strlen(s->text);
	return n;
}

/* In which exchange byte number at of the conversation is, and whether it is the very first of its request. */
static size_t exchanges_begun(const struct talk *t, size_t at)
{
	size_t n = 0, pos = 0;

	for (const struct say *s = t->say; s->text; s++) {
		if (pos >= at)
			break;
		if (s->side == Q && strstr(s->text, " HTTP/1.1\r\n"))
			n++;
		pos += strlen(s->text);
	}
	return n;
}

static size_t exchanges(const struct talk *t)
{
	size_t n = 0;

	while (n < MAX_TALK && t->truth[n].op)
		n++;
	return n;
}

/* --- capture begins at every byte ------------------------------------------------------------------- */

/* Whose the last byte before at was. */
static bool client_was_last(const struct talk *t, size_t at)
{
	size_t pos = 0;

	for (const struct say *s = t->say; s->text; s++) {
		pos += strlen(s->text);
		if (pos >= at)
			return s->side == Q;
	}
	return false;
}

/* What is left of the conversation after `at` bytes of it, in pieces of at most `piece` bytes. */
static void speak_from(const struct talk *t, size_t at, size_t piece, enum ev_side side,
		       struct heard *h)
{
	uint64_t total[2] = { 0, 0 };
	struct speaker s;
	size_t pos = 0;

	begin(&s, h, EV_LATE | (client_was_last(t, at) ? EV_OWED : 0), side);
	for (const struct say *say = t->say; say->text; say++) {
		struct slice text = slice_str(say->text);

		enum ev_dir dir = dir_of(say->side);
		size_t skip = at > pos ? at - pos : 0;

		if (text.n == 0)
			silence(&s);
		pos += text.n;
		text = slice_cut(text, skip < text.n ? skip : text.n, text.n);
		for (size_t n; text.n; text = slice_cut(text, n, text.n)) {
			n = text.n < piece ? text.n : piece;
			send_data(&s, dir, total[dir], slice_cut(text, 0, n), 0);
			total[dir] += n;
		}
	}
	end(&s, total);
}

static void attach_everywhere(size_t piece, enum ev_side side)
{
	bool wrong = false;

	for (const struct talk *t = talks; t < talks + TALKS; t++)
		for (size_t at = 1; at < length_of(t); at++) {
			struct heard h = { .talk = t, .how = "from", .at = at };
			size_t from = exchanges_begun(t, at);

			speak_from(t, at, piece, side, &h);
			/* who pipelines: when all that was asked before is answered */
			if (t->pipelined && from < 3)
				from = 3;
			for (size_t i = from; i < exchanges(t); i++)
				if (!h.found[i]) {
					fprintf(stderr,
						"# %s from byte %zu: exchange %zu is missing\n",
						t->name, at, i + 1);
					wrong = true;
				}
			wrong |= h.false_one;
		}
	assert_false(wrong);
}

static void attached_anywhere_the_next_exchange_is_known(void **state)
{
	(void)state;
	attach_everywhere(FAR, EV_CLIENT);
}

static void the_same_in_pieces_of_three_bytes(void **state)
{
	(void)state;
	attach_everywhere(3, EV_CLIENT);
}

static void the_same_when_nobody_knows_who_is_the_server(void **state)
{
	(void)state;
	attach_everywhere(FAR, EV_SIDE_UNKNOWN);
}

/* --- a hole of every length class, everywhere --------------------------------------------------------- */

static void speak_with_hole(const struct talk *t, enum side side, size_t at, size_t len, bool told,
			    struct heard *h)
{
	uint64_t total[2] = { 0, 0 };
	struct speaker s;

	begin(&s, h, 0, EV_CLIENT);
	for (const struct say *say = t->say; say->text; say++) {
		struct slice text = slice_str(say->text);
		enum ev_dir dir = dir_of(say->side);
		uint64_t off = total[dir];
		size_t from, to;

		if (text.n == 0)
			silence(&s);
		total[dir] += text.n;
		from = at > off ? (size_t)(at - off) : 0;
		to = at + len > off ? (size_t)(at + len - off) : 0;
		from = from < text.n ? from : text.n;
		to = to < text.n ? to : text.n;
		if (say->side != side || from >= to) {
			send_data(&s, dir, off, text, 0);
			continue;
		}
		if (told || from > 0)
			send_data(&s, dir, off, slice_cut(text, 0, from), told ? to - from : 0);
		if (to < text.n)
			send_data(&s, dir, off + to, slice_cut(text, to, text.n), 0);
		(void)conn_table_tick(s.t, s.now += 250 * MS);
	}
	end(&s, total);
}

/* In which exchange byte number at of one direction is. */
static size_t exchange_at(const struct talk *t, enum side side, size_t at)
{
	size_t asked = 0, answered = 0, pos = 0;

	for (const struct say *s = t->say; s->text; s++) {
		bool first = s->side == Q ? strstr(s->text, " HTTP/1.1\r\n") != NULL
					  : strncmp(s->text, "HTTP/1.1 1", 10) != 0 &&
						    strncmp(s->text, "HTTP/1.1 ", 9) == 0;

		if (s->side == Q)
			asked += first;
		else
			answered += first;
		if (s->side != side)
			continue;
		pos += strlen(s->text);
		if (pos > at)
			break;
	}
	return (side == Q ? asked : answered > 0 ? answered : 1) - 1;
}

static size_t length_of_side(const struct talk *t, enum side side)
{
	size_t n = 0;

	for (const struct say *s = t->say; s->text; s++)
		n += s->side == side ? strlen(s->text) : 0;
	return n;
}

static bool hole(const struct talk *t, enum side side, size_t at, size_t len, bool told)
{
	struct heard h = { .talk = t,
			   .how = side == Q ? "request hole" : "answer hole",
			   .at = at,
			   .len = len,
			   .lossy = true };
	size_t first = exchange_at(t, side, at), last = exchange_at(t, side, at + len - 1);
	bool wrong = false;

	speak_with_hole(t, side, at, len, told, &h);
	for (size_t i = 0; i < exchanges(t); i++) {
		/* before the hole nothing may change; after it, from the next but one on all is there */
		if ((t->pipelined && i < 3) || (i >= first && i <= last + 1))
			continue;
		if (!h.found[i]) {
			fprintf(stderr, "# %s, %s %zu+%zu%s: exchange %zu is missing\n", t->name,
				h.how, at, len, told ? " (told)" : "", i + 1);
			wrong = true;
		}
	}
	return wrong || h.false_one;
}

static void holes(bool told)
{
	static const size_t lens[] = { 1, 2, 3, 7, 16, 40, 90, 150 };
	bool wrong = false;

	for (const struct talk *t = talks; t < talks + TALKS; t++)
		for (int side = 0; side < 2; side++) {
			size_t n = length_of_side(t, (enum side)side);

			for (size_t l = 0; l < sizeof(lens) / sizeof(*lens); l++)
				for (size_t at = 0; at + lens[l] <= n; at++)
					wrong |= hole(t, (enum side)side, at, lens[l], told);
		}
	assert_false(wrong);
}

static void a_hole_anywhere_makes_nothing_false(void **state)
{
	(void)state;
	holes(false);
}

static void a_hole_that_the_kernel_tells_of_makes_nothing_false(void **state)
{
	(void)state;
	holes(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attached_anywhere_the_next_exchange_is_known),
		cmocka_unit_test(the_same_in_pieces_of_three_bytes),
		cmocka_unit_test(the_same_when_nobody_knows_who_is_the_server),
		cmocka_unit_test(a_hole_anywhere_makes_nothing_false),
		cmocka_unit_test(a_hole_that_the_kernel_tells_of_makes_nothing_false),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
