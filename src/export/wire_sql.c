/* SPDX-License-Identifier: Apache-2.0 */
#include "export/wire.h"

size_t wire_list(const char *json, struct arena *a, const struct json **ret_first)
{
	struct slice text = slice_str(json);
	const struct json *v;
	size_t n = 0;

	*ret_first = NULL;
	if (!a || !text.n || json_parse(text, a, &v) < 0 || v->kind != JSON_ARRAY)
		return 0;
	*ret_first = v->first;
	for (const struct json *m = v->first; m; m = m->next)
		n++;
	return n;
}

static void one_row(struct wire_out *o, const struct json *v, size_t nvalues, const struct wire_rows *to)
{
	const struct json *m = v->first;

	to->row(o, nvalues);
	for (size_t i = 0; i < nvalues; i++, m = m ? m->next : NULL)
		to->value(o, m && m->kind == JSON_STRING ? &m->text : NULL);
	to->end(o);
}

struct slice wire_sql_rows(struct wire_out *o, struct slice ndjson, size_t nvalues, uint64_t max, const struct wire_rows *to)
{
	struct slice left = ndjson;

	for (; left.n && max; max--) {
		size_t end = slice_find(left, SLICE_LIT("\n"), 0);
		struct slice line = slice_cut(left, 0, end);
		struct arena *a = arena_new(4096 + 100 * line.n);
		const struct json *v;

		if (a && json_parse(line, a, &v) == 0 && v->kind == JSON_ARRAY)
			one_row(o, v, nvalues, to);
		arena_free(a);
		left = slice_cut(left, end + 1, left.n);
	}
	return left;
}
