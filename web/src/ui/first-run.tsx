// SPDX-License-Identifier: Apache-2.0
// The empty list explains itself: live facts, each with what to do about it.
import type { ComponentChildren } from "preact";
import { count } from "../model/format";
import type { Container, Fact } from "../model/api";
import { capture, changeCapture, containers, counters, go, health, healthError, link } from "../session";
import { filesOpen } from "../state/screen";
import { copyText } from "./clipboard";
import { Icon } from "./icons";
import { loadSamples, samplesBusy } from "./samples";
import { pickerOpen } from "./top-bar";

const LEVEL = ["ok", "info", "fail"] as const;
const WORD = { ok: "Fine", info: "Notice", fail: "Problem", wait: "Waiting" } as const;

export function FactLine(p: { level: "ok" | "info" | "fail" | "wait"; children: ComponentChildren; hint?: string | null; action?: ComponentChildren }) {
	return (
		<li class={`fact ${p.level}`}>
			<span class="fact-mark">
				<Icon name={p.level === "info" ? "warn" : p.level} />
				<span class="sr">{WORD[p.level]}: </span>
			</span>
			<div class="fact-text">
				<p>{p.children}</p>
				{p.hint && <Hint text={p.hint} />}
			</div>
			{p.action && <div class="fact-action">{p.action}</div>}
		</li>
	);
}

/* A hint that is a command can be copied. */
function Hint({ text }: { text: string }) {
	if (!/^(sudo|docker|modprobe|sysctl|mount|apt|limpid) \S/.test(text)) return <p class="hint">{text}</p>;
	return <Command text={text} />;
}

export function Command({ text }: { text: string }) {
	return (
		<p class="command">
			<code>{text}</code>
			<button class="btn small" onClick={() => void copyText(text, "Command")}>
				<Icon name="copy" /> Copy
			</button>
		</p>
	);
}

export const factLevel = (f: Fact) => LEVEL[f.level] ?? "fail";

/* Two running containers that share a network: something to try that will be seen. */
export function tryIt(list: Container[]): string | null {
	const up = list.filter((c) => c.state === "running" && c.captured);
	const nets = (c: Container) => (c.networks ?? "").split(/[ ,]+/).filter((n) => n && n !== "host" && n !== "none");
	const safe = (s: string) => /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(s);
	for (const a of up)
		for (const b of up)
			if (a !== b && safe(a.name) && safe(b.name) && nets(a).some((n) => n !== "bridge" && nets(b).includes(n)))
				return `docker exec ${a.name} curl -s http://${b.service && safe(b.service) ? b.service : b.name}/`;
	const one = up.find((c) => c.addrs[0]);
	return one ? `curl -s http://${one.addrs[0]}/` : null;
}

/* One line for each library or program whose TLS is read; there may be dozens, and Health lists them. */
const isTls = (f: Fact) => f.key.startsWith("tls.");

function Watching() {
	const list = containers.value?.containers ?? [];
	const c = capture.value;
	const up = list.filter((x) => x.state === "running").length;
	const on = list.filter((x) => x.state === "running" && x.captured).length;
	const choose = (
		<button class="btn small" onClick={() => (pickerOpen.value = true)}>
			Choose containers…
		</button>
	);
	if (!containers.value) return <FactLine level="wait">Asking which containers there are</FactLine>;
	if (!list.length)
		return (
			<FactLine level={c?.hosts ? "ok" : "info"} action={choose} hint={c?.hosts ? null : "Start one, or watch processes outside containers too."}>
				No containers found{c?.hosts ? "; watching processes outside containers" : ""}
			</FactLine>
		);
	return (
		<FactLine level={on ? "ok" : "info"} action={choose}>
			Watching {on} of {up} running {up === 1 ? "container" : "containers"}
			{on > 0 && on <= 6 && <span class="muted"> ({list.filter((x) => x.state === "running" && x.captured).map((x) => x.name).join(", ")})</span>}
		</FactLine>
	);
}

