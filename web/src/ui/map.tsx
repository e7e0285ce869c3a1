// SPDX-License-Identifier: Apache-2.0
// Who calls whom: bar, picture or table, and what is known of the call or node that was picked.
import { signal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { count, duration, oneLine, protoName, size } from "../model/format";
import { grow, layout as layoutAnew } from "../model/layout";
import type { Layout } from "../model/layout";
import { fetchMap, fetchMetrics, nodeKey, nodeName, nodeTerm, pairs, rate, seconds, share } from "../model/sums";
import type { CallMap, Metrics, Pair } from "../model/sums";
import { filter } from "../session";
import { arg, setArgs } from "../state/args";
import { range, usePolled } from "../state/sums";
import css from "../style/lazy/map.css";
import sumsCss from "../style/lazy/sums.css";
import { addToFilter } from "./filter-box";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import { Picture } from "./map-picture";
import type { Picked, Shown } from "./map-picture";
import { MapTable } from "./map-table";
import { NothingHere, RangeSelect, Segments, SumsError, showFlows } from "./sums-bar";

adopt(sumsCss);
adopt(css);

const FOLD_AT = 150; /* nodes: more of them are too small to read */

const BY = [
	["service", "Service"],
	["container", "Container"],
	["project", "Project"],
	["namespace", "Namespace"],
] as const;
const SHOWN = [
	["rate", "Rate"],
	["latency", "Latency"],
	["errors", "Errors"],
	["bytes", "Data"],
] as const;
const by = arg("by", BY.map(([v]) => v));
const shown = arg("edges", SHOWN.map(([v]) => v));
const as = arg("as", ["picture", "table"]);
const unfold = arg("unfold", ["no", "yes"]);
const onlyErrors = arg("only", ["all", "errors"]);

/* Kept while another page is looked at. */
const data = signal<{ of: string; map: CallMap } | null>(null);
const picked = signal<Picked>(null);
const drawn = signal<Layout | null>(null);
const folded = signal(0); /* how many nodes there would be */

export default function MapPage() {
	/* Many services are folded into their groups, unless somebody wants to see each. */
	const fold = folded.value > FOLD_AT && unfold.value === "no" && (by.value === "service" || by.value === "container");
	const asked = fold ? "project" : by.value;
	const key = `${by.value} ${asked} ${range.value} ${filter.value}`;
	usePolled(key, (s) => fetchMap(filter.value, range.value, asked, s), (map) => {
		if (asked === by.value && map.nodes.length !== folded.peek()) folded.value = map.nodes.length;
		data.value = { of: key, map };
	});
	const map = data.value?.map;
	const all = useMemo(() => (map ? pairs(map).filter((p) => onlyErrors.value === "all" || p.failed > 0) : []), [map, onlyErrors.value]);
	if (!map) return <main class="page map" aria-label="Map" aria-busy="true" />;
	return (
		<main class="page map" aria-label="Map">
			<h2 class="sr">Map: who calls whom</h2>
			<Bar map={map} fold={fold} />
			<SumsError />
			{map.nodes.length === 0 ? <NothingHere what="a map" /> : <Body key={asked} map={map} all={all} />}
			{map.nodes.length > 0 && <Panel map={map} all={all} />}
			<p class="map-foot muted">
				{count(map.flows)} {map.flows === 1 ? "flow" : "flows"} in {duration(seconds(map) * 1e9)} between {count(map.nodes.length)} {map.nodes.length === 1 ? "node" : "nodes"}
				{!picked.value && map.nodes.length > 0 && ". Pick a node or a call to see what is behind it."}
			</p>
		</main>
	);
}

function Bar({ map, fold }: { map: CallMap; fold: boolean }) {
	const left = map.left_out;
	return (
		<div class="sums-bar">
			<RangeSelect />
			<Segments name="by" label="by" value={by.value} options={BY} set={(v) => setArgs({ by: v === "service" ? "" : v })} />
			<Segments name="edges" label="calls" value={shown.value} options={SHOWN} set={(v) => setArgs({ edges: v === "rate" ? "" : v })} />
			<label class="sums-check">
				<input type="checkbox" checked={onlyErrors.value === "errors"} onChange={(e) => setArgs({ only: (e.target as HTMLInputElement).checked ? "errors" : "" })} /> only with errors
			</label>
			<span class="grow" />
			{fold && (
				<span class="sums-note">
					{count(folded.value)} nodes, folded into their groups.{" "}
					<button class="btn small" onClick={() => setArgs({ unfold: "yes" })}>
						Show each
					</button>
				</span>
			)}
			{(left.nodes > 0 || left.flows > 0) && (
				<span class="sums-note muted" title={`${count(left.nodes)} nodes with the fewest flows are one; ${count(left.edges)} calls and ${count(left.flows)} flows are not drawn.`}>
					<Icon name="info" /> {left.nodes > 0 ? `${count(left.nodes)} nodes together` : `${count(left.flows)} flows left out`}
				</span>
			)}
			{as.value === "picture" && (drawn.value?.added ?? 0) > 0 && (
				<button class="btn small" title="Place everything anew: nodes that came later were put where there was room" onClick={() => (drawn.value = null)}>
					Tidy
				</button>
			)}
			<Segments name="as" label="as" value={as.value} options={[["picture", "Picture"], ["table", "Table"]]} set={(v) => setArgs({ as: v === "picture" ? "" : v })} />
		</div>
	);
}

function Body({ map, all }: { map: CallMap; all: Pair[] }) {
	const before = useRef<Layout | null>(null);
	const layout = useMemo(() => {
		const nodes = map.nodes.map((n) => ({ key: nodeKey(n), group: n.group }));
		const edges = map.edges.map((e) => ({ from: nodes[e.from]!.key, to: nodes[e.to]!.key }));
		const l = drawn.peek() === null && before.current ? layoutAnew(nodes, edges) : grow(before.current, nodes, edges);
		before.current = l;
		return l;
	}, [map, drawn.value === null]);
	if (drawn.peek() !== layout) queueMicrotask(() => (drawn.value = layout));
	const s = seconds(map);
	const pick = (p: Picked) => (picked.value = p);
	if (as.value === "table") return <MapTable map={map} edges={map.edges.filter((e) => onlyErrors.value === "all" || e.failed > 0)} seconds={s} picked={picked.value} pick={pick} />;
	return <Picture map={map} all={all} layout={layout} seconds={s} shown={shown.value as Shown} picked={picked.value} pick={pick} />;
}

/* --- what was picked ------------------------------------------------------------------------------------------------ */

function Panel({ map, all }: { map: CallMap; all: Pair[] }) {
	const p = picked.value;
	const s = seconds(map);
	const ambiguous = (i: number) => map.nodes.some((n, k) => k !== i && n.name === map.nodes[i]!.name && n.kind === map.nodes[i]!.kind);
	const term = (i: number, side: "src" | "dst") => nodeTerm(map.nodes[i]!, side, ambiguous(i));
	const pair = p?.what === "pair" ? all.find((x) => x.key === p.key) : undefined;
	const node = p?.what === "node" ? map.nodes.findIndex((n) => nodeKey(n) === p.key) : -1;
	if (!pair && node < 0) return null;
	const close = (
		<button class="bare" aria-label="Close" title="Close (Esc)" onClick={() => (picked.value = null)}>
			<Icon name="close" />
		</button>
	);
	if (pair) {
		const terms = [term(pair.from, "src"), term(pair.to, "dst")];
		const all = terms.every((t) => t !== null) ? terms.join(" ") : null;
		return (
			<aside class="map-panel" aria-label="The call that was picked">
				<header>
					<h3>
						{oneLine(nodeName(map.nodes[pair.from]!, map.left_out.nodes), 80)} <Icon name="arrow" /> <span class="sr">to</span> {oneLine(nodeName(map.nodes[pair.to]!, map.left_out.nodes), 80)}
					</h3>
					<Actions term={all} />
					<span class="grow" />
					{close}
				</header>
				<div class="map-behind">
					<Calls map={map} list={[pair]} seconds={s} of="proto" />
					<Top term={all} key={all} />
				</div>
			</aside>
		);
	}
	const [src, dst] = [term(node, "src"), term(node, "dst")];
	const either = src && dst ? `(${src} or ${dst})` : (src ?? dst);
	return (
		<aside class="map-panel" aria-label="The node that was picked">
			<header>
				<h3>{oneLine(nodeName(map.nodes[node]!, map.left_out.nodes), 80)}</h3>
				{map.nodes[node]!.group && <span class="muted">{oneLine(map.nodes[node]!.group)}</span>}
				<Actions term={either} />
				<span class="grow" />
				{close}
			</header>
			<div class="map-behind">
				<Calls map={map} list={all.filter((x) => x.to === node)} seconds={s} of="from" />
				<Calls map={map} list={all.filter((x) => x.from === node)} seconds={s} of="to" />
				<Top term={dst} key={dst} />
			</div>
		</aside>
	);
}

function Actions({ term }: { term: string | null }) {
	const why = term ? undefined : "The filter language has no words for these";
	return (
		<span class="map-actions">
			<button class="btn small" disabled={!term} title={why} onClick={() => showFlows(term!)}>
				Show flows
			</button>
			<button class="btn small" disabled={!term} title={why ?? "Only these, on all pages"} onClick={() => addToFilter(term!)}>
				Add to filter
			</button>
			<button class="btn small" disabled={!term} title={why ?? "All but these, on all pages"} onClick={() => addToFilter(`-(${term})`)}>
				Leave out
			</button>
		</span>
	);
}

function Calls({ map, list, seconds: s, of }: { map: CallMap; list: Pair[]; seconds: number; of: "proto" | "from" | "to" }) {
	if (!list.length) return null;
	const rows = list.flatMap((p) => p.edges).slice(0, 50);
	return (
		<table class="sums small">
			<caption>{of === "proto" ? "By protocol" : of === "from" ? "Called by" : "Calls"}</caption>
			<thead>
				<tr>
					<th scope="col">{of === "proto" ? "Protocol" : of === "from" ? "Caller" : "To"}</th>
					{of !== "proto" && <th scope="col">Protocol</th>}
					{["Rate", "Failed", "p50", "p95", "Data"].map((t) => (
						<th scope="col" class="num">
							{t}
						</th>
					))}
				</tr>
			</thead>
			<tbody>
				{rows.map((e) => (
					<tr>
						<th scope="row">{of === "proto" ? protoName(e.proto) : oneLine(nodeName(map.nodes[e[of]]!, map.left_out.nodes), 60)}</th>
						{of !== "proto" && <td>{protoName(e.proto)}</td>}
						<td class="num">{e.open === e.flows ? `${count(e.open)} open` : rate(e.flows, s)}</td>
						<td class={`num ${e.failed ? "bad" : ""}`}>{e.failed ? `! ${share(e.failed, e.flows)}` : "0 %"}</td>
						{[e.p50, e.p95].map((v) => (
							<td class="num">{v === null ? "–" : duration(v)}</td>
						))}
						<td class="num">{size((e.req_bytes + e.resp_bytes) / s)}/s</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

const top = signal<{ of: string; m: Metrics } | null>(null);

/* Which requests it is made of. */
function Top({ term }: { term: string | null }) {
	const f = filter.value.trim();
	const text = term === null ? null : f ? `(${f}) ${term}` : term;
	usePolled(`${text} ${range.value}`, async (s) => (text === null ? null : fetchMetrics(text, range.value, "", "endpoint", 0, s)), (m) => (top.value = m && text !== null ? { of: text, m } : null));
	const t = top.value;
	if (!t || t.of !== text || !t.m.groups.length) return null;
	return (
		<table class="sums small">
			<caption>Most frequent requests</caption>
			<thead>
				<tr>
					<th scope="col">Request</th>
					<th scope="col" class="num">
						Share
					</th>
					<th scope="col" class="num">
						Failed
					</th>
					<th scope="col" class="num">
						p95
					</th>
				</tr>
			</thead>
			<tbody>
				{t.m.groups.slice(0, 8).map((g) => (
					<tr>
						<th scope="row" class="mono" title={oneLine(g.shape ?? "")}>
							{oneLine(g.shape ?? "", 80)}
						</th>
						<td class="num">{share(g.flows, t.m.flows)}</td>
						<td class={`num ${g.failed ? "bad" : ""}`}>{g.failed ? `! ${share(g.failed, g.flows)}` : "0 %"}</td>
						<td class="num">{g.p95 === null ? "–" : duration(g.p95)}</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}
