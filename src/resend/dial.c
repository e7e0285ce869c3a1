/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets do not block; each wait is a poll with what is left of the time. */
#include "resend/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct dial {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl; /* NULL: in the clear */
	uint64_t deadline_ns;
	char name[256];
};

uint64_t dial_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int wait_for(const struct dial *d, short events)
{
	struct pollfd p = { .fd = d->fd, .events = events };

	for (;;) {
		uint64_t now = dial_now_ns();
		int n;

		if (now >= d->deadline_ns)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)((d->deadline_ns - now) / 1000000) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int connect_to(struct dial *d, const struct resend *r)
{
	static const uint8_t v4[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(r->port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(r->port) };
	bool is4 = memcmp(r->addr, v4, sizeof(v4)) == 0;
	socklen_t len = sizeof(int);
	int rc, err = 0;

	memcpy(&a4.sin_addr, r->addr + 12, 4);
	memcpy(&a6.sin6_addr, r->addr, 16);
	d->fd = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return -errno;
	rc = is4 ? connect(d->fd, (struct sockaddr *)&a4, sizeof(a4)) : connect(d->fd, (struct sockaddr *)&a6, sizeof(a6));
	if (rc == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	rc = wait_for(d, POLLOUT);
	if (rc < 0)
		return rc;
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

/* What an SSL call wants before it can go on: 0, or why it cannot. */
static int ssl_wants(struct dial *d, int n)
{
	switch (SSL_get_error(d->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(d, POLLIN);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(d, POLLOUT);
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	default:
		return -EPROTO;
	}
}

/* Why the handshake failed. */
static void why(const struct dial *d, char *err, size_t errlen)
{
	long verdict = SSL_get_verify_result(d->ssl);
	unsigned long e = ERR_peek_error();

	if (verdict != X509_V_OK && SSL_get_verify_mode(d->ssl) != SSL_VERIFY_NONE)
		(void)snprintf(err, errlen, "the server's certificate is not trusted here: %s; untick the check to send all the same",
			       X509_verify_cert_error_string(verdict));
	else
		(void)snprintf(err, errlen, "TLS failed: %s", e && ERR_reason_error_string(e) ? ERR_reason_error_string(e) : "the connection broke");
}

static int handshake(struct dial *d, const struct resend *r, char *err, size_t errlen)
{
	static const uint8_t alpn[] = "\x08http/1.1";
	int n, rc = 0;

	ERR_clear_error();
	d->ctx = SSL_CTX_new(TLS_client_method());
	d->ssl = d->ctx ? SSL_new(d->ctx) : NULL;
	if (!d->ssl || !SSL_set_fd(d->ssl, d->fd) || SSL_set_alpn_protos(d->ssl, alpn, sizeof(alpn) - 1) != 0 ||
	    (r->name && !SSL_set_tlsext_host_name(d->ssl, r->name)))
		return -ENOMEM;
	SSL_set_verify(d->ssl, r->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (r->verify && (!SSL_CTX_set_default_verify_paths(d->ctx) || (r->name && !SSL_set1_host(d->ssl, r->name))))
		return -ENOMEM;
	while ((n = SSL_connect(d->ssl)) != 1) {
		rc = ssl_wants(d, n);
		if (rc == 0)
			continue;
		if (rc == -ETIMEDOUT)
			(void)snprintf(err, errlen, "the server did not finish the TLS handshake in time");
		else
			why(d, err, errlen);
		return rc;
	}
	return 0;
}

int dial_open(struct dial **ret, const struct resend *r, uint64_t deadline_ns, char *err, size_t errlen)
{
	struct dial *d = calloc(1, sizeof(*d));
	char text[46];
	int rc;

	if (!d)
		return -ENOMEM;
	d->fd = -1;
	d->deadline_ns = deadline_ns;
	(void)snprintf(d->name, sizeof(d->name), "%s", r->name ? r->name : "");
	err[0] = '\0';
	rc = connect_to(d, r);
	if (rc < 0) {
		flow_addr_format(r->addr, text);
		(void)snprintf(err, errlen, "cannot connect to %s port %u from the hub's machine: %s", text, r->port,
			       rc == -ETIMEDOUT ? "no answer" : strerror(-rc));
	} else if (r->tls) {
		rc = handshake(d, r, err, errlen);
	}
	if (rc < 0) {
		dial_close(d);
		return rc;
	}
	*ret = d;
	return 0;
}

int dial_send(struct dial *d, struct slice s)
{
	while (s.n > 0) {
		size_t part = s.n < 16384 ? s.n : 16384;
		ssize_t n = d->ssl ? SSL_write(d->ssl, s.p, (int)part) : send(d->fd, s.p, part, MSG_NOSIGNAL);
		int rc = 0;

		if (n > 0)
			s = slice_cut(s, (size_t)n, s.n);
		else if (d->ssl)
			rc = ssl_wants(d, (int)n);
		else if (errno == EAGAIN || errno == EINTR)
			rc = wait_for(d, POLLOUT);
		else
			rc = -errno;
		if (rc < 0)
			return rc;
	}
	return 0;
}

ssize_t dial_recv(struct dial *d, uint8_t *to, size_t n)
{
	for (;;) {
		ssize_t got = d->ssl ? SSL_read(d->ssl, to, (int)n) : recv(d->fd, to, n, 0);
		int rc;

		if (got > 0 || (got == 0 && !d->ssl))
			return got;
		if (d->ssl && SSL_get_error(d->ssl, (int)got) == SSL_ERROR_ZERO_RETURN)
			return 0;
		if (!d->ssl && errno != EAGAIN && errno != EINTR)
			return -errno;
		rc = d->ssl ? ssl_wants(d, (int)got) : wait_for(d, POLLIN);
		if (rc < 0)
			return rc;
	}
}

void dial_local(const struct dial *d, uint8_t ret_addr[16], uint16_t *ret_port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { 0 };
	socklen_t len = sizeof(a);

	if (getsockname(d->fd, &a.any, &len) < 0)
		return;
	if (a.any.sa_family == AF_INET6) {
		memcpy(ret_addr, &a.v6.sin6_addr, 16);
		*ret_port = ntohs(a.v6.sin6_port);
		return;
	}
	memset(ret_addr, 0, 10);
	ret_addr[10] = ret_addr[11] = 0xff;
	memcpy(ret_addr + 12, &a.v4.sin_addr, 4);
	*ret_port = ntohs(a.v4.sin_port);
}

bool dial_tls(const struct dial *d, struct flow_tls *ret)
{
	if (!d->ssl)
		return false;
	*ret = (struct flow_tls){ .library = "openssl",
				  .version = OpenSSL_version(OPENSSL_VERSION_STRING),
				  .road = "resend",
				  .sni = d->name[0] ? d->name : NULL,
				  .protocol = SSL_get_version(d->ssl),
				  .cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(d->ssl)) };
	/* As docs/flow.md spells it: "TLS 1.3" of "TLSv1.3". */
	if (strcmp(ret->protocol, "TLSv1.3") == 0)
		ret->protocol = "TLS 1.3";
	else if (strcmp(ret->protocol, "TLSv1.2") == 0)
		ret->protocol = "TLS 1.2";
	return true;
}

void dial_close(struct dial *d)
{
	if (!d)
		return;
	SSL_free(d->ssl);
	SSL_CTX_free(d->ctx);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}
