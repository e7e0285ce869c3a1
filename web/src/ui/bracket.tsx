// SPDX-License-Identifier: Apache-2.0
// A transaction or a pipeline: its statements in their order, the open one among them, how long it took and how it ended.
import type { Flow } from "../model/api";
import { placeOf } from "../model/brackets";
import type { Bracket } from "../model/brackets";
import { count, duration, oneLine, statusKind, statusText } from "../model/format";
import { formatRoute } from "../model/route";
import type { Tab } from "../model/route";
import { step } from "../model/talk-text";
import { filter, page } from "../session";
import css from "../style/lazy/bracket.css";
import { Icon } from "./icons";
import { adopt } from "./lazy";

adopt(css);

const AROUND = 20; /* shown before and after the open one */

const ENDED: Record<Bracket["outcome"], string> = {
	committed: "committed",
	"rolled back": "rolled back",
	failed: "not committed: it had failed",
	prepared: "prepared, for a commit in two phases",
	open: "not ended, as far as is known",
};

export function BracketView({ f, b, tab }: { f: Flow; b: Bracket; tab: Tab }) {
	const redis = f.proto === "redis";
	const from = Math.max(0, b.at - AROUND);
	const rows = b.rows.slice(from, b.at + AROUND + 1);
	const what = b.kind === "pipeline" ? "Pipeline" : "Transaction";
	const noun = redis ? "command" : "statement";
	/* In bytes and in time nothing else can have come between. */
	const left = b.outcome === "open" && f.state !== "open";
	return (
		<section class="bracket" aria-label={what} data-outcome={b.outcome}>
			<h4>
				{what} <span class="muted">{`${noun} ${placeOf(b)}`}</span>
			</h4>
			<p class="bracket-sum">
				{b.kind === "pipeline" ? (
					<span>
						{count(b.rows.length)} commands sent without waiting for each other's answers, <span class="num">{duration(b.ns)}</span> in all.
					</span>
				) : (
					<span>
						Open for <span class="num">{duration(b.ns)}</span>, <b>{ENDED[b.outcome]}</b>.{!b.begun && " It began before what is kept of this connection."}
						{redis && b.outcome === "failed" && " A watched key was changed meanwhile, or a command could not be queued: none of them was executed."}
					</span>
				)}
				{left && (
					<span class="bracket-left" role="note">
						<Icon name="warn" /> {redis ? "Left open: no EXEC or DISCARD came after it." : "Left open: nothing ended it. Until then it keeps its locks, and the server the versions of rows that it may read."}
					</span>
				)}
			</p>
			<ol class="bracket-list" start={from + 1}>
				{from > 0 && <li class="muted bracket-more">{count(from)} before these</li>}
				{rows.map((r, i) => {
					const at = from + i;
					const mine = at === b.at;
					const edge = b.rows.length === 1 ? "only" : at === 0 && b.begun ? "first" : at === b.rows.length - 1 && b.outcome !== "open" ? "last" : "inside";
					return (
						<li class="bracket-row" data-edge={edge} aria-current={mine ? "true" : undefined}>
							<span class="bracket-edge" aria-hidden="true" />
							<span class="num bracket-no">{at + 1}</span>
							<a href={formatRoute({ page: page.peek(), filter: filter.value, selected: r.id, tab, args: {} })} title={oneLine(`${r.op} ${r.target}`, 1000)}>
								{redis && <b>{oneLine(r.op, 40)} </b>}
								{oneLine(r.target || (redis ? "" : r.op), 300)}
							</a>
							<span class="status-chip" data-kind={statusKind(r)}>
								{statusText(r)}
							</span>
							<span class="num muted" title="Since the first one">
								{step(Number(BigInt(r.ts_ns) - b.from))}
							</span>
							<span class="num">{r.dur_ns === null ? "open" : duration(r.dur_ns)}</span>
						</li>
					);
				})}
				{b.rows.length > from + rows.length && <li class="muted bracket-more">{count(b.rows.length - from - rows.length)} after these</li>}
			</ol>
		</section>
	);
}
