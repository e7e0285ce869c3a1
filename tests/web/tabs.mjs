// SPDX-License-Identifier: Apache-2.0
// tabs.mjs TMP FEED - twenty tabs of one browser, each with a filter of its own, while two thousand flows a second come, and
// while the hub is killed and comes back: none misses a row or shows one twice, and nobody's place moves.  TAP.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Browser, Feeder, Hub, done, flow, sleep, test, until } from "./world.mjs";

const [tmp, feed] = process.argv.slice(2);
const FLOWS = 40_000; /* 20 s of 2,000 */
const RATE = 2000;
const FILTERS = ["", "status:500", "status:2xx", "-status:2xx", "method:POST", "method:GET status>=400", "proto:postgres", "sql:orders", "dst:orders",
	"src:web", "path:/v1/stock/", "path:/v1/users/ or path:/v1/mail/", "dur>4ms", "dur<1ms", "is:error", "size>500", "host:api.example", "-dst:db", "(src:web or src:api) status:201", "path:*page=3"];

const hub = new Hub(tmp);
const browser = new Browser();
await hub.start();
await browser.start();

/* All in one profile, as a person has them: the browser's limit of connections to a host is shared. */
const first = await browser.tab(hub);
await first.goto(hub.address);
await first.waitForSelector("#grid");
const context = first.context();
const tabs = [];

async function openTab(filter) {
	const page = tabs.length === 0 ? first : await context.newPage();
	const tab = { page, filter, ticks: [] };
	page.on("pageerror", (e) => browser.problems.push(`error: ${e.message}`));
	/* By the browser's own clock: this process may be told of many at once. */
	const cdp = await context.newCDPSession(page);
	cdp.on("Network.webSocketFrameReceived", (f) => f.response.payloadData.startsWith('{"op":"tick"') && tab.ticks.push(f.timestamp * 1000));
	await cdp.send("Network.enable");
	await page.goto(`${hub.url}#/flows?f=${encodeURIComponent(filter)}`);
	if (page === first) await page.reload(); /* the same document otherwise, whose socket nobody watches */
	await page.waitForSelector("#filter");
	await until(`${filter} is in the box`, async () => (await page.locator("#filter").inputValue()) === filter);
	tabs.push(tab);
}

/* What a tab shows, top to bottom. */
const shown = (page) => page.evaluate(() =>
	[...document.querySelectorAll("#grid .row:not([hidden])")]
		.filter((r) => r.dataset.state !== "loading")
		.sort((a, b) => Number(a.dataset.at) - Number(b.dataset.at))
		.map((r) => r.querySelector(".c-target").textContent));
const ask = (filter, more = "from=-1&n=1") => hub.api(`flows?f=${encodeURIComponent(filter)}&${more}`);

/* The tab has as many rows as the hub says, and the newest of them, in the hub's order, each once. */
async function complete(tab) {
	const all = await ask(tab.filter, "from=-60&n=60");
	const want = all.rows.map((r) => r.target);
	const rows = Number(await tab.page.locator("#grid").getAttribute("aria-rowcount"));
	const have = await shown(tab.page);
	assert.equal(rows - 1, all.matched, `rows of ${tab.filter || "no filter"}`); /* one is the head */
	assert.equal(have.slice(-3).join(), want.slice(-3).join(), `the end of ${tab.filter || "all"}`);
	assert.deepEqual(have, want.slice(want.length - have.length), tab.filter);
	assert.ok(have.length >= Math.min(15, all.matched), `${have.length} rows on screen of ${tab.filter}`);
	return true;
}
const allComplete = async () => {
	for (const tab of tabs) await until(`${tab.filter || "the tab without a filter"} is complete`, () => complete(tab), 30000);
};

/* Most ticks within any five seconds: one may come late and the next in time. */
function busiest(times) {
	let most = 0;
	for (let i = 0, j = 0; i < times.length; i++) {
		while (times[i] - times[j] > 5000) j++;
		most = Math.max(most, i - j + 1);
	}
	return most;
}

