/* SPDX-License-Identifier: Apache-2.0 */
/* Files to import.  The first byte chooses: '{' a HAR file, cut where its length says; else what follows is a line of JSON.  A flow that
 * was read, written and read again must be the same. */
#include <stdint.h>
#include <stdlib.h>

#include "export/export.h"
#include "export/read.h"
#include "flow/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void twice(const struct flow *f)
{
	struct arena *a = arena_new(64 << 20);
	struct buf one = { 0 }, two = { 0 };
	const struct json *v;
	struct flow again;

	flow_json(&one, f, NULL);
	if (json_parse(buf_slice(&one), a, &v) == 0 && read_flow(v, a, &again) == 0) {
		flow_json(&two, &again, NULL);
		if (!slice_eq(buf_slice(&one), buf_slice(&two)))
			abort();
	} else if (!arena_short(a)) {
		abort(); /* what we write we read */
	}
	buf_release(&one);
	buf_release(&two);
	arena_free(a);
}

/* Whatever was read can be written in every format. */
static void write_all(const struct flow *f)
{
	static const struct export_ops *const all[] = { &export_har, &export_pcapng };

	for (size_t i = 0; i < 2; i++) {
		struct exporter *e = all[i]->open();
		struct buf out = { 0 };

		(void)all[i]->flow(e, f, &out);
		(void)all[i]->end(e, &out);
		all[i]->free(e);
		buf_release(&out);
	}
}

static int one(struct slice text, bool har)
{
	struct arena *a = arena_new((1 << 20) + 100 * text.n);
	const struct json *v;
	struct flow f;
	int r = json_parse(text, a, &v);

	if (r == 0)
		r = har ? read_har_entry(text, v, a, &f) : read_flow(v, a, &f);
	if (r == 0) {
		twice(&f);
		write_all(&f);
	}
	arena_free(a);
	return 0;
}

static int entry(void *ctx, struct slice text)
{
	(void)ctx;
	return one(text, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };

	if (size && data[0] == '{') {
		struct har_split s = { 0 };

		(void)har_split_feed(&s, slice_cut(in, 0, size / 3), entry, NULL);
		(void)har_split_feed(&s, slice_cut(in, size / 3, size), entry, NULL);
		(void)har_split_end(&s);
		har_split_release(&s);
		return 0;
	}
	return one(slice_cut(in, 1, size), false);
}
