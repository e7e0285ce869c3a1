// SPDX-License-Identifier: Apache-2.0
// A conversation: its messages as rows, live while it is open, and the one that was chosen below them.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../model/api";
import type { Body, Flow, Message } from "../model/api";
import { bodyLine, clock, count, oneLine, size } from "../model/format";
import { Conversation } from "../model/messages";
import { finder, joined, preview } from "../model/talk-text";
import { Recycler } from "./recycler";

const ROW = 24;
const BODY_MAX = 256 << 10;

/* "2026-11-22T13:00:00.123456789Z" -> Unix ns as text. */
function nsOf(ts: string): string {
	const [whole = "", frac = ""] = ts.replace(/Z$/, "").split(".");
	return String(BigInt(Date.parse(whole + "Z") || 0) * 1000000n + BigInt((frac + "000000000").slice(0, 9).replace(/\D/g, "0")));
}

const NAMES = { c2s: "from the client", s2c: "from the server" } as const;

function createRow(): HTMLElement {
	const el = document.createElement("div");
	el.className = "msg-row";
	el.setAttribute("role", "option");
	for (const c of ["msg-dir", "msg-time num", "msg-op", "msg-size num", "msg-text"]) el.append(Object.assign(document.createElement("span"), { className: c }));
	return el;
}

function drawRow(el: HTMLElement, m: Message, hole: number, chosen: boolean): void {
	const [dir, time, op, len, text] = [...el.children] as HTMLElement[];
	el.dataset.dir = m.dir;
	el.dataset.seq = String(m.seq);
	el.dataset.flags = m.flags?.join(" ") ?? "";
	el.classList.toggle("after-hole", hole > 0);
	el.setAttribute("aria-selected", String(chosen));
	el.title = [`message ${count(m.seq)}, ${NAMES[m.dir]}`, hole > 0 ? `${count(hole)} before it are not kept` : "", m.flags?.join(", ") ?? ""].filter(Boolean).join("; ");
	dir!.textContent = m.dir === "c2s" ? "↑" : "↓";
	dir!.setAttribute("aria-label", NAMES[m.dir]);
	time!.textContent = clock(nsOf(m.ts));
	op!.textContent = oneLine(m.op ?? "message", 40);
	len!.textContent = size(m.body?.len ?? 0);
	text!.textContent = preview(m);
}

