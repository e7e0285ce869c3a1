/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/ipc.h"

static int pair[2]; /* [0]: tap's end, [1]: decode's */

static int setup(void **state)
{
	(void)state;
	return ipc_pair(pair);
}

static int teardown(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* What an honest sender would send; tests then break one field. */
static struct ipc_msg good(enum ipc_kind kind)
{
	struct ipc_msg m = { .kind = kind };

	switch (kind) {
	case IPC_CONTAINER:
		m.size = sizeof(m.container);
		memset(m.container.id, 'a', 64);
		strcpy(m.container.name, "web");
		m.container.naddrs = 1;
		break;
	case IPC_CGROUP:
	case IPC_WHO:
		m.size = sizeof(m.cgroup);
		m.cgroup.cgroup_id = 7;
		break;
	case IPC_TLS_WHO:
		m.size = sizeof(m.tls_who);
		m.tls_who.pid = 7;
		break;
	case IPC_TLS_PROCESS:
		m.size = sizeof(m.tls_process);
		m.tls_process.pid = 7;
		m.tls_process.nlibs = 3;
		strcpy(m.tls_process.libs[2].name, "openssl");
		break;
	case IPC_TLS_LIB:
		m.size = sizeof(m.tls_lib);
		m.tls_lib.lib = m.tls_lib.tls = 1;
		break;
	case IPC_HUB:
		m.size = sizeof(m.hub);
		m.hub.err = ECONNREFUSED;
		break;
	case IPC_HEALTH:
		m.size = sizeof(m.health);
		strcpy(m.health.key, "kernel");
		break;
	case IPC_CAPTURE:
		m.size = sizeof(m.capture);
		break;
	case IPC_VERDICT:
		m.size = sizeof(m.verdict);
		m.verdict.cookie = 1;
		break;
	case IPC_SETTINGS:
		m.size = sizeof(m.settings);
		break;
	case IPC_STATS:
		m.size = sizeof(m.stats);
		break;
	case IPC_STOP:
	case IPC_CONNECT:
		break;
	}
	return m;
}

static enum ipc_end receiver(enum ipc_kind kind)
{
	return kind >= IPC_VERDICT ? IPC_TAP : IPC_DECODE;
}

/* Sends raw bytes to whoever receives this kind, and says what ipc_recv made of them. */
static int deliver(const void *p, size_t n, enum ipc_end to)
{
	struct ipc_msg got;
	int fd = -1, from = to == IPC_DECODE ? pair[0] : pair[1],
	    at = to == IPC_DECODE ? pair[1] : pair[0];

	assert_int_equal(send(from, p, n, 0), n);
	return ipc_recv(at, to, &got, &fd);
}

static int deliver_msg(const struct ipc_msg *m)
{
	return deliver(m, offsetof(struct ipc_msg, body) + m->size, receiver(m->kind));
}

static const enum ipc_kind kinds[] = { IPC_CONTAINER, IPC_CGROUP,   IPC_TLS_LIB, IPC_HUB,
				       IPC_HEALTH,    IPC_STOP,	    IPC_CAPTURE, IPC_VERDICT,
				       IPC_CONNECT,   IPC_SETTINGS, IPC_STATS,	 IPC_WHO,
				       IPC_TLS_WHO,   IPC_TLS_PROCESS };
#define NKINDS (sizeof(kinds) / sizeof(*kinds))

static void every_kind_arrives_as_it_was_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < NKINDS; i++) {
		struct ipc_msg m = good(kinds[i]), got;
		int fd = 99, to_decode = receiver(kinds[i]) == IPC_DECODE;

		m.seq = 41;
		assert_int_equal(ipc_send(pair[!to_decode], kinds[i], &m, -1), 0);
		assert_int_equal(ipc_recv(pair[to_decode], receiver(kinds[i]), &got, &fd), 0);
		assert_int_equal(fd, -1);
		assert_memory_equal(&got, &m, sizeof(m));
	}
}

static void a_message_for_the_other_side_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < NKINDS; i++) {
		struct ipc_msg m = good(kinds[i]);
		enum ipc_end wrong = receiver(kinds[i]) == IPC_TAP ? IPC_DECODE : IPC_TAP;

		assert_int_equal(deliver(&m, offsetof(struct ipc_msg, body) + m.size, wrong),
				 -EBADMSG);
	}
}

