// SPDX-License-Identifier: Apache-2.0
// Messages of a conversation as text: one line of each, which of them a word finds, and what a server said piece by piece.
import type { Message } from "./api";
import { duration, oneLine } from "./format";
import { nsOfIso } from "./related";

function hex(base64: string): string {
	const bytes = atob(base64.slice(0, 128));
	return [...bytes].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}

/* RFC 6455, 7.4.1 and IANA's registry of close codes; the rest by their ranges. */
const CLOSE = new Map<string, string>([
	["1000", "normal closure"], ["1001", "going away"], ["1002", "protocol error"], ["1003", "unsupported data"], ["1005", "no code"], ["1006", "closed without a close frame"],
	["1007", "invalid payload"], ["1008", "policy violation"], ["1009", "message too big"], ["1010", "extension missing"], ["1011", "internal error"], ["1012", "service restart"],
	["1013", "try again later"], ["1014", "bad gateway"], ["1015", "TLS handshake failed"],
]);
export function closeName(code: string): string {
	const n = Number(code);
	return CLOSE.get(code) ?? (n >= 4000 && n < 5000 ? "the application's own code" : n >= 3000 && n < 4000 ? "a library's own code" : "unknown code");
}

/* Frames that are not what somebody said, and their opcodes. */
export const CONTROL: Readonly<Record<string, string>> = { close: "0x8", ping: "0x9", pong: "0xA" };

const attrOf = (m: Message, key: string): string | undefined => {
	const v = m.attrs?.[key];
	return Array.isArray(v) ? v[0] : v;
};

/* Attributes, then the body: its fields, its text or its bytes. */
export function preview(m: Message): string {
	const about = Object.values(m.attrs ?? {}).map((v) => (Array.isArray(v) ? v.join(" ") : v));
	const code = m.op === "close" ? attrOf(m, "code") : undefined;
	if (code !== undefined && attrOf(m, "name") === undefined) about.push(closeName(code));
	const b = m.body;
	const text = !b ? "" : b.decoded !== undefined ? JSON.stringify(b.decoded) : (b.text ?? hex(b.base64 ?? ""));
	return oneLine([...about, text].filter(Boolean).join(" "), 400);
}

/* What keeps a connection alive and says nothing. */
const KEEP = new Set(["ping", "pong", "comment", "Keepalive"]);

const UNIT: Record<string, number> = { "": 1, b: 1, kb: 1e3, mb: 1e6 };

/* json.a.b: the value at that path, as text. */
function jsonAt(m: Message, path: string[]): string | undefined {
	let v: unknown = m.body?.decoded;
	if (v === undefined)
		try {
			v = JSON.parse(m.body?.text ?? "") as unknown;
		} catch {
			return undefined;
		}
	for (const k of path) {
		if (typeof v !== "object" || v === null || !Object.hasOwn(v, k)) return undefined;
		v = (v as Record<string, unknown>)[k];
	}
	return typeof v === "string" ? v : JSON.stringify(v);
}

function term(w: string): (m: Message, text: () => string) => boolean {
	if (w === "↑" || w === "up") return (m) => m.dir === "c2s";
	if (w === "↓" || w === "down") return (m) => m.dir === "s2c";
	const [, key = "", op = "", value = ""] = /^((?:ws\.)?(?:dir|kind)|size|json\.[^:=<>]+)([:=<>])(.+)$/.exec(w) ?? [];
	if (/dir$/.test(key)) return (m) => m.dir === ({ up: "c2s", out: "c2s", down: "s2c", in: "s2c" }[value] ?? value);
	if (/kind$/.test(key)) return (m) => (m.op ?? "message").toLowerCase() === value;
	if (key === "size") {
		const [, n = "", unit = ""] = /^(\d+(?:\.\d+)?)(b|kb|mb)?$/.exec(value) ?? [];
		const limit = n ? Number(n) * UNIT[unit]! : NaN;
		return (m) => (op === "<" ? (m.body?.len ?? 0) < limit : op === ">" ? (m.body?.len ?? 0) > limit : (m.body?.len ?? 0) === limit);
	}
	if (key) {
		const path = key.slice(5).split(".");
		return (m) => {
			const v = jsonAt(m, path)?.toLowerCase();
			return v !== undefined && (op === ":" ? v.includes(value) : op === "=" ? v === value : op === "<" ? Number(v) < Number(value) : Number(v) > Number(value));
		};
	}
	return (_, text) => text().includes(w);
}

