// SPDX-License-Identifier: Apache-2.0
// The rows of an answer as a grid: columns with their types, values that are NULL, empty or bytes told apart.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../model/api";
import type { Flow } from "../model/api";
import { bodyLine, count, oneLine, size } from "../model/format";
import { csv, json, resultsOf, rowOf, tsv } from "../model/sql";
import type { SqlResult } from "../model/sql";
import css from "../style/lazy/sql-view.css";
import { copyText } from "./clipboard";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import { Recycler } from "./recycler";
import { SqlValue } from "./sql-text";

adopt(css);

const MAX = 4 << 20; /* bytes of rows that are fetched */
const ROW = 24;
const HEAD = 40;
const SHOWN = 300; /* characters of a value in its cell */

type Row = (string | null)[];

export default function Result({ f }: { f: Flow }) {
	const body = f.response?.body;
	const [lines, setLines] = useState<string[]>([]);
	const [note, setNote] = useState("");
	const [at, setAt] = useState(0);
	useEffect(() => {
		const call = new AbortController();
		const take = (text: string, cut: boolean) => {
			const list = text.split("\n");
			if (cut || list.at(-1) === "") list.pop(); /* the last line is not whole, or none */
			setLines(list);
		};
		setAt(0);
		setNote("");
		if (!body?.cut) take(body?.text ?? "", false);
		else
			api.body(f.id, "resp", MAX, call.signal).then(
				(b) => {
					take(new TextDecoder().decode(b), b.length >= MAX);
					if (b.length >= MAX) setNote(`The first ${size(MAX)} are shown; the download has all of them.`);
				},
				(e: unknown) => !call.signal.aborted && setNote(e instanceof Error ? e.message : String(e)),
			);
		return () => call.abort();
	}, [f.id, f.state]);
	const results = useMemo(() => resultsOf(f.response?.attrs, lines.length), [f, lines]);
	const r = results[at] ?? results[0]!;
	const rows = useMemo(() => lines.slice(r.first, r.first + r.n), [lines, r]);
	const all = () => rows.map((l) => rowOf(l) ?? [l]);
	return (
		<div class="sql-result">
			<header class="side-head">
				<h3>Result</h3>
				<span class="side-sum">{told(r, results.length)}</span>
				{results.length > 1 && (
					<select aria-label="Which result" value={at} onChange={(e) => setAt(Number(e.currentTarget.value))}>
						{results.map((x, i) => (
							<option value={i}>
								{i + 1} of {results.length}: {count(x.n)} {x.n === 1 ? "row" : "rows"}
							</option>
						))}
					</select>
				)}
				<span class="grow" />
				<button class="btn tiny" disabled={!rows.length} title="NULL is an empty field, an empty text is quoted" onClick={() => void copyText(csv(r.columns, all()), "CSV")}>
					Copy CSV
				</button>
				<button class="btn tiny" disabled={!rows.length} title="Tabs between, NULL as \N: what PostgreSQL's COPY reads" onClick={() => void copyText(tsv(r.columns, all()), "TSV")}>
					Copy TSV
				</button>
				<button class="btn tiny" disabled={!rows.length} onClick={() => void copyText(json(r.columns, all()), "JSON")}>
					Copy JSON
				</button>
				<a class="bare" href={api.bodyPath(f.id, "resp")} download={`rows-${f.id.slice(0, 8)}.ndjson`} title="Download the rows, one JSON array a line" aria-label="Download the rows">
					<Icon name="download" />
				</a>
			</header>
			{body && body.captured < body.len && (
				<p class="body-note">
					<Icon name="warn" /> Only the first {size(body.captured)} of {size(body.len)} were kept; the limit is set in the container panel.
				</p>
			)}
			{note && <p class="body-note">{note}</p>}
			{rows.length > 0 || r.columns.length > 0 ? <Grid key={`${f.id} ${at} ${lines.length}`} r={r} rows={rows} /> : <p class="empty muted">{f.response ? "No rows." : f.state === "open" ? "No answer yet." : "There is no answer."}</p>}
		</div>
	);
}

function told(r: SqlResult, results: number): string {
	const columns = `${count(r.columns.length)} ${r.columns.length === 1 ? "column" : "columns"}`;
	const rows = r.sent !== null && r.sent > r.n ? `${count(r.n)} of ${count(r.sent)} rows kept` : `${count(r.n)} ${r.n === 1 ? "row" : "rows"}`;
	return results > 1 ? columns : `${rows}, ${columns}`;
}

/* Wide enough for the first rows, within bounds. */
function widths(r: SqlResult, rows: readonly (Row | null)[], n: number): number[] {
	return Array.from({ length: n }, (_, i) => {
		const long = Math.max((r.columns[i] ?? "").length, (r.types[i] ?? "").length, ...rows.map((x) => Math.min(60, (x?.[i] ?? "NULL").length)));
		return Math.max(56, Math.min(340, long * 7.4 + 22));
	});
}

const NUMERIC = /^(int|float|numeric|oid|money|decimal|double|tiny|short|long|bigint|smallint|serial)/i;

function fillCell(el: HTMLElement, v: string | null | undefined, right: boolean): void {
	const kind = v === undefined ? "none" : v === null ? "null" : v === "" ? "empty" : /^(\\x[0-9a-f]*|0x[0-9A-F]+)$/i.test(v) ? "bytes" : "plain";
	el.className = `sql-cell is-${kind}${right ? " right" : ""}`;
	el.textContent = v === undefined ? "" : v === null ? "NULL" : v === "" ? "empty" : bodyLine(v.length > SHOWN ? v.slice(0, SHOWN) + "…" : v);
}

