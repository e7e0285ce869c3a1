// SPDX-License-Identifier: Apache-2.0
import { useEffect } from "preact/hooks";
import { age, count, duration, size } from "../model/format";
import type { Agent, Health } from "../model/api";
import { MISSING, ROOM, STEPS, missing, rooms, type Missing, type Room } from "../model/missing";
import css from "../style/lazy/health.css";
import { health, healthError, loadHealth } from "../session";
import { copyText } from "./clipboard";
import { CostCard } from "./costs";
import { FactLine, factLevel } from "./first-run";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import { Ledger } from "./ledger";
import { Gauge } from "./status-bar";

adopt(css);

const GROUPS = new Map([
	["loss", "Other losses"],
	["conn", "Connections and streams"],
	["queue", "Queue to the hub"],
	["decode", "Decoder"],
]);

/* An agent's counters, "loss.ring_bytes", by what stands before the dot. */
function counterGroups(a: Agent): [string, Tile[]][] {
	const by = new Map<string, Tile[]>();
	const table = missing(a.counters);
	for (const [key, n] of Object.entries(a.counters).sort(([x], [y]) => (x < y ? -1 : 1))) {
		if ((table && MISSING.has(key)) || ROOM.has(key) || key.startsWith("cost.")) continue;
		const [, group = "other", name = key] = /^(\w+)\.(.+)$/.exec(key) ?? [];
		const value = /(^|_)bytes(_|$)/.test(name) ? size(n) : count(n);
		const step = n > 0 ? (STEPS[key] ?? "") : "";
		const list = by.get(group) ?? [];
		list.push([name.replace(/_/g, " "), value, n > 0 && (group === "loss" || /dropped|bad|restarts|lost_flows/.test(name)), step]);
		by.set(group, list);
	}
	const order = [...GROUPS.keys()];
	const place = (g: string) => (order.indexOf(g) + order.length + 1) % (order.length + 1);
	return [...by].sort(([x], [y]) => place(x) - place(y));
}

/* Exact numbers: somebody wants to see them add up. */
function MissingTable({ m }: { m: Missing }) {
	if (!m.told && !m.kernel)
		return (
			<section class="counter-group">
				<h4>Bytes</h4>
				<p class="all-there">
					<Icon name="ok" />
					<span>
						<span class="num">{count(m.moved)}</span> moved, none is missing
					</span>
				</p>
			</section>
		);
	return (
		<section class="counter-group">
			<h4>Bytes</h4>
			<table class="missing">
				<thead>
					<tr>
						<td />
						<th scope="col">counted by the kernel</th>
						<th scope="col">told to the decoder</th>
					</tr>
				</thead>
				<tbody>
					<tr data-key="captured">
						<th scope="row">captured</th>
						<td />
						<td class="num">{count(m.captured)}</td>
					</tr>
					{m.reasons.map((r) => (
						<tr key={r.key} data-key={r.key} class={r.wanted ? "loss" : ""}>
							<th scope="row">
								<Icon name={r.wanted ? "warn" : "ok"} /> {r.text}
							</th>
							<td class="num">{r.key === "without_reason" ? "" : count(r.kernel)}</td>
							<td class="num">{count(r.told)}</td>
						</tr>
					))}
				</tbody>
				<tfoot>
					<tr data-key="missing">
						<th scope="row">missing, together</th>
						<td class="num">{count(m.kernel)}</td>
						<td class="num">{count(m.told)}</td>
					</tr>
					<tr data-key="moved">
						<th scope="row">moved</th>
						<td />
						<td class="num">{count(m.moved)}</td>
					</tr>
				</tfoot>
			</table>
			{m.kernel !== m.told && <p class="muted missing-note">What the kernel has counted is told within seconds, or when its connection says something again.</p>}
		</section>
	);
}

function AgentCard({ a }: { a: Agent }) {
	const facts = [...a.facts].sort((x, y) => y.level - x.level);
	const table = missing(a.counters);
	return (
		<section class="card">
			<header>
				<h3>{a.hostname || a.id.slice(0, 8)}</h3>
				<span class={`badge ${a.connected ? "ok" : "fail"}`}>
					<Icon name={a.connected ? "ok" : "fail"} />
					{a.connected ? "connected" : `last seen ${age(a.last_seen_ms * 1e6)} ago`}
				</span>
				<span class="muted">
					version {a.version} · kernel {a.kernel}
					{a.counters["agent.up_s"] !== undefined && ` · up ${duration(a.counters["agent.up_s"]! * 1e9)}`}
					{a.counters["decode.restarts"] !== undefined && ` · decoder restarted ${count(a.counters["decode.restarts"]!)} times`}
				</span>
			</header>
			<ul class="facts">
				{facts.map((f) => (
					<FactLine level={factLevel(f)} hint={f.hint}>
						{f.text} <code class="fact-key">{f.key}</code>
					</FactLine>
				))}
				{!facts.length && <FactLine level="wait">No report from this agent yet</FactLine>}
			</ul>
			<Rooms a={a} />
			{table && <MissingTable m={table} />}
			<Ledger a={a} />
			{counterGroups(a).map(([group, list]) => (
				<section class="counter-group">
					<h4>{GROUPS.get(group) ?? group}</h4>
					<Numbers list={list} />
				</section>
			))}
		</section>
	);
}