static void a_wrong_size_or_kind_is_refused(void **state)
{
	char big[sizeof(struct ipc_msg) + 64] = { 0 };

	(void)state;
	for (size_t i = 0; i < NKINDS; i++) {
		struct ipc_msg m = good(kinds[i]);
		size_t n = offsetof(struct ipc_msg, body) + m.size;

		assert_int_equal(deliver(&m, n, receiver(m.kind)), 0);
		assert_int_equal(deliver(&m, n - 1, receiver(m.kind)), -EBADMSG);
		assert_int_equal(deliver(&m, n + 1, receiver(m.kind)), -EBADMSG);
		memcpy(big, &m, sizeof(m));
		assert_int_equal(deliver(big, sizeof(big), receiver(m.kind)), -EBADMSG);
		m.size++;
		assert_int_equal(deliver(&m, n, receiver(m.kind)), -EBADMSG);
		m.size--;
		m.kind = 200;
		assert_int_equal(deliver(&m, n, IPC_TAP), -EBADMSG);
		m.kind = 0;
		assert_int_equal(deliver(&m, n, IPC_DECODE), -EBADMSG);
	}
	assert_int_equal(deliver("abc", 3, IPC_TAP), -EBADMSG);
}

#define FILL(m, field) memset((m).field, 'x', sizeof((m).field))
#define REFUSED(kind, change)                                \
	do {                                                 \
		struct ipc_msg m = good(kind);               \
		assert_int_equal(deliver_msg(&m), 0);        \
		change;                                      \
		assert_int_equal(deliver_msg(&m), -EBADMSG); \
	} while (0)

static void a_string_without_its_end_is_refused(void **state)
{
	(void)state;
	REFUSED(IPC_CONTAINER, FILL(m, container.id));
	REFUSED(IPC_CONTAINER, FILL(m, container.name));
	REFUSED(IPC_CONTAINER, FILL(m, container.image));
	REFUSED(IPC_CONTAINER, FILL(m, container.project));
	REFUSED(IPC_CONTAINER, FILL(m, container.service));
	REFUSED(IPC_CONTAINER, FILL(m, container.pod));
	REFUSED(IPC_CONTAINER, FILL(m, container.namespace));
	REFUSED(IPC_CONTAINER, FILL(m, container.state));
	REFUSED(IPC_CONTAINER, FILL(m, container.networks));
	REFUSED(IPC_CGROUP, FILL(m, cgroup.id));
	REFUSED(IPC_TLS_LIB, FILL(m, tls_lib.name));
	REFUSED(IPC_TLS_LIB, FILL(m, tls_lib.version));
	REFUSED(IPC_HUB, FILL(m, hub.text));
	REFUSED(IPC_HEALTH, FILL(m, health.key));
	REFUSED(IPC_HEALTH, FILL(m, health.text));
	REFUSED(IPC_HEALTH, FILL(m, health.hint));
	REFUSED(IPC_SETTINGS, FILL(m, settings.name));
}

static void a_number_out_of_its_range_is_refused(void **state)
{
	(void)state;
	REFUSED(IPC_CONTAINER, m.container.naddrs = 9);
	REFUSED(IPC_CONTAINER, m.container.gone = 2);
	REFUSED(IPC_CONTAINER, m.container.captured = 2);
	REFUSED(IPC_CONTAINER, m.container.id[0] = 0);
	REFUSED(IPC_CGROUP, m.cgroup.cgroup_id = 0);
	REFUSED(IPC_WHO, m.cgroup.cgroup_id = 0);
	REFUSED(IPC_WHO, m.cgroup.id[0] = 'a');
	REFUSED(IPC_TLS_LIB, m.tls_lib.lib = 0);
	REFUSED(IPC_TLS_LIB, m.tls_lib.tls = 0);
	REFUSED(IPC_HUB, m.hub.err = -1);
	REFUSED(IPC_HUB, m.hub.err = 0); /* says connected, brings no socket */
	REFUSED(IPC_HEALTH, m.health.level = 3);
	REFUSED(IPC_HEALTH, m.health.key[0] = 0);
	REFUSED(IPC_CAPTURE, m.capture.mode = 3);
	REFUSED(IPC_CAPTURE, m.capture.paused = 2);
	REFUSED(IPC_CAPTURE, m.capture.hosts = 2);
	REFUSED(IPC_CAPTURE, m.capture.include_new = 2);
	REFUSED(IPC_VERDICT, m.verdict.cookie = 0);
	REFUSED(IPC_VERDICT, m.verdict.verdict = 3);
	REFUSED(IPC_VERDICT, m.verdict.skip = 2);
	REFUSED(IPC_VERDICT, m.verdict.dir = 2);
	REFUSED(IPC_VERDICT, m.verdict.plain = 2);
	REFUSED(IPC_VERDICT, m.verdict.totals = 2);
	REFUSED(IPC_TLS_WHO, m.tls_who.pid = 0);
	REFUSED(IPC_TLS_PROCESS, m.tls_process.pid = 0);
	REFUSED(IPC_TLS_PROCESS, m.tls_process.gone = 2);
	REFUSED(IPC_TLS_PROCESS, m.tls_process.nlibs = 4);
	REFUSED(IPC_TLS_PROCESS, memset(m.tls_process.libs[2].path, 'a', sizeof(m.tls_process.libs[2].path)));
	REFUSED(IPC_TLS_PROCESS, memset(m.tls_process.comm, 'a', sizeof(m.tls_process.comm)));
	REFUSED(IPC_SETTINGS, m.settings.begin = 2);
	REFUSED(IPC_SETTINGS, m.settings.commit = 2);
	REFUSED(IPC_SETTINGS, m.settings.capture.mode = 3);
	REFUSED(IPC_SETTINGS, m.settings.capture.paused = 2);
	REFUSED(IPC_SETTINGS, m.settings.capture.hosts = 2);
	REFUSED(IPC_SETTINGS, m.settings.capture.include_new = 2);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_socket_is_handed_over_with_the_answer_to_connect(void **state)
{
	struct ipc_msg m = good(IPC_HUB), got;
	int p[2], fd = -1;
	char c = 0;

	(void)state;
	assert_int_equal(pipe(p), 0);
	m.hub.err = 0;
	assert_int_equal(ipc_send(pair[0], IPC_HUB, &m, p[1]), 0);
	assert_int_equal(ipc_recv(pair[1], IPC_DECODE, &got, &fd), 0);
	assert_true(fd >= 0 && fd != p[1]);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "!", 1), 1);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(fd);
	close(p[0]);
	close(p[1]);
}

