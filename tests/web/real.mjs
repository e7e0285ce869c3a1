// SPDX-License-Identifier: Apache-2.0
// The page in a real browser while real containers talk: real.mjs URL TOKEN DOCKER.  The containers are those of
// tests/e2e/70-end-to-end.sh: client and web.  Pictures go to build/screens, delays to build/bench/page-delay.txt.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { axe, Browser, done, test, top, until } from "./world.mjs";

const [, , url, token, docker] = process.argv;
const screens = path.join(top, "build/screens");
mkdirSync(screens, { recursive: true });
mkdirSync(path.join(top, "build/bench"), { recursive: true });
const client = (...args) => execFileSync(docker, ["exec", "client", ...args], { encoding: "utf8" });
const curl = (...args) => client("curl", "-sk", "--max-time", "20", ...args);
const browser = new Browser();
await browser.start();
const page = await browser.tab({ url });
const $ = (s) => page.locator(s);
const rows = () => $("#grid .row:not([hidden])").allInnerTexts();
const shows = (re) => async () => (await rows()).some((r) => re.test(r.replace(/\s+/g, " ")));
const filter = async (t) => {
	await $("#filter").fill(t);
	await page.keyboard.press("Enter");
};
const capture = async (c) => {
	const r = await fetch(`${url}api/capture`, { method: "PUT", headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, body: JSON.stringify(c) });
	assert.equal(r.status, 204);
};
const ALL = { mode: "all", names: [], hosts: false, include_new: true, paused: false, body_limit: 16777216 };

