// SPDX-License-Identifier: Apache-2.0
// The keyboard, key by key: each one that the help names is pressed and has to do what it says; none is missing there.
import assert from "node:assert/strict";
import { $, clean, clipboard, feeder, focusList, hub, noFilter, page, rowOf, screen, setFilter, targets, text, themed } from "./actions.mjs";
import { flow, test, until } from "./world.mjs";

const is = (what, sel, n = 1) => until(what, async () => (await $(sel).count()) === n);
const at = (p) => until(`the page is ${p}`, () => new URL(page.url()).hash.startsWith(`#/${p}`));
const said = (re) => until(`${re} is said`, async () => re.test(await text(".notice")));
/* Beside the target may be a mark. */
const selected = async () => /\/k\/\d/.exec((await $(".row.selected:not([hidden]) .c-target").first().textContent({ timeout: 1000 })) ?? "")?.[0];
const press = (k) => page.keyboard.press(k);
const closed = async () => {
	await press("Escape");
	await is("no dialog", "dialog[open]", 0);
};

async function open(target) {
	await rowOf(target).click();
	await until("the detail", async () => (await text(".detail-title")).includes(target));
	await focusList();
}
const tabNow = () => $('#detail [role=tab][aria-selected="true"]').innerText();

/* What shows that a key did what the help says.  Each begins in the list, the second of four rows selected, no detail. */
const DOES = {
	j: async () => (await press("j"), await until("third", async () => (await selected()) === "/k/2")),
	ArrowDown: async () => (await press("ArrowDown"), await until("third", async () => (await selected()) === "/k/2")),
	k: async () => (await press("k"), await until("first", async () => (await selected()) === "/k/0")),
	ArrowUp: async () => (await press("ArrowUp"), await until("first", async () => (await selected()) === "/k/0")),
	PageUp: async () => (await press("PageUp"), await until("first", async () => (await selected()) === "/k/0")),
	PageDown: async () => (await press("PageDown"), await until("last", async () => (await selected()) === "/k/3")),
	g: async () => (await press("g"), await until("first", async () => (await selected()) === "/k/0")),
	Home: async () => (await press("Home"), await until("first", async () => (await selected()) === "/k/0")),
	G: async () => (await press("G"), await is("following", ".follow.mode-follow")),
	End: async () => (await press("End"), await is("following", ".follow.mode-follow")),
	F: async () => (await press("F"), await is("following", ".follow.mode-follow")),
	Enter: async () => (await press("Enter"), await is("the detail", "#detail")),
	Escape: async () => (await press("Enter"), await is("the detail", "#detail"), await press("Escape"), await is("no detail", "#detail", 0)),
	" ": async () => (await press(" "), await is("paused", ".follow.mode-paused"), await press(" ")),
	"m 1-6": async () => (await press("m"), await press("3"), await is("marked", "#grid .row:not([hidden])[data-mark='3']")),
	"m 0": async () => (await press("m"), await press("4"), await is("marked", "#grid .row:not([hidden])[data-mark='4']"), await press("m"), await press("0"), await is("not marked", "#grid .row:not([hidden])[data-mark]", 0)),
	n: async () => (await press("n"), await is("the note", 'dialog[open][aria-label="Note"]')),
	p: async () => (await press("p"), await said(/[Pp]in/), await press("p")),
	M: async () => (await press("M"), await is("the menu", ".row-menu")),
	"Shift+ArrowUp": async () => (await press("Shift+ArrowUp"), await is("two", "#grid .row.picked:not([hidden])", 2)),
	"Shift+ArrowDown": async () => (await press("Shift+ArrowDown"), await is("two", "#grid .row.picked:not([hidden])", 2)),
	"Ctrl+a": async () => (await press("Control+a"), await is("four", "#grid .row.picked:not([hidden])", 4)),
	ArrowLeft: async () => (await press("ArrowRight"), await press("ArrowRight"), await is("a cell", "#grid .cell.at"), await press("ArrowLeft"), await press("ArrowLeft"), await is("none", "#grid .cell.at", 0)),
	ArrowRight: async () => (await press("ArrowRight"), await is("a cell", "#grid .cell.at")),
	"+": async () => {
		for (let i = 0; i < 3; i++) await press("ArrowRight");
		await press("+");
		await until("in the filter", async () => / \w+[:=]/.test(await $("#filter").inputValue())).catch(async (e) => {
			throw new Error(`${e.message}: ${await $("#filter").inputValue()}; ${await $("#grid .cell.at").allInnerTexts()}`);
		});
	},
	"-": async () => {
		for (let i = 0; i < 3; i++) await press("ArrowRight");
		await press("-");
		await until("in the filter", async () => / -\w/.test(await $("#filter").inputValue()));
	},
	C: async () => (await press("C"), await is("the columns", 'dialog[open][aria-label="Columns"]')),
	S: async () => (await press("S"), await is("the filters", 'dialog[open][aria-label="Saved filters"]')),
	"/": async () => (await press("/"), await until("focus", () => page.evaluate(() => document.activeElement.id === "filter"))),
	"Ctrl+f": async () => (await press("Control+f"), await until("focus", () => page.evaluate(() => document.activeElement.id === "filter"))),
	1: async () => (await press("5"), await at("health"), await press("1"), await at("flows")),
	2: async () => (await press("2"), await at("map")),
	3: async () => (await press("3"), await at("sql")),
	4: async () => (await press("4"), await at("metrics")),
	5: async () => (await press("5"), await at("health")),
	w: async () => (await press("w"), await is("export", '#files[open][aria-label="Export"]')),
	o: async () => (await press("o"), await is("import", '#files[open][aria-label="Import"]')),
	P: async () => (await press("P"), await is("hidden", "#present-button.on"), await press("P"), await is("not", "#present-button.on", 0)),
	"Ctrl+k": async () => (await press("Control+k"), await is("commands", 'dialog[open][aria-label="Commands"]')),
	"?": async () => (await press("?"), await is("keys", 'dialog[open][aria-label="Keys"]')),
	"[": async () => {
		await open("/k/1");
		const was = await tabNow();
		await press("]");
		await until("another tab", async () => (await tabNow()) !== was);
		await press("[");
		await until("the former", async () => (await tabNow()) === was);
	},
	"]": async () => DOES["["](),
	"\\": async () => (await open("/k/1"), await press("\\"), await is("whole", ".flows.max"), await press("\\"), await is("not", ".flows.max", 0)),
	"|": async () => (await open("/k/1"), await press("|"), await is("beside", ".flows.dock-right"), await press("|"), await is("below", ".flows.dock-bottom")),
	"c c": async () => (await open("/k/1"), await press("c"), await press("c"), await until("cURL", async () => (await clipboard()).startsWith("curl"))),
	"c f": async () => (await open("/k/1"), await press("c"), await press("f"), await until("fetch", async () => (await clipboard()).includes("await fetch"))),
	"c p": async () => (await open("/k/1"), await press("c"), await press("p"), await until("Python", async () => (await clipboard()).includes("urllib"))),
	"c r": async () => (await open("/k/1"), await press("c"), await press("r"), await until("raw", async () => (await clipboard()).startsWith("GET /k/1 HTTP/1.1"))),
	"c h": async () => {
		await open("/k/1");
		await press("c");
		await press("h");
		await until("a HAR", async () => (await clipboard()).includes('"log"'));
		const har = JSON.parse(await clipboard());
		assert.deepEqual(har.log.entries.map((e) => new URL(e.request.url).pathname), ["/k/1"]);
		assert.ok(!JSON.stringify(har).includes("s3cr3t"), "without its secret");
	},
	d: async () => (await open("/k/1"), await press("d"), await open("/k/2"), await press("d"), await until("compared", async () => (await tabNow()) === "Compare"), await press("Escape")),
	r: async () => (await open("/k/1"), await press("r"), await said(/start the hub with --resend/)),
	e: async () => (await open("/k/1"), await press("e"), await is("the request", 'dialog.resend[open]')),
	"Ctrl+e": async () => (await press("Control+e"), await is("stopped", "#record-button.off"), await press("Control+e"), await is("recording", "#record-button.on")),
	"Ctrl+Shift+Delete": async () => {
		await press("Control+Shift+Delete");
		await until("nothing is left", async () => (await hub.api("flows?n=1")).total === 0);
		await feed();
	},
};

