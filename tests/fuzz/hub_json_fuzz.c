/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser may send to the hub: messages of a tab, settings, Host, Cookie and Range, forms of a body.  The
 * first byte chooses; a tab's messages are lines. */
#include <stdint.h>
#include <stdlib.h>

#include "hub/assets.h"
#include "hub/body.h"
#include "hub/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const struct asset assets[1];
const size_t assets_n;

static struct hub_state *state(void)
{
	static struct hub_state st;
	static const struct flow_conn conn = { .l4 = "tcp", .client.container = "web" };

	if (st.list.chunks)
		return &st;
	(void)pthread_mutex_init(&st.lock, NULL);
	if (list_init(&st.list, 1000, 1 << 20) < 0)
		abort();
	for (unsigned n = 1; n <= 50; n++) {
		struct flow f = { .conn = &conn, .proto = "http1", .has_req = true };

		f.id[15] = (uint8_t)n;
		f.req = (struct flow_half){ .begin_ns = n, .op = "GET", .target = "/" };
		(void)list_put(&st.list, n, &f);
	}
	return &st;
}

static void tab(struct slice in)
{
	struct web w = { .st = state() };
	struct conn c = { .w = &w };
	struct rd r = rd_init(in);
	uint64_t now = 1;

	if (tab_begin(&c) < 0)
		return;
	while (rd_left(&r) > 0 && !r.short_read && !c.closing) {
		struct slice line = rd_line(&r);

		if (r.short_read || tab_message(&c, line) < 0)
			break;
		(void)view_scan(c.view, &w.st->list, 100);
		tab_tick(&c, now += VIEW_TICK_NS);
	}
	tab_end(&c);
}

static void texts(uint8_t which, const char *s, struct slice in)
{
	const struct access_rules rules = { .token = "0123", .web_host = "name", .port = 7070 };
	struct access_request q = { .method = "POST", .path = "/api/x", .host = "localhost" };
	const char *why;
	size_t from, to;
	struct buf b = { 0 };

	if (which == 0)
		q.host = s;
	else if (which == 1)
		q.cookie = s;
	else if (which == 2)
		q.origin = s;
	else
		q.authorization = s;
	(void)access_check(&rules, &q, &why);
	if (body_range(s, 1000, &from, &to) == 1 && (from >= to || to > 1000))
		abort();
	if (!body_pretty_json(&b, in))
		buf_clear(&b);
	body_hex(&b, in);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture cap;
	const char *why;
	struct buf out = { 0 };
	struct slice in;
	char *text;

	if (size == 0)
		return 0;
	in = (struct slice){ data + 1, size - 1 };
	text = calloc(1, size);
	if (!text)
		return 0;
	memcpy(text, in.p, in.n);
	if (data[0] % 8 < 4) {
		texts(data[0] % 4, text, in);
	} else if (data[0] % 8 == 4) {
		if (capture_parse(in, NULL, &cap, &why) == 0) {
			capture_json(&out, &cap);
			capture_release(&cap);
			if (capture_parse(buf_slice(&out), NULL, &cap, &why) < 0)
				abort(); /* what it writes it can read */
			capture_release(&cap);
			buf_release(&out);
		}
	} else {
		tab(in);
	}
	free(text);
	return 0;
}
