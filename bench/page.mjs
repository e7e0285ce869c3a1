// SPDX-License-Identifier: Apache-2.0
// What bench/page runs: page.mjs DIRECTORY.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Browser, Hub, sleep, top, until } from "../tests/web/world.mjs";
import { heapOver, measured } from "./page_heap.mjs";

const count = Number(process.env.FLOWS ?? 1_000_000);
const tabs = Number(process.env.TABS ?? 3);
const ingest = Number(process.env.INGEST ?? 50_000);
const rate = Number(process.env.RATE ?? 500);
const seconds = Number(process.env.SECONDS_EACH ?? 60);
const parts = (process.env.PARTS ?? "ingest page heap").split(" ");

const mb = (bytes) => (bytes / 1e6).toFixed(1) + " MB";
const say = (what, text) => console.log(`${what.padEnd(58)} ${text}`);
const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];
const spread = (list) => `p50 ${quantile(list, 0.5).toFixed(0)}, p95 ${quantile(list, 0.95).toFixed(0)}, p99 ${quantile(list, 0.99).toFixed(0)}, most ${Math.max(...list).toFixed(0)} ms`;

const hub = new Hub(process.argv[2]);
await hub.start();
const browser = new Browser();
await browser.start();
const open = async () => {
	const page = await browser.tab(hub);
	await page.goto(hub.address);
	return page;
};

function feed(n, perSecond, name) {
	const p = spawn(path.join(top, "build/bench/feed-bin"), [String(hub.grpc), String(n), String(perSecond), name], { stdio: ["ignore", "pipe", "inherit"] });
	let out = "";
	p.stdout.on("data", (d) => (out += d));
	return new Promise((resolve, reject) => p.on("close", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`feed ended with ${code}`)))));
}

/* Seconds of processor time of a process, all its threads. */
function cpu(pid) {
	const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ");
	return (Number(f[11]) + Number(f[12])) / 100;
}

/* FLOWS of them, while tabs follow. */
async function ingested() {
	const pages = [];
	for (let i = 0; i < tabs; i++) pages.push(await open());
	const before = cpu(hub.process.pid);
	const r = await feed(count, ingest, "feed-1");
	const used = cpu(hub.process.pid) - before;
	const health = await hub.api("health");
	await until("the tabs show the end", async () => {
		const all = await Promise.all(pages.map((p) => p.locator("#grid").getAttribute("aria-rowcount")));
		return all.every((n) => Number(n) >= count);
	}, 60000);
	say(`ingest of ${count} flows into SQLite, ${tabs} tabs following`, `${r.rate} flows/s (asked for: ${ingest || "all it takes"})`);
	say("  lost", `${r.dropped + count - health.counters.flows} of ${count}; dropped ${health.counters.dropped}`);
	say("  processor time of a flow", `hub ${((used / count) * 1e6).toFixed(1)} µs, generator ${r.cpu_us.toFixed(1)} µs`);
	say("  database; hub's memory for its rows", `${mb(health.hub.store_bytes)}; ${mb(health.hub.rows_bytes)}`);
	for (const p of pages) say("  heap of a tab that followed", mb((await measured(p)).heap));
	for (const p of pages) await p.context().close();
}

async function painted(page) {
	const paints = [];
	for (let i = 0; i < 5; i++) {
		const fresh = await open();
		await fresh.waitForSelector("#grid .row:not([hidden])");
		paints.push(await fresh.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
		await fresh.context().close();
	}
	say("first contentful paint, five loads", spread(paints));
	const sizes = await page.evaluate(() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).filter((e) => !e.name.includes("/api/")).map((e) => e.encodedBodySize));
	say("bytes fetched at once, as sent (compressed)", String(sizes.reduce((a, b) => a + b, 0)));
	say("heap with all flows in the list", mb((await measured(page)).heap));
}

async function scrolled(page) {
	const frames = await page.evaluate(async () => {
		const port = document.querySelector("#grid");
		const times = [];
		let last = performance.now();
		for (let i = 0; i < 240; i++) {
			port.dispatchEvent(new WheelEvent("wheel", { deltaY: i < 120 ? -120 : 120, bubbles: true, cancelable: true }));
			if (!port.dataset.scaled) port.scrollTop += i < 120 ? -72 : 72;
			await new Promise(requestAnimationFrame);
			const now = performance.now();
			times.push(now - last);
			last = now;
		}
		return times.slice(2);
	});
	say("frame times while the wheel turns, 240 frames", spread(frames));
}

