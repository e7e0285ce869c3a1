// SPDX-License-Identifier: Apache-2.0
// What ticking a container means for the capture settings.  No DOM.
import type { Capture, Container, Health, TlsProcess } from "./api";
import type { CallMap } from "./sums";

/* By what the agent finds it: a name alone may be that of a container in every pod. */
export const handle = (c: Container): string => (c.pod ? `${c.namespace ?? ""}/${c.pod}/${c.name}` : c.name);
/* For people. */
export const title = (c: Container): string => (c.pod && c.pod !== c.name ? `${c.pod}/${c.name}` : c.name);

const named = (c: Container, names: string[]): boolean =>
	names.some((n) => n === handle(c) || n === c.name || n === c.id || (n.length >= 12 && c.id.startsWith(n)));

/* Is it captured by these settings?  (Stopped containers too: they would be.) */
export function picked(cap: Capture, c: Container): boolean {
	if (cap.mode === "all") return true;
	return named(c, cap.names) === (cap.mode === "chosen");
}

/* Settings with these containers switched on or off.  Switching one off under "all" makes it
 * "all except"; switching the last exception on again makes it "all". */
export function pick(cap: Capture, which: Container[], on: boolean): Partial<Capture> {
	const without = cap.names.filter((n) => !which.some((c) => named(c, [n])));
	const withThem = [...without, ...which.map(handle)];
	if (cap.mode === "all") return on ? {} : { mode: "except", names: which.map(handle) };
	if (cap.mode === "chosen") return { names: on ? withThem : without };
	if (!on) return { names: withThem };
	return without.length ? { names: without } : { mode: "all", names: [] };
}

/* Settings of another mode that capture the same containers now. */
export function changeMode(cap: Capture, mode: Capture["mode"], list: Container[]): Partial<Capture> {
	if (mode === cap.mode) return {};
	if (mode === "all") return { mode, names: [] };
	const keep = list.filter((c) => picked(cap, c) === (mode === "chosen"));
	return { mode, names: keep.map(handle) };
}

export interface Rate {
	flows: number; /* a second, in both directions */
	bytes: number;
}
const rateKey = (name: string, group: string): string => `${name}\u0001${group}`;

/* Of who calls whom by container: what each of them says and is asked. */
export function ratesOf(m: CallMap): Map<string, Rate> {
	const out = new Map<string, Rate>();
	/* Flows of a moment are no rate yet. */
	const s = Math.max(10, (Number(m.to_ns) - Number(m.from_ns)) / 1e9);
	for (const e of m.edges)
		for (const at of new Set([e.from, e.to])) {
			const n = m.nodes[at];
			if (!n) continue;
			const key = rateKey(`${n.kind === "process" ? "process " : ""}${n.name}`, n.kind === "process" ? "" : n.group);
			const was = out.get(key) ?? { flows: 0, bytes: 0 };
			out.set(key, { flows: was.flows + e.flows / s, bytes: was.bytes + (e.req_bytes + e.resp_bytes) / s });
		}
	return out;
}
export const rateOf = (all: ReadonlyMap<string, Rate>, c: Container): Rate | undefined => all.get(rateKey(c.pod ?? c.name, c.project ?? c.namespace ?? ""));
export const processRate = (all: ReadonlyMap<string, Rate>, comm: string): Rate | undefined => all.get(rateKey(`process ${comm}`, ""));

export interface TlsState {
	state: "read" | "part" | "not";
	text: string; /* which library, or why not */
	hint: string;
}

/* What is known of the TLS of these processes; null: none of them has any. */
export function tlsState(all: readonly TlsProcess[]): TlsState | null {
	const with_ = all.filter((p) => p.connections > 0 || p.libraries.length > 0);
	if (!with_.length) return null;
	const bad = with_.filter((p) => (!p.readable && p.connections > 0) || p.unread > 0);
	const good = with_.filter((p) => p.readable && p.unread < Math.max(1, p.connections));
	const libraries = [...new Set(good.flatMap((p) => p.libraries.map((l) => `${l.name} ${l.version}`.trim())))].slice(0, 3).join(", ");
	if (!bad.length) return { state: "read", text: libraries, hint: "" };
	const why = bad[0]!;
	const unread = bad.reduce((n, p) => n + p.unread, 0);
	return { state: good.length ? "part" : "not", text: why.readable ? `${unread} of ${bad.reduce((n, p) => n + p.connections, 0)} connections not read` : why.text, hint: why.hint };
}

const processesOf = (h: Health | null, agent: string): TlsProcess[] => (h?.agents ?? []).filter((a) => !agent || a.hostname === agent).flatMap((a) => a.tls?.processes ?? []);
export const tlsOf = (h: Health | null, c: Container): TlsState | null => tlsState(processesOf(h, c.agent).filter((p) => p.container === c.name));

/* Programs outside containers that Limpid has seen, by name. */
export function outside(h: Health | null): [string, TlsProcess[]][] {
	const by = new Map<string, TlsProcess[]>();
	for (const p of processesOf(h, "")) if (!p.container) by.set(p.comm, [...(by.get(p.comm) ?? []), p]);
	return [...by].sort(([a], [b]) => (a < b ? -1 : 1));
}

/* What somebody types to mean processes: "880", "nginx*", "nginx.service", or a rule as the hub has it. */
export function processRule(typed: string): string {
	const t = typed.trim().replace(/\s+/g, " ");
	if (/^(pid|command|unit) ./.test(t)) return t;
	if (/^\d+$/.test(t)) return `pid ${t}`;
	return /\.(service|scope|socket)$/.test(t) ? `unit ${t}` : t && `command ${t}`;
}
