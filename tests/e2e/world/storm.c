/* SPDX-License-Identifier: Apache-2.0 */
/* storm FROM TO PORT - short processes, eight at a time, in all the ways that processes come and go: fork, fork of a
 * fork, exec, dlopen of OpenSSL, a thread, an end by SIGKILL.  Each (but for those that only load a library) asks
 * 127.0.0.1:PORT for /storm/NUMBER/PID, where PID is its own. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int port, number;

static int get(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char text[512];
	int n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return 1;
	n = snprintf(text, sizeof(text), "GET /storm/%d/%d HTTP/1.1\r\nHost: storm\r\n\r\n", number, getpid());
	if (write(fd, text, (size_t)n) != n || read(fd, text, sizeof(text)) <= 0)
		return 1;
	return close(fd);
}

static void *get_in_thread(void *unused)
{
	(void)unused;
	exit(get());
}

static int load(void)
{
	void *ssl = dlopen("libssl.so.3", RTLD_NOW);
	void *(*method)(void) = ssl ? (void *(*)(void))dlsym(ssl, "TLS_client_method") : NULL;
	void *(*make)(void *) = ssl ? (void *(*)(void *))dlsym(ssl, "SSL_CTX_new") : NULL;

	return !method || !make || !make(method());
}

static int one(char *self, char *port_text)
{
	char text[16];
	pthread_t t;
	int status;

	switch (number % 6) {
	case 0:
		return get();
	case 1: /* the child of a child, which nobody waits for */
		if (fork() == 0)
			_exit(get());
		return wait(&status) < 0 || status;
	case 2:
		snprintf(text, sizeof(text), "%d", number);
		execl(self, "storm", "--get", text, port_text, (char *)NULL);
		return 1;
	case 3:
		return load();
	case 4:
		if (get() == 0)
			raise(SIGKILL);
		return 1;
	default:
		if (pthread_create(&t, NULL, get_in_thread, NULL))
			return 1;
		pthread_exit(NULL); /* the first thread ends first */
	}
}

static int reap(void)
{
	int status = 0;

	if (wait(&status) < 0)
		return 0;
	return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) && status != 0;
}

int main(int argc, char **argv)
{
	int running = 0, bad = 0;

	if (argc != 4)
		return 2;
	port = atoi(argv[3]);
	if (strcmp(argv[1], "--get") == 0) {
		number = atoi(argv[2]);
		return get();
	}
	for (number = atoi(argv[1]); number < atoi(argv[2]); number++) {
		pid_t pid;

		if (running == 8) {
			bad += reap();
			running--;
		}
		pid = fork();
		if (pid == 0)
			exit(one(argv[0], argv[3]));
		running += pid > 0;
		bad += pid < 0;
	}
	while (running--)
		bad += reap();
	printf("%d\n", bad);
	return bad != 0;
}
