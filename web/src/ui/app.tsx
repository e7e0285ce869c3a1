// SPDX-License-Identifier: Apache-2.0
import { Component } from "preact";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { attachGrid, capture, changeCapture, detailOpen, filter, follow, link, live, lostSince, matched, page, step, total } from "../session";
import { announcement } from "../state/news";
import { clock, count } from "../model/format";
import { Detail } from "./detail";
import { Notice, SignIn, overlay } from "./dialogs";
import { setFilterText } from "./filter-box";
import { mountGrid } from "./grid";
import { Facets } from "./facets";
import { Lazy } from "./lazy";
import { Icon } from "./icons";
import { columnsOpen, noteOpen, rowMenu, savedOpen } from "./row-menu-open";
import { Splitter, dock, maximised, part } from "./split";
import { filesOpen, presenting, samplesHere } from "../state/screen";
import { StatusBar } from "./status-bar";
import { TopBar, ViewLine, pickerOpen } from "./top-bar";

/* A panel that fails on odd data says so and leaves the others alone. */
class Guard extends Component<{ name: string; children: ComponentChildren }, { error: string }> {
	override state = { error: "" };
	static override getDerivedStateFromError(e: unknown) {
		return { error: String(e) };
	}
	render() {
		if (!this.state.error) return this.props.children;
		return (
			<div class="panel-error" role="alert">
				<p>
					<Icon name="warn" /> {this.props.name} could not be shown: {this.state.error}
				</p>
				<button class="btn small" onClick={() => this.setState({ error: "" })}>
					Try again
				</button>
			</div>
		);
	}
}

function Banner() {
	if (link.value === "lost")
		return (
			<div class="banner warn" role="alert">
				<Icon name="warn" /> The hub has not answered since {clock(`${lostSince.value}000000`).slice(0, 8)}. Trying again; what is on screen stays.
			</div>
		);
	if (capture.value?.paused && total.value > 0)
		return (
			<div class="banner" role="status">
				<span class="rec-dot off" aria-hidden="true" /> Recording is stopped, for everybody.
				<button class="btn small" onClick={() => void changeCapture({ paused: false })}>
					Start recording
				</button>
			</div>
		);
	return null;
}

function Grid() {
	const host = useRef<HTMLDivElement>(null);
	useEffect(() => {
		const down = mountGrid(host.current!);
		host.current!.focus({ preventScroll: true });
		return () => {
			down();
			attachGrid(null);
		};
	}, []);
	return <div ref={host} id="grid" class="grid" role="grid" tabIndex={0} aria-label="Flows, newest last" aria-readonly="true" aria-multiselectable="true" />;
}

function Pill() {
	const f = follow.value;
	const again = f.mode === "sorted";
	if (f.mode === "follow" || (f.mode !== "paused" && f.fresh === 0)) return null;
	return (
		<button class={`pill ${f.mode}`} onClick={() => step(f.mode === "paused" ? { type: "space" } : { type: "newest" })}>
			<Icon name={f.mode === "paused" ? "play" : again ? "again" : "down"} />
			{f.mode === "paused" ? (f.fresh ? `Paused, ${count(f.fresh)} new` : "Paused") : `${count(f.fresh)} new`}
			<kbd>{f.mode === "paused" ? "Space" : "F"}</kbd>
		</button>
	);
}

function NoMatch() {
	if (!live.value || matched.value > 0 || total.value === 0) return null;
	return (
		<div class="no-match">
			<h2>No flow matches this filter</h2>
			<p class="muted">
				{count(total.value)} {total.value === 1 ? "flow is" : "flows are"} kept. New ones appear here as soon as they match.
			</p>
			<button class="btn" onClick={() => setFilterText("")}>
				Show all flows <kbd>Esc</kbd>
			</button>
		</div>
	);
}

function FlowsPage() {
	const box = useRef<HTMLElement>(null);
	const empty = live.value && total.value === 0;
	const d = dock();
	const showDetail = detailOpen.value;
	const max = showDetail && maximised.value;
	useEffect(() => box.current?.style.setProperty("--part", `${part()}%`));
	return (
		<main ref={box} class={`page flows dock-${d} ${showDetail ? "with-detail" : ""} ${max ? "max" : ""}`} hidden={page.value !== "flows"} aria-label="Flows">
			<div class="list" hidden={max}>
				<Grid />
				{!live.value && <p class="no-match muted">{link.value === "lost" ? "" : "Connecting…"}</p>}
				{filter.value !== "" && <NoMatch />}
				<Pill />
				{empty && (
					<Guard name="The checklist">
						<Lazy name="" load={() => import("./first-run")} />
					</Guard>
				)}
			</div>
			{showDetail && !max && <Splitter box={box} />}
			{showDetail && (
				<Guard name="The detail">
					<Detail />
				</Guard>
			)}
		</main>
	);
}

/* Their code comes when the first of them opens, and stays. */
let extras = false;
function Extras() {
	extras ||= !!rowMenu.value || noteOpen.value || columnsOpen.value || savedOpen.value;
	return extras ? <Lazy name="" load={() => import("./list-extras")} /> : null;
}

let overlays = false;
function Overlays() {
	overlays ||= overlay.value !== "";
	return overlays ? <Lazy name="" load={() => import("./overlays")} /> : null;
}

let files = false;
function FilesPart() {
	files ||= filesOpen.value !== "";
	return files ? <Lazy name="" load={() => import("./files")} /> : null;
}

export function App() {
	if (link.value === "signin") return <SignIn />;
	const mode = presenting.value; /* what is on screen is made anew with it */
	return (
		<div class="app">
			<Guard name="The bar">
				<TopBar />
			</Guard>
			{page.value === "flows" && <Facets key={`facets${mode}`} />}
			{page.value !== "health" && <ViewLine key={`line${mode}`} />}
			<Banner />
			{samplesHere.value && <Lazy name="" load={() => import("./samples-bar")} />}
			<div class="stage">
				<FlowsPage />
				{page.value === "map" && (
					<Guard key={`map${mode}`} name="The map">
						<Lazy name="Map" load={() => import("./map")} />
					</Guard>
				)}
				{page.value === "sql" && (
					<Guard key={`sql${mode}`} name="SQL">
						<Lazy name="SQL" load={() => import("./sql")} />
					</Guard>
				)}
				{page.value === "metrics" && (
					<Guard key={`metrics${mode}`} name="Metrics">
						<Lazy name="Metrics" load={() => import("./metrics")} />
					</Guard>
				)}
				{page.value === "health" && (
					<Guard key={`health${mode}`} name="Health">
						<Lazy name="Health" load={() => import("./health")} />
					</Guard>
				)}
				{pickerOpen.value && (
					<Guard name="The container panel">
						<Lazy name="" load={() => import("./picker")} />
					</Guard>
				)}
			</div>
			<StatusBar />
			<Notice />
			<div class="sr" role="status" aria-live="polite">
				{announcement.value}
			</div>
			<Overlays />
			<Extras />
			<FilesPart />
		</div>
	);
}
