/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/view.h"

static struct list list;
static struct view *view;
static uint64_t now_ns;

static int setup(void **state)
{
	(void)state;
	now_ns = 1000000000;
	view = view_new();
	return view ? list_init(&list, 1000, 16 << 20) : -1;
}

static int teardown(void **state)
{
	(void)state;
	view_free(view);
	list_release(&list);
	return 0;
}

static struct flow_conn conn = {
	.client = { .port = 40312, .comm = "curl", .container = "web" },
	.server = { .port = 80, .comm = "nginx", .container = "api", .container_id = "c0ffee" },
	.l4 = "tcp",
};

/* Flow n, with a status; 0: not answered yet. */
static void put(uint64_t n, unsigned status)
{
	static const struct flow_attr host = { "Host", "api.test" };
	char target[32], code[8];
	struct flow f = {
		.epoch_ns = 1700000000000000000,
		.conn = &conn,
		.proto = "http1",
		.state = status ? FLOW_DONE : FLOW_OPEN,
		.failed = status >= 400,
		.has_req = true,
		.has_resp = status != 0,
		.req = { .begin_ns = n,
			 .end_ns = n,
			 .op = "GET",
			 .target = target,
			 .headers = &host,
			 .nheaders = 1 },
	};

	(void)snprintf(target, sizeof(target), "/item/%u", (unsigned)n);
	(void)snprintf(code, sizeof(code), "%u", status);
	f.id[15] = (uint8_t)n;
	f.id[14] = (uint8_t)(n >> 8);
	f.id[6] = 0x70;
	if (status)
		f.resp = (struct flow_half){ .begin_ns = n + 5,
					     .end_ns = n + 10,
					     .status = code,
					     .body = { .len = 7, .type = "text/plain" } };
	assert_int_equal(list_put(&list, n, &f), 0);
}

static void sub(const char *filter, size_t n)
{
	struct filter_error e;

	assert_int_equal(view_sub(view, filter, n, 3, &e), 0);
	view_follow(view, true);
}

static void scan(void)
{
	while (view_scan(view, &list, 7))
		;
}

static cJSON *parsed(const struct buf *b)
{
	cJSON *j = cJSON_ParseWithLength((const char *)b->p, b->n);

	assert_non_null(j);
	return j;
}

static int64_t number(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

	assert_true(cJSON_IsNumber(v));
	return (int64_t)v->valuedouble;
}

/* What a tick said: its numbers, and the row numbers as text "1,2,3". */
struct told {
	int64_t seq, total, matched, base;
	char rows[4000], upd[4000];
	bool stale, scanning;
};

static void row_numbers(const cJSON *j, char *out, size_t outlen)
{
	const cJSON *r;
	size_t n = 0;

	out[0] = '\0';
	cJSON_ArrayForEach(r, cJSON_GetObjectItemCaseSensitive(j, "rows")) {
		n += (size_t)snprintf(out + n, outlen - n, "%s%d", n ? "," : "",
				      (int)number(r, "n"));
		assert_true(n < outlen);
	}
}

static struct told tick(void)
{
	struct buf upd = { 0 }, t = { 0 };
	struct told r = { 0 };
	cJSON *j;

	scan();
	now_ns += VIEW_TICK_NS;
	assert_true(view_due(view, &list, 1, now_ns));
	view_tick(view, &list, SLICE_LIT("\"agents\":1"), 1, now_ns, &upd, &t);
	j = parsed(&t);
	r.seq = number(j, "seq");
	r.total = number(j, "total");
	r.matched = number(j, "matched");
	r.base = number(j, "base");
	r.stale = cJSON_HasObjectItem(j, "stale");
	r.scanning = cJSON_HasObjectItem(j, "scan");
	assert_int_equal(number(j, "view"), 3);
	assert_int_equal(number(j, "agents"), 1);
	row_numbers(j, r.rows, sizeof(r.rows));
	cJSON_Delete(j);
	if (upd.n) {
		j = parsed(&upd);
		assert_string_equal(cJSON_GetObjectItemCaseSensitive(j, "op")->valuestring, "upd");
		row_numbers(j, r.upd, sizeof(r.upd));
		cJSON_Delete(j);
	}
	view_ack(view, (uint64_t)r.seq);
	buf_release(&upd);
	buf_release(&t);
	return r;
}

