// SPDX-License-Identifier: Apache-2.0
// A request as a line for POSIX sh that sends it again with curl.
import type { Flow } from "./api";
import { header } from "./exchange";
import { schemeOf, secretVariable } from "./secrets";

export const MAX_INLINE = 65536;
/* Not sent again: curl's own business, or true of the bytes on the wire and not of the decoded body. */
export const DROPPED = new Set(["content-length", "connection", "transfer-encoding", "expect", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"]);

/* One word of a POSIX shell.  Control characters need $'…', which bash, zsh and ksh know and plain sh may not. */
export function shellWord(s: string): string {
	if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(s)) return s;
	if (!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(s)) return "'" + s.replace(/'/g, "'\\''") + "'";
	return (
		"$'" +
		s.replace(/[\\']/g, "\\$&").replace(/[\u0000-\u001f\u007f]/g, (c) => {
			const n = c.charCodeAt(0);
			return n === 10 ? "\\n" : n === 9 ? "\\t" : n === 13 ? "\\r" : "\\" + n.toString(8).padStart(3, "0");
		}) +
		"'"
	);
}

/* A line or program to paste. */
export interface Copy {
	text: string;
	/* What the line does not do by itself; sentences for the person. */
	notes: string[];
}

function authority(f: Flow): string {
	const s = f.server;
	const ip = s.ip ? (s.ip.includes(":") ? `[${s.ip}]` : s.ip) : "";
	return s.container || f.tls?.sni || ip || "localhost";
}

/* Where the request went.  keepHost: the Host header says something else than the address. */
export function origin(f: Flow): { scheme: string; host: string; keepHost: boolean } {
	const scheme = f.tls ? "https" : "http";
	const port = f.server.port ?? (f.tls ? 443 : 80);
	const hostHeader = header(f.request?.headers, "host") ?? header(f.request?.headers, ":authority");
	let host = hostHeader ?? authority(f);
	let keepHost = false;
	if (!/^[^:[\]]+:\d+$|^\[[^\]]*\]:\d+$/.test(host) && port !== (f.tls ? 443 : 80)) {
		host += `:${port}`;
		keepHost = hostHeader !== undefined;
	}
	if (!/^[A-Za-z0-9._~\-]+(:\d+)?$|^\[[0-9A-Fa-f:.]+\](:\d+)?$/.test(host)) {
		host = `${authority(f)}:${port}`;
		keepHost = hostHeader !== undefined;
	}
	return { scheme, host, keepHost };
}

export function curl(f: Flow, withSecrets: boolean): Copy {
	const req = f.request ?? {};
	const headers = req.headers ?? [];
	const notes: string[] = [];
	const words: string[] = ["curl"];
	const has = (name: string) => headers.find(([k]) => k.toLowerCase() === name)?.[1];

	/* "@" stands for each NUL of an abstract name; one inside it can be passed to no program. */
	const sock = f.l4 === "unix" ? f.server.path : undefined;
	if (sock) words.push(...(sock.startsWith("@") ? ["--abstract-unix-socket", shellWord(sock.slice(1))] : ["--unix-socket", shellWord(sock)]));
	const { scheme, host, keepHost } = origin(f);
	const op = req.op ?? "GET";
	const target = req.target ?? "/";
	const body = req.body;
	const hasBody = !!body && (body.captured > 0 || body.len > 0);
	if (op === "HEAD") words.push("--head");
	else if (op !== "GET" || hasBody) words.push("-X", shellWord(op));

	/* What a URL cannot hold goes into the request line as it was. */
	if (/^\/[!"$-~]*$/.test(target)) {
		if (/[[\]{}]/.test(target)) words.push("--globoff");
		if (/\/\.{1,2}(\/|\?|$)/.test(target)) words.push("--path-as-is");
		words.push(shellWord(`${scheme}://${host}${target}`));
	} else {
		words.push("--request-target", shellWord(target), shellWord(`${scheme}://${host}/`));
	}

	const decoded = !!body?.encoding && body.encoding.toLowerCase() !== "identity" && hasBody;
	for (const [k, v] of headers) {
		const name = k.toLowerCase();
		if (name.startsWith(":") || DROPPED.has(name)) continue;
		if (name === "host" && !keepHost) continue;
		if (name === "content-encoding" && decoded) {
			notes.push(`The body is sent decoded, without “Content-Encoding: ${v}”.`);
			continue;
		}
		const variable = secretVariable(name);
		if (variable && !withSecrets) words.push("-H", `${shellWord(`${k}: ${schemeOf(k, v)}`)}"$${variable}"`);
		else words.push("-H", shellWord(v === "" ? `${k};` : `${k}: ${v}`));
	}
	/* curl adds these by itself; the request had none. */
	for (const name of ["User-Agent", "Accept"]) if (has(name.toLowerCase()) === undefined) words.push("-H", shellWord(`${name}:`));
	if (has("accept-encoding")) words.push("--compressed");

	if (hasBody) {
		if (has("content-type") === undefined) words.push("-H", shellWord("Content-Type:"));
		if (body.captured < body.len) notes.push("Only a part of the body was kept; this sends that part.");
		if (body.text !== undefined && body.text.length <= MAX_INLINE && !body.cut && !body.text.includes("\0")) {
			words.push("--data-raw", shellWord(body.text));
		} else {
			words.push("--data-binary", "@body.bin");
			notes.push("Save the request body as body.bin first.");
		}
	}
	return { text: layout(words), notes };
}

/* One option a line, as people write it. */
function layout(words: string[]): string {
	let out = "";
	words.forEach((w, i) => {
		const own = i > 0 && (w === "-H" || w.startsWith("--data"));
		out += i === 0 ? w : own ? ` \\\n  ${w}` : ` ${w}`;
	});
	return out;
}
