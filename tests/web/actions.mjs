// SPDX-License-Identifier: Apache-2.0
// What the tests of the page share: the one hub, feeder and tab, and what is done on the page.
import assert from "node:assert/strict";
import path from "node:path";
import { Browser, Feeder, Hub, axe, done, screens, sleep, test, until } from "./world.mjs";

export const tmp = process.argv[2];
export const hub = new Hub(tmp);
export const browser = new Browser();
export let feeder;
export let page;

export async function openTab(options) {
	page = await browser.tab(hub, options);
}
export async function startFeeder() {
	feeder = new Feeder(tmp, hub);
	await until("the feeder is connected", () => feeder.connected);
}

/* A script from its begin to its end: hub and browser, the parts (LIMPID_PAGE_PARTS=a,b: only these; and what they need), at last that nothing
 * in all of it was refused by the page's rules, fetched elsewhere or thrown, but for what is expected.  Ends the process. */
export async function script(begin, parts, { needs = [], expected = () => false } = {}) {
	const only = process.env.LIMPID_PAGE_PARTS?.split(",");
	let status = 1;
	try {
		await hub.start();
		await browser.start();
		await begin();
		for (const part of parts) if (!only || [...needs, ...only].includes(part.name)) await part();
		await test("no error, no policy violation, no request to another host in all of this", () => assert.deepEqual(browser.problems.filter((p) => !expected(p)), []));
		status = done() ? 1 : 0;
	} catch (e) {
		console.log(`not ok 0 - page: the tests could not run: ${e.stack}`);
		console.log(`# ${hub.log.split("\n").slice(-10).join("\n# ")}`);
	} finally {
		await browser.stop();
		await feeder?.stop();
		if (hub.process) await hub.stop();
		await sleep(50);
	}
	process.exit(status);
}

export const $ = (sel) => page.locator(sel);
export const rows = () => $("#grid .row:not([hidden])");
export const text = (sel) => $(sel).first().innerText();
/* The list as text: one array of cells a row, in the order on screen. */
export const table = () =>
	page.evaluate(() =>
		[...document.querySelectorAll("#grid .row:not([hidden])")]
			.filter((r) => r.dataset.state !== "loading")
			.sort((a, b) => Number(a.dataset.at) - Number(b.dataset.at))
			.map((r) => [...r.children].map((c) => c.textContent)),
	);
export const targets = async () => (await table()).map((r) => r[5]);
export const rowOf = (t) => $(`#grid .row:not([hidden]):has-text(${JSON.stringify(t)})`).first();
export const screen = (name) => page.screenshot({ path: path.join(screens, `${name}.png`) });
export const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
export const focusList = () => $("#grid").focus();
export const setFilter = async (f) => {
	await $("#filter").fill(f);
	await until(`the filter is judged: ${f}`, async () => (await page.evaluate(() => document.querySelector(".filter").classList.contains("bad"))) || new URL(page.url()).hash.includes("f="));
};
export const noFilter = async () => {
	await $("#filter").fill("");
	await until("no filter is in force", () => !new URL(page.url()).hash.includes("f="));
};
export const clean = async (what) => {
	const found = await axe(page);
	assert.deepEqual(found, [], what);
};
export const themed = async (fn) => {
	for (const scheme of ["light", "dark"]) {
		await page.emulateMedia({ colorScheme: scheme });
		await fn(scheme);
	}
	await page.emulateMedia({ colorScheme: "light" });
};

export const CONTAINERS = ["web", "api", "db"].map((name, i) => ({
	id: String(i + 1).repeat(64),
	name,
	image: `${name}:1`,
	project: "shop",
	service: name,
	networks: "shop_default",
	addrs: [`172.18.0.${i + 3}`],
}));
CONTAINERS.push({ id: "9".repeat(64), name: "lonely", image: "busybox", state: "exited", networks: "none" });
export const FACTS = [
	{ key: "kernel.btf", level: 0, text: "Kernel 6.1, BTF present" },
	{ key: "tls.1", level: 0, text: "openssl 3.0.15 is decrypted: /usr/lib/libssl.so.3" },
	{ key: "tls.2", level: 0, text: "openssl 3.0.15 is decrypted: /usr/bin/node" },
	{ key: "tls.java_jsse", level: 1, text: "worker uses TLS that cannot be read yet", hint: "Java does TLS by itself." },
	{ key: "probe.denied", level: 2, text: "A probe could not be attached", hint: "sudo sysctl kernel.perf_event_paranoid=1" },
];
export const LEDGER = [
	{ pid: 4711, processes: 1, comm: "java", container: "billing", code: "java-tls", text: "The process is a Java machine, whose TLS is Java code: there is no library to probe.", hint: "Capture the other end of the connection, or have the program use OpenSSL (netty-tcnative, Tomcat Native).", connections: 14, unread: 14, wire_bytes: 8412345 },
	{ pid: 812, processes: 1, comm: "node", container: "shop", code: "socket-unknown", text: "Its library is probed, but the connection's plaintext did not go through it with this socket.", hint: "Capture the other end of the connection.", libraries: [{ name: "openssl", version: "3.0.15", path: "/usr/local/bin/node" }], connections: 3, unread: 3, wire_bytes: 91234 },
	{ pid: 31, processes: 4, comm: "nginx", container: "web", code: "read", readable: true, libraries: [{ name: "openssl", version: "3.0.15", path: "/usr/lib/x86_64-linux-gnu/libssl.so.3" }], connections: 120, wire_bytes: 63000000, plain_bytes: 61000000 },
	{ pid: 977, processes: 37, comm: "curl", code: "read", readable: true, gone: true, libraries: [{ name: "openssl", version: "3.0.15", path: "/usr/lib/x86_64-linux-gnu/libssl.so.3" }], connections: 37, wire_bytes: 300000, plain_bytes: 190000 },
	{ pid: 44, processes: 1, comm: `<img src=x onerror="window.pwned=3">`.slice(0, 15), code: "read", readable: true, libraries: [{ name: "openssl", version: "1.1.1w", path: "/opt/legacy/libssl.so.1.1" }] },
	{ pid: 5, processes: 2, comm: "cron", code: "no-library", text: "No TLS library that Limpid knows is in the process.", hint: "" },
];
const SEALED = { road: "none", sni: "payments.example", protocol: "TLS 1.3", cipher: "TLS_AES_256_GCM_SHA384", group: "x25519", offered: "h2,http/1.1", reason: "java-tls", why: "The process is a Java machine, whose TLS is Java code: there is no library to probe.", hint: "Capture the other end of the connection, or have the program use OpenSSL (netty-tcnative, Tomcat Native)." };
/* TLS that nobody reads, as the agent sends it. */
export const sealed = (o = {}) => {
	const tls = { ...SEALED, ...o.tls };
	const status = o.status ?? tls.reason;
	return { op: tls.protocol, target: tls.sni, proto: "tls", tls, status, state: o.state ?? 1, failed: o.failed ?? false, ms: o.ms ?? 2100, reqBody: { data: "", len: o.sent ?? 4210, captured: 0 }, respBody: { data: "", len: o.got ?? 81234, captured: 0 }, reqHeaders: [], respHeaders: [], from: o.from };
};
export const HOSTILE = `<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>`;
