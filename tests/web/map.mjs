// SPDX-License-Identifier: Apache-2.0
// map.mjs TMP - the map and the metrics in a real browser, on a real hub, fed by an agent over gRPC.  TAP.
import assert from "node:assert/strict";
import { $, browser, clean, feeder, hub, noFilter, openTab, page, screen, script, setFilter, startFeeder, text, themed } from "./actions.mjs";
import { metrics } from "./metrics.mjs";
import { shop } from "./sums-flows.mjs";
import { flow, test, until } from "./world.mjs";

const nodes = () => page.locator(".map-picture [data-node]").evaluateAll((list) => list.map((n) => n.getAttribute("aria-label")));
const place = () => page.locator(".map-picture [data-node]").evaluateAll((list) => Object.fromEntries(list.map((n) => [n.dataset.node, n.getAttribute("transform")])));
const node = (name) => $(`.map-picture [data-node*="\u0001${name}\u0001"]`);
const cells = () => page.locator(".map-table tbody tr").evaluateAll((rows) => rows.map((r) => [...r.children].map((c) => c.textContent)));
const address = () => decodeURIComponent(new URL(page.url()).hash);

async function map() {
	await test("the map is told to be empty, and why", async () => {
		await openTab();
		await page.goto(hub.address);
		await page.waitForSelector(".status");
		await page.keyboard.press("2");
		await until("it says so", async () => /no flow yet/.test(await text(".sums-none")));
		await themed(() => clean("empty map"));
	});
	await test("who calls whom is drawn, with rates, errors and groups", async () => {
		await startFeeder();
		await feeder.flows(shop(Date.now()));
		await until("all nodes", async () => (await nodes()).length === 10, 20000);
		const all = (await nodes()).join("\n");
		assert.match(all, /^api [\d.]+\/(s|min) ! \d(\.\d)? % failed, of shop$/m);
		assert.match(all, /^firefox [\d.]+\/(s|min) out ! 1\.7 % failed$/m);
		assert.match(all, /^pay\.example [\d.]+\/min outside$/m);
		assert.match(all, /^db [\d.]+\/(s|min), of shop$/m);
		assert.deepEqual(await page.locator(".lanes text").allTextContents(), ["shop", "monitoring"]);
		assert.equal(await page.locator(".pair").count(), 10);
		assert.match((await page.locator(".pair title").allTextContents()).join("\n"), /^web to api: HTTP, .* 8\.3 % failed, p95 2\d ms$/m);
		await themed(async (scheme) => {
			await clean("map");
			await screen(`map-${scheme}`);
		});
	});
	await test("nodes stay where they are when others come", async () => {
		const before = await place();
		await feeder.flows([flow({ from: { ip: "172.18.0.4", container: "shop-api-1", container_id: "a".repeat(64), project: "shop" }, to: { ip: "172.18.0.44", container: "shop-mailer-1", container_id: "b".repeat(64), project: "shop" } })]);
		await until("the new one", () => node("mailer").count(), 20000);
		const after = await place();
		/* The other project's lane may give way. */
		for (const [k, t] of Object.entries(before)) if (!k.endsWith("monitoring")) assert.equal(after[k], t, k);
		await page.getByRole("button", { name: "Tidy" }).click();
		await until("everything was placed anew", async () => !(await page.getByRole("button", { name: "Tidy" }).count()));
	});
	await test("a node and a call show what is behind them, and their flows", async () => {
		await node("api").click();
		await until("its calls", async () => /Called by[\s\S]*web[\s\S]*Calls[\s\S]*stock[\s\S]*gRPC/.test(await text(".map-panel")));
		await until("its requests", async () => /GET \/v1\/users\/\*\s+6\d %/.test(await text(".map-panel")), 20000);
		await clean("map panel");
		await screen("map-node");
		await $('.pair:has(title:text("web to api"))').first().dispatchEvent("click");
		await until("the call", async () => /web\s+to\s+api/.test(await text(".map-panel h3")));
		await page.getByRole("button", { name: "Show flows" }).click();
		await until("its flows", async () => /240 of/.test(await text(".view-state")), 20000);
		assert.equal(await page.inputValue("#filter"), 'src.service="web" dst.service="api"');
		await noFilter();
	});
	await test("the filter decides what the map shows, also one that looks into headers", async () => {
		await page.goto(`${hub.url}#/map?f=proto:postgres`);
		await until("only the statements", async () => (await nodes()).length === 3, 20000);
		await setFilter('req.header.host:pay req.header.user-agent:test');
		await until("only what the headers say", async () => (await nodes()).length === 0 || /pay/.test((await nodes()).join()), 20000);
		await setFilter("req.header.host:pay");
		await until("only what the header says", async () => (await nodes()).join().includes("pay.example") && (await nodes()).length === 2, 20000);
		await noFilter();
		await until("all again", async () => (await nodes()).length === 11, 20000);
	});
	await test("a process on the host is named apart from those in containers", async () => {
		await node("firefox").click();
		await page.getByRole("button", { name: "Show flows" }).click();
		await until("its flows", async () => /120 of/.test(await text(".view-state")), 20000);
		await noFilter();
		await page.goto(`${hub.url}#/map`);
		await until("the map", async () => (await nodes()).length === 11, 20000);
	});
	await test("the keyboard walks from node to node", async () => {
		await page.keyboard.press("Escape");
		await node("firefox").focus();
		await page.keyboard.press("Escape");
		await page.keyboard.press("ArrowRight");
		await until("one to the right", async () => /^web/.test(await page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? "")));
		await page.keyboard.press("Enter");
		await until("it is picked", async () => /web/.test(await text(".map-panel h3")));
		await page.keyboard.press("Escape");
		await until("it is not", async () => (await $(".map-panel").count()) === 0);
		await page.keyboard.press("+");
		await page.keyboard.press("0");
	});
	await test("the map is a table too, sorted by any column", async () => {
		await page.getByText("Table", { exact: true }).click();
		await until("it is in the address", () => /as=table/.test(address()));
		await until("all calls", async () => (await cells()).length === 11);
		assert.deepEqual((await cells())[0].slice(0, 3), ["web", "api", "HTTP"]);
		await page.getByRole("button", { name: "p95" }).click();
		assert.equal((await cells())[0][1], "pay.example");
		await page.getByRole("button", { name: "From" }).click();
		assert.deepEqual((await cells()).map((r) => r[0]).slice(0, 2), ["api", "api"]);
		await themed(async (scheme) => {
			await clean("map table");
			await screen(`map-table-${scheme}`);
		});
		await page.getByText("Project", { exact: true }).click();
		await until("projects call", async () => (await cells()).some((r) => r[0] === "monitoring" && r[1] === "shop"));
		await page.getByText("only with errors").click();
		await until("those with errors", async () => (await cells()).every((r) => r[4].startsWith("!")));
		await page.reload();
		await until("the address keeps it", async () => (await cells()).length > 0 && (await cells()).every((r) => r[4].startsWith("!")), 20000);
		await page.goto(`${hub.url}#/map`);
	});
}

