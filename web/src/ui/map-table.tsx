// SPDX-License-Identifier: Apache-2.0
// The map as a table: the same, for the keyboard, for screen readers, and for exact numbers.
import { useState } from "preact/hooks";
import { count, duration, oneLine, protoName, size } from "../model/format";
import { nodeKey, nodeName, rate, share } from "../model/sums";
import type { CallEdge, CallMap } from "../model/sums";
import type { Picked } from "./map-picture";

const ROWS_MAX = 500;

type Column = [id: string, label: string, value: (m: CallMap, e: CallEdge) => string | number];
const name = (m: CallMap, i: number) => nodeName(m.nodes[i]!, m.left_out.nodes);
const COLUMNS: Column[] = [
	["from", "From", (m, e) => name(m, e.from)],
	["to", "To", (m, e) => name(m, e.to)],
	["proto", "Protocol", (_, e) => protoName(e.proto)],
	["flows", "Requests", (_, e) => e.flows],
	["failed", "Failed", (_, e) => e.failed / e.flows],
	["p50", "p50", (_, e) => e.p50 ?? -1],
	["p95", "p95", (_, e) => e.p95 ?? -1],
	["p99", "p99", (_, e) => e.p99 ?? -1],
	["bytes", "Data", (_, e) => e.req_bytes + e.resp_bytes],
];

export function MapTable({ map, edges, seconds, picked, pick }: { map: CallMap; edges: CallEdge[]; seconds: number; picked: Picked; pick: (p: Picked) => void }) {
	const [sort, setSort] = useState({ by: "flows", up: false });
	const value = COLUMNS.find(([id]) => id === sort.by)![2];
	const sorted = edges
		.map((e) => ({ e, v: value(map, e) }))
		.sort((a, b) => (a.v < b.v ? -1 : a.v > b.v ? 1 : 0) * (sort.up ? 1 : -1))
		.map(({ e }) => e);
	const pairOf = (e: CallEdge) => `${nodeKey(map.nodes[e.from]!)}\u0000${nodeKey(map.nodes[e.to]!)}`;
	return (
		<div class={`map-table ${picked ? "under" : ""}`} tabIndex={0} role="region" aria-label="Calls">
			<table class="sums">
				<thead>
					<tr>
						{COLUMNS.map(([id, label], i) => (
							<th scope="col" class={i > 2 ? "num" : ""} aria-sort={sort.by !== id ? "none" : sort.up ? "ascending" : "descending"}>
								<button class="bare" onClick={() => setSort({ by: id, up: sort.by === id ? !sort.up : i <= 2 })}>
									{label} <span aria-hidden="true">{sort.by !== id ? "" : sort.up ? "▴" : "▾"}</span>
								</button>
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{sorted.slice(0, ROWS_MAX).map((e) => (
						<tr key={pairOf(e) + e.proto} class={picked?.what === "pair" && picked.key === pairOf(e) ? "on" : ""} onClick={() => pick({ what: "pair", key: pairOf(e) })}>
							<th scope="row">
								<button
									class="link"
									onClick={(ev) => {
										ev.stopPropagation();
										pick({ what: "pair", key: pairOf(e) });
									}}
								>
									{oneLine(name(map, e.from), 80)}
								</button>
							</th>
							<td>{oneLine(name(map, e.to), 80)}</td>
							<td>{protoName(e.proto)}</td>
							<td class="num" title={`${count(e.flows)}${e.open ? `, ${count(e.open)} of them still open` : ""}`}>
								{e.open === e.flows ? `${count(e.open)} open` : rate(e.flows, seconds)}
							</td>
							<td class={`num ${e.failed ? "bad" : ""}`} title={count(e.failed)}>
								{e.failed ? `! ${share(e.failed, e.flows)}` : "0 %"}
							</td>
							{[e.p50, e.p95, e.p99].map((v) => (
								<td class="num">{v === null ? "–" : duration(v)}</td>
							))}
							<td class="num">{size((e.req_bytes + e.resp_bytes) / seconds)}/s</td>
						</tr>
					))}
				</tbody>
			</table>
			{sorted.length > ROWS_MAX && <p class="muted sums-more">{count(sorted.length - ROWS_MAX)} more have no room here: filter, or sort by another column.</p>}
		</div>
	);
}
