/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/args.h"

static void sizes_are_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
	} good[] = { { "0", 0 },	   { "64", 64 },
		     { "64B", 64 },	   { "512k", 512 << 10 },
		     { "1K", 1024 },	   { "1KiB", 1024 },
		     { "4MB", 4 << 20 },   { "1.5M", 3 << 19 },
		     { "2G", 2ull << 30 }, { "1T", 1ull << 40 },
		     { "1e3", 1000 } };
	static const char *const bad[] = { "",	 "x", "-1",  "1x",  "1kk", "0x10",
					   " 1", "k", "1 k", "nan", "inf" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(args_size(good[i].text, &v), 0);
		assert_int_equal(v, good[i].want);
	}
	v = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(args_size(bad[i], &v), -EINVAL);
	assert_int_equal(args_size("99999999T", &v), -ERANGE);
	assert_int_equal(args_size("1e999", &v), -ERANGE);
	assert_int_equal(v, 7);
}

static void ages_have_a_unit(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(args_age("90s", &v), 0);
	assert_int_equal(v, 90000000000ull);
	assert_int_equal(args_age("7d", &v), 0);
	assert_int_equal(v, 7ull * 86400 * 1000000000);
	assert_int_equal(args_age("1.5h", &v), 0);
	assert_int_equal(v, 5400ull * 1000000000);
	assert_int_equal(args_age("10", &v), -EINVAL);
	assert_int_equal(args_age("10dd", &v), -EINVAL);
	assert_int_equal(args_age("d", &v), -EINVAL);
	assert_int_equal(args_age("1e12w", &v), -ERANGE);
}

static void an_address_is_a_host_and_a_port(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = { { "127.0.0.1:80", "127.0.0.1", 80 },
		     { "[::1]:7070", "::1", 7070 },
		     { "hub.example:50052", "hub.example", 50052 },
		     { ":80", "127.0.0.1", 80 },
		     { "80", "127.0.0.1", 80 } };
	static const char *const bad[] = { "",	     "host",  "host:",	 "host:x", "host:70000",
					   "::1:80", "[::1]", "[::1:80", "h:-1",   "host:80 " };
	char host[64] = "untouched";
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(args_address(bad[i], host, sizeof(host), &port), -EINVAL);
	assert_string_equal(host, "untouched");
	assert_int_equal(args_address("a-name-that-is-too-long:80", host, 8, &port), -EINVAL);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(args_address(good[i].text, host, sizeof(host), &port), 0);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
}

static const struct command everything = {
	.name = "tail", .groups = ARGS_CAPTURE | ARGS_HUB | ARGS_AGENT | ARGS_PRINT | ARGS_RUNNING
};

static struct args read_args(const struct command *c, char **argv)
{
	struct args a;
	int argc = 0;

	while (argv[argc])
		argc++;
	args_read(c, argc, argv, &a);
	return a;
}
#define READ(...) read_args(&everything, (char *[]){ (char *)"tail", __VA_ARGS__, NULL })

static void options_end_up_in_their_fields(void **state)
{
	char token[] = "--token=0123456789abcdef0123456789abcdef", c[] = "--container=web",
	     c2[] = "-capi*", p[] = "-p12", b[] = "--body-limit=2M", cb[] = "--conn-budget=3M", s[] = "status",
	     ge[] = ">=", v[] = "500", j[] = "--json", n[] = "-n5", l[] = "--log-level=debug",
	     age[] = "--max-age=0s", comm[] = "--comm=curl", all[] = "-a";
	struct args a = READ(token, c, c2, p, b, cb, s, ge, v, j, n, l, age, comm, all);

	(void)state;
	assert_string_equal(a.token, "0123456789abcdef0123456789abcdef");
	assert_int_equal(a.ncontainers, 2);
	assert_string_equal(a.containers[1], "api*");
	assert_int_equal(a.npids, 1);
	assert_int_equal(a.pids[0], 12);
	assert_string_equal(a.comms[0], "curl");
	assert_true(a.all);
	assert_int_equal(a.body_limit, 2 << 20);
	assert_int_equal(a.conn_budget, 3 << 20);
	assert_string_equal(a.filter, "status >= 500");
	assert_true(a.json);
	assert_int_equal(a.count, 5);
	assert_int_equal(a.level, LOG_LEVEL_DEBUG);
	assert_int_equal(a.max_age_ns, 0);
}

