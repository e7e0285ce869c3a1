// SPDX-License-Identifier: Apache-2.0
// The copied line, run by a real shell with a real curl against a server here, sends what was captured.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { curl, shellWord } from "../../../web/src/model/curl.ts";
import { isSecret, schemeOf } from "../../../web/src/model/secrets.ts";

/* Takes one request, answers 204, gives its bytes. */
function server() {
	let got = Buffer.alloc(0);
	const s = net.createServer((c) => {
		c.on("error", () => undefined);
		c.on("data", (d) => {
			got = Buffer.concat([got, d]);
			const head = got.indexOf("\r\n\r\n");
			if (head < 0) return;
			const len = Number(/^content-length: *(\d+)/im.exec(got.subarray(0, head).toString("latin1"))?.[1] ?? 0);
			if (got.length >= head + 4 + len) c.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
		});
	});
	return new Promise((resolve) => s.listen(0, "127.0.0.1", () => resolve({ s, port: s.address().port, got: () => got })));
}

function run(shell, line, env = {}, cwd = undefined) {
	return new Promise((resolve, reject) => {
		const p = spawn(shell, ["-c", `${line} --silent --show-error --max-time 10 --output /dev/null`], { cwd, env: { PATH: process.env.PATH, no_proxy: "*", ...env }, stdio: ["ignore", "pipe", "pipe"] });
		let err = "";
		p.stderr.on("data", (d) => (err += d));
		p.on("exit", (code) => (code ? reject(new Error(`${shell}: ${code}: ${err}\n${line}`)) : resolve()));
	});
}

const flow = (port, req, more = {}) => ({
	id: "x", ts: "", proto: "http1", l4: "tcp", state: "done", failed: false, tls: null,
	client: {}, server: { ip: "127.0.0.1", port }, request: { op: "GET", target: "/", headers: [], body: null, ...req }, ...more,
});
const body = (text, more = {}) => ({ len: Buffer.byteLength(text), captured: Buffer.byteLength(text), text, ...more });

const has = (cmd) => {
	try { execFileSync("sh", ["-c", `command -v ${cmd}`]); return true; } catch { return false; }
};

/* name, request, the head expected (lines in order), its body */
const CASES = [
	["a plain GET", { target: "/v1/users?x=1&y=a%20b", headers: [["Host", "@"], ["User-Agent", "t/1"], ["Accept", "*/*"]] }, ["GET /v1/users?x=1&y=a%20b HTTP/1.1", "Host: @", "User-Agent: t/1", "Accept: */*"], ""],
	["no more headers than were sent", { headers: [["Host", "@"]] }, ["GET / HTTP/1.1", "Host: @"], ""],
	["quotes, dollars, backslashes and umlauts in a value", { headers: [["Host", "@"], ["X-A", `it's "$HOME" \\ \`id\` ü`]] }, ["GET / HTTP/1.1", "Host: @", `X-A: it's "$HOME" \\ \`id\` ü`], ""],
	["an empty value, a repeated name", { headers: [["Host", "@"], ["X-Empty", ""], ["X-R", "1"], ["X-R", "2"]] }, ["GET / HTTP/1.1", "Host: @", "X-Empty:", "X-R: 1", "X-R: 2"], ""],
	["a JSON body", { op: "POST", target: "/v1/orders", headers: [["Host", "@"], ["Content-Type", "application/json"]], body: body(`{"a": "it's", "b": "@file", "n": [1,\n2]}`) }, ["POST /v1/orders HTTP/1.1", "Host: @", "Content-Type: application/json"], `{"a": "it's", "b": "@file", "n": [1,\n2]}`],
	["a body that looks like a file name", { op: "PUT", headers: [["Host", "@"], ["Content-Type", "text/plain"]], body: body("@/etc/passwd\n\n") }, ["PUT / HTTP/1.1", "Host: @", "Content-Type: text/plain"], "@/etc/passwd\n\n"],
	["a body without a type, with GET", { headers: [["Host", "@"]], body: body("q=1") }, ["GET / HTTP/1.1", "Host: @"], "q=1"],
	["a method of its own", { op: "PURGE", target: "/x;y", headers: [["Host", "@"]] }, ["PURGE /x;y HTTP/1.1", "Host: @"], ""],
	["brackets and dots in the target", { target: "/a/../b/./c?x[]=1&y={2}", headers: [["Host", "@"]] }, ["GET /a/../b/./c?x[]=1&y={2} HTTP/1.1", "Host: @"], ""],
	["a target with a fragment, which no URL keeps", { target: "/a#b", headers: [["Host", "@"]] }, ["GET /a#b HTTP/1.1", "Host: @"], ""],
	["OPTIONS *", { op: "OPTIONS", target: "*", headers: [["Host", "@"]] }, ["OPTIONS * HTTP/1.1", "Host: @"], ""],
	["HEAD", { op: "HEAD", target: "/h", headers: [["Host", "@"]] }, ["HEAD /h HTTP/1.1", "Host: @"], ""],
	["another Host than the address", { target: "/", headers: [["Host", "api.example"], ["X", "1"]] }, ["GET / HTTP/1.1", "Host: api.example", "X: 1"], "", true],
];

