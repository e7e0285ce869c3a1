/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "sample.h"

#include <stdio.h>

#include "cmd/hold.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct seen {
	int n;
	char client[64], target[64], body[64];
};

static void note(void *ctx, const struct flow *f)
{
	struct seen *s = ctx;

	s->n++;
	(void)snprintf(s->client, sizeof(s->client), "%s",
		       f->conn->client.container ? f->conn->client.container : "-");
	(void)snprintf(s->target, sizeof(s->target), "%s", f->req.target);
	(void)snprintf(s->body, sizeof(s->body), "%.*s", (int)f->resp.body.data.n,
		       (const char *)f->resp.body.data.p);
}

/* A flow whose client has no name. */
static const struct flow *nameless(enum flow_state state)
{
	static struct flow_conn conn;
	static struct flow f;

	f = *sample_flow();
	conn = *f.conn;
	conn.client.container = conn.client.container_id = conn.client.image = conn.client.project =
		NULL;
	f.conn = &conn;
	f.state = state;
	return &f;
}

static void tell(struct names *n, uint64_t cgroup_id, const char *name, const char *state)
{
	struct ipc_cgroup g = { .cgroup_id = cgroup_id };
	struct ipc_container c = { .cgroup_id = cgroup_id };

	if (name) {
		strcpy(g.id, ID);
		strcpy(c.id, ID);
		strcpy(c.name, name);
		strcpy(c.state, state);
		assert_int_equal(names_container(n, &c), 0);
	}
	assert_int_equal(names_cgroup(n, &g), 0);
}

static struct names *names;
static struct hold *hold;
static struct seen seen;

static int setup(void **state)
{
	(void)state;
	seen = (struct seen){ 0 };
	names = names_new();
	hold = hold_new(names, note, &seen);
	hold_unnamed(hold, nameless(FLOW_DONE)->conn->client.addr,
		     nameless(FLOW_DONE)->conn->client.port, 0, 7);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hold_free(hold);
	names_free(names);
	return 0;
}

static void a_finished_flow_waits_for_its_name(void **state)
{
	(void)state;
	hold_flow(hold, nameless(FLOW_DONE), 1000);
	assert_int_equal(seen.n, 0);
	assert_true(hold_waits(hold));
	tell(names, 7, "0123456789ab",
	     ""); /* a cgroup of a container that Docker did not name yet */
	hold_tick(hold, 2000);
	assert_int_equal(seen.n, 0);
	tell(names, 7, "job", "exited");
	hold_tick(hold, 3000);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.client, "job");
	assert_string_equal(seen.target, "/v1/users?x=1");
	assert_memory_equal(seen.body, "{\"error\"", 8);
	assert_false(hold_waits(hold));
}

static void an_address_that_changed_hands_gets_its_new_owner(void **state)
{
	const struct flow_peer *client = &nameless(FLOW_DONE)->conn->client;
	struct ipc_container c = { .naddrs = 1, .gone = 1 };

	(void)state;
	hold_unnamed(hold, client->addr, client->port, 0, 0);
	memset(c.id, 'a', 64);
	strcpy(c.name, "dead");
	memcpy(c.addrs[0], client->addr, 16);
	assert_int_equal(names_container(names, &c), 0);
	hold_flow(hold, nameless(FLOW_DONE), 1000);
	assert_int_equal(seen.n, 0);
	memset(c.id, 'b', 64);
	strcpy(c.name, "fresh");
	c.gone = 0;
	assert_int_equal(names_container(names, &c), 0);
	hold_tick(hold, 2000);
	assert_string_equal(seen.client, "fresh");
}

static void it_does_not_wait_for_ever(void **state)
{
	(void)state;
	hold_flow(hold, nameless(FLOW_DONE), 1000);
	hold_tick(hold, 1000 + HOLD_NS - 1);
	assert_int_equal(seen.n, 0);
	hold_tick(hold, 1000 + HOLD_NS);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.client, "-");
}

static void the_beginning_of_the_id_is_better_than_no_name(void **state)
{
	(void)state;
	hold_flow(hold, nameless(FLOW_DONE), 1000);
	tell(names, 7, "0123456789ab", "");
	hold_tick(hold, UINT64_MAX);
	assert_string_equal(seen.client, "0123456789ab");
}

static void what_cannot_get_a_name_goes_at_once(void **state)
{
	(void)state;
	hold_flow(hold, nameless(FLOW_OPEN), 1000); /* it comes again when it ends */
	assert_int_equal(seen.n, 1);
	hold_flow(hold, sample_flow(), 1000); /* named */
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.client, "web");
	tell(names, 7, NULL, NULL); /* of no container */
	hold_flow(hold, nameless(FLOW_DONE), 1000);
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.client, "-");
	assert_false(hold_waits(hold));
}

static void order_is_kept_and_the_rest_goes_at_the_end(void **state)
{
	struct flow second = *nameless(FLOW_DONE);

	(void)state;
	hold_flow(hold, nameless(FLOW_DONE), 1000);
	second.req.target = "/second";
	hold_flow(hold, &second, 1001);
	assert_int_equal(seen.n, 0);
	hold_free(hold);
	hold = NULL;
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.target, "/second");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_finished_flow_waits_for_its_name),
		T(an_address_that_changed_hands_gets_its_new_owner),
		T(it_does_not_wait_for_ever),
		T(the_beginning_of_the_id_is_better_than_no_name),
		T(what_cannot_get_a_name_goes_at_once),
		T(order_is_kept_and_the_rest_goes_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