static const char *window(uint64_t from, size_t n)
{
	static char text[4000];
	struct buf b = { 0 };
	cJSON *j;

	buf_puts(&b, "{");
	view_rows(view, &list, &b, from, n);
	buf_puts(&b, "}");
	j = parsed(&b);
	row_numbers(j, text, sizeof(text));
	cJSON_Delete(j);
	buf_release(&b);
	return text;
}

static void a_row_tells_what_the_api_promises(void **state)
{
	struct buf b = { 0 };
	cJSON *j;

	(void)state;
	inet_pton(AF_INET6, "::ffff:172.18.0.3", conn.client.addr);
	inet_pton(AF_INET6, "fd00::1", conn.server.addr);
	put(5, 404);
	row_json(&b, &list, list_at(&list, 0));
	j = parsed(&b);
	assert_string_equal((const char *)(buf_puts(&b, ""),
					   buf_put(&b, (struct slice){ (const uint8_t *)"", 1 }),
					   b.p),
			    "{\"n\":5,\"id\":\"00000000-0000-7000-0000-000000000005\",\"ts_ns\":"
			    "\"1700000000000000005\","
			    "\"proto\":\"http1\",\"tls\":false,\"src\":\"web\",\"dst\":\"api\","
			    "\"src_ip\":\"172.18.0.3:40312\","
			    "\"dst_ip\":\"[fd00::1]:80\",\"op\":\"GET\",\"target\":\"/item/"
			    "5\",\"host\":\"api.test\","
			    "\"status\":\"404\",\"reason\":null,\"state\":\"done\",\"failed\":true,"
			    "\"dur_ns\":10,"
			    "\"req_len\":0,\"resp_len\":7,\"type\":\"text/plain\",\"flags\":[]}");
	cJSON_Delete(j);
	buf_release(&b);
}

static const char *text(const cJSON *j, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(j, key)->valuestring;
}

static void a_row_of_a_unix_socket_has_its_path(void **state)
{
	const struct flow_conn tcp = conn;
	struct buf b = { 0 };
	struct told t;
	cJSON *j;

	(void)state;
	conn = (struct flow_conn){
		.client = { .comm = "curl" }, .l4 = "unix", .path = "/run/docker.sock"
	};
	put(1, 200);
	row_json(&b, &list, list_at(&list, 0));
	j = parsed(&b);
	assert_string_equal(text(j, "src"), "curl");
	assert_string_equal(text(j, "dst"), "/run/docker.sock");
	assert_string_equal(text(j, "src_ip"), "");
	assert_string_equal(text(j, "dst_ip"), "/run/docker.sock");
	cJSON_Delete(j);
	buf_release(&b);
	conn = tcp;
	put(2, 200);
	sub("l4:unix sock=/run/docker.sock", 4);
	t = tick();
	assert_string_equal(t.rows, "1");
}

static void without_a_filter_a_view_is_the_list(void **state)
{
	struct told t;

	(void)state;
	for (uint64_t i = 1; i <= 10; i++)
		put(i, 200);
	sub("", 4);
	t = tick();
	assert_int_equal(t.total, 10);
	assert_int_equal(t.matched, 10);
	assert_string_equal(t.rows, "7,8,9,10");
	assert_string_equal(window(0, 3), "1,2,3");
	assert_string_equal(window(8, 100), "9,10");
	assert_string_equal(window(99, 100), "");
	put(11, 200);
	t = tick();
	assert_string_equal(t.rows, "11"); /* only what is new */
	assert_int_equal(t.matched, 11);
}

