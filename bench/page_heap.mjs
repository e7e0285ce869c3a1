// SPDX-License-Identifier: Apache-2.0
// The memory of a tab that follows for long: used heap after a collection, nodes of the document and listeners, once a
// minute (or each tenth of a shorter time), and how they grow, as the slope of a line through the later two thirds.
import { sleep } from "../tests/web/world.mjs";

export async function measured(page) {
	const cdp = await page.context().newCDPSession(page);
	await cdp.send("HeapProfiler.collectGarbage");
	await cdp.send("Performance.enable");
	const { metrics } = await cdp.send("Performance.getMetrics");
	await cdp.detach();
	const of = (name) => metrics.find((m) => m.name === name).value;
	return { heap: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
}

/* By least squares: growth of y per unit of x. */
export function slope(points) {
	const mean = (k) => points.reduce((a, p) => a + p[k], 0) / points.length;
	const [mx, my] = [mean(0), mean(1)];
	const over = points.reduce((a, [x, y]) => a + (x - mx) * (y - my), 0);
	const under = points.reduce((a, [x]) => a + (x - mx) ** 2, 0);
	return under > 0 ? over / under : 0;
}

/* `each` is told every sample as it is taken. */
export async function heapOver(page, seconds, each) {
	const step = Math.min(60, seconds / 10);
	const began = Date.now();
	const samples = [];
	for (let i = 1; i * step <= seconds; i++) {
		await sleep(Math.max(0, began + i * step * 1000 - Date.now()));
		const rows = Number(await page.locator("#grid").getAttribute("aria-rowcount"));
		const s = { minute: (Date.now() - began) / 60000, rows, ...(await measured(page)) };
		samples.push(s);
		each(s);
	}
	const later = samples.slice(Math.floor(samples.length / 3));
	const grows = (k) => slope(later.map((s) => [s.minute * 60, s[k]])) * 3600;
	return { samples, perHour: { heap: grows("heap"), nodes: grows("nodes"), listeners: grows("listeners") } };
}
