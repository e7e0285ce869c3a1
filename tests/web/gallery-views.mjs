// SPDX-License-Identifier: Apache-2.0
// The views and states of the page that gallery.mjs takes pictures of, and what is in them.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { $, CONTAINERS, FACTS, LEDGER, feeder, hub, page, rowOf, sealed, setFilter, startFeeder, targets, text, tmp } from "./actions.mjs";
import { shop as basket } from "./related.mjs";
import { recorded } from "./recorded.mjs";
import { shop } from "./sums-flows.mjs";
import { flow, until, top } from "./world.mjs";

const json = (o) => ({ data: JSON.stringify(o), type: "application/json" });
const b64 = (data) => ({ b64: Buffer.from(data, "latin1").toString("base64") });
const LONG = { items: Array.from({ length: 400 }, (_, i) => ({ id: i, sku: `W-${i}`, price: i * 1.25, tags: ["new", "sale"], note: i % 7 ? null : "Only while stocks last; one a customer" })), next: "/v1/items?page=2", total: 12345678901234567890n.toString() };
const HTML = "<!doctype html><title>Shop</title><style>body{font:16px sans-serif;margin:2em}h1{color:#0b6f8c}</style><h1>Your basket</h1><p>Three things, 42.50 in all.</p><table border=1><tr><td>Widget</td><td>19.99</td></tr></table>";
const GOOD = FACTS.filter((f) => f.level === 0);
const COSTS = { "cost.tap_cpu_ms": 1200, "cost.tap_bytes": 21000000, "cost.decode_cpu_ms": 3400, "cost.decode_bytes": 33000000 };
const LOST = { "conn.open": 42, "conn.truncated": 1, "conn.undecrypted_now": 2, "loss.ring_records": 7, "conn.moved_bytes": 48211934, "conn.captured_bytes": 41092110, "loss.ring_bytes": 6120413, "told.ring_bytes": 6120000, "loss.budget_bytes": 999824, "told.budget_bytes": 999824, "loss.shed_bytes": 0, "told.shed_bytes": 0, "loss.untold_bytes": 0 };
let again; /* a server to which requests are sent again */

