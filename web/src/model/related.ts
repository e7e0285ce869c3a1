// SPDX-License-Identifier: Apache-2.0
// Which flows belong with one (docs/api.md, Related), and where they lie in its time.
import type { Row } from "./api";

export interface RelatedRow extends Row {
	of: number; /* so many requests may be the cause; 1: it is known */
	shape?: string;
}
export interface RelatedRows {
	n: number;
	busy_ns: number;
	rows: RelatedRow[];
}
export interface Repeated {
	shape: string;
	n: number;
	failed: number;
	busy_ns: number;
}
export interface Related {
	client_by: "process" | "container" | null;
	server_by: "process" | "container" | null;
	caused_by: RelatedRows;
	caused: RelatedRows;
	trace: RelatedRows;
	connection: RelatedRows;
	ids: { name: string; value: string }[];
	repeated: Repeated[];
	siblings?: Repeated[];
}

/* "2026-11-22T13:00:00.123456789Z" -> Unix ns. */
export function nsOfIso(ts: string): bigint {
	const [whole = "", frac = ""] = ts.replace(/Z$/, "").split(".");
	return BigInt(Date.parse(whole + "Z") || 0) * 1000000n + BigInt((frac + "000000000").slice(0, 9).replace(/\D/g, "0"));
}

export interface Span {
	left: number; /* parts of the whole, 0 to 1 */
	width: number;
}

/* Where a row lies in the time of all of them and of the flow itself (at, for ns; null: still open). */
export function spans(at: bigint, ns: number | null, rows: readonly Row[]): { self: Span; rows: Span[] } {
	const begin = (r: Row) => Number(BigInt(r.ts_ns) - at);
	const end = (r: Row) => begin(r) + (r.dur_ns ?? 0);
	const from = Math.min(0, ...rows.map(begin));
	const to = Math.max(ns ?? 0, ...rows.map(end));
	const all = Math.max(1, to - from);
	const span = (b: number, d: number): Span => ({ left: (b - from) / all, width: Math.min(d, to - b) / all });
	return { self: span(0, ns ?? to), rows: rows.map((r) => span(begin(r), r.dur_ns ?? to - begin(r))) };
}

/* How long at least one of them was being waited for: overlapping times count once. */
export function covered(rows: readonly Row[]): number {
	const list = rows.filter((r) => r.dur_ns !== null).map((r) => [BigInt(r.ts_ns), BigInt(r.ts_ns) + BigInt(Math.round(r.dur_ns!))] as const);
	list.sort((a, b) => (a[0] < b[0] ? -1 : 1));
	let sum = 0n;
	let until = -(1n << 62n);
	for (const [b, e] of list) {
		if (e <= until) continue;
		sum += e - (b > until ? b : until);
		until = e;
	}
	return Number(sum);
}
