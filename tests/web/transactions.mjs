// SPDX-License-Identifier: Apache-2.0
// SQL: transactions, notices, copied data, notifications, rows by keys; and presentation mode over all of it.
import assert from "node:assert/strict";
import { $, clean, clipboard, feeder, hub, page, screen, text, themed } from "./actions.mjs";
import { importCase } from "./fixtures.mjs";
import { show } from "./grpc.mjs";
import { flow, test, until } from "./world.mjs";

const T = Date.now() - 90000;
const end = (name, ip, port) => ({ ip, port, container: name, container_id: name.padEnd(12, "0"), image: `${name}:1`, project: "shop" });
const NONE = { reqHeaders: [], respHeaders: [], reason: "", from: end("api", "172.18.0.3", 41000), to: end("db", "172.18.0.5", 5432), proto: "postgres" };
const sql = (conn, at, target, o = {}) => flow({ ...NONE, at: T + at, ms: 2, op: "Execute", target, status: target.split(" ")[0], conn, respBody: { data: "" }, ...o });
const bracketRows = () => page.locator(".bracket-row").allInnerTexts().then((l) => l.map((t) => t.replace(/\s+/g, " ")));

export async function transactions() {
	const done = [sql(801, 0, "BEGIN"), sql(801, 10, "UPDATE orders SET total = $1 WHERE id = $2"), sql(801, 30, "INSERT INTO log VALUES ('COMMIT; no')"), sql(801, 60, "COMMIT")];
	const after = sql(801, 100, "SELECT 1");
	const open = [sql(802, 0, "START TRANSACTION"), sql(802, 10, "SELECT * FROM stock FOR UPDATE", { respAttrs: [["transaction", "open"]] })];
	await test("a statement shows the transaction it was part of, its place in it, the others, and how it ended", async () => {
		await feeder.flows([...done, after, ...open]);
		await show(done[1], "statement");
		await until("the bracket", async () => (await bracketRows()).length === 4);
		assert.match(await text(".bracket"), /Transaction\s+statement 2 of 4/);
		assert.match(await text(".bracket-sum"), /Open for 62 ms, committed/);
		assert.match((await bracketRows())[2], /^3 INSERT INTO log VALUES \('COMMIT; no'\) INSERT \+30 ms 2\.0 ms$/);
		for (const [width, height] of [[1280, 800], [1920, 1080]]) {
			await page.setViewportSize({ width, height });
			await themed(async (scheme) => {
				await clean("a transaction");
				await screen(`sql-transaction-${scheme}-${width}`);
			});
		}
		await page.setViewportSize({ width: 1280, height: 800 });
		await page.locator(".bracket a", { hasText: "COMMIT" }).last().click();
		await until("the last of them", async () => /statement 4 of 4/.test(await text(".bracket")) && (await text(".sql-text")) === "COMMIT");
		await show(after, "statement");
		await until("its own text", async () => (await text(".sql-text")) === "SELECT 1");
		assert.equal(await $(".bracket").count(), 0);
	});
	await test("one that nothing ended is pointed out", async () => {
		await show(open[1], "statement");
		await until("left open", async () => /Left open: nothing ended it/.test(await text(".bracket")));
	});
	await test("notices, copied data with its counts, and notifications", async () => {
		const noted = sql(803, 0, "DROP TABLE IF EXISTS nope", { respAttrs: [["notice", 'NOTICE: table "nope" does not exist, skipping'], ["notice", "WARNING: <b>second</b>"]] });
		await feeder.flows([noted]);
		await show(noted, "statement");
		await until("both notices", async () => /does not exist, skipping\s+WARNING: <b>second<\/b>/.test(await text(".sql-notices")));
		const copied = importCase("postgres/copy");
		await show(copied.find((f) => f.response?.attrs.copy === "in" && !f.failed), "statement");
		await until("in", async () => /Data copied in, from the client\s+12 B\s+2 rows\s+2 lines/.test((await text('section[aria-label="Data copied"]')).replace(/\n+/g, " ")));
		await show(copied.find((f) => f.response?.attrs.copy === "out"), "statement");
		await until("out", async () => /out, to the client/.test(await text('section[aria-label="Data copied"]')));
		await page.getByRole("button", { name: "Show the data" }).click();
		await until("the data", async () => /one/.test(await text(".lines.text .cm-content")));
		const told = importCase("postgres/notify").find((f) => f.request?.op === "Notification");
		await show(told, "statement");
		await until("the channel and its payload", async () => /Notification\s+on channel ch, sent by server process 4711/.test(await text(".sql-view")) && (await text(".sql-text")) === "hello");
	});
	await test("rows are walked by keys and copied as CSV, TSV and JSON, with NULL and empty told apart", async () => {
		const f = sql(804, 0, "SELECT a, b FROM t", { respBody: { data: '[null,""]\n["x\\ty","2"]\n', type: "application/x-ndjson" }, respAttrs: [["columns", '["a","b"]'], ["types", '["text","int4"]'], ["rows", "2"]] });
		await feeder.flows([f]);
		await show(f, "result");
		await until("the grid", async () => (await page.locator(".sql-row:not([hidden])").count()) === 2);
		await page.locator(".sql-grid").focus();
		await page.keyboard.press("ArrowDown");
		await page.keyboard.press("ArrowRight");
		await until("the last cell", async () => (await text("#sql-active")) === "2");
		for (const [name, want] of [["Copy CSV", 'a,b\r\n,""\r\nx\ty,2\r\n'], ["Copy TSV", "a\tb\n\\N\t\nx\\ty\t2\n"], ["Copy JSON", '[\n  {\n    "a": null,\n    "b": ""\n  },\n  {\n    "a": "x\\ty",\n    "b": "2"\n  }\n]\n']]) {
			await page.getByRole("button", { name }).click();
			await until(name, async () => (await clipboard()) === want);
		}
	});
	await test("bound values of every type are in the statement", async () => {
		const f = sql(805, 0, "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)", { reqAttrs: [["params", JSON.stringify(["8f1e0000-0000-4000-8000-000000000077", "t", "\\x00ff", "{1,2}", '{"a":"it\'s"}', "2026-11-22 13:17:07+00", null])]], respAttrs: [["param_types", '["uuid","bool","bytea","int4[]","jsonb","timestamptz","text"]']] });
		await feeder.flows([f]);
		await show(f, "statement");
		await page.getByText("With values", { exact: true }).click();
		await until("all of them", async () => (await text(".sql-text")).replace(/\s+/g, " ").replace("( ", "(").replace(" )", ")") === `INSERT INTO t VALUES ('8f1e0000-0000-4000-8000-000000000077', true, '\\x00ff', '{1,2}', '{"a":"it''s"}', '2026-11-22 13:17:07+00', NULL)`);
		await page.getByText("Formatted", { exact: true }).click();
	});
}

