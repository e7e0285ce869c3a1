// SPDX-License-Identifier: Apache-2.0
// What belongs with a flow: what caused it and what it caused, its trace, its connection.
import assert from "node:assert/strict";
import { $, clean, feeder, hub, noFilter, page, rowOf, screen, setFilter, targets, text, themed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

const party = (name, n, pid) => ({ ip: `172.18.0.${n}`, container: name, container_id: `${n}`.repeat(12), image: `${name}:1`, project: "shop", pid, comm: name });
const WEB = { ...party("web", 3, 4411), port: 41000 };
const API = party("api", 4, 4502);
const DB = party("db", 5, 4603);
const CACHE = party("cache", 6, 4704);
const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NONE = { reqHeaders: [], respHeaders: [] };
const T = Date.now() - 60000;

/* One statement that the api sends to the database. */
const sql = (at, ms, target, o = {}) => flow({ ...NONE, at: T + at, ms, from: API, to: DB, proto: "postgres", op: "Execute", target, status: "SELECT", reason: "", conn: 77, respBody: { data: '["1"]\n', type: "application/x-ndjson" }, respAttrs: [["columns", '["id"]'], ["types", '["int8"]'], ["rows", "1"]], ...o });

export const shop = () => [
	flow({ at: T, ms: 180, from: WEB, to: API, target: "/v1/basket/7", status: "500", conn: 70, reqHeaders: [["Host", "api"], ["traceparent", TRACE]] }),
	flow({ ...NONE, at: T + 3, ms: 2, from: API, to: CACHE, proto: "redis", op: "GET", target: "basket:7", status: "nil", reason: "", conn: 76 }),
	sql(8, 6, "SELECT * FROM baskets WHERE id = $1"),
	...Array.from({ length: 12 }, (_, i) => sql(16 + 9 * i, 7, `SELECT name, price FROM items WHERE id = ${100 + i}`)),
	flow({ at: T + 130, ms: 44, from: API, to: party("stock", 7, 4805), op: "POST", target: "/v1/reserve", status: "503", reason: "Service Unavailable", conn: 78, reqHeaders: [["Host", "stock"], ["traceparent", TRACE.replace("00f067", "11f067")]] }),
	sql(400, 5, "SELECT 1"),
	flow({ at: T + 1000, ms: 100, from: WEB, to: API, target: "/v1/one", conn: 70 }),
	flow({ at: T + 1050, ms: 100, from: WEB, to: API, target: "/v1/two", conn: 71 }),
	sql(1060, 5, "UPDATE carts SET seen = now()"),
];

const lines = (title) => page.locator(`section[aria-label="${title}"] a.rel-row`);
const open = async (target) => {
	await setFilter(`target:${JSON.stringify(target)}`);
	await until("one row", async () => (await targets()).length === 1);
	await rowOf(target).click();
	await page.getByRole("tab", { name: "Related" }).click();
	await until("it is there", async () => (await $("#detail-panel .related").count()) === 1);
};

export async function related() {
	await test("a request shows what it caused, in time, and what took the time", async () => {
		await feeder.flows(shop());
		await open("/v1/basket/7");
		await until("what it caused", async () => (await lines("Caused by this request").count()) === 15);
		const t = await text('section[aria-label="Caused by this request"]');
		assert.match(t, /15/);
		assert.match(t, /For 136 ms of 180 ms the process that served it waited for these/);
		assert.match(await lines("Caused by this request").first().innerText(), /Redis\s+GET basket:7/);
		assert.match(await lines("Caused by this request").last().innerText(), /POST \/v1\/reserve[\s\S]*503[\s\S]*44 ms/);
	});
	await test("the same statement again and again is pointed out, with all that are like it", async () => {
		const hint = await text(".rel-repeat");
		assert.match(hint, /12 times the same statement for one request, 84 ms in all \(N\+1\?\)/);
		assert.match(hint, /SELECT name, price FROM items WHERE id = \?/);
		await themed(async (scheme) => {
			await clean("related");
			await screen(`related-${scheme}`);
		});
		await page.getByRole("link", { name: "Show all like it" }).click();
		await until("all of that shape", async () => (await targets()).length === 12);
		assert.match(page.url(), /f=shape%3D/);
	});
	await test("its trace and its connection", async () => {
		await open("/v1/basket/7");
		await until("the trace", async () => (await lines("Same trace or request number").count()) === 1);
		assert.match(await text('section[aria-label="Same trace or request number"]'), /traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736/);
		assert.match(await lines("Same connection").first().innerText(), /\/v1\/one/);
		await page.locator('section[aria-label="Same trace or request number"]').getByRole("link", { name: "Show in the list" }).click();
		await until("both of the trace", async () => (await targets()).sort().join() === "/v1/basket/7,/v1/reserve");
	});
	await test("a statement names the request that caused it, and leads there and back by keyboard and the way back", async () => {
		await open("WHERE id = 105");
		await until("its cause", async () => (await lines("Caused by").count()) === 1);
		assert.match(await text(".rel-repeat"), /12 times the same statement/);
		await lines("Caused by").first().focus();
		await page.keyboard.press("Enter");
		await until("the request", async () => /\/v1\/basket\/7/.test(await text(".detail-title")));
		await until("what it caused", async () => (await lines("Caused by this request").count()) === 15);
		await page.goBack();
		await until("the statement again", async () => /WHERE id = 105/.test(await text(".detail-title")));
	});
	await test("what may have two causes says so, and what has none says why", async () => {
		await open("UPDATE carts");
		await until("both", async () => (await lines("Caused by").count()) === 2);
		assert.match(await lines("Caused by").first().innerText(), /1 of 2/);
		await open("SELECT 1");
		await until("none", async () => /process that served this asked for nothing/.test(await text(".rel-none")));
		const r = await hub.api(`flow/${new URL(page.url()).hash.match(/sel=([0-9a-f-]+)/)[1]}/related`);
		assert.equal(r.caused_by.n, 0);
		assert.equal(r.server_by, "process");
		await page.keyboard.press("Escape");
		await noFilter();
	});
}
