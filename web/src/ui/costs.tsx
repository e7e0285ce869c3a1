// SPDX-License-Identifier: Apache-2.0
// What Limpid itself costs, and what was lost since this page is open.
import type { Health } from "../model/api";
import { Costs } from "../model/costs";
import { duration, oneLine, size } from "../model/format";
import { health } from "../session";
import css from "../style/lazy/costs.css";
import { adopt } from "./lazy";

adopt(css);
const costs = new Costs();
health.subscribe((h) => h && costs.add(h, Date.now()));

export function CostCard({ h }: { h: Health }) {
	const rows = costs.rows(h);
	const lost = costs.lost();
	return (
		<section class="card">
			<header>
				<h3>What Limpid costs</h3>
				<span class="muted">of one processor, and memory now</span>
			</header>
			<table class="costs">
				<thead>
					<tr>
						<th scope="col">Process</th>
						<th scope="col">Does</th>
						<th scope="col" class="end">
							Processor
						</th>
						<th scope="col" class="end">
							since it began
						</th>
						<th scope="col" class="end">
							Memory
						</th>
					</tr>
				</thead>
				<tbody>
					{rows.map((r) => (
						<tr key={r.key} data-key={r.key}>
							<th scope="row">
								{r.name}
								{r.host && <span class="muted"> {oneLine(r.host, 60)}</span>}
							</th>
							<td class="muted">{r.does}</td>
							<td class="num end">{r.percent === null ? "…" : `${r.percent.toFixed(1)} %`}</td>
							<td class="num end">{duration(r.cpuMs * 1e6)}</td>
							<td class="num end">{size(r.bytes)}</td>
						</tr>
					))}
				</tbody>
			</table>
			<p class="muted costs-lost">
				<svg viewBox="0 0 120 20" preserveAspectRatio="none" aria-hidden="true">
					{lost.bars.map((b, i) => (
						<rect x={i * 2} y={20 - Math.max(b ? 2 : 0.5, b * 20)} width="1.5" height={Math.max(b ? 2 : 0.5, b * 20)} class={b ? "loss" : ""} />
					))}
				</svg>
				{lost.total ? `${lost.total} dropped while this page was open, most in a minute: ${lost.peak}` : "Nothing was dropped while this page was open."}
			</p>
		</section>
	);
}
