// SPDX-License-Identifier: Apache-2.0
// What belongs with a flow: what caused it, what it caused, its trace, its connection.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../model/api";
import type { Flow } from "../model/api";
import { count, duration, oneLine, protoName, statusKind, statusText } from "../model/format";
import { covered, nsOfIso, spans } from "../model/related";
import { isSql } from "../model/kinds";
import type { Related, RelatedRow, RelatedRows, Repeated, Span } from "../model/related";
import { formatRoute } from "../model/route";
import type { Tab } from "../model/route";
import { filter, page } from "../session";
import css from "../style/lazy/related.css";
import { Icon } from "./icons";
import { adopt } from "./lazy";

adopt(css);

/* The address of a flow's detail, or of all that a filter shows: links, so that the browser's way back works. */
const linkTo = (id: string | null, tab: Tab, f: string) => formatRoute({ page: page.peek(), filter: f, selected: id, tab, args: {} });
const showAll = (f: string) => formatRoute({ page: "flows", filter: f, selected: null, tab: "headers", args: {} });
export const quote = (s: string) => `"${s.replace(/[\\"]/g, "\\$&")}"`;

/* What the hub says of f; null: not yet; asked again when f changes.  A change of a long conversation does not ask anew. */
export function useRelated(f: Flow): { related: Related | null; error: string } {
	const [related, setRelated] = useState<Related | null>(null);
	const [error, setError] = useState("");
	useEffect(() => {
		const call = new AbortController();
		setError("");
		api.related(f.id, call.signal).then(setRelated, (e: unknown) => {
			if (!call.signal.aborted) setError(e instanceof Error ? e.message : String(e));
		});
		return () => call.abort();
	}, [f.id, f.state]);
	return { related, error };
}

function Bar({ span, kind }: { span: Span; kind: string }) {
	return (
		<span class="rel-bar" aria-hidden="true">
			<svg viewBox="0 0 1000 10" preserveAspectRatio="none">
				<rect class={kind} x={span.left * 1000} width={Math.max(4, span.width * 1000)} height="10" />
			</svg>
		</span>
	);
}

function Line({ r, span }: { r: RelatedRow; span?: Span | undefined }) {
	const kind = statusKind(r);
	return (
		<li>
			<a class="rel-row" href={linkTo(r.id, "related", filter.value)} title={oneLine(`${r.src} to ${r.dst}: ${r.target}`, 1000)}>
				<span class="rel-proto">{protoName(r.proto)}</span>
				<span class="rel-what">
					{!isSql(r.proto) && <b>{oneLine(r.op, 40)} </b>}
					{oneLine(r.target || r.op, 300)}
				</span>
				<span class="rel-ends">
					{oneLine(r.src, 40)} → {oneLine(r.dst, 40)}
				</span>
				<span class="rel-status status-chip" data-kind={kind}>
					{statusText(r)}
				</span>
				{r.of > 1 && (
					<span class="rel-of" title={`${r.of} requests were being served by that process at this moment, and any of them may be the cause`}>
						1 of {r.of}
					</span>
				)}
				{span && <Bar span={span} kind={`k-${kind}`} />}
				<span class="rel-dur num">{r.dur_ns === null ? "open" : duration(r.dur_ns)}</span>
			</a>
		</li>
	);
}

function Section({ title, rows, more, children }: { title: string; rows: RelatedRows; more?: ComponentChildren; children?: ComponentChildren }) {
	return (
		<section class="rel-part" aria-label={title}>
			<header>
				<h3>{title}</h3> <span class="num muted">{count(rows.n)}</span>
				<span class="grow" />
				{more}
			</header>
			{children}
			{rows.n > rows.rows.length && <p class="muted note">{count(rows.n - rows.rows.length)} more are not listed here.</p>}
		</section>
	);
}

