// SPDX-License-Identifier: Apache-2.0
// page.mjs TMP - the page in a real browser, on a real hub, fed by an agent over gRPC.  TAP.
import assert from "node:assert/strict";
import path from "node:path";
import { Browser, Feeder, Hub, axe, done, flow, screens, sleep, test, until } from "./world.mjs";

const tmp = process.argv[2];
const hub = new Hub(tmp);
const browser = new Browser();
let feeder;
let page;

const $ = (sel) => page.locator(sel);
const rows = () => $("#grid .row:not([hidden])");
const text = (sel) => $(sel).first().innerText();
/* The list as text: one array of cells a row, in the order on screen. */
const table = () =>
	page.evaluate(() =>
		[...document.querySelectorAll("#grid .row:not([hidden])")]
			.filter((r) => r.dataset.state !== "loading")
			.sort((a, b) => Number(a.dataset.at) - Number(b.dataset.at))
			.map((r) => [...r.children].map((c) => c.textContent)),
	);
const targets = async () => (await table()).map((r) => r[5]);
const rowOf = (t) => $(`#grid .row:not([hidden]):has-text(${JSON.stringify(t)})`).first();
const screen = (name) => page.screenshot({ path: path.join(screens, `${name}.png`) });
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const focusList = () => $("#grid").focus();
const setFilter = async (f) => {
	await $("#filter").fill(f);
	await until(`the filter is judged: ${f}`, async () => (await page.evaluate(() => document.querySelector(".filter").classList.contains("bad"))) || new URL(page.url()).hash.includes("f="));
};
const noFilter = async () => {
	await $("#filter").fill("");
	await until("no filter is in force", () => !new URL(page.url()).hash.includes("f="));
};
const clean = async (what) => {
	const found = await axe(page);
	assert.deepEqual(found, [], what);
};
const themed = async (fn) => {
	for (const scheme of ["light", "dark"]) {
		await page.emulateMedia({ colorScheme: scheme });
		await fn(scheme);
	}
	await page.emulateMedia({ colorScheme: "light" });
};

const CONTAINERS = ["web", "api", "db"].map((name, i) => ({
	id: String(i + 1).repeat(64),
	name,
	image: `${name}:1`,
	project: "shop",
	service: name,
	networks: "shop_default",
	addrs: [`172.18.0.${i + 3}`],
}));
CONTAINERS.push({ id: "9".repeat(64), name: "lonely", image: "busybox", state: "exited", networks: "none" });
const FACTS = [
	{ key: "kernel.btf", level: 0, text: "Kernel 6.1, BTF present" },
	{ key: "tls.1", level: 0, text: "openssl 3.0.15 is decrypted: /usr/lib/libssl.so.3" },
	{ key: "tls.2", level: 0, text: "openssl 3.0.15 is decrypted: /usr/bin/node" },
	{ key: "tls.java_jsse", level: 1, text: "worker uses TLS that cannot be read yet", hint: "Java does TLS by itself." },
	{ key: "probe.denied", level: 2, text: "A probe could not be attached", hint: "sudo sysctl kernel.perf_event_paranoid=1" },
];
const HOSTILE = `<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>`;

async function signingIn() {
	await test("without a token nothing is shown but where to find it", async () => {
		page = await browser.tab(hub);
		await page.goto(hub.url);
		await page.waitForSelector("#token");
		assert.equal((await fetch(`${hub.url}api/health`)).status, 401);
		await themed(() => clean("sign-in"));
	});
	await test("a wrong token is refused in words", async () => {
		await $("#token").fill("0".repeat(32));
		await page.keyboard.press("Enter");
		await until("it says so", async () => /not the token/.test(await text("[role=alert]")));
	});
	await test("the printed address signs in and leaves no token behind", async () => {
		await page.goto("about:blank");
		await page.goto(hub.address);
		await page.waitForSelector("#grid", { state: "attached" });
		assert.ok(!page.url().includes(hub.token), page.url());
		assert.equal(await page.evaluate(() => document.cookie), "", "the cookie is not readable");
		assert.ok((await page.context().cookies()).some((c) => c.name === `limpid_${hub.http}` && c.httpOnly && c.sameSite === "Strict"));
	});
}

