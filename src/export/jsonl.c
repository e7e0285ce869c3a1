/* SPDX-License-Identifier: Apache-2.0 */
#include "export/export.h"

#include <errno.h>
#include <stdlib.h>

#include "flow/json.h"

struct exporter {
	char nothing;
};

static struct exporter *jsonl_open(void)
{
	return calloc(1, sizeof(struct exporter));
}

static int jsonl_flow(struct exporter *e, const struct flow *f, struct buf *out)
{
	(void)e;
	flow_json(out, f, NULL);
	buf_puts(out, "\n");
	return out->failed ? -ENOMEM : 1;
}

static int jsonl_end(struct exporter *e, struct buf *out)
{
	(void)e;
	(void)out;
	return 0;
}

static void jsonl_free(struct exporter *e)
{
	free(e);
}

const struct export_ops export_jsonl = { "jsonl", jsonl_open, jsonl_flow, jsonl_end, NULL, jsonl_free };

const struct export_ops *export_find(const char *name)
{
	static const struct export_ops *const all[] = { &export_har, &export_jsonl, &export_pcapng };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
