// SPDX-License-Identifier: Apache-2.0
// attacks.mjs TMP - what was captured tries to run in the page: every text of every protocol's flows, names of containers and
// processes, of the ledger, the address's filter and notes.  All of it has to be there as text, and nothing of it may run,
// fetch, navigate or become an element.  TAP.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { $, browser, feeder, hub, openTab, page, rows, startFeeder, tmp } from "./actions.mjs";
import { done, sleep, test, top, until } from "./world.mjs";

/* Each in turn; all of them count in window.pwned if they run, or ask a host that is not the hub. */
const ATTACKS = [
	`<script>window.pwned=1</script>`,
	`<img src=x onerror="window.pwned=2">`,
	`"><svg onload=window.pwned=3>`,
	`' onmouseover='window.pwned=4' x='`,
	`javascript:window.pwned=5`,
	`</textarea></style></title><iframe srcdoc="<script>parent.pwned=6</script>">`,
	`<base href="http://127.0.0.1:1/"><link rel=stylesheet href=http://127.0.0.1:1/x.css>`,
	`<meta http-equiv=refresh content="0;url=javascript:window.pwned=7">`,
	`{{constructor.constructor('window.pwned=8')()}}\${window.pwned=8}`,
	`\u202Egnp.exe\u202C\u0000\uFEFF<b>\u2028\u2029</b>`,
	`__proto__`,
	`data:text/html,<script>window.pwned=9</script>`,
];
let next = 0;
const attack = () => ATTACKS[next++ % ATTACKS.length];

/* What says which protocol or kind something is stays; names and texts get an attack behind them. */
const KEEP = new Set(["proto", "state", "type", "encoding", "base64", "dir", "l4", "seen_by", "flags", "v", "id", "ts"]);
function poison(v, key) {
	if (Array.isArray(v)) return v.map((x) => poison(x, key));
	if (v && typeof v === "object") return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, KEEP.has(k) ? x : poison(x, k)]));
	if (typeof v !== "string") return v;
	/* Rows, columns and parameters are JSON in a text. */
	for (const wrap of [(s) => [JSON.parse(s)], (s) => s.trim().split("\n").map((l) => JSON.parse(l))]) {
		try {
			const inner = wrap(v);
			if (inner.every((x) => typeof x === "object" && x)) return inner.map((x) => JSON.stringify(poison(x))).join("\n");
		} catch { /* plain text */ }
	}
	return v + attack();
}

/* The flows that the protocols' own tests expect, a few of each. */
function flows() {
	const out = [];
	const base = path.join(top, "tests/proto");
	const seen = new Set();
	const each = {};
	for (const proto of readdirSync(base, { withFileTypes: true }).filter((d) => d.isDirectory()))
		for (const file of readdirSync(path.join(base, proto.name)).filter((f) => f.endsWith(".json")))
			for (const line of readFileSync(path.join(base, proto.name, file), "utf8").split("\n").filter(Boolean)) {
				const f = JSON.parse(line);
				const kind = `${f.proto} ${f.request?.op} ${!!f.messages} ${f.failed}`;
				if (seen.has(kind) || (each[f.proto] ?? 0) >= 4) continue;
				seen.add(kind);
				each[f.proto] = (each[f.proto] ?? 0) + 1;
				out.push(f);
			}
	return out.map((f, i) => {
		const end = (ip, port) => ({ ip, port, pid: 100 + i, comm: attack().slice(0, 15), container: attack().slice(0, 60), container_id: "ab".repeat(32), image: attack(), project: attack() });
		const p = poison(f);
		if (p.request) p.request.headers = [...(p.request.headers ?? []), [attack(), attack()], ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]];
		if (p.response) p.response.headers = [...(p.response.headers ?? []), [attack(), attack()]];
		return { ...p, v: 1, id: `01930000-0000-7000-8000-${(i + 1).toString(16).padStart(12, "0")}`, ts: new Date().toISOString(), conn: i + 1, duration_ns: 4000000, l4: "tcp", seen_by: "client", client: end("172.18.0.3", 40000 + i), server: end("172.18.0.4", 80),
			tls: { library: "openssl", version: attack(), road: "probes", sni: attack(), alpn: attack(), protocol: "TLS 1.3", cipher: attack(), certificate: { subject: attack(), issuer: attack(), names: [attack()], not_after: "2027-01-31T23:59:59Z" } } };
	});
}

/* Nothing ran, and nothing that was captured became more than text. */
async function harmless(where) {
	const bad = await page.evaluate(() => {
		const out = [];
		if (window.pwned !== undefined) out.push(`it ran: ${window.pwned}`);
		if ({}.polluted !== undefined || Object.prototype.constructor !== Object) out.push("a prototype was changed");
		for (const e of document.querySelectorAll("*")) {
			if (["SCRIPT", "BASE", "META", "LINK", "OBJECT", "EMBED"].includes(e.tagName) && !e.closest("head")) out.push(`an element ${e.tagName}`);
			if (e.tagName === "IFRAME" && (e.getAttribute("sandbox") !== "" || e.hasAttribute("srcdoc"))) out.push("a frame without isolation");
			for (const a of e.attributes) {
				if (/^on/i.test(a.name)) out.push(`${e.tagName} has ${a.name}`);
				if (["href", "src", "action", "formaction", "xlink:href"].includes(a.name) && /^\s*(javascript|data:text)/i.test(a.value)) out.push(`${e.tagName} ${a.name}=${a.value.slice(0, 40)}`);
			}
		}
		return out;
	});
	assert.deepEqual(bad, [], where);
	assert.deepEqual(browser.problems, [], where);
}

