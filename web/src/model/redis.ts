// SPDX-License-Identifier: Apache-2.0
// Commands and replies of Redis as redis-cli writes them.
import type { Half } from "./api";

/* A JSON body; undefined: there is none, or it was cut. */
export function valueOf(h: Half | null | undefined): unknown {
	const text = h?.body?.text;
	if (text === undefined || h?.body?.cut) return undefined;
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return undefined;
	}
}

const bytesOf = (v: unknown): string | null => (typeof v === "object" && v !== null && typeof (v as { base64?: unknown }).base64 === "string" ? atob((v as { base64: string }).base64) : null);

/* A string as redis-cli quotes it; bytes that are no text as \xHH. */
export function quote(s: string): string {
	return `"${s.replace(/[\\"\n\r\t\u0007\b\u0000-\u001f\u007f]/g, (c) => {
		const short = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u0007": "\\a", "\b": "\\b" }[c];
		return short ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
	})}"`;
}
const quoteBytes = (s: string): string => quote(s).replace(/[\u0080-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);

/* An argument as it would be typed: plain where that is the same. */
export function word(v: unknown): string {
	const bytes = bytesOf(v);
	if (bytes !== null) return quoteBytes(bytes);
	const s = typeof v === "string" ? v : JSON.stringify(v);
	return /^[\w.:*/+@%,=<>[\]()-]+$/.test(s) ? s : quote(s);
}

/* The arguments; those of the operation's own words (CONFIG GET) are among them. */
export function argsOf(req: Half | null | undefined): unknown[] | null {
	const v = valueOf(req);
	return Array.isArray(v) ? v : null;
}

const ALL = new Set("DEL EXISTS UNLINK TOUCH MGET WATCH SUNION SINTER SDIFF PFCOUNT PFMERGE SUNIONSTORE SINTERSTORE SDIFFSTORE RENAME RENAMENX".split(" "));
const LAST_OUT = new Set("BLPOP BRPOP BZPOPMIN BZPOPMAX".split(" "));
const NUMBERED = new Map(Object.entries({ EVAL: 1, EVALSHA: 1, EVAL_RO: 1, EVALSHA_RO: 1, FCALL: 1, FCALL_RO: 1, ZUNION: 0, ZINTER: 0, ZDIFF: 0, SINTERCARD: 0, LMPOP: 0, ZMPOP: 0, BLMPOP: 1, BZMPOP: 1 }));
const TO_NUMBERED = new Set("ZUNIONSTORE ZINTERSTORE ZDIFFSTORE".split(" "));
const TWO = new Set("RPOPLPUSH LMOVE BLMOVE BRPOPLPUSH SMOVE COPY GEOSEARCHSTORE ZRANGESTORE LCS".split(" "));
const NO_KEY = new Set("AUTH HELLO PING ECHO SELECT MULTI EXEC DISCARD INFO CONFIG CLIENT COMMAND CLUSTER SCRIPT FUNCTION PUBLISH SPUBLISH SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SCAN KEYS DBSIZE FLUSHALL FLUSHDB SAVE BGSAVE LASTSAVE TIME ROLE REPLICAOF SLAVEOF PSYNC SYNC REPLCONF WAIT ACL LATENCY SLOWLOG MODULE SWAPDB SHUTDOWN QUIT RESET ASKING READONLY READWRITE PUBSUB UNWATCH DEBUG FAILOVER LOLWUT".split(" "));

/* Which of the arguments are keys. */
export function keysOf(op: string, args: readonly unknown[]): number[] {
	const name = op.split(" ")[0]!.toUpperCase();
	const range = (from: number, n: number) => Array.from({ length: Math.max(0, Math.min(n, args.length - from)) }, (_, i) => from + i);
	const many = (at: number) => range(at + 1, Number(args[at]) || 0);
	if (NO_KEY.has(name)) return [];
	if (ALL.has(name)) return range(0, args.length);
	if (LAST_OUT.has(name)) return range(0, args.length - 1);
	if (name === "MSET" || name === "MSETNX") return range(0, args.length).filter((i) => i % 2 === 0);
	if (TO_NUMBERED.has(name)) return [0, ...many(1)];
	if (NUMBERED.has(name)) return many(NUMBERED.get(name)!);
	if (TWO.has(name)) return range(0, 2);
	if (name === "BITOP") return range(1, args.length - 1);
	if (name === "XREAD" || name === "XREADGROUP") {
		const at = args.findIndex((a) => typeof a === "string" && a.toUpperCase() === "STREAMS");
		return at < 0 ? [] : range(at + 1, (args.length - at - 1) / 2);
	}
	if (/^(OBJECT|MEMORY|XINFO|XGROUP)$/.test(name)) return range(1, 1);
	return range(0, 1);
}

export interface ReplyLine {
	depth: number;
	label: string; /* "1)", or a map's key */
	type: string;
	text: string;
}
export const LINES_MAX = 5000;

/* Inside of a reply arrays and sets have the same form: both are told as lists. */
function typeOf(v: unknown): string {
	if (v === null) return "nil";
	if (typeof v === "number") return Number.isInteger(v) ? "integer" : "double";
	if (typeof v === "boolean") return "boolean";
	if (typeof v === "string") return "string";
	if (Array.isArray(v)) return "list";
	if (bytesOf(v) !== null) return "bytes";
	return typeof (v as { error?: unknown }).error === "string" && Object.keys(v as object).length === 1 ? "error" : "map";
}

/* status: of the flow, which knows the type of the whole. */
export function replyLines(v: unknown, status: string | null | undefined): ReplyLine[] {
	const out: ReplyLine[] = [];
	const put = (x: unknown, depth: number, label: string, told: string) => {
		if (out.length >= LINES_MAX) return;
		const type = told || typeOf(x);
		const entries: [string, unknown][] | null = Array.isArray(x) ? x.map((y, i) => [`${i + 1})`, y]) : x !== null && typeof x === "object" && typeOf(x) === "map" ? Object.entries(x).map(([k, y]) => [`${quote(k)} =>`, y]) : null;
		if (entries) {
			out.push({ depth, label, type, text: entries.length ? `${entries.length} ${entries.length === 1 ? "element" : "elements"}` : "empty" });
			for (const [l, y] of entries) put(y, depth + 1, l, "");
		} else if (type === "error") out.push({ depth, label, type, text: typeof x === "string" ? x : (x as { error: string }).error });
		else if (typeOf(x) === "bytes") out.push({ depth, label, type: "bytes", text: quoteBytes(bytesOf(x)!) });
		else out.push({ depth, label, type, text: x === null ? "(nil)" : typeof x === "string" && !/^(integer|double|bignumber|simple)/.test(type) ? quote(x) : String(x) });
	};
	const known = /^(string|integer|array|map|set|push|double|boolean|bignumber|nil|verbatim)$/.test(status ?? "") ? status! : "";
	put(v, 0, "", known);
	return out;
}

export const TYPE_HELP: Record<string, string> = {
	string: "A string of bytes (bulk string)",
	integer: "A whole number",
	array: "An array",
	list: "An array, or a set inside of another reply",
	map: "A map (RESP3)",
	set: "A set (RESP3)",
	push: "Pushed by the server, not asked for (RESP3)",
	double: "A floating point number (RESP3)",
	boolean: "True or false (RESP3)",
	bignumber: "A number of any size (RESP3)",
	nil: "Nothing: there is no value",
	error: "An error",
	bytes: "A string that is no text",
	status: "A simple reply of one word",
};
