/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "cmd/names.h"

static struct ipc_container container(char digit, const char *name, uint8_t last)
{
	struct ipc_container c = { .naddrs = 1 };

	memset(c.id, digit, 64);
	strcpy(c.name, name);
	strcpy(c.state, "running");
	c.addrs[0][10] = c.addrs[0][11] = 0xff;
	c.addrs[0][12] = 10;
	c.addrs[0][15] = last;
	return c;
}

static const char *by_addr(const struct names *n, uint8_t last)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = last };
	struct conn_names got = { 0 };

	return names_by_addr(n, addr, &got) != NAMES_NOBODY ? got.container : NULL;
}

static void an_address_belongs_to_the_living(void **state)
{
	struct names *n = names_new();
	struct ipc_container a = container('a', "old", 5), b = container('b', "new", 5);

	(void)state;
	assert_int_equal(names_container(n, &a), 0);
	assert_string_equal(by_addr(n, 5), "old");
	a.gone = 1;
	assert_int_equal(names_container(n, &a), 0);
	assert_string_equal(by_addr(n, 5), "old"); /* its last flows */
	assert_int_equal(names_container(n, &b), 0);
	assert_string_equal(by_addr(n, 5), "new");
	assert_int_equal(names_container(n, &a), 0); /* said again: still dead */
	assert_string_equal(by_addr(n, 5), "new");
	b.addrs[0][15] = 6; /* it moved to another network */
	assert_int_equal(names_container(n, &b), 0);
	assert_string_equal(by_addr(n, 6), "new");
	assert_null(by_addr(n, 7));
	names_free(n);
}

static void the_address_of_a_dead_one_may_have_a_new_owner(void **state)
{
	struct names *n = names_new();
	struct ipc_container a = container('a', "old", 5);
	struct conn_names got = { 0 };

	(void)state;
	assert_int_equal(names_by_addr(n, a.addrs[0], &got), NAMES_NOBODY);
	assert_int_equal(names_container(n, &a), 0);
	assert_int_equal(names_by_addr(n, a.addrs[0], &got), NAMES_FOUND);
	a.gone = 1;
	assert_int_equal(names_container(n, &a), 0);
	assert_int_equal(names_by_addr(n, a.addrs[0], &got), NAMES_UNKNOWN);
	assert_string_equal(got.container, "old");
	names_free(n);
}

static void a_cgroup_leads_to_its_container(void **state)
{
	struct names *n = names_new();
	struct ipc_container c = container('a', "web", 5);
	struct ipc_cgroup g = { .cgroup_id = 7 }, host = { .cgroup_id = 1 };
	struct conn_names got = { 0 };

	(void)state;
	memset(g.id, 'a', 64);
	assert_int_equal(names_by_cgroup(n, 7, &got), NAMES_UNKNOWN);
	assert_int_equal(names_cgroup(n, &g), 0);
	assert_int_equal(names_cgroup(n, &host), 0);
	assert_int_equal(names_by_cgroup(n, 7, &got), NAMES_UNKNOWN);
	assert_int_equal(names_by_cgroup(n, 1, &got), NAMES_NOBODY);
	strcpy(c.image, "nginx");
	strcpy(c.project, "shop");
	strcpy(c.pod, "shop-7d9f");
	strcpy(c.namespace, "prod");
	assert_int_equal(names_container(n, &c), 0);
	assert_int_equal(names_by_cgroup(n, 7, &got), NAMES_FOUND);
	assert_string_equal(got.container, "web");
	assert_string_equal(got.image, "nginx");
	assert_string_equal(got.project, "shop");
	assert_string_equal(got.pod, "shop-7d9f");
	assert_string_equal(got.ns, "prod");
	assert_string_equal(got.container_id, g.id);
	names_free(n);
}

static void libraries_are_known_by_number(void **state)
{
	struct names *n = names_new();
	struct ipc_tls_lib l = { .lib = 3, .tls = 1, .name = "openssl", .version = "3.0.15" };
	const char *name, *version;

	(void)state;
	assert_int_equal(names_tls_lib(n, &l), 0);
	names_by_lib(n, 3, &name, &version);
	assert_string_equal(name, "openssl");
	assert_string_equal(version, "3.0.15");
	names_by_lib(n, 4, &name, &version);
	assert_string_equal(name, "tls");
	assert_string_equal(version, "");
	names_free(n);
}

static void the_list_leaves_out_what_was_removed(void **state)
{
	struct names *n = names_new();
	struct ipc_container a = container('a', "one", 1), b = container('b', "two", 2),
			     c = container('c', "three", 3);
	const struct ipc_container *at = NULL;

	(void)state;
	a.gone = b.gone = 1;
	strcpy(a.state, "removed");
	strcpy(b.state, "exited");
	assert_int_equal(names_container(n, &a), 0);
	assert_int_equal(names_container(n, &b), 0);
	assert_int_equal(names_container(n, &c), 0);
	at = names_next(n, NULL);
	assert_string_equal(at->name, "two");
	at = names_next(n, at);
	assert_string_equal(at->name, "three");
	assert_null(names_next(n, at));
	names_free(n);
}

static void more_containers_than_there_is_room_for_replace_the_oldest(void **state)
{
	struct names *n = names_new();
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 9000; i++) {
		struct ipc_container c = container('a', "x", 1);

		(void)snprintf(c.id, sizeof(c.id), "%064d", i);
		assert_int_equal(names_container(n, &c), 0);
	}
	for (const struct ipc_container *c = names_next(n, NULL); c && count < 3;
	     c = names_next(n, c))
		count++;
	assert_int_equal(count, 3);
	assert_string_equal(by_addr(n, 1), "x");
	names_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_belongs_to_the_living),
		cmocka_unit_test(the_address_of_a_dead_one_may_have_a_new_owner),
		cmocka_unit_test(a_cgroup_leads_to_its_container),
		cmocka_unit_test(libraries_are_known_by_number),
		cmocka_unit_test(the_list_leaves_out_what_was_removed),
		cmocka_unit_test(more_containers_than_there_is_room_for_replace_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
