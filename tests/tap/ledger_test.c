/* SPDX-License-Identifier: Apache-2.0 */
/* Which TLS is in a process: real ones, of this machine, without probes. */
#include "test.h"

#include "tap/ledger.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
	struct tls_watch *w;
	struct ledger *l;
	int told; /* times that a change was told */
	struct ipc_tls_process last;
};
/* Of tls_watch, whose context is there before the ledger is. */
static void found(void *ctx, const struct tls_watch_lib *l)
{
	struct world *x = ctx;

	if (x->l)
		ledger_library(x->l, l);
}

static void changed(void *ctx, const struct ipc_tls_process *p)
{
	struct world *x = ctx;

	x->told++;
	x->last = *p;
}

static int set_up(void **state)
{
	struct world *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	assert_int_equal(tls_watch_new(&x->w, NULL, found, x), 0);
	x->l = ledger_new(x->w, changed, x);
	assert_non_null(x->l);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct world *x = *state;

	tls_watch_free(x->w);
	ledger_free(x->l);
	free(x);
	return 0;
}

static pid_t program(const char *path, const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(pid > 1);
	for (int i = 0; i < 2000; i++) { /* until it is another program than this one */
		char name[40], exe[256];
		ssize_t n;

		(void)snprintf(name, sizeof(name), "/proc/%d/exe", pid);
		n = readlink(name, exe, sizeof(exe) - 1);
		exe[n > 0 ? n : 0] = '\0';
		if (strstr(exe, strrchr(path, '/')) || waitpid(pid, NULL, WNOHANG) == pid)
			return pid;
		usleep(5000);
	}
	return pid;
}

