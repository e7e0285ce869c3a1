// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { pipelineOf, transactionOf } from "../../../web/src/model/brackets.ts";

const BASE = 1700000000000000000n;
/* Rows of one connection: [at in ms, statement, how long in ms, more]. */
const rowsOf = (list, proto) =>
	list.map(([at, target, ms = 1, o = {}], i) => ({
		n: i + 1, id: `id${i}`, ts_ns: String(BASE + BigInt(Math.round(at * 1e6))), proto, op: proto === "redis" ? target : "Query", target: proto === "redis" ? "" : target,
		status: o.status ?? "OK", reason: null, state: "done", failed: o.failed ?? false, dur_ns: ms * 1e6,
	}));
const flowOf = (r) => ({ id: r.id, n: r.n, ts: `${new Date(Number(BigInt(r.ts_ns) / 1000000n)).toISOString().slice(0, 19)}.${String(BigInt(r.ts_ns) % 1000000000n).padStart(9, "0")}Z`, duration_ns: r.dur_ns, proto: r.proto, state: r.state, failed: r.failed, request: { op: r.op, target: r.target }, response: { status: r.status } });
/* Of the flow at i: its bracket. */
const of = (list, i, proto = "postgres", inside = false) => {
	const rows = rowsOf(list, proto);
	return transactionOf(flowOf(rows[i]), rows.filter((_, k) => k !== i), inside);
};
const said = (b) => b && [b.rows.map((r) => r.target || r.op).join("|"), b.at, b.begun, b.outcome];

test("a transaction is from its BEGIN to its end, and what is around it is in none", () => {
	const list = [[0, "SELECT 0"], [1, "begin -- now"], [2, "INSERT 1"], [5, "SELECT 'COMMIT; x'"], [9, "COMMIT", 3], [20, "SELECT 2"]];
	assert.deepEqual(said(of(list, 2)), ["begin -- now|INSERT 1|SELECT 'COMMIT; x'|COMMIT", 1, true, "committed"]);
	assert.equal(of(list, 4).ns, 11e6);
	assert.equal(of(list, 0), null);
	assert.equal(of(list, 5), null);
});

test("how it ended is told: rolled back, failed, prepared, chained, left open; a savepoint is no end", () => {
	assert.equal(of([[0, "START  TRANSACTION"], [1, "x"], [2, "ROLLBACK WORK TO SAVEPOINT a"], [3, "ROLLBACK"]], 1).outcome, "rolled back");
	assert.equal(of([[0, "BEGIN"], [1, "x"], [2, "COMMIT", 1, { status: "ROLLBACK" }]], 1).outcome, "failed");
	assert.equal(of([[0, "BEGIN"], [1, "x"], [2, "PREPARE TRANSACTION 'a'"]], 1).outcome, "prepared");
	assert.deepEqual(said(of([[0, "BEGIN"], [1, "x"], [2, "COMMIT AND CHAIN"], [3, "y"], [4, "END"]], 3)), ["COMMIT AND CHAIN|y|END", 1, true, "committed"]);
	assert.deepEqual(said(of([[0, "BEGIN"], [1, "x"], [2, "y"]], 1)), ["BEGIN|x|y", 1, true, "open"]);
	assert.equal(of([[0, "BEGIN; UPDATE t; COMMIT"], [1, "x"]], 1), null);
});

test("one that began before what is known is told so, by its end or by the server", () => {
	assert.deepEqual(said(of([[0, "x"], [1, "y"], [2, "COMMIT"], [3, "z"]], 0)), ["x|y|COMMIT", 0, false, "committed"]);
	assert.equal(of([[0, "x"], [1, "y"]], 0), null);
	assert.deepEqual(said(of([[0, "x"], [1, "y"]], 0, "postgres", true)), ["x|y", 0, false, "open"]);
});

test("MySQL commits by itself what changes tables", () => {
	assert.equal(of([[0, "BEGIN"], [1, "x"], [2, "ALTER TABLE t ADD c int"]], 1, "mysql").outcome, "committed");
	assert.equal(of([[0, "BEGIN"], [1, "x"], [2, "CREATE TEMPORARY TABLE t (a int)"], [3, "y"]], 1, "mysql").outcome, "open");
});

test("Redis: MULTI to EXEC, which may not execute; and commands that did not wait for each other", () => {
	assert.deepEqual(said(of([[0, "MULTI"], [1, "SET"], [2, "EXEC", 1, { status: "array", failed: true }]], 1, "redis")), ["MULTI|SET|EXEC", 1, true, "committed"]);
	assert.equal(of([[0, "MULTI"], [1, "SET"], [2, "EXEC", 1, { status: "nil" }]], 1, "redis").outcome, "failed");
	assert.equal(of([[0, "MULTI"], [1, "SET"], [2, "DISCARD"]], 1, "redis").outcome, "rolled back");
	const rows = rowsOf([[0, "GET", 5], [1, "SET", 5], [2, "DEL", 5], [50, "GET", 1]], "redis");
	const pipe = (i) => pipelineOf(flowOf(rows[i]), rows.filter((_, k) => k !== i));
	assert.deepEqual(said(pipe(1)), ["GET|SET|DEL", 1, true, "committed"]);
	assert.equal(pipe(3), null);
});