/* Words, all of which have to be there, case aside; "up" or ↑ and "down" or ↓ stand for a direction; dir:up, kind:close, size>1kb, json.a.b:value;
 * - before any of them: not that. */
export function finder(words: string, quiet: boolean): (m: Message) => boolean {
	const list = words.split(/\s+/).filter(Boolean).map((w) => {
		const not = w.length > 1 && w.startsWith("-");
		const plain = not ? w.slice(1) : w;
		/* Names in JSON have case. */
		const path = /^json\.[^:=<>]+/.exec(plain)?.[0] ?? "";
		return { not, is: term(path + plain.slice(path.length).toLowerCase()) };
	});
	return (m) => {
		if (quiet && KEEP.has(m.op ?? "")) return false;
		let text: string | undefined;
		const all = () => (text ??= `${m.op ?? ""} ${Object.values(m.attrs ?? {}).join(" ")} ${m.body?.text ?? ""} ${m.body?.decoded !== undefined ? JSON.stringify(m.body.decoded) : ""}`.toLowerCase());
		return list.every((t) => t.is(m, all) !== t.not);
	};
}

/* "+4 ms" */
export function step(ns: number): string {
	return ns < 0 ? `−${duration(-ns)}` : `+${duration(ns)}`;
}

export interface Bar {
	up: number;
	down: number;
	first: number; /* of these messages in the list; -1: none */
}
/* Messages over time in so many equal parts, from the first to the last of them. */
export function bars(list: readonly Message[], n: number): { bars: Bar[]; ns: number; most: number } {
	const out: Bar[] = Array.from({ length: n }, () => ({ up: 0, down: 0, first: -1 }));
	const at = (m: Message) => Number(nsOfIso(m.ts) - from);
	const from = list.length ? nsOfIso(list[0]!.ts) : 0n;
	const ns = list.length ? Math.max(1, ...[list.at(-1)!, list[list.length >> 1]!].map(at)) : 0;
	list.forEach((m, i) => {
		const b = out[Math.max(0, Math.min(n - 1, Math.floor((at(m) / ns) * n)))]!;
		if (m.dir === "c2s") b.up++;
		else b.down++;
		if (b.first < 0) b.first = i;
	});
	return { bars: out, ns, most: Math.max(0, ...out.map((b) => Math.max(b.up, b.down))) };
}

/* The piece of an answer that a language model's event carries, in the forms of OpenAI's chat completions and responses, Anthropic's
 * messages and Ollama; null: none. */
function piece(text: string): string | null {
	try {
		const v = JSON.parse(text) as Record<string, unknown>;
		const choice = (v.choices as Record<string, Record<string, unknown>>[] | undefined)?.[0];
		for (const x of [choice?.delta?.content, choice?.text, (v.delta as Record<string, unknown> | undefined)?.text, v.delta, (v.message as Record<string, unknown> | undefined)?.content, v.response]) if (typeof x === "string") return x;
	} catch {
		/* no JSON */
	}
	return null;
}

/* What the server said in pieces, put together; null: it does not look like that. */
export function joined(list: readonly Message[]): string | null {
	const pieces = list.filter((m) => m.dir === "s2c" && m.body?.text !== undefined).map((m) => piece(m.body!.text!));
	const some = pieces.filter((p) => p !== null);
	return some.length >= 2 ? some.join("") : null;
}
