// SPDX-License-Identifier: Apache-2.0
// What a person reads on the Health page of a running Limpid: health.mjs URL TOKEN PICTURE.  Opens the page in Chromium,
// waits until it shows missing bytes, and prints the table's numbers as drawn, as JSON: {"ring":[KERNEL,TOLD],...}.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { Browser, top, until } from "./world.mjs";

const [, , url, token, picture] = process.argv;
const browser = new Browser();
await browser.start();
try {
	const page = await browser.tab({ url });
	await page.goto(`${url}#t=${token}`);
	await page.waitForSelector("#grid .row:not([hidden])");
	await page.keyboard.press("5");
	await until("the table is drawn", () => page.locator("table.missing").isVisible());
	const drawn = await page.locator("table.missing tr[data-key]").evaluateAll((rows) =>
		rows.map((r) => [r.dataset.key, [...r.querySelectorAll("td")].map((c) => (c.innerText.trim() ? Number(c.innerText.replace(/[\u202f\s]/g, "")) : null))]),
	);
	mkdirSync(path.join(top, "build/screens"), { recursive: true });
	await page.locator("table.missing").scrollIntoViewIfNeeded();
	await page.screenshot({ path: path.join(top, "build/screens", picture) });
	if (browser.problems.length) throw new Error(browser.problems.join("\n"));
	console.log(JSON.stringify(Object.fromEntries(drawn)));
} finally {
	await browser.stop();
}
process.exit(0);
