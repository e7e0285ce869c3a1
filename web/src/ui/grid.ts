// SPDX-License-Identifier: Apache-2.0
// The list of flows.  Draws itself on recycled rows; no framework in here, because this runs at every
// frame of a scroll.
import { selection, attachGrid, follow, shownEnd, step, view } from "../session";
import type { Row } from "../model/api";
import { clock, clockLong, duration, oneLine, protoName, size, statusKind, statusText } from "../model/format";
import { template } from "../model/columns";
import { columns, layout } from "../state/columns";
import { COLOURS, picked } from "../state/notes";
import { presenting } from "../state/screen";
import { lockIcon } from "./dom-icons";
import { drawHead } from "./grid-head";
import { cellAt, listenToMouse } from "./grid-mouse";
import { Recycler } from "./recycler";

const ROW = 24;
const HEAD = 28;
const FLAG = new Map<string, [string, string]>([
	["truncated", ["cut", "The body was cut at the configured limit"]],
	["after_gap", ["gap", "Bytes before or inside this exchange were lost"]],
	["midstream", ["mid", "The connection was already open when capture began"]],
	["no_request", ["no req", "The request of this answer was not seen"]],
	["bad_framing", ["framing", "The lengths contradict each other"]],
	["decode_error", ["undecoded", "The content encoding could not be undone"]],
]);

interface Cells {
	[key: string]: HTMLElement;
}
const cellsOf = new WeakMap<HTMLElement, Cells>();
let serial = 0;

function create(): HTMLElement {
	const row = document.createElement("div");
	row.className = "row";
	row.setAttribute("role", "row");
	row.id = `row-${serial++}`;
	const cells: Cells = {};
	for (const c of columns.peek()) {
		const cell = document.createElement("div");
		cell.className = `cell c-${c.key}`;
		cell.setAttribute("role", "gridcell");
		cells[c.key] = cell;
		row.append(cell);
	}
	const text = (name: string, parent: HTMLElement) => {
		const s = document.createElement("span");
		s.className = name;
		cells[name] = s;
		parent.append(s);
	};
	if (cells.proto) {
		text("proto-name", cells.proto);
		const lock = lockIcon();
		cells.proto.append(lock);
		cells.lock = lock as unknown as HTMLElement;
	}
	/* What was noted beside a row is shown in front of its target, unless it has a column of its own. */
	const first = cells.mark ?? cells.target;
	if (first) {
		text("chip", first);
		text("pin", first);
	}
	if (cells.target) {
		text("target-text", cells.target);
		if (!cells.note) text("note", cells.target);
		text("flags", cells.target);
	}
	if (cells.status) text("status-text", cells.status);
	cellsOf.set(row, cells);
	return row;
}

function put(el: HTMLElement | undefined, s: string): void {
	if (el && el.textContent !== s) el.textContent = s;
}

/* Time so far of an exchange that is still open. */
function running(r: Row): string {
	return duration(Math.max(0, Date.now() * 1e6 - Number(r.ts_ns))) + "…";
}

function fill(row: HTMLElement, r: Row): void {
	const c = cellsOf.get(row)!;
	put(c.n, String(r.n));
	put(c.time, clock(r.ts_ns));
	put(c["proto-name"], protoName(r.proto));
	c.lock?.classList.toggle("off", !r.tls);
	row.classList.toggle("sealed", r.proto === "tls");
	put(c.from, oneLine(r.src, 200));
	put(c.to, oneLine(r.dst, 200));
	put(c.fromip, oneLine(r.src_ip, 200));
	put(c.toip, oneLine(r.dst_ip, 200));
	put(c.host, oneLine(r.host, 200));
	put(c.type, oneLine(r.type ?? "", 100));
	put(c.op, oneLine(r.op || "–", 40));
	c.op?.classList.toggle("writes", r.proto !== "tls" && r.op !== "GET" && r.op !== "HEAD" && r.op !== "OPTIONS");
	put(c["target-text"], oneLine(r.target, 600));
	put(c.flags, flagsOf(r).map((f) => f[0]).join(" · "));
	if (c.status) c.status.dataset.kind = statusKind(r);
	put(c["status-text"], statusText(r));
	put(c.duration, r.dur_ns !== null ? duration(r.dur_ns) : r.state === "open" ? running(r) : "–");
	put(c.req, size(r.req_len ?? 0));
	put(c.size, r.proto === "tls" ? size((r.req_len ?? 0) + (r.resp_len ?? 0)) : r.status === null && !r.resp_len && !r.req_len ? "–" : size(r.resp_len || r.req_len || 0));
	put(c.chip, r.mark ? String(r.mark) : "");
	put(c.pin, r.pinned ? "pin" : "");
	put(c.note, r.note ? oneLine(r.note, 300) : "");
	if (r.mark) row.dataset.mark = String(r.mark);
	else delete row.dataset.mark;
	row.dataset.state = r.state;
}

const flagsOf = (r: Row) => r.flags.map((f) => FLAG.get(f)).filter((f) => f !== undefined);

