/* SPDX-License-Identifier: Apache-2.0 */
/* special.c - the worker's side of odd.c. */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "traffic.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#define HALF 100 /* bytes before the urgent one, and after */

int conn_urgent(struct conn *c, bool in_line)
{
	uint8_t out[2 * HALF + 1], in[2 * HALF + 1], urgent = 0;
	size_t want = in_line ? sizeof(out) : sizeof(out) - 1, got = 0;
	int on = in_line;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = pattern(c->key, 0, c->pos[0] + i);
	if (setsockopt(c->end[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) < 0 ||
	    write(c->end[0], out, HALF) != HALF || send(c->end[0], out + HALF, 1, MSG_OOB) != 1 ||
	    write(c->end[0], out + HALF + 1, HALF) != HALF)
		return -errno;
	while (got < want) {
		ssize_t rc = read(c->end[1], in + got, want - got);

		if (rc <= 0)
			return -EIO;
		got += (size_t)rc;
		if (!in_line && got == HALF &&
		    (recv(c->end[1], &urgent, 1, MSG_OOB) != 1 || urgent != out[HALF]))
			return -EIO;
	}
	c->pos[0] += sizeof(out);
	return 0;
}

static int key_put(int fd, int which, uint8_t fill)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};

	memset(info.key, fill, sizeof(info.key));
	memset(info.salt, fill, sizeof(info.salt));
	return setsockopt(fd, SOL_TLS, which, &info, sizeof(info)) < 0 ? -errno : 0;
}

int conn_kernel_tls(struct conn *c, uint32_t dirs)
{
	int rc = 0;

	for (int i = 0; i < 2 && !rc; i++)
		if (setsockopt(c->end[i], IPPROTO_TCP, TCP_ULP, "tls", 3) < 0)
			rc = -errno;
	for (int back = 0; back < 2 && !rc; back++) {
		if (!(dirs >> back & 1))
			continue;
		rc = key_put(c->end[back], TLS_TX, back ? 0x22 : 0x11);
		if (!rc)
			rc = key_put(c->end[!back], TLS_RX, back ? 0x22 : 0x11);
	}
	return rc;
}

/* One call with a control message that says of what kind the record is, or makes room for that. */
static ssize_t record_call(int fd, bool sends, uint8_t *p, size_t n, uint8_t *kind)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(*kind))];
	} control = { .h = { .cmsg_level = SOL_TLS, .cmsg_type = TLS_SET_RECORD_TYPE,
			     .cmsg_len = CMSG_LEN(sizeof(*kind)) } };
	struct iovec v = { p, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sends ? CMSG_LEN(sizeof(*kind)) : sizeof(control.room) };
	ssize_t rc;

	*CMSG_DATA(&control.h) = *kind;
	rc = sends ? sendmsg(fd, &m, 0) : recvmsg(fd, &m, 0);
	*kind = *CMSG_DATA(&control.h);
	return rc;
}

int conn_alert(struct conn *c)
{
	uint8_t out[] = { 1, 90 }, in[8], kind = 21, got = 0;

	if (record_call(c->end[0], true, out, sizeof(out), &kind) != sizeof(out) ||
	    record_call(c->end[1], false, in, sizeof(in), &got) != sizeof(out))
		return -errno;
	return got == kind && memcmp(in, out, sizeof(out)) == 0 ? 0 : -EIO;
}