for (const [name, req, head, data, elsewhere] of CASES) {
	test(`curl: ${name} arrives as it was captured`, async () => {
		for (const shell of ["sh", "bash", "zsh"].filter(has)) {
			const s = await server();
			const at = `127.0.0.1:${s.port}`;
			const f = flow(s.port, JSON.parse(JSON.stringify(req).replaceAll('"@"', `"${at}"`)));
			let line = curl(f, false).text;
			if (elsewhere) line = line.replace(`api.example:${s.port}`, at);
			await run(shell, line);
			s.s.close();
			const raw = s.got();
			const end = raw.indexOf("\r\n\r\n");
			const lines = raw.subarray(0, end).toString("utf8").split("\r\n").filter((l) => !/^content-length:/i.test(l));
			/* curl sends Host first, whatever the order; the rest keeps its order. */
			assert.deepEqual(lines, head.map((l) => l.replace("Host: @", `Host: ${at}`)), `${shell}: ${line}`);
			assert.equal(raw.subarray(end + 4).toString("utf8"), data, shell);
		}
	});
}

test("curl: a request over a unix socket goes to that socket again", async () => {
	const dir = mkdtempSync(path.join(tmpdir(), "limpid-curl-"));
	const sock = path.join(dir, "it's.sock");
	const req = { target: "/version", headers: [["Host", "docker"]] };
	let got = "";
	const s = net.createServer((c) => c.on("data", (d) => { got += d; c.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"); }));
	await new Promise((resolve, reject) => s.on("error", reject).listen(sock, resolve));
	try {
		await run("sh", curl(flow(0, req, { l4: "unix", server: { path: sock } }), false).text);
	} finally {
		s.close();
	}
	assert.match(got, /^GET \/version HTTP\/1\.1\r\nHost: docker\r\n/);
	rmSync(dir, { recursive: true });
	assert.match(curl(flow(0, req, { l4: "unix", server: { path: "@a b" } }), false).text, /^curl --abstract-unix-socket 'a b' http:\/\/docker\/version/);
});

test("curl: secrets stand as shell variables, or as they are when that is asked for", async () => {
	const s = await server();
	const at = `127.0.0.1:${s.port}`;
	const f = flow(s.port, { headers: [["Host", at], ["Authorization", "Bearer s3cr3t'x"], ["Cookie", "sid=abc; b=$1"], ["X-Api-Key", "k"]] });
	const line = curl(f, false).text;
	assert.ok(!line.includes("s3cr3t") && !line.includes("sid=abc"));
	await run("sh", line, { TOKEN: "s3cr3t'x", COOKIE: "sid=abc; b=$1", API_KEY: "k" });
	const first = s.got().toString();
	assert.match(first, /Authorization: Bearer s3cr3t'x\r\nCookie: sid=abc; b=\$1\r\nX-Api-Key: k\r\n/);
	s.s.close();
	const t = await server();
	f.server.port = t.port;
	f.request.headers[0][1] = `127.0.0.1:${t.port}`;
	await run("sh", curl(f, true).text);
	assert.equal(t.got().toString(), first.replaceAll(`:${s.port}`, `:${t.port}`));
	t.s.close();
});

test("curl: a binary or long body is taken from a file, and that is said", async () => {
	const dir = mkdtempSync(path.join(tmpdir(), "limpid-curl-"));
	const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
	writeFileSync(path.join(dir, "body.bin"), bytes);
	const s = await server();
	const f = flow(s.port, { op: "POST", headers: [["Host", `127.0.0.1:${s.port}`], ["Content-Type", "application/octet-stream"]], body: { len: 256, captured: 256, base64: bytes.toString("base64") } });
	const { text, notes } = curl(f, false);
	assert.match(notes.join(), /body\.bin/);
	await run("sh", text, {}, dir);
	const raw = s.got();
	assert.deepEqual(raw.subarray(raw.indexOf("\r\n\r\n") + 4), bytes);
	s.s.close();
	rmSync(dir, { recursive: true });
	assert.match(curl(flow(1, { op: "POST", body: body("x".repeat(70000)) }), false).text, /--data-binary @body\.bin/);
});

test("curl: what is not sent as captured is said", () => {
	const zipped = curl(flow(80, { op: "POST", headers: [["Content-Encoding", "gzip"]], body: body("{}", { encoding: "gzip" }) }), false);
	assert.ok(!/content-encoding/i.test(zipped.text));
	assert.match(zipped.notes.join(), /decoded/);
	assert.match(curl(flow(80, { op: "POST", body: { len: 100, captured: 2, text: "{}" } }), false).notes.join(), /part/);
	assert.match(curl(flow(443, { headers: [["Host", "api"]] }, { tls: {} }), false).text, /https:\/\/api\//);
});

test("curl: control characters force $'…', which bash reads as they were", () => {
	assert.equal(shellWord("a\u0001'b\\\t"), "$'a\\001\\'b\\\\\\t'");
	for (const s of ["a\u0001'b\\\t", "\u0007\u001b[31m", "it's", "a\nb"]) {
		const out = execFileSync("bash", ["-c", `printf %s ${shellWord(s)}`]).toString();
		assert.equal(out, s);
	}
	assert.equal(isSecret("AUTHORIZATION"), true);
	assert.equal(isSecret("constructor"), false);
	assert.equal(schemeOf("Authorization", "Basic abc"), "Basic ");
	assert.equal(schemeOf("Cookie", "Basic abc"), "");
});
