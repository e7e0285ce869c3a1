// SPDX-License-Identifier: Apache-2.0
// One exchange, entire.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { clockLong, count, duration, oneLine, protoName, size, statusKind, statusText } from "../model/format";
import type { Flow, Half, Peer } from "../model/api";
import { curl, isSecret, schemeOf } from "../model/curl";
import { tlsFacts } from "../model/tls";
import { TABS } from "../model/route";
import type { Tab } from "../model/route";
import { closeDetail, detail, detailError, go, say, setTab, tab } from "../session";
import { BodyPane, bodyText } from "./body";
import { copyText } from "./clipboard";
import { addToFilter, quoted } from "./filter-box";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { Messages } from "./messages";
import { dock, maximised, turnDock } from "./split";

const LABEL: Record<Tab, string> = { messages: "Messages", headers: "Headers", body: "Body", timing: "Timing", connection: "Connection" };

/* The tabs that f has, and the one to show: that of the last flow, if this one has it. */
const tabsOf = (f: Flow | null): readonly Tab[] => (f?.stream ? TABS : TABS.filter((t) => t !== "messages"));
const shownTab = (f: Flow | null): Tab => (tabsOf(f).includes(tab.value) ? tab.value : "headers");

export function copyCurl(withSecrets: boolean): void {
	const f = detail.peek();
	if (!f) return;
	const { text, notes } = curl(f, withSecrets);
	void copyText(text, "cURL line").then(() => notes.length && say(`cURL line copied. ${notes.join(" ")}`));
}

export function Detail() {
	const f = detail.value;
	return (
		<section class="detail" id="detail" aria-label="Detail" tabIndex={-1}>
			{f ? <Head f={f} /> : <EmptyHead />}
			{f ? (
				f.proto === "tls" ? (
					<div class="detail-body" id="detail-panel" key={f.id}>
						<Sealed f={f} />
					</div>
				) : (
				<div class="detail-body" role="tabpanel" id="detail-panel" aria-labelledby={`tab-${shownTab(f)}`} key={f.id}>
					{shownTab(f) === "messages" && <Messages f={f} />}
					{shownTab(f) === "headers" && <Sides f={f} of={(h, side) => <Headers h={h} side={side} />} />}
					{shownTab(f) === "body" && <Bodies f={f} />}
					{shownTab(f) === "timing" && <Timing f={f} />}
					{shownTab(f) === "connection" && <Connection f={f} />}
				</div>
				)
			) : (
				<div class="detail-body">
					<p class="empty muted">{detailError.value || "Loading…"}</p>
				</div>
			)}
		</section>
	);
}

function PaneButtons() {
	const right = dock() === "right";
	return (
		<>
			<button class="bare" title={`Dock ${right ? "below" : "beside"} the list (|)`} aria-label={`Dock ${right ? "below" : "beside"} the list`} onClick={turnDock}>
				<Icon name={right ? "dockBottom" : "dockRight"} />
			</button>
			<button class="bare" title={maximised.value ? "Show the list again (\\)" : "Use the whole window (\\)"} aria-label="Whole window" aria-pressed={maximised.value} onClick={() => (maximised.value = !maximised.value)}>
				<Icon name={maximised.value ? "shrink" : "grow"} />
			</button>
			<button class="bare" title="Close (Esc)" aria-label="Close the detail" onClick={closeDetail}>
				<Icon name="close" />
			</button>
		</>
	);
}

function EmptyHead() {
	return (
		<header class="detail-head">
			<div class="detail-title" />
			<PaneButtons />
		</header>
	);
}

function urlOf(f: Flow): string {
	const host = f.request?.headers?.find(([k]) => /^(host|:authority)$/i.test(k))?.[1] ?? nameOf(f.server);
	const t = f.request?.target ?? "";
	return t.startsWith("/") ? `${f.tls ? "https" : "http"}://${host}${t}` : t;
}

