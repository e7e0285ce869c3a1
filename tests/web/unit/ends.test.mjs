// SPDX-License-Identifier: Apache-2.0
// The choice of connections, as a line of text and back.
import assert from "node:assert/strict";
import test from "node:test";
import { formatEnds, parseEnds } from "../../../web/src/model/ends.ts";

test("a line of text becomes rules", () => {
	for (const [text, rules] of [
		["", []],
		["  ", []],
		["port 80", ["port 80"]],
		["port 80 443, 8000-8100", ["port 80,443,8000-8100"]],
		["not port 22; address 10.0.0.0/8", ["not port 22", "address 10.0.0.0/8"]],
		["Address 10.0.0.1, ::1 NOT address 2001:db8::/32", ["address 10.0.0.1", "address ::1", "not address 2001:db8::/32"]],
		["udp all", ["udp all"]],
	])
		assert.deepEqual(parseEnds(text), { rules }, text);
});
test("what is no rule is said", () => {
	for (const [text, about] of [
		["80", /80.*begin with port/],
		["port", /port.*value/],
		["port not 22", /port.*value/],
		["not", /not.*port or address/],
		["port 80 not", /not.*port or address/],
	])
		assert.match(parseEnds(text).error, about, text);
});
test("rules become the same rules again", () => {
	const rules = ["port 80,443", "not port 22", "address 10.0.0.0/8", "not address ::1", "udp 53,5300-5400"];
	assert.deepEqual(parseEnds(formatEnds(rules)), { rules });
	assert.equal(formatEnds(["port 80,443", "not port 22"]), "port 80, 443 not port 22");
});