static void a_descriptor_that_nobody_asked_for_is_closed(void **state)
{
	struct ipc_msg m = good(IPC_VERDICT), got;
	int before = open_fds(), fd = -1;

	(void)state;
	assert_int_equal(ipc_send(pair[1], IPC_VERDICT, &m, pair[0]), 0);
	assert_int_equal(ipc_recv(pair[0], IPC_TAP, &got, &fd), -EBADMSG);
	m = good(IPC_HUB); /* an error and a socket contradict each other */
	assert_int_equal(ipc_send(pair[0], IPC_HUB, &m, pair[0]), 0);
	assert_int_equal(ipc_recv(pair[1], IPC_DECODE, &got, &fd), -EBADMSG);
	assert_int_equal(open_fds(), before);
}

static void many_descriptors_are_all_closed(void **state)
{
	struct ipc_msg m = good(IPC_HUB), got;
	int before = open_fds(), fd = -1, fds[3] = { pair[0], pair[0], pair[0] };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = { 0 };
	struct iovec iov = { &m, offsetof(struct ipc_msg, body) + m.size };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control.bytes) };

	(void)state;
	m.hub.err = 0;
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	assert_true(sendmsg(pair[0], &h, 0) > 0);
	assert_int_equal(ipc_recv(pair[1], IPC_DECODE, &got, &fd), -EBADMSG);
	assert_int_equal(open_fds(), before);
}

static void an_empty_queue_a_full_one_and_a_dead_peer_are_told_apart(void **state)
{
	struct ipc_msg m = good(IPC_HEALTH), got;
	int fd = -1, err = 0;

	(void)state;
	assert_int_equal(ipc_recv(pair[0], IPC_TAP, &got, &fd), -EAGAIN);
	for (int i = 0; i < 100000 && err == 0; i++)
		err = ipc_send(pair[0], IPC_HEALTH, &m, -1);
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(ipc_send(pair[0], 999, &m, -1), -EINVAL);
	assert_int_equal(ipc_send(pair[0], IPC_HEALTH, NULL, -1), -EINVAL);
	shutdown(pair[1], SHUT_RDWR);
	assert_int_equal(ipc_recv(pair[0], IPC_TAP, &got, &fd), -EPIPE);
	assert_int_equal(ipc_send(pair[0], IPC_STOP, NULL, -1), -EPIPE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_kind_arrives_as_it_was_sent),
		T(a_message_for_the_other_side_is_refused),
		T(a_wrong_size_or_kind_is_refused),
		T(a_string_without_its_end_is_refused),
		T(a_number_out_of_its_range_is_refused),
		T(a_socket_is_handed_over_with_the_answer_to_connect),
		T(a_descriptor_that_nobody_asked_for_is_closed),
		T(many_descriptors_are_all_closed),
		T(an_empty_queue_a_full_one_and_a_dead_peer_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