const more = () => [
	flow({ op: "POST", target: "/v1/login", reqHeaders: [["Host", "api"], ["Content-Type", "application/x-www-form-urlencoded"]], reqBody: { data: "name=Zo%C3%AB&password=hunter2&note=a+b%26c&empty=", type: "application/x-www-form-urlencoded" } }),
	flow({ op: "POST", target: "/graphql", reqBody: json({ operationName: "User", query: "query User($id: ID!) { user(id: $id) { id name orders(first: 3) { total } } }", variables: { id: "7" } }), respBody: json({ data: { user: { id: "7", name: "Zoë", orders: [{ total: 42.5 }] } } }) }),
	flow({ target: "/basket", respHeaders: [["Content-Type", "text/html; charset=utf-8"]], respBody: { data: HTML, type: "text/html; charset=utf-8" } }),
	flow({ target: "/v1/items", respBody: json(LONG) }),
	flow({ target: "/image.png", respHeaders: [["Content-Type", "image/png"]], respBody: { data: { b64: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==" }, type: "image/png" } }),
	flow({ op: "PUT", target: "/v1/orders/1?token=t0ken", reqBody: json({ sku: "W-19", qty: 40, password: "hunter2", lines: [...Array(20).keys()] }), respBody: json({ ok: true, n: 1 }) }),
	flow({ op: "PUT", target: "/v1/orders/2", status: "500", ms: 1800, reqBody: json({ sku: "W-19", qty: 41, password: "hunter2", lines: [...Array(20).keys()] }), respBody: json({ ok: false, n: 1 }) }),
	flow({ target: "/v1/search?q=" + "a%20very%20long%20search%20".repeat(30), respHeaders: [["Content-Type", "application/json"], ["X-Trace", "7f".repeat(300)]], from: { ip: "172.18.0.31", container: "shop-recommendations-and-similar-products-worker-12", container_id: "c".repeat(64), image: "registry.example/shop/recommendations:2026-11-22", project: "shop" } }),
	flow({ target: "/firmware.bin", respBody: { data: b64(String.fromCharCode(...Array.from({ length: 600 }, (_, i) => (i * 37) % 256))), len: 38000000, captured: 600, type: "application/octet-stream" }, flags: 1 }),
	flow({ target: "/old", status: "302" }),
	flow({ target: "/lost", status: null, state: 2, failed: true }),
	flow({ target: "/slow/report", status: null, state: 0 }),
	flow(sealed({ from: "billing" })),
	flow(sealed({ failed: true, status: "unknown_ca", sent: 517, got: 1200, tls: { protocol: "TLS 1.2", cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", alert: "unknown_ca", alert_by: "client", reason: "handshake-failed", why: "The handshake was broken off before anything was said.", hint: "The alert says why, and which end sent it.", subject: "CN=payments.example, O=Example", issuer: "CN=Example Internal CA", names: "payments.example,*.payments.example", not_after: Math.floor(Date.now() / 1000) + 5 * 86400 } })),
];

async function put(list) {
	const file = path.join(tmp, "recorded.jsonl");
	writeFileSync(file, list.map((l) => JSON.stringify(l)).join("\n") + "\n");
	const made = spawnSync(process.env.LIMPID ?? path.join(top, "build/limpid"), ["import", "--running", hub.address, file], { encoding: "utf8" });
	if (made.status !== 0) throw new Error(`import: ${made.stderr}`);
}

/* An agent, its containers, and the shop's traffic of the last minutes. */
export async function prepare() {
	await page.goto(hub.address);
	if (!feeder) await startFeeder();
	await at("flows"); /* also where only some views are wanted, and the last one was another page */
	feeder.say({ containers: [...CONTAINERS, { id: "7".repeat(64), name: "shop-recommendations-and-similar-products-worker-12", image: "registry.example/shop/recommendations:2026-11-22", project: "shop", networks: "shop_default", addrs: ["172.18.0.31"] }] });
	feeder.say({ health: { facts: GOOD, counters: { ...COSTS, "conn.open": 3 } } });
	again = http.createServer((q, a) => {
		q.resume();
		q.on("end", () => a.writeHead(201, { "Content-Type": "application/json" }).end('{"order":8,"state":"accepted"}'));
	});
	again.listen(0, "127.0.0.1");
	again.unref();
	await once(again, "listening");
	const now = Date.now();
	await feeder.flows(shop(now - 20000));
	await feeder.flows(basket());
	await put(recorded(now - 1000));
	await feeder.flows([...more(), flow({ op: "POST", target: "/v1/again", to: { ip: "127.0.0.1", comm: "node", port: again.address().port }, reqHeaders: [["Host", "api.local"], ["Content-Type", "application/json"]], reqBody: json({ sku: "W-19", qty: 2 }) })]);
	await page.waitForSelector("#grid .row:not([hidden])");
}

/* Closes whatever is open over the list, and the detail. */
export async function close() {
	for (let i = 0; i < 4 && (await $("dialog[open], .menu-list, #picker, [role=listbox]:not([hidden])").count()); i++) await page.keyboard.press("Escape");
	await page.evaluate(() => document.activeElement?.blur());
}

const at = async (hash) => {
	await page.goto(`${hub.url}#/${hash}`);
	await page.evaluate(() => document.activeElement?.blur());
};
const filtered = (f) => at(`flows?f=${encodeURIComponent(f)}`);
const grid = async (...keys) => {
	await $("#grid").focus();
	for (const k of keys) await page.keyboard.press(k);
};
/* The newest flow of a filter, open at a tab. */
async function open(f, tab) {
	const { rows } = await hub.api(`flows?f=${encodeURIComponent(f)}&n=50`);
	if (!rows.length) throw new Error(`no flow for ${f}`);
	await at(`flows?f=${encodeURIComponent(f)}&sel=${rows.at(-1).id}${tab ? `&tab=${tab}` : ""}`);
	await page.waitForSelector(".detail-title");
	await until("the flow is there", async () => (await text(".detail-title")).length > 3);
	await until("its row too", async () => (await $(".row.selected:not([hidden])").count()) === 1);
}
const shows = (sel, re) => until(`${sel}: ${re}`, async () => re.test(await text(sel)));
const way = (name, side) => page.getByRole("region", { name: side, exact: true }).locator(".segments").getByText(name, { exact: true }).click();
const detail = (name, f, tab, ready, o) => ({ name: `detail-${name}`, fed: true, show: async () => {
	await open(f, tab);
	await ready?.();
}, ...o });
const panel = (re) => () => shows("#detail-panel", re);

const BEFORE = [
	{ name: "signin", show: async () => {
		await page.goto(hub.url);
		await page.waitForSelector("#token");
	} },
	{ name: "signin-wrong", show: async () => {
		await $("#token").fill("0".repeat(32));
		await page.keyboard.press("Enter");
		await shows("[role=alert]", /not the token/);
	} },
	{ name: "empty-no-agent", needed: true, show: async () => {
		await page.goto("about:blank");
		await page.goto(hub.address);
		await shows(".first-run", /No agent/);
	} },
	{ name: "health-no-agent", show: async () => {
		await at("health");
		await page.waitForSelector(".health");
	} },
	...["map", "sql", "metrics"].map((p) => ({ name: `${p}-empty`, show: async () => {
		await at(p);
		await page.waitForSelector(`main.${p === "sql" ? "page:not([hidden])" : p}`);
	} })),
	{ name: "waiting-problems", show: async () => {
		await startFeeder();
		feeder.say({ containers: CONTAINERS });
		feeder.say({ health: { facts: FACTS, counters: { "conn.open": 3 } } });
		await at("flows");
		await shows(".first-run", /Watching 3 of 3/);
		await shows(".first-run", /A probe could not/);
	} },
];

const LIST = [
	{ name: "list-following", show: async () => {
		await at("flows");
		await grid("F");
		await shows(".follow", /Following/);
	} },
	{ name: "list-paused", show: async () => {
		await grid(" ");
		await shows(".pill", /Paused/);
	}, after: () => grid(" ", "F") },
	{ name: "list-held", show: async () => {
		await grid("g", "j", "j");
		await feeder.flows([flow({ target: "/v1/late" })]);
		await shows(".pill", /1 new/);
	}, after: () => grid("F") },
	{ name: "list-sorted", show: async () => {
		await $(".grid-head .c-duration").click();
		await shows(".follow", /Sorted/);
	}, after: async () => {
		await $(".grid-head .c-duration").click();
		await $(".grid-head .c-duration").click();
	} },
	{ name: "list-filtered", show: () => filtered("is:error proto:http1,grpc -path:/health") },
	{ name: "list-nothing", show: async () => {
		await filtered("path:/nowhere-at-all");
		await shows(".no-match", /No flow/);
	} },
	{ name: "list-filter-error", show: async () => {
		await filtered("status:5xx");
		await setFilter("status:5xx and (statsu:4 or");
		await until("it is explained", async () => (await $("#filter-line.bad").count()) === 1);
	} },
	{ name: "list-completion", show: async () => {
		await at("flows");
		await $("#filter").fill("");
		await $("#filter").pressSequentially("status:", { delay: 5 });
		await page.waitForSelector("#filter[aria-expanded=true]");
	}, focus: false },
	{ name: "list-completion-keys", show: async () => {
		await $("#filter").fill("");
		await $("#filter").pressSequentially("r", { delay: 5 });
		await page.waitForSelector("#filter[aria-expanded=true]");
	}, focus: false, after: () => $("#filter").fill("") },
	{ name: "list-row-menu", show: async () => {
		await filtered("path:/v1/orders/1");
		await until("one row", async () => (await targets()).length === 1);
		await rowOf("/v1/orders/1").click({ button: "right", position: { x: 420, y: 8 } });
		await page.waitForSelector(".row-menu");
	} },
	{ name: "list-marked", show: async () => {
		await filtered("proto:http1");
		await grid("G", "k", "Escape", "m", "2", "k", "m", "5", "p", "k", "n");
		await page.waitForSelector("dialog textarea");
		await page.keyboard.type("Why twice? Ask Ann.");
		await page.keyboard.press("Enter");
		await until("noted", async () => (await $(".row .note").count()) > 0);
	} },
	{ name: "list-note", show: async () => {
		await grid("n");
		await page.waitForSelector("dialog textarea");
	} },
	{ name: "list-several", show: async () => {
		await grid("G", "k", "Shift+ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp");
		await until("four rows", async () => (await $("#grid .row.picked:not([hidden])").count()) === 4);
	}, after: () => grid("Escape", "Escape") },
	{ name: "list-columns", show: async () => {
		await grid("C");
		await page.waitForSelector(".columns-dialog");
	} },
	{ name: "list-many-columns", show: async () => {
		await at("flows");
		await grid("C");
		await page.waitForSelector(".columns-dialog");
		for (let n = await $(".columns-dialog input:not(:checked)").count(); n > 0; n--) await $(".columns-dialog input:not(:checked)").first().click();
		await page.keyboard.press("Escape");
	}, after: async () => {
		await grid("C");
		await page.getByRole("button", { name: "As usual" }).click();
	} },
	{ name: "list-saved", show: async () => {
		await filtered("status:5xx");
		await hub.api("saved", { method: "PUT", body: JSON.stringify([{ name: "Failures of the shop", filter: "is:error dst:shop" }, { name: "Slow SQL", filter: "proto:postgres dur>100ms" }]) }).catch(() => {});
		await grid("S");
		await page.waitForSelector(".saved-dialog");
	} },
];

const DETAIL = [
	detail("headers", "path:/v1/orders/1", "", panel(/host/i)),
	detail("headers-long", "path:/v1/search", "", panel(/x-trace/i)),
	detail("headers-none", "target:/lost", "", undefined),
	detail("open", "path:/slow/report", "", undefined),
	detail("tree", "path:/v1/items", "body", async () => shows(".lines.tree", /items/)),
	detail("text", "path:/v1/items", "body", async () => {
		await way("Text", "Response");
		await page.waitForSelector(".lines.text .cm-content");
	}, { after: () => way("Tree", "Response") }),
	detail("search", "path:/v1/items", "body", async () => {
		await page.locator(".lines.tree").focus();
		await page.keyboard.press("Control+f");
		await page.locator(".lines.text .cm-search input[name=search]").waitFor();
		await page.keyboard.type("W-39");
		await page.keyboard.press("Enter");
	}, { focus: false, after: async () => {
		await page.keyboard.press("Escape");
		await way("Tree", "Response");
	} }),
	detail("hex", "path:/firmware.bin", "body", () => page.waitForSelector(".lines.hex")),
	detail("form", "path:/v1/login", "body", () => page.waitForSelector(".form-fields")),
	detail("graphql", "path:/graphql", "body", () => page.waitForSelector(".graphql")),
	detail("preview", "path:/basket type:html", "body", async () => {
		await way("Preview", "Response");
		await page.waitForSelector(".preview iframe");
	}),
	detail("picture", "path:/image.png", "body", () => page.waitForSelector(".picture figcaption")),
	detail("timing", "path:/v1/orders/2", "timing", panel(/ms|s/)),
	detail("connection", "path:/basic or path:/v1/users proto:http1 is:tls", "connection", panel(/TLS/)),
	detail("raw", "path:/v1/orders/1", "raw", panel(/HTTP\/1\.1/)),
	detail("related", "path:/v1/basket/7", "related", async () => page.waitForSelector(".rel-repeat")),
	detail("related-cause", '"WHERE id = 105"', "related", async () => page.waitForSelector(".rel-repeat")),
	detail("compare", "path:/v1/orders/1", "", async () => {
		await grid("d");
		await open("path:/v1/orders/2");
		await grid("d");
		await shows(".compare-bar", /differences/);
	}),
	detail("copy-menu", "path:/v1/orders/1", "", async () => {
		await page.getByRole("button", { name: "Copy", exact: true }).click();
		await page.waitForSelector(".menu-list");
	}, { focus: false }),
	detail("sealed", "proto:tls -is:error", "", async () => shows("#detail", /no library to probe/)),
	detail("sealed-failed", "proto:tls is:error", "", async () => shows("#detail", /broken off/)),
	detail("sql-statement", 'proto:postgres "= $1"', "statement", () => page.waitForSelector(".sql-text")),
	detail("sql-error", "proto:postgres status:42601", "statement", () => page.waitForSelector(".sql-text")),
	detail("sql-result", 'proto:postgres "FROM every"', "result", () => page.waitForSelector(".sql-row")),
	detail("sql-mysql", "proto:mysql status:OK op:Execute", "result", () => page.waitForSelector(".sql-row")),
	detail("sql-copy", "proto:postgres COPY", "", undefined),
	detail("sql-values", 'proto:postgres op:Execute "= $1"', "statement", async () => {
		await page.waitForSelector(".sql-text");
		await page.getByText("With values", { exact: true }).click();
	}, { after: () => page.getByText("Formatted", { exact: true }).click() }),
	detail("redis", "proto:redis op:LRANGE", "body", undefined),
	detail("redis-error", "proto:redis is:error", "", undefined),
	detail("redis-pubsub", "proto:redis op:SUBSCRIBE", "messages", () => page.waitForSelector(".msg-row")),
	detail("grpc", "proto:grpc status:OK op:Get", "", undefined),
	detail("grpc-body", "proto:grpc status:OK op:Get", "body", undefined),
	detail("grpc-error", "proto:grpc is:error op:Get", "", undefined),
	detail("grpc-messages", "proto:grpc op:Chat", "messages", () => page.waitForSelector(".msg-row")),
	detail("sse", "proto:sse", "messages", () => page.waitForSelector(".msg-row")),
	detail("websocket", "proto:websocket path:/chat", "messages", async () => {
		await page.waitForSelector(".msg-row");
		await page.locator(".msg-row:not([hidden])").first().click();
	}),
	detail("below", "path:/v1/items", "body", async () => shows(".lines.tree", /items/), { each: async () => {
		const right = await $(".flows.dock-right").count();
		await grid(...(right ? ["|"] : []));
	} }),
	detail("beside", "path:/v1/items", "body", async () => shows(".lines.tree", /items/), { each: async () => {
		if (!(await $(".flows.dock-right").count())) await grid("|");
	} }),
	detail("whole", "path:/v1/orders/1", "", async () => {
		await grid("\\");
		await until("maximised", async () => !(await $("#grid").isVisible()));
	}, { after: async () => {
		await page.keyboard.press("Escape");
		await page.evaluate(() => localStorage.removeItem("limpid.detail"));
		await page.reload();
	} }),
	detail("resend", "path:/v1/again", "", async () => {
		await grid("e");
		await until("ready", async () => !(await page.getByRole("button", { name: /^Send/ }).isDisabled()));
	}),
	detail("resend-error", "path:/v1/again", "", async () => {
		await grid("e");
		await until("ready", async () => !(await page.getByRole("button", { name: /^Send/ }).isDisabled()));
		await page.getByLabel("Headers, one a line").fill("Host: api.local\nbroken");
		await page.keyboard.press("Control+Enter");
		await shows("dialog.resend [role=alert]", /no header/);
	}),
	detail("resend-result", "path:/v1/again", "", async () => {
		await grid("e");
		await until("ready", async () => !(await page.getByRole("button", { name: /^Send/ }).isDisabled()));
		await page.keyboard.press("Control+Enter");
		await shows(".detail-head", /201/);
	}),
];

const PAGES = [
	{ name: "map", show: async () => {
		await at("map?range=all");
		await until("nodes", async () => (await $(".map-picture [data-node]").count()) > 8);
	} },
	{ name: "map-node", show: async () => {
		await at("map?range=all");
		await $('.map-picture [data-node*="\u0001api\u0001"]').first().click();
		await page.waitForSelector(".map-panel");
	}, after: () => page.keyboard.press("Escape") },
	{ name: "map-grouped", show: async () => {
		await at("map?range=all");
		await page.getByText("Project", { exact: true }).click();
	} },
	{ name: "map-table", show: async () => {
		await at("map?range=all&as=table");
		await page.waitForSelector(".map-table");
	} },
	{ name: "sql", show: async () => {
		await at("sql");
		await page.waitForSelector(".sqlp-table");
	} },
	{ name: "metrics", show: async () => {
		await at("metrics?range=all");
		await until("plots", async () => (await $(".plot canvas").count()) === 4);
	} },
	{ name: "metrics-endpoints", show: async () => {
		await at(`metrics?range=all&group=endpoint&f=${encodeURIComponent('dst.service="api"')}`);
		await page.waitForSelector(".metrics-groups tbody tr");
	} },
	{ name: "health-good", show: async () => {
		await at("health");
		await shows(".health", /testhost/);
	} },
	{ name: "health-bad", show: async () => {
		feeder.say({ health: { facts: FACTS, counters: { ...COSTS, ...LOST }, tls: LEDGER, tls_left_out: 12 } });
		await shows(".health", /A probe could not/);
	} },
	{ name: "health-missing", show: async () => {
		await page.waitForSelector("table.missing");
	}, each: () => $("table.missing").scrollIntoViewIfNeeded() },
	{ name: "health-ledger", show: async () => {
		await page.waitForSelector(".ledger");
	}, each: () => $(".ledger").evaluate((e) => e.scrollIntoView()) },
];

const OVER = [
	{ name: "picker", show: async () => {
		await at("flows");
		await $("#picker-button").click();
		await shows("#picker", /lonely/);
	} },
	{ name: "picker-chosen", show: async () => {
		await at("flows");
		await $("#picker-button").click();
		await page.getByRole("radio", { name: "Chosen" }).click();
		await shows("#picker", /start later/);
	}, after: () => page.getByRole("radio", { name: "All", exact: true }).click() },
	{ name: "export", show: async () => {
		await at("flows");
		await grid("w");
		await page.waitForSelector("#files[open]");
	} },
	{ name: "import", show: async () => {
		await grid("o");
		await page.waitForSelector("#files[open]");
	} },
	{ name: "import-error", show: async () => {
		await grid("o");
		writeFileSync(path.join(tmp, "poem.txt"), "no flows in here\n");
		await $("#import-file").setInputFiles(path.join(tmp, "poem.txt"));
		await shows("#files", /no HAR file/);
	} },
	{ name: "keys", show: async () => {
		await grid("?");
		await page.waitForSelector("dialog[open]");
	} },
	{ name: "commands", show: async () => {
		await at("flows");
		await grid("Control+k");
		await page.waitForSelector("#command-list");
	} },
	{ name: "about", show: async () => {
		await grid("Control+k");
		await page.waitForSelector("#command-list");
		await page.keyboard.type("about");
		await page.keyboard.press("Enter");
		await page.waitForSelector(".about");
	} },
	{ name: "clear-asks", show: async () => {
		await feeder.flows(Array.from({ length: 400 }, (_, i) => flow({ target: `/health/${i}`, ms: 1 })));
		await at("flows");
		await $("#clear-button").click();
		await page.waitForSelector("dialog[open]");
	} },
	detail("presentation", "path:/v1/orders/1", "", async () => {
		await grid("P");
		await shows("#present-button", /secrets hidden/);
	}, { after: () => grid("P") }),
	{ name: "recording-stopped", show: async () => {
		await at("flows");
		await page.keyboard.press("Control+e");
		await shows(".banner", /stopped/);
	}, after: () => page.keyboard.press("Control+e") },
	{ name: "hub-away", show: async () => {
		await hub.stop();
		await shows(".banner", /has not answered/);
	} },
	{ name: "hub-restarted", show: async () => {
		await hub.start();
		await until("it is said", async () => /restarted/.test(await text(".notice")), 30000);
	}, focus: false },
];

export const VIEWS = [...BEFORE, ...[...LIST, ...DETAIL, ...PAGES, ...OVER].map((v) => ({ ...v, fed: true }))];
