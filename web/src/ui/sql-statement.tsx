// SPDX-License-Identifier: Apache-2.0
// A statement: as it was sent, laid out, or with its values; its parameters; its error; what else is known of it.
import { useMemo, useState } from "preact/hooks";
import type { Flow, Half } from "../model/api";
import { transactionOf } from "../model/brackets";
import { count, oneLine, size } from "../model/format";
import { attrs, layOut, listOf, toText, tokenAt, tokenize, withValues } from "../model/sql";
import { formatRoute } from "../model/route";
import { filter, page, setTab } from "../session";
import css from "../style/lazy/sql-view.css";
import { BracketView } from "./bracket";
import { copyText } from "./clipboard";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import { RepeatedHint, useRelated } from "./related";
import { SqlText, SqlValue } from "./sql-text";

adopt(css);

type Mode = "formatted" | "values" | "sent";
const LABEL: Record<Mode, string> = { formatted: "Formatted", values: "With values", sent: "As sent" };
/* Longer statements are shown as they were sent, their beginning. */
const LONG = 60_000;
let chosen: Mode = "formatted"; /* the way of looking that was chosen last */

/* Shown in places of their own. */
const OWN = new Set(["params", "param_types", "columns", "types", "rows", "results", "severity", "detail", "hint", "position", "schema", "table", "column", "datatype", "constraint", "notice", "copy"]);

function tokensOf(f: Flow, mode: Mode) {
	const mysql = f.proto === "mysql";
	const all = tokenize(f.request!.target!.slice(0, LONG), mysql);
	if (mode === "sent" || f.request!.target!.length > LONG) return all;
	if (mode === "formatted") return layOut(all);
	return withValues(layOut(all), listOf(attrs(f.request!.attrs, "params")[0]), types(f), mysql);
}

const types = (f: Flow): string[] => listOf(attrs(f.response?.attrs, "param_types")[0]).map((x) => x ?? "");

export default function Statement({ f }: { f: Flow }) {
	return f.request?.op === "Notification" || f.request?.op === "Notice" ? <Unasked f={f} /> : <Asked f={f} />;
}

/* What the server said to a client that waited for nothing. */
function Unasked({ f }: { f: Flow }) {
	const told = f.request!.op === "Notification";
	const by = attrs(f.request!.attrs, "backend_pid")[0];
	return (
		<div class="sql-view" tabIndex={0} role="region" aria-label={told ? "Notification" : "Notice"}>
			<header class="side-head">
				<h3>{told ? "Notification" : "Notice"}</h3>
				<span class="side-sum">
					{told ? `on channel ${oneLine(f.request!.target ?? "", 200)}` : "from the server, unasked"}
					{by ? `, sent by server process ${oneLine(by, 20)}` : ""}
				</span>
			</header>
			<pre class="sql-text" tabIndex={0} role="region" aria-label={told ? "Payload" : "Text"}>
				<SqlValue v={told ? (f.request!.body?.text ?? "") : (f.request!.target ?? "")} max={LONG} />
			</pre>
			<More title="Told with it" h={f.request ?? null} />
		</div>
	);
}

function Asked({ f }: { f: Flow }) {
	const params = listOf(attrs(f.request?.attrs, "params")[0]);
	const modes: Mode[] = params.length ? ["formatted", "values", "sent"] : ["formatted", "sent"];
	const [, redraw] = useState(0);
	const mode = modes.includes(chosen) ? chosen : "formatted";
	const sql = f.request!.target!;
	const tokens = useMemo(() => tokensOf(f, mode), [f, mode]);
	const position = Number(attrs(f.response?.attrs, "position")[0] ?? 0);
	return (
		<div class="sql-view" tabIndex={0} role="region" aria-label="Statement and what came of it">
			<header class="side-head">
				<h3>{oneLine(f.request!.op ?? "Statement", 40)}</h3>
				<span class="side-sum">{summary(f)}</span>
				<span class="grow" />
				<fieldset class="segments small">
					<legend class="sr">Statement</legend>
					{modes.map((m) => (
						<label class={mode === m ? "on" : ""}>
							<input
								type="radio"
								name="sql-mode"
								checked={mode === m}
								onChange={() => {
									chosen = m;
									redraw((n) => n + 1);
								}}
							/>
							{LABEL[m]}
						</label>
					))}
				</fieldset>
				<button class="bare" title="Copy the statement as it is shown" aria-label="Copy the statement" onClick={() => void copyText(sql.length > LONG ? sql : toText(tokens), "Statement")}>
					<Icon name="copy" />
				</button>
			</header>
			{sql.length > LONG && (
				<p class="body-note">
					The first {count(LONG)} of {count(sql.length)} characters are shown; Copy takes all of them.
				</p>
			)}
			<SqlText tokens={tokens} mark={f.failed && position > 0 && mode !== "values" ? tokenAt(sql, position) : -1} />
			{f.failed && <Failure f={f} />}
			<Notices f={f} />
			<Copied f={f} />
			<Around f={f} />
			{params.length > 0 && <Params params={params} types={types(f)} mysql={f.proto === "mysql"} />}
			<More title="Sent with it" h={f.request ?? null} />
			<More title="Answer" h={f.response ?? null} />
			{attrs(f.response?.attrs, "columns").length > 0 && (
				<button class="btn small to-body" onClick={() => setTab("result")}>
					Show the rows
				</button>
			)}
		</div>
	);
}

