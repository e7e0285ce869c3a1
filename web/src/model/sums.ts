// SPDX-License-Identifier: Apache-2.0
// The hub's sums over all rows (docs/api.md, "Sums over all rows"), and what the map and the metrics make of them.  No DOM.
import { json } from "./api";
import { protoName } from "./format";

export interface CallNode {
	kind: string;
	name: string;
	group: string;
	flows: number;
}
interface Latency {
	p50: number | null;
	p95: number | null;
	p99: number | null;
	max: number | null;
}
export interface CallEdge extends Latency {
	from: number;
	to: number;
	proto: string;
	flows: number;
	failed: number;
	open: number;
	tls: number;
	req_bytes: number;
	resp_bytes: number;
}
export interface CallMap {
	from_ns: string;
	to_ns: string;
	flows: number;
	nodes: CallNode[];
	edges: CallEdge[];
	left_out: { nodes: number; edges: number; flows: number };
}

export interface Series {
	flows: number[];
	failed: number[];
	bytes: number[];
	p50: (number | null)[];
	p95: (number | null)[];
	p99: (number | null)[];
}
export interface MetricsGroup extends Latency {
	kind?: string;
	name: string;
	group?: string;
	proto?: string;
	shape?: string;
	flows: number;
	failed: number;
	bytes: number;
	series?: Series;
}
export interface Metrics extends Latency {
	from_ns: string;
	to_ns: string;
	first_ns: string;
	step_ns: number;
	points: number;
	flows: number;
	failed: number;
	bytes: number;
	series: Series;
	groups: MetricsGroup[];
	left_out: { groups: number; flows: number };
}

/* How far back, as the address bar has it and in words; 0 seconds: everything kept. */
export const RANGES: readonly [string, string, number][] = [
	["5m", "Last 5 minutes", 300],
	["1m", "Last minute", 60],
	["15m", "Last 15 minutes", 900],
	["1h", "Last hour", 3600],
	["all", "All that is kept", 0],
];

/* The parameters of a range; `zoom`: "FROM-TO" in Unix ms, which goes before it. */
export function rangeQuery(range: string, zoom = ""): string {
	const z = /^(\d{1,15})-(\d{1,15})$/.exec(zoom);
	if (z) return `&since=${z[1]}&until=${z[2]}`;
	const s = RANGES.find(([name]) => name === range)?.[2] ?? 0;
	return s ? `&since=-${s * 1000}` : "";
}

export const fetchMap = (filter: string, range: string, by: string, signal: AbortSignal) =>
	json<CallMap>(`api/map?by=${by}&f=${encodeURIComponent(filter)}${rangeQuery(range)}`, signal);
export const fetchMetrics = (filter: string, range: string, zoom: string, by: string, series: number, signal: AbortSignal) =>
	json<Metrics>(`api/metrics?by=${by}&series=${series}&f=${encodeURIComponent(filter)}${rangeQuery(range, zoom)}`, signal);

export const seconds = (m: { from_ns: string; to_ns: string }): number => Number(BigInt(m.to_ns) - BigInt(m.from_ns)) / 1e9;

/* So many a second, or in the unit in which it is one or more: "38/s", "4.2/s", "12/min". */
export function rate(n: number, s: number): string {
	const r = n / s;
	if (!(r > 0)) return "0/s";
	const digits = (v: number) => (v < 9.95 ? v.toFixed(1) : String(Math.round(v)));
	if (r >= 9.5e5) return `${digits(r / 1e6)} M/s`;
	if (r >= 9950) return `${digits(r / 1e3)} k/s`;
	if (r >= 0.1) return `${digits(r)}/s`;
	if (r * 60 >= 1) return `${digits(r * 60)}/min`;
	return `${digits(r * 3600)}/h`;
}

export function share(part: number, all: number): string {
	if (!part || !all) return "0 %";
	const p = (100 * part) / all;
	return p < 0.1 ? "< 0.1 %" : p < 9.95 ? `${p.toFixed(1)} %` : `${Math.round(p)} %`;
}

const OUTSIDE: Record<string, string> = { host: "outside", address: "address", process: "process", socket: "unix socket", unknown: "unknown", others: "others" };

