// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { wireFields } from "../../../web/src/model/protobuf.ts";

const bytes = (hex) => Uint8Array.from(hex.replace(/\s/g, "").match(/../g) ?? [], (x) => parseInt(x, 16));
const said = (hex, ...more) => wireFields(bytes(hex), ...more).map((f) => [f.depth, f.number, f.wire, f.name, f.value, f.other]);

test("fields without a schema: numbers, wire types, what is likely and what else it may be", () => {
	assert.deepEqual(said("0a04572d3139 10 28"), [
		[0, 1, "bytes", "", '"W-19"', ""],
		[0, 2, "varint", "", "40", "sint 20"],
	]);
	assert.deepEqual(said("08 01 18 ffffffffffffffffff01"), [
		[0, 1, "varint", "", "1", "bool true, sint -1"],
		[0, 3, "varint", "", "-1", "unsigned 18446744073709551615, sint -9223372036854775808"],
	]);
	assert.deepEqual(said("09 0000000000002940 15 0000c841"), [
		[0, 1, "64 bits", "", "12.5", "fixed 4623226492472524800"],
		[0, 2, "32 bits", "", "25", "fixed 1103626240"],
	]);
	assert.deepEqual(said("1a 04 08 96 01 00".replace("00", "") + "2a 02 ff fe").slice(0, 1), [[0, 3, "bytes", "", "08 96 01 2a", "numbers [8, 150, 42]"]]);
	assert.deepEqual(said("1a 03 089601"), [[0, 3, "bytes", "", "message", ""], [1, 1, "varint", "", "150", "sint 75"]]);
});

test("with a schema: names, and values as its types read them", () => {
	const types = new Map([
		["shop.Item", new Map([[1, { name: "sku", type: "string" }], [2, { name: "delta", type: "sint32" }], [5, { name: "inner", type: "message", of: "shop.Inner" }], [6, { name: "on", type: "bool" }]])],
		["shop.Inner", new Map([[1, { name: "blob", type: "bytes" }]])],
	]);
	assert.deepEqual(said("0a0161 1003 2a03 0a0161 3001 38 07", "shop.Item", (t) => types.get(t)), [
		[0, 1, "bytes", "sku", '"a"', ""],
		[0, 2, "varint", "delta", "-2", ""],
		[0, 5, "bytes", "inner", "shop.Inner", ""],
		[1, 1, "bytes", "blob", "61", ""],
		[0, 6, "varint", "on", "true", ""],
		[0, 7, "varint", "", "7", "sint -4"],
	]);
});

test("what is cut off or no message says so, and takes bounded time", () => {
	assert.deepEqual(said("0a05 6162"), [[0, 0, "rest", "", "0a 05 61 62", "no field: cut off, or no message"]]);
	assert.deepEqual(said("00"), [[0, 0, "rest", "", "00", "no field: cut off, or no message"]]);
	assert.deepEqual(said(""), []);
	/* Nested as deep as a megabyte allows. */
	let deep = bytes("0801");
	for (let i = 0; i < 400; i++) deep = Uint8Array.from([10, ...(deep.length < 128 ? [deep.length] : [(deep.length & 127) | 128, deep.length >> 7]), ...deep]);
	assert.ok(wireFields(deep).length < 60);
	const begin = performance.now();
	assert.equal(wireFields(new Uint8Array(1 << 20).fill(8)).length, 5000);
	assert.ok(performance.now() - begin < 5000);
});
