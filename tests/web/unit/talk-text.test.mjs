// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { bars, closeName, finder, joined, preview, step } from "../../../web/src/model/talk-text.ts";

const m = (dir, op, text, attrs) => ({ seq: 1, ts: "", dir, op, body: { len: 1, captured: 1, text }, attrs });

test("words find messages, whatever their case, in text, name and attributes", () => {
	const price = m("s2c", "text", '{"type":"price","SKU":"W-19"}');
	assert.ok(finder("sku w-19", false)(price));
	assert.ok(finder("down price", false)(price));
	assert.ok(!finder("↑ price", false)(price));
	assert.ok(!finder("sku nothing", false)(price));
	assert.ok(finder("1001", false)(m("s2c", "close", "", { code: "1001" })));
	assert.ok(finder("", false)(m("c2s", "ping", "")));
	assert.ok(!finder("", true)(m("c2s", "ping", "")));
	assert.ok(finder("", true)(price));
});

test("pieces of a language model's answer are put together, other events are not", () => {
	const openai = ["Hel", "lo ", "Zoë"].map((t) => m("s2c", "message", JSON.stringify({ choices: [{ delta: { content: t } }] })));
	assert.equal(joined([...openai, m("s2c", "message", "[DONE]")]), "Hello Zoë");
	assert.equal(joined(["a", "b"].map((t) => m("s2c", "content_block_delta", JSON.stringify({ type: "content_block_delta", delta: { type: "text_delta", text: t } })))), "ab");
	assert.equal(joined([m("s2c", "message", '{"price":1}'), m("s2c", "message", '{"price":2}')]), null);
	assert.equal(joined(openai.map((x) => ({ ...x, dir: "c2s" }))), null);
});

test("a preview is one line of what is there", () => {
	assert.equal(preview(m("s2c", "close", "bye", { code: "1000" })), "1000 normal closure bye");
	assert.equal(preview({ seq: 1, ts: "", dir: "s2c", body: { len: 3, captured: 3, base64: "AAEC" } }), "00 01 02");
	assert.equal(preview({ seq: 1, ts: "", dir: "s2c" }), "");
});

test("direction, kind, size and values of JSON find messages, and - takes them away", () => {
	const big = { ...m("s2c", "text", '{"type":"Price","a":{"b":12}}'), body: { len: 5000, captured: 5000, text: '{"type":"Price","a":{"b":12}}' } };
	for (const w of ["dir:down", "ws.dir:in", "dir:s2c", "kind:text", "size>1kb", "size<5.1kb json.type:pri", "json.a.b=12", "json.a.b>11", "-dir:up", "-nothing"]) assert.ok(finder(w, false)(big), w);
	for (const w of ["dir:up", "kind:close", "size<1kb", "json.type=pri", "json.A.b:12", "json.a.b<12", "json.toString:x", "-price", "size>x"]) assert.ok(!finder(w, false)(big), w);
});

test("close codes have names, steps a sign", () => {
	assert.equal(preview(m("s2c", "close", "", { code: "1012" })), "1012 service restart");
	assert.equal(closeName("4001"), "the application's own code");
	assert.deepEqual([step(4e6), step(0), step(-2e9)], ["+4.0 ms", "+0 ns", "−2.0 s"]);
});

test("messages over time are counted each way, and a bar leads to its first", () => {
	const at = (ms, dir) => ({ ...m(dir, "text", "x"), ts: new Date(1700000000000 + ms).toISOString() });
	const p = bars([at(0, "c2s"), at(1, "s2c"), at(2, "s2c"), at(100, "c2s")], 10);
	assert.deepEqual(p.bars.map((b) => [b.up, b.down, b.first]).filter((b) => b[2] >= 0), [[1, 2, 0], [1, 0, 3]]);
	assert.deepEqual([p.ns, p.most], [100e6, 2]);
	assert.equal(bars([], 4).most, 0);
});