static void a_filter_keeps_what_matches_in_order(void **state)
{
	struct told t;

	(void)state;
	for (uint64_t i = 1; i <= 100; i++)
		put(i, i % 10 == 0 ? 500 : 200);
	sub("status>=500", 3);
	t = tick();
	assert_int_equal(t.total, 100);
	assert_int_equal(t.matched, 10);
	assert_string_equal(t.rows, "80,90,100");
	assert_string_equal(window(0, 2), "10,20");
	put(101, 200);
	put(102, 503);
	t = tick();
	assert_int_equal(t.matched, 11);
	assert_string_equal(t.rows, "102");
}

static void names_hosts_and_addresses_are_known_to_the_list(void **state)
{
	(void)state;
	put(1, 200);
	sub("host:api.test src:web dst:api proc:nginx path:/item type:text/plain status:2xx", 5);
	assert_int_equal(tick().matched, 1);
	sub("-host:api.test", 5);
	assert_int_equal(tick().matched, 0);
}

static void what_tls_said_is_known_to_the_list(void **state)
{
	static const struct flow_tls tls = { .library = "openssl", .road = "probes", .mapping = "matched", .sni = "api.test" };

	(void)state;
	put(1, 200);
	conn.tls = &tls;
	put(2, 200);
	conn.tls = NULL;
	sub("tls:openssl sni:api mapping:matched", 5);
	assert_int_equal(tick().matched, 1);
	sub("mapping:nested,sticky", 5);
	assert_int_equal(tick().matched, 0);
}

static void a_wrong_filter_changes_nothing(void **state)
{
	struct filter_error e;

	(void)state;
	put(1, 500);
	put(2, 200);
	sub("status>=500", 3);
	assert_int_equal(tick().matched, 1);
	assert_int_equal(view_sub(view, "statsu:1", 3, 4, &e), -EINVAL);
	assert_true(e.len > 0);
	put(3, 500);
	assert_int_equal(tick().matched, 2);
}

static void an_answer_that_comes_later_is_an_update_in_place(void **state)
{
	struct told t;

	(void)state;
	put(1, 0);
	put(2, 200);
	sub("", 10);
	assert_string_equal(tick().rows, "1,2");
	put(1, 200);
	t = tick();
	assert_string_equal(t.upd, "1");
	assert_string_equal(t.rows, "");
	assert_string_equal(window(0, 10), "1,2");
}

static void a_change_before_the_row_was_sent_is_no_update(void **state)
{
	struct told t;

	(void)state;
	sub("", 10);
	(void)tick();
	put(1, 0);
	put(1, 200);
	t = tick();
	assert_string_equal(t.upd, "");
	assert_string_equal(t.rows, "1");
}

static void a_row_that_comes_to_match_is_added_at_the_end(void **state)
{
	struct told t;

	(void)state;
	put(1, 0);
	put(2, 500);
	sub("status>=500", 10);
	assert_string_equal(tick().rows, "2");
	put(1, 502);
	t = tick();
	assert_int_equal(t.matched, 2);
	assert_string_equal(t.rows, "1");
	assert_string_equal(window(0, 10), "2,1");
	/* And one that does so no longer stays: no row moves while somebody looks at it. */
	put(2, 200);
	t = tick();
	assert_int_equal(t.matched, 2);
	assert_string_equal(t.upd, "2");
}

static void the_watched_flow_is_reported_wherever_it_is(void **state)
{
	const char *ids[] = { "not an id", "00000000-0000-7000-0000-000000000001" };

	(void)state;
	put(1, 0);
	sub("status>=500", 10);
	(void)tick();
	put(1, 200);
	assert_string_equal(tick().upd, ""); /* not in this view */
	view_watch(view, ids, 2);
	put(1, 201);
	assert_string_equal(tick().upd, "1");
}

static void without_an_ack_there_is_no_further_tick(void **state)
{
	struct buf upd = { 0 }, t = { 0 };

	(void)state;
	sub("", 10);
	scan();
	assert_true(view_due(view, &list, 1, now_ns));
	view_tick(view, &list, (struct slice){ 0 }, 1, now_ns, &upd, &t);
	put(1, 200);
	assert_false(view_due(view, &list, 1, now_ns + 10 * VIEW_TICK_NS));
	assert_true(view_due_at(view) == UINT64_MAX);
	view_ack(view, 99); /* one that was never sent */
	assert_false(view_due(view, &list, 1, now_ns + 10 * VIEW_TICK_NS));
	view_ack(view, 1);
	assert_false(view_due(view, &list, 1, now_ns)); /* how far a scan is can wait */
	assert_true(view_due(view, &list, 1, now_ns + VIEW_TICK_NS));
	scan();
	assert_true(view_due(view, &list, 1, now_ns)); /* what was found cannot */
	buf_release(&upd);
	buf_release(&t);
}

