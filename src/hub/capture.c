/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/capture.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/end_rule.h"
#include "base/proc_rule.h"
#include "export/redact.h"

static const char *const modes[] = { "all", "chosen", "except" };

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void capture_release(struct capture *c)
{
	free_list(c->names, c->nnames);
	free_list(c->ends, c->nends);
	free_list(c->processes, c->nprocesses);
	free_list(c->redact, c->nredact);
	*c = (struct capture){ 0 };
}

static int parse_mode(const cJSON *v, struct capture *c)
{
	if (!cJSON_IsString(v))
		return -EINVAL;
	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(v->valuestring, modes[i]) == 0) {
			c->mode = i;
			return 0;
		}
	}
	return -EINVAL;
}

static bool is_name(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= CAPTURE_NAME_MAX;
}

static bool is_end(const char *s)
{
	struct end_rule r;

	return strlen(s) <= END_RULE_MAX && end_rule_parse(s, &r) == 0;
}

static bool is_process(const char *s)
{
	struct proc_rule r;

	return proc_rule_parse(s, &r) == 0;
}

static bool is_rule(const char *s)
{
	struct redact *r = NULL;
	char err[200];
	bool ok = redact_new(&r, &s, 1, err, sizeof(err)) == 0;

	redact_free(r);
	return ok;
}

/* Strings for which ok says true, in place of those in the list. */
static int parse_list(const cJSON *v, bool (*ok)(const char *s), char ***ret, size_t *ret_n)
{
	const cJSON *item;
	int n = cJSON_GetArraySize(v);

	if (!cJSON_IsArray(v) || n > CAPTURE_NAMES_MAX)
		return -EINVAL;
	free_list(*ret, *ret_n);
	*ret_n = 0;
	*ret = calloc((size_t)n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	cJSON_ArrayForEach(item, v) {
		if (!cJSON_IsString(item) || !ok(item->valuestring))
			return -EINVAL;
		(*ret)[*ret_n] = strdup(item->valuestring);
		if (!(*ret)[*ret_n])
			return -ENOMEM;
		++*ret_n;
	}
	return 0;
}

static int parse_size(const cJSON *j, const char *key, uint64_t *ret)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

	if (v && (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= 1e15)))
		return -EINVAL;
	if (v)
		*ret = (uint64_t)v->valuedouble;
	return 0;
}

static int parse_bool(const cJSON *j, const char *key, bool *ret)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

	if (v && !cJSON_IsBool(v))
		return -EINVAL;
	if (v)
		*ret = cJSON_IsTrue(v);
	return 0;
}

static int parse_members(const cJSON *j, struct capture *c, const char **ret_why)
{
	const cJSON *v;
	int r = 0;

	v = cJSON_GetObjectItemCaseSensitive(j, "mode");
	if (v && (r = parse_mode(v, c)) < 0)
		*ret_why = "mode is one of \"all\", \"chosen\", \"except\"";
	v = cJSON_GetObjectItemCaseSensitive(j, "names");
	if (r == 0 && v && (r = parse_list(v, is_name, &c->names, &c->nnames)) < 0)
		*ret_why = "names is a list of at most 1000 container names or ids";
	v = cJSON_GetObjectItemCaseSensitive(j, "ends");
	if (r == 0 && v && (r = parse_list(v, is_end, &c->ends, &c->nends)) < 0)
		*ret_why = "ends is a list of at most 1000 rules like \"port 80,8000-8100\", \"not "
			   "port 22\", "
			   "\"address 10.0.0.0/8\", \"not address ::1\", \"udp 53\"";
	v = cJSON_GetObjectItemCaseSensitive(j, "processes");
	if (r == 0 && v && (r = parse_list(v, is_process, &c->processes, &c->nprocesses)) < 0)
		*ret_why = "processes is a list of at most 1000 rules like \"pid 880\", \"command nginx*\", "
			   "\"unit nginx.service\"";
	v = cJSON_GetObjectItemCaseSensitive(j, "redact");
	if (r == 0 && v && ((r = cJSON_GetArraySize(v) > REDACT_RULES_MAX ? -EINVAL : 0) < 0 ||
			    (r = parse_list(v, is_rule, &c->redact, &c->nredact)) < 0))
		*ret_why = "redact is a list of at most 200 names and /expressions/";
	if (r == 0 && (parse_size(j, "body_limit", &c->body_limit) < 0 ||
		       parse_size(j, "conn_budget", &c->conn_budget) < 0)) {
		*ret_why = "body_limit and conn_budget are numbers of bytes";
		r = -EINVAL;
	}
	if (r == 0 && (parse_bool(j, "hosts", &c->hosts) < 0 ||
		       parse_bool(j, "include_new", &c->include_new) < 0 ||
		       parse_bool(j, "paused", &c->paused) < 0)) {
		*ret_why = "hosts, include_new and paused are true or false";
		r = -EINVAL;
	}
	return r;
}

