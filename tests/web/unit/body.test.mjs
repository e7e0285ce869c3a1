// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { languageOf, modesOf, utf8 } from "../../../web/src/model/body.ts";
import { linesOf } from "../../../web/src/model/compare.ts";
import { parseForm } from "../../../web/src/model/form.ts";
import { formatQuery, graphqlOf } from "../../../web/src/model/graphql.ts";

const bytes = (s) => new TextEncoder().encode(s);

test("a form's fields, in their order, with what was encoded", () => {
	const f = parseForm("application/x-www-form-urlencoded; charset=utf-8", bytes("a=1&b=x+y%26&a=%C3%BC&empty=&flag"));
	assert.deepEqual(f.fields.map((x) => [x.name, x.value]), [["a", "1"], ["b", "x y&"], ["a", "ü"], ["empty", ""], ["flag", ""]]);
	assert.equal(parseForm("application/json", bytes("a=1")), null);
	assert.equal(parseForm("application/x-www-form-urlencoded", bytes("a=1&".repeat(1500))).left, 500);
});

test("a multipart form: fields, a file, bytes that look like a boundary", () => {
	const body = ["--XX", 'Content-Disposition: form-data; name="note"', "", "line 1\r\n--X not yet", "--XX", 'content-disposition: form-data; name="ü\\"q"; filename="a b.png"', "Content-Type: image/png", "", "\u0001\u0002", "--XX--", ""].join("\r\n");
	const f = parseForm('multipart/form-data; boundary="XX"', bytes(body));
	assert.equal(f.broken, false);
	assert.deepEqual(f.fields.map(({ name, value, file, type, bytes: n }) => ({ name, value, file, type, n })), [
		{ name: "note", value: "line 1\r\n--X not yet", file: undefined, type: undefined, n: 19 },
		{ name: 'ü"q', value: "\u0001\u0002", file: "a b.png", type: "image/png", n: 2 },
	]);
});

test("a multipart form that was cut shows what there is, and ends at every length", () => {
	const body = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="c"\r\n\r\n22\r\n--b--';
	for (let n = 0; n < body.length; n++) {
		const f = parseForm("multipart/form-data; boundary=b", bytes(body.slice(0, n)));
		assert.ok(f.fields.length <= 2);
		if (n < body.length - 4) assert.ok(f.broken, String(n));
	}
	assert.equal(parseForm("multipart/form-data", bytes(body)), null);
});

test("GraphQL is told from other JSON, with kind, name and variables", () => {
	const of = (v, target = "/graphql") => graphqlOf(target, "application/json", JSON.stringify(v));
	assert.deepEqual(of({ query: "query User($id: ID!) { user(id: $id) { name } }", variables: { id: 7 } })[0], { kind: "query", name: "User", query: "query User($id: ID!) { user(id: $id) { name } }", variables: { id: 7 } });
	assert.equal(of({ query: "{ me { id } }" })[0].kind, "query");
	assert.equal(of({ query: 'mutation { a(s: "query X {") { b } }' })[0].kind, "mutation");
	assert.equal(of({ query: "query A { a } query B { b }", operationName: "B" })[0].name, "B");
	assert.equal(of([{ query: "{ a }" }, { query: "subscription S { b }" }])[1].name, "S");
	assert.deepEqual(of({ query: "shoes", page: 2 }), [], "a search, not GraphQL");
	assert.deepEqual(of({ query: { match: {} } }), [], "Elasticsearch");
	assert.deepEqual(graphqlOf("/search", "application/json", '{"query":'), []);
	assert.equal(of({ operationName: "P", extensions: { persistedQuery: { sha256Hash: "ab" } } })[0].hash, "ab");
	assert.equal(graphqlOf("/graphql?query=%7Ba%7D", "", null)[0].query, "{a}");
	assert.equal(graphqlOf("/x", "application/graphql", "{ a }")[0].kind, "query");
});

test("a document on one line is laid out; one that is laid out stays", () => {
	assert.equal(formatQuery("query U($id: ID!, $n: Int) { user(id: $id) { id name friends(first: $n) { ...F @include(if: true) } } }"), `query U($id: ID!, $n: Int) {
  user(id: $id) {
    id
    name
    friends(first: $n) {
      ...F @include(if: true)
    }
  }
}`);
	assert.equal(formatQuery('{a(in:{x:"{ }",y:[1,2]}) b:c ... on T{d}}'), `{
  a(in:{x:"{ }", y:[1, 2]})
  b:c
  ... on T {
    d
  }
}`);
	assert.equal(formatQuery("{\n a\n}\n"), "{\n a\n}");
});

test("every body has text or hex; the best way of looking comes first", () => {
	const f = { proto: "http1" };
	const t = (text) => ({ text, bytes: null });
	assert.deepEqual(modesOf(f, "resp", "application/json", t("{}"), false), ["tree", "text", "hex"]);
	assert.deepEqual(modesOf(f, "req", "application/json", t('{"query":"{ a }"}'), false), ["graphql", "tree", "text", "hex"]);
	assert.deepEqual(modesOf(f, "resp", "text/html", t("<p>"), false), ["text", "preview", "hex"]);
	assert.deepEqual(modesOf(f, "req", "application/x-www-form-urlencoded", t("a=1"), false), ["form", "text", "hex"]);
	assert.deepEqual(modesOf(f, "resp", "application/msgpack", { text: null, bytes: new Uint8Array(1) }, true), ["fields", "hex", "text"]);
	assert.equal(languageOf("application/problem+json; x", t("")), "json");
	assert.equal(languageOf("image/svg+xml", t("")), "xml");
	assert.deepEqual(utf8(new Uint8Array([0x61, 0xc3])), t("a"));
});

test("flows are compared by head and body, JSON a value a line with all digits", () => {
	const lines = linesOf({ request: { op: "GET", target: "/a", headers: [["Host", "x"]], body: null }, response: { status: "200", reason: "OK", headers: [], attrs: { "trailer:T": "1", version: "1.1" }, body: { len: 1, captured: 1, type: "application/json", text: '{"big":12345678901234567890,"e":[],"s":"a,{\\"b"}' } } });
	assert.equal(lines, `REQUEST
GET /a
Host: x

(no body)

RESPONSE
200 OK
trailer:T: 1
version: 1.1

{
  "big": 12345678901234567890,
  "e": [],
  "s": "a,{\\"b"
}`);
});
