// SPDX-License-Identifier: Apache-2.0
// What is recorded, for everybody: kept apart from the filter, which is one tab's.
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { count, oneLine, size } from "../model/format";
import type { Capture, Container } from "../model/api";
import { formatEnds, parseEnds } from "../model/ends";
import { changeMode, outside, pick, picked, processRate, processRule, rateOf, ratesOf, title, tlsOf, tlsState } from "../model/pick";
import type { Rate, TlsState } from "../model/pick";
import { fetchMap, rate } from "../model/sums";
import { capture, changeCapture, containers, go, health, loadContainers, loadHealth } from "../session";
import { usePolled } from "../state/sums";
import css from "../style/lazy/picker.css";
import { adopt } from "./lazy";
import { Icon } from "./icons";
import { pickerOpen } from "./top-bar";

adopt(css);

const search = signal("");
const rates = signal<ReadonlyMap<string, Rate>>(new Map()); /* of the last minute */
const folded = signal<ReadonlySet<string>>(new Set());
const LIMITS = [0, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];
const BUDGETS = [0, 64 << 10, 1 << 20, 16 << 20, 256 << 20];

interface Group {
	name: string; /* Compose project or Kubernetes namespace, or "" */
	kind: string; /* "compose", "namespace", or "" */
	list: Container[];
}

export type GroupBy = "project" | "image" | "namespace";
const groupBy = signal<GroupBy>("project");

/* "compose shop", "namespace web", "image redis": what the container is listed under. */
function groupOf(c: Container, by: GroupBy): string {
	if (by === "image") return c.image ? `image ${c.image.replace(/@sha256:.*$/, "").replace(/:[^/:]*$/, "")}` : "";
	if (by === "namespace") return c.namespace ? `namespace ${c.namespace}` : "";
	return c.project ? `compose ${c.project}` : c.namespace ? `namespace ${c.namespace}` : "";
}

export function groups(list: Container[], text: string, how: GroupBy = "project"): Group[] {
	const t = text.trim().toLowerCase();
	const by = new Map<string, Container[]>();
	for (const c of list) {
		if (t && !`${c.name} ${c.image} ${c.project ?? ""} ${c.service ?? ""} ${c.namespace ?? ""} ${c.pod ?? ""}`.toLowerCase().includes(t)) continue;
		const p = groupOf(c, how);
		by.set(p, [...(by.get(p) ?? []), c]);
	}
	const order = (a: Container, b: Container) => Number(b.state === "running") - Number(a.state === "running") || (title(a) < title(b) ? -1 : 1);
	return [...by]
		.map(([key, l]) => {
			const [kind = "", ...name] = key.split(" ");
			return { kind, name: name.join(" "), list: l.sort(order) };
		})
		.sort((a, b) => Number(a.name === "") - Number(b.name === "") || (a.name < b.name ? -1 : 1));
}

function Check(p: { on: boolean; some?: boolean; label: string; id?: string; onChange: (on: boolean) => void }) {
	const ref = useRef<HTMLInputElement>(null);
	useEffect(() => {
		if (ref.current) ref.current.indeterminate = !!p.some;
	});
	return <input ref={ref} id={p.id} type="checkbox" aria-label={p.label} checked={p.on} onChange={(e) => p.onChange((e.target as HTMLInputElement).checked)} />;
}

const TLS = { read: ["ok", "TLS read"], part: ["warn", "TLS partly read"], not: ["warn", "TLS not read"] } as const;

/* What it says and how much of it, and whether its TLS is read. */
function State({ r, t }: { r: Rate | undefined; t: TlsState | null }) {
	if (!r && !t) return null;
	const [icon, word] = t ? TLS[t.state] : ["ok", ""];
	return (
		<span class="pick-more">
			{r && (
				<span class="num" title="In the last minute, asked and answered">
					{rate(r.flows, 1)} · {size(Math.round(r.bytes))}/s
				</span>
			)}
			{t && (
				<span class={`pick-tls ${t.state}`} title={oneLine([t.text, t.hint].filter(Boolean).join(" "), 600)}>
					<Icon name={icon as "ok"} /> {word}
					{t.text && <span class="muted">: {oneLine(t.text, 120)}</span>}
				</span>
			)}
		</span>
	);
}

