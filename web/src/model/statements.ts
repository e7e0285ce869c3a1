// SPDX-License-Identifier: Apache-2.0
// Statements by their shapes, as the hub sums them up (docs/api.md).

export interface Statement {
	shape: string;
	proto: string;
	calls: number;
	failed: number;
	rows: number;
	bytes: number;
	busy_ns: number;
	last: string; /* id of the newest flow */
	last_ns: string;
	p50: number | null;
	p95: number | null;
	p99: number | null;
	max: number | null;
	callers: { name: string; calls: number }[];
	servers: { name: string; calls: number }[];
}
export interface Statements {
	from_ns: string;
	to_ns: string;
	flows: number;
	statements: Statement[];
	left_out: { statements: number; flows: number };
}

/* since: milliseconds, as the hub takes it. */
export const RANGES: Record<string, { label: string; since: string }> = {
	all: { label: "All kept", since: "" },
	"5m": { label: "5 min", since: "-300000" },
	"15m": { label: "15 min", since: "-900000" },
	"1h": { label: "1 h", since: "-3600000" },
};

export type SortKey = "calls" | "failed" | "rows" | "busy_ns" | "avg" | "p95" | "max";

const value = (s: Statement, key: SortKey): number => (key === "avg" ? (s.calls ? s.busy_ns / s.calls : 0) : (s[key] ?? -1));

/* Equal ones stay as the hub has them, by the time they took. */
export function sorted(list: readonly Statement[], key: SortKey, down: boolean): Statement[] {
	return [...list].sort((a, b) => (down ? value(b, key) - value(a, key) : value(a, key) - value(b, key)));
}
