/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: an error with a place inside the text, or a filter that survives text -> tree -> text. */
#include <stdlib.h>

#include "filter/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct flow_conn conn = { .l4 = "tcp" };
	static const struct flow f = { .conn = &conn,
				       .proto = "http1",
				       .req = { .op = "GET", .target = "/a?b=%41" } };
	struct filter_error err = { 0 };
	struct filter *q = NULL, *again = NULL;
	struct buf text = { 0 }, twice = { 0 };
	char *s = strndup((const char *)data, n);

	if (filter_new(&q, s, &err) != 0) {
		if (err.at > strlen(s) || err.text[0] == '\0')
			abort();
		goto out;
	}
	filter_text(q, &text);
	filter_sentence(q, &twice);
	buf_clear(&twice);
	buf_put(&text, (struct slice){ (const uint8_t *)"", 1 });
	if (filter_new(&again, (const char *)text.p, &err) != 0)
		abort();
	if (filter_match(q, &f) != filter_match(again, &f))
		abort();
	filter_text(again, &twice);
	if (twice.n != text.n - 1 || (twice.n && memcmp(twice.p, text.p, twice.n) != 0))
		abort();
out:
	filter_free(q);
	filter_free(again);
	buf_release(&text);
	buf_release(&twice);
	free(s);
	return 0;
}
