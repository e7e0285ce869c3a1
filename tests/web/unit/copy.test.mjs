// SPDX-License-Identifier: Apache-2.0
// What is copied is run: by node, python3 and sh, against a server that says what it got.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { copyAs } from "../../../web/src/model/copy-as.ts";

let server;
let got = [];
const dir = mkdtempSync(path.join(tmpdir(), "limpid-copy-"));

before(async () => {
	server = http.createServer((q, a) => {
		const parts = [];
		q.on("data", (d) => parts.push(d));
		q.on("end", () => {
			got.push({ method: q.method, url: q.url, headers: q.headers, body: Buffer.concat(parts) });
			a.writeHead(q.url === "/bad" ? 500 : 200);
			a.end("answer");
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	/* Stand-ins that write down with which words they were called; psql, mysql and redis-cli themselves are not on every machine. */
	for (const name of ["psql", "mysql", "redis-cli"]) {
		writeFileSync(path.join(dir, name), `#!/bin/sh\nfor w in "$@"; do printf '%s\\0' "$w"; done >"${dir}/words"\n`);
		chmodSync(path.join(dir, name), 0o755);
	}
});
after(() => {
	server.close();
	rmSync(dir, { recursive: true });
});

async function run(program, args, input) {
	const p = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, PATH: `${dir}:${process.env.PATH}`, no_proxy: "*" } });
	let out = "";
	p.stdout.on("data", (d) => (out += d));
	p.stderr.on("data", (d) => (out += d));
	p.stdin.on("error", () => {});
	p.stdin.end(input);
	const [code] = await once(p, "close");
	assert.equal(code, 0, out);
	return out;
}

const flow = (o = {}) => ({
	id: "x", ts: "", proto: "http1", l4: "tcp", state: "done", failed: false, tls: null,
	client: {}, server: { ip: "127.0.0.1", port: server.address().port },
	request: { op: "POST", target: "/v1/orders?a=b%20c&d=%27", headers: [["Host", `127.0.0.1:${server.address().port}`], ["Content-Type", "application/json"], ["Authorization", "Bearer s3cr3t"], ["X-Two", "1"], ["x-two", "2"], ["Accept-Encoding", "gzip"]], body: { len: 9, captured: 9, type: "application/json", text: TEXT } },
	response: { status: "200" },
	...o,
});
const TEXT = `{"q":"it's \\"so\\" \\\\ $HOME \`id\` ü 😀 \\u2028\u2028"}\n`;
const PROGRAMS = { fetch: (t) => run("node", ["--input-type=module", "-"], t), python: (t) => run("python3", ["-"], t), curl: (t) => run("sh", ["-s"], t) };

for (const kind of ["fetch", "python", "curl"]) {
	test(`${kind}: what is copied sends the same request, with its secrets only when they were asked for`, async () => {
		for (const secrets of [false, true]) {
			got = [];
			const { text } = copyAs(flow(), kind, secrets);
			assert.equal(text.includes("s3cr3t"), secrets);
			const out = await PROGRAMS[kind](text);
			assert.match(out, /answer/);
			assert.equal(got.length, 1);
			const [q] = got;
			assert.equal(q.method, "POST");
			assert.equal(q.url, "/v1/orders?a=b%20c&d=%27");
			assert.equal(q.body.toString(), TEXT);
			assert.equal(q.headers["content-type"], "application/json");
			assert.equal(q.headers["x-two"], "1, 2");
			assert.equal(q.headers.authorization?.trim(), secrets ? "Bearer s3cr3t" : "Bearer");
		}
	});
	test(`${kind}: an answer that is an error is shown as well`, async () => {
		const f = flow();
		f.request = { ...f.request, op: "GET", target: "/bad", body: null, headers: [] };
		assert.match(await PROGRAMS[kind](copyAs(f, kind, false).text), /answer/);
	});
}

for (const kind of ["fetch", "python"])
	test(`${kind}: bytes that are no text arrive as they were`, async () => {
		const bytes = Buffer.from([0, 1, 255, 254, 10, 39, 34]);
		const f = flow();
		f.request.body = { len: 7, captured: 7, type: "application/octet-stream", base64: bytes.toString("base64") };
		got = [];
		await PROGRAMS[kind](copyAs(f, kind, false).text);
		assert.deepEqual(got[0].body, bytes);
	});

async function words(f, kind) {
	await run("sh", ["-s"], copyAs(f, kind, false).text);
	return readFileSync(path.join(dir, "words"), "utf8").split("\0").slice(0, -1);
}

test("psql: the statement is one word whatever it holds; parameters are bound by the server", async () => {
	const f = flow({ proto: "postgres", server: { container: "db", port: 5432 } });
	f.request = { op: "Query", target: "SELECT 'it''s', $x$ `id` $(id) \\ \"A\"\n$x$", headers: [], attrs: {} };
	assert.deepEqual(await words(f, "psql"), ["-h", "db", "-p", "5432", "-X", "-c", f.request.target]);
	f.request = { op: "Execute", target: "SELECT $1, $2, $3;", headers: [], attrs: { params: '["a\'b","c\\\\d",null]' } };
	f.response = { status: "SELECT", attrs: { param_types: '["text","text","int4"]' } };
	assert.deepEqual((await words(f, "psql")).slice(5), ["-c", "PREPARE limpid_copy (text, text, int4) AS SELECT $1, $2, $3", "-c", "EXECUTE limpid_copy('a''b', E'c\\\\d', NULL)"]);
});

test("mysql: parameters are bound, too", async () => {
	const f = flow({ proto: "mysql", server: { container: "db", port: 3306 } });
	f.request = { op: "Execute", target: "SELECT ?", headers: [], attrs: { params: '["it\'s"]' } };
	assert.deepEqual(await words(f, "mysql"), ["-h", "db", "-P", "3306", "-e", "PREPARE limpid_copy FROM 'SELECT ?'; SET @p1 = 'it''s'; EXECUTE limpid_copy USING @p1"]);
});

test("redis-cli: arguments stay apart, a subcommand is said once", async () => {
	const f = flow({ proto: "redis", server: { container: "cache", port: 6380 } });
	f.request = { op: "SET", target: "k 1", headers: [], attrs: { db: "2" }, body: { len: 1, captured: 1, text: '["k 1","it\'s $HOME\\n"]' } };
	assert.deepEqual(await words(f, "redis-cli"), ["-h", "cache", "-p", "6380", "-n", "2", "SET", "k 1", "it's $HOME\n"]);
	f.request = { op: "CONFIG GET", target: "maxmemory", headers: [], body: { len: 1, captured: 1, text: '["GET","maxmemory"]' } };
	assert.deepEqual((await words(f, "redis-cli")).slice(4), ["CONFIG", "GET", "maxmemory"]);
});

/* The programs themselves, where they are installed. */
const have = (...names) => names.every((n) => spawnSync("sh", ["-c", `command -v ${n}`]).status === 0);
const pgBin = spawnSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1"], { encoding: "utf8" }).stdout.trim();

async function freePort() {
	const s = net.createServer().listen(0, "127.0.0.1");
	await once(s, "listening");
	const { port } = s.address();
	s.close();
	await once(s, "close");
	return port;
}
async function real(text, env = {}) {
	const p = spawn("sh", ["-s"], { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
	let out = "";
	p.stdout.on("data", (d) => (out += d));
	p.stderr.on("data", (d) => (out += d));
	p.stdin.end(text);
	await once(p, "close");
	return out;
}
async function until(fn) {
	for (let i = 0; i < 300; i++) {
		if (await fn()) return;
		await new Promise((r) => setTimeout(r, 100));
	}
	throw new Error("it did not start");
}

test("psql itself runs what is copied, with the values that were bound", { skip: !pgBin || !have("psql", "runuser") || process.getuid() !== 0 ? "no PostgreSQL here, or not root" : false }, async () => {
	const data = mkdtempSync(path.join(tmpdir(), "limpid-pg-"));
	const port = await freePort();
	const as = ["-u", "nobody", "--"];
	chownSync(data, Number(spawnSync("id", ["-u", "nobody"], { encoding: "utf8" }).stdout), -1);
	const made = spawnSync("runuser", [...as, `${pgBin}/initdb`, "-D", `${data}/db`, "-A", "trust", "-U", "limpid"], { encoding: "utf8", cwd: "/" });
	assert.equal(made.status, 0, made.stderr);
	const db = spawn("runuser", [...as, `${pgBin}/postgres`, "-D", `${data}/db`, "-p", String(port), "-k", data, "-c", "listen_addresses=127.0.0.1"], { stdio: "ignore", cwd: "/" });
	try {
		const env = { PGUSER: "limpid", PGDATABASE: "postgres" };
		await until(async () => /1 row/.test(await real(`psql -h 127.0.0.1 -p ${port} -X -c 'SELECT 1'`, env)));
		const f = flow({ proto: "postgres", server: { ip: "127.0.0.1", port } });
		f.request = { op: "Execute", target: "SELECT $1 || '|' || $2 AS a, $3::int4 IS NULL AS b;", headers: [], attrs: { params: '["it\'s $HOME","c\\\\d\\ne",null]' } };
		f.response = { status: "SELECT", attrs: { param_types: '["text","text","int4"]' } };
		const out = await real(copyAs(f, "psql", false).text, env);
		assert.match(out, /it's \$HOME\|c\\d/, out);
		assert.match(out, /\| t\n/, out);
		f.response = {};
		f.request = { op: "Query", target: "SELECT 'a''b' || E'\\\\' AS x", headers: [], attrs: {} };
		assert.match(await real(copyAs(f, "psql", false).text, env), /a'b\\/);
	} finally {
		spawnSync("runuser", [...as, `${pgBin}/pg_ctl`, "-D", `${data}/db`, "-m", "immediate", "stop"], { cwd: "/" });
		if (db.exitCode === null) await once(db, "close");
		rmSync(data, { recursive: true, force: true });
	}
});

test("redis-cli itself runs what is copied", { skip: have("redis-server", "redis-cli") ? false : "no Redis here" }, async () => {
	const port = await freePort();
	const db = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir], { stdio: "ignore" });
	try {
		await until(async () => /PONG/.test(await real(`redis-cli -p ${port} PING`)));
		const f = flow({ proto: "redis", server: { ip: "127.0.0.1", port } });
		const run = (op, args) => {
			f.request = { op, target: args[0] ?? "", headers: [], body: { len: 1, captured: 1, text: JSON.stringify(args) } };
			return real(copyAs(f, "redis-cli", false).text);
		};
		assert.match(await run("SET", ["k 1", "it's $HOME `id` \\n"]), /OK/);
		assert.equal((await run("GET", ["k 1"])).trimEnd(), "it's $HOME `id` \\n");
		assert.match(await run("CONFIG GET", ["GET", "maxmemory"]), /maxmemory/);
	} finally {
		db.kill();
		await once(db, "close");
	}
});
