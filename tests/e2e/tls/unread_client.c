/* SPDX-License-Identifier: Apache-2.0 */
/* unread_client - a TLS client that Limpid does not read, since OpenSSL is built into it and its symbols are stripped off.
 * `unread_client PORT` connects, sends and receives when told over standard input: "connect" (TLS 1.3, the next time 1.2), "talk",
 * "close"; each is answered by "done". */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER 5000

static int fd;
static SSL *ssl;

static void must(int good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "unread_client: %s\n", what);
	exit(1);
}

static void make_connection(int port, int version)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	ssl = SSL_new(ctx);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
	SSL_set_tlsext_host_name(ssl, "shop.example");
	SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2\10http/1.1", 12);
	SSL_set_fd(ssl, fd);
	must(SSL_connect(ssl) == 1, "handshake");
}

static void talk(void)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
	char buf[65536];
	int n;

	must(SSL_write(ssl, request, sizeof(request) - 1) > 0, "write");
	for (int got = 0; got < ANSWER; got += n) {
		n = SSL_read(ssl, buf, sizeof(buf));
		must(n > 0, "read");
	}
}

int main(int argc, char **argv)
{
	int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, version = TLS1_3_VERSION;
	char line[64];

	puts("ready");
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "connect\n") == 0) {
			make_connection(port, version);
			version = TLS1_2_VERSION;
		} else if (strcmp(line, "talk\n") == 0) {
			talk();
		} else {
			close(fd);
		}
		puts("done");
		(void)fflush(stdout);
	}
	return 0;
}
