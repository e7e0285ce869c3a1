// SPDX-License-Identifier: Apache-2.0
// detail.mjs TMP - the detail of a flow in a real browser: bodies, copies, comparing, raw bytes, sending again.  TAP.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { $, browser, clean, clipboard, feeder, hub, openTab, page, rows, screen, script, setFilter, startFeeder, targets, text, themed, tmp } from "./actions.mjs";
import { flow, sleep, test, until } from "./world.mjs";

const json = (o) => ({ data: JSON.stringify(o), type: "application/json" });
const b64 = (data) => ({ b64: Buffer.from(data, "latin1").toString("base64") });
const HTML = `<!doctype html><title>shop</title><meta http-equiv="refresh" content="0;url=http://127.0.0.1:1/"><style>h1{color:rgb(1,2,3)}</style><h1>Hello</h1><img src="http://127.0.0.1:1/x.png" onerror="parent.pwned=1"><script>parent.pwned=2;document.body.append("ran")</script><form action="/api/clear" method="post"><button>go</button></form><svg onload="parent.pwned=3"></svg>`;
const LONG = { items: Array.from({ length: 400 }, (_, i) => ({ id: i, sku: `W-${i}`, tags: ["a", "b"] })) };

const FLOWS = [
	flow({ op: "POST", target: "/form", reqHeaders: [["Host", "api"], ["Content-Type", "application/x-www-form-urlencoded"]], reqBody: { data: "name=Zo%C3%AB&note=a+b%26c&empty=", type: "application/x-www-form-urlencoded" } }),
	flow({ op: "POST", target: "/upload", reqBody: { data: ["--XX", 'Content-Disposition: form-data; name="title"', "", "<b>bold</b>", "--XX", 'Content-Disposition: form-data; name="file"; filename="cat.png"', "Content-Type: image/png", "", "12345", "--XX--", ""].join("\r\n"), type: "multipart/form-data; boundary=XX" } }),
	flow({ op: "POST", target: "/graphql", reqBody: json({ operationName: "User", query: "query User($id: ID!) { user(id: $id) { id name orders(first: 3) { total } } }", variables: { id: "7" } }) }),
	flow({ target: "/page", respHeaders: [["Content-Type", "text/html; charset=utf-8"]], respBody: { data: HTML, type: "text/html; charset=utf-8" } }),
	flow({ target: "/long", respBody: json(LONG) }),
	flow({ target: "/svg", respBody: { data: '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><script>top.pwned=4</script><rect width="20" height="10"/></svg>', type: "image/svg+xml" } }),
	flow({ op: "PUT", target: "/orders/1?token=t0ken", reqBody: json({ sku: "W-19", qty: 40, password: "hunter2", lines: [...Array(20).keys()] }), respBody: json({ ok: true, n: 1 }) }),
	flow({ op: "PUT", target: "/orders/2", status: "500", reqBody: json({ sku: "W-19", qty: 41, password: "hunter2", lines: [...Array(20).keys()] }), respBody: json({ ok: false, n: 1 }) }),
	flow({ op: "GET", target: "cartkey", proto: "redis", reqHeaders: [], respHeaders: [], status: "string", reqBody: { data: '["cartkey"]', type: "application/json" }, respBody: { data: '"v"', type: "application/json" }, failed: false }),
	flow({ target: "/bin", respBody: { data: b64("\x82\xa1a\x01"), type: "application/octet-stream" } }),
];

async function open(target) {
	await setFilter(`target:${target}`);
	await until(`one row: ${target}`, async () => (await targets()).join() === target);
	await rows().first().click();
	await until("its detail", async () => (await text(".detail-title")).includes(target));
}
const openTabOf = async (name) => {
	await page.getByRole("tab", { name, exact: true }).click();
	await until(`the tab ${name}`, async () => (await $('.detail [role=tab][aria-selected="true"]').innerText()) === name);
};
const way = async (name, side = "Response") => page.getByRole("region", { name: side, exact: true }).locator(".segments").getByText(name, { exact: true }).click();

