// SPDX-License-Identifier: Apache-2.0
// The page's window on the hub's list, against a list that grows, is cut at the front, and changes.
import assert from "node:assert/strict";
import test from "node:test";
import { backOff } from "../../../web/src/model/channel.ts";
import { changeMode, pick, picked } from "../../../web/src/model/pick.ts";
import { formatRoute, parseRoute } from "../../../web/src/model/route.ts";
import { RowCache } from "../../../web/src/model/rows.ts";
import { View } from "../../../web/src/model/view.ts";

const row = (n, more = {}) => ({ n, id: `id-${n}`, state: "done", ...more });

/* As much of a hub as a view talks to; messages are answered at once. */
class Hub {
	rows = [];
	base = 0;
	next = 1;
	asked = 0;
	constructor() {
		this.view = new View((m) => this.receive(m));
	}
	add(n) {
		for (let i = 0; i < n; i++) this.rows.push(row(this.next++));
	}
	drop(n) {
		this.base += this.rows.splice(0, n).length;
	}
	tick(newest = 100) {
		return this.view.tick({ view: this.view.id, total: this.rows.length, matched: this.rows.length, base: this.base, rows: newest ? this.rows.slice(-newest) : [] });
	}
	receive(m) {
		if (m.op === "rows") {
			this.asked++;
			this.view.window({ view: this.view.id, req: m.req, from: m.from, base: this.base, rows: this.rows.slice(m.from, m.from + m.n) });
		}
		if (m.op === "find") {
			let at = -1;
			this.rows.forEach((r, i) => (at = r.n <= m.n ? i : at));
			this.view.found({ req: m.req, from: at, base: this.base });
		}
	}
}

test("view: the first tick begins the list, later ones say how many rows are new", () => {
	const h = new Hub();
	h.view.subscribe("", 100);
	h.add(250);
	assert.equal(h.tick(), -1);
	assert.equal(h.view.end, 250);
	h.add(7);
	assert.equal(h.tick(), 7);
	assert.equal(h.tick(), 0);
	assert.equal(h.view.rows.get(256).n, 257);
	assert.equal(h.view.rows.get(10), undefined);
});

test("view: what is missing is asked for once, in blocks", () => {
	const h = new Hub();
	h.view.subscribe("", 100);
	h.add(1000);
	h.tick(100);
	h.view.want(150, 190);
	assert.equal(h.asked, 1);
	assert.equal(h.view.rows.get(150).n, 151);
	h.view.want(100, 200);
	assert.equal(h.asked, 1);
	h.view.want(195, 205);
	assert.equal(h.asked, 2);
	h.view.want(900, 1000);
	assert.equal(h.asked, 2, "the tick brought these");
});

test("view: rows dropped at the front move no position", () => {
	const h = new Hub();
	h.view.subscribe("", 100);
	h.add(500);
	h.tick(0);
	h.view.want(200, 210);
	assert.equal(h.view.rows.get(205).n, 206);
	h.drop(150);
	h.add(20);
	assert.equal(h.tick(0), 20);
	assert.equal(h.view.base, 150);
	assert.equal(h.view.end, 520);
	assert.equal(h.view.rows.get(205).n, 206);
	h.view.want(150, 200);
	assert.equal(h.view.rows.get(150).n, 151);
	h.view.want(510, 520);
	assert.equal(h.view.rows.get(519).n, 520);
});

test("view: a clear begins anew and shows no old row", () => {
	const h = new Hub();
	h.view.subscribe("", 100);
	h.add(50);
	h.tick();
	h.rows = [];
	h.base = 0;
	assert.equal(h.tick(), -1);
	assert.equal(h.view.matched, 0);
	h.add(1);
	h.tick();
	assert.equal(h.view.rows.get(0).n, 51);
	assert.equal(h.view.rows.get(1), undefined);
});

test("view: what belongs to a former subscription is not taken", () => {
	const h = new Hub();
	h.view.subscribe("", 100);
	const old = h.view.id;
	h.view.subscribe("status:500", 100);
	assert.equal(h.view.mine({ view: old }), false);
	assert.equal(h.view.mine({ view: h.view.id }), true);
	assert.equal(h.view.mine({}), false);
});

test("view: a row is found by its number, or the nearest older one", async () => {
	const h = new Hub();
	h.view.subscribe("", 100);
	h.add(300);
	h.drop(10);
	h.tick(0);
	assert.equal(await h.view.find(50), 49);
	h.rows = h.rows.filter((r) => r.n % 2);
	assert.equal(await h.view.find(50), 10 + h.rows.findIndex((r) => r.n === 49));
	assert.equal(await h.view.find(3), -1);
});