/* The hub's memory in MB. */
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${hub.process.pid}/status`, "utf8"))[1]) / 1024;

await test("twenty tabs of one browser open, each with its filter", async () => {
	for (const f of FILTERS) await openTab(f);
	assert.equal(tabs.length, 20);
	await until("the hub has twenty tabs", async () => (await Promise.all(tabs.map((t) => t.ticks.length))).every((n) => n > 0), 30000);
});

const idle = tabs[0].page; /* its user holds a row and has half a filter typed */
await test("two thousand flows a second: a selected row keeps its pixel, half a word stays typed", async () => {
	const r = spawn(feed, [String(hub.grpc), String(FLOWS), String(RATE), "feed"], { stdio: ["ignore", "pipe", "inherit"] });
	let out = "";
	r.stdout.on("data", (d) => (out += d));
	const ended = new Promise((resolve) => r.on("close", resolve));
	await until("rows are there", async () => (await shown(idle)).length > 15);
	await idle.locator("#grid .row:not([hidden])").nth(8).click();
	const selected = () => idle.evaluate(() => {
		const row = document.querySelector("#grid .row.selected:not([hidden])");
		return row && { at: row.dataset.at, target: row.querySelector(".c-target").textContent, top: row.getBoundingClientRect().top };
	});
	await idle.locator("#filter").fill("status>=");
	const place = await until("it is selected", selected);
	const began = rss();
	let over = false;
	ended.then(() => (over = true));
	while (!over) {
		assert.deepEqual(await selected(), place, "the selected row and its place");
		assert.equal(await idle.locator("#filter").inputValue(), "status>=");
		await sleep(250);
	}
	const said = JSON.parse(out);
	console.log(`# ${said.rate} flows a second, ${said.dropped} dropped; the hub grew from ${began.toFixed(0)} to ${rss().toFixed(0)} MB`);
	assert.equal(said.dropped, 0);
	assert.equal((await ask("")).total, FLOWS);
});

await test("no tab was told more than ten times a second", () => {
	const most = tabs.map((t) => busiest(t.ticks));
	assert.ok(most.every((n) => n <= 51), most.join());
	assert.ok(tabs.every((t) => t.ticks.length > 10), "each was told");
});

await test("each shows the newest of what its filter has, and counts them all", async () => {
	await idle.locator("#filter").fill("");
	await idle.locator("#grid").press("Escape");
	await idle.locator("#grid").focus();
	await idle.keyboard.press("F");
	await allComplete();
});

await test("the hub is killed while flows come, and is back: every tab goes on, no row is missing or twice", async () => {
	const feeder = new Feeder(tmp, hub, "second");
	await until("the feeder is connected", () => feeder.connected);
	const some = (n) => Array.from({ length: n }, (_, i) =>
		flow({ target: `/v1/${["stock", "users", "mail", "orders"][i % 4]}/again-${i}?page=${i % 8}`, op: i % 3 ? "GET" : "POST", status: ["200", "201", "404", "500"][i % 4], ms: i % 9, from: "web", to: "orders" }));
	const send = (n) => {
		feeder.say({ flows: some(n) });
		feeder.sent += n;
	};
	for (let i = 0; i < 10; i++) {
		send(20);
		await sleep(50);
	}
	hub.process.kill("SIGKILL");
	await until("it is gone", () => hub.process.signalCode);
	for (let i = 0; i < 10; i++) send(20); /* kept by the agent */
	await hub.start();
	await until("all are stored", () => feeder.acked >= feeder.sent, 60000);
	send(60);
	await until("those that came afterwards too", () => feeder.acked >= feeder.sent, 60000);
	assert.equal((await ask("")).total, FLOWS + feeder.sent);
	await allComplete();
	for (const t of tabs) assert.equal(await t.page.locator(".banner").count(), 0, t.filter);
	await feeder.stop();
});

await test("no error, no policy violation, no request to another host in any of them", () => {
	assert.deepEqual(browser.problems, []);
});

await browser.stop();
await hub.stop();
process.exit(done() ? 1 : 0);
