/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink.h"

#include <stdlib.h>

#include "flow/json.h"
#include "sink/out.h"

struct jsonl {
	struct sink base; /* first: a struct sink * is a struct jsonl * */
	struct out out;
	struct flow_json_options options;
};

static struct jsonl *of(struct sink *s)
{
	return (struct jsonl *)s;
}

static int jsonl_write(struct sink *s, const struct flow *f)
{
	struct jsonl *j = of(s);
	size_t from = j->out.wait.n;

	flow_json(&j->out.wait, f, &j->options);
	buf_puts(&j->out.wait, "\n");
	return out_record(&j->out, from);
}

static int jsonl_flush(struct sink *s, int timeout_ms)
{
	return out_flush(&of(s)->out, timeout_ms);
}

static void jsonl_be_patient(struct sink *s)
{
	out_be_patient(&of(s)->out);
}

static void jsonl_close(struct sink *s)
{
	if (!s)
		return;
	out_release(&of(s)->out);
	free(s);
}

struct sink *sink_jsonl_new(int fd, size_t body_max)
{
	static const struct sink_ops ops = { "jsonl", jsonl_write, jsonl_flush, jsonl_close,
					       jsonl_be_patient };
	struct jsonl *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->base.ops = &ops;
	j->options.body_max = body_max;
	out_init(&j->out, fd);
	return &j->base;
}
