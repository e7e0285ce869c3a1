// SPDX-License-Identifier: Apache-2.0
// Throughput, failures, latency and data over time, by service, client, endpoint, protocol or status.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { count, duration, oneLine, size } from "../model/format";
import { fetchMetrics, groupLabel, groupTerm, rate, seconds, share } from "../model/sums";
import type { Metrics, MetricsGroup, Series } from "../model/sums";
import { filter } from "../session";
import { arg, args, setArgs } from "../state/args";
import { range, usePolled } from "../state/sums";
import uplotCss from "uplot/dist/uPlot.min.css";
import css from "../style/lazy/metrics.css";
import sumsCss from "../style/lazy/sums.css";
import { Chart } from "./charts";
import type { Line } from "./charts";
import { addToFilter } from "./filter-box";
import { adopt } from "./lazy";
import { NothingHere, RangeSelect, Segments, SumsError, Tile, showFlows } from "./sums-bar";

adopt(uplotCss);
adopt(sumsCss);
adopt(css);

const BY = [
	["service", "Service"],
	["client", "Client"],
	["endpoint", "Endpoint"],
	["proto", "Protocol"],
	["status", "Status"],
] as const;
const LINES = 8;
const ROWS_MAX = 200;
const by = arg("group", BY.map(([v]) => v));
const latency = arg("latency", ["all", "groups"]);
const data = signal<{ of: string; m: Metrics } | null>(null);

export default function MetricsPage() {
	const zoom = args.value.zoom ?? "";
	const key = `${by.value} ${range.value} ${zoom} ${filter.value}`;
	const of = by.value;
	usePolled(key, (s) => fetchMetrics(filter.value, range.value, zoom, of, LINES, s), (m) => (data.value = { of, m }), zoom !== "");
	const d = data.value;
	if (!d) return <main class="page metrics" aria-label="Metrics" aria-busy="true" />;
	return (
		<main class="page metrics" aria-label="Metrics">
			<h2 class="sr">Metrics</h2>
			<div class="sums-bar">
				<RangeSelect />
				{zoom && (
					<button class="btn small primary" onClick={() => setArgs({ zoom: "" })}>
						Back from the part that was chosen
					</button>
				)}
				<Segments name="group" label="by" value={by.value} options={BY} set={(v) => setArgs({ group: v === "service" ? "" : v })} />
				<Segments name="latency" label="latency" value={latency.value} options={[["all", "p50, p95, p99"], ["groups", "p95 of each"]]} set={(v) => setArgs({ latency: v === "all" ? "" : v })} />
			</div>
			<SumsError />
			{d.m.flows === 0 ? <NothingHere what="metrics" /> : <Body m={d.m} of={d.of} />}
		</main>
	);
}

function Body({ m, of }: { m: Metrics; of: string }) {
	const s = seconds(m);
	const step = m.step_ns / 1e9;
	const shown = m.groups.filter((g) => g.series);
	const each = (values: (x: Series) => (number | null)[]): Line[] => shown.map((g, i) => ({ label: groupLabel(g, of), color: i + 1, values: values(g.series!) }));
	const perSecond = (list: number[]) => list.map((n) => n / step);
	const total = m.series;
	const slow: Line[] =
		latency.value === "groups"
			? each((x) => x.p95)
			: [
					{ label: "p50", color: 1, values: total.p50 },
					{ label: "p95", color: 2, values: total.p95 },
					{ label: "p99", color: 3, values: total.p99 },
				];
	return (
		<div class="metrics-body" tabIndex={0} role="region" aria-label="Plots and numbers">
			<dl class="tiles">
				<Tile label="Requests">{rate(m.flows, s)}</Tile>
				<Tile label="Failed" bad={m.failed > 0} title={`${count(m.failed)} of ${count(m.flows)}`}>
					{m.failed ? "! " : ""}
					{share(m.failed, m.flows)}
				</Tile>
				{(["p50", "p95", "p99", "max"] as const).map((p) => (
					<Tile label={p} title={p === "max" ? "The slowest answer" : `${p.slice(1)} % of the answers took no longer`}>
						{m[p] === null ? "–" : duration(m[p])}
					</Tile>
				))}
				<Tile label="Data">{size(m.bytes / s)}/s</Tile>
				<Tile label="In all" title="Flows of this time that the filter leaves">
					{count(m.flows)}
				</Tile>
			</dl>
			<div class="plots">
				<Plot m={m} id="rate" title="Requests" lines={each((x) => perSecond(x.flows))} format={(v) => rate(v, 1)} summary={`${rate(m.flows, s)} on average, most ${rate(Math.max(...total.flows), step)}`} />
				<Plot m={m} id="failed" title="Failed" lines={each((x) => perSecond(x.failed))} format={(v) => rate(v, 1)} summary={`${count(m.failed)} of ${count(m.flows)}, ${share(m.failed, m.flows)}`} />
				<Plot m={m} id="latency" title={latency.value === "groups" ? "Latency, p95" : "Latency"} lines={slow} format={duration} summary={m.p95 === null ? "no answers" : `p50 ${duration(m.p50!)}, p95 ${duration(m.p95)}, p99 ${duration(m.p99!)}`} />
				<Plot m={m} id="data" title="Data" lines={each((x) => perSecond(x.bytes))} format={(v) => `${size(v)}/s`} summary={`${size(m.bytes)}, ${size(m.bytes / s)}/s on average`} />
			</div>
			<Groups m={m} of={of} s={s} />
		</div>
	);
}

/* Told by a line's number, too: colours are not the only difference. */
export function Swatch({ n }: { n: number }) {
	return (
		<span class={`swatch swatch-${n}`} aria-hidden="true">
			{n}
		</span>
	);
}

