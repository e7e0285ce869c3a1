// SPDX-License-Identifier: Apache-2.0
// page.mjs TMP - the page in a real browser, on a real hub, fed by an agent over gRPC.  TAP.
// LIMPID_PAGE_PARTS=list,filter runs only these parts, after what they need: signingIn, firstRun, list.
import { browser, feeder, hub } from "./actions.mjs";
import { detail, filter, firstRun, list, signingIn } from "./look.mjs";
import { clearing, following, health, keyboard, picker, restart, rules } from "./work.mjs";
import { talk } from "./talk.mjs";
import { done, sleep } from "./world.mjs";

const only = process.env.LIMPID_PAGE_PARTS?.split(",");
let status = 1;
try {
	await hub.start();
	await browser.start();
	for (const part of [signingIn, firstRun, list, filter, detail, talk, following, picker, health, keyboard, restart, clearing, rules]) {
		if (only && !["signingIn", "firstRun", "list", ...only].includes(part.name)) continue;
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
