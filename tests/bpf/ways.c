/* SPDX-License-Identifier: Apache-2.0 */
/* ways.c - the table of ways. */
#include "way.h"

static const struct way plain_sends[] = {
	{ "write", send_write, NULL, 0 },
	{ "writev", send_writev, NULL, 0 },
	{ "writev of 1024", send_writev_many, NULL, 0 },
	{ "sendto", send_sendto, NULL, 0 },
	{ "sendmsg", send_sendmsg, NULL, 0 },
	{ "sendmmsg", send_sendmmsg, NULL, 0 },
	{ "nonblocking send", send_nonblock, NULL, 0 },
	{ "send with MSG_MORE", send_more, NULL, 0 },
	{ "write to a corked socket", send_cork, NULL, WAY_TCP },
	{ "send with MSG_ZEROCOPY", send_zerocopy, NULL, WAY_TCP },
	{ "sendfile", send_sendfile, NULL, WAY_NO_EMPTY },
	{ "splice of a file", send_splice_file, NULL, WAY_NO_EMPTY },
	{ "splice of a pipe", send_splice_pipe, NULL, WAY_NO_EMPTY },
	{ "vmsplice and splice", send_vmsplice, NULL, WAY_NO_EMPTY },
	{ "tee and splice", send_tee, NULL, WAY_NO_EMPTY },
};
static const struct way forked = { "write by a child", send_forked, NULL, WAY_NO_EMPTY };
static const struct way plain_recvs[] = {
	{ "read", recv_read, NULL, 0 },
	{ "readv", recv_readv, NULL, 0 },
	{ "readv of 1024", recv_readv_many, NULL, 0 },
	{ "recvfrom", recv_recvfrom, NULL, 0 },
	{ "recvmsg", recv_recvmsg, NULL, 0 },
	{ "recvmmsg", recv_recvmmsg, NULL, 0 },
	{ "recv after MSG_PEEK", recv_peek, NULL, 0 },
	{ "recv with MSG_TRUNC", recv_trunc, NULL, WAY_TCP | WAY_LOST },
	{ "recv with MSG_WAITALL", recv_waitall, NULL, 0 },
	{ "nonblocking recv", recv_nonblock, NULL, 0 },
	{ "splice into a pipe", recv_splice, NULL, WAY_NO_EMPTY },
	{ "TCP_ZEROCOPY_RECEIVE", recv_zerocopy, NULL, WAY_TCP | WAY_NO_EMPTY },
};

_Static_assert(sizeof(plain_sends) / sizeof(*plain_sends) == S_URING_SEND, "one row per send_op");
_Static_assert(sizeof(plain_recvs) / sizeof(*plain_recvs) == R_URING_RECV, "one row per recv_op");

const struct way *way_send(uint32_t op)
{
	if (op >= S_FORKED)
		return &forked;
	return op < S_URING_SEND ? &plain_sends[op] : &uring_send_ways[op - S_URING_SEND];
}

const struct way *way_recv(uint32_t op)
{
	if (op >= R_OPS)
		op = R_READ;
	return op < R_URING_RECV ? &plain_recvs[op] : &uring_recv_ways[op - R_URING_RECV];
}
