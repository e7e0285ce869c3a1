// SPDX-License-Identifier: Apache-2.0
// The table of the follow-mode state machine, cell by cell, then random events against what must hold.
import assert from "node:assert/strict";
import test from "node:test";
import { START, next } from "../../../web/src/model/follow.ts";

const at = (mode, fresh = 0, before = "follow") => ({ mode, fresh, before });
const run = (s, type, more = {}) => next(s, { type, ...more });

/* event, more, from, to (mode), fresh, effect */
const CELLS = [
	["rows", { n: 3 }, at("follow"), "follow", 0, "end"],
	["rows", { n: 3 }, at("held", 2), "held", 5, "stay"],
	["rows", { n: 3 }, at("sorted", 2), "sorted", 5, "stay"],
	["rows", { n: 3 }, at("paused", 2), "paused", 5, "stay"],

	["away", {}, at("follow"), "held", 0, "stay"],
	["away", {}, at("held", 4), "held", 4, "stay"],
	["away", {}, at("sorted", 4), "sorted", 4, "stay"],
	["away", {}, at("paused", 4), "paused", 4, "stay"],

	["newest", {}, at("follow"), "follow", 0, "end"],
	["newest", {}, at("held", 4), "follow", 0, "end"],
	["newest", {}, at("sorted", 4), "sorted", 0, "resort"],
	["newest", {}, at("paused", 4), "paused", 4, "stay"],

	["sort", { by: "other" }, at("follow"), "sorted", 0, "resort"],
	["sort", { by: "other" }, at("held", 4), "sorted", 0, "resort"],
	["sort", { by: "other" }, at("sorted", 4), "sorted", 0, "resort"],
	["sort", { by: "other" }, at("paused", 4), "paused", 4, "stay"],
	["sort", { by: "time" }, at("follow"), "follow", 0, "stay"],
	["sort", { by: "time" }, at("held", 4), "held", 4, "stay"],
	["sort", { by: "time" }, at("sorted", 4), "held", 0, "resort"],
	["sort", { by: "time" }, at("paused", 4), "paused", 4, "stay"],

	["filter", {}, at("follow"), "follow", 0, "end"],
	["filter", {}, at("held", 4), "held", 0, "stay"],
	["filter", {}, at("sorted", 4), "sorted", 0, "stay"],
	["filter", {}, at("paused", 4), "paused", 0, "stay"],

	["space", {}, at("follow"), "paused", 0, "stay"],
	["space", {}, at("held", 4), "paused", 4, "stay"],
	["space", {}, at("sorted", 4), "paused", 4, "stay"],
	["space", {}, at("paused", 4, "follow"), "follow", 0, "end"],
	["space", {}, at("paused", 4, "held"), "held", 4, "stay"],
	["space", {}, at("paused", 4, "sorted"), "sorted", 4, "stay"],

	...["evicted", "reconnect"].flatMap((e) =>
		["follow", "held", "sorted", "paused"].map((m) => [e, {}, at(m, 4), m, 4, "stay"]),
	),
];

for (const [type, more, from, mode, fresh, effect] of CELLS) {
	const name = [type, more.by, from.mode, from.mode === "paused" ? `(before: ${from.before})` : ""].filter(Boolean).join(" ");
	test(`follow: ${name} leads to ${mode}, ${effect}`, () => {
		const r = run(from, type, more);
		assert.equal(r.state.mode, mode);
		assert.equal(r.state.fresh, fresh);
		assert.equal(r.effect, effect);
	});
}

test("follow: a sort chosen while paused is remembered for when the list goes on", () => {
	let s = run(at("held", 1), "space").state;
	s = run(s, "sort", { by: "other" }).state;
	assert.equal(run(s, "space").state.mode, "sorted");
	s = run(run(s, "sort", { by: "time" }).state, "space").state;
	assert.equal(s.mode, "held");
});

test("follow: in any sequence of events the list moves only when it was asked to", () => {
	let seed = 7;
	const random = (n) => {
		seed = (seed * 1103515245 + 12345) & 0x7fffffff;
		return Math.floor((seed / 0x80000000) * n);
	};
	const events = ["rows", "away", "newest", "sort", "filter", "space", "evicted", "reconnect"];
	for (let round = 0; round < 300; round++) {
		let s = START;
		/* A list of rows, the top row on screen, and the selected row with its place on the screen. */
		let rows = 50;
		let base = 0;
		let top = 30;
		let selected = -1;
		for (let i = 0; i < 80; i++) {
			const type = events[random(events.length)];
			const was = { ...s };
			const pixel = selected < 0 ? null : selected - top;
			const e = { type };
			if (type === "rows") rows += e.n = 1 + random(9);
			if (type === "sort") e.by = random(2) ? "other" : "time";
			if (type === "evicted") base = Math.min(base + random(3), rows - 1);
			if (type === "away") selected = base + random(rows - base);
			const selectedNow = selected;
			const { state, effect } = next(s, e);
			s = state;
			if (effect === "end") top = Math.max(base, rows - 20);
			if (effect === "end" || effect === "resort" || type === "filter") selected = -1;

			assert.ok(["follow", "held", "sorted", "paused"].includes(s.mode));
			assert.ok(s.fresh >= 0);
			if (s.mode === "follow") assert.equal(s.fresh, 0);
			if (effect === "end") assert.equal(s.mode, "follow");
			/* Rows, eviction and reconnects never change the mode. */
			if (["rows", "evicted", "reconnect"].includes(type)) assert.equal(s.mode, was.mode);
			/* The selected row keeps its pixel, unless the person asked for the end or an order. */
			if (selected >= 0 && selected === selectedNow && type !== "away" && pixel !== null) assert.equal(selected - top, pixel);
			if (was.mode === "paused" && type !== "space") assert.equal(s.mode, "paused");
		}
	}
});
