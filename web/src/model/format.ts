// SPDX-License-Identifier: Apache-2.0
// Numbers, times and foreign text as people read them.  No DOM.

const NNBSP = "\u202f";

/* 48211 -> "48 211" (narrow no-break space). */
export function count(n: number): string {
	return Math.trunc(n)
		.toString()
		.replace(/\B(?=(\d{3})+$)/g, NNBSP);
}

function scaled(v: number, unit: string): string {
	return `${v < 9.95 ? v.toFixed(1) : Math.round(v)} ${unit}`;
}

/* 1234567 ns -> "1.2 ms".  Two or three digits say enough; the exact value is in the tooltip. */
export function duration(ns: number): string {
	if (!(ns >= 0)) return "–";
	if (ns < 1e3) return `${Math.round(ns)} ns`;
	if (ns < 999.5e3) return `${Math.round(ns / 1e3)} µs`;
	if (ns < 999.5e6) return scaled(ns / 1e6, "ms");
	if (ns < 59.95e9) return `${(ns / 1e9).toFixed(1)} s`;
	const s = Math.round(ns / 1e9);
	if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`;
	if (s < 86400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
	return `${Math.floor(s / 86400)}d ${Math.floor((s % 86400) / 3600)}h`;
}

/* SI units: 14000 -> "14 kB". */
export function size(bytes: number): string {
	if (!(bytes >= 0)) return "–";
	if (bytes < 1000) return `${Math.round(bytes)} B`;
	if (bytes < 999.5e3) return scaled(bytes / 1e3, "kB");
	if (bytes < 999.5e6) return scaled(bytes / 1e6, "MB");
	if (bytes < 999.5e9) return scaled(bytes / 1e9, "GB");
	return scaled(bytes / 1e12, "TB");
}

/* How long ago something was, in one unit. */
export function age(ns: number): string {
	const s = Math.max(0, Math.round(ns / 1e9));
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	if (s < 172800) return `${Math.floor(s / 3600)} h`;
	return `${Math.floor(s / 86400)} days`;
}

const two = (n: number) => String(n).padStart(2, "0");

/* Times as in this place, or UTC. */
export const zone = { utc: false };

/* Unix ns as decimal text -> time of day "14:02:07.123". */
export function clock(tsNs: string): string {
	const d = new Date(Number(BigInt(tsNs) / 1000000n));
	if (zone.utc) return d.toISOString().slice(11, 23);
	return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

/* "2026-11-22 14:02:07.123 local, 2026-11-22T13:02:07.123456789Z" */
export function clockLong(tsNs: string): string {
	const ns = BigInt(tsNs);
	const d = new Date(Number(ns / 1000000n));
	const local = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(tsNs)}`;
	const utc = d.toISOString().slice(0, 20) + String(ns % 1000000000n).padStart(9, "0") + "Z";
	if (zone.utc) return utc;
	return `${local} (${utc})`;
}

/* Characters that would hide, or change the order of, what follows them: C0 and C1 controls, bidi
 * controls, zero-width characters, lone surrogates. */
const HIDDEN =
	/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function picture(c: string): string {
	const n = c.charCodeAt(0);
	if (n < 0x20) return String.fromCharCode(0x2400 + n);
	if (n === 0x7f) return "\u2421";
	return `[U+${n.toString(16).toUpperCase().padStart(4, "0")}]`;
}

/* Presentation mode: what takes secrets out of text. */
export const veil = { hide: (s: string): string => s };

/* Foreign text on one line, cut at max characters, with nothing in it that can deceive. */
export function oneLine(foreign: string, max = 2000): string {
	const text = veil.hide(foreign);
	const cut = text.length > max ? text.slice(0, max) + "…" : text;
	return cut.replace(HIDDEN, picture);
}

/* The same for a line of a body, where tabs are layout. */
export function bodyLine(text: string): string {
	return text.replace(HIDDEN, (c) => (c === "\t" ? c : picture(c)));
}

const PROTO = new Map<string, string>([
	["http1", "HTTP"],
	["http2", "HTTP/2"],
	["grpc", "gRPC"],
	["websocket", "WS"],
	["postgres", "PG"],
	["mysql", "MySQL"],
	["redis", "Redis"],
	["kafka", "Kafka"],
	["mongodb", "Mongo"],
	["amqp", "AMQP"],
	["dns", "DNS"],
	["tls", "TLS"],
]);

export function protoName(proto: string): string {
	return PROTO.get(proto) ?? proto.toUpperCase();
}

export type StatusKind = "ok" | "sealed" | "redirect" | "client" | "server" | "pending" | "lost" | "info";

/* What a row's status means; never told by colour alone, so each kind has a shape too (status.css). */
export function statusKind(r: { status: string | null; state: string; failed: boolean; proto?: string }): StatusKind {
	if (r.proto === "tls" && !r.failed && r.state !== "reset" && r.state !== "unanswered") return "sealed";
	if (r.state === "open" && r.status === null) return "pending";
	if (r.state === "unanswered" || r.state === "reset") return "lost";
	const n = r.status !== null && /^\d{3}$/.test(r.status) ? Number(r.status) : 0;
	if (n >= 500) return "server";
	if (n >= 400) return "client";
	if (r.failed) return "server";
	if (n >= 300) return "redirect";
	if (n >= 100 && n < 200) return "info";
	return r.state === "open" ? "pending" : "ok";
}

/* "200 OK", "no answer", "pending". */
export function statusText(r: { status: string | null; reason: string | null; state: string; proto?: string }): string {
	/* A reason's code has hyphens, an alert's name underscores. */
	if (r.proto === "tls" && r.status !== null) return oneLine(r.status.replace(/[-_]/g, " "), 120);
	if (r.status !== null) return oneLine(r.reason ? `${r.status} ${r.reason}` : r.status, 120);
	if (r.state === "open") return "pending";
	if (r.state === "reset") return "reset";
	if (r.state === "unanswered") return "no answer";
	return "–";
}

/* Byte offset in UTF-8, as the hub counts, to an offset in a JavaScript string. */
export function utf16Offset(text: string, bytes: number): number {
	let at = 0;
	let n = 0;
	for (const c of text) {
		if (n >= bytes) break;
		const code = c.codePointAt(0)!;
		n += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		at += c.length;
	}
	return at;
}
