// SPDX-License-Identifier: Apache-2.0
// The container panel: rates, TLS and its reason, programs outside containers, search, grouping, agents that are away.
import assert from "node:assert/strict";
import { $, CONTAINERS, FACTS, clean, feeder, hub, page, screen, text, themed, tmp } from "./actions.mjs";
import { Feeder, flow, test, until } from "./world.mjs";

const TLS = [
	{ pid: 31, processes: 4, comm: "nginx", container: "web", code: "read", readable: true, libraries: [{ name: "openssl", version: "3.0.15", path: "/usr/lib/libssl.so.3" }], connections: 12, wire_bytes: 63000, plain_bytes: 61000 },
	{ pid: 40, processes: 1, comm: "node", container: "api", code: "read", readable: true, libraries: [{ name: "openssl", version: "3.0.15", path: "/usr/bin/node" }], connections: 5, wire_bytes: 6000, plain_bytes: 6000 },
	{ pid: 41, processes: 1, comm: "java", container: "api", code: "java-tls", text: "The process is a Java machine, whose TLS is Java code.", hint: "Capture the other end.", connections: 3, unread: 3, wire_bytes: 900 },
	{ pid: 50, processes: 1, comm: "java", container: "db", code: "java-tls", text: "The process is a Java machine, whose TLS is Java code.", hint: "Capture the other end.", connections: 3, unread: 3, wire_bytes: 900 },
	{ pid: 880, processes: 1, comm: "haproxy", code: "read", readable: true, libraries: [{ name: "openssl", version: "3.0.15", path: "/usr/lib/libssl.so.3" }], connections: 2, wire_bytes: 10, plain_bytes: 9 },
	{ pid: 990, processes: 3, comm: "backup", code: "no-library", text: "No TLS library that Limpid knows is in the process.", hint: "" },
];
const line = (name) => $("#picker li.pick").filter({ has: page.locator(".pick-name", { hasText: new RegExp(`^${name}$`) }) }).first();

