// SPDX-License-Identifier: Apache-2.0
// A statement: as it was sent, laid out, or with its values; its parameters; its error; what else is known of it.
import { useMemo, useState } from "preact/hooks";
import type { Flow, Half } from "../model/api";
import { count, oneLine } from "../model/format";
import { attrs, layOut, listOf, toText, tokenAt, tokenize, withValues } from "../model/sql";
import { formatRoute } from "../model/route";
import { filter, page, setTab } from "../session";
import css from "../style/lazy/sql-view.css";
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
const OWN = new Set(["params", "param_types", "columns", "types", "rows", "results", "severity", "detail", "hint", "position", "schema", "table", "column", "datatype", "constraint"]);

function tokensOf(f: Flow, mode: Mode) {
	const mysql = f.proto === "mysql";
	const all = tokenize(f.request!.target!.slice(0, LONG), mysql);
	if (mode === "sent" || f.request!.target!.length > LONG) return all;
	if (mode === "formatted") return layOut(all);
	return withValues(layOut(all), listOf(attrs(f.request!.attrs, "params")[0]), types(f), mysql);
}

const types = (f: Flow): string[] => listOf(attrs(f.response?.attrs, "param_types")[0]).map((x) => x ?? "");

export default function Statement({ f }: { f: Flow }) {
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
			<Hint f={f} />
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

/* That the request which caused this statement asked it again and again. */
function Hint({ f }: { f: Flow }) {
	const { related } = useRelated(f);
	const cause = related?.caused_by.rows[0];
	if (!related?.siblings?.length || !cause) return null;
	return (
		<RepeatedHint list={related.siblings}>
			<a class="btn tiny" href={formatRoute({ page: page.peek(), filter: filter.value, selected: cause.id, tab: "related", args: {} })}>
				Show the request
			</a>
		</RepeatedHint>
	);
}