/* Rows come all the time: whatever second is looked at, there are ten ticks in it at most; after a pause there is one at once. */
static void ticks_are_ten_a_second_at_most(void **state)
{
	enum { STEP = 1000000, SECOND = 1000 };
	bool ticked[5 * SECOND] = { false };
	unsigned seq = 0, in_second = 0;

	(void)state;
	sub("", 10);
	now_ns = UINT64_C(50000000000);
	for (unsigned ms = 0; ms < 5 * SECOND; ms++, now_ns += STEP) {
		struct buf upd = { 0 }, t = { 0 };
		bool quiet = ms >= 2 * SECOND && ms < 3 * SECOND;

		if (!quiet)
			put(ms + 1, 200);
		scan();
		ticked[ms] = view_due(view, &list, 1, now_ns);
		if (ticked[ms]) {
			view_tick(view, &list, (struct slice){ 0 }, 1, now_ns, &upd, &t);
			view_ack(view, ++seq);
		}
		in_second += ticked[ms];
		in_second -= ms >= SECOND && ticked[ms - SECOND];
		assert_true(in_second <= 10);
		if (ms > SECOND && ms < 2 * SECOND)
			assert_true(in_second >= 8);
		buf_release(&upd);
		buf_release(&t);
	}
	assert_true(ticked[3 * SECOND]);
}

static void when_nothing_happened_nothing_is_sent(void **state)
{
	(void)state;
	put(1, 200);
	sub("", 10);
	(void)tick();
	assert_false(view_due(view, &list, 1, now_ns + 100 * VIEW_TICK_NS));
	assert_true(view_due(view, &list, 2, now_ns + 100 * VIEW_TICK_NS)); /* a counter moved */
}

static void following_can_be_switched(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		put(i, 200);
	sub("", 2);
	view_follow(view, false);
	assert_string_equal(tick().rows, "");
	view_follow(view, true);
	assert_string_equal(tick().rows, "4,5");
}

static void rows_dropped_at_the_front_are_counted(void **state)
{
	struct told t;

	(void)state;
	for (uint64_t i = 1; i <= 20; i++)
		put(i, i % 2 ? 200 : 500);
	sub("status>=500", 10);
	assert_int_equal(tick().matched, 10);
	list_drop_below(&list, 11);
	t = tick();
	assert_int_equal(t.base, 5);
	assert_int_equal(t.matched, 5);
	assert_int_equal(t.total, 10);
	assert_string_equal(window(0, 2), "12,14");
	sub("", 3);
	assert_int_equal(tick().base, 0);
	list_drop_below(&list, 16);
	t = tick();
	assert_int_equal(t.base, 5);
	assert_int_equal(t.matched, 5);
	list_clear(&list);
	t = tick();
	assert_int_equal(t.base + t.matched, 10); /* the end of the view never goes back */
	put(21, 200);
	t = tick();
	assert_int_equal(t.base, 10);
	assert_string_equal(t.rows, "21");
}

static void a_late_row_that_was_evicted_is_shown_as_gone(void **state)
{
	struct told t;

	(void)state;
	put(1, 0);
	put(2, 500);
	sub("status>=500", 10);
	(void)tick();
	put(1, 500);
	(void)tick();
	list_drop_below(&list, 2);
	t = tick();
	assert_int_equal(t.matched, 2);
	assert_string_equal(window(0, 10), "2,0");
}