/* What a cell says when the pointer rests on it; made only then, since rows are drawn at every frame. */
const TITLE: { [key: string]: (r: Row) => string } = {
	mark: (r) => [r.mark ? `Marked ${COLOURS[r.mark - 1]}` : "", r.pinned ? "Pinned: evicted last" : ""].filter(Boolean).join(". "),
	note: (r) => (r.note ? oneLine(r.note, 2000) : ""),
	time: (r) => clockLong(r.ts_ns),
	proto: (r) => (r.proto === "tls" ? "TLS that is not read" : r.tls ? `${r.proto} over TLS, decrypted` : `${r.proto}, sent in plain text`),
	from: (r) => oneLine(`${r.src}  ${r.src_ip}`, 300),
	to: (r) => oneLine(`${r.dst}  ${r.dst_ip}`, 300),
	op: (r) => oneLine(r.op, 200),
	target: (r) => [oneLine(r.host ? `${r.host}${r.target}` : r.target, 1500), ...flagsOf(r).map((f) => f[1]), TITLE.mark!(r), r.note ? `Note: ${oneLine(r.note, 500)}` : ""].filter(Boolean).join(". "),
	status: (r) => (r.proto === "tls" && !r.failed ? `Not read, ${statusText(r)}: open the row for what to do` : statusText(r)),
	duration: (r) => (r.dur_ns !== null ? `${(r.dur_ns / 1e6).toFixed(3)} ms` : ""),
	size: (r) => r.proto === "tls" ? `encrypted: ${size(r.req_len ?? 0)} sent by the client, ${size(r.resp_len ?? 0)} by the server` : `request ${size(r.req_len ?? 0)}, response ${r.resp_len === null ? "–" : size(r.resp_len)}`,
};

function blank(row: HTMLElement): void {
	const c = cellsOf.get(row)!;
	for (const [name, el] of Object.entries(c)) {
		if (name !== "lock" && !el.firstElementChild) put(el, "");
	}
	c.lock?.classList.add("off");
	row.classList.remove("sealed");
	delete c.status?.dataset.kind;
	delete row.dataset.mark;
	row.dataset.state = "loading";
}

/* Builds the list inside host; returns what takes it down again. */
export function mountGrid(host: HTMLElement): () => void {
	const head = document.createElement("div");
	head.className = "grid-head";
	head.setAttribute("role", "row");
	head.setAttribute("aria-rowindex", "1");
	const canvas = document.createElement("div");
	canvas.className = "grid-rows";
	canvas.setAttribute("role", "presentation");
	host.append(head, canvas);

	/* The base that the recycler's indexes were counted from. */
	let base = view.base;
	let anchorOffset = 0;
	let shown = [0, 0] as [number, number];
	const rec = new Recycler(
		host,
		canvas,
		ROW,
		{
			count: () => shownEnd() - base,
			create,
			draw(el, i) {
				const at = base + i;
				const r = view.rows.get(at);
				if (r && r.state !== "gone") fill(el, r);
				else blank(el);
				el.setAttribute("aria-rowindex", String(i + 2));
				const on = at === selection();
				const also = !!r && picked.peek().has(r.id);
				el.classList.toggle("selected", on);
				el.classList.toggle("picked", also);
				el.setAttribute("aria-selected", String(on || also));
				if (on) host.setAttribute("aria-activedescendant", el.id);
				[...el.children].forEach((c, k) => c.classList.toggle("at", on && k === cellAt.peek()));
				el.dataset.at = String(at);
			},
			scrolled(up, atEnd) {
				if (up) step({ type: "away" });
				else if (atEnd && follow.peek().mode === "held") step({ type: "newest" });
			},
			resized() {
				/* The detail opened over the selected row. */
				const i = selection() - base;
				if (selection() >= 0 && i >= shown[0] && i < shown[1]) rec.reveal(i);
			},
			window(from, to) {
				view.want(base + from, base + to);
				shown = [from, to];
			},
		},
		HEAD,
	);

	attachGrid({
		changed(effect) {
			const gone = view.base - base;
			if (gone > 0) {
				base = view.base;
				rec.shift(gone);
			}
			host.setAttribute("aria-rowcount", String(shownEnd() - base + 1));
			if (selection() < 0) host.removeAttribute("aria-activedescendant");
			if (effect === "end") rec.toEnd();
			else rec.redraw();
		},
		anew(at) {
			base = view.base;
			if (at >= 0) rec.place(at - base, anchorOffset);
			else rec.place(0, 0);
		},
		anchor() {
			const sel = selection();
			const shown = sel >= 0 && rec.elementOf(sel - base);
			const at = shown ? sel : base + Math.max(0, rec.first);
			anchorOffset = rec.offsetOf(at - base);
			return view.rows.get(at)?.n ?? -1;
		},
		reveal(at) {
			rec.reveal(at - base);
		},
	});

	const at = listenToMouse(canvas);
	canvas.addEventListener("pointerover", (e) => {
		const cell = (e.target as Element).closest<HTMLElement>(".cell");
		const r = view.rows.get(at(e));
		if (!cell || !r) return;
		const key = columns.peek()[[...cell.parentElement!.children].indexOf(cell)]?.key ?? "";
		cell.title = TITLE[key]?.(r) ?? "";
	});

	/* Running times of open exchanges. */
	const timer = setInterval(() => {
		for (const el of canvas.querySelectorAll<HTMLElement>('.row[data-state="open"]:not([hidden])')) {
			const r = view.rows.get(Number(el.dataset.at));
			if (r && r.dur_ns === null) put(cellsOf.get(el)!.duration, running(r));
		}
	}, 250);

	pageRows = () => rec.page;
	let made = "";
	const undo = [
		layout.subscribe((l) => {
			const keys = columns.peek().map((c) => c.key).join();
			host.style.setProperty("--cols", template(l));
			host.setAttribute("aria-colcount", String(columns.peek().length));
			if (keys === made) return;
			made = keys;
			cellAt.value = -1;
			rec.rebuild();
		}),
		drawHead(head),
		cellAt.subscribe(() => rec.redraw()),
		/* Rows that are not on screen now keep the text they had. */
		presenting.subscribe(() => rec.rebuild()),
	];
	return () => {
		for (const u of undo) u();
		clearInterval(timer);
		attachGrid(null);
		rec.destroy();
	};
}

/* Rows of one page, for the keyboard. */
export let pageRows = (): number => 20;