/* Name, value, whether it is bad, what to do then. */
type Tile = [string, string, boolean, string?];

/* How full what has a limit is. */
function Rooms({ a }: { a: Agent }) {
	const list = rooms(a.counters);
	if (!list.length) return null;
	const shown = (r: Room, n: number) => (r.bytes ? size(n) : count(n));
	return (
		<dl class="gauges rooms">
			{list.map((r) => {
				const full = Math.max(r.n / r.max, r.most) > 0.9;
				return (
					<div class={full ? "loss" : ""} data-key={r.key}>
						<dt>{r.text}</dt>
						<dd>
							<Gauge part={Math.min(1, r.n / r.max)} />
							<span class="num">
								{shown(r, r.n)} of {shown(r, r.max)}
							</span>
							{r.most >= 0 && <span class="muted num">{Math.round(r.most * 100)} % at most so far</span>}
							{full && (
								<span class="step">
									<Icon name="warn" /> {r.step}
								</span>
							)}
						</dd>
					</div>
				);
			})}
		</dl>
	);
}

function Numbers({ list }: { list: Tile[] }) {
	return (
		<dl class="numbers">
			{list.map(([k, v, bad, step]) => (
				<div class={bad ? "loss" : ""} title={step}>
					<dt>{k}</dt>
					<dd class="num">
						{bad && <Icon name="warn" />}
						{v}
						{bad && step && <span class="step">{step}</span>}
					</dd>
				</div>
			))}
		</dl>
	);
}

function losses(h: Health): Tile[] {
	const c = h.counters;
	const row = (k: string, n: number): Tile => [k, count(n), n > 0];
	return [
		["flows", count(c.flows), false],
		row("dropped", c.dropped),
		row("truncated", c.truncated),
		row("not decrypted", c.undecrypted),
		["gaps", count(c.gaps), c.gaps > 0, "bytes of connections that were not captured; below, each agent says why"],
		["evicted from the store", count(h.hub.evicted), false],
		["sent twice, kept once", count(h.hub.repeats), false],
	];
}

export default function HealthPage() {
	useEffect(() => void loadHealth(), []);
	const h = health.value;
	if (!h)
		return (
			<main class="page health" aria-label="Health">
				<p class="muted">{healthError.value || "Asking the hub…"}</p>
			</main>
		);
	const hub = h.hub;
	return (
		<main class="page health" aria-label="Health">
			<div class="page-inner">
				<div class="page-head">
					<h2>Health</h2>
					<button class="btn" title="Nothing that was captured is in it" onClick={() => void copyText(JSON.stringify(h, null, 2), "Diagnostics")}>
						<Icon name="copy" /> Copy diagnostics
					</button>
				</div>
				<section class="card">
					<header>
						<h3>Captured and lost</h3>
					</header>
					<Numbers list={losses(h)} />
				</section>
				<section class="card">
					<header>
						<h3>Hub and store</h3>
						<span class="muted">
							version {hub.version} · up {duration(hub.uptime_s * 1e9)} · {count(hub.clients)} {hub.clients === 1 ? "tab" : "tabs"} open
						</span>
					</header>
					{hub.store_error && (
						<ul class="facts">
							<FactLine level="fail">{hub.store_error}</FactLine>
						</ul>
					)}
					<dl class="gauges">
						<div>
							<dt>on disk</dt>
							<dd>
								<Gauge part={hub.store_max ? hub.store_bytes / hub.store_max : 0} />
								<span class="num">
									{size(hub.store_bytes)}
									{hub.store_max ? ` of ${size(hub.store_max)}` : ""}
								</span>
							</dd>
						</div>
						<div>
							<dt>rows in the list</dt>
							<dd>
								<Gauge part={hub.rows_max ? hub.rows / hub.rows_max : 0} />
								<span class="num">
									{count(hub.rows)}
									{hub.rows_max ? ` of ${count(hub.rows_max)}` : ""}
								</span>
							</dd>
						</div>
						<div>
							<dt>oldest flow kept</dt>
							<dd class="num">{Number(hub.oldest_ns) > 0 ? `${age(Date.now() * 1e6 - Number(hub.oldest_ns))} ago` : "–"}</dd>
						</div>
					</dl>
				</section>
				<CostCard h={h} />
				<h2 class="section">Agents</h2>
				{h.agents.map((a) => (
					<AgentCard a={a} />
				))}
				{!h.agents.length && (
					<section class="card">
						<ul class="facts">
							<FactLine level="fail" hint="sudo limpid agent -s 127.0.0.1:50052">
								No agent has connected: nothing is captured
							</FactLine>
						</ul>
					</section>
				)}
			</div>
		</main>
	);
}