function Plot({ m, id, title, lines, format, summary }: { m: Metrics; id: string; title: string; lines: Line[]; format: (v: number) => string; summary: string }) {
	const host = useRef<HTMLDivElement>(null);
	const chart = useRef<Chart | null>(null);
	const [at, setAt] = useState<number | null>(null);
	useEffect(() => {
		const c = (chart.current = new Chart(host.current!));
		const themed = () => c.redraw();
		const dark = matchMedia("(prefers-color-scheme: dark)");
		dark.addEventListener("change", themed);
		const chosen = new MutationObserver(themed);
		chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
		return () => {
			dark.removeEventListener("change", themed);
			chosen.disconnect();
			c.end();
		};
	}, []);
	useEffect(() => {
		const first = Number(BigInt(m.first_ns) / 1000000n) / 1000;
		const times = Array.from({ length: m.points }, (_, i) => first + (i * m.step_ns) / 1e9);
		chart.current!.draw({
			times,
			lines,
			format,
			at: setAt,
			zoom: (from, to) => setArgs({ zoom: `${Math.floor(from * 1000)}-${Math.ceil(to * 1000)}` }),
		});
	}, [m, lines.map((l) => l.label).join("\u0000")]);
	const i = at !== null && at < m.points ? at : null;
	const when = i === null ? "" : new Date(Number((BigInt(m.first_ns) + BigInt(i) * BigInt(m.step_ns)) / 1000000n)).toLocaleTimeString([], { hour12: false });
	return (
		<figure class="plot" id={`plot-${id}`}>
			<figcaption>
				<b>{title}</b> <span class="muted">{when || summary}</span>
			</figcaption>
			<div class="plot-host" ref={host} role="img" aria-label={`${title} over time: ${summary}`} />
			<ul class="plot-key">
				{lines.map((l) => (
					<li title={oneLine(l.label, 400)}>
						<Swatch n={l.color} />
						<span class="plot-name">{oneLine(l.label, 60)}</span>
						{i !== null && <span class="num">{l.values[i] === null || l.values[i] === undefined ? "–" : format(l.values[i]!)}</span>}
					</li>
				))}
			</ul>
		</figure>
	);
}

type Column = [id: string, label: string, value: (g: MetricsGroup) => number];
const COLUMNS: Column[] = [
	["flows", "Requests", (g) => g.flows],
	["failed", "Failed", (g) => g.failed / g.flows],
	["p50", "p50", (g) => g.p50 ?? -1],
	["p95", "p95", (g) => g.p95 ?? -1],
	["p99", "p99", (g) => g.p99 ?? -1],
	["max", "max", (g) => g.max ?? -1],
	["bytes", "Data", (g) => g.bytes],
];

function Groups({ m, of, s }: { m: Metrics; of: string; s: number }) {
	const [sort, setSort] = useState({ by: "flows", up: false });
	const value = COLUMNS.find(([id]) => id === sort.by)![2];
	const line = new Map(m.groups.filter((g) => g.series).map((g, i) => [g, i + 1]));
	const sorted = [...m.groups].sort((a, b) => (value(a) - value(b)) * (sort.up ? 1 : -1));
	const more = Math.max(0, sorted.length - ROWS_MAX) + m.left_out.groups;
	return (
		<>
			<table class="sums metrics-groups">
				<thead>
					<tr>
						<th scope="col">{BY.find(([v]) => v === of)?.[1]}</th>
						{of === "endpoint" && <th scope="col">Service</th>}
						{COLUMNS.map(([id, label]) => (
							<th scope="col" class="num" aria-sort={sort.by !== id ? "none" : sort.up ? "ascending" : "descending"}>
								<button class="bare" onClick={() => setSort({ by: id, up: sort.by === id && !sort.up })}>
									{label} <span aria-hidden="true">{sort.by !== id ? "" : sort.up ? "▴" : "▾"}</span>
								</button>
							</th>
						))}
						<th scope="col">
							<span class="sr">What to do</span>
						</th>
					</tr>
				</thead>
				<tbody>
					{sorted.slice(0, ROWS_MAX).map((g) => {
						const term = groupTerm(g, of);
						const name = oneLine(groupLabel(g, of), 100);
						return (
							<tr>
								<th scope="row" class={of === "endpoint" ? "mono" : ""} title={oneLine(groupLabel(g, of), 1000)}>
									{line.has(g) ? <Swatch n={line.get(g)!} /> : <span class="swatch none" />} {name}
								</th>
								{of === "endpoint" && <td>{oneLine(g.name, 60)}</td>}
								<td class="num" title={count(g.flows)}>
									{rate(g.flows, s)}
								</td>
								<td class={`num ${g.failed ? "bad" : ""}`} title={count(g.failed)}>
									{g.failed ? `! ${share(g.failed, g.flows)}` : "0 %"}
								</td>
								{[g.p50, g.p95, g.p99, g.max].map((v) => (
									<td class="num">{v === null ? "–" : duration(v)}</td>
								))}
								<td class="num">{size(g.bytes / s)}/s</td>
								<td class="metrics-do">
									<button class="btn tiny" disabled={!term} aria-label={`Show flows of ${name}`} onClick={() => showFlows(term!)}>
										Show flows
									</button>
									{(of === "service" || of === "client") && (
										<button
											class="btn tiny"
											disabled={!term}
											aria-label={`Endpoints of ${name}`}
											onClick={() => {
												addToFilter(term!);
												setArgs({ group: "endpoint" });
											}}
										>
											Endpoints
										</button>
									)}
								</td>
							</tr>
						);
					})}
				</tbody>
			</table>
			{more > 0 && <p class="muted sums-more">{count(more)} more have no room here: filter, or look at another range.</p>}
		</>
	);
}
