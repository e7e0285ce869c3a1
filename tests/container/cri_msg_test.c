/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as containerd 1.6 sent them, shortened. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include "container/cri_msg.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static const char container_list[] =
	"\x0a\xad\x02" /* containers: 301 bytes */
	"\x0a\x40" A   /* id */
	"\x12\x40" B   /* pod_sandbox_id */
	"\x1a\x05\x0a\x03web"
	"\x22\x1c\x0a\x0asha256:012\x92\x01\x0d" /* image, and as the user wrote it */
	"registry/shop"
	"\x30\x01"				   /* running */
	"\x38\xfc\xd8\xdc\xbf\xf1\xc6\x9e\xf5\x18" /* created_at */
	"\x42\x0b\x0a\x03"
	"app\x12\x04shop"
	"\x42\x22\x0a\x1cio.kubernetes.container.name\x12\x02wb"
	"\x42\x23\x0a\x1bio.kubernetes.pod.namespace\x12\x04prod"
	"\x42\x20\x0a\x16io.kubernetes.pod.name\x12\x06shop-1";

static const char sandbox_list[] = "\x0a\x5a" /* items: 90 bytes */
				   "\x0a\x40" B "\x12\x14\x0a\x06shop-1\x12\x04uid1\x1a\x04prod"
				   "\x18\x00";

static const char status[] = "\x0a\x5d" /* status: 93 bytes */
			     "\x0a\x40" B "\x2a\x19\x0a\x08"
			     "10.1.2.3\x12\x0d\x0a\x0b"
			     "fd00::1:2:3";

struct told {
	int calls;
	struct container last;
	char of_pod[65];
};

static void tell(void *ctx, const struct container *c, const char *of_pod)
{
	struct told *t = ctx;

	t->calls++;
	t->last = *c;
	memcpy(t->of_pod, of_pod, sizeof(t->of_pod));
}

/* On its own heap, so that a byte too far is caught. */
static struct slice heap(const char *s, size_t n)
{
	uint8_t *p = malloc(n + 1);

	assert_non_null(p);
	memcpy(p, s, n);
	p = realloc(p, n ? n : 1);
	return (struct slice){ p, n };
}
#define HEAP(s) heap(s, sizeof(s) - 1)

static void a_container_is_read(void **state)
{
	struct slice in = HEAP(container_list);
	struct told t = { 0 };

	(void)state;
	/* The outer length is right. */
	assert_int_equal(in.n, 3 + 301);
	assert_int_equal(cri_containers(in, tell, &t), 1);
	assert_string_equal(t.last.id, A);
	assert_string_equal(t.of_pod, B);
	assert_string_equal(t.last.name, "web");
	assert_string_equal(t.last.image, "registry/shop");
	assert_string_equal(t.last.state, "running");
	assert_string_equal(t.last.pod, "shop-1");
	assert_string_equal(t.last.namespace, "prod");
	assert_false(t.last.sandbox);
	free((void *)(uintptr_t)in.p);
}

static void a_sandbox_goes_by_its_pods_name(void **state)
{
	struct slice in = HEAP(sandbox_list);
	struct told t = { 0 };

	(void)state;
	assert_int_equal(in.n, 2 + 90);
	assert_int_equal(cri_sandboxes(in, tell, &t), 1);
	assert_string_equal(t.last.id, B);
	assert_string_equal(t.of_pod, B);
	assert_string_equal(t.last.name, "shop-1");
	assert_string_equal(t.last.pod, "shop-1");
	assert_string_equal(t.last.namespace, "prod");
	assert_string_equal(t.last.state, "running");
	assert_true(t.last.sandbox);
	free((void *)(uintptr_t)in.p);
}

static void a_pods_addresses_are_its_own(void **state)
{
	static const char host[] =
		"\x0a\x56" /* status: 86 bytes */
		"\x0a\x40" B "\x2a\x0a\x0a\x08"
		"10.1.2.3"
		"\x32\x06\x0a\x04\x12\x02\x08\x02"; /* linux.namespaces.options.network: NODE */
	struct slice in = HEAP(status);
	struct container c;

	(void)state;
	assert_int_equal(in.n, 2 + 93);
	assert_int_equal(cri_sandbox_status(in, &c), 0);
	assert_string_equal(c.id, B);
	assert_int_equal(c.naddrs, 2);
	assert_memory_equal(c.addrs[0], "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\x02\x03", 16);
	assert_memory_equal(c.addrs[1], "\xfd\0\0\0\0\0\0\0\0\0\0\x01\0\x02\0\x03", 16);
	free((void *)(uintptr_t)in.p);
	in = HEAP(host); /* those of a pod in the host's network are not */
	assert_int_equal(in.n, 2 + 86);
	assert_int_equal(cri_sandbox_status(in, &c), 0);
	assert_int_equal(c.naddrs, 0);
	free((void *)(uintptr_t)in.p);
}

static void a_runtime_says_what_it_is(void **state)
{
	static const char version[] = "\x0a\x05"
				      "0.1.0\x12\x0a"
				      "containerd\x1a\x06"
				      "1.6.20\x22\x02v1";
	char name[32], number[64];

	(void)state;
	assert_int_equal(
		cri_version(SLICE_LIT(version), name, sizeof(name), number, sizeof(number)), 0);
	assert_string_equal(name, "containerd");
	assert_string_equal(number, "1.6.20");
	assert_int_equal(
		cri_version((struct slice){ 0 }, name, sizeof(name), number, sizeof(number)),
		-EBADMSG);
}

/* Every beginning of a list but the whole and the empty one is an error, and nothing is read beyond it. */
static void what_is_cut_off_is_an_error(void **state)
{
	struct told t = { 0 };
	struct container c;

	(void)state;
	for (size_t n = 1; n < sizeof(container_list) - 1; n++) {
		struct slice in = heap(container_list, n);

		assert_int_equal(cri_containers(in, tell, &t), -EBADMSG);
		free((void *)(uintptr_t)in.p);
	}
	for (size_t n = 0; n < sizeof(status) - 1; n++) {
		struct slice in = heap(status, n);

		assert_int_equal(cri_sandbox_status(in, &c), -EBADMSG);
		free((void *)(uintptr_t)in.p);
	}
	assert_int_equal(t.calls, 0);
	assert_int_equal(cri_containers((struct slice){ 0 }, tell, &t), 0);
	/* A length that wraps round, a number without an end, a group (which protobuf 3 has not). */
	assert_int_equal(
		cri_containers(SLICE_LIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), tell, &t),
		-EBADMSG);
	assert_int_equal(
		cri_containers(SLICE_LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), tell,
			       &t),
		-EBADMSG);
	assert_int_equal(cri_containers(SLICE_LIT("\x0b\x0c"), tell, &t), -EBADMSG);
}

static void requests_name_one_container(void **state)
{
	struct buf b = { 0 };

	(void)state;
	cri_ask_one(&b, A); /* filter.id */
	assert_int_equal(b.n, 68);
	assert_memory_equal(b.p, "\x0a\x42\x0a\x40" A, 68);
	buf_clear(&b);
	cri_ask_status(&b, B);
	assert_int_equal(b.n, 66);
	assert_memory_equal(b.p, "\x0a\x40" B, 66);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_is_read),
		cmocka_unit_test(a_sandbox_goes_by_its_pods_name),
		cmocka_unit_test(a_pods_addresses_are_its_own),
		cmocka_unit_test(a_runtime_says_what_it_is),
		cmocka_unit_test(what_is_cut_off_is_an_error),
		cmocka_unit_test(requests_name_one_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