/* What kind of a node it is, where that is not what is usual. */
export const kindText = (n: CallNode): string => OUTSIDE[n.kind] ?? "";
export const isOutside = (n: CallNode): boolean => ["host", "address", "unknown", "others"].includes(n.kind);

export function nodeName(n: CallNode, leftOut = 0): string {
	if (n.kind === "others") return leftOut ? `${leftOut} others` : "others";
	return n.name || "unknown";
}
/* Names one node, and the same in every answer. */
export const nodeKey = (n: CallNode): string => `${n.kind}\u0001${n.name}\u0001${n.group}`;

const quoted = (s: string): string => `"${s.replace(/[\\"]/g, "\\$&")}"`;

/* The filter's words for flows whose client (src) or server (dst) is this; null: there are none.  group: say of which project or
 * namespace it is, as there is another one of that name. */
export function nodeTerm(n: { kind?: string; name: string; group?: string }, side: "src" | "dst", group = false): string | null {
	const of = group && n.group ? ` (${side}.compose=${quoted(n.group)} or ${side}.ns=${quoted(n.group)})` : "";
	switch (n.kind) {
	case "service":
		return `${side}.service=${quoted(n.name)}${of}`;
	case "container":
		return `${side}=${quoted(n.name)}${of}`;
	case "project":
		return `${side}.compose=${quoted(n.name)}`;
	case "namespace":
		return `${side}.ns=${quoted(n.name)}`;
	case "process":
		/* Also what runs in containers has a process of some name. */
		return `${side}=${quoted(n.name)} -${side}.service:*`;
	case "host":
		return side === "dst" ? `host=${quoted(n.name)} -dst.service:*` : null;
	case "address":
	case "socket":
		return `${side}=${quoted(n.name)}`;
	default:
		return null;
	}
}

/* All that goes from one node to another, whatever its protocol. */
export interface Pair {
	key: string;
	from: number;
	to: number;
	flows: number;
	failed: number;
	open: number;
	bytes: number;
	p95: number | null; /* the slowest protocol's */
	sealed: boolean; /* nothing of it could be read */
	edges: CallEdge[];
}

export function pairs(m: CallMap): Pair[] {
	const by = new Map<string, Pair>();
	for (const e of m.edges) {
		const key = `${nodeKey(m.nodes[e.from]!)}\u0000${nodeKey(m.nodes[e.to]!)}`;
		const p = by.get(key) ?? { key, from: e.from, to: e.to, flows: 0, failed: 0, open: 0, bytes: 0, p95: null, sealed: true, edges: [] };
		p.flows += e.flows;
		p.failed += e.failed;
		p.open += e.open;
		p.bytes += e.req_bytes + e.resp_bytes;
		if (e.p95 !== null) p.p95 = Math.max(p.p95 ?? 0, e.p95);
		p.sealed &&= e.proto === "tls";
		p.edges.push(e);
		by.set(key, p);
	}
	return [...by.values()];
}

export const protoNames = (p: Pair): string => [...new Set(p.edges.map((e) => protoName(e.proto)))].join(", ");

/* The end of a group of metrics, or what else it is called. */
export function groupLabel(g: MetricsGroup, by: string): string {
	if (by === "endpoint") return g.shape || "–";
	if (by === "proto") return protoName(g.name);
	return g.name || "unknown";
}
/* As nodeTerm; null: the filter language has no words for it. */
export function groupTerm(g: MetricsGroup, by: string): string | null {
	switch (by) {
	case "service":
		return nodeTerm(g, "dst");
	case "client":
		return nodeTerm(g, "src");
	case "endpoint": {
		const end = nodeTerm(g, "dst");
		/* A shape that was cut is no whole one. */
		return g.shape && !g.shape.endsWith("…") ? `shape=${quoted(g.shape)}${end ? ` ${end}` : ""}` : null;
	}
	case "proto":
		return `proto:${g.name}`;
	default:
		return g.name === "open" ? "is:pending" : g.name === "unanswered" ? "is:unanswered" : /^[1-5]xx$/.test(g.name) ? `status:${g.name}` : /^[\w.]+$/.test(g.name) ? `status:${g.name}` : `status=${quoted(g.name)}`;
	}
}
