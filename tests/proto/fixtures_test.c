/* SPDX-License-Identifier: Apache-2.0 */
/* Every case of every protocol, in every way that the same bytes can arrive (tests/lib/fixture.h has the
 * format).  FIXTURES_UPDATE=1 rewrites the expectations; FIXTURES_ONLY=text runs the cases whose
 * "proto/name" contains it. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "alloc.h"
#include "fixture.h"
#include "openings.h"

#define MAX_CUTS 600 /* of one case; a longer one is cut at so many places, evenly spread */

typedef void (*run_fn)(const struct fixture *f, const struct fixture_chunk *chunks, size_t n,
		       struct fixture_flows *ret);

static struct fixture *cases;
static size_t ncases;

static size_t bytes_of(const struct fixture *f)
{
	return f->bytes.n;
}

/* --- checks ------------------------------------------------------------------------------------ */

static bool same(const struct fixture_flows *a, const struct fixture_flows *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->list[i].json, b->list[i].json) != 0)
			return false;
	return true;
}

static void expect_same(const struct fixture *f, const char *how, size_t at,
			const struct fixture_flows *want, const struct fixture_flows *got)
{
	if (same(want, got) && !got->failed && !got->error)
		return;
	fprintf(stderr, "# %s/%s %s %zu: other flows%s\n", f->proto, f->name, how, at,
		got->failed ? " (contract broken)" : "");
	for (size_t i = 0; i < want->n; i++)
		fprintf(stderr, "# want %s\n", want->list[i].json);
	for (size_t i = 0; i < got->n; i++)
		fprintf(stderr, "# got  %s\n", got->list[i].json);
	fail();
}

/* --- ways -------------------------------------------------------------------------------------- */

/* (a) as it is. */
static void whole(const struct fixture *f, run_fn run)
{
	struct fixture_flows got;
	bool good;

	run(f, f->chunks, f->n, &got);
	assert_false(got.failed);
	assert_false(got.error);
	if (getenv("FIXTURES_UPDATE"))
		fixture_update(f, &got);
	good = getenv("FIXTURES_UPDATE") || fixture_agrees(f, &got);
	fixture_flows_release(&got);
	assert_true(good);
}

/* The chunks with the one that holds byte at cut in two there; at is not its first byte. */
static size_t cut_at(const struct fixture *f, size_t at, struct fixture_chunk *ret, size_t *ret_i)
{
	size_t begin = 0, n = 0;

	*ret_i = SIZE_MAX;
	for (size_t i = 0; i < f->n; i++) {
		struct fixture_chunk c = f->chunks[i];

		if (at > begin && at < begin + c.data.n) {
			*ret_i = n;
			ret[n] = c;
			ret[n++].data.n = at - begin;
			c.off += at - begin;
			c.data = slice_cut(c.data, at - begin, c.data.n);
		}
		ret[n++] = c;
		begin += f->chunks[i].data.n;
	}
	return n;
}

/* (b) cut at every byte, then at all of them. */
static void cut(const struct fixture *f, run_fn run)
{
	size_t total = bytes_of(f), stride = 1 + total / MAX_CUTS, i, n = 0;
	struct fixture_chunk *plan = calloc(total + f->n + 1, sizeof(*plan));
	struct fixture_flows want, got;

	assert_non_null(plan);
	run(f, f->chunks, f->n, &want);
	for (size_t at = 1; at < total; at += stride) {
		n = cut_at(f, at, plan, &i);
		if (i == SIZE_MAX)
			continue;
		run(f, plan, n, &got);
		expect_same(f, "cut at", at, &want, &got);
		fixture_flows_release(&got);
	}
	n = 0;
	for (i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->chunks[i].data.n; k += stride) {
			plan[n] = f->chunks[i];
			plan[n].off += k;
			plan[n++].data = slice_cut(f->chunks[i].data, k, k + stride);
		}
	run(f, plan, n, &got);
	expect_same(f, "in pieces of", stride, &want, &got);
	fixture_flows_release(&got);
	fixture_flows_release(&want);
	free(plan);
}

static void exchange(struct fixture_chunk *a, struct fixture_chunk *b)
{
	struct fixture_chunk t = *a;

	*a = *b;
	*b = t;
}

/* In mid-connection the first bytes seen say where a direction begins: there is nothing to swap with. */
static bool where_it_begins(const struct fixture *f, const struct fixture_chunk *c)
{
	return f->midstream && c->off == 0;
}

