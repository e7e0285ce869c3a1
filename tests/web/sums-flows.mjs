// SPDX-License-Identifier: Apache-2.0
// A shop's traffic of the last minutes, for the tests of the map and the metrics: what is in it is known.
import { flow } from "./world.mjs";

const at = (project, service, ip, n = 1) => ({ ip, container: project ? `${project}-${service}-${n}` : service, container_id: service.padEnd(64, "0"), image: service, project: project ?? "" });
const web = at("shop", "web", "172.18.0.3");
const web2 = at("shop", "web", "172.18.0.13", 2);
const api = at("shop", "api", "172.18.0.4");
const stock = at("shop", "stock", "172.18.0.5");
const db = at("shop", "db", "172.18.0.6");
const cache = at("shop", "cache", "172.18.0.7");
const push = at("shop", "push", "172.18.0.8");
const prom = at("monitoring", "prometheus", "172.19.0.2");
const grafana = at("monitoring", "grafana", "172.19.0.3");
const firefox = { ip: "192.168.1.20", pid: 900, comm: "firefox", container: "", container_id: "" };
const outside = (name) => ({ ip: "52.1.4.9", container: "", container_id: "", comm: "", pid: 0, name });

/* now: Unix ms at which the traffic ends. */
export function shop(now) {
	const list = [];
	const put = (n, from, to, o) => {
		for (let i = 0; i < n; i++) list.push(flow({ from: typeof from === "function" ? from(i) : from, to, at: now - 240000 + Math.round((i * 239000) / n), ...(typeof o === "function" ? o(i) : o) }));
	};
	put(120, firefox, web, (i) => ({ target: i % 3 ? "/" : `/product/${i}`, ms: 20 + (i % 7), status: i % 60 === 59 ? "500" : "200" }));
	put(240, (i) => (i % 2 ? web : web2), api, (i) => ({ target: i % 4 ? `/v1/users/${i}` : "/v1/orders", op: i % 4 ? "GET" : "POST", ms: 5 + (i % 20), status: i % 12 === 5 ? "503" : "200", reason: "" }));
	put(180, api, db, (i) => ({ proto: "postgres", op: "SELECT", target: `SELECT * FROM users WHERE id = ${i}`, status: "SELECT 1", ms: 1 + (i % 4), failed: false, reason: "" }));
	put(90, api, cache, (i) => ({ proto: "redis", op: "GET", target: `user:${i}`, status: "OK", ms: 0.3, failed: false, reason: "" }));
	put(60, api, stock, (i) => ({ proto: "grpc", op: "call", target: "/stock.v1.Stock/Reserve", status: i % 10 ? "0" : "8", failed: i % 10 === 0, ms: 18, reason: i % 10 ? "OK" : "RESOURCE_EXHAUSTED" }));
	put(40, stock, db, { proto: "postgres", op: "UPDATE", target: "UPDATE stock SET n = n - 1 WHERE sku = 'a'", status: "UPDATE 1", ms: 2, failed: false, reason: "" });
	put(12, web, push, { proto: "websocket", op: "GET", target: "/live", status: "101", state: 0, failed: false, reason: "" });
	put(6, api, { ...outside() }, { tls: true, reqHeaders: [["Host", "pay.example"]], target: "/charge", ms: 210 });
	put(48, prom, api, { target: "/metrics", ms: 3 });
	put(20, grafana, prom, { target: "/api/v1/query", ms: 9 });
	return list;
}
