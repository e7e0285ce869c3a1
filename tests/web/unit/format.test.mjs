// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { age, bodyLine, clock, clockLong, count, duration, oneLine, size, statusKind, statusText, utf16Offset } from "../../../web/src/model/format.ts";

test("format: durations have two or three digits and the unit that fits", () => {
	const table = [
		[0, "0 ns"], [999, "999 ns"], [1000, "1 µs"], [850400, "850 µs"], [999499, "999 µs"], [999500, "1.0 ms"],
		[4123456, "4.1 ms"], [9.949e6, "9.9 ms"], [9.96e6, "10 ms"], [120e6, "120 ms"], [999.4e6, "999 ms"], [999.5e6, "1.0 s"],
		[1.84e9, "1.8 s"], [59.94e9, "59.9 s"], [59.96e9, "1m 0s"], [362e9, "6m 2s"], [3599.6e9, "1h 0m"], [7260e9, "2h 1m"], [90000e9, "1d 1h"],
		[-1, "–"], [NaN, "–"],
	];
	for (const [ns, text] of table) assert.equal(duration(ns), text);
});

test("format: sizes are in SI units", () => {
	const table = [
		[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [1240, "1.2 kB"], [9949, "9.9 kB"], [9950, "10 kB"], [14000, "14 kB"],
		[999499, "999 kB"], [999500, "1.0 MB"], [5e6, "5.0 MB"], [38e6, "38 MB"], [2.5e9, "2.5 GB"], [3e12, "3.0 TB"], [NaN, "–"],
	];
	for (const [n, text] of table) assert.equal(size(n), text);
});

test("format: counts are grouped in threes", () => {
	assert.equal(count(0), "0");
	assert.equal(count(999), "999");
	assert.equal(count(48211).replace(/\u202f/g, " "), "48 211");
	assert.equal(count(1234567).replace(/\u202f/g, " "), "1 234 567");
});

test("format: an age has one unit", () => {
	assert.equal(age(5e9), "5 s");
	assert.equal(age(41 * 60e9), "41 min");
	assert.equal(age(3 * 3600e9), "3 h");
	assert.equal(age(5 * 86400e9), "5 days");
	assert.equal(age(-4), "0 s");
});

test("format: a time of day has milliseconds, its tooltip nanoseconds in UTC", () => {
	assert.match(clock("1795352527123456789"), /^\d\d:\d\d:\d\d\.123$/);
	assert.match(clockLong("1795352527123456789"), /\(2026-11-22T\d\d:\d\d:07\.123456789Z\)$/);
});

test("format: nothing in foreign text hides or turns round what follows it", () => {
	assert.equal(oneLine("a\u0000b\nc\u007f"), "a\u2400b\u240ac\u2421");
	assert.equal(oneLine("x\u202eevil"), "x[U+202E]evil");
	assert.equal(oneLine("zero\u200bwidth\ufeff"), "zero[U+200B]width[U+FEFF]");
	assert.equal(oneLine("half \ud83d of a pair"), "half [U+D83D] of a pair");
	assert.equal(oneLine("a whole 😀 pair"), "a whole 😀 pair");
	assert.equal(oneLine("<b>&amp;"), "<b>&amp;");
	assert.equal(oneLine("abcdef", 3), "abc…");
	assert.equal(bodyLine("\ta\u0001"), "\ta\u2401");
});

test("format: each status has a kind and words", () => {
	const k = (status, state = "done", failed = false) => statusKind({ status, state, failed });
	assert.equal(k("200"), "ok");
	assert.equal(k("101"), "info");
	assert.equal(k("304"), "redirect");
	assert.equal(k("404", "done", true), "client");
	assert.equal(k("503", "done", true), "server");
	assert.equal(k("42P01", "done", true), "server");
	assert.equal(k(null, "open"), "pending");
	assert.equal(k(null, "unanswered"), "lost");
	assert.equal(k("200", "reset"), "lost");
	assert.equal(statusText({ status: "404", reason: "Not Found", state: "done" }), "404 Not Found");
	assert.equal(statusText({ status: null, reason: null, state: "unanswered" }), "no answer");
	assert.equal(statusText({ status: null, reason: null, state: "open" }), "pending");
});

test("format: the hub's byte offsets become offsets in a string", () => {
	assert.equal(utf16Offset("abc", 2), 2);
	assert.equal(utf16Offset("ä=1", 2), 1);
	assert.equal(utf16Offset("€x", 3), 1);
	assert.equal(utf16Offset("😀x", 4), 2);
	assert.equal(utf16Offset("ab", 99), 2);
});