/* (c) neighbours of one direction swapped; where there are none, a chunk is cut to make two. */
static void swapped(const struct fixture *f, run_fn run)
{
	size_t total = bytes_of(f), stride = 1 + total / 100, i, n;
	struct fixture_chunk *plan = calloc(f->n + 1, sizeof(*plan));
	struct fixture_flows want, got;

	assert_non_null(plan);
	run(f, f->chunks, f->n, &want);
	for (i = 0; i + 1 < f->n; i++) {
		if (f->chunks[i].side != f->chunks[i + 1].side || where_it_begins(f, &f->chunks[i]))
			continue;
		memcpy(plan, f->chunks, f->n * sizeof(*plan));
		exchange(&plan[i], &plan[i + 1]);
		run(f, plan, f->n, &got);
		expect_same(f, "swapped", i, &want, &got);
		fixture_flows_release(&got);
	}
	for (size_t at = 1; at < total; at += stride) {
		n = cut_at(f, at, plan, &i);
		if (i == SIZE_MAX || where_it_begins(f, &plan[i]))
			continue;
		exchange(&plan[i], &plan[i + 1]);
		run(f, plan, n, &got);
		expect_same(f, "cut and swapped at", at, &want, &got);
		fixture_flows_release(&got);
	}
	fixture_flows_release(&want);
	free(plan);
}

/* Bytes that were not recognised any more, shown as such. */
static bool is_unread(const struct fixture_flow *g)
{
	return strstr(g->json, "\"proto\":\"tcp\"") || strstr(g->json, "\"proto\":\"tls\"");
}

/* (d) What is not flagged is as it would have been, and no answer goes to another's request. */
static void expect_honest(const struct fixture *f, const char *how, size_t at,
			  const struct fixture_flows *want, const struct fixture_flows *got)
{
	for (size_t i = 0; i < got->n; i++) {
		const struct fixture_flow *g = &got->list[i];
		bool known = is_unread(g);

		for (size_t k = 0; k < want->n && !known; k++)
			known = strcmp(want->list[k].json, g->json) == 0 ||
				fixture_same_pair(want->list[k].json, g->json,
						  g->flags != 0 || g->state != FLOW_DONE ||
							  strstr(g->json, "\"flags\":[\"") /* a message's */);
		if (known || (f->tails && g->flags) ||
		    (f->halves && g->flags && fixture_one_half(g->json)))
			continue;
		fprintf(stderr, "# %s/%s %s %zu: this was never said:\n# %s\n", f->proto, f->name,
			how, at, g->json);
		fail();
	}
}

static void dropped(const struct fixture *f, run_fn run)
{
	size_t total = bytes_of(f), stride = 1 + total / 100, i, n;
	struct fixture_chunk *plan = calloc(f->n + 1, sizeof(*plan));
	struct fixture_flows want, got;

	assert_non_null(plan);
	memcpy(plan, f->chunks, f->n * sizeof(*plan));
	for (i = 0; i < f->n; i++)
		plan[i].lost = false; /* what was really said */
	run(f, plan, f->n, &want);
	for (i = 0; i < f->n; i++) {
		memcpy(plan, f->chunks, f->n * sizeof(*plan));
		plan[i].lost = true;
		run(f, plan, f->n, &got);
		assert_false(got.failed);
		expect_honest(f, "without chunk", i, &want, &got);
		fixture_flows_release(&got);
	}
	for (size_t at = 1; at < total; at += stride) {
		n = cut_at(f, at, plan, &i);
		for (size_t k = 0; i != SIZE_MAX && !f->chunks[i].lost && k < 2; k++) {
			plan[i].lost = k == 0;
			plan[i + 1].lost = k == 1;
			run(f, plan, n, &got);
			assert_false(got.failed);
			expect_honest(f, k ? "without the bytes after" : "without the bytes before",
				      at, &want, &got);
			fixture_flows_release(&got);
		}
	}
	fixture_flows_release(&want);
	free(plan);
}

/* (e) each allocation refused in turn: an error or a flag, never silence. */
static void refused(const struct fixture *f, run_fn run)
{
	struct fixture_flows want, got;
	bool any = true;

	run(f, f->chunks, f->n, &want);
	for (size_t n = 0; any; n++) {
		bool said;

		alloc_fail(n, 1);
		run(f, f->chunks, f->n, &got);
		any = alloc_refused();
		said = got.error || same(&want, &got);
		for (size_t i = 0; i < got.n; i++)
			said = said || got.list[i].flags & ~(unsigned)FLOW_MIDSTREAM ||
			       strstr(got.list[i].json, "\"flags\":[\"truncated\""); /* a message's */
		if (!said || got.failed)
			expect_same(f, "refused allocation", n, &want, &got);
		fixture_flows_release(&got);
	}
	fixture_flows_release(&want);
}

/* What may be missing where nobody looks at bodies. */
static void forget_bodies(cJSON *v)
{
	static const char *const content[] = { "captured", "text", "base64", "decoded", "cut" };
	cJSON *body = cJSON_GetObjectItem(v, "body"), *child;

	for (size_t i = 0; body && i < sizeof(content) / sizeof(content[0]); i++)
		cJSON_DeleteItemFromObject(body, content[i]);
	cJSON_ArrayForEach(child, v)
		if (cJSON_IsObject(child) || cJSON_IsArray(child))
			forget_bodies(child);
}