static void the_list_holds_as_many_rows_as_it_may(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 5000; i++)
		put(i, 200);
	assert_int_equal(list.end - list.base, 1000);
	assert_int_equal(list_at(&list, list.base)->n, 4001);
	assert_true(list.strings.live < 1100);
	list.max_bytes = list_bytes(&list) / 2;
	put(5001, 200);
	assert_true(list_bytes(&list) <= list.max_bytes || list.end - list.base == 1);
}

static void a_number_from_before_the_list_is_refused(void **state)
{
	struct flow f = { .conn = &conn, .proto = "http1" };

	(void)state;
	for (uint64_t i = 1; i <= 1500; i++)
		put(i, 200);
	assert_int_equal(list_put(&list, 3, &f), -ESTALE);
}

static void too_many_changes_are_said_instead_of_sent(void **state)
{
	struct told t;

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++)
		put(i, 0);
	sub("", 10);
	(void)tick();
	for (uint64_t i = 1; i <= 1000; i++)
		put(i, 200);
	t = tick();
	assert_false(t.stale);
	t = tick(); /* the second half */
	assert_int_equal(strncmp(t.upd, "501,", 4), 0);
	for (int again = 0; again < 20; again++)
		for (uint64_t i = 1; i <= 1000; i++)
			put(i, 200);
	assert_true(tick().stale);
	assert_false(tick().stale || false);
}

static void a_position_is_found_by_row_number(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 20; i++)
		put(i, i % 5 ? 200 : 500);
	sub("", 1);
	scan();
	assert_int_equal(view_find(view, &list, 7), 6);
	assert_int_equal(view_find(view, &list, 0), -1);
	assert_int_equal(view_find(view, &list, 999), 19);
	sub("status:500", 1);
	scan();
	assert_int_equal(view_find(view, &list, 4), -1);
	assert_int_equal(view_find(view, &list, 5), 0);
	assert_int_equal(view_find(view, &list, 14), 1);
	assert_int_equal(view_find(view, &list, 999), 3);
}

/* Plays the store: a header that only it knows, on every third flow. */
static void serve_store(void)
{
	struct flow_attr h = { "X-Trace", "yes" };
	uint64_t first, last;
	bool bodies;

	while (view_scan(view, &list, 7) || view_wants(view, &first, &last, &bodies)) {
		if (!view_wants(view, &first, &last, &bodies))
			continue;
		assert_false(bodies);
		for (uint64_t n = first; n <= last; n++) {
			struct flow f = { .conn = &conn, .proto = "http1", .has_req = true };

			if (n % 3 == 0) {
				f.req.headers = &h;
				f.req.nheaders = 1;
			}
			view_try(view, n, &f);
		}
		view_tried(view, &list, last);
	}
}

/* Nothing changed but that all rows were looked at: a page that shows how far it is has to hear of it. */
static void the_end_of_a_scan_that_finds_nothing_is_told(void **state)
{
	struct buf upd = { 0 }, t = { 0 };

	(void)state;
	put(1, 0);
	sub("header.x-trace:no", 3);
	view_tick(view, &list, (struct slice){ 0 }, 1, now_ns += VIEW_TICK_NS, &upd, &t);
	assert_non_null(strstr((const char *)t.p, "\"scan\""));
	view_ack(view, 1);
	serve_store();
	assert_true(view_done(view, &list));
	assert_true(view_due(view, &list, 1, now_ns + VIEW_TICK_NS));
	assert_false(tick().scanning);
	assert_false(view_due(view, &list, 1, now_ns + 10 * VIEW_TICK_NS));
	buf_release(&upd);
	buf_release(&t);
}

static void what_the_list_does_not_know_is_asked_of_the_store(void **state)
{
	struct told t;

	(void)state;
	for (uint64_t i = 1; i <= 30; i++)
		put(i, 0);
	sub("header.x-trace:yes", 3);
	assert_false(view_done(view, &list));
	serve_store();
	assert_true(view_done(view, &list));
	t = tick();
	assert_false(t.scanning);
	assert_int_equal(t.matched, 10);
	assert_string_equal(t.rows, "24,27,30");
	put(33, 0);
	serve_store();
	assert_string_equal(tick().rows, "33");
}

