/* SPDX-License-Identifier: Apache-2.0 */
/* fixture.h - cases of recorded or written traffic, and the flows that the whole path makes of them.
 *
 * A case is tests/proto/NAME/X.case: one chunk a line, in the order in which a client's host saw them.
 *
 *	# a comment, also after a chunk
 *	> "GET / HTTP/1.1\r\n\r\n"	client to server; C escapes (\n \r \t \0 \\ \" \xHH)
 *	< "HTTP/1.1 200 OK\r\n" "A: b\r\n" "x"*1000	several strings are one chunk; *N repeats the last
 *	<- "abc"			sent, but not captured
 *	! midstream			the connection existed before capture began
 *	! reset				it ends by a reset, not by a close
 *	! open				it does not end
 *	! body N, ! decoded N, ! head N	limits (struct proto_limits)
 *	! via NAME			it begins as that protocol, and becomes the folder's
 *	! tails				a loss may leave bytes that look like a message of their own
 *	! halves			the same, but only as a flagged request or answer, never both
 *
 * X.json beside it has the flows, one JSON object a line, in the order of their beginnings: as `limpid
 * tail --json` gives them, without times, ids, peers.  A key that is missing there is not compared,
 * but "response" missing means null, and "flags" none. */
#ifndef LIMPID_TESTS_FIXTURE_H
#define LIMPID_TESTS_FIXTURE_H

#include "proto/proto.h"

struct fixture_chunk {
	enum side side;
	bool lost;
	uint64_t off; /* in its direction */
	struct slice data;
};

struct fixture {
	char *name, *proto, *json_path; /* "basic", "http1" */
	char via[32];			/* the protocol of its first bytes; "": proto */
	struct buf bytes;		/* of all chunks */
	struct fixture_chunk *chunks;
	size_t n;
	bool midstream, reset, open, tails, halves;
	struct proto_limits limits;
	char *json; /* expected text, or NULL */
};

/* Every case below dir (tests/proto), by name.  Exits with a message when one cannot be read. */
size_t fixture_load_all(const char *dir, struct fixture **ret);
void fixture_free_all(struct fixture *f, size_t n);

/* Flows as text, one a line, in the order of their first writes; the last write counts. */
struct fixture_flows {
	struct fixture_flow {
		uint8_t id[16];
		unsigned flags;
		int state; /* enum flow_state */
		char *json;
	} * list;
	size_t n;
	bool error;  /* the table said that memory ran out */
	bool failed; /* the table could not be made, or broke its contract */
};

/* Sends chunks through a connection table, in the order given, their offsets as they are. */
void fixture_run(const struct fixture *f, const struct fixture_chunk *chunks, size_t n,
		 struct fixture_flows *ret);
/* The same without streams: the parser's input ends at an unreadable page, and the matcher gets what comes.
 * Lost chunks become holes at once. */
void fixture_run_parser(const struct fixture *f, const struct fixture_chunk *chunks, size_t n,
			struct fixture_flows *ret);
void fixture_on_flow(void *ctx, const struct flow *f); /* ctx: struct fixture_flows */
void fixture_flows_release(struct fixture_flows *r);

/* Do the flows agree with f->json?  Else says on standard error where they do not. */
bool fixture_agrees(const struct fixture *f, const struct fixture_flows *got);
bool fixture_one_half(const char *flow); /* a request or an answer alone */
/* Could got be what a loss left of want?  Its halves are named as want's are, and it is flagged. */
bool fixture_same_pair(const char *want, const char *got, bool flagged);
/* Writes got as the expectation of f. */
void fixture_update(const struct fixture *f, const struct fixture_flows *got);

#endif