let fed = 0;
async function feed() {
	await feeder.flows(Array.from({ length: 4 }, (_, i) => flow({ target: `/k/${i}`, status: ["200", "404", "200", "500"][i] })));
	fed++;
	await until("four rows", async () => (await targets()).join() === "/k/0,/k/1,/k/2,/k/3", 20000);
}

async function start() {
	if (await $("dialog[open]").count()) await closed();
	if (await $(".row-menu").count()) await press("Escape");
	await page.evaluate(() => document.activeElement?.blur());
	if (!new URL(page.url()).hash.startsWith("#/flows")) await press("1");
	await at("flows");
	await focusList();
	for (let i = 0; i < 5 && (await $("#grid .row.picked:not([hidden]), #grid .cell.at, #detail").count()); i++) await press("Escape");
	if ((await $("#filter").inputValue()) !== "path:/k/") await setFilter("path:/k/");
	await until("four rows", async () => (await targets()).length === 4);
	await focusList();
	await press("g");
	await until("the first", async () => (await selected()) === "/k/0");
	await press("j");
	await until("the second", async () => (await selected()) === "/k/1");
}

export async function keys() {
	await test("the help names every key that acts, and each does what it says", async () => {
		await feed();
		await focusList();
		await press("?");
		await is("the help", 'dialog[open][aria-label="Keys"]');
		const named = await $("dialog[open] [data-key]").evaluateAll((l) => l.map((e) => e.dataset.key));
		assert.deepEqual(named.slice().sort(), Object.keys(DOES).sort());
		await themed(async (scheme) => {
			await clean("keys");
			await screen(`keys-${scheme}`);
		});
		await closed();
		const failed = [];
		for (const key of named)
			try {
				await start();
				await DOES[key]();
				if (process.env.LIMPID_PAGE_VERBOSE) console.log(`# ${key}`);
			} catch (e) {
				if (process.env.LIMPID_PAGE_VERBOSE) console.log(`# ${key}: ${e.message}`), await screen("keys-failed");
				failed.push(`${key}: ${e.message}`);
			}
		await start();
		assert.deepEqual(failed, []);
	});
	await test("commands are found by their words and run from the keyboard", async () => {
		await press("Control+k");
		await is("commands", 'dialog[open][aria-label="Commands"]');
		await themed(async (scheme) => {
			await clean("commands");
			await screen(`commands-${scheme}`);
		});
		await page.keyboard.type("metr");
		await is("one command", "#command-list [role=option]");
		await press("Enter");
		await at("metrics");
		await press("Control+k");
		await is("commands", 'dialog[open][aria-label="Commands"]');
		await page.keyboard.type("licences");
		await press("Enter");
		await until("the licences", async () => /preact \d+\.\d+\.\d+ \(MIT\)/.test(await text("dialog[open] pre")));
		await clean("about");
		await screen("about");
		await closed();
		await press("1");
	});
}

