// SPDX-License-Identifier: Apache-2.0
// The map's layout.
import assert from "node:assert/strict";
import test from "node:test";
import { edgeKey, grow, layout } from "../../../web/src/model/layout.ts";

const node = (key, group = "") => ({ key, group });
const graph = (text, groups = {}) => {
	const edges = text.split(" ").map((e) => ({ from: e.split(">")[0], to: e.split(">")[1] }));
	const keys = [...new Set(edges.flatMap((e) => [e.from, e.to]))];
	return [keys.map((k) => node(k, groups[k] ?? "")), edges];
};
/* No two nodes on one another. */
function apart(l) {
	const list = [...l.places];
	for (const [a, p] of list) for (const [b, q] of list) assert.ok(a >= b || p.x !== q.x || Math.abs(p.y - q.y) >= 0.999, `${a} and ${b}`);
}

test("callers stand left of whom they call", () => {
	const l = layout(...graph("browser>web web>api api>db web>push api>stock"));
	for (const [a, b] of [["browser", "web"], ["web", "api"], ["api", "db"], ["web", "push"], ["api", "stock"]]) assert.ok(l.places.get(a).x < l.places.get(b).x, `${a} ${b}`);
	assert.deepEqual([l.width], [4]);
	apart(l);
});
test("a caller that nobody calls stands next to whom it calls", () => {
	const l = layout(...graph("a>b b>c c>d cron>d"));
	assert.equal(l.places.get("cron").x, 2);
});
test("circles and calls to oneself have a picture too", () => {
	const l = layout(...graph("a>b b>c c>a a>a d>a"));
	apart(l);
	assert.ok(l.places.get("a").x < l.places.get("b").x && l.places.get("b").x < l.places.get("c").x);
	assert.equal(layout([], []).places.size, 0);
	assert.equal(layout([node("x")], []).places.size, 1);
});
test("a call over several layers passes between the nodes", () => {
	const [nodes, edges] = graph("a>b b>c c>d a>d");
	const l = layout(nodes, edges);
	const bends = l.bends.get(edgeKey("a", "d"));
	assert.deepEqual(bends.map((p) => p.x), [1, 2]);
	for (const b of bends) for (const p of l.places.values()) assert.ok(p.x !== b.x || Math.abs(p.y - b.y) >= 0.69, "clear of the nodes");
	const back = layout(...graph("a>b b>c c>d d>a")).bends.get(edgeKey("d", "a"));
	assert.deepEqual(back.map((p) => p.x), [2, 1]);
});
test("crossings that can be avoided are", () => {
	const l = layout(...graph("r>a r>b r>c a>z b>y c>x"));
	const y = (k) => l.places.get(k).y;
	const sign = (a, b) => Math.sign(y(a) - y(b));
	assert.equal(sign("a", "b"), sign("z", "y"));
	assert.equal(sign("b", "c"), sign("y", "x"));
});
test("groups have lanes of their own", () => {
	const groups = { web: "shop", api: "shop", db: "shop", prom: "mon", graf: "mon" };
	const l = layout(...graph("out>web web>api api>db graf>prom prom>api", groups));
	assert.deepEqual(l.lanes.map((x) => x.name).sort(), ["mon", "shop"]);
	const [a, b] = l.lanes;
	assert.ok(a.y1 <= b.y0 || b.y1 <= a.y0, "they do not overlap");
	for (const [key, p] of l.places) {
		const lane = l.lanes.find((x) => x.name === groups[key]);
		if (lane) assert.ok(p.y >= lane.y0 && p.y + 1 <= lane.y1, key);
		for (const other of l.lanes) if (other !== lane) assert.ok(p.y + 1 <= other.y0 || p.y >= other.y1 || p.x + 1 <= other.x0 || p.x >= other.x1, `${key} is not in ${other.name}`);
	}
	assert.equal(layout(...graph("a>b", { a: "one", b: "one" })).lanes.length, 0, "one group needs no lane");
});
test("what is known stays where it is", () => {
	const text = "browser>web web>api api>db web>push api>stock web>auth auth>db";
	const first = grow(null, ...graph(text));
	assert.equal(grow(first, ...graph(text)), first);
	const more = grow(first, ...graph(text + " api>cache x>cache"));
	for (const [k, p] of first.places) assert.deepEqual(more.places.get(k), p, k);
	assert.equal(more.places.get("cache").x, 3, "right of its caller");
	assert.equal(more.places.get("x").x, 2, "left of whom it calls");
	apart(more);
	const less = grow(more, ...graph("web>api api>cache"));
	assert.equal(less, more);
	assert.deepEqual(grow(less, ...graph(text + " api>cache x>cache")).places.get("db"), first.places.get("db"), "and has its place when it comes back");
});
test("a full lane gets longer, and the lanes below give way as they are", () => {
	const groups = { web: "shop", api: "shop", db: "shop", cache: "shop", prom: "mon", graf: "mon", agent: "mon" };
	const text = "out>web web>api api>db graf>prom prom>agent agent>api";
	const first = grow(null, ...graph(text, groups));
	const more = grow(first, ...graph(text + " api>cache", groups));
	assert.equal(more.added, 1);
	apart(more);
	const [top, low] = [...first.lanes].sort((a, b) => a.y0 - b.y0).map((l) => l.name);
	const moved = (k) => more.places.get(k).y - first.places.get(k).y;
	for (const [k, g] of Object.entries(groups)) if (first.places.has(k)) assert.equal(more.places.get(k).x, first.places.get(k).x);
	if (top === "shop") assert.deepEqual(["web", "api", "db", "graf", "prom"].map(moved), [0, 0, 0, 1, 1]);
	const lane = (name) => more.lanes.find((l) => l.name === name);
	assert.ok(lane(top).y1 <= lane(low).y0);
	assert.equal(first.places.size, 7, "the picture before is as it was");
});
test("a picture that would be mostly new is made anew", () => {
	const l = grow(grow(null, ...graph("a>b")), ...graph("x>a a>b b>c c>d d>e"));
	assert.equal(l.added, 0);
	assert.equal(l.places.get("a").x, 1);
});
test("a thousand nodes take less than a hundred milliseconds, and so does growing by one", () => {
	let seed = 7;
	const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
	const nodes = Array.from({ length: 1000 }, (_, i) => node(`n${i}`, i % 3 ? `g${i % 20}` : ""));
	const edges = Array.from({ length: 2000 }, () => ({ from: `n${random(1000)}`, to: `n${random(1000)}` }));
	/* What it needs of a processor, not how long the machine took over it. */
	const cpu = (fn) => {
		const t = process.cpuUsage();
		const r = fn();
		const d = process.cpuUsage(t);
		return [r, (d.user + d.system) / 1000];
	};
	const runs = Array.from({ length: 8 }, () => cpu(() => layout(nodes, edges)));
	const l = runs[0][0];
	apart(l);
	const [, growing] = cpu(() => grow(l, [...nodes, node("new", "g1")], [...edges, { from: "n1", to: "new" }]));
	console.log(`# layouts of 1000 nodes in ms: ${runs.map((r) => r[1].toFixed(0)).join(" ")}; growing by one: ${growing.toFixed(0)}`);
	assert.ok(Math.min(...runs.map((r) => r[1])) < 100);
	assert.ok(growing < 100);
});