/* The same statement again and again for one request: most often a query in a loop. */
export function RepeatedHint({ list, children }: { list: readonly Repeated[]; children?: ComponentChildren }) {
	return (
		<>
			{list.map((g) => (
				<p class="rel-repeat" role="note">
					<Icon name="warn" />
					<span>
						<b>
							{count(g.n)} times the same {/^[A-Z]+ \//.test(g.shape) ? "request" : "statement"} for one request
						</b>
						{", "}
						<span class="num">{duration(g.busy_ns)}</span> in all (N+1?) <code>{oneLine(g.shape, 200)}</code>
					</span>
					<span class="grow" />
					{children}
					<a class="btn tiny" href={showAll(`shape=${quote(g.shape)}`)}>
						Show all like it
					</a>
				</p>
			))}
		</>
	);
}

function Caused({ f, r }: { f: Flow; r: Related }) {
	const at = spans(nsOfIso(f.ts), f.duration_ns ?? null, r.caused.rows);
	const busy = covered(r.caused.rows);
	const whole = r.caused.n <= r.caused.rows.length;
	return (
		<Section title="Caused by this request" rows={r.caused}>
			<p class="rel-sum muted">
				{whole && f.duration_ns ? (
					<>
						For <span class="num">{duration(busy)}</span> of <span class="num">{duration(f.duration_ns)}</span>
					</>
				) : (
					<>
						For <span class="num">{duration(r.caused.busy_ns)}</span> in all
					</>
				)}{" "}
				the {r.server_by === "container" ? "container" : "process"} that served it waited for {r.caused.n === 1 ? "this" : "these"}.
			</p>
			<RepeatedHint list={r.repeated} />
			<ul class="rel-list">
				<li class="rel-row rel-self" aria-hidden="true">
					<span class="rel-what muted">this request</span>
					<Bar span={at.self} kind="self" />
					<span class="rel-dur num">{f.duration_ns ? duration(f.duration_ns) : "open"}</span>
				</li>
				{r.caused.rows.map((x, i) => (
					<Line r={x} span={at.rows[i]} />
				))}
			</ul>
		</Section>
	);
}

function List({ rows }: { rows: RelatedRow[] }) {
	return (
		<ul class="rel-list">
			{rows.map((x) => (
				<Line r={x} />
			))}
		</ul>
	);
}

/* Why there is nothing to see, in words. */
function nothing(f: Flow, r: Related): string {
	if (f.stream || f.proto === "tcp") return "A conversation lasts as long as its connection: what its process did meanwhile is not told from other things.";
	if (!r.server_by && !r.client_by) return "The processes at both ends are not known, so it cannot be said what caused this or what it caused.";
	if (!r.server_by) return "The process that served this is not known (it is outside of what is captured), so it cannot be said what it asked for.";
	return "The process that served this asked for nothing that was captured while it did.";
}

export default function RelatedView({ f }: { f: Flow }) {
	const { related: r, error } = useRelated(f);
	if (error) return <p class="empty muted">{error}</p>;
	if (!r) return <p class="empty muted">Looking…</p>;
	const id = r.ids[0];
	return (
		<div class="related" tabIndex={0} role="region" aria-label="Related flows">
			{r.caused_by.n > 0 && (
				<Section title="Caused by" rows={r.caused_by}>
					{r.siblings && <RepeatedHint list={r.siblings} />}
					<List rows={r.caused_by.rows} />
				</Section>
			)}
			{r.caused.n > 0 && <Caused f={f} r={r} />}
			{r.caused.n === 0 && r.caused_by.n === 0 && <p class="muted rel-none">{nothing(f, r)}</p>}
			{(r.trace.n > 0 || id) && (
				<Section
					title="Same trace or request number"
					rows={r.trace}
					more={
						id && (
							<a class="btn tiny" href={showAll(`trace:${quote(traceText(id.name, id.value))}`)}>
								Show in the list
							</a>
						)
					}
				>
					{r.ids.map((x) => (
						<p class="rel-id">
							<span class="muted">{oneLine(x.name, 40)}</span> <code>{oneLine(x.value, 200)}</code>
						</p>
					))}
					<List rows={r.trace.rows} />
				</Section>
			)}
			{r.connection.n > 0 && (
				<Section
					title="Same connection"
					rows={r.connection}
					more={
						f.conn !== undefined && (
							<a class="btn tiny" href={showAll(`conn:${f.conn} port:${f.server.port ?? 0}`)}>
								Show in the list
							</a>
						)
					}
				>
					<List rows={r.connection.rows} />
				</Section>
			)}
		</div>
	);
}

/* Of traceparent the part that all of a trace share. */
function traceText(name: string, value: string): string {
	if (name === "traceparent") return value.split("-")[1] ?? value;
	if (name === "b3" || name === "sentry-trace") return value.split("-")[0] ?? value;
	if (name === "uber-trace-id") return value.split(":")[0] ?? value;
	return value;
}
