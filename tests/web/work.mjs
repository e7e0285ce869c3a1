// SPDX-License-Identifier: Apache-2.0
// Working: following, choosing containers, Health, the keyboard, a hub that restarts, clearing, and the rules.
import assert from "node:assert/strict";
import { $, FACTS, LEDGER, browser, clean, clipboard, feeder, focusList, hub, noFilter, page, rows, screen, setFilter, targets, text, themed } from "./actions.mjs";
import { flow, sleep, test, until } from "./world.mjs";

export async function following() {
	const pixel = () => page.evaluate(() => document.querySelector(".row.selected:not([hidden])")?.getBoundingClientRect().top ?? null);
	await test("a selected row keeps its place while others arrive, which are counted", async () => {
		await focusList();
		await page.keyboard.press("End");
		await page.keyboard.press("k");
		await page.keyboard.press("k");
		const last = Number(await $("#grid").getAttribute("aria-rowcount")) - 2;
		await until("the last but one is selected", () => $(`.row.selected[data-at="${last - 1}"]:not([hidden])`).count());
		const was = await pixel();
		for (let i = 0; i < 4; i++) await feeder.flows(Array.from({ length: 10 }, (_, j) => flow({ target: `/more/${i}/${j}` })));
		await until("they are counted", async () => /40 new/.test(await text(".pill")));
		assert.equal(await pixel(), was);
	});
	await test("F goes to the newest and the list moves again", async () => {
		await page.keyboard.press("F");
		await until("the newest is there", async () => (await targets()).at(-1) === "/more/3/9");
		await feeder.flows([flow({ target: "/newest" })]);
		await until("the next one too", async () => (await targets()).at(-1) === "/newest");
		assert.equal(await $(".pill").count(), 0);
	});
	await test("Space holds the list still while recording goes on", async () => {
		await page.keyboard.press("Space");
		await until("it says so", async () => /Paused/.test(await text(".pill")));
		const before = await targets();
		await feeder.flows(Array.from({ length: 5 }, () => flow({ target: "/while-paused" })));
		await until("they are counted", async () => /5 new/.test(await text(".pill")));
		assert.deepEqual(await targets(), before);
		await page.keyboard.press("Space");
		await until("they are shown", async () => (await targets()).at(-1) === "/while-paused");
	});
	await test("under a thousand flows a second the page gets ten ticks, moves no selected row and keeps what is typed", async () => {
		let ticks = 0;
		const busy = await browser.tab(hub);
		busy.on("websocket", (ws) => ws.on("framereceived", (f) => (ticks += /^\{"op":"tick"/.test(f.payload))));
		await busy.goto(hub.address);
		await busy.waitForSelector("#grid .row:not([hidden])");
		await busy.keyboard.press("k");
		const top = () => busy.evaluate(() => document.querySelector(".row.selected:not([hidden])")?.getBoundingClientRect().top ?? null);
		const was = await until("a row is selected", top);
		await busy.locator("#filter").focus();
		ticks = 0;
		const from = Date.now();
		for (let i = 0; i < 30; i++) {
			await Promise.all([feeder.flows(Array.from({ length: 100 }, () => flow({ target: "/busy" }))), sleep(100)]);
			if (i % 3 === 0) await busy.keyboard.type("(");
		}
		const seconds = (Date.now() - from) / 1000;
		assert.ok(ticks > 5 && ticks <= seconds * 10 + 2, `${ticks} ticks in ${seconds} s`);
		assert.equal(await top(), was);
		assert.equal(await busy.locator("#filter").inputValue(), "(".repeat(10));
		await busy.context().close();
	});
	await test("with thousands of rows, both ends and the middle are reached", async () => {
		await feeder.flows(Array.from({ length: 20000 }, (_, i) => flow({ target: `/bulk/${i}` })));
		await until("the last one is there", async () => (await targets()).at(-1) === "/bulk/19999", 30000);
		await focusList();
		await page.keyboard.press("g");
		await until("the first one", async () => (await targets())[0] === "/v1/users/7?expand=orders");
		await page.evaluate(() => {
			const g = document.querySelector("#grid");
			g.scrollTop = g.scrollHeight / 2;
		});
		await until("the middle", async () => {
			const t = await targets();
			return t.length > 10 && t.every((x) => /^\/bulk\/\d+$/.test(x)) && Math.abs(Number(t[0].slice(6)) - 8500) < 200;
		});
		await page.keyboard.press("G");
		await until("the last", async () => (await targets()).at(-1) === "/bulk/19999");
		const nodes = await $("#grid .row").count();
		assert.ok(nodes < 80, `${nodes} row elements`);
	});
}

export async function picker() {
	await test("the container panel lists what there is, by project", async () => {
		await $("#picker-button").click();
		await until("the panel is there", async () => /shop/.test(await text("#picker")) && /lonely/.test(await text("#picker")));
		assert.match(await text("#picker"), /exited/);
		await themed(async (scheme) => {
			await clean("picker");
			await screen(`picker-${scheme}`);
		});
	});
	await test("unticking a container changes the capture at once, for hub and agents", async () => {
		await page.getByRole("checkbox", { name: "db", exact: true }).click();
		await until("the agent was told", () => feeder.settings?.mode === 2 && feeder.settings.names.join() === "db");
		const c = await hub.api("capture");
		assert.deepEqual([c.mode, c.names], ["except", ["db"]]);
		await until("the panel says so", async () => /2 of 3/.test(await text("#picker")));
		await until("the button says so", async () => /All except 1/.test(await text("#picker-button")));
	});
	await test("choosing by hand, processes outside containers, and the size kept of a body", async () => {
		await page.getByRole("radio", { name: "Chosen" }).click();
		await until("mode", () => feeder.settings.mode === 1 && feeder.settings.names.includes("web") && !feeder.settings.names.includes("db"));
		await page.getByRole("checkbox", { name: "All of shop" }).click();
		await until("the whole project", () => feeder.settings.names.includes("db"));
		await page.getByRole("checkbox", { name: "Processes outside containers" }).click();
		await until("hosts", () => feeder.settings.hosts === true);
		await $('#picker select[name="body_limit"]').selectOption("65536");
		await until("body limit", () => feeder.settings.body_limit === 65536);
		const ends = page.getByLabel("Connections", { exact: true });
		await ends.fill("80");
		await page.keyboard.press("Enter");
		await until("it is said what is wrong", async () => /begin with port/.test(await text(".pick-error")));
		assert.deepEqual(feeder.settings.ends, []);
		await ends.fill("port 80 443, not address 10.0.0.0/8");
		await page.keyboard.press("Enter");
		await until("ports and addresses", () => feeder.settings.ends.join(";") === "port 80,443;not address 10.0.0.0/8");
		await until("as the hub has them", async () => (await ends.inputValue()) === "port 80, 443 not address 10.0.0.0/8");
		await screen("picker-ends");
		await ends.fill("port 99999");
		await page.keyboard.press("Enter");
		await until("what the hub refuses is taken back", async () => (await ends.inputValue()) === "port 80, 443 not address 10.0.0.0/8");
		await page.getByLabel("Read of each connection").selectOption({ label: "16 MiB" });
		await until("budget", () => feeder.settings.conn_budget === 16777216);
		assert.equal(feeder.settings.body_limit, 65536);
	});
	await test("the other tabs see it, and Escape closes the panel", async () => {
		const other = await browser.tab(hub);
		await other.goto(hub.address);
		await until("the other tab knows", async () => /3 containers/.test(await other.locator("#picker-button").innerText()));
		await other.context().close();
		await page.getByRole("radio", { name: "All", exact: true }).click();
		await until("all again", () => feeder.settings.mode === 0);
		await page.getByRole("checkbox", { name: "Processes outside containers" }).click();
		await until("hosts off", () => feeder.settings.hosts === false);
		await page.keyboard.press("Escape");
		await until("closed", async () => (await $("#picker").count()) === 0);
		await until("the focus is back on the button", () => page.evaluate(() => document.activeElement.id === "picker-button"));
	});
	await test("recording stops and starts for everybody, and says so", async () => {
		await page.keyboard.press("Control+e");
		await until("the agent was told", () => feeder.settings.paused === true);
		await until("a banner", async () => /Recording is stopped/.test(await text(".banner")));
		await page.getByRole("button", { name: "Start recording" }).click();
		await until("it goes on", () => feeder.settings.paused === false);
		await until("no banner", async () => (await $(".banner").count()) === 0);
	});
}

const LOST = { "conn.moved_bytes": 48211934, "conn.captured_bytes": 41092110, "loss.ring_bytes": 6120413, "told.ring_bytes": 6120000, "loss.budget_bytes": 999824, "told.budget_bytes": 999824, "loss.shed_bytes": 0, "told.shed_bytes": 0, "loss.untold_bytes": 0 };

export async function health() {
	await test("Health says which TLS is in which process, what is not read and what to do", async () => {
		feeder.say({ health: { facts: FACTS, counters: {}, tls: LEDGER, tls_left_out: 12 } });
		await page.keyboard.press("5");
		await until("the ledger is there", async () => /Processes and their TLS/.test(await text(".ledger")));
		const t = await text(".ledger");
		assert.match(t, /billing\s+java · pid 4711[\s\S]*none known[\s\S]*java tls[\s\S]*there is no library to probe[\s\S]*0 B of 8\.\d MB\s+14 connections, 14 not read/);
		assert.match(t, /web\s+nginx · 4 processes[\s\S]*openssl 3\.0\.15[\s\S]*read[\s\S]*61 MB of 63 MB/);
		assert.match(t, /12 more processes have no room/);
		assert.doesNotMatch(t, /cron/);
		await $(".ledger-rest button").click();
		await until("the rest is shown", async () => /cron/.test(await text(".ledger")));
		await $(".ledger-rest button").click();
		assert.equal(await page.evaluate(() => window.pwned), undefined);
		await themed(async (scheme) => {
			await clean("ledger");
			await screen(`ledger-${scheme}`);
		});
		await $(".ledger .why button").first().click();
		await until("its connections", async () => (await page.inputValue("#filter")) === 'proto:tls proc:"java"');
		await noFilter();
		await page.evaluate(() => document.activeElement.blur());
		await page.keyboard.press("F");
	});
	await test("Health shows agents, their facts with what to do, and every loss", async () => {
		feeder.say({ health: { facts: FACTS, counters: { ...LOST, "conn.open": 42, "conn.truncated": 1, "conn.undecrypted_now": 2, "loss.ring_records": 7 } } });
		await page.keyboard.press("5");
		await until("it is there", async () => /testhost/.test(await text(".health")) && /42/.test(await text(".health")));
		const t = await text(".health");
		assert.match(t, /A probe could not be attached/);
		assert.match(t, /probe\.denied/);
		await until("the losses", async () => /dropped\s+7\s+truncated\s+1\s+not decrypted\s+2\b/.test(await text(".health")));
		assert.match(t, /6\.1\.0-test/);
		const table = (await text(".missing")).replace(/\u202f/g, "").replace(/\s+/g, " ");
		assert.match(table, /captured 41092110 the buffers were full 6120413 6120000 not wanted: limits, budgets, pauses 999824 999824 missing, together 7120237 7119824 moved 48211934/);
		assert.match(await text(".missing-note"), /told within seconds/);
		assert.doesNotMatch(t, /shed bytes/);
		await themed(async (scheme) => {
			await clean("health");
			await screen(`health-${scheme}`);
			await $(".missing-note").scrollIntoViewIfNeeded();
			await screen(`health-missing-${scheme}`);
			await $(".page-head").scrollIntoViewIfNeeded();
		});
	});
	await test("the status bar counts, and a click on a loss shows it", async () => {
		await page.keyboard.press("1");
		assert.match(await text("#stat-flows"), /^23.?\d\d\d\s+flows/);
		assert.match(await text("#stat-truncated"), /truncated\s*1/);
		await $("#stat-truncated").click();
		await until("the flow that was cut", async () => (await targets()).length === 1 && (await targets())[0].startsWith("/v1/orders"));
		assert.equal(await $("#filter").inputValue(), "is:truncated");
		await noFilter();
	});
}

export async function keyboard() {
	await test("everything is reached with the keyboard alone", async () => {
		await page.keyboard.press("1");
		await page.keyboard.press("Escape");
		await focusList();
		await page.keyboard.press("/");
		assert.equal(await page.evaluate(() => document.activeElement.id), "filter");
		await page.keyboard.type("path:/v1/orders");
		await page.keyboard.press("Enter");
		await until("filtered", async () => (await targets()).length === 1);
		assert.equal(await page.evaluate(() => document.activeElement.id), "grid");
		await page.keyboard.press("j");
		await until("selected", async () => (await $(".row.selected").count()) === 1);
		assert.ok(await $("#grid").getAttribute("aria-activedescendant"));
		await page.keyboard.press("Enter");
		await until("open", async () => /v1\/orders/.test(await text(".detail-title")));
		await page.keyboard.press("]");
		await until("body", async () => (await $('[role=tab][aria-selected="true"]').innerText()) === "Body");
		await page.keyboard.press("[");
		await page.keyboard.press("c");
		await page.keyboard.press("c");
		await until("copied", async () => (await clipboard()).includes("--data-raw"));
		await page.keyboard.press("\\");
		await until("maximised", async () => !(await $("#grid").isVisible()));
		await page.keyboard.press("Escape");
		await until("not maximised", () => $("#grid").isVisible());
		await page.keyboard.press("|");
		await until("beside the list", async () => (await $(".flows.dock-right").count()) === 1);
		await clean("docked right");
		await screen("dock-right");
		await page.keyboard.press("|");
		await page.keyboard.press("?");
		await until("the keys", () => $("dialog[open]").isVisible());
		await clean("keys");
		await page.keyboard.press("Escape");
		await until("no dialog", async () => (await $("dialog[open]").count()) === 0);
		await page.keyboard.press("Escape");
		await until("detail closed", async () => (await $("#detail").count()) === 0);
		await page.keyboard.press("Escape");
		await until("filter cleared", async () => (await $("#filter").inputValue()) === "");
	});
	await test("letters typed into a field are only text", async () => {
		await $("#filter").fill("");
		await $("#filter").pressSequentially("2 j F ? /");
		assert.equal(await $("#filter").inputValue(), "2 j F ? /");
		assert.equal(await $(".health").count(), 0);
		await $("#filter").fill("");
		await page.keyboard.press("Escape");
	});
	await test("the theme is the system's, or the one chosen, and stays chosen", async () => {
		const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
		const light = await ground();
		await page.emulateMedia({ colorScheme: "dark" });
		assert.notEqual(await ground(), light);
		await $("#theme-button").click();
		assert.equal(await ground(), light, "light was chosen");
		await page.reload();
		await page.waitForSelector("#theme-button");
		assert.equal(await ground(), light, "still, after a reload");
		await $("#theme-button").click();
		assert.notEqual(await ground(), light, "dark was chosen");
		await $("#theme-button").click();
		await page.emulateMedia({ colorScheme: "light" });
		assert.equal(await ground(), light, "the system's again");
	});
}

export async function restart() {
	await test("a hub that goes away is told once; what is on screen stays", async () => {
		await setFilter("path:/v1/users");
		await until("one row", async () => (await targets()).length === 1);
		await rows().first().click();
		await until("detail", async () => /v1\/users/.test(await text(".detail-title")));
		await hub.stop();
		await until("a banner", async () => /has not answered/.test(await text(".banner")));
		assert.equal(await $(".banner").count(), 1);
		assert.equal((await targets()).length, 1);
		assert.match(await text(".detail-title"), /v1\/users/);
		await screen("hub-away");
	});
	await test("when it is back the page goes on: same row, same detail, nothing twice", async () => {
		feeder.say({ flows: [flow({ target: "/v1/users/after" })] });
		feeder.sent++;
		await hub.start();
		await until("no banner", async () => (await $(".banner").count()) === 0, 15000);
		await until("what was sent meanwhile is there", async () => (await targets()).join() === "/v1/users/7?expand=orders,/v1/users/after", 15000).catch(async (e) => {
			const of = await hub.api(`flows?f=${encodeURIComponent("path:/v1/users")}&n=10`);
			throw new Error(`${e.message}; shown: ${await targets()}; the hub has: ${of.rows.map((r) => r.target)}; ${await text("#stat-flows")}\n${page.spoken.join("\n")}`);
		});
		assert.match(await text(".row.selected:not([hidden]) .c-target"), /users\/7/);
		assert.match(await text(".detail-title"), /v1\/users\/7/);
		await page.keyboard.press("Escape");
		await noFilter();
		await until("all are kept", async () => /23.?\d\d\d/.test(await text("#stat-flows")));
	});
}

export async function clearing() {
	await test("clear asks above a thousand rows, and can be taken back", async () => {
		await $("#clear-button").click();
		await until("it asks", () => $("dialog[open]").isVisible());
		await clean("clear dialog");
		await page.getByRole("button", { name: "Keep them" }).click();
		assert.match(await text("#stat-flows"), /^23/);
	});
	await test("clear deletes all flows, for everybody", async () => {
		await $("#clear-button").click();
		await page.getByRole("button", { name: "Delete", exact: true }).click();
		await until("the list is empty", async () => /^0\s+flows/.test(await text("#stat-flows")) && /Waiting for the first/.test(await text(".first-run")));
		assert.equal((await hub.api("flows?n=1")).total, 0);
		await feeder.flows([flow({ target: "/after-clear" })]);
		await until("a new one is shown, alone", async () => (await targets()).join() === "/after-clear");
	});
}

export async function rules() {
	await test("the index forbids everything the page does not need, and is not cached", async () => {
		const r = await fetch(hub.url);
		const csp = r.headers.get("content-security-policy");
		for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"])
			assert.ok(csp?.includes(part), `${part} in ${csp}`);
		assert.match(r.headers.get("cache-control") ?? "", /no-store/);
		assert.equal(r.headers.get("x-content-type-options"), "nosniff");
		const asset = /src="(a\/main-[^"]+)"/.exec(await r.text())[1];
		const a = await fetch(hub.url + asset);
		assert.match(a.headers.get("cache-control") ?? "", /immutable/);
	});
}
