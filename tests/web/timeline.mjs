// SPDX-License-Identifier: Apache-2.0
// A long conversation: twenty thousand messages, found, compared, plotted, followed and taken away.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { $, clean, clipboard, feeder, page, screen, text, themed } from "./actions.mjs";
import { show } from "./grpc.mjs";
import { flow, test, until } from "./world.mjs";

const ID = "01930000-0000-7000-8000-0000000717e1";
const AT = Date.now() - 120000;
let n = [0, 0];
let bytes = [0, 0];
function write(list, o = {}) {
	const msgs = list.map(([server, op, data, attrs]) => {
		n[server]++;
		bytes[server] += data.length;
		return { seq: n[0] + n[1], server: !!server, op, data, attrs };
	});
	return flow({ id: ID, at: AT, target: "/live", proto: "websocket", status: "101", state: 0, ms: 60000, msgs, stream: { n: [...n], bytes: [...bytes], left_out: 0 }, ...o });
}
const shown = () => page.evaluate(() => [...document.querySelectorAll(".msg-row:not([hidden])")].map((r) => [Number(r.dataset.seq), ...[...r.children].map((c) => c.textContent)]).sort((a, b) => a[0] - b[0]));
const price = (i) => [i % 4 ? 1 : 0, "text", JSON.stringify({ type: i % 3 ? "price" : "order", sku: `W-${i}`, value: i })];
const list = () => page.locator(".msg-list");

