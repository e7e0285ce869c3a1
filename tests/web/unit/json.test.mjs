// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { JsonTree, parseJson, preview, unquote } from "../../../web/src/model/jsontree.ts";

/* What JSON.parse makes of the same text. */
function rebuild(d, i = 0) {
	if (d.kind[i] > 1) return JSON.parse(d.text.slice(d.start[i], d.end[i]));
	const r = d.kind[i] === 0 ? {} : [];
	for (let c = i + 1; c < d.after[i]; c = d.after[c]) {
		if (d.kind[i] === 0) r[d.key[c]] = rebuild(d, c);
		else r.push(rebuild(d, c));
	}
	return r;
}

const DOCUMENTS = [
	"{}", "[]", "0", "-1.5e+10", '"a\\"b\\\\"', "true", "null", ' [1, [2, [3, {}]], {"a": {"b": []}}] ',
	'{"k\\u0041": "\\ud83d\\ude00", "": "", "n": null}', '[{"a":1},{"a":2}]', "[1e5,-0,0.1]",
];

test("json: a tree says the same as JSON.parse", () => {
	for (const text of DOCUMENTS) {
		const d = parseJson(text);
		assert.equal(d.error, null, text);
		assert.deepEqual(rebuild(d), JSON.parse(text));
	}
});

test("json: what JSON.parse refuses is reported with its place", () => {
	for (const text of ["", " ", "{", "[1,]", '{"a"}', '{"a":}', "{a:1}", "[1 2]", "tru", '"abc', '{"a":1,}', "01", "[", "nulll"]) {
		const d = parseJson(text);
		let ok = true;
		try { JSON.parse(text); } catch { ok = false; }
		assert.equal(ok, false);
		assert.ok(d.error, text);
		assert.ok(d.error.at <= text.length);
		assert.ok(d.error.text.length > 5);
	}
});

test("json: of a document cut anywhere, everything before the cut is there", () => {
	const text = '{"a": [1, 2, {"b": "x\\"y"}], "c": true}';
	for (let n = 0; n < text.length; n++) {
		const d = parseJson(text.slice(0, n));
		assert.ok(d.error, String(n));
		for (let i = 0; i < d.kind.length; i++) assert.ok(d.after[i] > i && d.after[i] <= d.kind.length);
	}
	const d = parseJson('{"a": [1, 2, {"b": "x');
	assert.deepEqual(d.key, ["a"].length ? [null, "a", null, null, null] : []);
	assert.match(d.error.text, /ends here/);
});

test("json: numbers keep their digits, keys may come twice, documents may follow each other", () => {
	const d = parseJson('{"n": 12345678901234567890, "n": 1}\n{"m": 2}\n');
	assert.equal(d.error, null);
	assert.equal(d.text.slice(d.start[1], d.end[1]), "12345678901234567890");
	assert.deepEqual(d.key, [null, "n", "n", null, "m"]);
	assert.deepEqual(d.depth, [0, 1, 1, 0, 1]);
});

test("json: nesting without end is refused, and costs no stack", () => {
	const d = parseJson("[".repeat(1_000_000));
	assert.match(d.error.text, /nested/);
	assert.ok(d.kind.length <= 600);
});

test("json: four megabytes are read well within a second", () => {
	const text = JSON.stringify(Array.from({ length: 60000 }, (_, i) => ({ id: i, name: "Widget " + i, tags: ["a", "b"], price: i / 7 })));
	const from = process.cpuUsage();
	const d = parseJson(text);
	const used = process.cpuUsage(from); /* not the clock: others work on this machine too */
	const ms = (used.user + used.system) / 1000;
	assert.equal(d.error, null);
	assert.equal(d.count[0], 60000);
	assert.ok(ms < 1000, `${text.length} characters took ${ms.toFixed(0)} ms`);
});

test("json: lines fold and unfold", () => {
	const t = new JsonTree(parseJson('{"a": {"b": 1, "c": [1, 2]}, "d": 3, "e": []}'));
	assert.equal(t.lines.length, 8);
	assert.equal(t.toggle(1), true);
	assert.deepEqual(t.lines.map((n) => t.doc.key[n]), [null, "a", "d", "e"]);
	assert.equal(t.toggle(2), false, "a number does not fold");
	assert.equal(t.toggle(3), false, "an empty array does not fold");
	t.all(true);
	assert.equal(t.lines.length, 8);
	assert.equal(t.parent(5), 3);
	t.all(false);
	assert.equal(t.lines.length, 4);
});

test("json: a large document is not all open", () => {
	const t = new JsonTree(parseJson(JSON.stringify({ list: Array.from({ length: 5000 }, (_, i) => ({ id: i })) })));
	assert.ok(t.lines.length < 200, String(t.lines.length));
});

test("json: a closed container shows its beginning", () => {
	const d = parseJson('{"a": {"id": 7, "name": "Zoë", "x": [1]}}');
	assert.equal(preview(d, 1), 'id: 7, name: "Zoë", x: […]');
	assert.match(preview(parseJson(JSON.stringify(Array(100).fill(5))), 0, 20), /…$/);
	assert.equal(unquote('"a\\nb"'), "a\nb");
	assert.equal(unquote('"broken\\x"'), "broken\\x");
});
