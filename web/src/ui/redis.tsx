// SPDX-License-Identifier: Apache-2.0
// A command of Redis: as it would be typed, its keys, its reply by types, and the transaction or pipeline that it was part of.
import { useEffect, useMemo, useState } from "preact/hooks";
import { api } from "../model/api";
import type { Flow, Half } from "../model/api";
import { pipelineOf, transactionOf } from "../model/brackets";
import { count, oneLine, size, statusKind } from "../model/format";
import { LINES_MAX, TYPE_HELP, argsOf, keysOf, quote, replyLines, valueOf, word } from "../model/redis";
import { attrs } from "../model/sql";
import css from "../style/lazy/redis.css";
import { BracketView } from "./bracket";
import { copyText } from "./clipboard";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import { useRelated } from "./related";

adopt(css);

const ARGS_SHOWN = 200;
const LINES_SHOWN = 500;
const TEXT_SHOWN = 2000;

/* What the hub's first answer cut off is asked for: at most so much. */
const BODY_MAX = 2 << 20;
function useValue(f: Flow, side: "req" | "resp", h: Half | null | undefined): unknown {
	const [more, setMore] = useState<unknown>(undefined);
	useEffect(() => {
		setMore(undefined);
		if (!h?.body?.cut) return;
		const call = new AbortController();
		api.bodyText(f.id, side, "decoded", BODY_MAX, call.signal).then(
			(text) => {
				try {
					setMore(JSON.parse(text));
				} catch {
					/* longer than that: the Body tab has what there is */
				}
			},
			() => undefined,
		);
		return () => call.abort();
	}, [f.id, f.state]);
	return useMemo(() => valueOf(h), [h]) ?? more;
}

export default function Redis({ f }: { f: Flow }) {
	const whole = useValue(f, "req", f.request);
	const args = Array.isArray(whole) ? whole : argsOf(f.request);
	const reply = useValue(f, "resp", f.response);
	const { related } = useRelated(f);
	const rows = related?.connection.rows ?? [];
	const bracket = useMemo(() => (related ? transactionOf(f, rows) : null), [f, related]);
	const pipe = useMemo(() => (related ? pipelineOf(f, rows) : null), [f, related]);
	const op = f.request?.op ?? "";
	const exec = op === "EXEC" && !!args?.every((a) => Array.isArray(a));
	return (
		<div class="redis" tabIndex={0} role="region" aria-label="Command and reply">
			{exec ? <Executed args={args as unknown[][]} reply={reply} f={f} /> : <Command f={f} args={args ?? []} whole={args !== null || !f.request?.body} />}
			<Redirect f={f} />
			<Reply f={f} reply={reply} hidden={exec && Array.isArray(reply)} />
			{bracket && bracket.rows.length > 1 && <BracketView f={f} b={bracket} tab="command" />}
			{pipe && <BracketView f={f} b={pipe} tab="command" />}
		</div>
	);
}

function line(op: string, args: readonly unknown[]): string {
	return [op.split(" ")[0]!, ...args.map(word)].join(" ");
}

function Args({ op, args }: { op: string; args: readonly unknown[] }) {
	const keys = new Set(keysOf(op, args));
	return (
		<>
			<b>{oneLine(op.split(" ")[0] ?? "", 60)}</b>
			{args.slice(0, ARGS_SHOWN).map((a, i) => (
				<>
					{" "}
					{keys.has(i) ? (
						<span class="redis-key" title="A key">
							{oneLine(word(a), TEXT_SHOWN)}
						</span>
					) : (
						<span>{oneLine(word(a), TEXT_SHOWN)}</span>
					)}
				</>
			))}
			{args.length > ARGS_SHOWN && <span class="muted"> and {count(args.length - ARGS_SHOWN)} more</span>}
		</>
	);
}

function Command({ f, args, whole }: { f: Flow; args: readonly unknown[]; whole: boolean }) {
	const op = f.request?.op ?? "";
	const keys = keysOf(op, args).map((i) => args[i]);
	const db = attrs(f.request?.attrs, "db")[0];
	if (!f.request) return <p class="muted">The server sent this without being asked.</p>;
	return (
		<section aria-label="Command">
			<header class="side-head">
				<h3>Command</h3>
				<span class="side-sum">
					{count(args.length)} {args.length === 1 ? "argument" : "arguments"}, {size(f.request.body?.len ?? 0)}
					{db !== undefined ? `, database ${oneLine(db, 20)}` : ""}
				</span>
				<span class="grow" />
				<button class="bare" title="Copy the command as it is typed" aria-label="Copy the command" onClick={() => void copyText(line(op, args), "Command")}>
					<Icon name="copy" />
				</button>
			</header>
			<pre class="redis-line" tabIndex={0}>
				<Args op={op} args={args} />
			</pre>
			{!whole && <p class="muted note">Not all of it was kept: the Body tab has what there is.</p>}
			{keys.length > 0 && (
				<p class="redis-keys">
					<span class="muted">{keys.length === 1 ? "Key" : `${count(keys.length)} keys`}</span>
					{keys.slice(0, 50).map((k) => (
						<code>{oneLine(word(k), 300)}</code>
					))}
					{keys.length > 50 && <span class="muted">and {count(keys.length - 50)} more</span>}
				</p>
			)}
		</section>
	);
}

