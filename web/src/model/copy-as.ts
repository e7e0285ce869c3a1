// SPDX-License-Identifier: Apache-2.0
// A request as a program or command that sends it again.
import type { Body, Flow } from "./api";
import { DROPPED, MAX_INLINE, curl, origin, shellWord } from "./curl";
import type { Copy } from "./curl";
import { schemeOf, secretVariable } from "./secrets";

export type CopyKind = "curl" | "fetch" | "python" | "psql" | "mysql" | "redis-cli";

interface Sent {
	url: string;
	method: string;
	headers: { name: string; value: string; variable?: string | undefined; scheme: string }[];
	body: Body | null;
	notes: string[];
}

/* What fetch and Python need; curl has its own ways. */
function sent(f: Flow, withSecrets: boolean): Sent {
	const { scheme, host, keepHost } = origin(f);
	const target = f.request?.target ?? "/";
	const body = f.request?.body && (f.request.body.captured > 0 || f.request.body.len > 0) ? f.request.body : null;
	const decoded = !!body?.encoding && body.encoding.toLowerCase() !== "identity";
	const notes: string[] = [];
	const headers: Sent["headers"] = [];
	for (const [name, value] of f.request?.headers ?? []) {
		const lower = name.toLowerCase();
		/* Accept-Encoding: these ask for what they can undo themselves. */
		if (lower.startsWith(":") || DROPPED.has(lower) || lower === "accept-encoding") continue;
		if (lower === "host" && !keepHost) continue;
		if (lower === "content-encoding" && decoded) {
			notes.push(`The body is sent decoded, without “Content-Encoding: ${value}”.`);
			continue;
		}
		headers.push({ name, value, variable: withSecrets ? undefined : secretVariable(name), scheme: schemeOf(name, value) });
	}
	if (body && body.captured < body.len) notes.push("Only a part of the body was kept; this sends that part.");
	if (f.l4 === "unix") notes.push("It was sent over a unix socket; this uses TCP.");
	const path = target.startsWith("/") ? target : /^https?:/i.test(target) ? target.replace(/^https?:\/\/[^/]*/i, "") || "/" : "/";
	return { url: `${scheme}://${host}${path}`, method: f.request?.op ?? "GET", headers, body, notes };
}

const inline = (b: Body): "text" | "base64" | "file" =>
	b.cut ? "file" : b.text !== undefined ? (b.text.length <= MAX_INLINE ? "text" : "file") : b.base64 !== undefined && b.base64.length <= MAX_INLINE ? "base64" : "file";

/* A header that appears twice is one with a comma between (RFC 9110, 5.3); cookies have a semicolon. */
function joined(headers: Sent["headers"]): Sent["headers"] {
	const all = new Map<string, Sent["headers"][number]>();
	for (const h of headers) {
		const was = all.get(h.name.toLowerCase());
		if (was) was.value += (h.name.toLowerCase() === "cookie" ? "; " : ", ") + h.value;
		else all.set(h.name.toLowerCase(), { ...h });
	}
	return [...all.values()];
}

const variables = (s: Sent): string[] => [...new Set(s.headers.flatMap((h) => (h.variable ? [h.variable] : [])))];