/* "SELECT 40, prepared s7, 3 values" */
function summary(f: Flow): string {
	const req = f.request?.attrs;
	const resp = f.response?.attrs;
	const rows = attrs(resp, "rows")[0] ?? attrs(resp, "affected")[0];
	const name = attrs(req, "statement")[0];
	const db = attrs(req, "database")[0];
	return [rows !== undefined ? `${/^\d+$/.test(rows) ? count(Number(rows)) : oneLine(rows, 20)} ${rows === "1" ? "row" : "rows"}` : "", name ? `prepared as ${oneLine(name, 60)}` : "", db ? `in ${oneLine(db, 60)}` : "", attrs(resp, "transaction")[0] === "failed" ? "its transaction has failed" : attrs(resp, "transaction")[0] === "open" ? "inside a transaction" : ""].filter(Boolean).join(", ");
}

function Failure({ f }: { f: Flow }) {
	const a = f.response?.attrs;
	const lines = ([["detail", "Detail"], ["hint", "Hint"], ["where", "Where"]] as const).flatMap(([k, label]) => attrs(a, k).map((v) => [label, v] as const));
	const about = ["schema", "table", "column", "datatype", "constraint"].flatMap((k) => attrs(a, k).map((v) => `${k} ${v}`));
	return (
		<section class="sql-error" role="note" aria-label="Error">
			<Icon name="warn" />
			<div>
				<p>
					<b>{[...attrs(a, "severity"), f.response?.status ?? ""].map((x) => oneLine(x, 40)).join(" ") || "No answer"}</b> {oneLine(f.response?.reason ?? "", 2000)}
				</p>
				{lines.map(([k, v]) => (
					<p>
						<span class="muted">{k}:</span> {oneLine(v, 2000)}
					</p>
				))}
				{about.length > 0 && <p class="muted">{oneLine(about.join(" · "), 600)}</p>}
			</div>
		</section>
	);
}

function Params({ params, types: of, mysql }: { params: readonly (string | null)[]; types: readonly string[]; mysql: boolean }) {
	return (
		<section aria-label="Parameters">
			<h4>Parameters</h4>
			<table class="sql-params">
				<thead class="sr">
					<tr>
						<th>Number</th>
						<th>Type</th>
						<th>Value</th>
					</tr>
				</thead>
				<tbody>
					{params.slice(0, 500).map((v, i) => (
						<tr>
							<th scope="row">{mysql ? i + 1 : `$${i + 1}`}</th>
							<td class="muted">{oneLine(of[i] ?? "", 60)}</td>
							<td>
								<SqlValue v={v} />
							</td>
						</tr>
					))}
				</tbody>
			</table>
			{params.length > 500 && <p class="muted note">{count(params.length - 500)} more.</p>}
		</section>
	);
}

function More({ title, h }: { title: string; h: Half | null }) {
	const list = Object.entries(h?.attrs ?? {}).filter(([k]) => !OWN.has(k));
	if (!list.length) return null;
	return (
		<section aria-label={title}>
			<h4>{title}</h4>
			<dl class="headers">
				{list.map(([k, v]) => (
					<div class="header">
						<dt>{oneLine(k.replace(/_/g, " "), 200)}</dt>
						<dd>{oneLine(Array.isArray(v) ? v.join(", ") : String(v))}</dd>
					</div>
				))}
			</dl>
		</section>
	);
}

/* What the server said beside its answer. */
function Notices({ f }: { f: Flow }) {
	const list = attrs(f.response?.attrs, "notice");
	if (!list.length) return null;
	return (
		<section aria-label="Notices">
			<h4>{list.length === 1 ? "Notice" : "Notices"}</h4>
			<ul class="sql-notices">
				{list.map((x) => (
					<li>{oneLine(x, 2000)}</li>
				))}
			</ul>
		</section>
	);
}

/* COPY: what went which way, counted. */
function Copied({ f }: { f: Flow }) {
	const way = attrs(f.response?.attrs, "copy")[0] ?? (f.request?.op === "CopyData" || f.request?.op === "LocalInfile" ? "in" : undefined);
	if (way !== "in" && way !== "out") return null;
	const body = way === "in" ? f.request?.body : f.response?.body;
	const rows = attrs(f.response?.attrs, "affected")[0] ?? attrs(f.response?.attrs, "rows")[0];
	const lines = body?.text !== undefined && !body.cut && body.captured === body.len ? body.text.split("\n").length - (body.text.endsWith("\n") ? 1 : 0) : null;
	return (
		<section aria-label="Data copied">
			<h4>Data copied {way === "in" ? "in, from the client" : "out, to the client"}</h4>
			<p class="sql-copied">
				<b class="num">{size(body?.len ?? 0)}</b>
				{rows !== undefined && /^\d+$/.test(rows) && <span class="num">{count(Number(rows))} {rows === "1" ? "row" : "rows"}</span>}
				{lines !== null && <span class="num">{count(lines)} {lines === 1 ? "line" : "lines"}</span>}
				{body && body.captured < body.len && <span>the first {size(body.captured)} were kept</span>}
				{body && body.captured > 0 && (
					<button class="btn tiny" onClick={() => setTab("body")}>
						Show the data
					</button>
				)}
			</p>
		</section>
	);
}

/* What the hub knows beside it: that the request which caused this statement asked it again and again; its transaction. */
function Around({ f }: { f: Flow }) {
	const { related } = useRelated(f);
	const state = attrs(f.response?.attrs, "transaction")[0];
	const bracket = useMemo(() => (related ? transactionOf(f, related.connection.rows, state === "open" || state === "failed") : null), [f, related]);
	const cause = related?.caused_by.rows[0];
	return (
		<>
			{related?.siblings?.length && cause && (
				<RepeatedHint list={related.siblings}>
					<a class="btn tiny" href={formatRoute({ page: page.peek(), filter: filter.value, selected: cause.id, tab: "related", args: {} })}>
						Show the request
					</a>
				</RepeatedHint>
			)}
			{bracket && <BracketView f={f} b={bracket} tab="statement" />}
		</>
	);
}