static char *without_bodies(const char *flow)
{
	cJSON *v = cJSON_Parse(flow);
	char *text;

	assert_non_null(v);
	forget_bodies(v);
	text = cJSON_PrintUnformatted(v);
	cJSON_Delete(v);
	return text;
}

/* (f) When nobody looks at bodies, everything else is told as ever: also how long they were, and that they were cut. */
static void unread(const struct fixture *f, run_fn run)
{
	struct fixture quick = *f;
	struct fixture_flows want, got;
	bool good;

	quick.limits.unread_bodies = true;
	run(f, f->chunks, f->n, &want);
	run(&quick, f->chunks, f->n, &got);
	good = want.n == got.n;
	for (size_t i = 0; i < want.n && i < got.n; i++) {
		char *a = without_bodies(want.list[i].json), *b = without_bodies(got.list[i].json);

		if (strcmp(a, b) != 0) {
			fprintf(stderr, "# %s/%s unread: other flows\n# want %s\n# got  %s\n", f->proto, f->name, a, b);
			good = false;
		}
		free(a);
		free(b);
	}
	fixture_flows_release(&want);
	fixture_flows_release(&got);
	assert_true(good);
}

static char *read_docs(void)
{
	char *docs = calloc(1, 1 << 20);
	FILE *in = fopen("docs/protocols.md", "r");

	assert_non_null(docs);
	assert_non_null(in);
	assert_true(fread(docs, 1, (1 << 20) - 1, in) > 0);
	fclose(in);
	return docs;
}

/* --- every probe sees every case ------------------------------------------------------------------ */

static char probed(const struct proto *p, const struct fixture *f, enum side side)
{
	struct buf b = { 0 };
	char c = '.';

	for (size_t i = 0; i < f->n; i++)
		if (f->chunks[i].side == side && !f->chunks[i].lost)
			buf_put(&b, f->chunks[i].data);
	for (size_t n = 0; n <= b.n && n < 512 && c != 'Y'; n++) {
		struct slice in = guarded(slice_cut(buf_slice(&b), 0, n));
		enum probe pr = p->probe(side, in);

		c = pr == PROBE_YES ? 'Y' : pr == PROBE_LIKELY || c == 'l' ? 'l' : pr == PROBE_MAYBE ? '?' : '.';
		guarded_free(in);
	}
	buf_release(&b);
	return c;
}

/* Y: says yes; ?: still asks for more; of requests and answers.  A yes to another's case that begins at the
 * beginning would take its connections away. */
static void no_probe_claims_the_cases_of_another(void **state)
{
	bool stolen = false;

	(void)state;
	print_message("# probes:");
	for (size_t k = 0; proto_all()[k]; k++)
		print_message(" %s", proto_all()[k]->name);
	print_message("\n");
	for (size_t i = 0; i < ncases; i++) {
		print_message("# %s/%s", cases[i].proto, cases[i].name);
		for (size_t k = 0; proto_all()[k]; k++) {
			const struct proto *p = proto_all()[k];
			const char *first = cases[i].via[0] ? cases[i].via : cases[i].proto;
			char req = probed(p, &cases[i], SIDE_REQ), resp;

			resp = probed(p, &cases[i], SIDE_RESP);
			print_message(" %c%c", req, resp);
			if (strcmp(p->name, first) != 0 && (req == 'Y' || resp == 'Y'))
				stolen = true;
			if (strcmp(p->name, first) == 0 && !cases[i].midstream &&
			    req != 'Y' && resp != 'Y')
				stolen = true;
		}
		print_message("\n");
	}
	assert_false(stolen);
}

static const char *verdict(char c)
{
	return c == 'Y' ? "**sure**" : c == 'l' ? "likely" : c == '?' ? "waits" : "no";
}

/* The most that p says to the side of any case that begins as first does, at its beginning. */
static char most_probed(const struct proto *p, const char *first, enum side side)
{
	static const char order[] = ".?lY";
	const char *most = order;

	for (size_t i = 0; i < ncases; i++) {
		const struct fixture *f = &cases[i];
		const char *at;

		if (f->midstream || strcmp(f->via[0] ? f->via : f->proto, first) != 0)
			continue;
		at = strchr(order, probed(p, f, side));
		most = at && at > most ? at : most;
	}
	return *most;
}

