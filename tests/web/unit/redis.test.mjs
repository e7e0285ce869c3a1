// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { keysOf, quote, replyLines, word } from "../../../web/src/model/redis.ts";

test("arguments are written as redis-cli takes them", () => {
	assert.deepEqual(["cart:7", "a b", "", 'say "hi"\n', 40, { base64: "AP8K" }].map(word), ["cart:7", '"a b"', '""', '"say \\"hi\\"\\n"', "40", '"\\x00\\xff\\n"']);
	assert.equal(quote("\u0007é\\"), '"\\aé\\\\"');
});

test("keys are told from what is none", () => {
	const of = (op, ...args) => keysOf(op, args).map((i) => args[i]);
	assert.deepEqual(of("SET", "k", "v", "EX", "5"), ["k"]);
	assert.deepEqual(of("MSET", "a", "1", "b", "2"), ["a", "b"]);
	assert.deepEqual(of("DEL", "a", "b"), ["a", "b"]);
	assert.deepEqual(of("EVAL", "return 1", "2", "a", "b", "x"), ["a", "b"]);
	assert.deepEqual(of("EVAL", "return 1", "99999999999", "a"), ["a"]);
	assert.deepEqual(of("BLPOP", "q1", "q2", "0"), ["q1", "q2"]);
	assert.deepEqual(of("XREAD", "COUNT", "2", "streams", "s1", "s2", "0", "0"), ["s1", "s2"]);
	assert.deepEqual(of("ZUNIONSTORE", "out", "2", "a", "b", "WEIGHTS", "1", "2"), ["out", "a", "b"]);
	assert.deepEqual(of("CONFIG GET", "GET", "maxmemory"), []);
	assert.deepEqual(of("PUBLISH", "ch", "hi"), []);
});

test("a reply is a tree of typed values", () => {
	const said = (v, status) => replyLines(v, status).map((l) => `${"  ".repeat(l.depth)}${[l.label, l.type, l.text].filter(Boolean).join(" ")}`);
	assert.deepEqual(said([1, "a", null, ["x"], { error: "WRONGTYPE no" }, { base64: "/w==" }], "array"), ["array 6 elements", "  1) integer 1", '  2) string "a"', "  3) nil (nil)", "  4) list 1 element", '    1) string "x"', "  5) error WRONGTYPE no", '  6) bytes "\\xff"']);
	assert.deepEqual(said({ a: 1.5, b: true }, "map"), ["map 2 elements", '  "a" => double 1.5', '  "b" => boolean true']);
	assert.deepEqual(said([], "set"), ["set empty"]);
	assert.deepEqual(said("12", "integer"), ["integer 12"]);
	assert.equal(replyLines(Array.from({ length: 9000 }, (_, i) => i), "array").length, 5000);
});
