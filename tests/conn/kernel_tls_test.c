/* SPDX-License-Identifier: Apache-2.0 */
/* Plaintext of TLS by the kernel: whose name it has. */
#include "test.h"

#include "world.h"

static struct world w;

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	world_start(&w);
	return w.t ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void kernel(enum ev_dir dir, uint64_t off, struct slice text)
{
	world_bytes(&w, 1, dir, off, text, (uint32_t)text.n, EV_TLS_KERNEL);
}

static void is_named(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "handshake");
	kernel(EV_WRITE, 0, SLICE_LIT("Qa:0\n"));
	kernel(EV_READ, 0, SLICE_LIT("Aa:0\n"));
	assert_string_equal(world_text(&w), "a>a done peer_inferred\n");
	assert_true(w.flows[0].tls);
	assert_string_equal(w.flows[0].library, "kernel");
	assert_string_equal(w.flows[0].road, "kernel");
}

/* SSL_read and SSL_sendfile on one connection. */
static void library_that_uses_it_stays(void **state)
{
	(void)state;
	world_open(&w, world_server(0));
	world_bytes(&w, 1, EV_READ, 0, SLICE_LIT("Qa:0\n"), 5, 1);
	kernel(EV_WRITE, 0, SLICE_LIT("Aa:0\n"));
	assert_true(w.n == 1 && w.flows[0].tls);
	assert_string_equal(w.flows[0].library, "openssl");
	assert_string_equal(w.flows[0].road, "probes");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = { T(is_named), T(library_that_uses_it_stays) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