export async function presenting() {
	await test("presentation mode hides secrets in related rows, transactions, statements' values and the SQL page", async () => {
		const secret = [sql(806, 0, "BEGIN"), sql(806, 5, "ALTER USER ann PASSWORD 'hunter2'"), sql(806, 9, "SELECT * FROM t WHERE token = $1", { reqAttrs: [["params", '["hunter2"]']], respAttrs: [["param_types", '["text"]']] }), sql(806, 20, "COMMIT")];
		await feeder.flows(secret);
		await show(secret[2], "statement");
		await until("the bracket", async () => (await bracketRows()).length === 4);
		assert.match(await page.locator("#detail").innerText(), /hunter2/);
		await page.locator("#grid").focus();
		await page.keyboard.press("P");
		await until("hidden in the statement and its transaction", async () => !/hunter2/.test(await page.locator("#detail").innerText()) && (await bracketRows()).length === 4);
		await page.getByRole("tab", { name: "Related" }).click();
		await until("the others of the connection", async () => /ALTER USER/.test(await text("#detail-panel")));
		assert.doesNotMatch(await page.evaluate(() => document.querySelector("#detail").outerHTML), /hunter2/);
		await page.goto(`${hub.url}#/sql`);
		await until("the SQL page", async () => /ALTER USER/.test(await text("main")));
		assert.doesNotMatch(await page.evaluate(() => document.querySelector("main").outerHTML), /hunter2/);
		await page.keyboard.press("P");
	});
}
