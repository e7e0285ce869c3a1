// SPDX-License-Identifier: Apache-2.0
// What is missing, as the Health view has it.
import assert from "node:assert/strict";
import test from "node:test";
import { MISSING, missing, rooms } from "../../../web/src/model/missing.ts";

test("reasons that took nothing are left out, sums are exact", () => {
	const m = missing({ "conn.moved_bytes": 9007199254740990, "conn.captured_bytes": 9007199254740000, "loss.ring_bytes": 900, "told.ring_bytes": 890, "loss.budget_bytes": 100, "told.budget_bytes": 100, "loss.shed_bytes": 0, "loss.ring_records": 7 });
	assert.deepEqual(
		m.reasons.map((r) => [r.key, r.kernel, r.told, r.wanted]),
		[
			["ring", 900, 890, true],
			["budget", 100, 100, false],
		],
	);
	assert.deepEqual([m.moved - m.captured, m.kernel, m.told], [990, 1000, 990]);
});
test("what no record told of is a reason of its own", () => {
	const m = missing({ "conn.moved_bytes": 10, "conn.captured_bytes": 7, "told.without_reason_bytes": 3 });
	assert.deepEqual([m.reasons.length, m.reasons[0].key, m.told, m.kernel], [1, "without_reason", 3, 0]);
});
test("an agent that says nothing of it has no such table", () => {
	assert.equal(missing({ "loss.ring_records": 7 }), undefined);
	assert.ok(MISSING.has("loss.shed_bytes") && !MISSING.has("loss.ring_records"));
});

test("what has a limit is told with it, and with its highest where that is known", () => {
	const r = rooms({ "ring.bytes": 1000, "ring.percent": 12, "ring.percent_most": 97, "conn.open": 3, "conn.open_max": 10, "queue.bytes": 5, "queue.bytes_max": 0 });
	assert.deepEqual(r.map((x) => [x.key, x.n, x.max, x.most]), [["ring.bytes", 120, 1000, 0.97], ["conn.open", 3, 10, -1]]);
	assert.deepEqual(rooms({}), []);
});
