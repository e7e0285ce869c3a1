// SPDX-License-Identifier: Apache-2.0
// What the map and the metrics make of the hub's sums.
import assert from "node:assert/strict";
import test from "node:test";
import { curve, roomy } from "../../../web/src/model/paths.ts";
import { groupTerm, nodeTerm, pairs, rangeQuery, rate, share } from "../../../web/src/model/sums.ts";

test("rates are told in the unit in which they are one or more", () => {
	for (const [n, s, text] of [
		[0, 10, "0/s"],
		[380, 10, "38/s"],
		[42, 10, "4.2/s"],
		[1, 10, "0.1/s"],
		[5, 60, "5.0/min"],
		[1, 3600, "1.0/h"],
		[250000, 1, "250 k/s"],
		[2000000, 1, "2.0 M/s"],
	])
		assert.equal(rate(n, s), text);
	assert.deepEqual([share(0, 9), share(1, 9), share(1, 10000), share(9, 9)], ["0 %", "11 %", "< 0.1 %", "100 %"]);
});
test("a range is so long ago, or from and to", () => {
	assert.deepEqual(["5m", "all", "evil"].map((r) => rangeQuery(r)), ["&since=-300000", "", ""]);
	assert.equal(rangeQuery("5m", "1700000000000-1700000005000"), "&since=1700000000000&until=1700000005000");
	assert.equal(rangeQuery("5m", "x&f=1"), "&since=-300000");
});
test("the flows of a node are told in the filter's words", () => {
	assert.equal(nodeTerm({ kind: "service", name: 'w"b\\' }, "src"), 'src.service="w\\"b\\\\"');
	assert.equal(nodeTerm({ kind: "service", name: "web", group: "shop" }, "dst", true), 'dst.service="web" (dst.compose="shop" or dst.ns="shop")');
	assert.equal(nodeTerm({ kind: "process", name: "curl" }, "src"), 'src="curl" -src.service:*');
	assert.equal(nodeTerm({ kind: "host", name: "pay.example" }, "src"), null);
	assert.equal(nodeTerm({ kind: "others", name: "" }, "dst"), null);
	assert.equal(groupTerm({ name: "5xx" }, "status"), "status:5xx");
	assert.equal(groupTerm({ name: "SELECT 1" }, "status"), 'status="SELECT 1"');
	assert.equal(groupTerm({ kind: "service", name: "api", shape: "GET /v1/users/*" }, "endpoint"), 'shape="GET /v1/users/*" dst.service="api"');
	assert.equal(groupTerm({ kind: "service", name: "api", shape: "SELECT …" }, "endpoint"), null);
});
test("calls between the same two nodes are one, with the slowest protocol's percentile", () => {
	const edge = (from, to, proto, o = {}) => ({ from, to, proto, flows: 2, failed: 1, open: 0, tls: 0, req_bytes: 1, resp_bytes: 2, p50: 1, p95: 5, p99: 6, max: 7, ...o });
	const nodes = ["a", "b"].map((name) => ({ kind: "service", name, group: "", flows: 1 }));
	const list = pairs({ nodes, edges: [edge(0, 1, "http1"), edge(0, 1, "grpc", { p95: 9 }), edge(1, 0, "tls", { p95: null })] });
	assert.deepEqual(list.map((p) => [p.from, p.to, p.flows, p.failed, p.bytes, p.p95, p.sealed]), [[0, 1, 4, 2, 6, 9, false], [1, 0, 2, 1, 3, null, true]]);
});
test("curves end where nodes do", () => {
	const ends = (c) => c.d.match(/-?[\d.]+,-?[\d.]+/g);
	const right = ends(curve({ x: 0, y: 0 }, { x: 2, y: 1 }, [{ x: 1, y: 0.2 }]));
	assert.equal(right[0], "172,24");
	assert.equal(right.at(-1), "608,94");
	assert.ok(ends(curve({ x: 2, y: 0 }, { x: 0, y: 0 }))[0].startsWith("608,"), "backwards it leaves on the left");
	for (const c of [curve({ x: 1, y: 0 }, { x: 1, y: 3 }), curve({ x: 1, y: 1 }, { x: 1, y: 1 })]) assert.doesNotMatch(c.d, /NaN/);
});
test("labels lie on no node and on no other label", () => {
	const at = (x, y) => ({ at: { x, y }, width: 40 });
	assert.deepEqual(roomy([at(300, 10), at(310, 12), at(20, 20), at(300, 60)], [{ x: 0, y: 0 }]), [true, false, false, true]);
});
