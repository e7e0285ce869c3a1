// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { bytesOfBase64, foldText, hexLine, textLine } from "../../../web/src/model/lines.ts";

const all = (t) => t.start.map((_, i) => textLine(t, i));

test("lines: text is cut at line feeds and folded at the width", () => {
	assert.deepEqual(all(foldText("a\nbc\n\nd", 80)), ["a", "bc", "", "d"]);
	assert.deepEqual(all(foldText("a\r\nb\n", 80)), ["a", "b"]);
	assert.deepEqual(all(foldText("", 80)), [""]);
	const t = foldText("0123456789abcdefXYZ\nend", 8);
	assert.deepEqual(all(t), ["01234567", "89abcdef", "XYZ", "end"]);
	assert.deepEqual(t.number, [1, 0, 0, 2]);
});

test("lines: folding never splits a character", () => {
	const t = foldText("😀".repeat(40), 9);
	for (const l of all(t)) assert.ok(!/[\ud800-\udbff]$/.test(l), l);
	assert.equal(all(t).join(""), "😀".repeat(40));
});

test("lines: a line of ten megabytes is folded in reasonable time, and whole", () => {
	const text = "x".repeat(10_000_000);
	const from = process.cpuUsage();
	const t = foldText(text, 120);
	assert.ok(process.cpuUsage(from).user < 1_000_000);
	assert.equal(t.start.length, Math.ceil(10_000_000 / 120));
	assert.equal(textLine(t, t.start.length - 1).length, 10_000_000 % 120);
});

test("lines: a hex line has offset, bytes and ASCII", () => {
	const b = Uint8Array.from({ length: 20 }, (_, i) => i + 0x3c);
	assert.deepEqual(hexLine(b, 0), { offset: "00000000", hex: "3c 3d 3e 3f 40 41 42 43  44 45 46 47 48 49 4a 4b ", ascii: "<=>?@ABCDEFGHIJK" });
	const last = hexLine(b, 1);
	assert.equal(last.offset, "00000010");
	assert.equal(last.hex.trimEnd(), "4c 4d 4e 4f");
	assert.equal(last.hex.length, hexLine(b, 0).hex.length);
	assert.equal(last.ascii, "LMNO");
	assert.equal(hexLine(Uint8Array.of(0, 10, 0xff), 0).ascii, "···");
});

test("lines: base64 becomes the bytes", () => {
	assert.deepEqual([...bytesOfBase64("AP9BQg==")], [0, 255, 65, 66]);
});
