// SPDX-License-Identifier: Apache-2.0
// views.mjs TMP - what protocols have views of their own for, and what belongs with a flow, in a real browser.  TAP.
// LIMPID_PAGE_PARTS=related,sql runs only these parts.
import { browser, feeder, hub, openTab, page, startFeeder } from "./actions.mjs";
import { find } from "./find.mjs";
import { related } from "./related.mjs";
import { sql, statements } from "./sql.mjs";
import { done, sleep } from "./world.mjs";

const only = process.env.LIMPID_PAGE_PARTS?.split(",");
let status = 1;
try {
	await hub.start();
	await browser.start();
	await openTab();
	await page.goto(hub.address);
	await page.waitForSelector("#grid", { state: "attached" });
	await startFeeder();
	for (const part of [related, sql, statements, find]) if (!only || only.includes(part.name)) await part();
	for (const p of browser.problems) console.log(`# ${p}`);
	if (browser.problems.length) console.log("not ok - page: views: nothing was refused by the page's policy, and no error was thrown");
	status = done() || browser.problems.length ? 1 : 0;
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
