// SPDX-License-Identifier: Apache-2.0
// gRPC and Redis in views of their own, of what the parsers made of recorded bytes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { $, clean, clipboard, hub, page, screen, text, themed, tmp } from "./actions.mjs";
import { importCase } from "./fixtures.mjs";
import { test, until } from "./world.mjs";

/* The detail of a flow, by its address. */
export const show = async (f, tab) => {
	await page.goto("about:blank");
	await page.goto(`${hub.url}#/flows?sel=${f.id}${tab ? `&tab=${tab}` : ""}`);
	await until(`the detail of ${f.request?.op}`, async () => (await page.locator("#detail [role=tab]").count()) > 0);
};
const rows = () => page.evaluate(() => [...document.querySelectorAll(".msg-row:not([hidden])")].map((r) => [...r.children].map((c) => c.textContent)).sort((a, b) => (a[1] < b[1] ? -1 : 1)));
const both = async (name) => {
	for (const [width, height] of [[1280, 800], [1920, 1080]]) {
		await page.setViewportSize({ width, height });
		await themed(async (scheme) => {
			await clean(`${name}, ${scheme}`);
			await screen(`${name}-${scheme}-${width}`);
		});
	}
	await page.setViewportSize({ width: 1280, height: 800 });
};

const PROTO = `syntax = "proto3";
package shop.v1;
message Query { string name = 1; }
message Stock { int32 left = 1; }
message Line { string sku = 1; sint32 count = 2; }
service Shop { rpc Watch(Query) returns (stream Stock); rpc Upload(stream Line) returns (Stock); }
`;

export async function grpc() {
	let streams;
	await test("gRPC: a call says its method, its status with what it means, and its messages both ways in time", async () => {
		streams = importCase("http2/grpc_streams", { ms: 40, every: 100 });
		const watch = streams.find((f) => f.request.op === "Watch");
		await show(watch);
		assert.equal(await text('#detail [role=tab][aria-selected="true"]'), "gRPC");
		await until("its messages", async () => (await rows()).length === 4);
		assert.match(await text(".grpc-sum"), /Watch of shop\.v1\.Shop, server stream/);
		assert.match(await text(".grpc-sum"), /14 UNAVAILABLE going away The server cannot be reached or is not ready/);
		const list = await rows();
		assert.deepEqual(list.map((r) => [r[0], r[3], r[4]]), [["↑", "5 B", '{"1":"tea"}'], ["↓", "2 B", '{"1":1}'], ["↓", "2 B", '{"1":2}'], ["↓", "2 B", '{"1":3}']]);
		assert.deepEqual(list.map((r) => r[5]), ["", "+1.0 ms", "+1.0 ms", "+1.0 ms"]);
		await page.getByRole("button", { name: "Since opening" }).click();
		await until("since the opening", async () => (await rows()).map((r) => r[5]).join() === "+0 ns,+1.0 ms,+2.0 ms,+3.0 ms");
		await page.getByRole("button", { name: "Since opening" }).click();
	});
	await test("gRPC: without a schema fields have numbers, wire types and what they may be", async () => {
		await page.locator(".msg-row").filter({ hasText: "tea" }).click();
		await until("fields", async () => (await text(".msg-body pre")) === '{\n  "1": "tea"\n}');
		await page.locator(".msg-body .segments").getByText("Wire", { exact: true }).click();
		await until("the wire", async () => /1\s+bytes\s+"tea"/.test(await text(".wire-table tbody")));
		await page.locator('.msg-row[data-seq="2"]').click();
		await until("a number and what else it may be", async () => /1\s+varint\s+2\s+sint 1/.test(await text(".wire-table tbody")));
		await both("grpc-wire");
	});
	await test("gRPC: types are given on the page, what was captured before is read by them, and by any that is chosen", async () => {
		await page.getByRole("button", { name: "From traffic" }).click();
		await until("why there are none", async () => /no client was seen asking a server/.test(await text(".grpc-types [role=alert]")));
		writeFileSync(path.join(tmp, "shop.proto"), PROTO);
		const made = spawnSync("protoc", [`-I${tmp}`, `--descriptor_set_out=${path.join(tmp, "shop.desc")}`, "shop.proto"], { encoding: "utf8" });
		assert.equal(made.status, 0, made.stderr);
		const input = page.locator(".grpc-types input[type=file]");
		await input.setInputFiles(path.join(tmp, "shop.proto"));
		await until("a .proto is refused, with what to do", async () => /protoc --include_imports/.test(await text(".grpc-types [role=alert]")));
		await input.setInputFiles(path.join(tmp, "shop.desc"));
		await until("they are there", async () => /1 file with types/.test(await text(".grpc-types")));
		assert.equal(await page.getByLabel("Answers are read as").inputValue(), "shop.v1.Stock", "the method says it");
		await until("names beside numbers", async () => /1\s+left\s+varint\s+2/.test(await text(".wire-table tbody")));
		await page.locator(".msg-body .segments").getByText("Fields", { exact: true }).click();
		await until("fields by name", async () => (await text(".msg-body pre")) === '{\n  "left": 2\n}');
		await page.getByLabel("Answers are read as").selectOption("shop.v1.Line");
		await until("read by another type", async () => /"1": 2/.test(await text(".msg-body pre")) || /sku|count/.test(await text(".msg-body pre")));
		await page.getByLabel("Answers are read as").selectOption("");
		await both("grpc-types");
		await page.reload();
		await until("kept by the hub", async () => /1 file with types/.test(await text(".grpc-types")));
	});
	await test("gRPC: the deadline and how much of it was used, a cancelled call, compression", async () => {
		const late = importCase("http2/grpc_deadline", { ms: 30, change: (f) => (f.request.attrs.timeout === "10h" ? f : { ...f, request: { ...f.request, attrs: { ...f.request.attrs, timeout: "20ms" } } }) });
		await show(late[0], "grpc");
		await until("over", async () => /Deadline\s+20 ms,\s+30 ms used, 150 %/.test(await text(".grpc-sum")));
		assert.match(await text(".grpc-sum"), /4 DEADLINE_EXCEEDED.*The time that the client gave was over/);
		assert.match(await text(".grpc-sum"), /Broken off\s+CANCEL, by the client: the call was cancelled/);
		await both("grpc-deadline");
		const packed = importCase("http2/grpc_compressed");
		await show(packed.find((f) => f.request.op === "Upload"), "grpc");
		await until("how it was compressed", async () => /Compression\s+↑ gzip, ↓ snappy/.test(await text(".grpc-sum")));
		await page.locator('.msg-row[data-seq="1"]').click();
		await until("of the message, too", async () => /27 B as gzip, compressed/.test(await text(".msg-body")));
	});
	await test("gRPC: a unary call has its request and answer as messages, and its trailers", async () => {
		const list = importCase("http2/grpc_error", { change: (f) => ({ ...f, response: f.response && { ...f.response, attrs: { ...f.response.attrs, "trailer:x-reason": "<b>none</b>" } } }) });
		await show(list.find((f) => f.request.body?.captured && f.failed), "grpc");
		await until("its request", async () => (await rows()).some((r) => r[0] === "↑"));
		await until("its trailers", async () => /x-reason\s+<b>none<\/b>/.test(await text(".grpc-trailers")));
	});
}