test("view: after rows changed unseen, windows are fetched again and shown meanwhile", () => {
	const h = new Hub();
	h.view.subscribe("", 100);
	h.add(200);
	h.tick(0);
	h.view.want(0, 50);
	h.rows[5] = row(6, { state: "changed" });
	h.view.rows.expire();
	assert.equal(h.view.rows.get(5).state, "done");
	h.view.want(0, 50);
	assert.equal(h.view.rows.get(5).state, "changed");
	const asked = h.asked;
	h.view.want(0, 50);
	assert.equal(h.asked, asked);
});

test("rows: updates find their place, and the cache stays small", () => {
	const c = new RowCache();
	for (let i = 0; i < 100_000; i++) c.put(i, row(i + 1));
	assert.ok(c.size <= 6000, String(c.size));
	assert.equal(c.update(row(99_990, { state: "open" })), 99_989);
	assert.equal(c.get(99_989).state, "open");
	assert.equal(c.update(row(1)), -1);
	assert.equal(c.get(0), undefined);
});

test("channel: the pause before a new attempt grows, with a bound and jitter", () => {
	assert.equal(backOff(1, 0.5), 250);
	assert.ok(backOff(3, 0.5) > backOff(2, 0.5));
	assert.equal(backOff(50, 0.5), 5000);
	assert.ok(backOff(5, 0) < backOff(5, 0.99));
});

test("route: what is in the address bar comes back from it", () => {
	const r = { page: "flows", filter: 'path:/a&b "ü" -status:2xx', selected: "0193-ab", tab: "body", args: {} };
	assert.deepEqual(parseRoute(formatRoute(r)), r);
	assert.equal(formatRoute({ page: "health", filter: "", selected: null, tab: "headers", args: {} }), "#/health");
	assert.deepEqual(parseRoute(""), { page: "flows", filter: "", selected: null, tab: "headers", args: {} });
	assert.deepEqual(parseRoute("#/map?range=15m&by=project&Evil=1&f=a").args, { range: "15m", by: "project" });
	assert.equal(formatRoute(parseRoute("#/metrics?range=15m&f=a")), "#/metrics?f=a&range=15m");
	assert.equal(formatRoute({ ...parseRoute("#/map?range=15m"), page: "flows" }), "#/flows");
	assert.equal(parseRoute("#/evil").page, "flows");
	assert.equal(parseRoute("#/flows?sel=../../x&tab=evil").selected, null);
	assert.equal(parseRoute("#/flows?tab=evil").tab, "headers");
});

const container = (name) => ({ id: name.repeat(64).slice(0, 64), name });
const [a, b, c] = ["a", "b", "c"].map(container);
const all = { mode: "all", names: [], hosts: false, include_new: true, paused: false, body_limit: 0, conn_budget: 0, ends: [] };

test("picker: unticking under “all” makes it “all except”, ticking the last one again makes it “all”", () => {
	const off = { ...all, ...pick(all, [a], false) };
	assert.deepEqual([off.mode, off.names], ["except", ["a"]]);
	assert.equal(picked(off, a), false);
	assert.equal(picked(off, b), true);
	const on = { ...off, ...pick(off, [a], true) };
	assert.deepEqual([on.mode, on.names], ["all", []]);
});

test("picker: a container in a pod is chosen with its pod and namespace, since its name is that of many", () => {
	const inPod = (pod) => ({ ...container("d"), id: pod.repeat(64).slice(0, 64), name: "web", pod, namespace: "prod" });
	const [one, two] = ["x", "y"].map(inPod);
	const s = { ...all, ...changeMode({ ...all, mode: "except", names: ["prod/y/web"] }, "chosen", [one, two]) };
	assert.deepEqual(s.names, ["prod/x/web"]);
	assert.equal(picked(s, one), true);
	assert.equal(picked(s, two), false);
	const both = { ...s, ...pick(s, [two], true) };
	assert.deepEqual(both.names, ["prod/x/web", "prod/y/web"]);
});

test("picker: choosing by hand, one or a whole group, by name or id", () => {
	let s = { ...all, ...changeMode(all, "chosen", [a, b, c]) };
	assert.deepEqual(s.names, ["a", "b", "c"]);
	s = { ...s, ...pick(s, [a, b], false) };
	assert.deepEqual(s.names, ["c"]);
	s = { ...s, ...pick(s, [a], true) };
	assert.deepEqual(s.names, ["c", "a"]);
	assert.equal(picked({ ...s, names: [b.id.slice(0, 12)] }, b), true);
	const except = { ...s, ...changeMode(s, "except", [a, b, c]) };
	assert.deepEqual(except.names, ["b"]);
	for (const x of [a, b, c]) assert.equal(picked(except, x), picked(s, x), x.name);
});
