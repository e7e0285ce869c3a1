/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

const struct flow *sample_flow(void)
{
	static const struct flow_tls tls = {
		.library = "openssl",
		.version = "3.0.15",
		.road = "probes",
		.mapping = "sticky",
		.sni = "api",
		.alpn = "http/1.1",
		.protocol = "TLS 1.2",
		.cipher = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		.group = "x25519",
		.offered = "h2,http/1.1",
		.subject = "CN=api",
		.issuer = "CN=ca",
		.names = "api,*.api",
		.not_after = 253402300799,
		.alert = "unknown_ca",
		.alert_by = "client",
		.reason = "no-library",
		.why = "Nobody knows.",
		.hint = "Ask.",
		.flags = FLOW_TLS_RESUMED | FLOW_TLS_CLIENT_CERT,
	};
	static const struct flow_conn conn = {
		.id = 7,
		.client = { .addr = { [10] = 0xff, 0xff, 172, 18, 0, 3 },
			    .port = 40312,
			    .pid = 123,
			    .comm = "curl",
			    .container = "web",
			    .container_id = "ab12",
			    .image = "node:20",
			    .project = "shop" },
		.server = { .addr = { [10] = 0xff, 0xff, 172, 18, 0, 4 },
			    .port = 443,
			    .container = "api",
			    .pod = "api-7d9f",
			    .ns = "prod" },
		.tls = &tls,
		.seen_by = FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER,
		.l4 = "tcp",
	};
	static const struct flow_attr req_headers[] = { { "Host", "api" },
							{ "Cookie", "a" },
							{ "Cookie", "b" } };
	static const struct flow_attr resp_headers[] = { { "Content-Type", "application/json" } };
	static const struct flow_attr attrs[] = { { "version", "1.1" },
						  { "interim", "100" },
						  { "interim", "103" } };
	static const struct flow_attr msg_attrs[] = { { "code", "1000" } };
	static struct flow_msg msgs[2] = {
		{ .seq = 1, .ts_ns = 1500, .op = "text" },
		{ .seq = 2,
		  .ts_ns = 1600,
		  .from_server = true,
		  .flags = FLOW_TRUNCATED,
		  .op = "binary",
		  .attrs = msg_attrs,
		  .nattrs = 1 },
	};
	static struct flow f = {
		.id = { 1, 0x92, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16 },
		.epoch_ns = 1795352400123456789 - 1000,
		.conn = &conn,
		.proto = "http1",
		.state = FLOW_DONE,
		.flags = FLOW_TRUNCATED | FLOW_MIDSTREAM,
		.failed = true,
		.req = { .begin_ns = 1000,
			 .end_ns = 1400,
			 .op = "GET",
			 .target = "/v1/users?x=1",
			 .headers = req_headers,
			 .nheaders = 3 },
		.resp = { .begin_ns = 2000,
			  .end_ns = 4000,
			  .status = "500",
			  .reason = "Internal Server Error",
			  .headers = resp_headers,
			  .nheaders = 1,
			  .attrs = attrs,
			  .nattrs = 3,
			  .body = { .len = 20,
				    .captured = 12,
				    .type = "application/json",
				    .encoding = "gzip" } },
		.has_req = true,
		.has_resp = true,
		.streams = true,
		.stream = { .n = { 4, 1 }, .bytes = { 20, 5 }, .left_out = 3 },
		.msgs = msgs,
		.nmsgs = 2,
	};

	f.resp.body.data = SLICE_LIT("{\"error\":\"\xc3\xa9");
	msgs[0].body = (struct flow_body){ .data = SLICE_LIT("hi"), .len = 2, .captured = 2 };
	msgs[1].body = (struct flow_body){ .data = SLICE_LIT("\xff\x00"),
					   .shown = SLICE_LIT("{\"1\":-1}"),
					   .len = 5,
					   .captured = 2 };
	return &f;
}

const struct flow *sample_unix_flow(void)
{
	static const struct flow_conn conn = {
		.id = 8,
		.client = { .pid = 123, .comm = "curl" },
		.server = { .pid = 45, .comm = "dockerd" },
		.seen_by = FLOW_SEEN_CLIENT,
		.l4 = "unix",
		.path = "/run/docker.sock",
	};
	static struct flow f;

	f = *sample_flow();
	f.conn = &conn;
	return &f;
}

const struct flow *sample_marked_flow(void)
{
	static const struct flow_mark mark = { .colour = 3, .pinned = true, .note = "ask \"Ann\": \xc3\xa9?" };
	static struct flow f;

	f = *sample_flow();
	f.mark = &mark;
	return &f;
}