static int copy_list(char *const *list, size_t n, char ***ret, size_t *ret_n)
{
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (; *ret_n < n; ++*ret_n) {
		(*ret)[*ret_n] = strdup(list[*ret_n]);
		if (!(*ret)[*ret_n])
			return -ENOMEM;
	}
	return 0;
}

static int copy(const struct capture *from, struct capture *to)
{
	*to = *from;
	to->names = to->ends = to->processes = to->redact = NULL;
	to->nnames = to->nends = to->nprocesses = to->nredact = 0;
	if (copy_list(from->names, from->nnames, &to->names, &to->nnames) < 0)
		return -ENOMEM;
	if (copy_list(from->ends, from->nends, &to->ends, &to->nends) < 0)
		return -ENOMEM;
	if (copy_list(from->processes, from->nprocesses, &to->processes, &to->nprocesses) < 0)
		return -ENOMEM;
	return copy_list(from->redact, from->nredact, &to->redact, &to->nredact);
}

int capture_parse(struct slice json, const struct capture *base, struct capture *ret,
		  const char **ret_why)
{
	/* cJSON takes any bytes, but what goes to the agents must be text (RFC 8259, 8.1). */
	cJSON *j = slice_is_utf8(json) ? cJSON_ParseWithLength((const char *)json.p, json.n) : NULL;
	const struct capture usual = CAPTURE_DEFAULT;
	struct capture c;
	int r = copy(base ? base : &usual, &c);

	if (r == 0 && !cJSON_IsObject(j)) {
		*ret_why = "the body is not a JSON object";
		r = -EINVAL;
	}
	if (r == 0)
		r = parse_members(j, &c, ret_why);
	cJSON_Delete(j);
	if (r < 0)
		capture_release(&c);
	else
		*ret = c;
	return r;
}

static void put_list(struct buf *out, const char *key, char *const *list, size_t n)
{
	buf_printf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i ? "," : "");
		buf_put_json_str(out, slice_str(list[i]));
	}
	buf_puts(out, "]");
}

void capture_json(struct buf *out, const struct capture *c)
{
	buf_printf(out, "{\"mode\":\"%s\"", modes[c->mode]);
	put_list(out, "names", c->names, c->nnames);
	put_list(out, "ends", c->ends, c->nends);
	put_list(out, "processes", c->processes, c->nprocesses);
	put_list(out, "redact", c->redact, c->nredact);
	buf_printf(out,
		   ",\"hosts\":%s,\"include_new\":%s,\"paused\":%s,\"body_limit\":%" PRIu64
		   ",\"conn_budget\":%" PRIu64 "}",
		   c->hosts ? "true" : "false", c->include_new ? "true" : "false",
		   c->paused ? "true" : "false", c->body_limit, c->conn_budget);
}

void capture_settings(const struct capture *c, Limpid__V1__Settings *ret)
{
	limpid__v1__settings__init(ret);
	ret->mode = c->mode;
	ret->names = c->names;
	ret->n_names = c->nnames;
	ret->ends = c->ends;
	ret->n_ends = c->nends;
	ret->processes = c->processes;
	ret->n_processes = c->nprocesses;
	ret->hosts = c->hosts;
	ret->include_new = c->include_new;
	ret->paused = c->paused;
	ret->body_limit = c->body_limit;
	ret->conn_budget = c->conn_budget;
}