async function many() {
	await test("many services are folded into their groups, and each is shown when asked for", async () => {
		await page.goto(`${hub.url}#/map`);
		const end = (i) => ({ ip: `10.1.${i >> 8}.${i & 255}`, container: `team${i % 12}-svc${i}-1`, container_id: String(i).padStart(64, "0"), project: `team${i % 12}` });
		await feeder.flows(Array.from({ length: 1600 }, (_, i) => flow({ from: end(i % 800), to: end((i * 7 + 13) % 800), ms: 5, reqHeaders: [], respHeaders: [], respBody: { data: "" } })));
		await until("they are folded", async () => /8\d\d nodes, folded/.test(await text(".sums-bar")), 30000);
		await until("groups", async () => (await nodes()).join("\n").includes("team3"), 20000);
		assert.ok((await nodes()).length < 30);
		await page.getByRole("button", { name: "Show each" }).click();
		await until("each of them", async () => (await nodes()).length > 800, 60000);
		await screen("map-many");
		await page.goto(`${hub.url}#/map?f=${encodeURIComponent('src.service:svc7')}`);
		await until("a part of them", async () => (await nodes()).length < 300, 30000);
		assert.equal(await page.evaluate(() => window.pwned), undefined);
	});
	await test("hostile names are text on the map too", async () => {
		const evil = '<img src=x onerror="window.pwned=1">\u202e';
		await feeder.flows([flow({ from: { ip: "10.2.0.1", container: evil, container_id: "e".repeat(64) }, to: { ip: "10.2.0.2", container: "'\"`]{}", container_id: "f".repeat(64) } })]);
		await page.goto(`${hub.url}#/map?f=${encodeURIComponent("src:onerror")}`);
		await until("it is there", async () => (await nodes()).some((n) => n.includes("<img src=x") && n.includes("[U+202E]")), 20000);
		await $(".map-picture [data-node]").first().click();
		await page.getByText("Table", { exact: true }).click();
		await until("in the table too", async () => (await cells()).length === 1);
		assert.equal(await page.evaluate(() => window.pwned), undefined);
	});
}

await script(() => {}, [map, metrics, many]);
