// SPDX-License-Identifier: Apache-2.0
// views.mjs TMP - what protocols have views of their own for, and what belongs with a flow, in a real browser.  TAP.
// LIMPID_PAGE_PARTS=related,sql runs only these parts.
import { hub, openTab, page, script, startFeeder } from "./actions.mjs";
import { find } from "./find.mjs";
import { related } from "./related.mjs";
import { sql, statements } from "./sql.mjs";

await script(async () => {
	await openTab();
	await page.goto(hub.address);
	await page.waitForSelector("#grid", { state: "attached" });
	await startFeeder();
}, [related, sql, statements, find]);