async function jumped(page) {
	const jumps = [];
	for (let i = 0; i < 40; i++)
		jumps.push(await page.evaluate(async (to) => {
			const port = document.querySelector("#grid");
			const drawn = () => {
				const rows = [...port.querySelectorAll(".row:not([hidden])")];
				const box = { top: port.getBoundingClientRect().top + 32, bottom: port.getBoundingClientRect().bottom }; /* below the head */
				const on = rows.filter((r) => r.getBoundingClientRect().bottom > box.top && r.getBoundingClientRect().top < box.bottom);
				return on.length > 5 && on.every((r) => r.dataset.id || r.textContent.trim().length > 12);
			};
			const began = performance.now();
			port.scrollTop = (port.scrollHeight - port.clientHeight) * to;
			do {
				await new Promise(requestAnimationFrame);
				if (performance.now() - began > 20000) throw new Error(`rows are not drawn after a jump to ${to}: ${port.scrollTop} of ${port.scrollHeight}: ${[...port.querySelectorAll(".row:not([hidden])")].map((r) => r.dataset.at + ":" + r.textContent).join("|").slice(0, 600)}`);
			} while (!drawn());
			return performance.now() - began;
		}, ((i * 7919) % 1000) / 1000));
	say("a jump to a row anywhere until all rows are drawn, 40", spread(jumps));
}

/* A view of its own on the tab's kind of connection: from `sub` to the tick that has nothing left to look at. */
const filtered = (page, filter) => page.evaluate((text) => new Promise((resolve, reject) => {
	const ws = new WebSocket(new URL("api/ws", location.href).href.replace(/^http/, "ws"));
	let began = 0;
	ws.onerror = () => reject(new Error("no connection"));
	setTimeout(() => reject(new Error(`no answer to ${text} within a minute`)), 60000);
	ws.onmessage = (m) => {
		const d = JSON.parse(m.data);
		if (d.op === "hello") {
			began = performance.now();
			ws.send(JSON.stringify({ op: "sub", filter: text, n: 100, view: 1 }));
		} else if (d.op === "error") {
			reject(new Error(d.text));
		} else if (d.op === "tick") {
			if (d.scan || d.view !== 1) return ws.send(JSON.stringify({ op: "ack", seq: d.seq }));
			ws.close();
			resolve({ ms: performance.now() - began, matched: d.matched });
		}
	};
}), filter);
async function searched(page) {
	for (const f of ["status>=500", "path:users", "dur>500ms", "src:web dst:api method:POST", "proto:postgres is:error", "any:aaaaaaaaaaaaaaaaaaaaaaaa"]) {
		const runs = [];
		let matched = 0;
		for (let i = 0; i < (f.startsWith("any") ? 1 : 5); i++) {
			await sleep(300); /* people pause, too */
			const r = await filtered(page, f);
			runs.push(r.ms);
			matched = r.matched;
		}
		say(`filter over ${count} rows: ${f}`, `${quantile(runs, 0.5).toFixed(0)} ms (${matched} rows)`);
	}
}

/* The heap of a tab that follows RATE flows a second. */
async function lasting() {
	const page = await open();
	await page.waitForSelector("#grid[aria-rowcount]");
	const fed = feed(rate * seconds, rate, "feed-2");
	let rows = 0;
	const r = await heapOver(page, seconds, (s) => {
		console.log(`  minute ${s.minute.toFixed(1)}: ${mb(s.heap)}, ${s.nodes} nodes, ${s.listeners} listeners, ${s.rows} rows in the list`);
		rows = s.rows;
	});
	const heaps = r.samples.map((s) => s.heap);
	say(`heap while ${rate} flows/s come for ${seconds} s`, `${mb(Math.min(...heaps))} to ${mb(Math.max(...heaps))}; it grows by ${mb(r.perHour.heap)} an hour, nodes by ${r.perHour.nodes.toFixed(0)}, listeners by ${r.perHour.listeners.toFixed(0)}`);
	say("  lost", `${(await fed).dropped}; the tab says it has ${rows} rows`);
}
if (parts.includes("ingest")) await ingested();
if (parts.includes("page")) {
	const page = await open();
	await page.waitForSelector("#grid .row:not([hidden])");
	for (const part of [painted, scrolled, jumped, searched]) await part(page);
	await page.context().close();
}
if (parts.includes("heap")) await lasting();
await browser.stop();
await hub.stop();
for (const p of browser.problems) console.log(`the browser says: ${p}`);
process.exit(browser.problems.length > 0 ? 1 : 0);