/* Every choice of how to look at what is shown. */
async function everyWay(where) {
	const ways = page.locator(".detail .segments button, .detail .segments label, .detail .segments [role=radio]");
	for (let i = 0, n = Math.min(await ways.count(), 16); i < n; i++) {
		await ways.nth(i).click({ timeout: 2000 }).catch(() => {});
		await harmless(`${where}, way ${i}`);
	}
}

async function details(all) {
	await page.goto(hub.address);
	await until("all rows are there", async () => Number(await $("#grid").getAttribute("aria-rowcount")) > all.length);
	await test("the list shows what was captured as text", async () => {
		await harmless("the list");
		assert.ok((await rows().allInnerTexts()).some((t) => /<script>|onerror=|<svg/.test(t)));
	});
	const byProto = new Map();
	all.forEach((f) => byProto.set(f.proto, [...(byProto.get(f.proto) ?? []), f]));
	for (const [proto, list] of byProto)
		await test(`${proto}: ${list.length} flows with attacks in every text, in every tab and way`, async () => {
			for (const f of list) {
				await page.goto("about:blank"); /* so that it is loaded, not only another address of the same page */
				await page.goto(`${hub.url}#/flows?sel=${f.id}`);
				const tabs = page.locator("#detail [role=tab]");
				await until(`the detail of ${f.id} (${f.request?.op})`, async () => (await tabs.count()) > 0, 30000);
				for (let i = 0; i < (await tabs.count()); i++) {
					await tabs.nth(i).click();
					await page.waitForTimeout(60);
					await harmless(`${proto} ${f.id} ${await tabs.nth(i).innerText()}`);
					await everyWay(`${proto} ${f.id} ${await tabs.nth(i).innerText()}`);
				}
			}
		});
}

async function others() {
	for (const route of ["map", "sql", "metrics", "health"])
		await test(`${route}: names and statements are text`, async () => {
			await page.goto(`${hub.url}#/${route}`);
			await page.waitForTimeout(700);
			await until("something is there", async () => (await page.locator("main, #main, .page").first().innerText()).length > 20);
			await harmless(route);
		});
	await test("the panel of containers", async () => {
		feeder.say({ runtime: attack(), containers: ATTACKS.map((a, i) => ({ id: String(i % 10).repeat(64), name: a.replaceAll("\0", ""), image: a.replaceAll("\0", ""), project: a.replaceAll("\0", ""), service: a.replaceAll("\0", ""), networks: a.replaceAll("\0", ""), addrs: [`172.18.1.${i}`] })) });
		await page.goto(`${hub.url}#/flows`);
		await until("the hub has them", async () => (await hub.api("containers")).containers.length >= ATTACKS.length);
		await page.getByRole("button", { name: /container/i }).first().click();
		await until("the panel is there", async () => (await page.locator("[role=dialog], aside, .picker").last().innerText()).includes("<script>"));
		await harmless("the panel of containers");
		await page.keyboard.press("Escape");
	});
	await test("the filter of the address, also a wrong one", async () => {
		for (const a of ATTACKS) {
			await page.goto("about:blank");
			await page.goto(`${hub.url}#/flows?f=${encodeURIComponent(a)}&sel=${encodeURIComponent(a)}&tab=${encodeURIComponent(a)}`);
			await until("the page is there", () => $("#filter").count());
			await page.waitForTimeout(150);
			await harmless(`filter ${a}`);
		}
	});
	await test("a note and what completion offers", async () => {
		const { rows: list } = await hub.api("flows?n=3");
		for (const [i, r] of list.entries()) await hub.api(`flow/${r.id}/mark`, { method: "PATCH", body: JSON.stringify({ note: ATTACKS[i] }) });
		await page.goto(`${hub.url}#/flows`);
		await page.reload();
		for (const text of ["src:", "host:", "note:", "path:"]) {
			await $("#filter").fill(text);
			await page.waitForTimeout(300);
			await harmless(`completion of ${text}`);
		}
	});
	await test("facts and the ledger of an agent", async () => {
		feeder.say({ health: { facts: ATTACKS.map((a, i) => ({ key: `x.${i}`, level: i % 3, text: a.replaceAll("\0", ""), hint: a.replaceAll("\0", "") })), counters: {}, tls: ATTACKS.map((a, i) => ({ pid: i + 1, processes: 1, comm: a, container: a.replaceAll("\0", ""), code: "java-tls", text: a.replaceAll("\0", ""), hint: a.replaceAll("\0", ""), libraries: [{ name: "openssl", version: a, path: a }], connections: 1, unread: 1 })) } });
		await page.goto(`${hub.url}#/health`);
		await until("they are shown", async () => (await page.locator("body").innerText()).includes("<script>window.pwned=1"));
		await harmless("Health");
	});
}

try {
	await hub.start();
	await browser.start();
	await startFeeder();
	await openTab();
	const all = flows();
	const file = path.join(tmp, "attacks.jsonl");
	writeFileSync(file, all.map((f) => JSON.stringify(f)).join("\n") + "\n");
	await test("flows of every protocol with attacks in all their texts are taken", () => {
		const r = spawnSync(path.join(top, "build/limpid"), ["import", `--running=${hub.address}`, file], { encoding: "utf8" });
		assert.equal(r.status, 0, r.stderr);
		assert.ok(new Set(all.map((f) => f.proto)).size >= 9, [...new Set(all.map((f) => f.proto))].join());
	});
	await details(all);
	await others();
} finally {
	await browser.stop();
	await feeder?.stop();
	if (hub.process) await hub.stop();
	await sleep(50);
}
process.exit(done() > 0 ? 1 : 0);