static void defaults_are_those_of_the_manual(void **state)
{
	char none[] = "";
	struct args a = READ(none);

	(void)state;
	assert_string_equal(a.http, "127.0.0.1:7070");
	assert_string_equal(a.grpc, "127.0.0.1:50052");
	assert_string_equal(a.server, "127.0.0.1:50052");
	assert_int_equal(a.max_bytes, 2ull << 30);
	assert_int_equal(a.ncontainers, 0);
	assert_string_equal(a.token, "");
}

/* What the program says on standard error and its exit status. */
static int complaint(const struct command *c, const char *arg, char *ret, size_t n)
{
	int p[2], status;
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		char own[128];
		char *argv[] = { (char *)"x", own, NULL };

		(void)snprintf(own, sizeof(own), "%s", arg);
		dup2(p[1], STDERR_FILENO);
		dup2(p[1], STDOUT_FILENO);
		(void)read_args(c, argv);
		_exit(0);
	}
	close(p[1]);
	while ((got = read(p[0], ret + len, n - 1 - len)) > 0)
		len += (size_t)got;
	ret[len] = 0;
	close(p[0]);
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void mistakes_are_said_and_end_with_2(void **state)
{
	static const struct {
		const char *arg, *said;
	} bad[] = {
		{ "--token=abc", "limpid tail: --token must be 32 hexadecimal digits\n" },
		{ "--body-limit=x",
		  "limpid tail: --body-limit: 'x' is not a size; write for example 512k or 4M\n" },
		{ "--body-limit=0", "limpid tail: --body-limit must be at least 1\n" },
		{ "--backend=foo",
		  "limpid tail: --backend: 'foo' is none of fentry, kprobe, tracepoint, auto\n" },
		{ "--events-ring=100000",
		  "limpid tail: --events-ring must be a power of two from 64k to 1G\n" },
		{ "--pid=x", "limpid tail: --pid: 'x' is not a process id\n" },
		{ "--pid=0", "limpid tail: --pid: '0' is not a process id\n" },
		{ "--max-age=7",
		  "limpid tail: --max-age: '7' is not an age; write for example 12h or 7d\n" },
		{ "--max-rows=5", "limpid tail: --max-rows must be at least 1000\n" },
		{ "--log-level=loud",
		  "limpid tail: --log-level: 'loud' is none of error, warn, info, debug\n" },
		{ "--running=127.0.0.1:7070",
		  "limpid tail: --running: give the whole address, http://HOST:PORT/#t=TOKEN\n" },
		{ "--frobnicate", "limpid tail: unrecognized option '--frobnicate'\n" },
	};
	char said[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(complaint(&everything, bad[i].arg, said, sizeof(said)),
				 EXIT_USAGE);
		assert_memory_equal(said, bad[i].said, strlen(bad[i].said));
	}
	assert_int_equal(complaint(&everything, "--token-file=/nonexistent", said, sizeof(said)),
			 1);
	assert_string_equal(said, "limpid tail: cannot read the token file /nonexistent: No such "
				  "file or directory\n");
}

static void what_a_command_does_not_have_it_does_not_take(void **state)
{
	static const struct command bare = { .name = "version" },
				    file = { .name = "read", .groups = ARGS_FILE },
				    record = { .name = "record", .groups = ARGS_OUTPUT },
				    none = { 0 };
	char said[8192];

	(void)state;
	assert_int_equal(complaint(&bare, "--token=abc", said, sizeof(said)), EXIT_USAGE);
	assert_int_equal(complaint(&bare, "word", said, sizeof(said)), EXIT_USAGE);
	assert_non_null(strstr(said, "'word' is too much"));
	assert_int_equal(complaint(&file, "--log-level=info", said, sizeof(said)), EXIT_USAGE);
	assert_non_null(strstr(said, "which FILE?"));
	assert_int_equal(complaint(&record, "--log-level=info", said, sizeof(said)), EXIT_USAGE);
	assert_non_null(strstr(said, "Give -o FILE"));
	assert_int_equal(complaint(&none, "tial", said, sizeof(said)), EXIT_USAGE);
	assert_non_null(strstr(said, "limpid: there is no command 'tial'"));
	assert_int_equal(complaint(&everything, "--help", said, sizeof(said)), 0);
	assert_non_null(strstr(said, "--container=NAME"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(ages_have_a_unit),
		cmocka_unit_test(an_address_is_a_host_and_a_port),
		cmocka_unit_test(options_end_up_in_their_fields),
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(mistakes_are_said_and_end_with_2),
		cmocka_unit_test(what_a_command_does_not_have_it_does_not_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