export async function address() {
	await test("an address that is typed wins over what the page was about to write", async () => {
		if (!fed) await feed();
		await noFilter();
		for (const [i, wait] of [0, 40, 110, 125, 160].entries()) {
			const row = i % 4;
			const hash = `#/flows?f=path%3A%2Fk%2F${row}`;
			await $("#filter").fill(`status:500 or path:/k/${wait}`);
			await page.waitForTimeout(wait);
			await page.evaluate((h) => (location.hash = h), hash);
			await until("its filter", async () => (await $("#filter").inputValue()) === `path:/k/${row}` && (await targets()).join() === `/k/${row}`);
			await page.waitForTimeout(400);
			assert.equal(new URL(page.url()).hash, hash, `${wait} ms after the filter was typed`);
			assert.equal(await $("#filter").inputValue(), `path:/k/${row}`);
		}
		/* In one go with a change of the page's own: the event of the address comes after it. */
		await page.evaluate(() => {
			location.hash = "#/map?f=path%3A%2Fk%2F2";
			document.querySelector("button.page-tab").click();
		});
		await at("map");
		await page.waitForTimeout(300);
		assert.equal(new URL(page.url()).hash, "#/map?f=path%3A%2Fk%2F2");
		await page.evaluate(() => document.activeElement?.blur()); /* else 1 is typed into the filter */
		await press("1");
		await at("flows");
		await noFilter();
	});
}