export default function FirstRun() {
	const h = health.value;
	const agents = h?.agents ?? [];
	const facts = agents.flatMap((a) => a.facts.map((f) => ({ ...f, host: a.hostname })));
	/* What is wrong comes first. */
	facts.sort((a, b) => Number(b.level === 2) - Number(a.level === 2));
	const readable = facts.filter((f) => f.level === 0 && isTls(f)).length;
	const command = tryIt(containers.value?.containers ?? []);
	const c = counters.value;
	const connections = agents.reduce((n, a) => n + (a.counters["conn.open"] ?? 0), 0);
	return (
		<div class="first-run">
			<div class="first-run-inner">
				<h2>
					<span class="pulse" aria-hidden="true" />
					Waiting for the first request
				</h2>
				<ul class="facts">
					{facts
						.filter((f) => f.level === 2)
						.map((f) => (
							<FactLine level="fail" hint={f.hint}>
								{agents.length > 1 && <b>{f.host}: </b>}
								{f.text}
							</FactLine>
						))}
					{capture.value?.paused && (
						<FactLine
							level="fail"
							action={
								<button class="btn small primary" onClick={() => void changeCapture({ paused: false })}>
									Start recording
								</button>
							}
						>
							Recording is stopped, for everybody
						</FactLine>
					)}
					{link.value !== "open" ? (
						<FactLine level="wait">Connecting to the hub</FactLine>
					) : (
						<FactLine level="ok">
							Connected to the hub{h ? ` (version ${h.hub.version})` : ""}
						</FactLine>
					)}
					{healthError.value && <FactLine level="fail">{healthError.value}</FactLine>}
					{h && !agents.some((a) => a.connected) && (
						<FactLine level="fail" hint="sudo limpid agent -s 127.0.0.1:50052">
							No agent is connected: nothing captures on this machine
						</FactLine>
					)}
					{agents
						.filter((a) => a.connected)
						.map((a) => (
							<FactLine level="ok">
								Agent on {a.hostname} <span class="muted">version {a.version}, kernel {a.kernel}</span>
							</FactLine>
						))}
					{facts
						.filter((f) => f.level === 1 || (f.level === 0 && f.key !== "capture" && !isTls(f)))
						.map((f) => (
							<FactLine level={factLevel(f)} hint={f.level ? f.hint : null}>
								{agents.length > 1 && <b>{f.host}: </b>}
								{f.text}
							</FactLine>
						))}
					{readable > 0 && (
						<FactLine
							level="ok"
							action={
								<button class="btn small" onClick={() => go("health")}>
									Show which
								</button>
							}
						>
							TLS is read in {count(readable)} {readable === 1 ? "library or program" : "libraries and programs"}
						</FactLine>
					)}
					<Watching />
					{c.undecrypted > 0 && (
						<FactLine
							level="info"
							action={
								<button class="btn small" onClick={() => go("health")}>
									Show why
								</button>
							}
						>
							{count(c.undecrypted)} TLS {c.undecrypted === 1 ? "connection" : "connections"} could not be decrypted
						</FactLine>
					)}
					<FactLine level="wait">
						{count(c.flows)} requests so far
						{connections > 0 && <span class="muted">, {count(connections)} open {connections === 1 ? "connection" : "connections"} seen</span>}
					</FactLine>
				</ul>
				<p class="try-file">
					<button class="btn small" onClick={() => (filesOpen.value = "import")}>
						Open a saved file…
					</button>{" "}
					<span class="muted">a session, a HAR, a pcap</span>{" "}
					<button class="btn small" id="load-samples" disabled={samplesBusy.value} onClick={() => void loadSamples()}>
						{samplesBusy.value ? "Loading…" : "Load samples"}
					</button>{" "}
					<span class="muted">of a small shop, marked as samples</span>
				</p>
				{command && (
					<section class="try">
						<h3>Try it</h3>
						<Command text={command} />
					</section>
				)}
			</div>
		</div>
	);
}
