// SPDX-License-Identifier: Apache-2.0
// What was captured and what was lost, always in sight.  A number that can be looked into is a button.
import type { ComponentChildren } from "preact";
import { signal } from "@preact/signals";
import { age, count, size } from "../model/format";
import { counters, filter, go, health, link, matched, total } from "../session";
import { chooseTheme, nextTheme, storedTheme } from "../model/theme";
import { presenting, toggleZone, togglePresenting, utc, zoneName } from "../state/screen";
import { overlay } from "./dialogs";
import { setFilterText } from "./filter-box";
import { Icon } from "./icons";

const theme = signal(storedTheme());

function Loss(p: { id: string; label: string; n: number; title: string; onClick: () => void }) {
	return (
		<button id={p.id} class={`stat ${p.n ? "loss" : ""}`} title={p.title} onClick={p.onClick}>
			{p.n > 0 && <Icon name="warn" />}
			{p.label} <b class="num">{count(p.n)}</b>
		</button>
	);
}

function show(f: string): void {
	go("flows");
	setFilterText(f);
}

function Store(): ComponentChildren {
	const h = health.value?.hub;
	if (!h) return null;
	const oldest = Number(h.oldest_ns) > 0 ? age(Date.now() * 1e6 - Number(h.oldest_ns)) : null;
	const full = h.store_max ? Math.min(1, h.store_bytes / h.store_max) : 0;
	const text = h.store_max ? `${size(h.store_bytes)} of ${size(h.store_max)}` : size(h.store_bytes);
	return (
		<button id="stat-store" class={`stat ${h.store_error ? "loss" : ""}`} title={h.store_error ?? "What is kept on disk, and the age of the oldest flow kept"} onClick={() => go("health")}>
			{h.store_error ? <Icon name="warn" /> : <Gauge part={full} />}
			store <b class="num">{text}</b>
			{oldest && <span class="num"> · {oldest}</span>}
		</button>
	);
}

export function Gauge({ part }: { part: number }) {
	return (
		<svg class="gauge" viewBox="0 0 24 8" preserveAspectRatio="none" aria-hidden="true">
			<rect class="gauge-all" width="24" height="8" rx="2" />
			<rect class="gauge-part" width={Math.max(part > 0 ? 2 : 0, part * 24)} height="8" rx="2" />
		</svg>
	);
}

export function StatusBar() {
	const c = counters.value;
	const list = health.value?.agents ?? [];
	const up = list.filter((a) => a.connected).length;
	const t = theme.value;
	return (
		<footer class="status" aria-label="Status">
			<button id="stat-flows" class="stat" title="All flows kept; click to show all" onClick={() => show("")}>
				<b class="num">{count(total.value)}</b> {total.value === 1 ? "flow" : "flows"}
				{filter.value && (
					<span>
						{" "}
						· <b class="num">{count(matched.value)}</b> shown
					</span>
				)}
			</button>
			<Loss id="stat-dropped" label="dropped" n={c.dropped} title="Events and flows lost for want of speed or room, see Health" onClick={() => go("health")} />
			<Loss id="stat-truncated" label="truncated" n={c.truncated} title="Flows cut at a limit; click to show them" onClick={() => show("is:truncated")} />
			<Loss id="stat-undecrypted" label="not decrypted" n={c.undecrypted} title="Connections whose TLS could not be read, reasons on Health" onClick={() => go("health")} />
			<Loss id="stat-gaps" label="gaps" n={c.gaps} title={`Places where bytes of a connection are missing${c.gap_bytes ? `, ${size(c.gap_bytes)} in all` : ""}; click to show the flows they are in. Health says why they are missing and what to do.`} onClick={() => show("is:gap")} />
			<Store />
			<span class="grow" />
			<button id="stat-agents" class={`stat ${list.length && up < list.length ? "loss" : ""}`} title="Agents that are connected, of those known" onClick={() => go("health")}>
				{list.length > 0 && up < list.length && <Icon name="warn" />}
				agents{" "}
				<b class="num">
					{up}/{list.length}
				</b>
			</button>
			<span class="stat" title="The hub this page talks to">
				<Icon name={link.value === "open" ? "ok" : "wait"} /> {location.host}
			</span>
			<button id="present-button" class={`stat ${presenting.value ? "on" : "icon-only"}`} aria-pressed={presenting.value} title="Presentation mode: hide secrets on this screen (P)" aria-label={`Presentation mode${presenting.value ? ": secrets hidden" : ""}`} onClick={togglePresenting}>
				<Icon name="key" />
				{presenting.value && <span>secrets hidden</span>}
			</button>
			<button id="zone-button" class="stat" title={`Times are ${utc.value ? "UTC" : `of ${zoneName()}`}; click to change`} onClick={toggleZone}>
				{utc.value ? "UTC" : "local time"}
			</button>
			<button
				id="theme-button"
				class="stat icon-only"
				title={`Theme: ${t}; click to change`}
				aria-label={`Theme: ${t}`}
				onClick={() => {
					theme.value = nextTheme(t);
					chooseTheme(theme.value);
				}}
			>
				<Icon name={t === "system" ? "screen" : t === "light" ? "sun" : "moon"} />
			</button>
			<button class="stat icon-only" title="All keys (?)" aria-label="All keys" onClick={() => (overlay.value = "keys")}>
				<Icon name="help" />
			</button>
		</footer>
	);
}
