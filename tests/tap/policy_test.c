/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "tap/policy.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct container web = { .id = ID, .name = "web" };

static bool wants(unsigned mode, bool include_new, const char *name, bool known)
{
	struct policy p = { .capture = { .mode = mode, .include_new = include_new } };
	bool got;

	if (name)
		assert_int_equal(policy_add(&p, name), 0);
	got = policy_wants(&p, &web, known);
	policy_release(&p);
	return got;
}

static void modes_decide_about_a_container(void **state)
{
	(void)state;
	assert_true(wants(IPC_MODE_ALL, false, NULL, true));
	assert_true(wants(IPC_MODE_ALL, false, "api", true));
	assert_true(wants(IPC_MODE_CHOSEN, false, "web", true));
	assert_false(wants(IPC_MODE_CHOSEN, false, "api", true));
	assert_false(wants(IPC_MODE_CHOSEN, false, "api", false));
	assert_true(wants(IPC_MODE_CHOSEN, true, "api", false));
	assert_false(wants(IPC_MODE_CHOSEN, true, "api", true));
	assert_false(wants(IPC_MODE_EXCEPT, true, "web", false));
	assert_true(wants(IPC_MODE_EXCEPT, false, "api", true));
}

static void a_container_is_named_by_name_id_or_glob(void **state)
{
	(void)state;
	assert_true(wants(IPC_MODE_CHOSEN, false, "w?b", true));
	assert_true(wants(IPC_MODE_CHOSEN, false, "*", true));
	assert_true(wants(IPC_MODE_CHOSEN, false, ID, true));
	assert_true(wants(IPC_MODE_CHOSEN, false, "0123456789ab", true));
	assert_false(wants(IPC_MODE_CHOSEN, false, "0123456789a", true)); /* could be a name */
	assert_false(wants(IPC_MODE_CHOSEN, false, "0123456789ac", true));
	assert_false(wants(IPC_MODE_CHOSEN, false, "we", true));
	assert_false(wants(IPC_MODE_CHOSEN, false, "webs", true));
}

static void a_container_in_a_pod_is_named_by_its_pod_too(void **state)
{
	static const struct container in_pod = {
		.id = ID, .name = "web", .pod = "shop-7d9f", .namespace = "prod"
	};
	static const struct {
		const char *name;
		bool hit;
	} rows[] = {
		{ "web", true },
		{ "shop-7d9f/web", true },
		{ "prod/shop-7d9f/web", true },
		{ "prod/*", true },
		{ "prod/shop-*", true },
		{ "shop-*/web", true },
		{ "*/shop-7d9f/*", true },
		{ "prod", false },
		{ "shop-7d9f", false },
		{ "prod/web", false },
		{ "test/*", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct policy p = { 0 };

		assert_int_equal(policy_add(&p, rows[i].name), 0);
		assert_int_equal(policy_names(&p, &in_pod), rows[i].hit);
		policy_release(&p);
	}
}

static unsigned dflt(unsigned mode, bool hosts, bool include_new)
{
	struct policy p = { .capture = {
				    .mode = mode, .hosts = hosts, .include_new = include_new } };
	struct ev_policy k = { .host_pidns = 7 };

	policy_kernel(&p, &k);
	assert_int_equal(k.host_pidns, 7);
	assert_int_equal(k.paused, 0);
	return k.dflt;
}

static void the_kernels_default_covers_what_has_no_rule_yet(void **state)
{
	(void)state;
	assert_int_equal(dflt(IPC_MODE_ALL, false, false), EV_DEFAULT_CONTAINERS);
	assert_int_equal(dflt(IPC_MODE_ALL, true, false), EV_DEFAULT_ALL);
	assert_int_equal(dflt(IPC_MODE_EXCEPT, false, false), EV_DEFAULT_CONTAINERS);
	assert_int_equal(dflt(IPC_MODE_CHOSEN, false, false), EV_DEFAULT_NONE);
	assert_int_equal(dflt(IPC_MODE_CHOSEN, false, true), EV_DEFAULT_CONTAINERS);
	assert_int_equal(dflt(IPC_MODE_CHOSEN, true, false), EV_DEFAULT_ALL);
}

static const char *sentence(unsigned mode, bool hosts, bool include_new, const char *name)
{
	static char text[200];
	struct policy p = { .capture = {
				    .mode = mode, .hosts = hosts, .include_new = include_new } };

	if (name) {
		assert_int_equal(policy_add(&p, name), 0);
		assert_int_equal(policy_add(&p, "db*"), 0);
	}
	policy_sentence(&p, text, sizeof(text));
	policy_release(&p);
	return text;
}

static void it_is_said_in_words(void **state)
{
	(void)state;
	assert_string_equal(sentence(IPC_MODE_ALL, false, false, NULL), "every container");
	assert_string_equal(sentence(IPC_MODE_ALL, true, false, NULL),
			    "every container, and processes outside containers");
	assert_string_equal(sentence(IPC_MODE_CHOSEN, false, false, "web"), "containers web, db*");
	assert_string_equal(sentence(IPC_MODE_CHOSEN, false, true, "web"),
			    "containers web, db* and those that start from now on");
	assert_string_equal(sentence(IPC_MODE_EXCEPT, false, false, "web"),
			    "every container except web, db*");
	assert_string_equal(sentence(IPC_MODE_CHOSEN, false, false, NULL), "no container");
}

static void names_have_a_limit_and_long_ones_are_cut(void **state)
{
	struct policy p = { 0 }, q = { 0 };
	char name[300];
	int err = 0;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	for (int i = 0; i < POLICY_NAMES && !err; i++)
		err = policy_add(&p, name);
	assert_int_equal(err, 0);
	assert_int_equal(policy_add(&p, name), -E2BIG);
	assert_int_equal(policy_copy(&q, &p), 0);
	assert_int_equal(q.n, POLICY_NAMES);
	assert_int_equal(strlen(q.names[POLICY_NAMES - 1]), 127);
	p.capture.mode = IPC_MODE_CHOSEN;
	policy_sentence(&p, name, sizeof(name));
	assert_int_equal(strlen(name), sizeof(name) - 1);
	policy_release(&p);
	policy_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_decide_about_a_container),
		cmocka_unit_test(a_container_is_named_by_name_id_or_glob),
		cmocka_unit_test(a_container_in_a_pod_is_named_by_its_pod_too),
		cmocka_unit_test(the_kernels_default_covers_what_has_no_rule_yet),
		cmocka_unit_test(it_is_said_in_words),
		cmocka_unit_test(names_have_a_limit_and_long_ones_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
