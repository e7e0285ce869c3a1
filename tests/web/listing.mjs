// SPDX-License-Identifier: Apache-2.0
// listing.mjs TMP - what people do with the list, in a real browser on a real hub: columns, order, marks, several rows, kinds,
// completion, saved filters, searches that stop.  TAP.
import assert from "node:assert/strict";
import { $, browser, clean, feeder, focusList, hub, noFilter, openTab, page, rowOf, screen, script, setFilter, startFeeder, table, targets, text, themed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

const heads = () => page.evaluate(() => [...document.querySelectorAll(".grid-head .cell")].map((c) => c.dataset.key));
const column = async (label) => {
	const i = await page.evaluate((l) => [...document.querySelectorAll(".grid-head .cell")].findIndex((c) => c.textContent === l), label);
	return (await table()).map((r) => r[i]);
};
const picked = () => $("#grid .row.picked:not([hidden])").count();
const kinds = async () => (await text(".facets")).replace(/\s+/g, " ");
const facet = (name) => $(".facets").getByRole("button", { name: new RegExp(`^${name} `) });
const filterText = () => page.inputValue("#filter");
const press = async (...keys) => {
	for (const k of keys) await page.keyboard.press(k);
};

async function begin() {
	await openTab();
	await startFeeder();
	await page.goto(hub.address);
	await feeder.flows([
		...Array.from({ length: 40 }, (_, i) => flow({ target: `/v1/item/${i}?page=${i}`, status: i % 8 === 3 ? "500" : "200", ms: 1 + ((i * 37) % 100), from: i % 2 ? "web" : "batch", op: i % 5 ? "GET" : "POST", reqHeaders: [["Host", "api"], ["X-Tenant", i % 2 ? "blue" : "green"]], respBody: { data: i === 7 ? '{"needle":1}' : '{"ok":true}', type: "application/json" } })),
		flow({ proto: "redis", op: "HGETALL", target: "cart:7", status: "OK", failed: false, ms: 2500, reqHeaders: [], respHeaders: [] }),
		flow({ target: "/live", id: "01930000-0000-7000-8000-00000000aaaa", status: null, state: 0 }),
	]);
	await until("all rows are there", async () => (await targets()).includes("/live"));
}

async function ordering() {
	await test("a click on a head sorts by it, another one the other way, a third one not at all", async () => {
		await $(".grid-head .c-duration").click();
		await until("the longest is first", async () => (await column("Duration"))[0] === "2.5 s");
		assert.equal(await $(".grid-head .c-duration").getAttribute("aria-sort"), "descending");
		assert.match(await text(".follow"), /Sorted/);
		assert.ok((await column("Duration")).length > 20);
		await $(".grid-head .c-duration").click();
		await until("the shortest is first", async () => (await column("Duration"))[0] === "1.0 ms");
		await themed((scheme) => screen(`sorted-${scheme}`));
	});
	await test("while sorted, what comes is counted and shown when it is asked for; open rows finish in place", async () => {
		const before = await targets();
		await feeder.flows([flow({ target: "/quick", ms: 0.5 }), flow({ target: "/live", id: "01930000-0000-7000-8000-00000000aaaa", ms: 90 })]);
		await until("it is counted", async () => /1 new/.test(await text(".pill")));
		assert.equal((await targets())[0], before[0]);
		await $(".pill").click();
		await until("it is the first now", async () => (await targets())[0] === "/quick");
		await $(".grid-head .c-duration").click();
		await until("as they came", async () => (await $(".grid-head [aria-sort]").count()) === 0 && (await targets()).at(-1) === "/quick");
		await press("F");
		await until("it follows", async () => /Following/.test(await text(".follow")));
	});
	await test("a filter keeps the order", async () => {
		await $(".grid-head .c-target").click();
		await until("by target", async () => (await targets())[0] === "/live");
		await setFilter("status:500");
		await until("filtered and by target", async () => (await targets()).join() === [11, 19, 27, 35, 3].map((i) => `/v1/item/${i}?page=${i}`).join());
		await noFilter();
		await $(".grid-head .c-target").click();
		await $(".grid-head .c-target").click();
		await until("no order", async () => (await $(".grid-head [aria-sort]").count()) === 0);
		await press("F");
	});
}

async function columns() {
	await test("columns are chosen, moved, sorted by with the keyboard, and remembered", async () => {
		await focusList();
		await press("C");
		await until("the dialog", () => $(".columns-dialog").isVisible());
		await themed(async (scheme) => {
			await clean("columns");
			await screen(`columns-${scheme}`);
		});
		await page.getByRole("checkbox", { name: "Host", exact: true }).press("Space");
		await page.getByRole("checkbox", { name: "Proto", exact: true }).press("Space");
		await until("they are", async () => (await heads()).join() === "time,from,to,host,op,target,status,duration,size");
		await page.getByRole("button", { name: "Host further left" }).press("Enter");
		for (let i = 0; i < 3; i++) await page.getByRole("button", { name: "Host further left" }).press("Enter");
		await until("moved", async () => (await heads()).join() === "time,from,host,to,op,target,status,duration,size" || (await heads()).indexOf("host") < 3);
		await page.getByRole("button", { name: "sort by Duration" }).press("Enter");
		await press("Escape");
		await until("sorted", async () => (await column("Duration"))[0] === "2.5 s");
		const now = await heads();
		await page.reload();
		await page.waitForSelector("#grid .row:not([hidden])");
		assert.deepEqual(await heads(), now);
		assert.equal((await column("Host"))[0], "api");
	});
	await test("a head is dragged to another place, and its edge to another width", async () => {
		const from = await $(".grid-head .c-host").boundingBox();
		const to = await $(".grid-head .c-status").boundingBox();
		await page.mouse.move(from.x + 20, from.y + 10);
		await page.mouse.down();
		await page.mouse.move(to.x + 10, to.y + 10, { steps: 5 });
		await page.mouse.up();
		await until("it is before the status", async () => {
			const h = await heads();
			return h.indexOf("host") === h.indexOf("status") - 1;
		});
		assert.equal(await $(".grid-head [aria-sort]").count(), 0, "a drag is no click");
		const w = (await $(".grid-head .c-from").boundingBox()).width;
		const edge = await $(".grid-head .c-from .col-resize").boundingBox();
		await page.mouse.move(edge.x + 4, edge.y + 8);
		await page.mouse.down();
		await page.mouse.move(edge.x + 64, edge.y + 8, { steps: 4 });
		await page.mouse.up();
		await until("it is wider", async () => Math.abs((await $(".grid-head .c-from").boundingBox()).width - w - 60) < 3);
		await press("C");
		await page.getByRole("button", { name: "As usual" }).click();
		await press("Escape");
		await until("as usual", async () => (await heads()).join() === "time,proto,from,to,op,target,status,duration,size");
		await focusList();
		await press("F");
	});
}

async function noting() {
	await test("m and a number mark, p pins, n notes; all tabs see it, with more than a colour", async () => {
		const other = await browser.tab(hub);
		await other.goto(hub.address);
		await rowOf("/v1/item/39").click();
		await press("Escape");
		await press("m", "2");
		await until("marked", async () => (await rowOf("/v1/item/39").locator(".chip").textContent()) === "2");
		await press("p");
		await until("pinned", async () => (await rowOf("/v1/item/39").locator(".pin").textContent()) === "pin");
		await press("n");
		await until("the dialog", () => $("dialog textarea").isVisible());
		await clean("note");
		await page.keyboard.type('why <b>this</b> "one"?');
		await press("Enter");
		await until("noted", async () => (await rowOf("/v1/item/39").locator(".note").textContent()) === 'why <b>this</b> "one"?');
		await until("the other tab has all of it", async () => /2pin.*why <b>this/.test(await other.locator('.row[data-mark="2"]').first().textContent()));
		await other.context().close();
		await until("they are counted", async () => /Marked 1 Noted 1 Pinned 1/.test(await kinds()));
		await themed(async (scheme) => {
			await clean("marked");
			await screen(`marked-${scheme}`);
		});
		await setFilter('note:"this" is:pinned mark:orange');
		await until("it is found by it", async () => (await targets()).length === 1);
		await noFilter();
		await press("Escape");
	});
	await test("several rows are chosen with Shift and Ctrl, and marked together", async () => {
		await rowOf("/v1/item/30").click();
		await press("Escape");
		await until("the detail is closed, and the list has all the room", async () => !(await $("#detail [role=tab]").count()));
		await rowOf("/v1/item/34").click({ modifiers: ["Shift"] });
		await until("five are chosen", async () => (await picked()) === 5);
		await rowOf("/v1/item/36").click({ modifiers: ["Control"] });
		await until("and one more", async () => (await picked()) === 6);
		await focusList();
		await press("m", "5");
		await until("all six", async () => (await $('.row[data-mark="5"]:not([hidden])').count()) === 6);
		await press("m", "5");
		await until("the same once more takes it away", async () => (await $('.row[data-mark="5"]:not([hidden])').count()) === 0);
		await press("Escape");
		await until("none is chosen any more", async () => (await picked()) === 0);
		await press("Shift+ArrowDown", "Shift+ArrowDown");
		await until("three by the keyboard", async () => (await picked()) === 3);
		await press("Control+a");
		await until("all of them", async () => (await picked()) > 20);
		await press("Escape");
	});
	await test("the row's menu opens by M and by the right button, and acts on what it is on", async () => {
		await rowOf("/v1/item/38").click();
		await press("Escape", "M");
		await until("the menu", () => $(".row-menu").isVisible());
		await themed(async (scheme) => {
			await clean("row menu");
			await screen(`row-menu-${scheme}`);
		});
		await press("3");
		await until("marked from it", async () => (await rowOf("/v1/item/38").locator(".chip").textContent()) === "3");
		assert.equal(await $(".row-menu").count(), 0);
		await rowOf("/v1/item/37").locator(".c-from").click({ button: "right" });
		await page.getByRole("menuitem", { name: /^Without src=web/ }).click();
		await until("excluded", async () => (await filterText()) === "-src=web");
		await until("they are gone", async () => (await column("From")).every((f) => f !== "web"));
		await noFilter();
		await rowOf("cart:7").click({ button: "right" });
		await page.getByRole("menuitem", { name: "Exclude flows like this" }).click();
		await until("those like it are gone", async () => (await filterText()).startsWith("-(src=") && !(await targets()).includes("cart:7"));
		await noFilter();
	});
	await test("a hub that restarts has kept them", async () => {
		await hub.stop();
		await hub.start();
		await until("they are there", async () => (await hub.api("flows?f=is:marked,pinned")).matched === 2, 20000);
		await until("the page too", async () => (await rowOf("/v1/item/38").locator(".chip").textContent()) === "3", 20000);
		await until("the agent is there again", () => feeder.connected, 20000);
	});
}

async function filtering() {
	await test("kinds of flows are counted and filter by a click", async () => {
		assert.match(await kinds(), /All 43 Errors 5 Slow 1 HTTP 42 Redis 1/);
		await facet("Errors").click();
		await until("errors only", async () => (await filterText()) === "is:error" && (await targets()).length === 5);
		await facet("HTTP").click();
		await until("and HTTP", async () => (await filterText()) === "is:error proto:http1");
		await facet("Errors").click();
		await until("not errors", async () => (await filterText()) === "proto:http1");
		await facet("All").click();
		await until("all", async () => (await filterText()) === "");
	});
	await test("the arrows go to a value, + shows only those and - excludes them", async () => {
		await rowOf("/v1/item/39").click();
		await press("Escape");
		for (let i = 0; i < 5; i++) await press("ArrowRight");
		await until("the cell is marked", async () => (await $(".row.selected .cell.at").textContent()) === "GET");
		await press("+");
		await until("only those", async () => (await filterText()) === "op:GET" && (await column("Op")).every((o) => o === "GET"));
		await press("-");
		await until("not those", async () => (await filterText()) === "-op:GET");
		await noFilter();
		await press("Escape", "Escape");
		await rowOf("/v1/item/39").locator(".c-status").click({ modifiers: ["Alt"] });
		await until("Alt and a click too", async () => (await filterText()) === "status:200");
		await noFilter();
	});
	await test("keys, names and values from what was captured are offered, and Tab takes them", async () => {
		await $("#filter").focus();
		await page.keyboard.type("stat");
		await until("the key", async () => /status/.test(await text(".choices")));
		await press("Tab");
		await until("values with counts", async () => (await filterText()) === "status:" && /200\s*37/.test(await text(".choices")));
		await themed(async (scheme) => {
			await clean("completion");
			await screen(`completion-${scheme}`);
		});
		await page.keyboard.type("5");
		await until("only what has it", async () => /^500\s*5$/.test((await text(".choices")).trim()));
		await press("ArrowDown", "Enter");
		await until("it is taken", async () => (await filterText()) === "status:500" && (await targets()).length === 5);
		await page.keyboard.type(" req.header.x-t");
		await until("a header's name", async () => /X-Tenant/.test(await text(".choices")));
		await press("Tab");
		await until("and its values", async () => /blue\s*20/.test(await text(".choices")) && /green\s*20/.test(await text(".choices")));
		await page.keyboard.type("b");
		await until("one is left", async () => !/green/.test(await text(".choices")));
		await press("Tab");
		await until("taken", async () => (await filterText()) === "status:500 req.header.X-Tenant:blue");
		await press("Enter");
		assert.equal(await $(".choices").count(), 0);
		await noFilter();
	});
	await test("filters are saved in the hub for everybody, and former ones are offered", async () => {
		await setFilter("status:500 -path:/health");
		await focusList();
		await press("S");
		await until("the dialog", () => $(".saved-dialog").isVisible());
		await page.keyboard.type("broken <b>");
		await press("Enter");
		await until("kept", async () => (await hub.api("saved")).length === 1);
		await clean("saved");
		await screen("saved-light");
		await press("Escape");
		const other = await browser.tab(hub);
		await other.goto(hub.address);
		await other.getByRole("button", { name: "broken <b>" }).click();
		await until("used in another tab", async () => (await other.inputValue("#filter")) === "status:500 -path:/health");
		await other.context().close();
		await noFilter();
		await press("ArrowDown");
		await until("offered", async () => /broken <b>/.test(await text(".choices")) && /typed before/.test(await text(".choices")));
		await press("Escape");
		assert.equal(await page.evaluate(() => window.pwned), undefined);
	});
	await test("a search in bodies says how far it is, stops, and looks further when asked", async () => {
		const filler = "x".repeat(2000);
		for (let i = 0; i < 6; i++) await feeder.flows(Array.from({ length: 5000 }, () => flow({ target: "/bulk", respBody: { data: filler, type: "text/plain" } })));
		await setFilter("body:needle");
		await until("it looks, with a way to stop it", () => $("#stop-search").isVisible());
		await $("#stop-search").click();
		await until("it says what it left out", async () => /not looked at/.test(await text(".view-state")));
		await $("#search-again").click();
		await until("it finds the one", async () => (await targets()).join() === "/v1/item/7?page=7" && /1 of/.test(await text(".view-state")), 60000);
		await noFilter();
	});
}

await script(begin, [ordering, columns, noting, filtering]);
