/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "container/docker_json.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct seen {
	struct container last;
	int n;
};

static void note(void *ctx, const struct container *c)
{
	struct seen *s = ctx;

	s->last = *c;
	s->n++;
}

static void a_list_gives_names_labels_networks_and_addresses(void **state)
{
	static const char json[] =
		"[{\"Id\":\"" A
		"\",\"Names\":[\"/api/db\",\"/web\"],\"Image\":\"nginx:1\",\"State\":\"running\","
		"\"Labels\":{\"com.docker.compose.project\":\"shop\",\"com.docker.compose."
		"service\":\"front\"},"
		"\"NetworkSettings\":{\"Networks\":{\"a\":{\"IPAddress\":\"172.18.0.3\","
		"\"GlobalIPv6Address\":\"\"},"
		"\"b\":{\"IPAddress\":\"\",\"GlobalIPv6Address\":\"fd00::5\"}}}},"
		"{\"Id\":\"short\"},{\"Id\":null},7]";
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 172, 18, 0, 3 },
			     v6[16] = { 0xfd, [15] = 5 };
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(docker_list(SLICE_LIT(json), note, &s), 1);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.last.id, A);
	assert_string_equal(s.last.name, "web");
	assert_string_equal(s.last.image, "nginx:1");
	assert_string_equal(s.last.project, "shop");
	assert_string_equal(s.last.service, "front");
	assert_string_equal(s.last.state, "running");
	assert_string_equal(s.last.networks, "a,b");
	assert_int_equal(s.last.naddrs, 2);
	assert_memory_equal(s.last.addrs[0], v4, 16);
	assert_memory_equal(s.last.addrs[1], v6, 16);
}

static void a_kubelets_containers_are_named_by_their_labels(void **state)
{
	static const char json[] =
		"[{\"Id\":\"" A "\",\"Names\":[\"/"
				"k8s_web_shop-7d9f_prod_uid_0\"],\"State\":\"running\",\"Labels\":{"
		"\"io.kubernetes.container.name\":\"web\",\"io.kubernetes.pod.name\":\"shop-7d9f\","
		"\"io.kubernetes.pod.namespace\":\"prod\",\"io.kubernetes.docker.type\":\"%s\"}}]";
	struct seen s = { 0 };
	char text[sizeof(json) + 16];

	(void)state;
	(void)snprintf(text, sizeof(text), json, "container");
	assert_int_equal(docker_list(slice_str(text), note, &s), 1);
	assert_string_equal(s.last.name, "web");
	assert_string_equal(s.last.pod, "shop-7d9f");
	assert_string_equal(s.last.namespace, "prod");
	assert_false(s.last.sandbox);
	(void)snprintf(text, sizeof(text), json, "podsandbox");
	assert_int_equal(docker_list(slice_str(text), note, &s), 1);
	assert_string_equal(s.last.name, "shop-7d9f");
	assert_true(s.last.sandbox);
}

static void inspection_gives_the_first_process(void **state)
{
	struct container c;

	(void)state;
	assert_int_equal(
		docker_inspect(SLICE_LIT("{\"Id\":\"" A
					 "\",\"Name\":\"/web\",\"State\":{\"Status\":"
					 "\"running\",\"Pid\":4711},\"Config\":{\"Image\":\"i\"}}"),
			       &c),
		0);
	assert_string_equal(c.name, "web");
	assert_string_equal(c.image, "i");
	assert_int_equal(c.pid, 4711);
	assert_int_equal(
		docker_inspect(SLICE_LIT("{\"Id\":\"" A "\",\"State\":{\"Pid\":-1e300}}"), &c), 0);
	assert_int_equal(c.pid, 0);
}

static enum docker_action action_of(const char *type, const char *action, struct container *ret)
{
	struct buf b = { 0 };
	enum docker_action got = DOCKER_OTHER;

