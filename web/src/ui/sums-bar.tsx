// SPDX-License-Identifier: Apache-2.0
// What the map's and the metrics' bars have in common.
import type { ComponentChildren } from "preact";
import { RANGES } from "../model/sums";
import { range, setRange, sumsError } from "../state/sums";
import { filter, go, total } from "../session";
import { setFilterText } from "./filter-box";
import { Icon } from "./icons";

export function Segments(p: { name: string; label: string; value: string; options: readonly (readonly [string, string])[]; set: (v: string) => void }) {
	return (
		<div class="sums-choice" role="radiogroup" aria-label={p.label}>
			<span class="muted" aria-hidden="true">
				{p.label}
			</span>
			<span class="segments">
				{p.options.map(([v, text]) => (
					<label class={p.value === v ? "on" : ""}>
						<input type="radio" name={p.name} value={v} checked={p.value === v} onChange={() => p.set(v)} />
						{text}
					</label>
				))}
			</span>
		</div>
	);
}

export function RangeSelect() {
	return (
		<select id="range" aria-label="Range of time" value={range.value} onChange={(e) => setRange((e.target as HTMLSelectElement).value)}>
			{[...RANGES].sort((a, b) => (a[2] || Infinity) - (b[2] || Infinity)).map(([v, text]) => (
				<option value={v}>{text}</option>
			))}
		</select>
	);
}

/* In place of an empty picture: why it is empty, and what to do. */
export function NothingHere({ what }: { what: string }) {
	return (
		<div class="no-match sums-none">
			<h2>{total.value === 0 ? `There is no flow yet to make ${what} of` : filter.value ? "No flow of this time matches the filter" : "No flow in this time"}</h2>
			{total.value > 0 && (
				<p>
					{range.value !== "all" && (
						<button class="btn" onClick={() => setRange("all")}>
							Look at all that is kept
						</button>
					)}{" "}
					{filter.value && (
						<button class="btn" onClick={() => setFilterText("")}>
							Clear the filter
						</button>
					)}
				</p>
			)}
		</div>
	);
}

export function SumsError() {
	if (!sumsError.value) return null;
	return (
		<p class="sums-error" role="alert">
			<Icon name="warn" /> {sumsError.value} What is shown is older.
		</p>
	);
}

/* The flows that a number stands for. */
export function showFlows(term: string): void {
	const now = filter.peek().trim();
	go("flows");
	setFilterText(now ? `${/\bor\b|\|/.test(now) ? `(${now})` : now} ${term}` : term);
}

export function Tile(p: { label: string; children: ComponentChildren; bad?: boolean; title?: string }) {
	return (
		<div class={`tile ${p.bad ? "bad" : ""}`} title={p.title}>
			<dt>{p.label}</dt>
			<dd class="num">{p.children}</dd>
		</div>
	);
}
