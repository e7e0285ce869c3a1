// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, utf8Length } from "../../../web/src/model/complete";
import { add, exclude, has, likeThis, parts, termOf, without } from "../../../web/src/model/terms";

const row = (o = {}) => ({ proto: "http1", src: "web", dst: "api", src_ip: "172.18.0.3:40312", dst_ip: "[fd00::1]:80", op: "GET", target: "/v1/x?a=1", host: "api", status: "404", state: "done", dur_ns: 1234567, req_len: 5, resp_len: 7, type: "text/html; charset=x", flags: [], ...o });

test("terms: a value says which flows are like it", () => {
	const r = row();
	const of = (c) => termOf(c, r);
	assert.deepEqual(["from", "to", "fromip", "toip", "op", "target", "status", "duration", "type", "n"].map(of), ["src=web", "dst=api", "ip:172.18.0.3", "ip:fd00::1", "op:GET", "path=/v1/x", "status:404", "dur>=1234us", 'type="text/html; charset=x"', ""]);
	assert.equal(termOf("from", row({ src: 'a "b" (c)' })), 'src="a \\"b\\" (c)"');
	assert.equal(termOf("target", row({ proto: "postgres", target: "SELECT 1" })), 'target="SELECT 1"');
	assert.equal(termOf("target", row({ target: "/" + "x".repeat(900), cut: true })), `target:"/${"x".repeat(199)}"`);
	assert.equal(termOf("status", row({ status: null, state: "open" })), "is:pending");
	assert.equal(termOf("note", row({ note: "see x" })), 'note:"see x"');
	assert.equal(likeThis(r), "src=web dst=api op:GET path=/v1/x");
});

test("terms: a filter's parts keep quotes and parentheses together", () => {
	assert.deepEqual(parts('a "b c"  (d or e) path~"x y\\" z" -(f g)'), ["a", '"b c"', "(d or e)", 'path~"x y\\" z"', "-(f g)"]);
	assert.deepEqual(parts(""), []);
});

test("terms: adding, excluding and taking away", () => {
	assert.equal(add("", "op:GET"), "op:GET");
	assert.equal(add("op:GET", "op:GET"), "op:GET");
	assert.equal(add("status:5xx", "op:GET"), "status:5xx op:GET");
	assert.equal(add("a or b", "op:GET"), "(a or b) op:GET");
	assert.equal(add("-op:GET x", "op:GET"), "x op:GET");
	assert.equal(exclude("op:GET x", "op:GET"), "x -op:GET");
	assert.equal(exclude("", "src=web dst=api"), "-(src=web dst=api)");
	assert.equal(without("a b  c", "b"), "a c");
	assert.ok(has("x is:error", "is:error") && !has('x "is:error"', "is:error"));
});

test("terms: a choice is put where it belongs, whatever the letters before it weigh", () => {
	assert.deepEqual(choose("sta", { at: 0, len: 3, kind: "key", text: "status" }), { text: "status:", cursor: 7 });
	assert.deepEqual(choose("sta>=5", { at: 0, len: 3, kind: "key", text: "status" }), { text: "status>=5", cursor: 6 });
	assert.deepEqual(choose("hea", { at: 0, len: 3, kind: "key", text: "header" }), { text: "header.", cursor: 7 });
	assert.deepEqual(choose("header.ho", { at: 7, len: 2, kind: "name", text: "Host" }), { text: "header.Host:", cursor: 12 });
	assert.deepEqual(choose("é status:4 x", { at: 10, len: 1, kind: "value", text: "404" }), { text: "é status:404 x", cursor: 12 });
	assert.equal(utf8Length("é𝒳a"), 7);
});
