// SPDX-License-Identifier: Apache-2.0
// control.mjs TMP - the keyboard, the address, samples; what is captured, Health, presentation mode.  TAP.
// LIMPID_PAGE_PARTS=keys,address runs only these parts.
import assert from "node:assert/strict";
import { CONTAINERS, browser, feeder, hub, openTab, page, startFeeder } from "./actions.mjs";
import { address, keys } from "./keys.mjs";
import { panel, rooms } from "./panel.mjs";
import { present } from "./present.mjs";
import { samples } from "./samples.mjs";
import { done, sleep, test } from "./world.mjs";

const only = process.env.LIMPID_PAGE_PARTS?.split(",");
let status = 1;
try {
	await hub.start();
	await browser.start();
	await openTab();
	await page.goto(hub.address);
	await startFeeder();
	feeder.say({ containers: CONTAINERS });
	for (const part of [samples, keys, address, present, panel, rooms]) if (!only || only.includes(part.name)) await part();
	await test("nothing broke the page's rules", async () => assert.deepEqual(browser.problems, []));
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
