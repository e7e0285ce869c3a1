// SPDX-License-Identifier: Apache-2.0
// Which statements or commands of a connection belong together: a transaction, a pipeline.  Made of the rows that the hub names as
// those of the same connection, at most 200 of them around the flow.
import type { Flow, Row } from "./api";
import { isSql } from "./kinds";
import { nsOfIso } from "./related";

export type Outcome = "committed" | "rolled back" | "failed" | "prepared" | "open";

export interface Bracket {
	kind: "transaction" | "pipeline";
	rows: Row[];
	at: number; /* of the flow itself in rows */
	begun: boolean; /* the first row began it; else it began before what is known */
	outcome: Outcome;
	from: bigint; /* Unix ns */
	ns: number; /* to the end of the last row */
}

/* The flow as a row beside the others. */
export function selfRow(f: Flow): Row {
	return {
		n: f.n ?? 0, id: f.id, ts_ns: String(nsOfIso(f.ts)), proto: f.proto, tls: !!f.tls, src: "", dst: "", src_ip: "", dst_ip: "", op: f.request?.op ?? "", target: f.request?.target ?? "", host: "",
		status: f.response?.status ?? null, reason: f.response?.reason ?? null, state: f.state, failed: f.failed, dur_ns: f.duration_ns ?? null, req_len: null, resp_len: null, type: null, flags: [],
	};
}

type Effect = "begin" | "chain" | Exclude<Outcome, "open"> | "";

/* Comments and what is quoted do not count. */
const bare = (s: string): string => s.replace(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:''|\\[\s\S]|[^'\\])*'/g, " ").trim();

function effectOf(part: string, mysql: boolean): Effect {
	const s = part.replace(/\s+/g, " ").toUpperCase();
	if (/^(BEGIN|START TRANSACTION)\b/.test(s)) return "begin";
	if (/^PREPARE TRANSACTION\b/.test(s)) return "prepared";
	if (/^(COMMIT|ROLLBACK) PREPARED\b/.test(s)) return "";
	const rolls = /^(ROLLBACK|ABORT)\b/.test(s) && !/^ROLLBACK( WORK| TRANSACTION)? TO\b/.test(s);
	if (rolls || /^(COMMIT|END)\b/.test(s)) return / AND CHAIN\b/.test(s) && !/ AND NO CHAIN\b/.test(s) ? "chain" : rolls ? "rolled back" : "committed";
	/* What MySQL commits by itself (Reference Manual, "Statements That Cause an Implicit Commit"). */
	return mysql && /^(CREATE|ALTER|DROP|TRUNCATE|RENAME|GRANT|REVOKE|LOCK TABLES|UNLOCK TABLES|ANALYZE|OPTIMIZE)\b/.test(s) && !/^(CREATE|DROP) TEMPORARY\b/.test(s) ? "committed" : "";
}

/* What a row does to the transaction of its connection, in order. */
function effects(r: Row): Effect[] {
	if (r.proto === "redis") return [r.op === "MULTI" ? "begin" : r.op === "DISCARD" ? "rolled back" : r.op === "EXEC" ? (r.status === "nil" || r.status === "EXECABORT" ? "failed" : "committed") : ""];
	if (r.op !== "Query" && r.op !== "Execute") return [];
	/* The longest that says something about transactions is short: a value that is a book is not looked through. */
	return bare(r.target.slice(0, 4000)).split(";").map((p) => p.trim()).filter(Boolean).map((p) => {
		const e = effectOf(p, r.proto === "mysql");
		if (r.failed) return e === "begin" ? "" : e === "committed" ? "rolled back" : e;
		/* A COMMIT of what has failed is answered by ROLLBACK. */
		return e === "committed" && r.status === "ROLLBACK" ? "failed" : e;
	});
}

const sorted = (f: Flow, others: readonly Row[]): Row[] =>
	[...others.filter((r) => r.id !== f.id), selfRow(f)].sort((a, b) => {
		const d = BigInt(a.ts_ns) - BigInt(b.ts_ns);
		return d < 0n ? -1 : d > 0n ? 1 : a.n - b.n;
	});

function made(kind: Bracket["kind"], rows: Row[], f: Flow, begun: boolean, outcome: Outcome): Bracket {
	const from = BigInt(rows[0]!.ts_ns);
	const ends = rows.map((r) => Number(BigInt(r.ts_ns) - from) + (r.dur_ns ?? 0));
	return { kind, rows, at: rows.findIndex((r) => r.id === f.id), begun, outcome, from, ns: Math.max(...ends) };
}

/* others: of the same connection.  whole: all of them, so that the first one known is the first there was.  inside: the server says that the
 * flow was in a transaction (attribute transaction), where its beginning is not known.  null: it is in none. */
export function transactionOf(f: Flow, others: readonly Row[], inside = false): Bracket | null {
	if (!isSql(f.proto) && f.proto !== "redis") return null;
	const all = sorted(f, others).filter((r) => r.proto === f.proto && r.op !== "Startup" && r.op !== "Connect" && r.op !== "Notification" && r.op !== "Notice");
	let open: Row[] | null = null;
	let known = true; /* its begin was seen */
	let first: Row[] = []; /* before anything was said of transactions */
	let said = false;
	for (const r of all) {
		if (open) open.push(r);
		else if (!said) first.push(r);
		for (const e of effects(r)) {
			if (e === "" || (e === "begin" && open)) continue;
			if (e === "begin") {
				open = [r];
				known = said = true;
				first = [];
				continue;
			}
			/* An end. */
			const rows: Row[] | null = open ?? (!said && first.length > 1 && r.proto !== "mysql" ? first : null);
			const end: Outcome = e === "chain" ? "committed" : e;
			if (rows?.some((x) => x.id === f.id)) return made("transaction", rows, f, open ? known : false, end);
			open = e === "chain" ? [r] : null;
			known = said = true;
			first = [];
		}
	}
	if (open?.some((r) => r.id === f.id)) return made("transaction", open, f, known, "open");
	return inside && !said && first.length > 1 ? made("transaction", first, f, false, "open") : null;
}

/* Commands that were sent before the one before them was answered; null: it waited for its turn, and nobody behind it did not. */
export function pipelineOf(f: Flow, others: readonly Row[]): Bracket | null {
	const all = sorted(f, others).filter((r) => r.proto === f.proto && r.dur_ns !== null);
	const at = all.findIndex((r) => r.id === f.id);
	if (at < 0) return null;
	const joined = (i: number) => {
		const a = all[i - 1]!;
		return BigInt(all[i]!.ts_ns) < BigInt(a.ts_ns) + BigInt(Math.round(a.dur_ns!));
	};
	let from = at;
	let to = at;
	while (from > 0 && joined(from)) from--;
	while (to + 1 < all.length && joined(to + 1)) to++;
	return to > from ? made("pipeline", all.slice(from, to + 1), f, true, "committed") : null;
}

/* "3 of 7" */
export const placeOf = (b: Bracket): string => `${b.at + 1} of ${b.rows.length}`;