function Grid({ r, rows }: { r: SqlResult; rows: readonly string[] }) {
	const port = useRef<HTMLDivElement>(null);
	const canvas = useRef<HTMLDivElement>(null);
	const rec = useRef<Recycler | null>(null);
	const [cell, setCell] = useState<{ row: number; col: number }>({ row: 0, col: 0 });
	const [open, setOpen] = useState(false);
	const active = useRef(cell);
	active.current = cell;
	const sample = useMemo(() => rows.slice(0, 100).map(rowOf), [rows]);
	const n = Math.max(r.columns.length, ...sample.map((x) => x?.length ?? 0));
	const grid = useMemo(() => `${String(rows.length).length + 3}ch ` + widths(r, sample, n).map((w) => `${w}px`).join(" "), [r, sample, n]);
	const right = useMemo(() => Array.from({ length: n }, (_, i) => NUMERIC.test(r.types[i] ?? "")), [r, n]);

	useEffect(() => {
		const own = new Recycler(port.current!, canvas.current!, ROW, {
			count: () => rows.length,
			create() {
				const el = document.createElement("div");
				el.className = "sql-row";
				el.setAttribute("role", "row");
				for (let i = 0; i <= n; i++) el.append(document.createElement("div"));
				return el;
			},
			draw(el, i) {
				const values = rowOf(rows[i]!) ?? [rows[i]!];
				el.setAttribute("aria-rowindex", String(i + 2));
				[...el.children].forEach((c, k) => {
					const td = c as HTMLElement;
					td.setAttribute("role", k ? "gridcell" : "rowheader");
					if (!k) {
						td.className = "sql-no";
						td.textContent = count(i + 1);
						return;
					}
					fillCell(td, values[k - 1], right[k - 1]!);
					const on = active.current.row === i && active.current.col === k - 1;
					td.classList.toggle("active", on);
					td.id = on ? "sql-active" : "";
					td.dataset.at = `${i} ${k - 1}`;
				});
			},
		}, HEAD);
		rec.current = own;
		own.redraw();
		return () => own.destroy();
	}, [rows, n]);
	useEffect(() => rec.current?.redraw(), [cell]);

	const go = (row: number, col: number) => {
		const to = { row: Math.max(0, Math.min(rows.length - 1, row)), col: Math.max(0, Math.min(n - 1, col)) };
		setCell(to);
		rec.current?.reveal(to.row);
		port.current?.querySelector(`.sql-head > :nth-child(${to.col + 2})`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
	};
	const keys = (e: KeyboardEvent) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const page = rec.current?.page ?? 10;
		const { row, col } = cell;
		const by: Record<string, () => void> = {
			ArrowDown: () => go(row + 1, col),
			ArrowUp: () => go(row - 1, col),
			ArrowLeft: () => go(row, col - 1),
			ArrowRight: () => go(row, col + 1),
			PageDown: () => go(row + page, col),
			PageUp: () => go(row - page, col),
			Home: () => go(0, col),
			End: () => go(rows.length - 1, col),
			Enter: () => setOpen(true),
		};
		if (!by[e.key]) return;
		e.preventDefault();
		e.stopPropagation();
		by[e.key]!();
	};
	const value = rowOf(rows[cell.row] ?? "")?.[cell.col];
	return (
		<>
			<div
				class="sql-grid"
				ref={port}
				role="grid"
				tabIndex={0}
				aria-label="Rows"
				aria-rowcount={rows.length + 1}
				aria-colcount={n + 1}
				aria-activedescendant={rows.length ? "sql-active" : undefined}
				style={{ "--sql-columns": grid }}
				onKeyDown={keys}
				onClick={(e) => {
					const at = (e.target as HTMLElement).closest<HTMLElement>("[data-at]")?.dataset.at?.split(" ").map(Number);
					if (!at) return;
					go(at[0]!, at[1]!);
					setOpen(true);
				}}
			>
				<div class="sql-head" role="row" aria-rowindex={1}>
					<div role="columnheader" class="sql-no">
						<span class="sr">Row</span>
					</div>
					{Array.from({ length: n }, (_, i) => (
						<div role="columnheader" class={right[i] ? "right" : ""} title={oneLine(`${r.columns[i] ?? ""} ${r.types[i] ?? ""}`, 300)}>
							<b>{oneLine(r.columns[i] ?? `column ${i + 1}`, 120)}</b>
							<span>{oneLine(r.types[i] ?? "", 60)}</span>
						</div>
					))}
				</div>
				<div class="sql-canvas" ref={canvas} role="rowgroup" />
			</div>
			{open && value !== undefined && (
				<section class="sql-whole" aria-label="The chosen value">
					<header class="side-head">
						<h3>{oneLine(r.columns[cell.col] ?? `column ${cell.col + 1}`, 120)}</h3>
						<span class="side-sum">
							row {count(cell.row + 1)}
							{value ? `, ${count(value.length)} characters` : ""}
						</span>
						<span class="grow" />
						<button class="btn tiny" onClick={() => void copyText(value ?? "", "Value")}>
							Copy
						</button>
						<button class="btn tiny" onClick={() => setOpen(false)}>
							Close
						</button>
					</header>
					<pre tabIndex={0}>
						<SqlValue v={value} max={100_000} />
					</pre>
				</section>
			)}
		</>
	);
}
