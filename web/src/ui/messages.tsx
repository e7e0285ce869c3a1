// SPDX-License-Identifier: Apache-2.0
// A conversation: its messages as rows, live while it is open, and the one that was chosen below them.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../model/api";
import type { Flow, Message } from "../model/api";
import { next, START } from "../model/follow";
import type { FollowEvent } from "../model/follow";
import { clock, clockLong, count, oneLine, size } from "../model/format";
import { Conversation } from "../model/messages";
import { nsOfIso } from "../model/related";
import { CONTROL, finder, joined, preview, step } from "../model/talk-text";
import css from "../style/lazy/talk.css";
import { adopt } from "./lazy";
import { JoinedText, MessageBody, TalkDiff } from "./message-one";
import type { TypeChoice } from "./message-one";
import { TalkMenu } from "./talk-menu";
import { Plot } from "./talk-plot";
import { Recycler } from "./recycler";

adopt(css);

const ROW = 24;
const NEAR = 20; /* rows from an end at which more are fetched */
const PLOTTED = 8; /* fewer messages are counted at a glance */
const NAMES = { c2s: "from the client", s2c: "from the server" } as const;
/* Which time the second column says; kept while the page is open. */
let sinceOpening = false;

function createRow(): HTMLElement {
	const el = document.createElement("div");
	el.className = "msg-row";
	el.setAttribute("role", "option");
	for (const c of ["msg-dir", "msg-time num", "msg-op", "msg-size num", "msg-text", "msg-step num"]) el.append(Object.assign(document.createElement("span"), { className: c }));
	return el;
}

/* What the row says besides the message itself. */
interface Beside {
	hole: number;
	chosen: boolean;
	picked: boolean; /* to be compared with */
	step: string;
}

function drawRow(el: HTMLElement, m: Message, b: Beside): void {
	const [dir, time, op, len, text, since] = [...el.children] as HTMLElement[];
	el.dataset.dir = m.dir;
	el.dataset.seq = String(m.seq);
	el.dataset.flags = m.flags?.join(" ") ?? "";
	el.classList.toggle("after-hole", b.hole > 0);
	el.classList.toggle("control", m.op !== null && m.op !== undefined && Object.hasOwn(CONTROL, m.op));
	el.classList.toggle("picked", b.picked);
	el.setAttribute("aria-selected", String(b.chosen));
	const ns = String(nsOfIso(m.ts));
	el.title = [m.seq > 0 ? `message ${count(m.seq)}, ${NAMES[m.dir]}` : NAMES[m.dir], clockLong(ns), b.hole > 0 ? `${count(b.hole)} before it are not kept` : "", m.flags?.join(", ") ?? "", b.picked ? "chosen for comparing" : ""].filter(Boolean).join("; ");
	dir!.textContent = m.dir === "c2s" ? "↑" : "↓";
	dir!.setAttribute("aria-label", NAMES[m.dir]);
	time!.textContent = clock(ns);
	since!.textContent = b.step;
	op!.textContent = oneLine(m.op ?? "message", 40);
	len!.textContent = size(m.body?.len ?? 0);
	text!.textContent = preview(m);
}

interface Props {
	f: Flow;
	/* What was said before and after the messages and is none of them: the one message of a side of a call. */
	before?: Message[];
	after?: Message[];
	/* Which type a message is read by, and how it is changed. */
	types?: TypeChoice;
}