/* The table of docs/protocols.md, a row for what each protocol's connections begin with. */
static void the_docs_have_the_table_of_probes(void **state)
{
	char *docs = read_docs();
	bool missing = false;

	(void)state;
	for (size_t k = 0; proto_all()[k]; k++) {
		char row[400];
		int n = snprintf(row, sizeof(row), "\n| %s |", proto_all()[k]->name);

		if (strcmp(proto_all()[k]->name, "websocket") == 0)
			continue; /* begins as HTTP */

		for (size_t j = 0; proto_all()[j]; j++)
			n += snprintf(row + n, sizeof(row) - (size_t)n, " %s, %s |",
				      verdict(most_probed(proto_all()[j], proto_all()[k]->name, SIDE_REQ)),
				      verdict(most_probed(proto_all()[j], proto_all()[k]->name, SIDE_RESP)));
		n += snprintf(row + n, sizeof(row) - (size_t)n, "\n");
		assert_true((size_t)n < sizeof(row));
		if (strstr(docs, row))
			continue;
		fprintf(stderr, "# docs/protocols.md has no row:%s", row);
		missing = true;
	}
	free(docs);
	assert_false(missing);
}

static void what_others_begin_with_is_nobodys(void **state)
{
	uint64_t x = 88172645463325252u;
	uint8_t noise[64];
	bool stolen = false;

	(void)state;
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]) + 20000; i++) {
		bool is_noise = i >= sizeof(openings) / sizeof(openings[0]);
		struct slice all = is_noise ? (struct slice){ noise, sizeof(noise) } : openings[i].bytes;

		for (size_t k = 0; is_noise && k < sizeof(noise); k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17; /* xorshift64 */
			noise[k] = (uint8_t)(x >> 32);
		}
		for (size_t k = 0; proto_all()[k]; k++)
			for (enum side side = SIDE_REQ; side <= SIDE_RESP; side++) {
				if (proto_all()[k]->probe(side, all) != PROBE_YES)
					continue;
				print_message("# %s is sure of %s\n", proto_all()[k]->name,
					      is_noise ? "noise" : openings[i].name);
				stolen = true;
			}
	}
	assert_false(stolen);
}

static void every_protocol_has_cases_and_a_section_in_the_docs(void **state)
{
	char *docs = read_docs(), heading[80];

	(void)state;
	for (size_t k = 0; proto_all()[k]; k++) {
		size_t n = 0;

		for (size_t i = 0; i < ncases; i++)
			n += strcmp(cases[i].proto, proto_all()[k]->name) == 0;
		assert_true(n > 0);
		snprintf(heading, sizeof(heading), "\n## %s\n", proto_all()[k]->name);
		assert_non_null(strstr(docs, heading));
	}
	free(docs);
}

/* --- the list of tests ----------------------------------------------------------------------------- */

static const struct way {
	const char *name;
	void (*check)(const struct fixture *f, run_fn run);
	run_fn run;
} ways[] = {
	{ "whole", whole, fixture_run },
	{ "cut at every byte", cut, fixture_run },
	{ "neighbours swapped", swapped, fixture_run },
	{ "each chunk dropped", dropped, fixture_run },
	{ "each allocation refused", refused, fixture_run },
	{ "its bodies unread", unread, fixture_run },
	/* Again without streams, where each input ends at an unreadable page. */
	{ "parser, cut at every byte", cut, fixture_run_parser },
	{ "parser, each chunk dropped", dropped, fixture_run_parser },
	{ "parser, each allocation refused", refused, fixture_run_parser },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))
#define ALONE 4 /* tests that are not of one case */

struct one {
	const struct fixture *f;
	const struct way *way;
};

static void run_one(void **state)
{
	struct one *o = *state;

	o->way->check(o->f, o->way->run);
}

int main(void)
{
	const char *only = getenv("FIXTURES_ONLY");
	struct CMUnitTest *tests;
	struct one *ones;
	size_t n = 0;
	int rc;

	ncases = fixture_load_all("tests/proto", &cases);
	tests = calloc(ncases * WAYS + ALONE, sizeof(*tests));
	ones = calloc(ncases * WAYS + 1, sizeof(*ones));
	if (!tests || !ones)
		abort();
	for (size_t i = 0; i < ncases; i++)
		for (size_t w = 0; w < WAYS; w++) {
			char name[256];

			snprintf(name, sizeof(name), "%s/%s: %s", cases[i].proto, cases[i].name,
				 ways[w].name);
			if (only && !strstr(name, only))
				continue;
			ones[n] = (struct one){ &cases[i], &ways[w] };
			tests[n].name = strdup(name);
			tests[n].test_func = run_one;
			tests[n].initial_state = &ones[n];
			n++;
		}
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(no_probe_claims_the_cases_of_another);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_docs_have_the_table_of_probes);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_others_begin_with_is_nobodys);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(
		every_protocol_has_cases_and_a_section_in_the_docs);
	rc = _cmocka_run_group_tests("fixtures", tests, n, NULL, NULL);
	for (size_t i = 0; i + ALONE < n; i++)
		free((void *)(uintptr_t)tests[i].name);
	free(tests);
	free(ones);
	fixture_free_all(cases, ncases);
	return rc;
}