function Line({ c, cap }: { c: Container; cap: Capture }) {
	const on = picked(cap, c);
	return (
		<li class={`pick ${on ? "" : "off"} ${c.state === "running" ? "" : "stopped"}`}>
			<label title={oneLine(`${title(c)}\n${c.image}\n${c.networks ?? ""} ${c.addrs.join(" ")}`.replace(/\n/g, "  "), 300)}>
				<Check on={on} label={title(c)} onChange={(v) => void changeCapture(pick(cap, [c], v))} />
				<span class="pick-name">{oneLine(title(c), 120)}</span>
				<span class="pick-image">{oneLine(c.image, 160)}</span>
				<span class="pick-state num" title="Flows kept">
					{!on ? "off" : c.state !== "running" ? c.state : c.flows ? count(c.flows) : "–"}
				</span>
				{on && <State r={rateOf(rates.value, c)} t={tlsOf(health.value, c)} />}
			</label>
		</li>
	);
}

function GroupBox({ g, cap }: { g: Group; cap: Capture }) {
	const on = g.list.filter((c) => picked(cap, c)).length;
	const key = `${g.kind} ${g.name}`;
	const closed = folded.value.has(key);
	const head = g.name || { project: "Without a project", image: "Without an image", namespace: "Without a namespace" }[groupBy.value];
	const fold = () => {
		const s = new Set(folded.value);
		if (!s.delete(key)) s.add(key);
		folded.value = s;
	};
	return (
		<section class="pick-group">
			<div class="pick-head">
				<button class="bare" aria-expanded={!closed} onClick={fold}>
					<Icon name={closed ? "right" : "more"} />
					<span class="pick-title">{oneLine(head, 80)}</span>
					{g.kind && <span class="muted">{g.kind}</span>}
				</button>
				<span class="muted num">
					{on} of {g.list.length}
				</span>
				<Check on={on > 0} some={on > 0 && on < g.list.length} label={`All of ${head}`} onChange={() => void changeCapture(pick(cap, g.list, on < g.list.length))} />
			</div>
			{!closed && (
				<ul>
					{g.list.map((c) => (
						<Line key={c.id} c={c} cap={cap} />
					))}
				</ul>
			)}
		</section>
	);
}

/* The usual sizes, and the one that is set. */
function Sizes(p: { name: string; label: string; title?: string; zero: string; usual: number[]; value: number; onChange: (n: number) => void }) {
	const all = p.usual.includes(p.value) ? p.usual : [...p.usual, p.value].sort((a, b) => a - b);
	const shown = (n: number) => (!n ? p.zero : n % 1024 ? size(n) : n % (1 << 20) ? `${n / 1024} KiB` : `${n / (1 << 20)} MiB`);
	return (
		<label title={p.title}>
			{p.label}{" "}
			<select name={p.name} value={String(p.value)} onChange={(e) => p.onChange(Number((e.target as HTMLSelectElement).value))}>
				{all.map((n) => (
					<option value={String(n)}>{shown(n)}</option>
				))}
			</select>
		</label>
	);
}

/* The choice by port and address.  It is sent when the field is left or Enter is pressed. */
function Ends({ cap }: { cap: Capture }) {
	const error = useSignal("");
	const typed = useSignal<string | null>(null);
	const shown = typed.value ?? formatEnds(cap.ends);
	const send = () => {
		if (typed.value === null) return;
		const r = parseEnds(typed.value);
		error.value = "error" in r ? r.error : "";
		if ("error" in r) return;
		typed.value = null;
		if (r.rules.join() !== cap.ends.join()) void changeCapture({ ends: r.rules });
	};
	return (
		<div class="pick-ends">
			<label for="pick-ends">Connections</label>
			<input
				id="pick-ends"
				type="text"
				placeholder="all; or: port 80, 443 not address 10.0.0.0/8"
				title="Of what is chosen above, only connections with such a port or address at either end; udp: datagrams that are kept"
				aria-invalid={error.value ? "true" : undefined}
				aria-describedby={error.value ? "pick-ends-error" : undefined}
				value={shown}
				onInput={(e) => (typed.value = (e.target as HTMLInputElement).value)}
				onKeyDown={(e) => {
					if (e.key === "Enter") send();
				}}
				onBlur={send}
			/>
			{error.value && (
				<p id="pick-ends-error" class="pick-error" role="alert">
					{error.value}
				</p>
			)}
		</div>
	);
}

