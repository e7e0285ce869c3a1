// SPDX-License-Identifier: Apache-2.0
// The SQL page: statements that differ in their values only are one line, those that took the most time first.
import { useEffect, useState } from "preact/hooks";
import { ApiError, api } from "../model/api";
import { count, duration, oneLine, protoName } from "../model/format";
import { formatRoute } from "../model/route";
import { RANGES, sorted } from "../model/statements";
import type { SortKey, Statement, Statements } from "../model/statements";
import { filter } from "../session";
import { arg, setArgs } from "../state/args";
import css from "../style/lazy/sql.css";
import { Icon } from "./icons";
import { adopt } from "./lazy";

adopt(css);

const AGAIN = 5000; /* ms between two looks */
const range = arg("range", Object.keys(RANGES));
const quote = (s: string) => `"${s.replace(/[\\"]/g, "\\$&")}"`;

const COLUMNS: readonly { key: SortKey; label: string; title: string }[] = [
	{ key: "calls", label: "Calls", title: "How often it was sent" },
	{ key: "failed", label: "Errors", title: "How often the server answered with an error" },
	{ key: "rows", label: "Rows", title: "Rows sent or changed, all calls together" },
	{ key: "busy_ns", label: "Total", title: "Time from question to the end of the answer, all calls together" },
	{ key: "avg", label: "Mean", title: "Total by calls that were answered" },
	{ key: "p95", label: "p95", title: "95 of 100 calls took no longer" },
	{ key: "max", label: "Longest", title: "The longest call" },
];

/* The statements of that filter, asked for again while the page is on screen. */
function useStatements(f: string, since: string) {
	const [data, setData] = useState<Statements | null>(null);
	const [error, setError] = useState("");
	const [tick, setTick] = useState(0);
	useEffect(() => {
		const call = new AbortController();
		let timer = 0;
		api.statements(f, since, call.signal).then(
			(d) => {
				setData(d);
				setError("");
			},
			(e: unknown) => {
				if (!call.signal.aborted) setError(e instanceof ApiError ? e.message : String(e));
			},
		).finally(() => {
			if (!call.signal.aborted) timer = window.setTimeout(() => setTick((n) => n + 1), AGAIN);
		});
		return () => {
			call.abort();
			clearTimeout(timer);
		};
	}, [f, since, tick]);
	return { data, error };
}

export default function SQLPage() {
	const { data, error } = useStatements(filter.value, RANGES[range.value]!.since);
	const [sort, setSort] = useState<{ key: SortKey; down: boolean }>({ key: "busy_ns", down: true });
	const list = data ? sorted(data.statements, sort.key, sort.down) : [];
	const most = Math.max(1, ...list.map((s) => s.busy_ns));
	return (
		<main class="page sqlp" aria-label="SQL">
			<header class="sqlp-head">
				<h2>Statements</h2>
				{data && (
					<span class="muted num" role="status">
						{count(data.flows)} calls of {count(data.statements.length + data.left_out.statements)} statements{data.left_out.statements > 0 ? `, ${count(data.left_out.statements)} with the least time are not listed` : ""}
					</span>
				)}
				{error && (
					<span class="bad" role="alert">
						<Icon name="warn" /> {error}
					</span>
				)}
				<span class="grow" />
				<fieldset class="segments small">
					<legend class="sr">Time</legend>
					{Object.entries(RANGES).map(([k, r]) => (
						<label class={range.value === k ? "on" : ""}>
							<input type="radio" name="sql-range" checked={range.value === k} onChange={() => setArgs({ range: k === "all" ? "" : k })} />
							{r.label}
						</label>
					))}
				</fieldset>
			</header>
			{data && !list.length ? (
				<p class="empty muted">No statement of PostgreSQL, MySQL or MariaDB was captured{filter.value ? " that the filter leaves" : ""}{range.value === "all" ? "" : " in this time"}.</p>
			) : (
				<div class="sqlp-scroll" tabIndex={0} role="region" aria-label="Statements by shape">
					<table class="sqlp-table">
						<thead>
							<tr>
								<th scope="col">Statement</th>
								{COLUMNS.map((c) => (
									<th scope="col" class="end" aria-sort={sort.key === c.key ? (sort.down ? "descending" : "ascending") : "none"}>
										<button title={c.title} onClick={() => setSort({ key: c.key, down: sort.key === c.key ? !sort.down : true })}>
											{c.label}
											<span aria-hidden="true">{sort.key === c.key ? (sort.down ? " ▾" : " ▴") : ""}</span>
										</button>
									</th>
								))}
								<th scope="col">Who asks whom</th>
							</tr>
						</thead>
						<tbody>
							{list.map((s) => (
								<Line key={`${s.proto} ${s.shape}`} s={s} most={most} />
							))}
						</tbody>
					</table>
				</div>
			)}
		</main>
	);
}

const names = (list: Statement["callers"]): string => list.map((x) => oneLine(x.name, 40) || "others").join(", ");

function Line({ s, most }: { s: Statement; most: number }) {
	const all = formatRoute({ page: "flows", filter: `proto:${s.proto} shape=${quote(s.shape)}`, selected: null, tab: "headers", args: {} });
	const failed = formatRoute({ page: "flows", filter: `proto:${s.proto} is:error shape=${quote(s.shape)}`, selected: null, tab: "headers", args: {} });
	const answered = s.calls ? s.busy_ns / s.calls : 0;
	return (
		<tr>
			<td class="sqlp-what">
				<a href={all} title={`${oneLine(s.shape, 1000)}\n\nShow its calls`}>
					{oneLine(s.shape, 400)}
				</a>
				<svg class="sqlp-share" viewBox="0 0 1000 3" preserveAspectRatio="none" aria-hidden="true">
					<rect width={(s.busy_ns / most) * 1000} height="3" />
				</svg>
			</td>
			<td class="end num">{count(s.calls)}</td>
			<td class="end num">
				{s.failed ? (
					<a class="bad" href={failed} title="Show the calls that failed">
						{count(s.failed)}
					</a>
				) : (
					"0"
				)}
			</td>
			<td class="end num">{count(s.rows)}</td>
			<td class="end num">{duration(s.busy_ns)}</td>
			<td class="end num">{duration(answered)}</td>
			<td class="end num">{s.p95 === null ? "–" : duration(s.p95)}</td>
			<td class="end num">{s.max === null ? "–" : duration(s.max)}</td>
			<td class="sqlp-who">
				<span title={s.callers.map((x) => `${oneLine(x.name, 80) || "others"}: ${count(x.calls)}`).join("\n")}>{names(s.callers)}</span> → {names(s.servers)} <span class="muted">{protoName(s.proto)}</span>
			</td>
		</tr>
	);
}