static void a_long_target_is_cut_in_the_row_and_still_searched(void **state)
{
	char *target = calloc(1, 10001);
	struct flow f = { .conn = &conn, .proto = "http1", .has_req = true };
	uint64_t first, last;
	struct buf b = { 0 };
	bool bodies;
	cJSON *j;

	(void)state;
	memset(target, 'a', 10000);
	memcpy(target + 9990, "needle", 6);
	f.req.target = target;
	put(1, 200);
	f.id[15] = 2;
	assert_int_equal(list_put(&list, 2, &f), 0);
	put(3, 200);
	row_json(&b, &list, list_at(&list, 1));
	j = parsed(&b);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(j, "cut")));
	assert_int_equal(strlen(cJSON_GetObjectItemCaseSensitive(j, "target")->valuestring),
			 ROW_TARGET_MAX);
	cJSON_Delete(j);
	sub("path:needle", 5);
	scan();
	assert_true(view_wants(view, &first, &last, &bodies));
	assert_int_equal(first, 2);
	assert_int_equal(last, 2);
	view_try(view, 2, &f);
	view_tried(view, &list, 2);
	assert_string_equal(tick().rows, "2");
	buf_release(&b);
	free(target);
}

static void strings_are_kept_once_and_given_back(void **state)
{
	struct intern t = { 0 };
	uint32_t ids[3000];
	size_t empty;
	char s[16];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 3000; i++) {
			(void)snprintf(s, sizeof(s), "name %u", i % 1500);
			ids[i] = intern_put(&t, slice_str(s));
			assert_int_not_equal(ids[i], 0);
		}
		assert_int_equal(t.live, 1500);
		for (unsigned i = 0; i < 1500; i++) {
			(void)snprintf(s, sizeof(s), "name %u", i);
			assert_int_equal(ids[i], ids[i + 1500]);
			assert_true(slice_eq(intern_get(&t, ids[i]), slice_str(s)));
			assert_int_equal(intern_uses(&t, ids[i]), 2);
		}
		for (unsigned i = 0; i < 3000; i += 1 + i % 2)
			intern_drop(&t, ids[i]);
		for (unsigned i = 1; i < 3000; i++)
			if (i % 2 == 1 && i > 0 && intern_uses(&t, ids[i]))
				while (intern_uses(&t, ids[i]))
					intern_drop(&t, ids[i]);
		for (unsigned i = 0; i < intern_end(&t); i++)
			while (intern_uses(&t, i))
				intern_drop(&t, i);
		assert_int_equal(t.live, 0);
	}
	empty = t.bytes;
	assert_int_equal(intern_put(&t, (struct slice){ 0 }), 0);
	assert_int_equal(t.bytes, empty);
	intern_release(&t);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_row_tells_what_the_api_promises),
		T(a_row_of_a_unix_socket_has_its_path),
		T(without_a_filter_a_view_is_the_list),
		T(a_filter_keeps_what_matches_in_order),
		T(names_hosts_and_addresses_are_known_to_the_list),
		T(what_tls_said_is_known_to_the_list),
		T(a_wrong_filter_changes_nothing),
		T(an_answer_that_comes_later_is_an_update_in_place),
		T(a_change_before_the_row_was_sent_is_no_update),
		T(a_row_that_comes_to_match_is_added_at_the_end),
		T(the_watched_flow_is_reported_wherever_it_is),
		T(without_an_ack_there_is_no_further_tick),
		T(ticks_are_ten_a_second_at_most),
		T(when_nothing_happened_nothing_is_sent),
		T(following_can_be_switched),
		T(rows_dropped_at_the_front_are_counted),
		T(a_late_row_that_was_evicted_is_shown_as_gone),
		T(the_list_holds_as_many_rows_as_it_may),
		T(a_number_from_before_the_list_is_refused),
		T(too_many_changes_are_said_instead_of_sent),
		T(a_position_is_found_by_row_number),
		T(the_end_of_a_scan_that_finds_nothing_is_told),
		T(what_the_list_does_not_know_is_asked_of_the_store),
		T(a_long_target_is_cut_in_the_row_and_still_searched),
		T(strings_are_kept_once_and_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