export function Messages({ f }: { f: Flow }) {
	const port = useRef<HTMLDivElement>(null);
	const state = useRef<{ talk: Conversation; rec: Recycler; follow: boolean } | null>(null);
	/* Of the messages that are here those that are found; null: all. */
	const found = useRef<Message[] | null>(null);
	const shown = () => found.current ?? state.current?.talk.list ?? [];
	const [, redraw] = useState(0);
	const [chosen, setChosen] = useState<Message | null>(null);
	const [words, setWords] = useState("");
	const [quiet, setQuiet] = useState(false);
	const [whole, setWhole] = useState(false); /* the pieces put together are shown */
	const chosenSeq = useRef(0);
	chosenSeq.current = chosen?.seq ?? 0;

	const filtering = words.trim() !== "" || quiet;
	const search = useRef({ words, quiet });
	search.current = { words, quiet };
	function find(): void {
		const { words: w, quiet: q } = search.current;
		const list = state.current?.talk.list ?? [];
		found.current = w.trim() || q ? list.filter(finder(w, q)) : null;
	}

	/* What is new, at the end if that is what was on screen. */
	async function update(): Promise<void> {
		const s = state.current;
		if (!s) return;
		try {
			const dropped = await s.talk.follow();
			if (s !== state.current) return;
			find();
			if (s.follow) s.rec.toEnd();
			else if (dropped && !found.current) s.rec.shift(dropped);
			else s.rec.redraw();
		} catch {
			/* the banner tells it; the next change tries again */
		}
		redraw((n) => n + 1);
	}

	useEffect(() => {
		const talk = new Conversation({
			newest: (n) => api.messages(f.id, n, ""),
			from: (seq, n) => api.messages(f.id, n, `from=${seq}`),
			before: (seq, n) => api.messages(f.id, n, `before=${seq}`),
		});
		const el = port.current!;
		const rec = new Recycler(el, el, ROW, {
			count: () => (found.current ?? talk.list).length,
			create: createRow,
			draw: (row, i) => {
				const m = (found.current ?? talk.list)[i];
				if (m) drawRow(row, m, found.current ? 0 : talk.hole(i), m.seq === chosenSeq.current);
			},
			scrolled: (up, atEnd) => {
				if (state.current) state.current.follow = atEnd && !up;
			},
		});
		state.current = { talk, rec, follow: true };
		void update();
		return () => {
			state.current = null;
			rec.destroy();
		};
	}, [f.id]);
	useEffect(() => void update(), [f]);
	useEffect(() => state.current?.rec.redraw(), [chosen]);
	useEffect(() => {
		find();
		if (state.current?.follow) state.current.rec.toEnd();
		else state.current?.rec.redraw();
		redraw((n) => n + 1);
	}, [words, quiet]);

	async function earlier(): Promise<void> {
		const s = state.current;
		if (!s) return;
		s.follow = false;
		const n = await s.talk.earlier();
		find();
		if (found.current) s.rec.redraw();
		else s.rec.shift(-n);
		redraw((k) => k + 1);
	}

	async function newest(): Promise<void> {
		const s = state.current;
		if (!s) return;
		if (!s.talk.reachesEnd) await s.talk.newest();
		find();
		s.follow = true;
		s.rec.toEnd();
		redraw((k) => k + 1);
	}

	const talk = state.current?.talk;
	const st = talk?.stream ?? f.stream;
	const missing = talk?.begun ? talk.total - talk.kept : 0;
	const text = f.proto === "sse" || f.proto === "websocket" ? joined(talk?.list ?? []) : null;
	const choose = (i: number) => {
		const m = shown()[i];
		if (!m) return;
		setChosen(m);
		state.current!.rec.reveal(i);
	};
	return (
		<div class="messages">
			<p class="msg-sum" role="status">
				<span>
					<b class="num">{count(st?.c2s.messages ?? 0)}</b> from the client, {size(st?.c2s.bytes ?? 0)}
				</span>
				<span>
					<b class="num">{count(st?.s2c.messages ?? 0)}</b> from the server, {size(st?.s2c.bytes ?? 0)}
				</span>
				{missing > 0 && (
					<span class="warn" title={`The hub keeps the first 1,000 and the newest 9,000 messages of a conversation. ${count(st?.left_out ?? 0)} came faster than they could be written.`}>
						{count(missing)} not kept
					</span>
				)}
				<span class="grow" />
				{f.state === "open" && <span class="msg-live">live</span>}
				<button class="btn tiny" disabled={!talk?.hasEarlier} onClick={() => void earlier()}>
					Earlier
				</button>
				<button class="btn tiny" onClick={() => void newest()}>
					Newest
				</button>
			</p>
			<p class="msg-find">
				<input type="search" placeholder="Find in messages; ↑ or ↓: one direction" aria-label="Find in messages" title="Looks into the first 4 kB of each message that is loaded" value={words} onInput={(e) => setWords(e.currentTarget.value)} />
				<label>
					<input type="checkbox" checked={quiet} onChange={(e) => setQuiet(e.currentTarget.checked)} /> Hide ping and pong
				</label>
				{filtering && (
					<span class="muted num" role="status">
						{count(shown().length)} of the {count(talk?.list.length ?? 0)} that are loaded
					</span>
				)}
				<span class="grow" />
				{text !== null && (
					<button class="btn tiny" aria-pressed={whole} onClick={() => setWhole(!whole)}>
						Joined text
					</button>
				)}
			</p>
			{whole && text !== null && (
				<section class="msg-body" aria-label="What the server said, put together">
					<pre tabIndex={0}>{text.split("\n").map(bodyLine).join("\n")}</pre>
				</section>
			)}
			<div
				class="msg-list"
				ref={port}
				role="listbox"
				tabIndex={0}
				aria-label="Messages"
				onClick={(e) => {
					const row = (e.target as HTMLElement).closest<HTMLElement>(".msg-row");
					const i = row ? shown().findIndex((m) => String(m.seq) === row.dataset.seq) : -1;
					if (i >= 0) choose(i);
				}}
				onKeyDown={(e) => {
					const d = e.key === "ArrowDown" || e.key === "j" ? 1 : e.key === "ArrowUp" || e.key === "k" ? -1 : 0;
					if (!d || !talk) return;
					e.preventDefault();
					e.stopPropagation();
					const list = shown();
					const at = list.findIndex((m) => m.seq === chosenSeq.current);
					choose(at < 0 ? list.length - 1 : Math.max(0, Math.min(list.length - 1, at + d)));
				}}
			/>
			{talk?.begun && !talk.list.length && <p class="empty muted">No message yet.</p>}
			{chosen && <MessageBody id={f.id} m={chosen} onClose={() => setChosen(null)} />}
		</div>
	);
}

/* Only what begins as JSON is laid out as JSON. */
function formOf(b: Body): "shown" | "pretty" | "decoded" | "hex" {
	if (b.decoded !== undefined) return "shown";
	if (b.text === undefined) return "hex";
	return /^\s*[[{]/.test(b.text) ? "pretty" : "decoded";
}

function MessageBody({ id, m, onClose }: { id: string; m: Message; onClose: () => void }) {
	const [text, setText] = useState("…");
	const b = m.body;
	useEffect(() => {
		const call = new AbortController();
		setText(b ? "…" : "");
		if (b)
			api.messageBody(id, m.seq, formOf(b), BODY_MAX, call.signal).then(setText, (e: unknown) => {
				if (!call.signal.aborted) setText(e instanceof Error ? e.message : String(e));
			});
		return () => call.abort();
	}, [id, m.seq]);
	return (
		<section class="msg-body" aria-label={`Message ${m.seq}`}>
			<header class="side-head">
				<h3>
					{m.dir === "c2s" ? "↑" : "↓"} {oneLine(m.op ?? "message", 40)}
				</h3>
				<span class="side-sum">
					message {count(m.seq)}, {b ? size(b.len) : "empty"}
					{b?.encoding ? `, ${oneLine(b.encoding, 30)}` : ""}
				</span>
				{Object.entries(m.attrs ?? {}).map(([k, v]) => (
					<span class="side-sum">
						{oneLine(k, 40)}: {oneLine(Array.isArray(v) ? v.join(", ") : v, 200)}
					</span>
				))}
				{m.flags?.map((x) => <span class="side-sum warn">{oneLine(x.replace(/_/g, " "), 40)}</span>)}
				<span class="grow" />
				<button class="btn tiny" onClick={onClose}>
					Close
				</button>
			</header>
			<pre tabIndex={0}>{text}</pre>
		</section>
	);
}