/* One by one, with what they start. */
function Chosen({ cap }: { cap: Capture }) {
	const typed = useSignal("");
	const add = () => {
		const rule = processRule(typed.value);
		if (rule && !cap.processes.includes(rule)) void changeCapture({ processes: [...cap.processes, rule] });
		typed.value = "";
	};
	return (
		<div class="pick-chosen">
			{cap.processes.map((r) => (
				<span class="pick-chip" key={r}>
					{oneLine(r, 60)}
					<button class="bare" aria-label={`No longer ${oneLine(r, 60)}`} onClick={() => void changeCapture({ processes: cap.processes.filter((x) => x !== r) })}>
						<Icon name="close" />
					</button>
				</span>
			))}
			<input
				type="text"
				aria-label="Process to capture"
				placeholder={cap.hosts ? "all are captured" : "or only: 880, nginx*, nginx.service"}
				title="A process outside containers, by pid, name of its program, or unit of systemd; with what it starts"
				disabled={cap.hosts}
				spellcheck={false}
				maxLength={120}
				value={typed.value}
				onInput={(e) => (typed.value = e.currentTarget.value)}
				onKeyDown={(e) => {
					if (e.key === "Enter") add();
				}}
			/>
			<button class="btn tiny" disabled={cap.hosts || !typed.value.trim()} onClick={add}>
				Add
			</button>
		</div>
	);
}

/* What is seen of processes outside containers. */
function Outside({ cap }: { cap: Capture }) {
	const t = search.value.trim().toLowerCase();
	const list = outside(health.value).filter(([comm, all]) => !t || comm.toLowerCase().includes(t) || all.some((p) => String(p.pid) === t));
	if (!list.length) return null;
	return (
		<ul class="pick-outside">
			{list.slice(0, 100).map(([comm, all]) => (
				<li class="pick" key={comm}>
					<div class="pick-process">
						<Check
							on={cap.hosts || cap.processes.includes(`command ${comm}`)}
							label={comm}
							onChange={(on) => void changeCapture(cap.hosts ? { hosts: false, processes: on ? [] : list.map(([c]) => `command ${c}`).filter((r) => r !== `command ${comm}`) } : { processes: on ? [...cap.processes, `command ${comm}`] : cap.processes.filter((r) => r !== `command ${comm}`) })}
						/>
						<span class="pick-name">{oneLine(comm, 40)}</span>
						<span class="pick-image num">{all.length === 1 && all[0]!.processes === 1 ? `pid ${all[0]!.pid}` : `${count(all.reduce((n, p) => n + p.processes, 0))} processes`}</span>
						<State r={processRate(rates.value, comm)} t={tlsState(all)} />
					</div>
				</li>
			))}
		</ul>
	);
}

/* An agent that cannot do what is asked says so in its facts, or is not there. */
function Trouble() {
	const all = health.value?.agents ?? [];
	const lines = [
		...all.filter((a) => !a.connected).map((a) => `${a.hostname || a.id.slice(0, 8)} is not connected: it captures as it was last told.`),
		...all.filter((a) => a.connected).flatMap((a) => a.facts.filter((f) => f.key.startsWith("capture.") && f.level > 0).map((f) => `${a.hostname}: ${f.text}`)),
	];
	if (!lines.length) return null;
	return (
		<div class="pick-trouble" role="status">
			{lines.map((l) => (
				<p>
					<Icon name="warn" /> {oneLine(l, 300)}
				</p>
			))}
			<button class="btn tiny" onClick={() => go("health")}>
				Health
			</button>
		</div>
	);
}

