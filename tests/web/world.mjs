// SPDX-License-Identifier: Apache-2.0
// What the tests of the page stand on: a hub, an agent that feeds it, a browser, and TAP.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(path.join(top, "web/package.json"));
const { chromium } = require("playwright-core");
export const axeSource = require("axe-core").source;

let number = 0;
let failed = 0;

/* One test: prints its line, goes on after a failure. */
export async function test(text, fn) {
	number++;
	try {
		await fn();
		console.log(`ok ${number} - page: ${text}`);
	} catch (e) {
		failed++;
		console.log(`not ok ${number} - page: ${text}`);
		for (const l of String(e.stack ?? e).split("\n").slice(0, 24)) console.log(`# ${l}`);
	}
}
export function done() {
	console.log(`1..${number}`);
	return failed;
}

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

/* Asks again until the answer is true; says what was waited for. */
export async function until(what, fn, ms = 60000) {
	const end = Date.now() + ms;
	let last;
	for (;;) {
		try {
			last = await fn();
			if (last) return last;
		} catch (e) {
			last = e;
		}
		if (Date.now() > end) throw new Error(`waited ${ms} ms until ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
		await sleep(30);
	}
}

const given = new Set();

/* As free_port of tests/e2e/lib.sh: out of the range from which connections get theirs, so that it stays free. */
export async function freePort() {
	const first = Number(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/)[0]);
	for (;;) {
		const wish = first > 30000 ? 28000 + Math.floor(Math.random() * (first - 28000)) : 0;
		const port = await new Promise((resolve) => {
			const s = net.createServer().once("error", () => resolve(0));
			s.listen(wish, () => {
				const { port } = s.address();
				s.close(() => resolve(port));
			});
		});
		if (!port || given.has(port)) continue;
		given.add(port);
		return port;
	}
}

const ended = (p) => p.exitCode !== null || p.signalCode !== null;

/* Asks a process to end, insists after five seconds. */
async function end(p) {
	if (ended(p)) return;
	p.kill("SIGTERM");
	await until("the process ended", () => ended(p), 5000).catch(() => p.kill("SIGKILL"));
}

export class Hub {
	constructor(tmp) {
		this.tmp = tmp;
		chmodSync(tmp, 0o755); /* the hub is nobody in particular, and makes its own directory in there */
		this.token = randomBytes(16).toString("hex");
		this.log = "";
	}

	async start() {
		this.http ??= await freePort();
		this.grpc ??= await freePort();
		this.url = `http://127.0.0.1:${this.http}/`;
		const bin = process.env.LIMPID ?? path.join(top, "build/limpid");
		const args = ["hub", "--http", `127.0.0.1:${this.http}`, "--grpc", `127.0.0.1:${this.grpc}`, "--db", path.join(this.tmp, "db/limpid.db"), "--token", this.token, ...(this.more ?? [])];
		this.process = spawn(bin, args, { stdio: ["ignore", "pipe", "pipe"] });
		this.process.stdout.on("data", (d) => (this.log += d));
		this.process.stderr.on("data", (d) => (this.log += d));
		await until(`the hub answers (${this.log})`, async () => {
			if (ended(this.process)) throw new Error(`the hub ended: ${this.log}`);
			return (await fetch(this.url)).ok;
		}, 15000);
	}

	stop() {
		return end(this.process);
	}

	get address() {
		return `${this.url}#t=${this.token}`;
	}

	/* A call with the token, as scripts do. */
	async api(p, init = {}) {
		const r = await fetch(`${this.url}api/${p}`, { ...init, headers: { Authorization: `Bearer ${this.token}`, ...init.headers } });
		if (!r.ok) throw new Error(`${p}: ${r.status} ${await r.text()}`);
		return r.status === 204 ? null : r.json();
	}
}

export class Feeder {
	settings = null;
	connected = false;
	acked = 0;
	sent = 0;

	constructor(tmp, hub, host = "testhost") {
		const made = spawnSync("protoc", ["--proto_path=api", `--python_out=${tmp}`, "limpid.proto"], { cwd: top, stdio: "inherit" });
		if (made.status !== 0) throw new Error("protoc could not make limpid_pb2.py");
		this.process = spawn("/usr/bin/python3", [path.join(top, "tests/web/feeder.py"), tmp, `127.0.0.1:${hub.grpc}`, host], { stdio: ["pipe", "pipe", "inherit"] });
		let rest = "";
		this.process.stdout.on("data", (d) => {
			const lines = (rest + d).split("\n");
			rest = lines.pop();
			for (const l of lines) Object.assign(this, JSON.parse(l));
		});
	}

	say(what) {
		this.process.stdin.write(JSON.stringify(what) + "\n");
	}

	/* Sends flows and waits until the hub has stored them. */
	async flows(list) {
		this.sent += list.length;
		this.say({ flows: list });
		await until(`${this.sent} flows are stored`, () => this.acked >= this.sent, 60000);
	}

	stop() {
		return end(this.process);
	}
}

let serial = 0;

/* A flow with what a test cares about; the rest is usual.  ms: how long it took. */
export function flow(o = {}) {
	const n = ++serial;
	const now = BigInt(o.at ?? Date.now()) * 1000000n;
	const ms = o.ms ?? 4;
	const id = o.id ?? "01930000-0000-7000-8000-" + n.toString(16).padStart(12, "0");
	const status = o.status === undefined ? "200" : o.status;
	const container = (c) => (typeof c === "object" ? c : { ip: `172.18.0.${c === "web" ? 3 : 4}`, container: c, container_id: "ab".repeat(32), image: `${c}:1`, project: "shop" });
	return {
		id,
		epoch_ns: String(now - 1000n),
		state: o.state ?? 1,
		flags: o.flags ?? 0,
		failed: o.failed ?? (status !== null && Number(status) >= 400),
		proto: o.proto ?? "http1",
		conn: o.conn,
		stream: o.stream,
		msgs: (o.msgs ?? []).map((m) => ({ ...m, ts_ns: 1000 + m.seq * 1000 })),
		tls: typeof o.tls === "object" ? o.tls : o.tls ? { library: "openssl", version: "3.0.15", road: "probes", mapping: "nested", sni: "api", alpn: "http/1.1" } : null,
		client: { port: 40000 + (n % 20000), pid: 4411, comm: "node", ...container(o.from ?? "web") },
		server: { port: o.tls ? 443 : 80, pid: 4502, comm: "nginx", ...container(o.to ?? "api") },
		req: {
			begin_ns: 1000,
			end_ns: 2000,
			op: o.op ?? "GET",
			target: o.target ?? `/v1/item/${n}`,
			headers: o.reqHeaders ?? [["Host", "api"], ["User-Agent", "test/1"], ["Authorization", "Bearer s3cr3t"]],
			attrs: o.reqAttrs,
			body: o.reqBody,
		},
		resp: status === null ? null : {
			begin_ns: 1000 + Math.round(ms * 0.7e6),
			end_ns: 1000 + Math.round(ms * 1e6),
			status,
			reason: o.reason ?? { 200: "OK", 201: "Created", 302: "Found", 404: "Not Found", 500: "Internal Server Error" }[status] ?? "",
			attrs: o.respAttrs,
			headers: o.respHeaders ?? [["Content-Type", "application/json"], ["Set-Cookie", "sid=1"]],
			body: o.respBody ?? { data: '{"ok":true}', type: "application/json" },
		},
	};
}

export class Browser {
	problems = []; /* errors, policy violations, requests elsewhere */

	async start() {
		this.browser = await chromium.launch({
			executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
			args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
		});
	}

	/* A tab in a profile of its own; what goes wrong in it is kept in problems. */
	async tab(hub, options = {}) {
		const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, permissions: ["clipboard-read", "clipboard-write"], reducedMotion: "reduce", ...options });
		const page = await context.newPage();
		const own = new URL(hub.url).host;
		page.on("pageerror", (e) => this.problems.push(`error: ${e.message}`));
		page.on("console", (m) => {
			/* The browser itself reports answers like 401 and a hub that is away. */
			if (m.type() === "error" && !/Failed to load resource|WebSocket connection to/.test(m.text())) this.problems.push(`console: ${m.text()}`);
		});
		page.on("request", (r) => {
			const u = new URL(r.url());
			if (!["data:", "blob:"].includes(u.protocol) && u.host !== own) this.problems.push(`request to ${r.url()}`);
		});
		/* The last messages of the WebSocket, for when a test fails. */
		page.spoken = [];
		page.on("websocket", (ws) => {
			const keep = (way) => (f) => page.spoken.push(`${way} ${String(f.payload).slice(0, 160)}`) > 12 && page.spoken.shift();
			ws.on("framesent", keep(">"));
			ws.on("framereceived", keep("<"));
			ws.on("close", () => keep("closed")({ payload: "" }));
		});
		await page.exposeFunction("limpidViolation", (t) => this.problems.push(`content security policy: ${t}`));
		await page.addInitScript(() =>
			addEventListener("securitypolicyviolation", (e) => globalThis.limpidViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`)),
		);
		return page;
	}

	stop() {
		return this.browser?.close();
	}
}

/* Serious findings of axe-core, as lines; of these rules only, where there are any. */
export async function axe(page, rules) {
	await page.evaluate(axeSource);
	const found = await page.evaluate((values) => globalThis.axe.run(document, { resultTypes: ["violations"], ...(values && { runOnly: { type: "rule", values } }) }), rules);
	return found.violations
		.filter((v) => v.impact === "serious" || v.impact === "critical")
		.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} (${n.failureSummary?.split("\n")[1]?.trim()})`).join("; ")}`);
}

export const screens = path.join(top, "build/screens");
mkdirSync(screens, { recursive: true });
