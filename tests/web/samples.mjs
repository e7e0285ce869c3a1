// SPDX-License-Identifier: Apache-2.0
// Samples: loaded from the empty page, marked as such, gone when all is deleted.
import assert from "node:assert/strict";
import { $, clean, hub, noFilter, page, rows, screen, targets, text, themed } from "./actions.mjs";
import { test, until } from "./world.mjs";

export async function samples() {
	await test("samples are loaded from the empty page: every protocol, as of now, each with a note", async () => {
		await $("#load-samples").click();
		await until("they are here", async () => /samples are here/.test(await text(".notice")), 60000);
		const all = await hub.api("flows?n=500");
		assert.ok(all.total > 50, `${all.total} flows`);
		const protos = new Set(all.rows.map((r) => r.proto));
		for (const p of ["http1", "postgres", "redis", "grpc", "websocket", "sse"]) assert.ok(protos.has(p), p);
		for (const r of all.rows) {
			assert.equal(r.note, "Sample");
			assert.ok(Math.abs(Date.now() - Number(r.ts_ns) / 1e6) < 600000, "of the last minutes");
		}
		await until("the rows are drawn", async () => (await rows().count()) > 10);
		await themed(async (scheme) => {
			await clean("samples");
			await screen(`samples-${scheme}`);
		});
		await page.setViewportSize({ width: 1920, height: 1080 });
		await screen("samples-large");
		await page.setViewportSize({ width: 1280, height: 800 });
	});
	await test("samples and real flows are told apart, and a reload still says that samples are here", async () => {
		await page.getByRole("button", { name: "Only real flows" }).click();
		await until("none is left", async () => (await targets()).length === 0 && /No flow matches/.test(await text(".no-match")));
		await page.getByRole("button", { name: "Only samples" }).click();
		await until("they are back", async () => (await targets()).length > 10);
		await page.reload();
		await until("it is said again", () => $("#samples-bar").isVisible());
		await noFilter();
		await page.getByRole("button", { name: "Delete all flows" }).click();
		await until("all are gone, and so is the line", async () => (await hub.api("flows?n=1")).total === 0 && !(await $("#samples-bar").count()));
	});
}
