// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { finder, joined, preview } from "../../../web/src/model/talk-text.ts";

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
	assert.equal(preview(m("s2c", "close", "bye", { code: "1000" })), "1000 bye");
	assert.equal(preview({ seq: 1, ts: "", dir: "s2c", body: { len: 3, captured: 3, base64: "AAEC" } }), "00 01 02");
	assert.equal(preview({ seq: 1, ts: "", dir: "s2c" }), "");
});
