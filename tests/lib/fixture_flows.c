/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "alloc.h"
#include "flow/json.h"

/* --- flows ----------------------------------------------------------------------------------- */

/* Keeps the messages of earlier writes: each write has only the new ones. */
static char *merge(const char *before, char *now)
{
	cJSON *a, *b, *from, *to, *m;

	if (!before || !strstr(before, "\"messages\":[{"))
		return now;
	a = cJSON_Parse(before);
	b = cJSON_Parse(now);
	from = cJSON_GetObjectItem(b, "messages");
	to = cJSON_DetachItemFromObject(a, "messages");
	while ((m = cJSON_DetachItemFromArray(from, 0)))
		cJSON_AddItemToArray(to, m);
	cJSON_ReplaceItemInObject(b, "messages", to);
	free(now);
	now = cJSON_PrintUnformatted(b);
	cJSON_Delete(a);
	cJSON_Delete(b);
	return now;
}

/* cJSON ends a string at NUL: it is compared as U+2400, its picture. */
static void show_nul(char *json)
{
	while ((json = strstr(json, "\\u0000")))
		memcpy(json, "\\u2400", 6);
}

void fixture_on_flow(void *ctx, const struct flow *f)
{
	static const struct flow_json_options plain = { .body_max = SIZE_MAX,
							.no_time_or_id = true };
	struct fixture_flows *r = ctx;
	struct fixture_flow *ff;
	struct buf b = { 0 };
	size_t i = 0;

	alloc_pause(true);
	while (i < r->n && memcmp(r->list[i].id, f->id, 16) != 0)
		i++;
	if (i == r->n) {
		r->list = realloc(r->list, ++r->n * sizeof(*r->list));
		if (!r->list)
			abort();
		r->list[i] = (struct fixture_flow){ 0 };
		memcpy(r->list[i].id, f->id, 16);
	}
	ff = &r->list[i];
	flow_json(&b, f, &plain);
	buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
	show_nul((char *)b.p);
	{
		char *old = ff->json;

		ff->json = merge(old, (char *)b.p);
		free(old);
	}
	ff->flags = f->flags;
	ff->state = (int)f->state;
	alloc_pause(false);
}

void fixture_flows_release(struct fixture_flows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].json);
	free(r->list);
	*r = (struct fixture_flows){ 0 };
}

/* --- expectations ---------------------------------------------------------------------------- */

/* Everything that want has is in got, and is equal. */
static bool covers(const cJSON *want, const cJSON *got)
{
	const cJSON *w;
	int i = 0;

	if (!got || (want->type & 0xff) != (got->type & 0xff))
		return false;
	if (cJSON_IsArray(want)) {
		if (cJSON_GetArraySize(want) != cJSON_GetArraySize(got))
			return false;
		cJSON_ArrayForEach(w, want)
			if (!covers(w, cJSON_GetArrayItem(got, i++)))
				return false;
		return true;
	}
	if (cJSON_IsObject(want)) {
		cJSON_ArrayForEach(w, want)
			if (!covers(w, cJSON_GetObjectItemCaseSensitive(got, w->string)))
				return false;
		return true;
	}
	return cJSON_Compare(want, got, true);
}

static bool flow_agrees(const cJSON *want, const cJSON *got)
{
	if (!cJSON_GetObjectItem(want, "response") &&
	    !cJSON_IsNull(cJSON_GetObjectItem(got, "response")))
		return false;
	if (!cJSON_GetObjectItem(want, "flags") &&
	    cJSON_GetArraySize(cJSON_GetObjectItem(got, "flags")) > 0)
		return false;
	return covers(want, got);
}

bool fixture_agrees(const struct fixture *f, const struct fixture_flows *got)
{
	const char *p = f->json ? f->json : "";
	bool good = f->json != NULL;
	size_t i = 0;

	while (good && *p) {
		const char *end = p + strcspn(p, "\n");
		cJSON *want = cJSON_ParseWithLength(p, (size_t)(end - p));

		if (want) {
			cJSON *have = i < got->n ? cJSON_Parse(got->list[i].json) : NULL;

			good = have && flow_agrees(want, have);
			i++;
			cJSON_Delete(have);
		} else if (end > p) {
			good = false;
		}
		cJSON_Delete(want);
		p = *end ? end + 1 : end;
	}
	if (good && i == got->n)
		return true;
	fprintf(stderr, "# %s/%s: flow %zu differs from %s; got:\n", f->proto, f->name, i,
		f->json_path);
	for (i = 0; i < got->n; i++)
		fprintf(stderr, "# %s\n", got->list[i].json);
	return false;
}

