/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "flow/flow.h"

static void a_service_is_told_by_the_names_of_its_containers(void **state)
{
	static const struct {
		const char *container, *project, *pod, *service;
	} rows[] = {
		{ "shop-web-1", "shop", NULL, "web" },
		{ "shop-web-12", "shop", NULL, "web" },
		{ "shop_web_1", "shop", NULL, "web" },
		{ "shop-order-worker-2", "shop", NULL, "order-worker" },
		{ "shop-web-run-0f1e2d3c4b5a", "shop", NULL, "web" },
		{ "shop-1", "shop", NULL, "shop-1" },
		{ "shop-web", "shop", NULL, "shop-web" }, /* container_name: of the file */
		{ "database", "shop", NULL, "database" },
		{ "shopping-web-1", "shop", NULL, "shopping-web-1" },
		{ "web-1", NULL, NULL, "web-1" },
		{ "nginx", NULL, "web-7d9f8c6b5d-x2x4z", "web" },
		{ "nginx", NULL, "api-gateway-5cf8d4dd8b-kxbrt", "api-gateway" },
		{ "backup", NULL, "backup-28391240-ntkzr", "backup" },
		{ "postgres", NULL, "db-0", "db" },
		{ "postgres", NULL, "db-main", "db-main" },
		{ "one", NULL, "just-one", "just-one" },
		{ NULL, NULL, NULL, NULL },
		{ "", "", NULL, "" },
	};
	char room[FLOW_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct flow_peer p = { .container = rows[i].container, .project = rows[i].project, .pod = rows[i].pod };
		const char *got = flow_service_name(&p, room);

		if (rows[i].service)
			assert_string_equal(got, rows[i].service);
		else
			assert_null(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_is_told_by_the_names_of_its_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
