// SPDX-License-Identifier: Apache-2.0
// Presentation mode: with secrets in every place where they can be, none is in the page, in whatever tab or panel.
import assert from "node:assert/strict";
import { $, clean, feeder, focusList, hub, noFilter, page, screen, setFilter, targets, text, themed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

const SECRET = "hunter2hunter2";
const OWN = "K-0042-77";
const json = { "content-type": "application/json" };
const pg = (target, rest = {}) => flow({ proto: "postgres", op: "Query", target, status: "SELECT", failed: false, reqHeaders: [], respHeaders: [], respBody: undefined, to: "db", ...rest });

const FLOWS = () => [
	flow({ target: `/p/query?access_token=${SECRET}&page=2`, reqHeaders: [["Host", "api"], ["Authorization", `Bearer ${SECRET}`], ["Cookie", `sid=${SECRET}; theme=dark`], ["X-Api-Key", SECRET]], respHeaders: [["Content-Type", "application/json"], ["Set-Cookie", `sid=${SECRET}; HttpOnly`]], respBody: { data: JSON.stringify({ user: "ann", password: SECRET, nested: { secret: SECRET } }), type: json["content-type"] } }),
	flow({ target: "/p/form", op: "POST", reqBody: { data: `user=ann&password=${SECRET}`, type: "application/x-www-form-urlencoded" }, respBody: { data: `<html><p data-access-token="${SECRET}">x</p></html>`, type: "text/html" } }),
	flow({ target: "/p/graphql", op: "POST", reqBody: { data: JSON.stringify({ operationName: "Login", query: "query Login($password: String) { login(password: $password) { id } }", variables: { password: SECRET } }), type: json["content-type"] } }),
	flow({ target: `/p/own/${OWN}/cart?customer_number=${SECRET}` }),
	flow({ target: `/p/url?back=https://ann:${SECRET}@example.com/` }),
	pg(`ALTER USER bob PASSWORD '${SECRET}' /* /p/ */`),
	pg("SELECT password, name FROM users /* /p/ */", { respAttrs: [["columns", '["password","name"]'], ["types", '["text","text"]'], ["rows", "1"]], respBody: { data: JSON.stringify([[SECRET, "ann"]]), type: "application/json" } }),
	flow({ proto: "redis", op: "SET", target: "/p/user:7:token", status: "OK", to: "cache", reqHeaders: [], respHeaders: [], reqBody: { data: JSON.stringify(["/p/user:7:token", SECRET]), type: "application/json" }, respBody: { data: '"OK"', type: "application/json" } }),
	flow({ proto: "websocket", target: `/p/live?token=${SECRET}`, status: "101", state: 0, respBody: null, msgs: [{ seq: 1, server: false, op: "text", data: JSON.stringify({ auth: { token: SECRET } }) }, { seq: 2, server: true, op: "text", data: `{"password":"${SECRET}"}` }], stream: { n: [1, 1], bytes: [40, 40], left_out: 0 } }),
];

/* All text and all attributes, also in shadow roots; what of it holds a secret. */
const leaks = (secrets) =>
	page.evaluate((words) => {
		const found = [];
		const look = (what, where) => {
			for (const w of words) if (what?.includes?.(w)) found.push(`${where}: ${what.slice(Math.max(0, what.indexOf(w) - 80), what.indexOf(w) + 40)}`);
		};
		const walk = (root) => {
			const all = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT);
			for (let n = all.currentNode; n; n = all.nextNode()) {
				if (n.nodeType !== 1) look(n.nodeValue, n.parentElement?.className || n.parentElement?.tagName);
				else {
					for (const a of n.attributes) look(a.value, `${n.tagName}[${a.name}]`);
					if (n instanceof HTMLTextAreaElement || n instanceof HTMLInputElement) if (getComputedStyle(n).webkitTextSecurity !== "disc") look(n.value, `${n.tagName}.value`);
					if (n.shadowRoot) walk(n.shadowRoot);
				}
			}
		};
		walk(document.documentElement);
		look(document.title, "title");
		look(decodeURIComponent(location.href), "the address");
		return [...new Set(found)];
	}, secrets);
const press = (k) => page.keyboard.press(k);
const nothing = async (where) => assert.deepEqual(await leaks([SECRET, OWN]), [], where);

async function toggle(on) {
	await page.evaluate(() => document.activeElement?.blur());
	await press("P");
	await until(on ? "it is on" : "it is off", async () => (await $("#present-button.on").count()) === (on ? 1 : 0));
}