async function firstRun() {
	await test("an empty list says that no agent is there", async () => {
		await until("it is said", async () => /No agent is connected/.test(await text(".first-run")));
	});
	await test("then it lists what the agent found, problems first, with a command to copy", async () => {
		feeder = new Feeder(tmp, hub);
		await until("the feeder is connected", () => feeder.connected);
		feeder.say({ containers: CONTAINERS });
		feeder.say({ health: { facts: FACTS, counters: { "conn.open": 3 } } });
		await until("the facts are there", async () => /BTF present/.test(await text(".first-run")) && /Watching 3 of 3/.test(await text(".first-run")));
		assert.match(await text(".first-run"), /TLS is read in 2 libraries and programs/);
		assert.match(await text(".first-run"), /worker uses TLS that cannot be read yet\s+Java does TLS by itself/);
		assert.match(await text(".first-run .fact"), /A probe could not be attached/);
		assert.match(await text(".first-run"), /docker exec \w+ curl -s http:\/\/\w+\//);
		await $(".first-run .command button").first().click();
		await until("the command is in the clipboard", async () => (await clipboard()) === FACTS.at(-1).hint);
		await themed(async (scheme) => {
			await clean("first run");
			await screen(`first-run-${scheme}`);
		});
	});
}

async function list() {
	await test("flows arrive as rows, with names, status, duration and size", async () => {
		await feeder.flows([
			flow({ target: "/v1/users/7?expand=orders", ms: 31, tls: true, respBody: { data: JSON.stringify({ user: { id: 7, name: "Zoë" }, orders: [1, 2, { sku: "W-19" }], big: 0 }).replace('"big":0', '"big":12345678901234567890'), type: "application/json" } }),
			flow({ op: "POST", target: "/v1/orders", status: "500", ms: 1800, reqBody: { data: '{"sku":"W-19","qty":40}', type: "application/json" }, reqHeaders: [["Host", "api"], ["Content-Type", "application/json"], ["Authorization", "Bearer s3cr3t"]], flags: 1 }),
			flow({ target: "/old", status: "302" }),
			flow({ target: "/nothing", status: "404" }),
			flow({ target: "/lost", status: null, state: 2, failed: true }),
			flow({ target: "/image", respHeaders: [["Content-Type", "image/png"]], respBody: { data: { b64: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==" }, type: "image/png" } }),
			...Array.from({ length: 24 }, (_, i) => flow({ target: `/health/${i}`, tls: i % 2 === 0 })),
		]);
		await until("all rows are there", async () => (await targets()).length === 30);
		const [time, proto, from, to, op, target, status, duration, size] = (await table())[0];
		assert.match(time, /^\d\d:\d\d:\d\d\.\d\d\d$/);
		assert.deepEqual([proto, from, to, op, target, status, duration], ["HTTP", "web", "api", "GET", "/v1/users/7?expand=orders", "200 OK", "31 ms"]);
		assert.match(size, /^\d+ B$/);
		const failed = (await table())[1];
		assert.deepEqual([failed[4], failed[6], failed[7]], ["POST", "500 Internal Server Error", "1.8 s"]);
		assert.match(failed[5], /^\/v1\/orderscut$/, "the flag is shown");
		assert.equal((await table())[4][6], "no answer");
		assert.equal(await $("#grid").getAttribute("aria-rowcount"), "31");
		await themed(async (scheme) => {
			await clean("list");
			await screen(`list-${scheme}`);
		});
	});
	await test("an exchange that is still open shows that, and is completed in place", async () => {
		const open = { target: "/slow", id: "01930000-0000-7000-8000-00000000beef" };
		await feeder.flows([flow({ ...open, status: null, state: 0 })]);
		await until("the row is pending", async () => (await rowOf("/slow").innerText()).includes("pending"));
		await feeder.flows([flow({ ...open, ms: 700 })]);
		await until("the row is done", async () => /200 OK\s+700 ms/.test(await rowOf("/slow").innerText()));
		assert.equal((await targets()).filter((t) => t === "/slow").length, 1);
	});
	await test("hostile text stays text, and what would hide or turn it round is visible", async () => {
		await feeder.flows([
			flow({
				target: `/${HOSTILE}\u202egnp.exe`,
				op: "<b>GET</b>",
				from: { ip: "172.18.0.9", container: HOSTILE, image: HOSTILE },
				reqHeaders: [["Host", HOSTILE], [HOSTILE, HOSTILE + "\u0000\u0007"], ["constructor", "__proto__"]],
				respHeaders: [["Content-Type", "text/html"], ["X", "javascript:alert(1)"]],
				respBody: { data: HOSTILE.repeat(50) + "\u0000\u202e", type: "text/html" },
			}),
		]);
		await until("the row is there", async () => (await targets()).some((t) => t.includes(HOSTILE)));
		assert.match((await targets()).at(-1), /\[U\+202E\]gnp\.exe/);
		await rows().last().click();
		for (const t of ["Headers", "Body", "Timing", "Connection"]) {
			await page.getByRole("tab", { name: t }).click();
			await until(`${t} is shown`, async () => (await text("#detail-panel")).length > 10);
		}
		await page.getByRole("tab", { name: "Body" }).click();
		await until("the body is there as text", async () => (await text(".lines.text")).includes("<script>"));
		assert.equal(await page.evaluate(() => window.pwned), undefined);
		assert.equal(await $("#app img, #app script, #app b:has-text('GET') b").count(), 0);
		await page.getByRole("tab", { name: "Headers" }).click();
		await page.keyboard.press("Escape");
	});
}

async function filter() {
	await test("a filter decides what is shown, says so in words, and is in the address", async () => {
		await setFilter("status:5xx");
		await until("only failures are left", async () => (await targets()).every((t) => t.startsWith("/v1/orders")) && (await targets()).length === 1);
		assert.match(await text("#filter-line"), /status/i);
		assert.match(page.url(), /#\/flows\?f=status%3A5xx/);
		await screen("filter");
	});
	await test("a filter that is not valid is explained and changes nothing", async () => {
		await $("#filter").fill("status:5xx statsu:4");
		await until("it is explained", async () => /statsu/.test(await text("#filter-line")));
		assert.equal(await $("#filter").getAttribute("aria-invalid"), "true");
		assert.match(await $(".filter-mirror mark").innerText(), /statsu/);
		assert.equal((await targets()).length, 1);
		assert.match(page.url(), /f=status%3A5xx$/);
		await clean("filter error");
		await screen("filter-error");
	});
	await test("a filter that nothing matches says that, and offers the way back", async () => {
		await setFilter("path:/nowhere-at-all");
		await until("it is said", async () => /No flow matches/.test(await text(".no-match")));
		await page.getByRole("button", { name: /Show all flows/ }).click();
		await until("all are back", async () => (await targets()).length > 20);
		assert.equal(await $("#filter").inputValue(), "");
	});
	await test("a filter in the address is applied, and typed text survives what arrives", async () => {
		await page.goto(`${hub.url}#/flows?f=status%3A404`);
		await until("it is applied", async () => (await targets()).join() === "/nothing");
		await $("#filter").fill("path:/nothi");
		await feeder.flows([flow({ target: "/nothing/2", status: "404" })]);
		await until("the new row is there", async () => (await targets()).includes("/nothing/2"));
		assert.equal(await $("#filter").inputValue(), "path:/nothi");
		await noFilter();
	});
}

async function detail() {
	await test("a row opens into headers, with secrets covered until asked for", async () => {
		await setFilter("path:/v1/users");
		await until("one row", async () => (await targets()).length === 1);
		await rows().first().click();
		await until("the detail is there", async () => /https:\/\/api\/v1\/users\/7/.test(await text(".detail-title")));
		const shown = await text("#detail-panel");
		assert.match(shown, /User-Agent\s+test\/1/);
		assert.match(shown, /Bearer ••••••/);
		assert.ok(!shown.includes("s3cr3t"));
		await page.getByRole("button", { name: "Reveal Authorization" }).click();
		await until("it is revealed", async () => /Bearer s3cr3t/.test(await text("#detail-panel")));
		await themed(async (scheme) => {
			await clean("headers");
			await screen(`detail-${scheme}`);
		});
	});
	await test("a JSON body is a tree that folds, with every digit of its numbers", async () => {
		await page.getByRole("tab", { name: "Body" }).click();
		const tree = $(".lines.tree");
		await until("the tree is there", async () => /12345678901234567890/.test(await tree.innerText()));
		assert.match(await tree.innerText(), /name: "Zoë"/);
		await $('.json-line:not([hidden]):has-text("user:")').first().click();
		await until("it is folded", async () => !/name: "Zoë"\n/.test(await tree.innerText()) && (await $('.json-line[aria-expanded="false"]:not([hidden])').count()) === 1);
		await tree.focus();
		await page.keyboard.press("ArrowRight");
		await until("it is unfolded by key", async () => (await $('.json-line[aria-expanded="false"]:not([hidden])').count()) === 0);
		await clean("tree");
		await screen("body-tree");
	});
	await test("the same body as text with line numbers, and as hex", async () => {
		await page.getByText("Text", { exact: true }).click();
		await until("text", async () => /^1/.test((await text(".lines.text")).trim()) && (await text(".lines.text")).includes('{"user":{"id":7'));
		await page.getByText("Hex", { exact: true }).click();
		await until("hex", async () => /^00000000\s*7b 22 75 73 65 72 22 3a  7b 22/.test((await text(".lines.hex")).trim()));
		await clean("hex");
		await page.getByText("Tree", { exact: true }).click();
	});
	await test("timing and the two ends of the connection", async () => {
		await page.getByRole("tab", { name: "Timing" }).click();
		await until("timing", async () => /31 ms/.test(await text("#detail-panel")));
		await clean("timing");
		await page.getByRole("tab", { name: "Connection" }).click();
		await until("connection", async () => /openssl 3\.0\.15/.test(await text("#detail-panel")));
		assert.match(await text("#detail-panel"), /pid\s+4411/);
		await clean("connection");
		await screen("connection");
		await page.getByRole("tab", { name: "Headers" }).click();
	});
	await test("the request is copied as a curl line without its secrets", async () => {
		await page.getByRole("button", { name: "Copy", exact: true }).click();
		await page.getByRole("menuitem", { name: /as cURL/ }).first().click();
		await until("it is in the clipboard", async () => (await clipboard()).startsWith("curl "));
		const line = await clipboard();
		assert.match(line, /'?https:\/\/api\/v1\/users\/7\?expand=orders'?/);
		assert.match(line, /"\$TOKEN"/);
		assert.ok(!line.includes("s3cr3t"));
	});
	await test("an address with a flow in it opens that flow", async () => {
		const url = page.url();
		assert.match(url, /sel=[0-9a-f-]{36}/);
		await page.goto("about:blank");
		await page.goto(url);
		await until("the detail is open", async () => /\/v1\/users\/7/.test(await text(".detail-title")));
		await until("its row is selected", async () => (await $(".row.selected:not([hidden])").count()) === 1);
		await page.keyboard.press("Escape");
		await noFilter();
	});
	await test("a picture is shown as a picture", async () => {
		await setFilter("path:/image");
		await until("one row", async () => (await targets()).join() === "/image");
		await rows().first().click();
		await page.getByRole("tab", { name: "Body" }).click();
		await until("it is drawn", async () => (await text(".picture figcaption")) === "1 × 1");
		await page.getByRole("tab", { name: "Headers" }).click();
		await page.keyboard.press("Escape");
		await noFilter();
	});
}

async function following() {
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

async function picker() {
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
		await $("#picker select").selectOption("65536");
		await until("body limit", () => feeder.settings.body_limit === 65536);
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
		assert.equal(await page.evaluate(() => document.activeElement.id), "picker-button");
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

async function health() {
	await test("Health shows agents, their facts with what to do, and every loss", async () => {
		feeder.say({ health: { facts: FACTS, counters: { "conn.open": 42, "conn.truncated": 1, "conn.undecrypted_now": 2, "loss.ring_records": 7 } } });
		await page.keyboard.press("2");
		await until("it is there", async () => /testhost/.test(await text(".health")) && /42/.test(await text(".health")));
		const t = await text(".health");
		assert.match(t, /A probe could not be attached/);
		assert.match(t, /probe\.denied/);
		await until("the losses", async () => /dropped\s+7\s+truncated\s+1\s+not decrypted\s+2\b/.test(await text(".health")));
		assert.match(t, /6\.1\.0-test/);
		await themed(async (scheme) => {
			await clean("health");
			await screen(`health-${scheme}`);
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

async function keyboard() {
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

async function restart() {
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

async function clearing() {
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

async function rules() {
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
	await test("no error, no policy violation, no request to another host in all of this", () => {
		assert.deepEqual(browser.problems, []);
	});
}

let status = 1;
try {
	await hub.start();
	await browser.start();
	for (const part of [signingIn, firstRun, list, filter, detail, following, picker, health, keyboard, restart, clearing, rules]) {
		if (process.env.LIMPID_PAGE_PARTS && !process.env.LIMPID_PAGE_PARTS.split(",").includes(part.name)) continue;
		await part();
	}
	status = done() ? 1 : 0;
} catch (e) {
	console.log(`not ok 0 - page: the tests could not run: ${e.message}`);
	console.log(`# ${hub.log.split("\n").slice(-10).join("\n# ")}`);
} finally {
	await browser.stop();
	await feeder?.stop();
	if (hub.process) await hub.stop();
	await sleep(50);
}
process.exit(status);