/* JSON's strings are strings of JavaScript and of Python. */
const quote = (s: string): string => JSON.stringify(s).replace(/\u007f|[\u2028\u2029]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

export function fetchCode(f: Flow, withSecrets: boolean): Copy {
	const s = sent(f, withSecrets);
	const lines = variables(s).map((v) => `const ${v} = ""; // fill in`);
	const value = (h: Sent["headers"][number]) => (h.variable ? (h.scheme ? `${quote(h.scheme)} + ${h.variable}` : h.variable) : quote(h.value));
	lines.push(`const response = await fetch(${quote(s.url)}, {`, `  method: ${quote(s.method)},`);
	if (s.headers.length) lines.push("  headers: {", ...joined(s.headers).map((h) => `    ${quote(h.name)}: ${value(h)},`), "  },");
	if (s.body) {
		const how = inline(s.body);
		if (how === "text") lines.push(`  body: ${quote(s.body.text!)},`);
		else if (how === "base64") lines.push(`  body: Uint8Array.from(atob(${quote(s.body.base64!)}), (c) => c.charCodeAt(0)),`);
		else {
			lines.push('  body: await (await import("node:fs/promises")).readFile("body.bin"),');
			s.notes.push("Save the request body as body.bin first.");
		}
		if (/^(GET|HEAD)$/.test(s.method)) s.notes.push(`fetch sends no body with ${s.method}.`);
	}
	lines.push("});", "console.log(response.status, await response.text());");
	return { text: lines.join("\n") + "\n", notes: s.notes };
}

export function python(f: Flow, withSecrets: boolean): Copy {
	const s = sent(f, withSecrets);
	const how = s.body ? inline(s.body) : "";
	const lines = [...(how === "base64" ? ["import base64"] : []), "import urllib.error", "import urllib.request", ""];
	lines.push(...variables(s).map((v) => `${v} = ""  # fill in`));
	const value = (h: Sent["headers"][number]) => (h.variable ? (h.scheme ? `${quote(h.scheme)} + ${h.variable}` : h.variable) : quote(h.value));
	lines.push("request = urllib.request.Request(", `    ${quote(s.url)},`, `    method=${quote(s.method)},`);
	const headers = joined(s.headers);
	if (headers.length) lines.push("    headers={", ...headers.map((h) => `        ${quote(h.name)}: ${value(h)},`), "    },");
	if (how === "text") lines.push(`    data=${quote(s.body!.text!)}.encode(),`);
	else if (how === "base64") lines.push(`    data=base64.b64decode(${quote(s.body!.base64!)}),`);
	else if (how === "file") {
		lines.push('    data=open("body.bin", "rb").read(),');
		s.notes.push("Save the request body as body.bin first.");
	}
	if (s.body && !headers.some((h) => h.name.toLowerCase() === "content-type")) s.notes.push("Python adds a Content-Type of its own.");
	lines.push(")", "try:", "    response = urllib.request.urlopen(request)", "except urllib.error.HTTPError as error:", "    response = error", 'print(response.status, response.read().decode(errors="replace"))');
	return { text: lines.join("\n") + "\n", notes: s.notes };
}

const sqlText = (s: string | null): string => (s === null ? "NULL" : /\\/.test(s) ? `E'${s.replace(/\\/g, "\\\\").replace(/'/g, "''")}'` : `'${s.replace(/'/g, "''")}'`);

function list(v: string | string[] | undefined): (string | null)[] {
	try {
		const a: unknown = JSON.parse(Array.isArray(v) ? v[0]! : (v ?? "[]"));
		return Array.isArray(a) ? a.map((x) => (x === null ? null : String(x))) : [];
	} catch {
		return [];
	}
}

const server = (f: Flow): { host: string; port: number | null } => ({ host: f.server.container || f.server.ip || "localhost", port: f.server.port ?? null });

/* psql before 16 binds no parameters, but the server does. */
function psql(f: Flow): Copy {
	const q = f.request ?? {};
	const notes = ["Set PGUSER, PGDATABASE and PGPASSWORD as you need them."];
	const params = list(q.attrs?.params);
	const types = list(f.response?.attrs?.param_types);
	const s = server(f);
	const path = f.l4 === "unix" ? f.server.path?.replace(/\/[^/]*$/, "") : undefined;
	const statement = q.op === "Startup" ? "SELECT 1" : (q.target ?? "");
	const words = ["psql", "-h", shellWord(path ?? s.host), ...(s.port && !path ? ["-p", String(s.port)] : []), "-X"];
	if (q.attrs?.unknown) notes.push("The statement was prepared before capture began: its text is not known.");
	if (q.attrs?.statement_len) notes.push("The statement was cut at the limit for heads.");
	if (params.length) {
		const named = types.length === params.length && types.every((t) => t && /^[\w ".[\]()-]+$/.test(t)) ? ` (${types.join(", ")})` : "";
		words.push("-c", shellWord(`PREPARE limpid_copy${named} AS ${statement.replace(/;\s*$/, "")}`), "-c", shellWord(`EXECUTE limpid_copy(${params.map(sqlText).join(", ")})`));
	} else words.push("-c", shellWord(statement));
	return { text: words.join(" "), notes };
}

function mysql(f: Flow): Copy {
	const q = f.request ?? {};
	const notes = ["Add -u USER -p and the database as you need them."];
	const params = list(q.attrs?.params);
	const s = server(f);
	const words = ["mysql", "-h", shellWord(s.host), ...(s.port ? ["-P", String(s.port)] : [])];
	const text = (v: string | null) => (v === null ? "NULL" : `'${v.replace(/\\/g, "\\\\").replace(/'/g, "''")}'`);
	let statement = q.target ?? "";
	if (q.attrs?.unknown_statement) notes.push("The statement was prepared before capture began: its text is not known.");
	if (params.length) {
		const set = params.map((v, i) => `@p${i + 1} = ${text(v)}`).join(", ");
		statement = `PREPARE limpid_copy FROM ${text(statement)}; SET ${set}; EXECUTE limpid_copy USING ${params.map((_, i) => `@p${i + 1}`).join(", ")}`;
	}
	return { text: [...words, "-e", shellWord(statement)].join(" "), notes };
}

function redisCli(f: Flow): Copy {
	const q = f.request ?? {};
	const s = server(f);
	const notes: string[] = [];
	let args: unknown = [];
	try {
		args = JSON.parse(q.body?.text ?? "[]");
	} catch {
		notes.push("Not all of the arguments were kept.");
	}
	const words = ["redis-cli", "-h", shellWord(s.host), ...(s.port && s.port !== 6379 ? ["-p", String(s.port)] : [])];
	if (f.l4 === "unix" && f.server.path) words.splice(1, words.length, "-s", shellWord(f.server.path));
	const db = q.attrs?.db;
	if (typeof db === "string" && /^\d+$/.test(db) && db !== "0") words.push("-n", db);
	words.push(shellWord((q.op ?? "PING").split(" ")[0]!)); /* its subcommand is the first argument */
	for (const a of Array.isArray(args) ? args : []) {
		if (typeof a === "string" || typeof a === "number") words.push(shellWord(String(a)));
		else {
			words.push(shellWord("?"));
			notes.push("An argument that is no text is written as ?.");
		}
	}
	if (words.includes("'***'")) notes.push("*** stands for a secret.");
	return { text: words.join(" "), notes };
}

export function copyAs(f: Flow, kind: CopyKind, withSecrets: boolean): Copy {
	switch (kind) {
	case "curl":
		return curl(f, withSecrets);
	case "fetch":
		return fetchCode(f, withSecrets);
	case "python":
		return python(f, withSecrets);
	case "psql":
		return psql(f);
	case "mysql":
		return mysql(f);
	case "redis-cli":
		return redisCli(f);
	}
}
