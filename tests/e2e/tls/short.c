/* SPDX-License-Identifier: Apache-2.0 */
/* short - many processes that live for one TLS connection.
 *
 *	short one		a handshake, a request and its answer over loopback, both ends in this process; 0 when all came through
 *	short hold		the library is loaded; until standard input ends
 *	short storm N AT-ONCE	runs "short one" N times; prints "done N failed N signals N" and why the first ones failed
 *
 * With a key that both ends know (TLS 1.2, PSK) there is no certificate to be made, so that a process is short indeed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static unsigned client_key(SSL *ssl, const char *hint, char *identity, unsigned max, unsigned char *psk, unsigned size)
{
	(void)ssl;
	(void)hint;
	(void)size;
	snprintf(identity, max, "short");
	memset(psk, 7, 16);
	return 16;
}

static unsigned server_key(SSL *ssl, const char *identity, unsigned char *psk, unsigned size)
{
	(void)ssl;
	(void)identity;
	(void)size;
	memset(psk, 7, 16);
	return 16;
}

static int sockets(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct linger now = { 1, 0 }; /* ten thousand of them leave no port waiting */
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	if (l < 0 || bind(l, (void *)&a, sizeof(a)) || listen(l, 1) || getsockname(l, (void *)&a, &len))
		return -1;
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (fd[0] < 0 || connect(fd[0], (void *)&a, sizeof(a)))
		return -1;
	fd[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	close(l);
	setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return fd[1] < 0 ? -1 : 0;
}

static SSL *object(const SSL_METHOD *method, int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	SSL *ssl;

	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	if (SSL_CTX_set_cipher_list(ctx, "PSK-AES128-GCM-SHA256") != 1)
		return NULL;
	SSL_CTX_set_psk_client_callback(ctx, client_key);
	SSL_CTX_set_psk_server_callback(ctx, server_key);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	return ssl;
}

/* Both ends in turn, until both are done. */
static int handshake(SSL *c, SSL *s)
{
	for (int i = 0; i < 1000; i++) {
		int a = SSL_connect(c), b = SSL_accept(s);

		if (a == 1 && b == 1)
			return 0;
		if ((a != 1 && SSL_get_error(c, a) != SSL_ERROR_WANT_READ) ||
		    (b != 1 && SSL_get_error(s, b) != SSL_ERROR_WANT_READ))
			return -1;
		usleep(50);
	}
	return -1;
}

static int pass(SSL *from, SSL *to, const char *text)
{
	char buf[4096];
	int n = (int)strlen(text), got = 0;

	if (SSL_write(from, text, n) != n)
		return -1;
	for (int i = 0; i < 10000 && got <= 0; i++) {
		got = SSL_read(to, buf, sizeof(buf));
		if (got <= 0)
			usleep(50);
	}
	return got == n && memcmp(buf, text, (size_t)n) == 0 ? 0 : -1;
}

static int one(void)
{
	SSL *c, *s;
	int fd[2];

	if (sockets(fd))
		return 10;
	c = object(TLS_client_method(), fd[0]);
	s = object(TLS_server_method(), fd[1]);
	if (!c || !s)
		return 11;
	SSL_set_connect_state(c);
	/* The client waits for nobody but the other end in this process. */
	if (fd[0] >= 0) {
		struct timeval t = { 0, 1 };

		setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	}
	if (handshake(c, s))
		return 12;
	if (pass(c, s, "GET /short HTTP/1.1\r\nHost: short\r\n\r\n") ||
	    pass(s, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
		return 13;
	return 0;
}

static int storm(const char *self, int n, int at_once)
{
	char *argv[] = { (char *)self, "one", NULL };
	int started = 0, running = 0, done = 0, failed = 0, signals = 0, status;

	while (done < n) {
		pid_t pid;

		if (started < n && running < at_once) {
			if (posix_spawn(&pid, self, NULL, NULL, argv, environ) != 0)
				return 1;
			started++;
			running++;
			continue;
		}
		pid = wait(&status);
		if (pid < 0)
			return 1;
		running--;
		done++;
		if (status && failed + signals < 5)
			printf("process %d ended with %s %d\n", pid, WIFSIGNALED(status) ? "signal" : "status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		signals += WIFSIGNALED(status);
		failed += !WIFSIGNALED(status) && status;
		if (done % 500 == 0) {
			printf("at %d\n", done);
			fflush(stdout);
		}
	}
	printf("done %d failed %d signals %d\n", done, failed, signals);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "one") == 0)
		return one();
	if (argc == 4 && strcmp(argv[1], "storm") == 0)
		return storm(argv[0], atoi(argv[2]), atoi(argv[3]));
	if (argc == 2 && strcmp(argv[1], "hold") == 0) {
		int err = one();

		printf("holds %d\n", err);
		fflush(stdout);
		while (getchar() != EOF)
			;
		return err;
	}
	return 2;
}
