/* SPDX-License-Identifier: Apache-2.0 */
/* openings.h - what connections begin with that nobody here reads. */
#ifndef LIMPID_TESTS_OPENINGS_H
#define LIMPID_TESTS_OPENINGS_H

#include "base/bytes.h"

/* Beginnings of protocols that nobody here reads, of clients and of servers. */
static const struct {
	const char *name;
	struct slice bytes;
} openings[] = {
	{ "tls", SLICE_LIT("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x5a\x5a\x5a\x5a\x5a\x5a") },
	{ "ssh", SLICE_LIT("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") },
	{ "smtp", SLICE_LIT("220 mail.example ESMTP Postfix\r\n") },
	{ "smtp, client", SLICE_LIT("EHLO me.example\r\n") },
	{ "imap", SLICE_LIT("* OK [CAPABILITY IMAP4rev1] ready\r\n") },
	{ "imap, client", SLICE_LIT("a1 LOGIN bob secret\r\n") },
	{ "pop3, client", SLICE_LIT("USER bob\r\n") },
	{ "ftp, client", SLICE_LIT("USER anonymous\r\nPASS x\r\n") },
	{ "dns", SLICE_LIT("\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07" "example\x03" "com\x00\x00\x01\x00\x01") },
	{ "kafka", SLICE_LIT("\x00\x00\x00\x1b\x00\x12\x00\x03\x00\x00\x00\x01\x00\x07" "console\x00\x05" "kafka\x02" "1\x00") },
	{ "amqp", SLICE_LIT("AMQP\x00\x00\x09\x01") },
	{ "amqp, server", SLICE_LIT("\x01\x00\x00\x00\x00\x01\xff\x00\x0a\x00\x0a\x00\x09") },
	{ "mongodb", SLICE_LIT("\x3f\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x00\x10hello\x00") },
	{ "mqtt", SLICE_LIT("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04" "abcd") },
	{ "memcached", SLICE_LIT("VALUE k 0 5\r\nhello\r\nEND\r\n") },
	{ "nats", SLICE_LIT("INFO {\"server_id\":\"x\"}\r\n") },
	{ "ldap", SLICE_LIT("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00") },
	{ "syslog", SLICE_LIT("<34>1 2026-11-23T05:00:00Z host app - - - text\n") },
	{ "zeros", SLICE_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
};

#endif
