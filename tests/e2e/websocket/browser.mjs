// SPDX-License-Identifier: Apache-2.0
// browser.mjs HTTP-URL HTTPS-URL - a page that talks by WebSocket and listens to events, in the clear and by TLS.
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const { chromium } = createRequire(path.join(top, "web/package.json"))("playwright-core");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
	const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
	for (const url of process.argv.slice(2)) {
		await page.goto(url);
		const got = await page.evaluate(async () => {
			const ws = new WebSocket(`${location.origin.replace(/^http/, "ws")}/chat?browser`);
			await new Promise((ok, no) => ((ws.onopen = ok), (ws.onerror = no)));
			const talk = (t) => new Promise((ok) => ((ws.onmessage = (e) => ok(e.data)), ws.send(t)));
			for (let i = 0; i < 5; i++) {
				const t = `{"type":"price","symbol":"ABC","value":${i}}`;
				if ((await talk(t)) !== t) throw new Error("another answer");
			}
			ws.close(3000, "tab closed");
			await new Promise((ok) => (ws.onclose = ok));
			const seen = [];
			const es = new EventSource("/events?browser");
			await new Promise((ok) => {
				es.addEventListener("tick", (e) => seen.push([e.lastEventId, e.data]) === 5 && ok());
			});
			es.close();
			return seen.length;
		});
		if (got !== 5) throw new Error(`${got} events`);
	}
} finally {
	await browser.close();
}
