// SPDX-License-Identifier: Apache-2.0
// protocols.mjs TMP - what gRPC, Redis, conversations and transactions look like, in a real browser.  TAP.
// LIMPID_PAGE_PARTS=grpc,redis runs only these parts.
import { grpc, redis } from "./grpc.mjs";
import { hub, openTab, page, script, startFeeder } from "./actions.mjs";
import { presenting, transactions } from "./transactions.mjs";
import { timeline } from "./timeline.mjs";

await script(async () => {
	await openTab();
	await page.goto(hub.address);
	await page.waitForSelector("#grid", { state: "attached" });
	await startFeeder();
}, [grpc, redis, timeline, transactions, presenting]);