function Head({ f }: { f: Flow }) {
	const status = f.response?.status ?? null;
	const kind = statusKind({ status, state: f.state, failed: f.failed, proto: f.proto });
	const sealed = f.proto === "tls";
	const word = sealed && status ? statusText({ status, reason: null, state: f.state, proto: f.proto}) : status ? `${status} ${f.response?.reason ?? ""}`.trim() : f.state === "open" ? "pending" : f.state === "reset" ? "reset" : "no answer";
	const url = urlOf(f);
	return (
		<header class="detail-head">
			<div class="detail-title">
				<span class="status-chip" data-kind={kind}>
					{oneLine(word, 60)}
				</span>
				<h2 title={oneLine(url, 2000)}>
					<b>{oneLine(f.request?.op ?? "–", 40)}</b> <span>{oneLine(url, 1000)}</span>
				</h2>
			</div>
			{!sealed && <div class="tabs" role="tablist" aria-label="Detail">
				{tabsOf(f).map((t) => (
					<button role="tab" id={`tab-${t}`} aria-selected={shownTab(f) === t} aria-controls="detail-panel" tabIndex={shownTab(f) === t ? 0 : -1} onClick={() => setTab(t)} onKeyDown={tabKeys}>
						{LABEL[t]}
					</button>
				))}
			</div>}
			{sealed && <span class="grow" />}
			{!sealed && <Menu
				label="Copy"
				items={[
					{ label: "as cURL", key: "c c", run: () => copyCurl(false) },
					{ label: "as cURL, with secrets", run: () => copyCurl(true) },
					{ label: "address", run: () => void copyText(url, "Address") },
					{ label: "request body", disabled: !f.request?.body?.captured, run: () => void copyText(bodyText(f.request?.body), "Request body") },
					{ label: "response body", disabled: !f.response?.body?.captured, run: () => void copyText(bodyText(f.response?.body), "Response body") },
				]}
			>
				<Icon name="copy" /> Copy
			</Menu>}
			<PaneButtons />
		</header>
	);
}

function tabKeys(e: KeyboardEvent): void {
	const d = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
	if (!d) return;
	e.preventDefault();
	e.stopPropagation();
	turnTab(d);
	document.getElementById(`tab-${shownTab(detail.peek())}`)?.focus();
}

export function turnTab(d: 1 | -1): void {
	const tabs = tabsOf(detail.peek());
	setTab(tabs[(tabs.indexOf(shownTab(detail.peek())) + d + tabs.length) % tabs.length]!);
}

function Sides({ f, of }: { f: Flow; of: (h: Half | null, side: "req" | "resp") => ComponentChildren }) {
	return (
		<div class="sides natural" tabIndex={-1}>
			<section class="side" aria-label="Request">
				<SideHead title="Request" f={f} h={f.request ?? null} side="req" />
				{of(f.request ?? null, "req")}
			</section>
			<section class="side" aria-label="Response">
				<SideHead title="Response" f={f} h={f.response ?? null} side="resp" />
				{of(f.response ?? null, "resp")}
			</section>
		</div>
	);
}

export function sizeText(h: Half): string {
	const b = h.body;
	if (!b || (!b.len && !b.captured)) return "no body";
	return size(b.len) + (b.encoding && b.encoding !== "identity" ? `, ${oneLine(b.encoding, 30)}` : "");
}

function SideHead({ title, f, h, side }: { title: string; f: Flow; h: Half | null; side: "req" | "resp" }) {
	return (
		<header class="side-head">
			<h3>{title}</h3>
			{h && <span class="side-sum">{sizeText(h)}</span>}
			{h?.body?.type && <span class="side-sum type">{oneLine(h.body.type, 60)}</span>}
			{!h && <span class="side-sum">{side === "req" ? "not seen" : f.state === "open" ? "not yet" : "none"}</span>}
		</header>
	);
}

function Headers({ h, side }: { h: Half | null; side: "req" | "resp" }) {
	const list = h?.headers ?? [];
	const attrs = Object.entries(h?.attrs ?? {});
	if (!h) return <p class="empty muted">{side === "req" ? "The request was not seen." : "There is no answer."}</p>;
	return (
		<div class="side-scroll" tabIndex={0} aria-label={side === "req" ? "Request headers" : "Response headers"}>
			<dl class="headers">
				{list.map(([k, v]) => (
					<Header k={k} v={v} side={side} />
				))}
			</dl>
			{!list.length && <p class="empty muted">No headers.</p>}
			{attrs.length > 0 && (
				<>
					<h4>More</h4>
					<dl class="headers">
						{attrs.map(([k, v]) => (
							<div class="header">
								<dt>{oneLine(k, 200)}</dt>
								<dd>{oneLine(Array.isArray(v) ? v.join(", ") : String(v))}</dd>
							</div>
						))}
					</dl>
				</>
			)}
			{!!h.body?.captured && (
				<button class="btn small to-body" onClick={() => setTab("body")}>
					Show the body, {size(h.body.len)}
				</button>
			)}
		</div>
	);
}