/* EXEC: each of its commands with its own reply. */
function Executed({ f, args, reply }: { f: Flow; args: readonly unknown[][]; reply: unknown }) {
	const replies = Array.isArray(reply) ? (reply as unknown[]) : [];
	return (
		<section aria-label="Commands of the transaction">
			<header class="side-head">
				<h3>EXEC</h3>
				<span class="side-sum">
					{count(args.length)} {args.length === 1 ? "command" : "commands"}
					{attrs(f.response?.attrs, "errors")[0] ? `, ${attrs(f.response?.attrs, "errors")[0]} of them failed, the others took effect` : ""}
				</span>
			</header>
			<ol class="redis-exec">
				{args.slice(0, LINES_SHOWN).map((a, i) => (
					<li>
						<pre class="redis-line">
							<Args op={String(a[0] ?? "")} args={a.slice(1)} />
						</pre>
						{i < replies.length && <Tree value={replies[i]} status={null} />}
					</li>
				))}
			</ol>
		</section>
	);
}

function Redirect({ f }: { f: Flow }) {
	const to = attrs(f.response?.attrs, "redirect")[0];
	const slot = attrs(f.response?.attrs, "slot")[0];
	if (!to) return null;
	const ask = f.response?.status === "ASK";
	return (
		<p class="redis-redirect" role="note">
			<Icon name="warn" />
			<span>
				<b>{oneLine(f.response?.status ?? "", 20)}</b> {ask ? "The key's slot is on its way to another server, and this key is there already. This one command has to be sent there, with ASKING before it." : "The key's slot belongs to another server of the cluster. The client has to send this and all that follows for the slot there."} Slot <span class="num">{oneLine(slot ?? "?", 10)}</span>, server <code>{oneLine(to, 100)}</code>.
			</span>
		</p>
	);
}

function Tree({ value, status }: { value: unknown; status: string | null }) {
	const lines = useMemo(() => replyLines(value, status), [value, status]);
	return (
		<div class="redis-tree" role="list">
			{lines.slice(0, LINES_SHOWN).map((l) => (
				<div role="listitem" class="redis-reply" data-type={l.type}>
					<span class="redis-depth" style={{ "--depth": String(l.depth) }} />
					{l.label && <span class="num redis-label">{oneLine(l.label, 200)}</span>}
					<span class="redis-type" title={TYPE_HELP[l.type] ?? ""}>
						{l.type}
					</span>
					<span class="redis-text">{oneLine(l.text, TEXT_SHOWN)}</span>
				</div>
			))}
			{lines.length > LINES_SHOWN && (
				<p class="muted note">
					The first {count(LINES_SHOWN)} of {lines.length >= LINES_MAX ? `more than ${count(LINES_MAX)}` : count(lines.length)} lines; the Body tab has all of them.
				</p>
			)}
		</div>
	);
}

function Reply({ f, reply, hidden }: { f: Flow; reply: unknown; hidden: boolean }) {
	const r = f.response;
	const attribute = attrs(r?.attrs, "attribute")[0];
	if (hidden) return null;
	const error = f.failed || attrs(r?.attrs, "redirect").length > 0;
	return (
		<section aria-label="Reply">
			<header class="side-head">
				<h3>Reply</h3>
				{r?.status && (
					<span class="status-chip" data-kind={statusKind({ status: r.status, state: f.state, failed: f.failed, proto: f.proto })}>
						{oneLine(r.status, 40)}
					</span>
				)}
				<span class="side-sum">{r?.body ? size(r.body.len) : ""}</span>
			</header>
			{!r ? (
				<p class="muted">{f.state === "open" ? "No reply yet." : "There is no reply."}</p>
			) : r.body === null || r.body === undefined ? (
				<div class="redis-tree">
					<div class="redis-reply" data-type={error ? "error" : r.status === "nil" ? "nil" : "status"}>
						<span class="redis-type" title={TYPE_HELP[error ? "error" : r.status === "nil" ? "nil" : "status"]}>
							{error ? "error" : r.status === "nil" ? "nil" : "status"}
						</span>
						<span class="redis-text">{r.status === "nil" ? "(nil)" : oneLine(error ? `${r.status} ${r.reason ?? ""}` : (r.status ?? ""), TEXT_SHOWN)}</span>
					</div>
				</div>
			) : reply === undefined ? (
				<p class="muted">Not all of it was kept: the Body tab has what there is.</p>
			) : (
				<Tree value={reply} status={r.status ?? null} />
			)}
			{attribute && (
				<p class="muted note" title="RESP3: what the server says about the reply">
					Attribute <code>{oneLine(quote(attribute), 400)}</code>
				</p>
			)}
		</section>
	);
}
