/* SPDX-License-Identifier: Apache-2.0 */
/* Which names say that what they name is a secret. */
#include "export/redact_priv.h"

/* Anywhere in a name. */
static const char *const parts[] = {
	"password",    "passwd",      "passphrase",  "secret",	   "apikey",	  "accesskey",	  "privatekey",
	"signingkey",  "encryptionkey", "authtoken", "accesstoken", "refreshtoken", "idtoken",	  "sessiontoken",
	"csrftoken",   "xsrftoken",   "securitytoken", "credential", "authorization", "cardnumber", "creditcard",
	"clientassertion", "connectionstring",
};
static const char *const whole[] = {
	"token",   "pwd",	"pass",	     "cookie",	"setcookie", "jwt",	  "sid",	 "sessionid", "phpsessid",
	"jsessionid", "session", "sessionkey", "sig", "signature", "xamzsignature", "hmac", "pin", "cvv",	"cvc",
	"cvv2",	   "otp",	"totp",	     "ssn",	"iban",	     "samlresponse", "identified", "pan", "cardno", "codeverifier",
};
/* A name that ends in "token" is a secret, but for places in a list. */
static const char *const places[] = { "pagetoken", "nexttoken", "continuetoken", "continuationtoken", "synctoken", "cursortoken" };

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "%70" of a URL and "\u0070" of JSON: the byte, and how many it takes; 0: none of them. */
static size_t escape(struct slice s, size_t at, uint8_t *ret)
{
	size_t n = slice_at(s, at) == '%' ? 3 : slice_at(s, at) == '\\' && slice_at(s, at + 1) == 'u' ? 6 : 0;

	if (!n || at + n > s.n || hex(s.p[at + n - 2]) < 0 || hex(s.p[at + n - 1]) < 0)
		return 0;
	*ret = (uint8_t)(hex(s.p[at + n - 2]) << 4 | hex(s.p[at + n - 1]));
	return n;
}

bool redact_plain(struct slice name, char ret[REDACT_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < name.n;) {
		uint8_t c = name.p[i];
		size_t skip = escape(name, i, &c);

		i += skip ? skip : 1;
		c |= c >= 'A' && c <= 'Z' ? 0x20 : 0;
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			continue;
		if (n + 1 >= REDACT_NAME_MAX)
			return false;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return true;
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

static bool is_secret(const struct redact *r, const char *s)
{
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (strcmp(s, whole[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strstr(s, parts[i]))
			return true;
	for (size_t i = 0; i < r->nnames; i++)
		if (strcmp(s, r->names[i]) == 0)
			return true;
	if (!ends(s, "token"))
		return false;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (ends(s, places[i]))
			return false;
	return true;
}

bool redact_name(const struct redact *r, struct slice name)
{
	char s[REDACT_NAME_MAX];

	return !redact_plain(name, s) || (s[0] && is_secret(r, s));
}

bool redact_key(const struct redact *r, struct slice key)
{
	for (size_t at = 0, end; at < key.n; at = end + 1) {
		for (end = at; end < key.n && key.p[end] != ':' && key.p[end] != '/'; end++)
			;
		if (redact_name(r, slice_cut(key, at, end)))
			return true;
	}
	return false;
}

bool redact_long_name(struct slice name)
{
	return slice_eq_nocase(name, SLICE_LIT("key")) || slice_eq_nocase(name, SLICE_LIT("code"));
}