async function bodies() {
	await test("a form is a table of its fields, decoded", async () => {
		await open("/form");
		await openTabOf("Body");
		await until("the fields", async () => /name\s+Zoë\s+note\s+a b&c\s+empty\s+empty/.test(await text(".form-fields tbody")));
		await themed(async (scheme) => {
			await clean("form");
			await screen(`body-form-${scheme}`);
		});
	});
	await test("an upload shows its file by name, type and size", async () => {
		await open("/upload");
		await until("the file", async () => /file\s+cat\.png\s+5 B, image\/png/.test(await text(".form-fields tbody")));
		assert.match(await text(".form-fields tbody"), /title\s+<b>bold<\/b>/);
	});
	await test("a GraphQL request shows its operation, laid out, and its variables", async () => {
		await open("/graphql");
		await until("its name", async () => /query\s+User/.test(await text(".graphql-head")));
		await until("its document", async () => /user\(id: \$id\) \{\n?\s*\d*\s*id/.test(await $(".graphql .lines.text").innerText()));
		await until("its variables", async () => /id: "7"/.test(await $(".graphql .lines.tree").innerText()));
		await themed(async (scheme) => {
			await clean("graphql");
			await screen(`body-graphql-${scheme}`);
		});
		await way("Tree", "Request");
		await until("as a tree, too", async () => /operationName: "User"/.test(await $('[aria-label="Request body"].tree').innerText()));
		await way("GraphQL", "Request");
	});
	await test("Ctrl+F searches in the text, F3 goes on, folding works by key; Escape closes the search only", async () => {
		await open("/long");
		await page.locator(".lines.tree").focus();
		await page.keyboard.press("Control+f");
		const box = page.locator(".lines.text .cm-search input[name=search]");
		await box.waitFor();
		await until("it has the focus", () => page.evaluate(() => document.querySelector(".lines.text").shadowRoot.activeElement?.name === "search"));
		await page.keyboard.type("W-399");
		await page.keyboard.press("Enter");
		await until("the hit is on screen", async () => (await text(".lines.text .cm-content")).includes('"sku": "W-399"') && (await page.locator(".lines.text .cm-searchMatch-selected").count()) === 1);
		assert.equal(await $("#filter").inputValue(), "target:/long", "typing went to the search and nowhere else");
		await themed(async (scheme) => {
			await clean("search");
			await screen(`body-search-${scheme}`);
		});
		await page.keyboard.press("Escape");
		await until("the search is closed", async () => (await page.locator(".lines.text .cm-search").count()) === 0);
		assert.equal(await $(".detail").count(), 1, "the detail is still open");
		await page.keyboard.press("Control+Home");
		await until("the first lines are on screen", async () => (await text(".lines.text .cm-content")).includes('"W-0"'));
		/* The topmost mark that is shown: the first in the document is a hidden one, for the column's width.  Once more where
		 * the text was still being laid out. */
		const fold = () => page.evaluate(() => {
			const root = document.querySelector(".lines.text").shadowRoot;
			if (root.querySelector(".cm-foldPlaceholder")) return;
			const marks = [...root.querySelectorAll('.cm-foldGutter span[title="Fold line"]')].filter((m) => getComputedStyle(m.parentElement).visibility === "visible" && m.getBoundingClientRect().height > 0);
			marks.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)[0]?.click();
		});
		await until("folded", async () => {
			await fold();
			return !(await text(".lines.text .cm-content")).includes("W-1");
		});
		await page.locator(".lines.text .cm-foldPlaceholder").first().click();
		await until("unfolded", async () => (await text(".lines.text .cm-content")).includes("W-1"));
		await way("Tree");
	});
	await test("a captured page is shown as a page that can do nothing", async () => {
		await open("/page");
		await way("Preview");
		const frame = page.frameLocator(".preview iframe");
		await until("it is drawn", async () => (await frame.locator("h1").innerText()) === "Hello");
		assert.equal(await frame.locator("h1").evaluate((e) => getComputedStyle(e).color), "rgb(1, 2, 3)", "its own styles apply");
		assert.equal(await $(".preview iframe").getAttribute("sandbox"), "");
		await sleep(200);
		assert.ok(!(await frame.locator("body").innerText()).includes("ran"));
		assert.equal(await page.evaluate(() => window.pwned), undefined);
		await screen("body-preview");
		const r = await fetch(`${hub.url}api/flow/${FLOWS[3].id}/preview?side=resp`, { headers: { Authorization: `Bearer ${hub.token}` } });
		const csp = r.headers.get("content-security-policy");
		assert.match(csp, /^sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'$/);
		assert.equal(r.headers.get("content-type"), "text/html; charset=utf-8");
		assert.equal((await fetch(`${hub.url}api/flow/${FLOWS[3].id}/preview?side=resp`)).status, 401);
		await way("Text");
		await until("its text", async () => (await text(".lines.text .cm-content")).includes("http-equiv"));
	});
	await test("an SVG is drawn, and its script does not run", async () => {
		await open("/svg");
		await until("it is drawn", async () => (await text(".picture figcaption")) === "20 × 10");
		assert.equal(await page.evaluate(() => window.pwned), undefined);
	});
}

async function copies() {
	const copy = async (keys) => {
		await page.evaluate(() => navigator.clipboard.writeText("nothing"));
		await $("#grid").focus();
		for (const k of keys) await page.keyboard.press(k);
		await until("something is copied", async () => (await clipboard()) !== "nothing");
		return clipboard();
	};
	await test("a request is copied as cURL, fetch, Python and raw by two keys, without secrets", async () => {
		await open("/orders/1?token=t0ken");
		assert.match(await copy("cc"), /^curl -X PUT/);
		assert.match(await copy("cf"), /^const TOKEN = ""; \/\/ fill in\nconst response = await fetch\("http:\/\/api\/orders\/1\?token=REDACTED", \{\n {2}method: "PUT",/);
		assert.match(await copy("cp"), /urllib\.request\.Request\(\n {4}"http:\/\/api\/orders\/1\?token=REDACTED",/);
		assert.ok(!(await clipboard()).includes("s3cr3t"));
		assert.match(await copy("cr"), /^PUT \/orders\/1\?token=REDACTED HTTP\/1\.1\r\nHost: api\r\n/);
		assert.ok(!/s3cr3t|hunter2|t0ken/.test(await clipboard()), "nor in query and body");
	});
	await test("the menu offers what the protocol has", async () => {
		await page.getByRole("button", { name: "Copy", exact: true }).click();
		const of = await page.getByRole("menuitem").allInnerTexts();
		assert.deepEqual(of.slice(0, 3).map((t) => t.split("\n")[0].trim()), ["as cURL", "as fetch", "as Python"]);
		await clean("copy menu");
		await screen("copy-menu");
		await page.keyboard.press("Escape");
		await open("cartkey");
		assert.equal(await copy("cc"), "redis-cli -h api -p 80 GET cartkey");
	});
}

async function raw() {
	await test("the raw tab has both sides as bytes of their protocol, as text and as hex", async () => {
		await open("/orders/1?token=t0ken");
		await openTabOf("Raw");
		const of = (side) => page.getByRole("region", { name: `Raw ${side}`, exact: true });
		await until("the request", async () => /PUT \/orders\/1\?token=REDACTED HTTP\/1\.1\s+2?\s*Host: api/.test(await of("request").innerText()));
		assert.match(await of("response").innerText(), /HTTP\/1\.1 200 OK[\s\S]*\{"ok":true,"n":1\}/);
		await themed(async (scheme) => {
			await clean("raw");
			await screen(`raw-${scheme}`);
		});
		assert.ok(!/t0ken|hunter2|s3cr3t/.test(await of("request").innerText()));
		await page.getByLabel("Hide secrets").uncheck();
		await until("as it was", async () => /token=t0ken[\s\S]*Bearer s3cr3t[\s\S]*hunter2/.test(await of("request").innerText()));
		await page.getByRole("region", { name: "Request", exact: true }).locator(".segments").getByText("Hex", { exact: true }).click();
		await until("hex", async () => /^00000000\s*50 55 54 20 2f/.test((await of("request").innerText()).trim()));
		await page.getByRole("region", { name: "Request", exact: true }).locator(".segments").getByText("Text", { exact: true }).click();
		const r = await fetch(`${hub.url}api/flow/${FLOWS[8].id}/raw?side=req`, { headers: { Authorization: `Bearer ${hub.token}` } });
		assert.equal(await r.text(), "*2\r\n$3\r\nGET\r\n$7\r\ncartkey\r\n");
	});
}

async function comparing() {
	await test("d chooses a flow, and on another one shows what differs", async () => {
		await open("/orders/1?token=t0ken");
		await openTabOf("Headers");
		await $("#grid").focus();
		await page.keyboard.press("d");
		await until("it says so", async () => /Chosen/.test(await text(".notice")));
		assert.equal(await page.getByRole("tab", { name: "Compare" }).count(), 0, "not with itself");
		await open("/orders/2");
		await $("#grid").focus();
		await page.keyboard.press("d");
		await until("the differences", async () => /[1-9] differences/.test(await text(".compare-bar")));
		const sides = await page.locator(".compare-text .cm-content").allInnerTexts();
		assert.ok(!sides.join().includes("s3cr3t"), "secrets stay covered");
		assert.match(sides[0], /"qty": 40/);
		assert.match(sides[1], /"qty": 41[\s\S]*500 Internal Server Error/);
		const changed = await page.locator(".compare-text .cm-merge-b .cm-changedLine").allInnerTexts();
		assert.ok(changed.some((l) => l.includes('"qty": 41')) && !changed.some((l) => l.includes("sku")), changed.join());
		await themed(async (scheme) => {
			await clean("compare");
			await screen(`compare-${scheme}`);
		});
		await page.getByLabel("Only what differs").check();
		await until("the rest is folded away", async () => (await page.locator(".compare-text .cm-collapsedLines").count()) > 0);
		await page.getByLabel("Only what differs").uncheck();
		await openTabOf("Headers");
	});
	await test("the comparison fits a large window, beside the list", async () => {
		await page.setViewportSize({ width: 1920, height: 1080 });
		await openTabOf("Compare");
		await until("it is there", async () => /differences/.test(await text(".compare-bar")));
		await screen("compare-1920");
		await page.setViewportSize({ width: 1280, height: 800 });
	});
}

async function resending() {
	const got = [];
	const server = http.createServer((q, a) => {
		const parts = [];
		q.on("data", (d) => parts.push(d));
		q.on("end", () => {
			got.push({ method: q.method, url: q.url, headers: q.headers, body: Buffer.concat(parts).toString() });
			a.writeHead(q.url === "/again?n=2" ? 201 : 500, { "Content-Type": "application/json", "Content-Encoding": "gzip" });
			a.end(gzipSync(JSON.stringify({ did: q.url })));
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const to = { ip: "127.0.0.1", comm: "node", port: server.address().port };
	const it = flow({ op: "POST", target: "/again?n=1", to, reqHeaders: [["Host", "api.local"], ["Content-Type", "application/json"], ["Content-Length", "9"], ["Transfer-Encoding", "chunked"], ["X-Id", "7"]], reqBody: { data: '{"n":"ü"}', type: "application/json" } });
	await feeder.flows([it]);
	await test("without --resend the hub sends nothing, and the page says how to allow it", async () => {
		await open("/again?n=1");
		await $("#grid").focus();
		await page.keyboard.press("e");
		await until("the dialog", async () => /Start it with --resend/.test(await text("dialog.resend")));
		assert.ok(await page.getByRole("button", { name: /^Send/ }).isDisabled());
		const r = await fetch(`${hub.url}api/resend`, { method: "POST", headers: { Authorization: `Bearer ${hub.token}` }, body: JSON.stringify({ id: it.id }) });
		assert.equal(r.status, 403);
		assert.match((await r.json()).error, /--resend/);
		await page.keyboard.press("Escape");
		await until("closed", async () => (await $("dialog.resend").count()) === 0);
		assert.equal(got.length, 0);
	});
	await hub.stop();
	hub.more = ["--resend"];
	await hub.start();
	await until("the hub is back", async () => (await $(".banner").count()) === 0 && (await hub.api("health")).hub.resend === true, 20000);
	await test("a request is edited and sent from the hub, and its answer is a flow that opens", async () => {
		await page.reload();
		await open("/again?n=1");
		await $("#grid").focus();
		await page.keyboard.press("e");
		await until("the dialog, ready", async () => !(await page.getByRole("button", { name: /^Send/ }).isDisabled()));
		await themed(async (scheme) => {
			await clean("resend");
			await screen(`resend-${scheme}`);
		});
		await page.getByLabel("Target").fill("/again?n=2");
		await page.getByLabel("Headers, one a line").fill("Host: api.local\nX-Id: 8\nbroken");
		await page.keyboard.press("Control+Enter");
		await until("it says what is wrong", async () => /“broken” is no header/.test(await text("dialog.resend [role=alert]")));
		await page.getByLabel("Headers, one a line").fill("Host: api.local\nX-Id: 8\nContent-Type: application/json");
		await page.getByLabel("Body").fill('{"n":"é"}');
		await page.keyboard.press("Control+Enter");
		await until("the server got it", () => got.length === 1, 20000);
		assert.deepEqual([got[0].method, got[0].url, got[0].headers.host, got[0].headers["x-id"], got[0].body], ["POST", "/again?n=2", "api.local", "8", '{"n":"é"}']);
		await until("the answer is open", async () => /201 Created/.test(await text(".detail-head")) && /again\?n=2/.test(await text(".detail-title")), 20000);
		const { rows: found } = await hub.api(`flows?f=${encodeURIComponent("path:/again status:201")}&n=10`);
		assert.equal(found.length, 1);
		const f = await hub.api(`flow/${found[0].id}`);
		assert.equal(f.request.attrs.resent, it.id);
		assert.equal(f.response.body.text, '{"did":"/again?n=2"}', "decoded");
		assert.deepEqual([f.client.comm, f.server.port], ["limpid resend", to.port]);
	});
	const ask = async (o) => {
		const r = await fetch(`${hub.url}api/resend`, { method: "POST", headers: { Authorization: `Bearer ${hub.token}` }, body: JSON.stringify(o) });
		return [r.status, (await r.json()).error ?? ""];
	};
	await test("what cannot be sent is refused in words: line breaks, other protocols, a loopback in a container, nobody there", async () => {
		const inside = flow({ target: "/inside", to: { ip: "127.0.0.1", container: "api" } });
		const nobody = flow({ target: "/nobody", to: { ip: "127.0.0.1", port: 1 } });
		await feeder.flows([inside, nobody]);
		assert.match((await ask({ id: it.id, headers: [["A", "b\r\nX: y"]] })).join(), /^400,.*line break/);
		assert.match((await ask({ id: it.id, method: "GET /x" })).join(), /^400,.*method/);
		assert.match((await ask({ id: it.id, headers: "A: b" })).join(), /^400,.*pairs/);
		assert.match((await ask({ id: FLOWS[8].id })).join(), /^400,.*only HTTP/);
		assert.match((await ask({ id: inside.id })).join(), /^400,.*loopback/);
		assert.match((await ask({ id: nobody.id })).join(), /^502,.*cannot connect to 127\.0\.0\.1 port 1/);
		assert.match((await ask({ id: "01930000-0000-7000-8000-ffffffffffff" })).join(), /^404/);
		assert.equal(got.length, 1);
	});
	await test("a server with a certificate that nobody trusts is refused, unless that is said", async () => {
		const key = path.join(tmp, "key.pem");
		const cert = path.join(tmp, "cert.pem");
		const made = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=api", "-days", "2"], { encoding: "utf8" });
		assert.equal(made.status, 0, made.stderr);
		const secure = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (q, a) => a.end(`hello ${q.socket.servername} ${q.socket.alpnProtocol}`));
		secure.listen(0, "127.0.0.1");
		await once(secure, "listening");
		const g = flow({ target: "/tls", tls: true, to: { ip: "127.0.0.1", port: secure.address().port } });
		await feeder.flows([g]);
		assert.match((await ask({ id: g.id })).join(), /^502,.*not trusted here: self[- ]signed certificate/);
		const r = await hub.api("resend", { method: "POST", body: JSON.stringify({ id: g.id, verify: false }) });
		const f = await hub.api(`flow/${r.id}`);
		assert.equal(f.response.body.text, "hello api http/1.1");
		assert.match(f.tls.protocol, /^TLS 1\.[23]$/);
		secure.close();
	});
	server.close();
}

/* The captured page's own picture is refused by its frame's policy, and says so there. */
const expected = (p) => /console: (Refused to (load|execute the redirect)|Blocked script execution|Loading the image)|127\.0\.0\.1:1\b/.test(p);

await script(async () => {
	await openTab();
	await page.goto(hub.address);
	await startFeeder();
	await feeder.flows(FLOWS);
	await page.waitForSelector("#grid .row:not([hidden])");
}, [bodies, copies, raw, comparing, resending], { expected });