static void end(pid_t pid)
{
	assert_true(pid > 1);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static struct ev_task task(uint16_t kind, pid_t pid)
{
	return (struct ev_task){ .h = { .kind = kind, .tgid = (uint32_t)pid } };
}

static void library_of_a_process_is_told_with_its_version_and_path(void **state)
{
	struct world *x = *state;
	struct ipc_tls_process p;
	bool seen = false;

	assert_non_null(dlopen("libssl.so.3", RTLD_NOW)); /* stays until the end */
	ledger_ask(x->l, (uint32_t)getpid(), &p);
	assert_int_equal(p.pid, getpid());
	assert_string_equal(p.comm, "ledger_test");
	assert_true(p.nlibs >= 1);
	for (size_t i = 0; i < p.nlibs; i++)
		if (strcmp(p.libs[i].name, "openssl") == 0) {
			seen = true;
			assert_non_null(strstr(p.libs[i].path, "libssl.so.3"));
			assert_int_equal(strncmp(p.libs[i].version, "3", 1), 0);
			/* Nothing is probed here: so it is not said to be read. */
			assert_int_equal(p.libs[i].reason, TLS_WHY_REFUSED);
		}
	assert_true(seen);
	assert_int_equal(p.reason, TLS_WHY_REFUSED);
	assert_int_equal(x->told, 0); /* it was in the answer */
}

static void process_without_a_library_says_so(void **state)
{
	const char *const argv[] = { "sleep", "100", NULL };
	struct world *x = *state;
	struct ipc_tls_process p;
	pid_t pid = program("/bin/sleep", argv);

	ledger_ask(x->l, (uint32_t)pid, &p);
	assert_int_equal(p.nlibs, 0);
	assert_int_equal(p.reason, TLS_WHY_NO_LIBRARY);
	assert_string_equal(p.comm, "sleep");
	assert_false(p.gone);
	end(pid);
}

static void process_that_ended_unseen_was_not_looked_at(void **state)
{
	const char *const argv[] = { "sleep", "100", NULL };
	struct world *x = *state;
	struct ipc_tls_process p;
	pid_t pid = program("/bin/sleep", argv);

	end(pid);
	ledger_ask(x->l, (uint32_t)pid, &p);
	assert_int_equal(p.nlibs, 0);
	assert_int_equal(p.reason, TLS_WHY_NOT_LOOKED_AT);
}

/* What a library was found to be is told to whoever asked about a process that has it. */
static void what_changes_after_the_answer_is_told(void **state)
{
	struct world *x = *state;
	struct ipc_tls_process p;
	struct tls_watch_lib lib = { .name = "openssl", .version = "3", .path = "/x/libssl.so.3" };

	assert_non_null(dlopen("libssl.so.3", RTLD_NOW));
	ledger_ask(x->l, (uint32_t)getpid(), &p);
	assert_int_equal(x->told, 0);
	for (lib.lib = 1; lib.lib < 20; lib.lib++) { /* whichever number it has */
		lib.reason = TLS_WHY_MISREAD;
		ledger_library(x->l, &lib);
	}
	assert_true(x->told >= 1);
	assert_int_equal(x->last.pid, getpid());
	assert_int_equal(x->last.reason, TLS_WHY_MISREAD);
	/* A decoder that was started again asks anew before it is told anything. */
	x->told = 0;
	ledger_forget_asked(x->l);
	ledger_library(x->l, &(struct tls_watch_lib){
				     .lib = 1, .name = "openssl", .version = "3", .path = "/" });
	assert_int_equal(x->told, 0);
}

static void libraries_of_a_process_that_ended_are_kept(void **state)
{
	const char *const argv[] = { "python3", "-c", "import ssl, time; time.sleep(100)", NULL };
	struct world *x = *state;
	struct ipc_tls_process p = { 0 };
	struct ev_task ev;
	pid_t pid = program("/usr/bin/python3", argv);

	for (int i = 0; i < 2000 && p.nlibs == 0; i++) { /* until it has loaded it */
		usleep(10000);
		ledger_ask(x->l, (uint32_t)pid, &p);
	}
	assert_true(p.nlibs >= 1);
	assert_string_equal(p.libs[0].name, "openssl");
	x->told = 0;
	ev = task(EV_EXIT, pid);
	ledger_task(x->l, &ev);
	assert_int_equal(x->told, 1);
	assert_true(x->last.gone);
	assert_string_equal(x->last.libs[0].name, "openssl");
	end(pid);
	ledger_ask(x->l, (uint32_t)pid, &p);
	assert_true(p.gone);
	assert_string_equal(p.libs[0].name, "openssl");
}

static void exec_forgets_what_the_program_before_had(void **state)
{
	const char *const argv[] = { "sleep", "100", NULL };
	struct world *x = *state;
	struct ipc_tls_process p;
	pid_t pid = program("/bin/sleep", argv);
	struct ev_task ev = task(EV_EXEC, pid);

	ledger_ask(x->l, (uint32_t)pid, &p);
	ledger_task(x->l, &ev);
	ledger_ask(x->l, (uint32_t)pid, &p);
	assert_int_equal(p.nlibs, 0);
	assert_int_equal(p.reason, TLS_WHY_NO_LIBRARY);
	end(pid);
}

/* Process numbers that never were: each takes a place, and the first ones give way. */
static void more_processes_than_are_remembered(void **state)
{
	struct world *x = *state;
	struct ipc_tls_process p;
	struct ev_task ev;

	for (uint32_t pid = 5000000; pid < 5000000 + 8192 + 10; pid++)
		ledger_ask(x->l, pid, &p);
	x->told = 0;
	ev = task(EV_EXIT, 5000000); /* not remembered */
	ledger_task(x->l, &ev);
	assert_int_equal(x->told, 0);
	ev = task(EV_EXIT, 5000000 + 8192 + 9); /* remembered: asked about, so its end is told */
	ledger_task(x->l, &ev);
	assert_int_equal(x->told, 1);
	assert_true(x->last.gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			library_of_a_process_is_told_with_its_version_and_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(process_without_a_library_says_so, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(process_that_ended_unseen_was_not_looked_at, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_changes_after_the_answer_is_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(libraries_of_a_process_that_ended_are_kept, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(exec_forgets_what_the_program_before_had, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(more_processes_than_are_remembered, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