/* Every tab of every row that is shown. */
async function details() {
	const n = (await targets()).length;
	await focusList();
	for (let i = 0; i < n; i++) {
		await press(i ? "j" : "g");
		await until("a row", async () => (await $(".row.selected:not([hidden])").count()) === 1);
		if (!i) await press("Enter");
		await until("its detail", async () => (await $("#detail [role=tab]").count()) > 2 && !(await $("#detail [aria-busy=true]").count()));
		await page.waitForTimeout(150);
		const tabs = await $("#detail [role=tab]").allInnerTexts();
		for (const t of tabs) {
			await page.getByRole("tab", { name: t, exact: true }).first().click();
			await page.waitForTimeout(250);
			await nothing(`row ${i}, ${t}`);
		}
		await focusList();
	}
	await press("Escape");
	return n;
}

export async function present() {
	await test("presentation mode: no secret is in the page, in any tab of any flow", async () => {
		const before = await hub.api("capture");
		await hub.api("capture", { method: "PATCH", body: JSON.stringify({ redact: ["customer-number", "/K-\\d{4}-\\d{2}/"] }), headers: { "Content-Type": "application/json" } });
		assert.ok(before);
		const list = FLOWS();
		await feeder.flows(list);
		await hub.api(`flow/${list[3].id}/mark`, { method: "PATCH", body: JSON.stringify({ note: `password: ${SECRET}`, mark: 2 }), headers: { "Content-Type": "application/json" } });
		await hub.api("saved", { method: "PUT", body: JSON.stringify([{ name: "with a secret", filter: `header.authorization:${SECRET}` }]), headers: { "Content-Type": "application/json" } });
		await setFilter("target:/p/");
		await until("the rows", async () => (await targets()).length === list.length, 20000).catch(async (e) => {
			throw new Error(`${e.message}: ${await $("#filter").inputValue()} ${page.url()} ${(await targets()).join(" | ")}`);
		});
		await until("the note", async () => (await text("#grid")).includes(SECRET));
		assert.ok((await leaks([SECRET, OWN])).length > 3, "they are there to begin with");
		await toggle(true);
		await until("the list has none", async () => (await leaks([SECRET, OWN])).length === 0);
		await themed(async (scheme) => {
			await clean("presentation");
			await screen(`presentation-${scheme}`);
		});
		assert.equal(await details(), list.length);
	});
	await test("nor in Map, SQL, Metrics, Health, the notes, the row's menu, the exports, what is compared", async () => {
		for (const [key, hash] of [["2", "map"], ["3", "sql"], ["4", "metrics"], ["5", "health"]]) {
			await press(key);
			await until(hash, () => new URL(page.url()).hash.startsWith(`#/${hash}`));
			await page.waitForTimeout(1200);
			await nothing(hash);
		}
		await press("4");
		await page.evaluate(() => (location.hash = "#/metrics?group=endpoint"));
		await page.waitForTimeout(1500);
		await nothing("endpoints");
		await press("1");
		await focusList();
		await press("g");
		for (let i = 0; i < 3; i++) await press("j");
		for (const [key, sel] of [["n", 'dialog[open][aria-label="Note"]'], ["M", ".row-menu"], ["S", 'dialog[open][aria-label="Saved filters"]'], ["w", "#files[open]"]]) {
			await focusList();
			await press(key);
			await until(sel, async () => (await $(sel).count()) === 1);
			await nothing(key);
			await until(`${sel} is closed`, async () => {
				if (!(await $(sel).count())) return true;
				await press("Escape");
				await page.waitForTimeout(300);
				return false;
			});
		}
	});
	await test("nor in a filter that holds one, its address, or what is offered to complete it", async () => {
		await $("#filter").fill(`header.authorization:${SECRET}`);
		await until("the line says so", async () => /holds a secret/.test(await text("#filter-line")));
		await nothing("the filter");
		await $("#filter").fill("header.authorization:");
		await page.waitForTimeout(1000);
		await nothing("completion of a value");
		await $("#filter").fill("");
		await press("ArrowDown");
		await page.waitForTimeout(500);
		await nothing("former filters");
		await noFilter();
		await toggle(false);
		await until("they are back", async () => (await leaks([SECRET])).length > 3);
		await hub.api("capture", { method: "PATCH", body: JSON.stringify({ redact: [] }), headers: { "Content-Type": "application/json" } });
		await hub.api("saved", { method: "PUT", body: "[]", headers: { "Content-Type": "application/json" } });
	});
}
