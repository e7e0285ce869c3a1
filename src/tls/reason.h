/* SPDX-License-Identifier: Apache-2.0 */
/* reason.h - why TLS is not read, as codes that stay the same, with a sentence and what to do.
 *
 * docs/tls.md lists them; a test compares.
 */
#ifndef LIMPID_TLS_REASON_H
#define LIMPID_TLS_REASON_H

enum tls_reason {
	TLS_WHY_READ, /* it is read, or nothing is known that speaks against it */
	/* of a process */
	TLS_WHY_NO_LIBRARY,
	TLS_WHY_UNSUPPORTED,
	TLS_WHY_GO,
	TLS_WHY_JAVA,
	TLS_WHY_RUSTLS,
	TLS_WHY_STATIC,
	TLS_WHY_FOREIGN_CODE,
	TLS_WHY_REFUSED,
	TLS_WHY_CHANGED,
	TLS_WHY_MISREAD,
	TLS_WHY_NOT_LOOKED_AT,
	/* of one connection */
	TLS_WHY_SOCKET,
	TLS_WHY_LATE,
	TLS_WHY_SILENT,
	TLS_WHY_BROKEN_OFF,
	TLS_WHY_UNTIL_LATER,
	TLS_WHY_CAPTURE,
	TLS_WHY_UNKNOWN,
	TLS_WHY_MAX,
};

struct tls_reason_text {
	const char *code; /* "no-library" */
	const char *text; /* one sentence */
	const char *hint; /* what to do; "" when there is nothing */
};
/* r < TLS_WHY_MAX. */
const struct tls_reason_text *tls_reason_text(enum tls_reason r);

#endif