/* What says nothing is left out. */
static void strip(cJSON *flow)
{
	static const char *const empty[] = { "messages", "flags" };

	cJSON_DeleteItemFromObject(flow, "v");
	cJSON_DeleteItemFromObject(flow, "l4");
	for (size_t i = 0; i < 2; i++)
		if (cJSON_GetArraySize(cJSON_GetObjectItem(flow, empty[i])) == 0)
			cJSON_DeleteItemFromObject(flow, empty[i]);
}

void fixture_update(const struct fixture *f, const struct fixture_flows *got)
{
	FILE *out = fopen(f->json_path, "w");

	if (!out) {
		perror(f->json_path);
		exit(2);
	}
	for (size_t i = 0; i < got->n; i++) {
		cJSON *flow = cJSON_Parse(got->list[i].json);
		char *text;

		strip(flow);
		text = cJSON_PrintUnformatted(flow);
		fprintf(out, "%s\n", text);
		free(text);
		cJSON_Delete(flow);
	}
	fclose(out);
}

static bool equal_at(const cJSON *a, const cJSON *b, const char *half, const char *key)
{
	const cJSON *x = cJSON_GetObjectItem(cJSON_GetObjectItem(a, half), key);
	const cJSON *y = cJSON_GetObjectItem(cJSON_GetObjectItem(b, half), key);

	/* null, or a text that says so: a flow whose end or beginning was lost does not know it */
	return (!x && !y) || cJSON_IsNull(y) || cJSON_Compare(x, y, true) ||
	       (cJSON_IsString(y) && strcmp(y->valuestring, "(unknown)") == 0) ||
	       (strcmp(key, "target") == 0 &&
		cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(b, half), "attrs"),
				    "unknown"));
}

bool fixture_one_half(const char *flow)
{
	cJSON *f = cJSON_Parse(flow);
	bool one = !cJSON_IsObject(cJSON_GetObjectItem(f, "request")) ||
		   !cJSON_IsObject(cJSON_GetObjectItem(f, "response"));

	cJSON_Delete(f);
	return one;
}

/* A statement of which a part was lost: as far as it goes, and it says how long it was; or of which nothing is known, and it
 * says that. */
static bool cut_statement(const cJSON *want, const cJSON *got)
{
	const cJSON *w = cJSON_GetObjectItem(want, "request"),
		    *g = cJSON_GetObjectItem(got, "request");
	const char *whole = cJSON_GetStringValue(cJSON_GetObjectItem(w, "target"));
	const char *part = cJSON_GetStringValue(cJSON_GetObjectItem(g, "target"));
	const char *len = cJSON_GetStringValue(
		cJSON_GetObjectItem(cJSON_GetObjectItem(g, "attrs"), "statement_len"));
	const char *full = cJSON_GetStringValue(
		cJSON_GetObjectItem(cJSON_GetObjectItem(w, "attrs"), "statement_len"));

	if (cJSON_GetObjectItem(cJSON_GetObjectItem(g, "attrs"), "unknown_statement"))
		return !part;
	return whole && part && len &&
	       strtoul(len, NULL, 10) == (full ? strtoul(full, NULL, 10) : strlen(whole)) &&
	       strncmp(whole, part, strlen(part)) == 0;
}

bool fixture_same_pair(const char *want, const char *got, bool flagged)
{
	cJSON *w = cJSON_Parse(want), *g = cJSON_Parse(got);
	static const char *const behind[] = { "status", "reason" };
	bool same = flagged;

	if (cJSON_IsObject(cJSON_GetObjectItem(g, "request")))
		same = same && equal_at(w, g, "request", "op") &&
		       (equal_at(w, g, "request", "target") || cut_statement(w, g));
	/* gRPC's status is behind the body: it may be what was lost. */
	for (size_t i = 0; i < 2; i++)
		if (cJSON_IsString(
			    cJSON_GetObjectItem(cJSON_GetObjectItem(g, "response"), behind[i])))
			same = same && equal_at(w, g, "response", behind[i]);
	cJSON_Delete(w);
	cJSON_Delete(g);
	return same;
}
