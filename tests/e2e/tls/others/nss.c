/* SPDX-License-Identifier: Apache-2.0 */
/* nss - over NSPR; -m: sendrecv (PR_Send and PR_Recv in place of PR_Write and PR_Read), peek (before each read), writev,
 * plain (the same conversation through an NSPR socket without TLS). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define WOULD_BLOCK    (-5998)
#define FOREVER	       0xffffffffU
#define MSG_PEEK_	0x2
#define OPTION_BLOCKING 0 /* PR_SockOpt_Nonblocking */
#define AS_CLIENT	5
#define AS_SERVER	6

struct item {
	int type;
	unsigned char *data;
	unsigned len;
};
struct range {
	uint16_t min, max;
};
struct option { /* PRSocketOptionData: the value is a union with an address in it */
	int option, pad, value;
	char room[128];
};
struct vec {
	char *base;
	int len;
};

#define NSPR                                                                  \
	F(void *, PR_ImportTCPSocket, (int))                                  \
	F(int, PR_SetSocketOption, (void *, const struct option *))           \
	F(int, PR_Read, (void *, void *, int))                                \
	F(int, PR_Write, (void *, const void *, int))                         \
	F(int, PR_Recv, (void *, void *, int, int, unsigned))                 \
	F(int, PR_Send, (void *, const void *, int, int, unsigned))           \
	F(int, PR_Writev, (void *, const struct vec *, int, unsigned))        \
	F(int, PR_GetError, (void))                                           \
	F(int, PR_Shutdown, (void *, int))
#define NSS                                                                                       \
	F(int, NSS_NoDB_Init, (const char *))                                                     \
	F(void *, PK11_GetInternalKeySlot, (void))                                                \
	F(int, PK11_ImportDERPrivateKeyInfoAndReturnKey,                                          \
	  (void *, struct item *, struct item *, struct item *, int, int, unsigned, void **, void *))
#define SSL                                                                       \
	F(int, NSS_SetDomesticPolicy, (void))                                     \
	F(void *, SSL_ImportFD, (void *, void *))                                 \
	F(int, SSL_OptionSet, (void *, int, long))                                \
	F(int, SSL_ConfigServerCert, (void *, void *, void *, const void *, unsigned)) \
	F(int, SSL_VersionRangeSet, (void *, const struct range *))               \
	F(int, SSL_SetURL, (void *, const char *))                                \
	F(int, SSL_AuthCertificateHook, (void *, int (*)(void *, void *, int, int), void *)) \
	F(int, SSL_ConfigServerSessionIDCache, (int, unsigned, unsigned, const char *)) \
	F(int, SSL_ResetHandshake, (void *, int))                                 \
	F(int, SSL_ForceHandshake, (void *))
#define SMIME F(void *, CERT_DecodeCertFromPackage, (char *, int))
#define F(type, name, args) static type(*name) args;
NSPR NSS SMIME SSL
#undef F
static void *certificate, *private_key;

/* The library wants the key as DER: what is between the lines of a PEM file, decoded. */
static struct item der_of(const char *path)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct item r = { 0, library_zeroed(65536), 0 };
	FILE *f = fopen(path, "re");
	unsigned bits = 0, n = 0;
	char line[256];

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f))
		for (const char *p = line; *p && line[0] != '-'; p++) {
			const char *d = *p == '\n' ? NULL : strchr(digits, *p);

			if (!d)
				continue;
			bits = bits << 6 | (unsigned)(d - digits);
			n += 6;
			if (n >= 8)
				r.data[r.len++] = (unsigned char)(bits >> (n -= 8));
		}
	(void)fclose(f);
	return r;
}

static char *whole_file(const char *path, int *ret_len)
{
	char *text = library_zeroed(65536);
	FILE *f = fopen(path, "re");

	if (!f)
		die(path);
	*ret_len = (int)fread(text, 1, 65535, f);
	(void)fclose(f);
	return text;
}

static void load(bool server, const char *cert, const char *key)
{
	void *ssl = library_open("libssl3.so"), *nss = library_open_other("libnss3.so"),
	     *smime = library_open_other("libsmime3.so"), *nspr = library_open_other("libnspr4.so");
	int len;

#define F(type, name, args) name = (type(*) args)library_function(FROM, #name);
#define FROM nspr
	NSPR
#undef FROM
#define FROM nss
	NSS
#undef FROM
#define FROM smime
	SMIME
#undef FROM
#define FROM ssl
	SSL
#undef FROM
#undef F
	if (NSS_NoDB_Init(NULL) != 0 || NSS_SetDomesticPolicy() != 0)
		die("nss");
	if (server) {
		struct item der = der_of(key);
		char *text = whole_file(cert, &len);

		certificate = CERT_DecodeCertFromPackage(text, len);
		if (!certificate || PK11_ImportDERPrivateKeyInfoAndReturnKey(PK11_GetInternalKeySlot(), &der, NULL, NULL, 0, 0,
									     0xff, &private_key, NULL) != 0 ||
		    SSL_ConfigServerSessionIDCache(0, 0, 0, NULL) != 0)
			die("nss certificate");
	}
}

static int any_certificate(void *arg, void *fd, int check, int server)
{
	(void)arg, (void)fd, (void)check, (void)server;
	return 0;
}

static void *new(int fd)
{
	const struct range only = { 0x0303, 0x0303 };
	const struct option o = { .option = OPTION_BLOCKING, .value = is_nonblocking };
	void *s = PR_ImportTCPSocket(fd);

	if (!s || PR_SetSocketOption(s, &o) != 0)
		die("nspr");
	if (has_way("plain"))
		return s;
	s = SSL_ImportFD(NULL, s);
	if (!s || SSL_OptionSet(s, is_server ? AS_SERVER : AS_CLIENT, 1) != 0 ||
	    SSL_AuthCertificateHook(s, any_certificate, NULL) != 0 ||
	    (is_server ? SSL_ConfigServerCert(s, certificate, private_key, NULL, 0) : SSL_SetURL(s, "localhost")) != 0 ||
	    (has_way("1.2") && SSL_VersionRangeSet(s, &only) != 0) || SSL_ResetHandshake(s, is_server) != 0)
		die("nss session");
	return s;
}

static int want(int otherwise)
{
	return PR_GetError() == WOULD_BLOCK ? otherwise : FAILED;
}

static int handshake(void *s)
{
	if (has_way("plain") || SSL_ForceHandshake(s) == 0)
		return 1;
	return want(WANT_READ);
}

static long send_(void *s, const void *p, size_t n)
{
	struct vec v[2] = { { (char *)(uintptr_t)p, (int)(n / 2) }, { (char *)(uintptr_t)p + n / 2, (int)(n - n / 2) } };
	int rc = has_way("writev")   ? PR_Writev(s, v, 2, FOREVER) :
		 has_way("sendrecv") ? PR_Send(s, p, (int)n, 0, FOREVER) :
				       PR_Write(s, p, (int)n);

	return rc > 0 ? rc : want(WANT_WRITE);
}

static long receive(void *s, void *p, size_t n)
{
	int rc;

	if (has_way("peek"))
		(void)PR_Recv(s, p, (int)n, MSG_PEEK_, FOREVER);
	rc = has_way("sendrecv") ? PR_Recv(s, p, (int)n, 0, FOREVER) : PR_Read(s, p, (int)n);
	return rc >= 0 ? rc : want(WANT_READ);
}

static void end(void *s)
{
	PR_Shutdown(s, 1); /* peer.c closes the socket itself */
}

const struct library nss_library = { "nss", load, new, handshake, send_, receive, end };
