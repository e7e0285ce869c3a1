// SPDX-License-Identifier: Apache-2.0
// Looking: signing in, first run, the list, the filter, the detail.
import assert from "node:assert/strict";
import { $, CONTAINERS, FACTS, HOSTILE, clean, clipboard, feeder, hub, noFilter, openTab, page, rowOf, rows, screen, setFilter, startFeeder, table, targets, text, themed, sealed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

export async function signingIn() {
	await test("without a token nothing is shown but where to find it", async () => {
		await openTab();
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

export async function firstRun() {
	await test("an empty list says that no agent is there", async () => {
		await until("it is said", async () => /No agent is connected/.test(await text(".first-run")));
	});
	await test("then it lists what the agent found, problems first, with a command to copy", async () => {
		await startFeeder();
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

export async function list() {
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
	await test("TLS that is not read is a row, which says why and what to do", async () => {
		const now = Math.floor(Date.now() / 1000);
		await feeder.flows([
			flow(sealed({ from: "billing" })),
			flow(sealed({ from: "billing", state: 0, id: undefined, tls: { sni: "stream.example", reason: "socket-unknown" }, got: 912345678 })),
			flow(sealed({ failed: true, status: "unknown_ca", sent: 517, got: 1200, tls: { protocol: "TLS 1.2", cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", alert: "unknown_ca", alert_by: "client", reason: "handshake-failed", why: "The handshake was broken off before anything was said.", hint: "The alert says why, and which end sent it.", subject: "CN=payments.example, O=Example", issuer: "CN=Example Internal CA", names: "payments.example,*.payments.example", not_after: now + 5 * 86400 } })),
		]);
		await setFilter("proto:tls");
		await until("the rows are there", async () => (await targets()).length === 3);
		const [first, open, failed] = await table();
		assert.deepEqual([first[1], first[4], first[5], first[6], first[8]], ["TLS", "TLS 1.3", "payments.example", "java tls", "85 kB"]);
		assert.equal(open[6], "socket unknown");
		assert.equal(failed[6], "unknown ca");
		await themed(async (scheme) => {
			await clean("list with TLS that is not read");
			await screen(`sealed-list-${scheme}`);
		});
		await rowOf("payments.example").first().click();
		await until("it says why", async () => /there is no library to probe/.test(await text("#detail")));
		const t = await text("#detail");
		assert.match(t, /4\.2 kB from the client, 81 kB from the server, encrypted/);
		assert.match(t, /TLS version\s+TLS 1\.3/);
		assert.match(t, /cipher suite\s+TLS_AES_256_GCM_SHA384/);
		assert.match(t, /ALPN offered\s+h2, http\/1\.1/);
		assert.equal(await $("#detail [role=tab]").count(), 0);
		await themed(async (scheme) => {
			await clean("detail of TLS that is not read");
			await screen(`sealed-${scheme}`);
		});
		await page.keyboard.press("Escape");
		await rowOf("unknown ca").click();
		await until("who broke it off", async () => /broken off\s+by the client: unknown ca/.test(await text("#detail")));
		assert.match(await text("#detail"), /valid until\s+\d{4}-\d\d-\d\d, in \d days/);
		await screen("sealed-failed");
		await page.keyboard.press("Escape");
		await noFilter();
		await page.evaluate(() => document.activeElement.blur());
		await page.keyboard.press("F");
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
		await until("the body is there as text", async () => (await text(".lines.text .cm-content")).includes("<script>"));
		assert.equal(await page.evaluate(() => window.pwned), undefined);
		/* CodeMirror puts empty pictures beside its marks for characters that do not show. */
		assert.equal(await $("#app img:not(.cm-widgetBuffer), #app script, #app b:has-text('GET') b").count(), 0);
		await page.getByRole("tab", { name: "Headers" }).click();
		await page.keyboard.press("Escape");
	});
}

export async function filter() {
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

export async function detail() {
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
		await until("text, indented", async () => (await text(".lines.text .cm-content")).includes('  "user": {\n    "id": 7,') && /^1\n2/.test((await $(".lines.text .cm-lineNumbers").innerText()).replace(/^\d+\n(?=1\n)/, "")));
		await page.getByLabel("Indented").uncheck();
		await until("as it was sent", async () => (await text(".lines.text .cm-content")).includes('{"user":{"id":7'));
		await page.getByLabel("Indented").check();
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
		assert.match(await text("#detail-panel"), /addresses by\s+the library's own call on its socket: certain/);
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
