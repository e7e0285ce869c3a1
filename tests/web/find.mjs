// SPDX-License-Identifier: Apache-2.0
// Finding in a conversation, and what a server said piece by piece.
import assert from "node:assert/strict";
import { clean, feeder, noFilter, page, rowOf, screen, setFilter, targets, text, themed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

const ID = "01930000-0000-7000-8000-0000000f19d0";
let seq = 0;
const write = (list) => {
	const msgs = list.map(([server, op, data]) => ({ seq: ++seq, server, op, data }));
	return flow({ id: ID, target: "/v1/chat/completions", proto: "sse", state: 0, msgs, stream: { n: [0, seq], bytes: [0, seq * 10], left_out: 0 } });
};
const delta = (t) => [true, "message", JSON.stringify({ choices: [{ delta: { content: t } }] })];
const shown = () => page.evaluate(() => [...document.querySelectorAll(".msg-row:not([hidden])")].sort((a, b) => Number(a.dataset.seq) - Number(b.dataset.seq)).map((r) => Number(r.dataset.seq)));

export async function find() {
	await test("words and quiet leave the messages that matter, live too", async () => {
		await feeder.flows([write([delta("Hel"), [true, "comment", "keep"], delta("lo "), [true, "ping", ""], delta("there")])]);
		await setFilter("proto:sse");
		await until("the row is there", async () => (await targets()).join() === "/v1/chat/completions");
		await rowOf("/v1/chat").click();
		await page.getByRole("tab", { name: "Messages" }).click();
		await until("all five", async () => (await shown()).join() === "1,2,3,4,5");
		await page.getByLabel("Hide ping and pong").check();
		await until("without what says nothing", async () => (await shown()).join() === "1,3,5");
		await page.getByLabel("Find in messages").fill("HERE");
		await until("the one", async () => (await shown()).join() === "5");
		assert.match(await text(".msg-find"), /1 of the 5 that are loaded/);
		await feeder.flows([write([delta("not this"), delta(" over here")])]);
		await until("a new one that is found", async () => (await shown()).join() === "5,7");
		await page.keyboard.press("Escape");
		await page.getByLabel("Find in messages").fill("");
		await page.getByLabel("Hide ping and pong").uncheck();
		await until("all of them", async () => (await shown()).length === 7);
	});
	await test("what a language model says in pieces is shown as one text", async () => {
		await page.getByRole("button", { name: "Joined text" }).click();
		await until("the text", async () => (await text('section[aria-label="What the server said, put together"] pre')) === "Hello therenot this over here");
		await themed(async (scheme) => {
			await clean("a stream, joined");
			await screen(`messages-joined-${scheme}`);
		});
		await page.getByRole("button", { name: "Close the detail" }).click();
		await noFilter();
	});
}
