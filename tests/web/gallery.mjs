// SPDX-License-Identifier: Apache-2.0
// gallery.mjs TMP - a picture of every view and state, dark and light, in two sizes, in build/pictures; what can be seen
// by a program is checked in each: text cut off or covered, contrast, focus.  TAP.
// LIMPID_PICTURES=map,sql takes those whose names begin so.  LIMPID_SIZES=900x600@2,2560x1440: other sizes, @ of the zoom.
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { hub, openTab, page, script } from "./actions.mjs";
import { focusSeen, tidy } from "./tidy.mjs";
import { axe, sleep, test, top, until } from "./world.mjs";
import { VIEWS, close, prepare } from "./gallery-views.mjs";

const only = process.env.LIMPID_PICTURES?.split(",");
const SIZES = (process.env.LIMPID_SIZES ?? "1280x800,1920x1080").split(",").map((s) => {
	const [, width, height, zoom] = /^(\d+)x(\d+)(?:@([\d.]+))?$/.exec(s);
	return { name: s, width: Math.round(width / (zoom ?? 1)), height: Math.round(height / (zoom ?? 1)) };
});
const SCHEMES = ["light", "dark"];
const pictures = path.join(top, "build/pictures");
if (!only) rmSync(pictures, { recursive: true, force: true });
mkdirSync(pictures, { recursive: true });

/* Two frames and no request under way: what is drawn late is drawn. */
async function settled() {
	await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))));
	await until("nothing is being fetched", () => page.evaluate(() => !document.querySelector("[aria-busy=true]:not([hidden]), .lazy-wait")), 10000);
}

async function take(view) {
	const found = [];
	for (const size of SIZES) {
		await page.setViewportSize(size);
		await view.each?.(size);
		await settled();
		for (const scheme of SCHEMES) {
			await page.emulateMedia({ colorScheme: scheme });
			await sleep(30);
			await page.screenshot({ path: path.join(pictures, `${view.name}-${scheme}-${size.name}.png`) });
			/* The other theme differs in its colours and nothing else. */
			if (size === SIZES[0]) found.push(...(await axe(page, scheme === SCHEMES[0] ? undefined : ["color-contrast"])).map((l) => `${scheme}: ${l}`));
		}
		found.push(...(await tidy(page)).map((l) => `${size.name}: ${l}`));
	}
	await page.setViewportSize(SIZES[0]);
	if (view.focus !== false) found.push(...(await focusSeen(page)));
	assert.deepEqual(found, []);
}

const chosen = (v) => !only || only.some((o) => v.name.startsWith(o));
let ready = false;
const part = (view) => async () => {
	if (view.fed && !ready) await prepare();
	ready ||= !!view.fed;
	await test(`a picture of ${view.name}`, async () => {
		try {
			await view.show();
			if (chosen(view)) await take(view);
		} finally {
			/* Also after a failure the next view begins from the same place. */
			await view.after?.().catch(() => {});
			if (view.fed) await close();
		}
	});
};
hub.more = ["--resend"];
await script(() => openTab({ viewport: SIZES[0] }), VIEWS.filter((v) => v.needed || chosen(v)).map(part), { expected: (p) => /Blocked script execution|Refused to load|Loading the image/.test(p) });
