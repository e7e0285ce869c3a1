/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

#include "base/proc_rule.h"

static bool hit(const char *rule, uint32_t pid, const char *comm, const char *unit)
{
	struct proc_rule r;

	assert_int_equal(proc_rule_parse(rule, &r), 0);
	return proc_rule_matches(&r, pid, comm, unit);
}

static void processes_are_named_by_pid_command_or_unit(void **state)
{
	(void)state;
	assert_true(hit("pid 880", 880, "nginx", ""));
	assert_false(hit("pid 880", 8800, "nginx", ""));
	assert_true(hit("command nginx", 1, "nginx", ""));
	assert_true(hit("command ng*", 1, "nginx", ""));
	assert_false(hit("command nginx", 1, "nginx2", ""));
	assert_false(hit("command *", 1, "", ""));
	assert_true(hit("unit nginx.service", 1, "x", "nginx.service"));
	assert_true(hit("unit *.scope", 1, "x", "session-4.scope"));
	assert_false(hit("unit *", 1, "x", ""));
}

static void what_is_no_rule_is_refused(void **state)
{
	static const char *const bad[] = { "",	     "pid",	"pid ",	   "pid x",	 "pid 1",     "pid 99999999",
					   "pid 8x", "pid -3",	"command ", "command  x", "nginx",     "unit",
					   "Pid 8",  "port 80" };
	struct proc_rule r = { .pid = 7 };
	char long_rule[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(proc_rule_parse(bad[i], &r), -EINVAL);
	memset(long_rule, 'x', sizeof(long_rule) - 1);
	long_rule[sizeof(long_rule) - 1] = 0;
	memcpy(long_rule, "command ", 8);
	assert_int_equal(proc_rule_parse(long_rule, &r), -EINVAL);
	assert_int_equal(r.pid, 7); /* untouched */
}

static void the_innermost_unit_of_a_cgroup_counts(void **state)
{
	char unit[32];

	(void)state;
	assert_true(proc_rule_unit("0::/system.slice/nginx.service\n", unit, sizeof(unit)));
	assert_string_equal(unit, "nginx.service");
	assert_true(proc_rule_unit("0::/user.slice/user-0.slice/user@0.service/app.slice/a.scope", unit, sizeof(unit)));
	assert_string_equal(unit, "a.scope");
	assert_true(proc_rule_unit("0::/system.slice/x.service/supervisor", unit, sizeof(unit)));
	assert_string_equal(unit, "x.service");
	assert_false(proc_rule_unit("0::/", unit, sizeof(unit)));
	assert_false(proc_rule_unit("0::/.service", unit, sizeof(unit)));
	assert_false(proc_rule_unit("", unit, sizeof(unit)));
	assert_false(proc_rule_unit("0::/a-name-that-is-longer-than-there-is-room.service", unit, sizeof(unit)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_are_named_by_pid_command_or_unit),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(the_innermost_unit_of_a_cgroup_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