export default function Messages({ f, before = [], after = [], types }: Props) {
	const port = useRef<HTMLDivElement>(null);
	const state = useRef<{ talk: Conversation; rec: Recycler; now: typeof START } | null>(null);
	/* Those on screen; made anew when something changes. */
	const shown = useRef<Message[]>([]);
	const [, redraw] = useState(0);
	const again = () => redraw((n) => n + 1);
	const [chosen, setChosen] = useState<Message | null>(null);
	const [picked, setPicked] = useState<Message | null>(null);
	const [diff, setDiff] = useState<[Message, Message] | null>(null);
	const [words, setWords] = useState("");
	const [quiet, setQuiet] = useState(false);
	const [whole, setWhole] = useState(false); /* the pieces put together are shown */
	const latest = useRef({ chosen: 0, picked: 0, words, quiet, before, after });
	latest.current = { chosen: chosen?.seq ?? NaN, picked: picked?.seq ?? NaN, words, quiet, before, after };
	const filtering = words.trim() !== "" || quiet;

	function find(): void {
		const { words: w, quiet: q, before: b, after: a } = latest.current;
		const list = state.current?.talk.list ?? [];
		const all = b.length || a.length ? [...b, ...list, ...a] : list;
		shown.current = w.trim() || q ? all.filter(finder(w, q)) : all;
	}

	/* What the list does is said in one place, model/follow.ts, as it is for the flows. */
	function event(e: FollowEvent): void {
		const s = state.current;
		if (!s) return;
		const r = next(s.now, e);
		s.now = r.state;
		if (r.effect === "end") s.rec.toEnd();
		else s.rec.redraw();
	}

	/* What is new; while somebody looks at older ones they are counted. */
	async function update(): Promise<void> {
		const s = state.current;
		if (!s) return;
		try {
			const had = s.talk.total;
			const dropped = await s.talk.follow();
			if (s !== state.current) return;
			find();
			if (dropped && !filtering && s.now.mode !== "follow") s.rec.shift(dropped);
			event({ type: "rows", n: had ? s.talk.total - had : 0 });
		} catch {
			/* the banner tells it; the next change tries again */
		}
		again();
	}

	/* Near an end of what is here: more of it, and what is on screen stays where it is. */
	async function more(from: number, to: number): Promise<void> {
		const s = state.current;
		if (!s || latest.current.words.trim() || latest.current.quiet) return;
		if (from < NEAR && s.now.mode !== "follow" && s.talk.hasEarlier) {
			const n = await s.talk.earlier();
			find();
			if (n && s === state.current) s.rec.shift(-n);
		} else if (to > shown.current.length - NEAR && !s.talk.reachesEnd) {
			const n = await s.talk.later();
			find();
			if (s === state.current) s.rec.shift(n);
		} else return;
		again();
	}

	useEffect(() => {
		const talk = new Conversation({
			newest: (n) => api.messages(f.id, n, ""),
			from: (seq, n) => api.messages(f.id, n, `from=${seq}`),
			before: (seq, n) => api.messages(f.id, n, `before=${seq}`),
		});
		const el = port.current!;
		const opened = nsOfIso(f.ts);
		const rec = new Recycler(el, el, ROW, {
			count: () => shown.current.length,
			create: createRow,
			draw: (row, i) => {
				const m = shown.current[i];
				if (!m) return;
				const last = shown.current[i - 1];
				const from = sinceOpening ? opened : last ? nsOfIso(last.ts) : null;
				const hole = shown.current === talk.list ? talk.hole(i) : 0;
				drawRow(row, m, { hole, chosen: m.seq === latest.current.chosen, picked: m.seq === latest.current.picked, step: from === null ? "" : step(Number(nsOfIso(m.ts) - from)) });
			},
			scrolled: (up, atEnd) => {
				event({ type: atEnd && !up && talk.reachesEnd ? "newest" : "away" });
				again();
			},
			window: (from, to) => void more(from, to).catch(() => undefined),
		});
		state.current = { talk, rec, now: START };
		void update();
		return () => {
			state.current = null;
			rec.destroy();
		};
	}, [f.id]);
	useEffect(() => void update(), [f]);
	useEffect(() => state.current?.rec.redraw(), [chosen, picked]);
	useEffect(() => {
		find();
		event({ type: "filter" });
		again();
	}, [words, quiet]);

	async function earlier(): Promise<void> {
		const s = state.current;
		if (!s) return;
		event({ type: "away" });
		const n = await s.talk.earlier();
		find();
		if (filtering) s.rec.redraw();
		else s.rec.shift(-n);
		again();
	}

	async function ends(newest: boolean): Promise<void> {
		const s = state.current;
		if (!s) return;
		if (newest && !s.talk.reachesEnd) await s.talk.newest();
		else if (!newest) await s.talk.oldest();
		find();
		if (newest && s.now.mode === "paused") event({ type: "space" });
		event({ type: newest ? "newest" : "away" });
		if (newest) s.rec.toEnd();
		else s.rec.place(0, 0);
		again();
	}

	const talk = state.current?.talk;
	const now = state.current?.now ?? START;
	const st = talk?.stream ?? f.stream;
	const missing = talk?.begun ? talk.total - talk.kept : 0;
	const list = talk?.list ?? [];
	const text = f.proto === "sse" || f.proto === "websocket" ? joined(list) : null;
	const choose = (i: number) => {
		const m = shown.current[i];
		if (!m) return;
		event({ type: "away" });
		setChosen(m);
		setDiff(null);
		state.current!.rec.reveal(i);
	};
	const indexOf = (seq: number) => shown.current.findIndex((m) => m.seq === seq);
	/* The first time chooses, the second compares with that one. */
	const compare = (m: Message) => {
		if (picked && picked.seq !== m.seq) setDiff([picked, m]);
		else setPicked(picked ? null : m);
	};
	const onKey = (e: KeyboardEvent) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const at = indexOf(latest.current.chosen);
		const move = (d: number) => choose(at < 0 ? shown.current.length - 1 : Math.max(0, Math.min(shown.current.length - 1, at + d)));
		const page = state.current?.rec.page ?? 10;
		const by: Record<string, () => unknown> = {
			ArrowDown: () => move(1), j: () => move(1), ArrowUp: () => move(-1), k: () => move(-1), PageDown: () => move(page), PageUp: () => move(-page),
			Home: () => ends(false), g: () => ends(false), End: () => ends(true), G: () => ends(true), F: () => ends(true), f: () => ends(true),
			" ": () => (event({ type: "space" }), again()),
			d: () => chosen && compare(chosen),
			t: () => turnTime(),
		};
		if (!by[e.key]) return;
		e.preventDefault();
		e.stopPropagation();
		by[e.key]!();
	};
	const turnTime = () => {
		sinceOpening = !sinceOpening;
		state.current?.rec.redraw();
		again();
	};
	return (
		<div class="messages">
			<p class="msg-sum" role="status">
				<span>
					<b class="num">{count((st?.c2s.messages ?? 0) + before.length)}</b> from the client, {size((st?.c2s.bytes ?? 0) + (before[0]?.body?.len ?? 0))}
				</span>
				<span>
					<b class="num">{count((st?.s2c.messages ?? 0) + after.length)}</b> from the server, {size((st?.s2c.bytes ?? 0) + (after[0]?.body?.len ?? 0))}
				</span>
				{missing > 0 && (
					<span class="warn" title={`The hub keeps the first 1,000 and the newest 9,000 messages of a conversation. ${count(st?.left_out ?? 0)} came faster than they could be written.`}>
						{count(missing)} not kept
					</span>
				)}
				<span class="grow" />
				{f.state === "open" && <span class="msg-live">{now.mode === "paused" ? "paused" : "live"}</span>}
				{now.fresh > 0 && (
					<button class="btn tiny" title="Follow the newest (F)" onClick={() => void ends(true)}>
						{count(now.fresh)} new ↓
					</button>
				)}
				<button class="btn tiny" disabled={!talk?.hasEarlier} onClick={() => void earlier()}>
					Earlier
				</button>
				<button class="btn tiny" title="The newest, and follow (End)" onClick={() => void ends(true)}>
					Newest
				</button>
				<TalkMenu f={f} shown={() => shown.current} chosen={chosen} />
			</p>
			<p class="msg-find">
				<input type="search" placeholder="Find: words, ↑ ↓, kind:close, size>1kb" aria-label="Find in messages" title="All words have to be there, in the first 4 kB of each message that is loaded. dir:up or ↑, dir:down or ↓, kind:text, size>1kb, json.price:12; - before one of them: not that" value={words} onInput={(e) => setWords(e.currentTarget.value)} />
				{!types && (
					<label>
						<input type="checkbox" checked={quiet} onChange={(e) => setQuiet(e.currentTarget.checked)} /> Hide ping and pong
					</label>
				)}
				{filtering && (
					<span class="muted num" role="status">
						{count(shown.current.length)} of the {count(list.length + before.length + after.length)} that are loaded
					</span>
				)}
				<span class="grow" />
				<button class="btn tiny" aria-pressed={sinceOpening} title="The last column: since the message before, or since the opening (t)" onClick={turnTime}>
					Since opening
				</button>
				{text !== null && (
					<button class="btn tiny" aria-pressed={whole} onClick={() => setWhole(!whole)}>
						Joined text
					</button>
				)}
			</p>
			{whole && text !== null && <JoinedText text={text} />}
			<div class="msg-split">
				<div class="msg-main">
					<div
						class="msg-list"
						ref={port}
						role="listbox"
						tabIndex={0}
						aria-label="Messages"
						onClick={(e) => {
							const row = (e.target as HTMLElement).closest<HTMLElement>(".msg-row");
							const i = row ? indexOf(Number(row.dataset.seq)) : -1;
							if (i >= 0) choose(i);
						}}
						onKeyDown={onKey}
					/>
					{talk?.begun && !shown.current.length && <p class="empty muted">{filtering ? "No message that is loaded is like that." : "No message yet."}</p>}
					{list.length >= PLOTTED && <Plot list={list} choose={(i) => choose(indexOf(list[i]!.seq))} />}
				</div>
				{diff ? (
					<TalkDiff id={f.id} two={diff} types={types} onClose={() => setDiff(null)} />
				) : (
					chosen && <MessageBody id={f.id} m={chosen} types={types} picked={picked} before={() => previousLike(shown.current, chosen)} onCompare={(other) => (other ? setDiff([other, chosen]) : compare(chosen))} onClose={() => setChosen(null)} />
				)}
			</div>
		</div>
	);
}

/* The message before it of the same kind and direction. */
function previousLike(list: readonly Message[], m: Message): Message | null {
	for (let i = list.findIndex((x) => x.seq === m.seq) - 1; i >= 0; i--) if (list[i]!.dir === m.dir && list[i]!.op === m.op) return list[i]!;
	return null;
}
