// SPDX-License-Identifier: Apache-2.0
// files.mjs TMP - exports and imports through the page, and what concerns the whole screen.  TAP.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { $, clean, CONTAINERS, FACTS, feeder, focusList, hub, noFilter, openTab, page, rowOf, screen, script, setFilter, startFeeder, table, targets, text, themed, tmp } from "./actions.mjs";
import { Feeder, flow, sleep, test, until } from "./world.mjs";

const SECRET = "hunter2hunter2";
const shown = (t) => until(`${t} is said`, async () => new RegExp(t).test(await text("#files")), 20000);

/* Opens the export or import dialog by its key, once the one before is gone and the keys are the list's. */
async function dialog(key) {
	await until("no dialog is open", async () => !(await $("#files[open]").count()));
	await until(`${key} opens the dialog`, async () => {
		if (await $("#files[open]").count()) return true;
		await focusList();
		await page.keyboard.press(key);
		await sleep(200);
		return false;
	});
}

async function exported(format) {
	if (!(await $("#files[open]").count())) {
		await page.evaluate(() => document.activeElement?.blur());
		await dialog("w");
	}
	await $(`#files input[name=format][value=${format}]`).check();
	const wait = page.waitForEvent("download", { timeout: 30000 });
	await $("#export-go").click();
	const file = path.join(tmp, `out.${format}`);
	await (await wait).saveAs(file);
	await shown(" in .*B");
	return readFileSync(file);
}

async function exports() {
	await test("what the filter shows is exported, and secrets are not in the file", async () => {
		await setFilter("path:/secret");
		await until("one row", async () => (await targets()).length === 1);
		const har = JSON.parse((await exported("har")).toString());
		assert.equal(har.log.entries.length, 1);
		assert.match(har.log.entries[0].request.url, /\/secret\?access_token=REDACTED/);
		assert.ok(!JSON.stringify(har).includes(SECRET));
	});
	await test("every format exports all flows; as it was said only when that is chosen", async () => {
		await $("#files input[name=which][value=all]").check();
		for (const format of ["jsonl", "pcapng", "session"]) {
			const got = (await exported(format)).toString("latin1");
			assert.ok(got.includes("/innocent"), format);
			assert.ok(!got.includes(SECRET), format);
		}
		await $("#files input[name=secrets][value=yes]").check();
		assert.ok((await exported("jsonl")).toString().includes(SECRET));
		await $("#files input[name=secrets][value=no]").check();
		await themed(async (scheme) => {
			await clean("export");
			await screen(`export-${scheme}`);
		});
	});
	await test("what is selected is exported alone", async () => {
		await page.keyboard.press("Escape");
		await noFilter();
		await rowOf("/innocent/3").click();
		await page.keyboard.press("Escape");
		await dialog("w");
		await $("#files input[name=which][value=selection]").check();
		const lines = (await exported("jsonl")).toString().trim().split("\n");
		assert.deepEqual(lines.map((l) => JSON.parse(l).request.target), ["/innocent/3"]);
		await page.keyboard.press("Escape");
	});
}

async function imports() {
	await test("a session that was saved is opened again, in place of what is here", async () => {
		await dialog("w");
		await $("#files input[name=which][value=all]").check();
		await $("#files input[name=secrets][value=yes]").check();
		await exported("session");
		await page.keyboard.press("Escape");
		await dialog("o");
		await $("#files input[type=checkbox]").check();
		await themed(async (scheme) => {
			await clean("import");
			await screen(`import-${scheme}`);
		});
		const before = (await targets()).length;
		await $("#import-file").setInputFiles(path.join(tmp, "out.session"));
		await until("the dialog has closed", async () => !(await $("#files[open]").count()), 30000);
		await until("the flows are back", async () => (await targets()).length === before, 30000);
	});
	await test("what is no capture is refused in words, and nothing changes", async () => {
		const before = (await targets()).length;
		writeFileSync(path.join(tmp, "poem.txt"), "no flows in here\n");
		await dialog("o");
		if (await $("#files input[type=checkbox]").isChecked()) await $("#files input[type=checkbox]").uncheck();
		await $("#import-file").setInputFiles(path.join(tmp, "poem.txt"));
		await shown("no HAR file");
		await page.keyboard.press("Escape");
		assert.equal((await targets()).length, before);
	});
}

async function grouping() {
	await test("containers are grouped by project or by image", async () => {
		await $("#picker-button").click();
		await until("the project", async () => /shop/.test(await text(".pick-group")));
		await $("#picker select[name=group_by]").selectOption("image");
		await until("an image each", async () => (await $(".pick-title").allInnerTexts()).slice(0, 3).join() === "api,busybox,db");
		await clean("picker by image");
		await screen("picker-image");
		await page.keyboard.press("Escape");
	});
}

