// SPDX-License-Identifier: Apache-2.0
// The metrics page: plots, their numbers, and the way from them to flows.
import assert from "node:assert/strict";
import { $, clean, hub, noFilter, page, screen, text, themed } from "./actions.mjs";
import { test, until } from "./world.mjs";

const groups = () => page.locator(".metrics-groups tbody tr").evaluateAll((rows) => rows.map((r) => [...r.children].map((c) => c.textContent.trim())));
const names = async () => (await groups()).map((g) => g[0].replace(/^\d /, ""));
/* How much of a plot is drawn: pixels that are not the ground's. */
const ink = (id) =>
	page.evaluate((sel) => {
		const c = document.querySelector(`${sel} canvas`);
		const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		const seen = new Set();
		for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) seen.add(`${d[i] >> 4},${d[i + 1] >> 4},${d[i + 2] >> 4}`);
		return seen.size;
	}, `#plot-${id}`);

export async function metrics() {
	await test("metrics are plotted by service, with their numbers", async () => {
		await page.goto(`${hub.url}#/metrics?range=all`);
		await until("four plots", async () => (await $(".plot canvas").count()) === 4, 20000);
		await until("the services", async () => (await names()).includes("api") && (await names()).includes("db"), 20000);
		const api = (await groups()).find((g) => /api$/.test(g[0]));
		assert.match(api[2], /^! 6\.9 %$/, "failed");
		assert.match(api[3], /^1\d ms$/, "p50");
		for (const id of ["rate", "failed", "latency", "data"]) await until(`lines in ${id}`, async () => (await ink(id)) > 4);
		assert.match(await page.locator("#plot-latency .plot-host").getAttribute("aria-label"), /^Latency over time: p50 [\d.]+ ms, p95 \d+ ms, p99 \d+ ms$/);
		await themed(async (scheme) => {
			await clean("metrics");
			await screen(`metrics-${scheme}`);
		});
	});
	await test("from a service to its endpoints, and to their flows", async () => {
		await page.getByRole("button", { name: "Endpoints of api" }).click();
		await until("its endpoints", async () => (await names()).join().includes("GET /v1/users/*"), 20000);
		assert.equal(await page.inputValue("#filter"), 'dst.service="api"');
		assert.ok((await names()).every((n) => !n.includes("SELECT")));
		await screen("metrics-endpoints");
		await page.getByRole("button", { name: "Show flows of GET /v1/users/*" }).click();
		await until("its flows", async () => /180 of/.test(await text(".view-state")), 20000);
		await noFilter();
	});
	await test("other groups, and the percentiles of each", async () => {
		await page.goto(`${hub.url}#/metrics?range=all&group=status`);
		await until("statuses", async () => ["2xx", "5xx", "1xx"].every(((all) => (s) => all.includes(s))(await names())), 20000);
		await page.getByText("p95 of each").click();
		await until("their latency", async () => /2xx/.test(await text("#plot-latency .plot-key")));
		await page.getByRole("button", { name: "Failed" }).click();
		assert.match((await groups())[0][2], /^! /);
	});
	await test("a part of the time is chosen with the pointer, and left again", async () => {
		await page.goto(`${hub.url}#/metrics?range=all`);
		await until("the plot", async () => (await $("#plot-rate .u-over").count()) === 1 && (await names()).includes("api"), 20000);
		const all = await text(".tiles");
		const b = await $("#plot-rate .u-over").boundingBox();
		await page.mouse.move(b.x + b.width * 0.4, b.y + 40);
		await until("the pointer's values are told", async () => /\d\d:\d\d:\d\d/.test(await text("#plot-rate figcaption")));
		await page.mouse.down();
		await page.mouse.move(b.x + b.width * 0.7, b.y + 50, { steps: 5 });
		await page.mouse.up();
		await until("it is in the address", () => /zoom=\d+-\d+/.test(page.url()));
		await until("less than all", async () => (await text(".tiles")) !== all, 20000);
		await page.getByRole("button", { name: /Back from the part/ }).click();
		await until("it is left", () => !/zoom=/.test(page.url()));
	});
}
