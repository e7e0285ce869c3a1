// SPDX-License-Identifier: Apache-2.0
// What was recorded from real clients and servers (tests/proto, as decode read it), with the names and times of a small
// shop, as JSON lines that `limpid import` takes: something of every protocol, for pictures.
import { readFileSync } from "node:fs";
import path from "node:path";
import { top } from "./world.mjs";

const end = (name, port, comm, n) => ({ ip: `172.18.0.${n}`, port, container: name && `shop-${name}-1`, container_id: name ? String(n).repeat(64).slice(0, 64) : null, image: name && `shop/${name}:2.4`, project: name && "shop", pid: 4000 + n, comm });
const client = { ip: "192.168.1.20", port: 51022, container: null, container_id: null, image: null, pid: 900, comm: "firefox" };
const web = end("web", 41022, "nginx", 3);
const api = end("api", 8080, "node", 4);
const stock = end("stock", 50051, "stock", 5);
const db = end("db", 5432, "postgres", 6);
const cache = end("cache", 6379, "redis-server", 7);
const push = end("push", 8090, "push", 8);
const old = end("legacy", 3306, "mysqld", 9);

/* File, and who speaks there. */
const FILES = [
	["http1/basic", client, web],
	["http1/keepalive", web, api],
	["http1/coding_br", web, api],
	["http1/headers", web, api],
	["http1/binary", web, api],
	["http1/large", web, api],
	["http1/cut_gzip", web, api],
	["http1/lost_in_body", web, api],
	["http1/expect_refused", web, api],
	["http1/lost_answer", web, api],
	["http2/basic", web, api],
	["http2/cookies", web, api],
	["http2/grpc_basic", api, stock],
	["http2/grpc_compressed", api, stock],
	["http2/grpc_error", api, stock],
	["http2/grpc_deadline", api, stock],
	["http2/grpc_streams", api, stock],
	["http1/grpc_web_text", web, stock],
	["http2/sse", web, push],
	["websocket/basic", web, push],
	["websocket/deflate", web, push],
	["websocket/error_close", web, push],
	["redis/basic", api, cache],
	["redis/error", api, cache],
	["redis/pubsub", push, cache],
	["redis/resp3", api, cache],
	["postgres/basic", api, db],
	["postgres/types", api, db],
	["postgres/extended", api, db],
	["postgres/multi", api, db],
	["postgres/copy", api, db],
	["postgres/error", api, db],
	["mysql/basic", api, old],
	["mysql/prepared", api, old],
	["mysql/error", api, old],
];

const hex = (n, digits) => n.toString(16).padStart(digits, "0");
/* Where Date has milliseconds flows have nanoseconds. */
const stamp = (ms) => new Date(Math.floor(ms)).toISOString().replace("Z", "") + String(Math.floor((ms % 1) * 1e6)).padStart(6, "0") + "Z";

/* until: Unix ms at which the last of them ended.  Durations are made, and the same every time. */
export function recorded(until) {
	const lines = [];
	let serial = 0;
	const all = FILES.flatMap(([file, from, to], conn) => readFileSync(path.join(top, "tests/proto", `${file}.json`), "utf8").trim().split("\n").map((l) => [JSON.parse(l), from, to, conn]));
	for (const [f, from, to, conn] of all) {
		serial++;
		const talk = f.messages?.length ?? 0;
		const ms = talk ? talk * 412 : 0.4 + ((serial * 7919) % 530) / 10 + (serial % 23 === 0 ? 1400 : 0);
		const begin = until - (all.length - serial) * 130 - ms;
		const tls = (to === api && from === web) || from === client;
		lines.push({
			v: 1,
			id: `01930000-0000-7000-9000-${hex(serial, 12)}`,
			ts: stamp(begin),
			duration_ns: f.response && f.request ? Math.round(ms * 1e6) : null,
			ttfb_ns: f.response && f.request ? Math.round(ms * 0.7e6) : null,
			send_ns: 90000,
			l4: "tcp",
			conn: 100 + conn,
			client: { ...from, port: from === web || from === client ? from.port + conn : 42000 + conn },
			server: to,
			seen_by: "both",
			tls: tls ? { library: "openssl", version: "3.0.15", road: "probes", mapping: "nested", protocol: "TLS 1.3", cipher: "TLS_AES_256_GCM_SHA384", group: "x25519", sni: "api", alpn: "http/1.1", flags: [] } : null,
			...f,
			flags: f.flags ?? [],
			messages: (f.messages ?? []).map((m, i) => ({ seq: i + 1, ts: stamp(begin + i * 400), ...m })),
			...(talk ? { stream: { c2s: said(f, "c2s"), s2c: said(f, "s2c"), left_out: 0 } } : {}),
		});
	}
	return lines;
}

function said(f, dir) {
	const of = f.messages.filter((m) => m.dir === dir);
	return { messages: of.length, bytes: of.reduce((n, m) => n + (m.body?.len ?? 0), 0) };
}