await test("exchanges of real containers appear as rows, HTTP and HTTPS, with names", async () => {
	await page.goto(`${url}#t=${token}`);
	curl("http://web/v1/users?page=1", "-o", "/dev/null");
	curl("https://web/v1/orders", "-o", "/dev/null", "-d", '{"sku":"W-19","quantity":2}', "-H", "Content-Type: application/json", "-H", "Authorization: Bearer s3cr3t");
	curl("https://web/v1/stock", "-o", "/dev/null");
	await until("the plain one", shows(/client web.*GET.*\/v1\/users\?page=1.*200/));
	await until("the encrypted one", shows(/client web.*POST.*\/v1\/orders.*201/));
	await until("the failed one", shows(/\/v1\/stock.*503/));
});
await test("from the whole answer at the client to the row on the page: measured", async () => {
	await page.evaluate(() => {
		globalThis.seen = {};
		const look = () => {
			for (const r of document.querySelectorAll("#grid .row:not([hidden])")) {
				const cells = [...r.children].map((c) => c.textContent.trim());
				const target = cells.find((c) => c.startsWith("/seq/timed-"));
				if (target && cells.some((c) => c.startsWith("200"))) globalThis.seen[target] ??= Date.now();
			}
			requestAnimationFrame(look);
		};
		look();
	});
	const n = 40;
	const times = await new Promise((resolve) => {
		let out = "";
		const p = spawn(docker, ["exec", "client", "python3", "/world/timed.py", "web", String(n)]);
		p.stdout.on("data", (d) => (out += d));
		p.on("close", () => resolve(out.trim().split("\n").map((l) => l.split(" "))));
	});
	assert.equal(times.length, n);
	const seen = await until("all rows were seen", async () => {
		const s = await page.evaluate(() => globalThis.seen);
		return times.every(([t]) => s[t]) && s;
	});
	const ms = times.map(([t, at]) => seen[t] - Number(at)).sort((a, b) => a - b);
	const line = `from answer to row, ms: median ${ms[n / 2].toFixed(0)}, p95 ${ms[Math.floor(n * 0.95)].toFixed(0)}, largest ${ms[n - 1].toFixed(0)} (${n} exchanges)`;
	writeFileSync(path.join(top, "build/bench/page-delay.txt"), line + "\n");
	console.log(`# ${line}`);
});
await test("the filter narrows the list to what was asked for", async () => {
	await filter("is:error path:/v1/");
	await until("only the failed one", async () => (await rows()).length > 0 && (await rows()).every((r) => /\/v1\/.*|503/.test(r)) && !(await shows(/201/)()));
	await filter("");
	await until("the others again", shows(/timed-39/));
});
await test("a click opens the exchange: headers, decoded body, TLS facts; pictures are kept", async () => {
	for (let i = 0; i < 3; i++) {
		curl("--compressed", "https://web/v1/users?page=" + (i + 2), "-o", "/dev/null");
		curl("http://web/items.json?v=" + i, "-o", "/dev/null");
		curl("https://web/v1/orders", "-o", "/dev/null", "-d", '{"sku":"W-19","quantity":2}', "-H", "Content-Type: application/json", "-H", "Authorization: Bearer s3cr3t");
		curl("http://web/nowhere", "-o", "/dev/null");
		curl("https://web/v1/stock", "-o", "/dev/null");
	}
	await until("the last one", shows(/\/v1\/stock.*503/));
	await filter("path:/v1/ or path:/items or path:/nowhere");
	/* Rows are recycled: wait until the list holds only what was asked for, then point at what is really seen. */
	await until("only these", async () => (await rows()).every((r) => /\/v1\/|\/items|\/nowhere/.test(r)) && (await shows(/\/v1\/orders.*201/)()));
	const spot = await until("an order in sight", () =>
		page.evaluate(() => {
			const view = document.querySelector("#grid").getBoundingClientRect();
			for (const r of [...document.querySelectorAll("#grid .row:not([hidden])")].reverse()) {
				const b = r.getBoundingClientRect();
				if (r.textContent.includes("/v1/orders") && b.height > 0 && b.top > view.top + 30 && b.bottom < view.bottom) return { x: b.x + 200, y: b.y + b.height / 2 };
			}
			return null;
		}),
	);
	await page.mouse.click(spot.x, spot.y);
	await until("the headers", async () => /content-type/i.test(await page.locator("body").innerText()));
	assert.doesNotMatch(await page.locator("body").innerText(), /s3cr3t/, "secrets are masked until revealed");
	await page.screenshot({ path: path.join(screens, "real-headers.png") });
	await page.getByRole("tab", { name: "Body" }).click();
	await until("the body", async () => /accepted/.test(await page.locator("body").innerText()));
	for (const [scheme, width, height] of [["dark", 1280, 800], ["light", 1280, 800], ["dark", 1920, 1080], ["light", 1920, 1080]]) {
		await page.emulateMedia({ colorScheme: scheme });
		await page.setViewportSize({ width, height });
		await page.screenshot({ path: path.join(screens, `real-${scheme}-${width}.png`) });
		assert.deepEqual(await axe(page), []);
	}
	await page.setViewportSize({ width: 1280, height: 800 });
});
await test("unticking a container in the panel changes what is captured, at once", async () => {
	await page.keyboard.press("Escape");
	await filter("");
	await $("#picker-button").click();
	await until("both containers", async () => /client/.test(await $("#picker").innerText()) && /web/.test(await $("#picker").innerText()));
	await page.screenshot({ path: path.join(screens, "real-picker.png") });
	await page.getByRole("checkbox", { name: "client", exact: true }).click();
	await page.getByRole("checkbox", { name: "web", exact: true }).click();
	const off = async () => (await (await fetch(`${url}api/containers`, { headers: { Authorization: `Bearer ${token}` } })).json()).containers.every((c) => !c.captured);
	await until("the agent obeys", off);
	curl("http://web/seq/page-unseen", "-o", "/dev/null");
	await page.getByRole("radio", { name: "All", exact: true }).click();
	await until("the agent obeys again", async () => !(await off()));
	/* All of it are more rows than there is room for: conversations of unknown protocols are among them. */
	await page.keyboard.press("Escape");
	await filter("path:/seq/page-");
	curl("http://web/seq/page-seen", "-o", "/dev/null");
	await until("what came after", shows(/page-seen/));
	assert.equal(await shows(/page-unseen/)(), false);
});
await test("no policy violation, no error, no request to another host", async () => assert.deepEqual(browser.problems, []));
await capture(ALL);
await browser.stop();
process.exit(done() ? 1 : 0);
