// SPDX-License-Identifier: Apache-2.0
// Keys and their words, the samples' times, the licences of what is bundled.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { lines, spelled, WORDS } from "../../../web/src/ui/key-help.ts";
import { asOfNow } from "../../../web/src/model/samples.ts";

test("a key is spelled as people know it", () => {
	assert.deepEqual(["+", " ", "Ctrl+Shift+Delete", "Shift+ArrowUp", "Ctrl+k", "G", "\\"].map(spelled), ["+", "Space", "Ctrl+Shift+Del", "Shift+↑", "Ctrl+K", "G", "\\"]);
});
test("each key with words is on one line of the help", () => {
	const shown = lines().flatMap((l) => l.keys);
	assert.equal(new Set(shown).size, shown.length);
	assert.deepEqual(new Set(shown), new Set(Object.keys(WORDS).filter((k) => WORDS[k][1])));
});
test("samples are of now, to the nanosecond as far apart as they were", () => {
	const text = [
		{ id: "a", ts: "2026-01-01T00:00:00.123456789Z", messages: [{ ts: "2026-01-01T00:00:00.200000001Z" }] },
		{ id: "b", ts: "2026-01-01T00:00:01.123000000Z" },
	].map((f) => JSON.stringify(f)).join("\n");
	const r = asOfNow(text, Date.parse("2026-11-23T12:00:00.000Z"));
	const flows = r.text.trim().split("\n").map((l) => JSON.parse(l));
	assert.deepEqual(r.ids, ["a", "b"]);
	assert.equal(flows[0].ts, "2026-11-23T11:59:59.000456789Z");
	assert.equal(flows[0].messages[0].ts, "2026-11-23T11:59:59.077000001Z");
	assert.equal(flows[1].ts, "2026-11-23T12:00:00.000000000Z");
});
test("the samples are flows of many protocols, and no more than 100 KB", () => {
	const text = readFileSync("web/samples.jsonl", "utf8");
	assert.ok(text.length < 100000, `${text.length} bytes`);
	const protos = new Set(text.trim().split("\n").map((l) => JSON.parse(l).proto));
	for (const p of ["http1", "postgres", "redis", "grpc", "websocket", "sse"]) assert.ok(protos.has(p), p);
});
test("every package that is not for building alone is named with version and licence", () => {
	const lock = JSON.parse(readFileSync("web/package-lock.json", "utf8"));
	const text = readFileSync("LICENSES/page.txt", "utf8");
	const bundled = Object.entries(lock.packages).filter(([at, p]) => at && !p.dev);
	assert.ok(bundled.length > 10);
	for (const [at, p] of bundled) {
		assert.ok(text.includes(`\n${at.replace(/^.*node_modules\//, "")} ${p.version} (${p.license})\n`), at);
		assert.ok(text.includes(readFileSync(`web/${at}/LICENSE`, "utf8").replace(/\r/g, "").trim()), `the text of ${at}`);
	}
});
