// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { COLUMNS, USUAL, columnsOf, moveBefore, nextSort, readLayout, resize, shift, template, toggle } from "../../../web/src/model/columns";

const keys = (l) => columnsOf(l).map((c) => c.key).join();

test("columns: the usual ones, in their order", () => {
	assert.equal(keys(USUAL), "time,proto,from,to,op,target,status,duration,size");
	assert.equal(readLayout(null), USUAL);
	assert.equal(readLayout("no json"), USUAL);
	assert.equal(readLayout("7"), USUAL);
});

test("columns: what was kept comes back, and what makes no sense of it does not", () => {
	let l = toggle(USUAL, "host");
	l = moveBefore(l, "host", "time");
	l = resize(l, "host", 222.4);
	assert.equal(keys(readLayout(JSON.stringify(l))), "host,time,proto,from,to,op,target,status,duration,size");
	assert.equal(readLayout(JSON.stringify(l)).widths.host, 222);
	const odd = readLayout(JSON.stringify({ order: ["size", "size", "nonsense", 7], shown: ["time", "nonsense"], widths: { time: 5, to: "x", size: 99999, op: 100, evil: 100 } }));
	assert.equal(keys(odd), "time");
	assert.deepEqual(odd.widths, { op: 100 });
	assert.equal(odd.order.length, COLUMNS.length);
	/* Only widths, as they were kept before. */
	assert.deepEqual(readLayout('{"from":200}').widths, { from: 200 });
});

test("columns: one at least stays, and moving goes to the ends", () => {
	let l = USUAL;
	for (const c of COLUMNS) if (l.shown.includes(c.key)) l = toggle(l, c.key);
	assert.equal(l.shown.length, 1);
	assert.equal(shift(USUAL, USUAL.order[0], -1), USUAL);
	assert.equal(shift(USUAL, USUAL.order.at(-1), 1), USUAL);
	assert.equal(shift(USUAL, "time", 1).order.indexOf("time"), USUAL.order.indexOf("time") + 1);
	assert.equal(shift(USUAL, "time", -1).order.indexOf("time"), USUAL.order.indexOf("time") - 1);
	assert.equal(moveBefore(USUAL, "time", null).order.at(-1), "time");
	assert.equal(moveBefore(USUAL, "time", "time"), USUAL);
});

test("columns: something always takes what is left of the window", () => {
	assert.match(template(USUAL), /1fr/);
	assert.match(template(toggle(USUAL, "target")), /1fr\)$/);
	assert.match(template(resize(USUAL, "target", 300)), /1fr\)$/);
});

test("columns: a head sorts one way, the other way, and not at all", () => {
	const dur = COLUMNS.find((c) => c.key === "duration");
	const op = COLUMNS.find((c) => c.key === "op");
	let s = nextSort(null, dur);
	assert.deepEqual(s, { by: "duration", desc: true });
	s = nextSort(s, dur);
	assert.deepEqual(s, { by: "duration", desc: false });
	assert.deepEqual(nextSort(s, op), { by: "op", desc: false });
	assert.equal(nextSort(s, dur), null);
	assert.equal(nextSort(null, COLUMNS.find((c) => c.key === "n")), null);
});