const MODES: [Capture["mode"], string][] = [
	["all", "All"],
	["chosen", "Chosen"],
	["except", "All except"],
];

export default function Picker() {
	const input = useRef<HTMLInputElement>(null);
	usePolled("picker", (s) => fetchMap("", "1m", "container", s), (m) => {
		rates.value = ratesOf(m);
		void loadHealth();
		void loadContainers();
	});
	useEffect(() => {
		void loadContainers();
		input.current?.focus();
		return () => document.getElementById("picker-button")?.focus();
	}, []);
	const cap = capture.value;
	const all = containers.value?.containers ?? [];
	const shown = groups(all, search.value, groupBy.value);
	return (
		<aside
			id="picker"
			class="picker"
			aria-label="Containers and processes to capture"
			onKeyDown={(e) => {
				if (e.key === "Escape") {
					e.stopPropagation();
					pickerOpen.value = false;
				}
			}}
		>
			<div class="picker-head">
				<h2>What is captured</h2>
				<button class="bare" aria-label="Close" title="Close (Esc)" onClick={() => (pickerOpen.value = false)}>
					<Icon name="close" />
				</button>
			</div>
			{cap && (
				<div class="picker-top">
					<fieldset class="segments">
						<legend class="sr">Which containers</legend>
						{MODES.map(([m, label]) => (
							<label class={cap.mode === m ? "on" : ""}>
								<input type="radio" name="mode" value={m} checked={cap.mode === m} onChange={() => void changeCapture(changeMode(cap, m, all))} />
								{label}
							</label>
						))}
					</fieldset>
					<div class="picker-search">
						<Icon name="search" />
						<input ref={input} type="text" placeholder="Name, image, project" aria-label="Search containers" value={search.value} onInput={(e) => (search.value = (e.target as HTMLInputElement).value)} />
					</div>
					<label class="picker-by">
						Grouped by{" "}
						<select name="group_by" value={groupBy.value} onChange={(e) => (groupBy.value = (e.target as HTMLSelectElement).value as GroupBy)}>
							<option value="project">project</option>
							<option value="image">image</option>
							<option value="namespace">namespace</option>
						</select>
					</label>
				</div>
			)}
			<Trouble />
			{cap && (
				<div class="picker-list">
					{shown.map((g) => (
						<GroupBox key={`${g.kind} ${g.name}`} g={g} cap={cap} />
					))}
					{!shown.length && <p class="muted empty">{all.length ? "No container has this in its name, image, project or namespace." : (containers.value?.runtime || "No containers found.")}</p>}
					<section class="pick-group">
						<ul>
							<li class="pick wide">
								<label>
									<Check on={cap.hosts} id="pick-hosts" label="Processes outside containers" onChange={(v) => void changeCapture({ hosts: v })} />
									<span class="pick-name">Processes outside containers</span>
									<span class="pick-image">Limpid itself never</span>
								</label>
							</li>
							{cap.mode === "chosen" && (
								<li class="pick wide">
									<label>
										<Check on={cap.include_new} label="Containers that start later" onChange={(v) => void changeCapture({ include_new: v })} />
										<span class="pick-name">Containers that start later</span>
									</label>
								</li>
							)}
						</ul>
						<Chosen cap={cap} />
						<Outside cap={cap} />
					</section>
				</div>
			)}
			{cap && (
				<div class="picker-foot">
					<Ends cap={cap} />
					<Sizes name="body_limit" label="Keep of each body" zero="the usual" usual={LIMITS} value={cap.body_limit} onChange={(n) => void changeCapture({ body_limit: n })} />
					<Sizes
						name="conn_budget"
						label="Read of each connection"
						title="Of each direction. What moves after that is counted, not read; flows it concerns are marked truncated."
						zero="everything"
						usual={BUDGETS}
						value={cap.conn_budget}
						onChange={(n) => void changeCapture({ conn_budget: n })}
					/>
					<p class="muted">{containers.value?.runtime ? `${oneLine(containers.value.runtime, 60)} · ` : ""}applies at once, for everybody</p>
				</div>
			)}
		</aside>
	);
}