export async function timeline() {
	await test("twenty thousand messages: a hundred elements, and all that are kept are reached by scrolling", async () => {
		for (let i = 0; i < 40; i++) await feeder.flows([write(Array.from({ length: 500 }, (_, k) => price(i * 500 + k)))]);
		await show({ id: ID }, "messages");
		await until("the newest", async () => (await shown()).at(-1)?.[5].includes("W-19999"));
		const seen = new Set();
		await until("the first, by scrolling up", async () => {
			await list().evaluate((el) => (el.scrollTop = 0));
			const rows = await shown();
			for (const r of rows) seen.add(r[0]);
			return rows[0]?.[0] === 1;
		}, 60000);
		assert.ok((await page.locator(".msg-row").count()) < 120);
		assert.match(await text(".msg-sum"), /10\s?000 not kept/);
		const holes = await page.evaluate(() => document.querySelectorAll(".msg-row").length);
		assert.ok(holes < 120);
		await list().focus();
		await page.keyboard.press("End");
		await until("the newest by key", async () => (await shown()).at(-1)?.[0] === 20000);
	});
	await test("new ones are counted while somebody looks at older ones, and followed again by key", async () => {
		await page.keyboard.press("ArrowUp");
		await page.keyboard.press("ArrowUp");
		const top = await list().evaluate((el) => el.scrollTop);
		await feeder.flows([write([price(20000), price(20001)])]);
		await until("two are counted", async () => /2 new ↓/.test(await text(".msg-sum")));
		assert.equal(await list().evaluate((el) => el.scrollTop), top);
		await page.keyboard.press("F");
		await until("they are there", async () => (await shown()).at(-1)?.[0] === 20002 && !/new ↓/.test(await text(".msg-sum")));
		await page.keyboard.press(" ");
		await until("paused", async () => /paused/.test(await text(".msg-live")));
		await page.keyboard.press(" ");
		await until("live again", async () => /live/.test(await text(".msg-live")));
	});
	await test("messages are found by direction, kind, size and the values in their JSON", async () => {
		const box = page.getByLabel("Find in messages");
		await box.fill("json.value:19997");
		await until("one", async () => (await shown()).length === 1 && (await shown())[0][5].includes("W-19997"));
		await box.fill("json.type:order dir:up json.value>19990");
		await until("some", async () => (await shown()).length > 0 && (await shown()).every((r) => r[1] === "↑" && /"order"/.test(r[5])));
		await box.fill("kind:close");
		await until("none, in words", async () => /No message that is loaded is like that/.test(await text(".messages")));
		await box.fill("");
	});
	await test("control frames and close codes have names; each row its side, time and step", async () => {
		await feeder.flows([write([[0, "ping", "hb"], [1, "pong", "hb"], [1, "close", "later", [["code", "1013"]]]], { state: 1 })]);
		await until("the close by name", async () => (await shown()).at(-1)?.[5] === "1013 try again later later");
		const [up, down] = await page.evaluate(() => ["c2s", "s2c"].map((d) => getComputedStyle(document.querySelector(`.msg-row[data-dir=${d}] .msg-dir`)).textAlign));
		assert.notEqual(up, down, "a lane of its own, not only a colour");
		await page.locator(".msg-row", { hasText: "try again later" }).click();
		await until("what it is", async () => /control frame, opcode 0x8/.test(await text(".msg-body")) && /code: 1013 try again later/.test(await text(".msg-body")));
		await list().focus();
		await page.keyboard.press("t");
		await until("since the opening", async () => (await page.getByRole("button", { name: "Since opening" }).getAttribute("aria-pressed")) === "true");
		await page.keyboard.press("t");
	});
	await test("a message is laid out, and compared with another or with the one before it of its kind", async () => {
		await page.locator('.msg-row[data-seq="20001"]').click();
		await until("laid out", async () => /^\{\n {2}"type": "/.test(await text(".msg-body pre")));
		await page.locator(".msg-body .segments").getByText("As sent", { exact: true }).click();
		await until("as sent", async () => /^\{"type":"/.test(await text(".msg-body pre")));
		await page.locator(".msg-body .segments").getByText("Laid out", { exact: true }).click();
		await page.getByRole("button", { name: "Compare with previous" }).click();
		await until("what differs", async () => /\d differences?/.test(await text(".msg-body")));
		await themed(async (scheme) => {
			await clean("two messages");
			await screen(`timeline-compare-${scheme}`);
		});
		await page.locator(".msg-body").getByRole("button", { name: "Close" }).click();
		await page.locator('.msg-row[data-seq="20001"]').click();
		await list().focus();
		await page.keyboard.press("d");
		await page.keyboard.press("ArrowDown");
		await page.keyboard.press("d");
		await until("by keys", async () => /message 20\s?001 and ↓ message 20\s?002/.test((await text(".msg-body h3")).replace(/^↑ /, "").replace(/^↓ /, "")));
		await page.locator(".msg-body").getByRole("button", { name: "Close" }).click();
	});
	await test("the plot tells how many there were when, and leads there", async () => {
		const told = await page.locator(".msg-plot svg").getAttribute("aria-label");
		assert.match(told, /messages that are loaded over .*, at most \d+ each way/);
		await page.locator(".msg-plot svg").click({ position: { x: 3, y: 16 } });
		await until("one of the first that are loaded", async () => (await page.locator('.msg-row[aria-selected="true"]').count()) === 1);
		for (const [width, height] of [[1280, 800], [1920, 1080]]) {
			await page.setViewportSize({ width, height });
			await themed(async (scheme) => {
				await clean("a long conversation");
				await screen(`timeline-${scheme}-${width}`);
			});
		}
		await page.setViewportSize({ width: 1280, height: 800 });
	});
	await test("the conversation is copied and saved as JSON lines, without secrets unless that is asked for", async () => {
		const id = ID.replace("717e1", "717e2");
		await feeder.flows([flow({ id, target: "/login", proto: "websocket", status: "101", state: 1, msgs: [{ seq: 1, server: false, op: "text", data: '{"user":"ann","password":"hunter2"}' }, { seq: 2, server: true, op: "text", data: "x".repeat(6000) }], stream: { n: [1, 1], bytes: [34, 6000], left_out: 0 } })]);
		await show({ id }, "messages");
		await until("both", async () => (await shown()).length === 2);
		const menu = async (name) => {
			await page.getByRole("button", { name: "Messages", exact: true }).click();
			await page.getByRole("menuitem", { name }).click();
		};
		await menu("Copy all as JSON lines, without secrets");
		await until("copied", async () => (await clipboard()).startsWith('{"seq":1'));
		const lines = (await clipboard()).trim().split("\n").map((l) => JSON.parse(l));
		assert.deepEqual([lines.length, lines[0].body.text, lines[1].body.text.length, lines[1].body.cut], [2, '{"user":"ann","password":"REDACTED"}', 6000, undefined]);
		const [file] = await Promise.all([page.waitForEvent("download"), menu("Save all as JSON lines, as they are")]);
		const saved = readFileSync(await file.path(), "utf8").trim().split("\n").map((l) => JSON.parse(l));
		assert.deepEqual([saved.length, saved[0].body.text], [2, '{"user":"ann","password":"hunter2"}']);
		assert.match(file.suggestedFilename(), /^limpid-messages.*\.jsonl$/);
	});
}
