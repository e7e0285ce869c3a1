// SPDX-License-Identifier: Apache-2.0
// A conversation in the detail: its messages, live, in bounds.
import assert from "node:assert/strict";
import { $, HOSTILE, clean, feeder, hub, noFilter, page, rowOf, screen, setFilter, targets, text, themed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

const ID = "01930000-0000-7000-8000-0000000c4a70";
let said = [0, 0];
let bytes = [0, 0];

/* One write: what was said since the one before. */
function write(list, o = {}) {
	const msgs = list.map(([server, op, data, attrs]) => {
		said[server]++;
		bytes[server] += data.b64 ? atob(data.b64).length : data.length;
		return { seq: said[0] + said[1], server: !!server, op, data, attrs };
	});
	return flow({ id: ID, target: "/chat", proto: "websocket", status: "101", state: 0, msgs, stream: { n: [...said], bytes: [...bytes], left_out: o.left_out ?? 0 }, ...o });
}

const shown = () =>
	page.evaluate(() =>
		[...document.querySelectorAll(".msg-row:not([hidden])")]
			.sort((a, b) => Number(a.dataset.seq) - Number(b.dataset.seq))
			.map((r) => [Number(r.dataset.seq), r.dataset.dir, ...[...r.children].slice(2, 5).map((c) => c.textContent)]),
	);
const last = async () => (await shown()).at(-1);
const sum = () => text(".msg-sum");

export async function talk() {
	await test("a conversation shows its messages, both ways, while it is open", async () => {
		await feeder.flows([write([[0, "text", '{"hello":"world"}'], [1, "text", HOSTILE], [1, "ping", ""], [0, "binary", { b64: "AAEC/w==" }]])]);
		await setFilter("proto:websocket");
		await until("the row is there", async () => (await targets()).length === 1);
		await rowOf("/chat").click();
		await until("four messages", async () => (await shown()).length === 4);
		assert.deepEqual(await shown(), [
			[1, "c2s", "text", "17 B", '{"hello":"world"}'],
			[2, "s2c", "text", `${HOSTILE.length} B`, HOSTILE],
			[3, "s2c", "ping", "0 B", ""],
			[4, "c2s", "binary", "4 B", "00 01 02 ff"],
		]);
		assert.match(await sum(), /2 from the client.*2 from the server.*live/s);
		assert.equal(await text('#detail [role=tab][aria-selected="true"]'), "Messages");
	});
	await test("new messages come in without a reload, and the end stays on screen", async () => {
		for (let i = 0; i < 60; i++) await feeder.flows([write([[1, "text", `tick ${i}`]])]);
		await until("the newest is shown", async () => (await last())?.[4] === "tick 59");
		assert.match(await sum(), /62 from the server/);
		await themed(async (scheme) => {
			await clean("a conversation");
			await screen(`messages-${scheme}`);
		});
	});
	await test("a message that is chosen is shown whole, as text, JSON or bytes", async () => {
		await page.locator(".msg-list").focus();
		await page.locator(".msg-list").evaluate((el) => (el.scrollTop = 0));
		await until("the first is on screen", async () => (await shown())[0]?.[0] === 1);
		await page.locator('.msg-row[data-seq="1"]').click();
		await until("the JSON", async () => (await text(".msg-body pre")) === '{\n  "hello": "world"\n}');
		await page.keyboard.press("ArrowDown");
		await until("hostile text is text", async () => (await text(".msg-body pre")) === HOSTILE);
		await page.locator('.msg-row[data-seq="4"]').click();
		await until("bytes", async () => /00 01 02 ff/.test(await text(".msg-body pre")));
		await screen("messages-chosen");
		assert.equal(await page.evaluate(() => window.pwned), undefined);
	});
	await test("who looks at older messages is not moved by new ones", async () => {
		const before = await page.locator(".msg-list").evaluate((el) => el.scrollTop);
		await feeder.flows([write([[1, "text", "one more"]])]);
		await until("it was counted", async () => /63 from the server/.test(await sum()));
		assert.equal(await page.locator(".msg-list").evaluate((el) => el.scrollTop), before);
		await page.getByRole("button", { name: "Newest" }).click();
		await until("the newest", async () => (await last())?.[4] === "one more");
	});
	await test("of a long conversation the tab and the hub hold a part, and say what is missing", async () => {
		for (let i = 0; i < 30; i++) await feeder.flows([write(Array.from({ length: 500 }, (_, k) => [1, "text", `long ${i * 500 + k}`]), { left_out: 40 })]);
		await until("the newest of fifteen thousand", async () => (await last())?.[4] === "long 14999", 20000);
		assert.match(await sum(), /5\s?065 not kept/);
		const rows = await page.evaluate(() => document.querySelectorAll(".msg-row").length);
		assert.ok(rows < 120, `${rows} elements`);
		await page.locator(".msg-list").evaluate((el) => (el.scrollTop = 0));
		await until("what was said first, as far as it is here, without a button", async () => (await shown())[0][0] < 5000);
		await page.getByRole("button", { name: "Newest" }).click();
		await until("the newest again", async () => (await last())?.[4] === "long 14999");
	});
	await test("after a reload it is all there again, and its end is seen", async () => {
		await page.reload();
		await until("the newest", async () => (await last())?.[4] === "long 14999");
		await feeder.flows([write([[1, "close", "bye", [["code", "1000"], ["name", "normal closure"]]]], { state: 1, ms: 5000 })]);
		await until("the close", async () => (await last())?.[4] === "1000 normal closure bye");
		await until("no longer live", async () => !/live/.test(await sum()));
		const r = await fetch(`${hub.url}api/flow/${ID}/messages?n=2&from=1001`, { headers: { Authorization: `Bearer ${hub.token}` } });
		const w = await r.json();
		assert.equal(w.kept, 10000);
		assert.equal(w.messages.length, 2);
		assert.ok(w.messages[0].seq > 5000);
		await page.keyboard.press("Escape");
		await noFilter();
	});
}
