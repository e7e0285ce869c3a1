/* SPDX-License-Identifier: Apache-2.0 */
/* In the all-in-one command the hub keeps the capture settings and the command line may name some: so the
 * command asks its own hub, over the API that scripts use too.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/children.h"
#include "cmd/hub_call.h"
#include "tap/policy.h"

static const char *const modes[] = { "all", "chosen", "except" }; /* by enum ipc_mode */

static void write_list(struct buf *b, const char *key, char (*list)[128], size_t n)
{
	buf_printf(b, ",\"%s\":[", key);
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i ? "," : "");
		buf_put_json_str(b, slice_str(list[i]));
	}
	buf_puts(b, "]");
}

static void write_policy(struct buf *b, const struct policy *p)
{
	buf_printf(b, "{\"mode\":\"%s\"", modes[p->capture.mode]);
	write_list(b, "names", p->names, p->n);
	write_list(b, "ends", p->ends, p->nends);
	write_list(b, "processes", p->processes, p->nprocesses);
	buf_printf(b,
		   ",\"hosts\":%s,\"include_new\":%s,\"paused\":%s,\"body_limit\":%llu,"
		   "\"conn_budget\":%llu}",
		   p->capture.hosts ? "true" : "false", p->capture.include_new ? "true" : "false",
		   p->capture.paused ? "true" : "false", (unsigned long long)p->capture.body_limit,
		   (unsigned long long)p->capture.conn_budget);
}

static bool is_true(const cJSON *o, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static double number(const cJSON *o, const char *key)
{
	return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static int read_list(const cJSON *root, const char *key, struct policy *p,
		     int (*add)(struct policy *p, const char *s))
{
	const cJSON *item;
	int err = 0;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, key)) {
		const char *text = cJSON_GetStringValue(item);

		if (text && !err)
			err = add(p, text);
	}
	return err;
}

static int read_policy(struct slice json, struct policy *ret)
{
	cJSON *root = cJSON_ParseWithLength((const char *)json.p, json.n);
	const char *mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "mode"));
	double limit = number(root, "body_limit"), budget = number(root, "conn_budget");
	struct policy p = { 0 };
	int err = mode ? 0 : -EBADMSG;

	for (uint32_t i = 0; mode && i < 3; i++)
		if (strcmp(mode, modes[i]) == 0)
			p.capture.mode = i;
	p.capture.hosts = is_true(root, "hosts");
	p.capture.include_new = is_true(root, "include_new");
	p.capture.paused = is_true(root, "paused");
	p.capture.body_limit = limit >= 1 && limit < 1e15 ? (uint64_t)limit : 0;
	p.capture.conn_budget = budget >= 1 && budget < 1e15 ? (uint64_t)budget : 0;
	err = err ? err : read_list(root, "names", &p, policy_add);
	err = err ? err : read_list(root, "ends", &p, policy_add_end);
	err = err ? err : read_list(root, "processes", &p, policy_add_process);
	cJSON_Delete(root);
	if (err)
		policy_release(&p);
	else
		*ret = p;
	return err;
}

int settings_exchange(const struct hub_setup *s, const struct policy *set, struct policy *ret)
{
	struct buf b = { 0 };
	int err = 0;

	if (set) {
		write_policy(&b, set);
		err = b.failed ? -ENOMEM
			       : hub_call(s->url, s->token, "PUT", "/api/capture", buf_slice(&b),
					  NULL);
		buf_clear(&b);
	}
	err = err ? err
		  : hub_call(s->url, s->token, "GET", "/api/capture", (struct slice){ 0 }, &b);
	err = err ? err : read_policy(buf_slice(&b), ret);
	buf_release(&b);
	return err;
}