export async function redis() {
	let list;
	await test("Redis: a command as it is typed with its keys, its reply by types", async () => {
		list = importCase("redis/pipelined", { ms: 3, every: 5 });
		await show(list.find((f) => f.request.op === "GET"));
		assert.equal(await text('#detail [role=tab][aria-selected="true"]'), "Command");
		await until("the command", async () => (await text(".redis-line")) === "GET a");
		assert.match(await text(".redis-keys"), /Key\s+a/);
		await until("the reply", async () => /string\s+"/.test(await text(".redis-tree")));
		await page.getByRole("button", { name: "Copy the command" }).click();
		await until("copied", async () => (await clipboard()) === "GET a");
	});
	await test("Redis: MULTI to EXEC is a bracket, whose commands have their own replies", async () => {
		await show(list.find((f) => f.request.op === "EXEC"), "command");
		await until("the pairs", async () => /SET b 2[\s\S]*"OK"[\s\S]*INCR b[\s\S]*integer\s+3[\s\S]*LPUSH b[\s\S]*error\s+WRONGTYPE no/.test(await text(".redis-exec")));
		assert.match(await text(".redis"), /1 of them failed, the others took effect/);
		await until("the bracket", async () => /command 5 of 5/.test(await text(".bracket")));
		assert.match(await text(".bracket"), /Open for 23 ms, committed/);
		await both("redis-exec");
		await page.locator(".bracket a", { hasText: "INCR" }).click();
		await until("another of them", async () => /command 3 of 5/.test(await text(".bracket")) && (await text(".redis-line")) === "INCR b");
		assert.equal(await page.locator('.bracket-row[aria-current="true"]').innerText().then((t) => /INCR/.test(t)), true);
	});
	await test("Redis: commands that did not wait for each other are a pipeline; a redirect is explained", async () => {
		const piped = importCase("redis/pipelined", { ms: 30, every: 5 });
		await show(piped[1], "command");
		await until("the pipeline", async () => /Pipeline\s+command 2 of \d/.test(await text('.bracket[aria-label="Pipeline"]')));
		const errors = importCase("redis/error");
		await show(errors.find((f) => f.response?.status === "MOVED"), "command");
		await until("where to", async () => /belongs to another server of the cluster[\s\S]*Slot 3999, server 127\.0\.0\.1:6381/.test(await text(".redis-redirect")));
		await both("redis-moved");
		await show(errors.find((f) => f.response?.status === "ASK"), "command");
		await until("for once", async () => /ASKING before it/.test(await text(".redis-redirect")));
	});
	await test("Redis: what is said on channels is a timeline", async () => {
		const talk = importCase("redis/pubsub", { ms: 100, every: 300 }).find((f) => f.messages?.length > 2);
		await show(talk, "messages");
		await until("its messages", async () => (await rows()).length > 2);
		await until("in time", async () => (await rows()).at(-1)[5].startsWith("+"));
	});
}