async function present() {
	await test("presentation mode hides secrets in the list and in the detail, and gives them back", async () => {
		await setFilter("path:/secret");
		await until("one row", async () => (await targets()).length === 1);
		assert.match((await targets())[0], new RegExp(SECRET));
		await page.evaluate(() => document.activeElement?.blur());
		await page.keyboard.press("P");
		await until("the row's target has none", async () => /REDACTED/.test((await targets())[0]) && !(await targets())[0].includes(SECRET));
		await rowOf("/secret").click();
		await page.getByRole("tab", { name: "Body" }).first().click();
		await until("the body is there without it", async () => /REDACTED/.test(await text("#detail-panel")));
		assert.ok(!(await $("body").innerText()).includes(SECRET));
		await screen("presentation");
		await page.keyboard.press("P");
		await until("it is back", async () => (await text("#detail-panel")).includes(SECRET));
		await page.keyboard.press("Escape");
		await noFilter();
	});
	await test("times are of this place or UTC, as chosen", async () => {
		const first = async () => (await table())[0][0];
		await until("a row", async () => (await table()).length > 0);
		const at = await first();
		await $("#zone-button").click();
		/* Kolkata is five and a half hours ahead. */
		await until("another time", async () => (Number(at.slice(3, 5)) - Number((await first()).slice(3, 5)) + 60) % 60 === 30);
		assert.match(await text("#zone-button"), /UTC/);
		await $("#zone-button").click();
		await until("the former", async () => (await first()) === at);
	});
	await test("the tab's icon and title say how many flows failed", async () => {
		await feeder.flows([flow({ target: "/broken", status: "500" })]);
		await until("the title", async () => /^\(\d+\) Limpid$/.test(await page.title()));
		assert.match(await $("link[rel=icon]").getAttribute("href"), /^data:image\/svg/);
	});
}

async function agents() {
	await test("Health says what Limpid costs", async () => {
		feeder.say({ health: { facts: FACTS, counters: { "cost.tap_cpu_ms": 1200, "cost.tap_bytes": 21000000, "cost.decode_cpu_ms": 3400, "cost.decode_bytes": 33000000 } } });
		await page.evaluate(() => document.activeElement?.blur());
		await page.keyboard.press("5");
		await until("the processes", async () => /decode.*3\.4 s.*33 MB/s.test(await text(".costs")));
		await until("the hub's share", async () => /hub.*\d\.\d %/s.test(await text(".costs [data-key=hub]")), 20000);
		await themed(async (scheme) => {
			await clean("costs");
			await screen(`health-costs-${scheme}`);
		});
	});
	await test("several agents at once: each is shown, and one that goes is missed", async () => {
		await page.evaluate(() => document.activeElement?.blur());
		await page.keyboard.press("5");
		const other = new Feeder(tmp, hub, "otherhost");
		await until("it is connected", () => other.connected);
		other.say({ containers: CONTAINERS.slice(0, 1).map((c) => ({ ...c, id: "7".repeat(64), name: "faraway" })) });
		await other.flows([flow({ target: "/from-the-other-host", from: "faraway" })]);
		await until("two agents", async () => /2\/2/.test(await text("#stat-agents")));
		await until("both on Health", async () => /otherhost/.test(await text(".health")) && /testhost/.test(await text(".health")));
		await page.keyboard.press("1");
		await until("its flow", async () => (await targets()).includes("/from-the-other-host"));
		await other.stop();
		await until("one is missed", async () => /1\/2/.test(await text("#stat-agents")), 20000);
	});
	await test("a hub that begins again is said, and the list goes on", async () => {
		const before = (await targets()).length;
		await hub.stop();
		await until("the loss is said", async () => /has not answered/.test(await text(".banner")), 20000);
		await hub.start();
		await until("the restart is said", async () => /was restarted/.test(await text(".notice")), 30000);
		await until("the rows are there", async () => (await targets()).length === before, 20000);
	});
}

await script(async () => {
	await openTab({ timezoneId: "Asia/Kolkata" });
	await page.goto(hub.address);
	await startFeeder();
	feeder.say({ containers: CONTAINERS });
	await feeder.flows([
		...Array.from({ length: 5 }, (_, i) => flow({ target: `/innocent/${i}` })),
		flow({ target: `/secret?access_token=${SECRET}&page=2`, reqHeaders: [["Host", "api"], ["Authorization", `Bearer ${SECRET}`], ["Cookie", `sid=${SECRET}`]], respBody: { data: JSON.stringify({ user: "ann", password: SECRET }), type: "application/json" } }),
	]);
	await until("the rows are there", async () => (await targets()).length === 6);
}, [exports, imports, grouping, present, agents]);