export async function panel() {
	await test("the panel says what each container says, and whether its TLS is read", async () => {
		feeder.say({ containers: CONTAINERS.map((c) => ({ ...c, namespace: undefined })) });
		feeder.say({ health: { facts: FACTS, counters: {}, tls: TLS } });
		await feeder.flows(Array.from({ length: 30 }, (_, i) => flow({ target: `/rate/${i}`, respBody: { data: "x".repeat(1000), type: "text/plain" } })));
		await $("#picker-button").click();
		await until("rates of both ends", async () => /\d+(\.\d)?\/s · .*B\/s/.test(await line("web").innerText()) && /\/s · /.test(await line("api").innerText()), 30000);
		await until("read", async () => /TLS read: openssl 3\.0\.15/.test((await line("web").innerText()).replace(/\s+/g, " ")));
		assert.match((await line("api").innerText()).replace(/\s+/g, " "), /TLS partly read: The process is a Java machine/);
		assert.match((await line("db").innerText()).replace(/\s+/g, " "), /TLS not read: The process is a Java machine/);
		assert.match(await line("db").locator(".pick-tls").getAttribute("title"), /Capture the other end/);
		await themed(async (scheme) => {
			await clean("panel");
			await screen(`panel-${scheme}`);
		});
		await page.setViewportSize({ width: 1920, height: 1080 });
		await screen("panel-large");
		await page.setViewportSize({ width: 1280, height: 800 });
	});
	await test("programs outside containers are chosen one by one: from what is seen, by pid, name or unit", async () => {
		await until("they are listed", async () => /haproxy\s+pid 880[\s\S]*TLS read/.test(await text(".pick-outside")) && /3 processes/.test(await text(".pick-outside")));
		const search = page.getByLabel("Search containers");
		await search.fill("880");
		await until("by pid", async () => (await $(".pick-outside li").count()) === 1 && /haproxy/.test(await text(".pick-outside")));
		await search.fill("");
		await page.getByRole("checkbox", { name: "haproxy" }).click();
		await until("the agent was told", () => feeder.settings?.processes.join() === "command haproxy");
		for (const typed of ["990", "nginx.service", "pid 1"]) {
			await page.getByLabel("Process to capture").fill(typed);
			await page.keyboard.press("Enter");
		}
		await until("all that make sense", () => feeder.settings.processes.join() === "command haproxy,pid 990,unit nginx.service");
		await until("what does not is said", async () => /processes is a list/.test(await text(".notice")));
		await until("and not kept", async () => (await $(".pick-chip").count()) === 3);
		await themed(async (scheme) => {
			await clean("processes");
			await screen(`panel-processes-${scheme}`);
		});
		await page.getByRole("button", { name: "No longer pid 990" }).click();
		await until("taken back", () => feeder.settings.processes.join() === "command haproxy,unit nginx.service");
		assert.equal(feeder.settings.hosts, false);
		await page.getByRole("checkbox", { name: "Processes outside containers" }).click();
		await until("all of them", () => feeder.settings.hosts === true);
		await page.getByRole("checkbox", { name: "Processes outside containers" }).click();
		await hub.api("capture", { method: "PATCH", body: '{"processes":[]}', headers: { "Content-Type": "application/json" } });
	});
	await test("containers are searched and grouped by image and by namespace", async () => {
		const pod = { id: "5".repeat(64), name: "app", image: "registry.example/app:2", namespace: "prod", pod: "app-7d9f", captured: true };
		feeder.say({ containers: [...CONTAINERS, pod] });
		await $("#picker select[name=group_by]").selectOption("namespace");
		await until("its namespace", async () => (await $(".pick-title").allInnerTexts()).includes("prod"));
		await $("#picker select[name=group_by]").selectOption("image");
		await until("its image", async () => (await $(".pick-title").allInnerTexts()).includes("registry.example/app"));
		await page.getByLabel("Search containers").fill("7d9f");
		await until("alone", async () => (await $(".pick-title").allInnerTexts()).join() === "registry.example/app");
		await page.getByLabel("Search containers").fill("");
		await $("#picker select[name=group_by]").selectOption("project");
	});
	await test("an agent that is away, or cannot do what was asked, is named", async () => {
		const other = new Feeder(tmp, hub, "farhost");
		await until("it is connected", () => other.connected);
		other.say({ health: { facts: [{ key: "capture.process", level: 1, text: "There is no process 4242 to capture." }], counters: {} } });
		await until("what it cannot do", async () => /farhost: There is no process 4242/.test(await text(".pick-trouble")), 30000);
		await other.stop();
		await until("that it is away", async () => /farhost is not connected/.test(await text(".pick-trouble")), 30000);
		await clean("trouble");
		await screen("panel-trouble");
		await page.keyboard.press("Escape");
		feeder.say({ containers: CONTAINERS });
	});
}

export async function rooms() {
	await test("Health says how long an agent runs, how full things are and were, and what to do when they are full", async () => {
		feeder.say({ health: { facts: FACTS, counters: { "agent.up_s": 7260, "decode.restarts": 2, "ring.bytes": 33554432, "ring.percent": 12, "ring.percent_most": 97, "conn.open": 40, "conn.open_max": 65536, "queue.bytes": 1000, "queue.bytes_max": 8388608, "queue.dropped_flows": 3, "loss.skipped_runs": 9 } } });
		await page.keyboard.press("5");
		const head = async () => (await $(".health .card:has(.rooms) header").allInnerTexts()).join(" ").replace(/\s+/g, " ");
		await until("uptime and restarts", async () => /up 2\s?h.*decoder restarted 2 times/.test(await head()), 30000).catch(async (e) => {
			throw new Error(`${e.message}: ${page.url()} ${await head()}`);
		});
		const ring = async () => (await text('.rooms [data-key="ring.bytes"]')).replace(/\s+/g, " ");
		assert.match(await ring(), /4\.0 MB of 3[34] MB 97 % at most so far .*--events-ring/);
		assert.match(await text('.rooms [data-key="conn.open"]'), /40 of 65.536/);
		const all = await text(".health");
		assert.match(all, /dropped flows[\s\S]*the hub was away or too slow/);
		assert.match(all, /skipped runs[\s\S]*--backend kprobe/);
		await themed(async (scheme) => {
			await clean("rooms");
			await $(".rooms").scrollIntoViewIfNeeded();
			await screen(`health-rooms-${scheme}`);
		});
		await page.keyboard.press("1");
	});
}
