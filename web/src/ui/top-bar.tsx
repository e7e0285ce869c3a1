// SPDX-License-Identifier: Apache-2.0
import { signal } from "@preact/signals";
import { count, oneLine } from "../model/format";
import { capture, changeCapture, check, clearAll, containers, filter, follow, go, live, matched, page, scanning, searchAgain, step, stopSearch, total } from "../session";
import { stopped } from "../state/tally";
import { columnsOpen } from "./row-menu-open";
import { PAGES } from "../model/route";
import { filesOpen, showable } from "../state/screen";
import { overlay } from "./dialogs";
import { FilterBox } from "./filter-box";
import { Icon, Logo } from "./icons";

export const pickerOpen = signal(false);

export function clearAsked(): void {
	if (total.peek() > 1000) overlay.value = "clear";
	else void clearAll();
}

export function toggleRecording(): void {
	const c = capture.peek();
	if (c) void changeCapture({ paused: !c.paused });
}

function captureText(): string {
	const c = capture.value;
	if (!c) return "Containers";
	const watched = containers.value?.containers.filter((x) => x.captured && x.state === "running").length ?? 0;
	if (c.mode === "all") return c.hosts ? "Everything" : "All containers";
	if (c.mode === "except") return `All except ${c.names.length}`;
	return `${watched} ${watched === 1 ? "container" : "containers"}`;
}

export function TopBar() {
	const recording = !capture.value?.paused;
	const paused = follow.value.mode === "paused";
	return (
		<header class="top">
			<div class="brand">
				<Logo />
				<h1>Limpid</h1>
			</div>
			<nav class="pages" aria-label="Pages">
				{PAGES.map(([p, label], i) => (
					<button class="page-tab" aria-current={page.value === p ? "page" : undefined} title={`${label} (${i + 1})`} onClick={() => go(p)}>
						{label}
					</button>
				))}
			</nav>
			<FilterBox />
			<div class="actions">
				<button
					class="btn"
					id="picker-button"
					aria-expanded={pickerOpen.value}
					aria-controls="picker"
					title="Choose what is captured, for everybody"
					onClick={() => (pickerOpen.value = !pickerOpen.value)}
				>
					<Icon name="boxes" />
					<span>{captureText()}</span>
				</button>
				<button
					class={`btn rec ${recording ? "on" : "off"}`}
					id="record-button"
					aria-pressed={recording}
					disabled={!capture.value}
					title={recording ? "Recording, for everybody. Click to stop (Ctrl+E)" : "Nothing is recorded. Click to start (Ctrl+E)"}
					onClick={toggleRecording}
				>
					<span class="rec-dot" aria-hidden="true" />
					<span>{recording ? "Recording" : "Stopped"}</span>
				</button>
				<span class="rule" aria-hidden="true" />
				<button class={`btn ${paused ? "primary" : ""}`} id="pause-button" aria-pressed={paused} title="Hold this list still; recording goes on (Space)" onClick={() => step({ type: "space" })}>
					<Icon name={paused ? "play" : "pause"} />
					<span>{paused ? "Resume" : "Pause"}</span>
				</button>
				<button class="btn" id="files-button" title="Export, or open a file (w, o)" onClick={() => (filesOpen.value = "export")}>
					<Icon name="download" />
					<span>Export</span>
				</button>
				<button class="btn" id="clear-button" title="Delete all flows, for everybody (Ctrl+Shift+Delete)" disabled={!total.value} onClick={clearAsked}>
					<Icon name="clear" />
					<span>Clear</span>
				</button>
			</div>
		</header>
	);
}

/* Below the top bar: what the filter says in words, and whether the list moves. */
export function ViewLine() {
	const c = check.value;
	const f = follow.value;
	const filtered = filter.value !== "";
	return (
		<div class="view-line">
			<p id="filter-line" class={c.ok ? "" : "bad"} aria-live="polite">
				{c.ok ? (
					filtered ? (
						<>
							<span class="muted">Shown: </span>
							{showable(filter.value) ? oneLine(c.sentence || filter.value) : "what a filter leaves that holds a secret"}
						</>
					) : (
						<span class="muted">Everything that was captured</span>
					)
				) : (
					<>
						<Icon name="warn" />
						{c.error?.text ?? "This filter is not valid."} <span class="muted">The list still shows the last valid filter.</span>
					</>
				)}
			</p>
			{live.value && total.value > 0 && (filtered || page.value === "flows") && (
				<p class="view-state">
					{filtered && (
						<span class="num">
							{scanning.value >= 0 && (
								<>
									<progress class="search-bar" max={1} value={scanning.value} aria-label="Looking" />
									<span class="muted">looking, {Math.floor(scanning.value * 100)} % </span>
									<button class="btn tiny" id="stop-search" onClick={stopSearch}>
										Stop
									</button>{" "}
								</>
							)}
							{stopped.value > 0 && scanning.value < 0 && (
								<>
									<span class="muted">{count(stopped.value)} not looked at </span>
									<button class="btn tiny" id="search-again" onClick={searchAgain}>
										Look
									</button>{" "}
								</>
							)}
							{count(matched.value)} of {count(total.value)}
						</span>
					)}
					{page.value === "flows" && (
						<button
							class={`follow mode-${f.mode}`}
							aria-pressed={f.mode === "follow"}
							title={f.mode === "follow" ? "The list moves with new rows" : "Move with new rows again (F)"}
							onClick={() => step(f.mode === "paused" ? { type: "space" } : { type: "newest" })}
						>
							<span class="follow-mark" aria-hidden="true" />
							{f.mode === "follow" ? "Following" : f.mode === "paused" ? "Paused" : f.mode === "sorted" ? "Sorted" : "Held"}
						</button>
					)}
					{page.value === "flows" && (
						<button class="bare" id="columns-button" title="Choose and order columns (C)" aria-label="Columns" onClick={() => (columnsOpen.value = true)}>
							<Icon name="columns" />
						</button>
					)}
				</p>
			)}
		</div>
	);
}