function Header({ k, v, side }: { k: string; v: string; side: "req" | "resp" }) {
	const [shown, setShown] = useState(!isSecret(k));
	const scheme = schemeOf(k, v);
	return (
		<div class="header">
			<dt title={oneLine(k, 500)}>{oneLine(k, 200)}</dt>
			<dd>
				{shown ? (
					<span class="value">{oneLine(v, 8192)}</span>
				) : (
					<>
						<span class="value">{oneLine(scheme, 40)}••••••</span>
						<button class="btn tiny" aria-label={`Reveal ${oneLine(k, 60)}`} onClick={() => setShown(true)}>
							reveal
						</button>
					</>
				)}
				{shown && /^[\w-]+$/.test(k) && (
					<button
						class="bare add"
						title="Show only flows with this header"
						aria-label={`Add ${oneLine(k, 60)} to the filter`}
						onClick={() => {
							go("flows");
							addToFilter(`${side}.header.${k.toLowerCase()}:${quoted(v.slice(0, 200))}`);
						}}
					>
						<Icon name="plus" />
					</button>
				)}
			</dd>
		</div>
	);
}

function Bodies({ f }: { f: Flow }) {
	const req = !!f.request?.body?.captured;
	const resp = !!f.response?.body?.captured;
	/* An empty side leaves its room to the other. */
	const only = req && !resp ? "req" : resp && !req ? "resp" : "";
	return (
		<div class={`sides ${only ? "one" : ""}`}>
			{only !== "resp" && (
				<section class="side" aria-label="Request">
					<BodyPane key={`${f.id}req`} f={f} side="req" title="Request" />
				</section>
			)}
			{only !== "req" && (
				<section class="side" aria-label="Response">
					<BodyPane key={`${f.id}resp`} f={f} side="resp" title="Response" />
				</section>
			)}
		</div>
	);
}

function Timing({ f }: { f: Flow }) {
	const all = f.duration_ns ?? null;
	const wait = f.ttfb_ns ?? null;
	const t = all && wait !== null ? Math.min(1, wait / all) : null;
	return (
		<div class="timing" tabIndex={0} aria-label="Timing">
			<dl class="facts-list">
				<div>
					<dt>Began</dt>
					<dd class="num">{clockLong(nsOf(f.ts))}</dd>
				</div>
				<div>
					<dt>Took</dt>
					<dd class="num">{all !== null ? `${duration(all)}  (${count(all)} ns)` : f.state === "open" ? "still open" : "not known: a part was not seen"}</dd>
				</div>
			</dl>
			{all !== null && wait !== null && t !== null && (
				<>
					<svg class="bar" viewBox="0 0 1000 18" preserveAspectRatio="none" aria-hidden="true">
						<rect class="bar-wait" x="0" width={t * 1000} height="18" />
						<rect class="bar-move" x={t * 1000} width={(1 - t) * 1000} height="18" />
					</svg>
					<dl class="facts-list legend">
						<div>
							<dt>
								<span class="key wait" aria-hidden="true" /> Waiting
							</dt>
							<dd>
								<span class="num">{duration(wait)}</span> <span class="muted">from the last byte of the request to the first of the answer</span>
							</dd>
						</div>
						<div>
							<dt>
								<span class="key move" aria-hidden="true" /> Moving
							</dt>
							<dd>
								<span class="num">{duration(all - wait)}</span> <span class="muted">sending the request and receiving the answer</span>
							</dd>
						</div>
					</dl>
				</>
			)}
			<p class="muted note">Measured in the kernel of the host, on {f.seen_by === "server" ? "the server's side" : f.seen_by === "both" ? "both sides" : "the client's side"}.</p>
		</div>
	);
}

/* "2026-11-22T13:00:00.123456789Z" -> Unix ns as text. */
function nsOf(ts: string): string {
	const [whole = "", frac = ""] = ts.replace(/Z$/, "").split(".");
	return String(BigInt(Date.parse(whole + "Z") || 0) * 1000000n + BigInt((frac + "000000000").slice(0, 9).replace(/\D/g, "0")));
}

const nameOf = (p: Peer): string => (p.pod && p.container && p.pod !== p.container ? `${p.pod}/${p.container}` : p.container) || p.comm || p.ip || p.path || "unknown";

