/* SPDX-License-Identifier: Apache-2.0 */
/* What is hidden besides what is built in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "export/redact_priv.h"

static int expression(struct redact *r, const char *rule, size_t n, char *err, size_t errlen)
{
	bool nocase = rule[n - 1] == 'i';
	struct buf b = { 0 };
	uint8_t text[100];
	PCRE2_SIZE where;
	pcre2_code *re;
	int code;

	/* Limits against expressions that backtrack for ever; both are far above honest use. */
	buf_printf(&b, "(*LIMIT_MATCH=2000000)(*LIMIT_DEPTH=2000)%.*s", (int)(n - 2 - nocase), rule + 1);
	if (b.failed) {
		buf_release(&b);
		return -ENOMEM;
	}
	re = pcre2_compile(b.p, b.n, nocase ? PCRE2_CASELESS : 0, &code, &where, NULL);
	buf_release(&b);
	if (re) {
		r->res[r->nres++] = re;
		return 0;
	}
	(void)pcre2_get_error_message(code, text, sizeof(text)); /* cut if longer */
	(void)snprintf(err, errlen, "%.100s is no regular expression: %s", rule, (char *)text);
	return -EINVAL;
}

static int rule(struct redact *r, const char *s, char *err, size_t errlen)
{
	size_t n = strlen(s);
	char plain[REDACT_NAME_MAX];

	if (n > REDACT_RULE_MAX) {
		(void)snprintf(err, errlen, "a rule has more than %d bytes", REDACT_RULE_MAX);
		return -EINVAL;
	}
	if (n >= 3 && s[0] == '/' && (s[n - 1] == '/' || (n >= 4 && s[n - 1] == 'i' && s[n - 2] == '/')))
		return expression(r, s, n, err, errlen);
	if (!redact_plain(slice_str(s), plain) || !plain[0]) {
		(void)snprintf(err, errlen, "'%.100s' is no name and no /expression/", s);
		return -EINVAL;
	}
	r->names[r->nnames] = strdup(plain);
	return r->names[r->nnames++] ? 0 : -ENOMEM;
}

int redact_new(struct redact **ret, const char *const *rules, size_t n, char *err, size_t errlen)
{
	struct redact *r = calloc(1, sizeof(*r));
	int e = 0;

	if (!r)
		return -ENOMEM;
	if (n > REDACT_RULES_MAX) {
		(void)snprintf(err, errlen, "there are more than %d rules", REDACT_RULES_MAX);
		redact_free(r);
		return -EINVAL;
	}
	r->names = calloc(n + 1, sizeof(*r->names));
	r->res = calloc(n + 1, sizeof(*r->res));
	r->md = pcre2_match_data_create(1, NULL);
	if (!r->names || !r->res || !r->md)
		e = -ENOMEM;
	for (size_t i = 0; i < n && e == 0; i++)
		e = rule(r, rules[i], err, errlen);
	if (e)
		redact_free(r);
	else
		*ret = r;
	return e;
}

void redact_free(struct redact *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nnames; i++)
		free(r->names[i]);
	for (size_t i = 0; i < r->nres; i++)
		pcre2_code_free(r->res[i]);
	pcre2_match_data_free(r->md);
	free(r->names);
	free(r->res);
	buf_release(&r->bufs[0]);
	buf_release(&r->bufs[1]);
	free(r);
}

uint64_t redact_count(const struct redact *r)
{
	return r->count;
}
