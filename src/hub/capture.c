/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/capture.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *const modes[] = { "all", "chosen", "except" };

void capture_release(struct capture *c)
{
	for (size_t i = 0; i < c->nnames; i++)
		free(c->names[i]);
	free(c->names);
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

static int parse_names(const cJSON *v, struct capture *c)
{
	const cJSON *name;
	int n = cJSON_GetArraySize(v);

	if (!cJSON_IsArray(v) || n > CAPTURE_NAMES_MAX)
		return -EINVAL;
	c->names = calloc((size_t)n + 1, sizeof(*c->names));
	if (!c->names)
		return -ENOMEM;
	cJSON_ArrayForEach(name, v) {
		size_t len = cJSON_IsString(name) ? strlen(name->valuestring) : 0;

		if (len == 0 || len > CAPTURE_NAME_MAX)
			return -EINVAL;
		c->names[c->nnames] = strdup(name->valuestring);
		if (!c->names[c->nnames])
			return -ENOMEM;
		c->nnames++;
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
	if (r == 0 && v && (r = parse_names(v, c)) < 0)
		*ret_why = "names is a list of at most 1000 container names or ids";
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

int capture_parse(struct slice json, struct capture *ret, const char **ret_why)
{
	/* cJSON takes any bytes, but what goes to the agents must be text (RFC 8259, 8.1). */
	cJSON *j = slice_is_utf8(json) ? cJSON_ParseWithLength((const char *)json.p, json.n) : NULL;
	struct capture c = CAPTURE_DEFAULT;
	int r = -EINVAL;

	if (!cJSON_IsObject(j))
		*ret_why = "the body is not a JSON object";
	else
		r = parse_members(j, &c, ret_why);
	cJSON_Delete(j);
	if (r < 0)
		capture_release(&c);
	else
		*ret = c;
	return r;
}

void capture_json(struct buf *out, const struct capture *c)
{
	buf_printf(out, "{\"mode\":\"%s\",\"names\":[", modes[c->mode]);
	for (size_t i = 0; i < c->nnames; i++) {
		buf_puts(out, i ? "," : "");
		buf_put_json_str(out, slice_str(c->names[i]));
	}
	buf_printf(out,
		   "],\"hosts\":%s,\"include_new\":%s,\"paused\":%s,\"body_limit\":%" PRIu64
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
	ret->hosts = c->hosts;
	ret->include_new = c->include_new;
	ret->paused = c->paused;
	ret->body_limit = c->body_limit;
	ret->conn_budget = c->conn_budget;
}