function PeerCard({ title, p }: { title: string; p: Peer }) {
	const rows: [string, string][] = [];
	const add = (k: string, v: unknown) => v !== undefined && v !== null && v !== "" && v !== 0 && rows.push([k, oneLine(String(v), 300)]);
	add("address", p.ip ? `${p.ip.includes(":") ? `[${p.ip}]` : p.ip}${p.port ? `:${p.port}` : ""}` : "");
	add("socket", p.path);
	add("container", p.container);
	add("id", p.container_id?.slice(0, 12));
	add("image", p.image);
	add("project", p.project);
	add("pod", p.pod);
	add("namespace", p.namespace);
	add("process", p.comm);
	add("pid", p.pid);
	return (
		<section class="peer">
			<h3>
				<span class="muted">{title}</span> {oneLine(nameOf(p), 120)}
			</h3>
			<dl class="facts-list">
				{rows.map(([k, v]) => (
					<div>
						<dt>{k}</dt>
						<dd>{v}</dd>
					</div>
				))}
			</dl>
			{!p.container && !p.pid && <p class="muted note">Outside of what is captured.</p>}
		</section>
	);
}

const FLAGS = new Map<string, string>([
	["truncated", "A body or a list was cut at a configured limit."],
	["after_gap", "Bytes before or inside this exchange were lost."],
	["midstream", "The connection was already open when capture began."],
	["peer_inferred", "A peer's name, or which side is which, was concluded and not observed."],
	["no_request", "The request of this answer was not seen."],
	["bad_framing", "The lengths contradict each other; decided as the protocol's RFC says."],
	["decode_error", "The content encoding could not be undone: the body is as sent."],
]);

/* TLS that is not read: why and what to do first, then all that its handshake told. */
function Sealed({ f }: { f: Flow }) {
	const t = f.tls;
	const sent = f.request?.body?.len ?? 0;
	const got = f.response?.body?.len ?? 0;
	return (
		<div class="sealed-body" tabIndex={0} aria-label="TLS that is not read" role="region">
			<section class="sealed-why" aria-label="Why it is not read">
				<Icon name={f.failed ? "warn" : "lock"} />
				<div>
					<p>
						<b>{oneLine(t?.why ?? "This connection is TLS that is not read.", 300)}</b>
					</p>
					{t?.alert && (
						<p>
							The {oneLine(t.alert.by, 20)} sent {t.alert.name === "encrypted" ? "an alert that is encrypted: most often it does not accept the certificate" : <code>{oneLine(t.alert.name, 60)}</code>}.
						</p>
					)}
					{t?.hint && !t.alert && <p>{oneLine(t.hint, 400)}</p>}
					<p class="muted">
						<span class="num">{size(sent)}</span> from the client, <span class="num">{size(got)}</span> from the server, encrypted
						{f.duration_ns ? <>, in <span class="num">{duration(f.duration_ns)}</span></> : f.state === "open" ? ", still open" : ""}
						{t?.reason && (
							<>
								{" · "}
								<code>{oneLine(t.reason, 40)}</code>
							</>
						)}
					</p>
				</div>
			</section>
			<Connection f={f} />
		</div>
	);
}

function Connection({ f }: { f: Flow }) {
	const t = f.tls;
	const rows: [string, string][] = [["protocol", `${f.proto === "tls" ? "TLS over " : `${protoName(f.proto)} over ${t ? "TLS over " : ""}`}${f.l4 === "unix" ? "a unix socket" : f.l4.toUpperCase()}`]];
	if (t) rows.push(...tlsFacts(t));
	if (f.seen_by) rows.push(["seen at", f.seen_by === "both" ? "both sides" : `the ${oneLine(f.seen_by, 20)}`]);
	rows.push(["flow", f.id]);
	return (
		<div class="connection" tabIndex={0} aria-label="Connection">
			<div class="peers">
				<PeerCard title="From" p={f.client} />
				<Icon name="arrow" class="peer-arrow" />
				<PeerCard title="To" p={f.server} />
			</div>
			<dl class="facts-list">
				{rows.map(([k, v]) => (
					<div>
						<dt>{k}</dt>
						<dd>{v}</dd>
					</div>
				))}
			</dl>
			{!!f.flags?.length && (
				<ul class="flag-list">
					{f.flags.map((x) => (
						<li>
							<Icon name="warn" /> <b>{oneLine(x.replace(/_/g, " "), 40)}</b> {FLAGS.get(x) ?? ""}
						</li>
					))}
				</ul>
			)}
		</div>
	);
}
