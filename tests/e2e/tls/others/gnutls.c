/* SPDX-License-Identifier: Apache-2.0 */
/* gnutls - -m: send2 range cork (one message in two pieces) null (a refused send is resumed without its buffer); seq packet. */
#include <string.h>
#include <sys/types.h>

#include "peer.h"

#define AGAIN	    (-28)
#define INTERRUPTED (-52)
#define WAIT	    1 /* GNUTLS_RECORD_WAIT */

struct datum {
	unsigned char *data;
	unsigned size;
};

#define FUNCTIONS                                                                                 \
	F(int, gnutls_certificate_allocate_credentials, (void **))                                \
	F(int, gnutls_certificate_set_x509_key_file, (void *, const char *, const char *, int))   \
	F(int, gnutls_init, (void **, unsigned))                                                  \
	F(void, gnutls_deinit, (void *))                                                          \
	F(int, gnutls_set_default_priority, (void *))                                             \
	F(int, gnutls_priority_set_direct, (void *, const char *, const char **))                 \
	F(int, gnutls_credentials_set, (void *, int, void *))                                     \
	F(void, gnutls_transport_set_int2, (void *, int, int))                                    \
	F(int, gnutls_record_get_direction, (void *))                                             \
	F(int, gnutls_handshake, (void *))                                                        \
	F(int, gnutls_bye, (void *, int))                                                         \
	F(ssize_t, gnutls_record_send, (void *, const void *, size_t))                            \
	F(ssize_t, gnutls_record_send2, (void *, const void *, size_t, size_t, unsigned))         \
	F(ssize_t, gnutls_record_send_range, (void *, const void *, size_t, const size_t *))      \
	F(void, gnutls_record_cork, (void *))                                                     \
	F(int, gnutls_record_uncork, (void *, unsigned))                                          \
	F(ssize_t, gnutls_record_recv, (void *, void *, size_t))                                  \
	F(ssize_t, gnutls_record_recv_seq, (void *, void *, size_t, unsigned char *))             \
	F(ssize_t, gnutls_record_recv_packet, (void *, void **))                                  \
	F(void, gnutls_packet_get, (void *, struct datum *, unsigned char *))                     \
	F(void, gnutls_packet_deinit, (void *))
#define F(type, name, args) static type(*name) args;
FUNCTIONS
#undef F

struct session { /* packets are taken whole, and given out in parts */
	void *s, *packet;
	struct datum left;
	bool refused;
};
static void *cred;

static void load(bool server, const char *cert, const char *key)
{
	void *lib = library_open("libgnutls.so.30");

#define F(type, name, args) name = (type(*) args)library_function(lib, #name);
	FUNCTIONS
#undef F
	if (gnutls_certificate_allocate_credentials(&cred) < 0 ||
	    (server && gnutls_certificate_set_x509_key_file(cred, cert, key, 1) < 0))
		die("gnutls credentials");
}

static void *new(int fd)
{
	struct session *c = library_zeroed(sizeof(*c));

	if (gnutls_init(&c->s, (is_server ? 1 : 2) | (is_nonblocking ? 8 : 0)) < 0 ||
	    gnutls_credentials_set(c->s, 1, cred) < 0 ||
	    (has_way("1.2") ?
		     gnutls_priority_set_direct(c->s, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL) :
		     gnutls_set_default_priority(c->s)) < 0)
		die("gnutls session");
	gnutls_transport_set_int2(c->s, fd, fd);
	return c;
}

static int want(const struct session *c, long rc)
{
	if (rc != AGAIN && rc != INTERRUPTED)
		return FAILED;
	return gnutls_record_get_direction(c->s) ? WANT_WRITE : WANT_READ;
}

static int handshake(void *s)
{
	struct session *c = s;
	int rc = gnutls_handshake(c->s);

	return rc == 0 ? 1 : want(c, rc);
}

static long send_corked(struct session *c, const char *p, size_t n)
{
	size_t half = n / 2;

	if (n > 8192)
		half = (n = 8192) / 2;
	gnutls_record_cork(c->s);
	if ((half && gnutls_record_send(c->s, p, half) != (ssize_t)half) ||
	    gnutls_record_send(c->s, p + half, n - half) != (ssize_t)(n - half) ||
	    gnutls_record_uncork(c->s, WAIT) < 0)
		return FAILED;
	return (long)n;
}

static long send_(void *s, const void *p, size_t n)
{
	struct session *c = s;
	const size_t range[2] = { n, n + 100 };
	ssize_t rc;

	if (has_way("cork"))
		return send_corked(c, p, n);
	if (has_way("null") && c->refused)
		rc = gnutls_record_send(c->s, NULL, 0);
	else if (has_way("send2"))
		rc = gnutls_record_send2(c->s, p, n, 0, 0);
	else if (has_way("range"))
		rc = gnutls_record_send_range(c->s, p, n, range);
	else
		rc = gnutls_record_send(c->s, p, n);
	c->refused = rc < 0;
	return rc > 0 ? rc : want(c, rc);
}

static long receive_packet(struct session *c, void *p, size_t n)
{
	if (!c->packet) {
		ssize_t rc = gnutls_record_recv_packet(c->s, &c->packet);

		if (rc <= 0)
			return rc == 0 ? 0 : want(c, rc);
		gnutls_packet_get(c->packet, &c->left, NULL);
	}
	n = n < c->left.size ? n : c->left.size;
	memcpy(p, c->left.data, n);
	c->left.data += n;
	c->left.size -= (unsigned)n;
	if (c->left.size == 0) {
		gnutls_packet_deinit(c->packet);
		c->packet = NULL;
	}
	return (long)n;
}

static long receive(void *s, void *p, size_t n)
{
	struct session *c = s;
	unsigned char seq[8];
	ssize_t rc;

	if (has_way("packet"))
		return receive_packet(c, p, n);
	rc = has_way("seq") ? gnutls_record_recv_seq(c->s, p, n, seq) :
			      gnutls_record_recv(c->s, p, n);
	return rc >= 0 ? rc : want(c, rc);
}

static void end(void *s)
{
	struct session *c = s;

	gnutls_bye(c->s, 1);
	gnutls_deinit(c->s);
}

const struct library gnutls_library = { "gnutls", load, new, handshake, send_, receive, end };