	buf_printf(&b,
		   "{\"Type\":\"%s\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"" A
		   "\",\"Attributes\":{\"name\":"
		   "\"job\",\"image\":\"busybox\",\"com.docker.compose.project\":\"p\"}}}",
		   type, action);
	assert_int_equal(docker_event(buf_slice(&b), &got, ret), 0);
	buf_release(&b);
	return got;
}

static void events_say_what_happened_to_whom(void **state)
{
	struct container c;
	enum docker_action got;

	(void)state;
	assert_int_equal(action_of("container", "create", &c), DOCKER_CREATE);
	assert_string_equal(c.id, A);
	assert_string_equal(c.name, "job");
	assert_string_equal(c.image, "busybox");
	assert_string_equal(c.project, "p");
	assert_int_equal(action_of("container", "start", &c), DOCKER_START);
	assert_int_equal(action_of("container", "rename", &c), DOCKER_LOOK);
	assert_int_equal(action_of("container", "die", &c), DOCKER_DIE);
	assert_int_equal(action_of("container", "destroy", &c), DOCKER_DESTROY);
	assert_int_equal(action_of("container", "exec_create: sh", &c), DOCKER_OTHER);
	assert_int_equal(action_of("image", "create", &c), DOCKER_OTHER);
	assert_int_equal(
		docker_event(
			SLICE_LIT("{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":"
				  "\"x\",\"Attributes\":{\"container\":\"" A "\"}}}"),
			&got, &c),
		0);
	assert_int_equal(got, DOCKER_LOOK);
	assert_string_equal(c.id, A);
}

static void rubbish_is_refused(void **state)
{
	static const char *const bad[] = { "", "x", "[", "{", "null", "\"a\"", "5" };
	enum docker_action got;
	struct seen s = { 0 };
	struct container c;
	char v[8];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct slice g = guarded(slice_str(bad[i]));

		assert_int_equal(docker_list(g, note, &s), -EBADMSG);
		assert_int_equal(docker_inspect(g, &c), -EBADMSG);
		assert_int_equal(docker_event(g, &got, &c), -EBADMSG);
		assert_int_equal(docker_version(g, v, sizeof(v)), -EBADMSG);
		guarded_free(g);
	}
	assert_int_equal(docker_list(SLICE_LIT("{}"), note, &s), -EBADMSG);
	assert_int_equal(docker_inspect(SLICE_LIT("{\"Id\":\"abc\"}"), &c), -EBADMSG);
	assert_int_equal(docker_inspect(SLICE_LIT("{}"), &c), -EBADMSG);
	assert_int_equal(
		docker_version(SLICE_LIT("{\"Version\":\"20.10.24+dfsg1\"}"), v, sizeof(v)), 0);
	assert_string_equal(v, "20.10.2"); /* cut, not overrun */
	assert_int_equal(s.n, 0);
}

static void long_names_and_many_networks_are_cut_at_their_limit(void **state)
{
	struct buf b = { 0 };
	struct container c;

	(void)state;
	buf_puts(&b, "{\"Id\":\"" A "\",\"Name\":\"/");
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "n");
	buf_puts(&b, "\",\"NetworkSettings\":{\"Networks\":{\"net0\":{}");
	for (int i = 1; i < 100; i++)
		buf_printf(&b, ",\"network%d\":{\"IPAddress\":\"10.0.0.%d\"}", i, i);
	buf_puts(&b, "}}}");
	assert_int_equal(docker_inspect(buf_slice(&b), &c), 0);
	assert_int_equal(strlen(c.name), sizeof(c.name) - 1);
	assert_int_equal(c.naddrs, CONTAINER_ADDRS);
	assert_true(strlen(c.networks) < sizeof(c.networks));
	assert_true(strchr(c.networks, 0)[-1] >= '0'); /* ends with a whole name */
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_gives_names_labels_networks_and_addresses),
		cmocka_unit_test(a_kubelets_containers_are_named_by_their_labels),
		cmocka_unit_test(inspection_gives_the_first_process),
		cmocka_unit_test(events_say_what_happened_to_whom),
		cmocka_unit_test(rubbish_is_refused),
		cmocka_unit_test(long_names_and_many_networks_are_cut_at_their_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
