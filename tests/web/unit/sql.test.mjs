// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { csv, json, layOut, listOf, literal, resultsOf, rowOf, toText, tokenAt, tokenize, withValues, tsv } from "../../../web/src/model/sql.ts";

const laid = (sql, mysql = false) => toText(layOut(tokenize(sql, mysql)));
const kinds = (sql, mysql = false) => tokenize(sql, mysql).filter((t) => t.kind !== "space").map((t) => `${t.kind}:${t.text}`);

test("tokens are the source, whatever it is", () => {
	let seed = 7;
	const rnd = (n) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
	const parts = ["SELECT", "'it''s'", "'", '"', "`", "$$", "$1", "?", "--", "/*", "*/", "\n", " ", "(", ")", ",", "1.5e3", "E'\\'", "::", "ä", "\\", "#", ";"];
	for (let i = 0; i < 5000; i++) {
		const sql = Array.from({ length: rnd(12) }, () => parts[rnd(parts.length)]).join("");
		for (const mysql of [false, true]) {
			assert.equal(toText(tokenize(sql, mysql)), sql);
			const squeeze = (s) => s.replace(/\s+/g, "");
			assert.equal(squeeze(laid(sql, mysql)), squeeze(sql), sql);
		}
	}
});

test("strings, names, numbers and parameters of both dialects", () => {
	assert.deepEqual(kinds(`SELECT "a", 'b''c', $1, 1.5, t2.x::int`), ["keyword:SELECT", 'name:"a"', "op:,", "string:'b''c'", "op:,", "value:$1", "op:,", "number:1.5", "op:,", "word:t2", "op:.", "word:x", "op:::", "word:int"]);
	assert.deepEqual(kinds(`SELECT \`a\`, "b\\"c", ? # why`, true), ["keyword:SELECT", "name:`a`", "op:,", 'string:"b\\"c"', "op:,", "value:?", "comment:# why"]);
	assert.deepEqual(kinds("SELECT $f$ it's $f$ -- x"), ["keyword:SELECT", "string:$f$ it's $f$", "comment:-- x"]);
});

test("clauses begin lines, short lists stay on theirs", () => {
	assert.equal(laid("SELECT id,  name FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.id = $1 AND x BETWEEN 1 AND 2 ORDER BY id LIMIT 5"), "SELECT id, name\nFROM users u\n  LEFT JOIN orders o ON o.user_id = u.id\nWHERE u.id = $1\n  AND x BETWEEN 1 AND 2\nORDER BY id\nLIMIT 5");
	assert.equal(laid("INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = 3 RETURNING id"), "INSERT INTO t (a, b)\nVALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = 3\nRETURNING id");
	assert.equal(laid("DELETE FROM t WHERE a = 1"), "DELETE FROM t\nWHERE a = 1");
	assert.equal(laid("SELECT count(*) FROM t FOR UPDATE"), "SELECT count(*)\nFROM t FOR UPDATE");
});

test("long lists are one entry a line, and queries inside are set in", () => {
	const long = laid("SELECT first_column_of_many, second_column_of_many, third_column_of_many, fourth FROM t");
	assert.equal(long, "SELECT first_column_of_many,\n  second_column_of_many,\n  third_column_of_many,\n  fourth\nFROM t");
	assert.equal(laid("SELECT a FROM t WHERE id IN (SELECT id FROM other_table WHERE something = 12345)"), "SELECT a\nFROM t\nWHERE id IN (\n    SELECT id\n    FROM other_table\n    WHERE something = 12345\n  )");
});

test("values are put in as they would be written", () => {
	const put = (sql, params, types = [], mysql = false) => toText(withValues(tokenize(sql, mysql), params, types, mysql));
	assert.equal(put("SELECT $2, $1, $3 LIMIT $4", ["it's", null, "5", "10"], ["text", "text", "int4"]), "SELECT NULL, 'it''s', 5 LIMIT 10");
	assert.equal(put("SELECT ? , '?' , ?", ["a\\b", "7"], [], true), "SELECT 'a\\\\b' , '?' , '7'");
	assert.equal(put("SELECT $1, $9", ["x"]), "SELECT 'x', $9");
	assert.equal(literal("t", "bool", false), "true");
	assert.equal(literal("1; DROP TABLE t", "int4", false), "'1; DROP TABLE t'");
});

test("the place of an error counts characters", () => {
	assert.equal(tokenAt("SELECT 'ä😀' FORM t", 13), 13);
	assert.equal(tokenAt("SELEC 1", 1), 0);
});

test("rows belong to their results", () => {
	assert.deepEqual(resultsOf({ columns: '["id"]', types: '["int4"]', rows: "1204" }, 40), [{ columns: ["id"], types: ["int4"], first: 0, n: 40, sent: 1204 }]);
	const two = resultsOf({ columns: ['["a"]', '["b","c"]'], types: ['["int4"]', '["text","text"]'], tag: ["SELECT 2", "INSERT 0 1", "SELECT 1"], rows: "3" }, 3);
	assert.deepEqual(two.map((r) => [r.columns.join(), r.first, r.n]), [["a", 0, 2], ["b,c", 2, 1]]);
	const mysql = resultsOf({ results: '[{"columns":["x"],"types":["LONG"],"rows":1},{"affected":3},{"columns":["y"],"types":[],"rows":2}]' }, 3);
	assert.deepEqual(mysql.map((r) => [r.columns.join(), r.first, r.n]), [["x", 0, 1], ["y", 1, 2]]);
	assert.equal(resultsOf({ results: "{not json" }, 2).length, 1);
});

test("values of rows, lists and what is none of them", () => {
	assert.deepEqual(rowOf('["1",null,""]'), ["1", null, ""]);
	assert.equal(rowOf('["1",nu'), null);
	assert.deepEqual(listOf('["a",null]'), ["a", null]);
	assert.deepEqual(listOf("cut ["), []);
	assert.equal(csv(["a", "b"], [["1", null], ["", 'x"y']]), 'a,b\r\n1,\r\n"","x""y"\r\n');
	assert.deepEqual(JSON.parse(json(["a", "a"], [["1", null]])), [{ a: "1", a_2: null }]);
});

test("rows as tab-separated text tell NULL, empty and breaks apart", () => {
	assert.equal(tsv(["a", "b"], [[null, ""], ["x\ty", "1\n\\N"]]), "a\tb\n\\N\t\nx\\ty\t1\\n\\\\N\n");
});
