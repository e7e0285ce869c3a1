/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/saved.h"

#include <cjson/cJSON.h>
#include <errno.h>

#include "base/log.h"
#include "filter/filter.h"

#define NAME_MAX_BYTES	 80
#define FILTER_MAX_BYTES 2000

static const char *one(const cJSON *j, struct buf *out)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(j, "name");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(j, "filter");
	struct filter_error e;
	struct filter *q = NULL;

	if (!cJSON_IsString(name) || !name->valuestring[0] || strlen(name->valuestring) > NAME_MAX_BYTES)
		return "name is a text of 1 to 80 bytes";
	if (!cJSON_IsString(text) || strlen(text->valuestring) > FILTER_MAX_BYTES)
		return "filter is a text of at most 2,000 bytes";
	if (filter_new(&q, text->valuestring, &e) < 0)
		return "a filter is not valid: see /api/filter/check";
	filter_free(q);
	buf_puts(out, out->n > 1 ? ",{\"name\":" : "{\"name\":");
	buf_put_json_str(out, slice_str(name->valuestring));
	buf_puts(out, ",\"filter\":");
	buf_put_json_str(out, slice_str(text->valuestring));
	buf_puts(out, "}");
	return NULL;
}

int saved_parse(struct slice json, struct buf *ret, const char **ret_why)
{
	cJSON *j = cJSON_ParseWithLength((const char *)json.p, json.n);
	struct buf out = { 0 };
	const cJSON *i;

	*ret_why = !cJSON_IsArray(j) ? "the body is no list" :
		   cJSON_GetArraySize(j) > SAVED_MAX ? "at most 100 filters are kept" : NULL;
	buf_puts(&out, "[");
	cJSON_ArrayForEach(i, j) {
		if (!*ret_why)
			*ret_why = one(i, &out);
	}
	buf_puts(&out, "]");
	cJSON_Delete(j);
	if (!*ret_why && !out.failed) {
		*ret = out;
		return 0;
	}
	if (!*ret_why)
		*ret_why = "the hub is out of memory";
	buf_release(&out);
	return -EINVAL;
}

static void take(struct hub_state *st, struct buf *list)
{
	hub_lock(st);
	buf_release(&st->saved);
	st->saved = *list;
	*list = (struct buf){ 0 };
	st->saved_version++;
	st->version++;
	hub_unlock(st);
}

void saved_load(struct hub_state *st, const struct store_ops *ops, struct store *store)
{
	struct buf stored = { 0 }, list = { 0 };
	const char *why;

	if (ops->get(store, "saved", &stored) == 0) {
		if (saved_parse(buf_slice(&stored), &list, &why) == 0)
			take(st, &list);
		else
			log_warn("the stored filters are unusable (%s)", why);
	}
	buf_release(&stored);
}

int saved_apply(struct hub_state *st, const struct store_ops *ops, struct store *store,
		struct buf *part)
{
	int r = ops->set(store, "saved", buf_slice(part));

	if (r == 0)
		r = ops->commit(store);
	if (r == 0)
		take(st, part);
	return r;
}
