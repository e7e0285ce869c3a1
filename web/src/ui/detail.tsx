// SPDX-License-Identifier: Apache-2.0
// One exchange, entire: its head, and the tab that is chosen of detail-tabs.tsx.
import { oneLine, statusKind, statusText } from "../model/format";
import type { Flow } from "../model/api";
import { urlOf } from "../model/exchange";
import { closeDetail, detail, detailError, setTab } from "../session";
import { resendAsked } from "../state/resend";
import { Sealed } from "./detail-connection";
import { copyItems } from "./detail-copy";
import { shownTab, tabsOf } from "./detail-tabs";
import { Icon } from "./icons";
import { LazyPart } from "./lazy";
import { Menu } from "./menu";
import { dock, maximised, turnDock } from "./split";

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
					<div class="detail-body" role="tabpanel" id="detail-panel" aria-labelledby={`tab-${shownTab(f).id}`} key={f.id}>
						{shownTab(f).show(f)}
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
				{tabsOf(f).map((t) => {
					const on = shownTab(f).id === t.id;
					return (
						<button role="tab" id={`tab-${t.id}`} aria-selected={on} aria-controls="detail-panel" tabIndex={on ? 0 : -1} onClick={() => setTab(t.id)} onKeyDown={tabKeys}>
							{t.label}
						</button>
					);
				})}
			</div>}
			{sealed && <span class="grow" />}
			{!sealed && <Menu
				label="Copy"
				items={copyItems(f)}
			>
				<Icon name="copy" /> Copy
			</Menu>}
			<PaneButtons />
			{resendAsked.value && <LazyPart name="The dialog" load={() => import("./resend")} props={{ f: resendAsked.value }} />}
		</header>
	);
}

function tabKeys(e: KeyboardEvent): void {
	const d = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
	if (!d) return;
	e.preventDefault();
	e.stopPropagation();
	turnTab(d);
	document.getElementById(`tab-${shownTab(detail.peek()).id}`)?.focus();
}

export function turnTab(d: 1 | -1): void {
	const tabs = tabsOf(detail.peek());
	const at = tabs.indexOf(shownTab(detail.peek()));
	setTab(tabs[(at + d + tabs.length) % tabs.length]!.id);
}
