// SPDX-License-Identifier: Apache-2.0
// SQL: the statement, its values, its error, its rows.
import assert from "node:assert/strict";
import { $, HOSTILE, clean, clipboard, feeder, hub, noFilter, page, rowOf, screen, setFilter, targets, text, themed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

const NONE = { reqHeaders: [], respHeaders: [], reason: "", from: "api", to: "db" };
const ORDERS = "SELECT o.id, o.created_at, u.name, o.total, o.note, o.raw FROM orders o JOIN users u ON u.id = o.user_id WHERE o.user_id = $1 AND o.state = $2 AND o.note IS DISTINCT FROM $3 ORDER BY o.created_at DESC LIMIT $4";
const rows = (n) => Array.from({ length: n }, (_, i) => JSON.stringify([String(16 + i), `2026-11-22 13:17:${String(i % 60).padStart(2, "0")}.659+00`, i === 1 ? HOSTILE : "Zoë", "19.99", i === 0 ? null : i === 1 ? "" : "a note", "\\x00ff"])).join("\n") + "\n";

const orders = () =>
	flow({
		...NONE,
		proto: "postgres",
		op: "Execute",
		target: ORDERS,
		status: "SELECT",
		ms: 4,
		reqAttrs: [["statement", "s7"], ["params", JSON.stringify(["7", "it's new", null, "40"])]],
		respBody: { data: rows(3000), len: 990000, type: "application/x-ndjson" },
		respAttrs: [["param_types", '["int8","text","text","int8"]'], ["columns", '["id","created_at","name","total","note","raw"]'], ["types", '["int8","timestamptz","text","numeric","text","bytea"]'], ["tag", "SELECT 12040"], ["rows", "12040"]],
	});
const failed = () =>
	flow({
		...NONE,
		proto: "postgres",
		op: "Query",
		target: "SELECT id,\n  nam FROM users",
		status: "42703",
		reason: 'column "nam" does not exist',
		failed: true,
		respBody: { data: "" },
		respAttrs: [["severity", "ERROR"], ["position", "14"], ["hint", 'Perhaps you meant to reference the column "users.name".'], ["file", "parse_relation.c"], ["routine", "errorMissingColumn"]],
	});
const mysql = () =>
	flow({
		...NONE,
		proto: "mysql",
		op: "Query",
		target: "SELECT 1 AS a; SELECT `x y`, \"s\" FROM t -- two",
		status: "OK",
		respBody: { data: '["1"]\n["2",null]\n["3","0xFF"]\n', type: "application/x-ndjson" },
		respAttrs: [["columns", '["a"]'], ["types", '["LONG"]'], ["rows", "3"], ["results", '[{"columns":["a"],"types":["LONG"],"rows":1},{"columns":["x y","s"],"types":["LONG","BLOB"],"rows":2}]']],
	});

/* The only row there is under that filter, which has this text. */
const open = async (filter, what) => {
	await setFilter(filter);
	await until(`one row: ${filter}`, async () => (await targets()).length === 1 && (await targets())[0].includes(what));
	await rowOf(what).click();
};
const cells = (n) => page.evaluate((k) => [...[...document.querySelectorAll(".sql-row:not([hidden])")].find((r) => r.getAttribute("aria-rowindex") === String(k + 2)).children].map((c) => c.textContent), n);

export async function sql() {
	await test("a statement is laid out, with its parameters, and with its values in it", async () => {
		await feeder.flows([orders(), failed(), mysql()]);
		await open('target:"FROM orders o"', "FROM orders o");
		await page.getByRole("tab", { name: "Statement" }).click();
		await until("the statement", async () => /FROM orders o\n {2}JOIN users u ON u\.id = o\.user_id\nWHERE o\.user_id = \$1\n {2}AND o\.state = \$2/.test(await text(".sql-text")));
		assert.match(await text(".sql-view"), /12.040 rows, prepared as s7/);
		assert.deepEqual(await page.locator(".sql-params tbody tr").allInnerTexts(), ["$1\tint8\t7", "$2\ttext\tit's new", "$3\ttext\tNULL", "$4\tint8\t40"]);
		await themed(async (scheme) => {
			await clean("a statement");
			await screen(`sql-statement-${scheme}`);
		});
		await page.getByText("With values", { exact: true }).click();
		await until("values", async () => /o\.user_id = 7\n {2}AND o\.state = 'it''s new'\n {2}AND o\.note IS DISTINCT FROM NULL[\s\S]*LIMIT 40/.test(await text(".sql-text")));
		await page.getByRole("button", { name: "Copy the statement" }).click();
		await until("it is copied", async () => /LIMIT 40$/.test(await clipboard()));
		await page.getByText("As sent", { exact: true }).click();
		await until("as sent", async () => (await text(".sql-text")) === ORDERS);
		await page.getByText("Formatted", { exact: true }).click();
	});
	await test("rows are a grid that says which values are NULL, empty or bytes, and how many there were", async () => {
		await page.getByRole("tab", { name: "Result" }).click();
		await until("the grid", async () => (await page.locator(".sql-row:not([hidden])").count()) > 5);
		assert.deepEqual(await page.locator(".sql-head [role=columnheader]").allInnerTexts(), ["Row", "id\nint8", "created_at\ntimestamptz", "name\ntext", "total\nnumeric", "note\ntext", "raw\nbytea"]);
		assert.deepEqual(await cells(0), ["1", "16", "2026-11-22 13:17:00.659+00", "Zoë", "19.99", "NULL", "\\x00ff"]);
		assert.deepEqual((await cells(1)).slice(3, 6), [HOSTILE, "19.99", "empty"]);
		assert.equal(await page.evaluate(() => window.pwned), undefined);
		assert.match(await text(".sql-result .side-sum"), /3.000 of 12.040 rows kept, 6 columns/);
		assert.match(await text(".body-note"), /Only the first/);
		await themed(async (scheme) => {
			await clean("a result");
			await screen(`sql-result-${scheme}`);
		});
	});
	await test("its cells are walked by keyboard, a value is shown whole, rows are copied as CSV and JSON", async () => {
		await page.locator(".sql-grid").focus();
		await page.keyboard.press("End");
		await until("the last row", async () => (await cells(2999))[1] === "3015");
		assert.ok((await page.locator(".sql-row").count()) < 80);
		await page.keyboard.press("Home");
		await page.keyboard.press("ArrowDown");
		await page.keyboard.press("ArrowRight");
		await page.keyboard.press("ArrowRight");
		await page.keyboard.press("Enter");
		await until("the value", async () => (await text(".sql-whole pre")) === HOSTILE);
		await page.getByRole("button", { name: "Copy CSV" }).click();
		await until("CSV", async () => (await clipboard()).startsWith("id,created_at,name,total,note,raw\r\n16,2026-11-22 13:17:00.659+00,Zoë,19.99,,\\x00ff\r\n"));
		await page.getByRole("button", { name: "Copy JSON" }).click();
		await until("JSON", async () => JSON.parse(await clipboard())[1].note === "");
	});
	await test("an error has its place in the statement, its hint and its words", async () => {
		await open("status:42703", "nam FROM");
		await page.getByRole("tab", { name: "Statement" }).click();
		await until("the place", async () => (await page.locator(".sql-text mark").allInnerTexts()).join() === "nam");
		assert.match(await text(".sql-error"), /ERROR 42703 column "nam" does not exist\s+Hint: Perhaps you meant/);
		await themed(async (scheme) => {
			await clean("an error");
			await screen(`sql-error-${scheme}`);
		});
	});
	await test("several results are told apart", async () => {
		await open("proto:mysql", "SELECT 1 AS a");
		await page.getByRole("tab", { name: "Result" }).click();
		await until("the first", async () => (await cells(0)).join() === "1,1");
		await page.getByLabel("Which result").selectOption("1");
		await until("the second", async () => (await cells(0)).join() === "1,2,NULL");
		assert.deepEqual(await page.locator(".sql-head b").allInnerTexts(), ["x y", "s"]);
		await page.keyboard.press("Escape");
		await page.keyboard.press("Escape");
		await noFilter();
	});
}

const call = (i, o = {}) => flow({ ...NONE, from: i % 3 ? "api" : "worker", proto: "postgres", op: "Query", target: `SELECT name FROM items WHERE id = ${i} AND kind IN (${i}, 2)`, status: "SELECT", ms: 2 + (i % 10), respBody: { data: "" }, respAttrs: [["rows", "1"]], ...o });
const sums = () => page.locator(".sqlp-table tbody tr").allInnerTexts();

export async function statements() {
	await test("the SQL page sums statements up by shape, the costliest first", async () => {
		await feeder.flows([...Array.from({ length: 60 }, (_, i) => call(i)), call(7, { status: "57014", failed: true, ms: 900 }), flow({ ...NONE, proto: "mysql", op: "Query", target: `UPDATE t SET a = '${HOSTILE}'`, status: "OK", ms: 3 })]);
		await page.goto(`${hub.url}#/sql`);
		await until("the shapes", async () => (await sums()).some((t) => t.includes("kind IN (?, …)")), 20000);
		const line = (await sums()).find((t) => t.includes("kind IN (?, …)"));
		assert.match(line, /^SELECT name FROM items WHERE id = \? AND kind IN \(\?, …\)\s+61\s+1\s+61\s+1\.3 s\s+21 ms\s+/);
		assert.match(line, /api[\s\S]*→ db PG/);
		assert.ok((await sums()).some((t) => /^UPDATE t SET a = \?/.test(t)));
		await themed(async (scheme) => {
			await clean("the SQL page");
			await screen(`sql-page-${scheme}`);
		});
	});
	await test("its columns sort, and its lines lead to their calls", async () => {
		await page.getByRole("button", { name: "Errors" }).click();
		await until("sorted", async () => (await page.locator("th[aria-sort=descending]").innerText()).startsWith("Errors"));
		await page.getByRole("link", { name: /kind IN/ }).click();
		await until("its calls", async () => (await targets()).length > 5 && (await targets()).every((t) => t.startsWith("SELECT name FROM items")), 20000);
		assert.match(page.url(), /#\/flows\?f=proto%3Apostgres\+shape%3D/);
		await noFilter();
	});
}
