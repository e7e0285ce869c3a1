// SPDX-License-Identifier: Apache-2.0
// The keyboard.  Single letters act only where no text is being typed; nothing is taken from the browser
// that it needs (Ctrl+R, L, T, W, N, P).
import { closeDetail, detailOpen, go, openDetail, page, select, selection, shownEnd, step, view } from "../session";
import { announcement } from "../state/news";
import type { Row } from "../model/api";
import { PAGES } from "../model/route";
import { filesOpen, togglePresenting } from "../state/screen";
import { clearAsked, pickerOpen, toggleRecording } from "./top-bar";
import { turnTab } from "./detail";
import { compareKey } from "../state/compare";
import { resendAsked, resendAtOnce, resendKey } from "../state/resend";
import { COPY_KEYS } from "./detail-copy";
import { overlay } from "./dialogs";
import { draft, focusFilter, setFilterText } from "./filter-box";
import { oneLine } from "../model/format";
import { termOf } from "../model/terms";
import { columns } from "../state/columns";
import { PICK_MAX, markWith, picked, setPicked, targets, togglePin } from "../state/notes";
import { pageRows } from "./grid";
import { cellAt, filterBy, pickTo } from "./grid-mouse";
import { columnsOpen, noteOpen, openRowMenu, rowMenu, savedOpen } from "./row-menu-open";
import { maximised, turnDock } from "./split";

let chord = "";
let chordTimer = 0;

function typing(e: KeyboardEvent): boolean {
	const t = e.composedPath()[0] as HTMLElement; /* also inside a shadow root */
	return t instanceof HTMLTextAreaElement || t instanceof HTMLSelectElement || (t instanceof HTMLInputElement && !["checkbox", "radio"].includes(t.type));
}

function move(by: number): void {
	const at = selection();
	if (picked.peek().size || pickFrom >= 0) unpick();
	/* With nothing selected the newest row is where people look. */
	if (at < 0) select(by > 0 ? Math.max(view.base, shownEnd() - 1) : shownEnd() - 1);
	else select(Math.max(view.base, at + by));
}

/* The end of what is chosen that the keyboard moves; the other one is the selected row.  Known here, because the rows
 * themselves come from the hub, and the next key may be sooner. */
let pickEnd = -1;
let pickFrom = -1;

function unpick(): void {
	pickFrom = -1;
	setPicked([]);
}

function pickBy(by: number): void {
	const at = selection();
	if (at < 0) return move(by);
	if (pickFrom !== at) pickFrom = pickEnd = at;
	pickEnd = Math.max(view.base, Math.min(shownEnd() - 1, pickEnd + by));
	void pickTo(pickEnd);
}

function pickAll(): void {
	const from = view.base;
	if (shownEnd() <= from) return;
	select(from);
	void pickTo(Math.min(shownEnd() - 1, from + PICK_MAX));
}

/* The row of the cell that + and - are about: while another filter begins, none is selected for a moment. */
let cellRow: Row | undefined;

function moveCell(by: 1 | -1): void {
	const row = view.rows.get(selection());
	if (!row) return move(1);
	cellRow = row;
	cellAt.value = Math.max(-1, Math.min(columns.peek().length - 1, cellAt.peek() + by));
	const c = columns.peek()[cellAt.peek()];
	announcement.value = c ? `${c.label}: ${oneLine(termOf(c.key, row) || "nothing to filter by", 120)}` : "Row";
}

function byCell(out: boolean): void {
	const row = view.rows.get(selection()) ?? cellRow;
	const c = columns.peek()[cellAt.peek()];
	if (row && c) filterBy(termOf(c.key, row), out);
}

function menuByKey(): void {
	const row = targets()[0] ?? view.rows.get(selection());
	if (!row) return;
	const el = document.querySelector(".row.selected:not([hidden]) .cell.at") ?? document.querySelector(".row.selected:not([hidden])");
	const r = (el ?? document.getElementById("grid")!).getBoundingClientRect();
	openRowMenu({ x: r.left + 24, y: r.bottom, row, column: columns.peek()[cellAt.peek()]?.key ?? "" });
}

function escape(): void {
	if (picked.peek().size) unpick();
	else if (cellAt.peek() >= 0) cellAt.value = -1;
	else if (pickerOpen.peek()) pickerOpen.value = false;
	else if (maximised.peek()) maximised.value = false;
	else if (detailOpen.peek()) {
		closeDetail();
		document.getElementById("grid")?.focus();
	} else if (draft.peek()) setFilterText("");
}

/* What each key does; ui/key-help.ts has the words, and the type check compares. */
const LIST = {
	j: () => move(1),
	k: () => move(-1),
	ArrowDown: () => move(1),
	ArrowUp: () => move(-1),
	PageDown: () => move(pageRows()),
	PageUp: () => move(-pageRows()),
	g: () => select(view.base),
	Home: () => select(view.base),
	G: () => step({ type: "newest" }),
	End: () => step({ type: "newest" }),
	F: () => step({ type: "newest" }),
	" ": () => step({ type: "space" }),
	Enter: () => openDetail(),
	ArrowRight: () => moveCell(1),
	ArrowLeft: () => moveCell(-1),
	"+": () => byCell(false),
	"-": () => byCell(true),
	m: () => begin("m"),
	n: () => targets().length > 0 && (noteOpen.value = true),
	p: togglePin,
	M: menuByKey,
	C: () => (columnsOpen.value = true),
	S: () => (savedOpen.value = true),
	"[": () => detailOpen.peek() && turnTab(-1),
	"]": () => detailOpen.peek() && turnTab(1),
	"\\": () => detailOpen.peek() && (maximised.value = !maximised.peek()),
	"|": () => detailOpen.peek() && turnDock(),
	c: () => detailOpen.peek() && begin("c"),
	d: () => detailOpen.peek() && compareKey(),
	e: () => detailOpen.peek() && resendKey(),
	r: () => detailOpen.peek() && resendAtOnce(),
} satisfies Record<string, () => unknown>;
const page_ = (i: number) => () => go(PAGES[i]![0]);
const ANYWHERE = {
	"/": () => focusFilter(),
	1: page_(0),
	2: page_(1),
	3: page_(2),
	4: page_(3),
	5: page_(4),
	"?": () => (overlay.value = "keys"),
	w: () => (filesOpen.value = "export"),
	o: () => (filesOpen.value = "import"),
	P: togglePresenting,
	Escape: escape,
} satisfies Record<string, () => unknown>;
const onList = () => document.activeElement?.id === "grid";
const CTRL = {
	"Ctrl+e": toggleRecording,
	"Ctrl+Shift+Delete": clearAsked,
	"Ctrl+k": () => (overlay.value = "commands"),
	"Ctrl+f": () => onList() && (focusFilter(), true),
	"Ctrl+a": () => onList() && (pickAll(), true),
	"Shift+ArrowDown": () => page.peek() === "flows" && (pickBy(1), true),
	"Shift+ArrowUp": () => page.peek() === "flows" && (pickBy(-1), true),
} satisfies Record<string, () => unknown>;
const table = (t: object) => t as Record<string, (() => unknown) | undefined>;
/* "c f" and the like are two keys, one after the other. */
export type KeyName = keyof typeof LIST | `${keyof typeof ANYWHERE}` | keyof typeof CTRL | `c ${keyof typeof COPY_KEYS}` | "m 1-6" | "m 0";

/* Keys that an element of its own kind uses itself. */
function taken(e: KeyboardEvent): boolean {
	const t = e.composedPath()[0] as HTMLElement;
	if (e.key === "Enter" || e.key === " ") return !!t.closest("button, a, summary, label, input, [role=tree]");
	if ((e.key === "ArrowLeft" || e.key === "ArrowRight") && t.closest("#detail")) return true;
	if (e.key.startsWith("Arrow")) return !!t.closest("input, [role=tablist], [role=separator], [role=menu]");
	return false;
}

/* The first of two keys. */
function begin(key: string): void {
	chord = key;
	clearTimeout(chordTimer);
	chordTimer = window.setTimeout(() => (chord = ""), 1500);
}

const overList = () => !!resendAsked.peek() || overlay.peek() || filesOpen.peek() || noteOpen.peek() || columnsOpen.peek() || savedOpen.peek() || rowMenu.peek();

function onKey(e: KeyboardEvent): void {
	if (e.defaultPrevented || e.isComposing || overList()) return;
	const ctrl = e.ctrlKey || e.metaKey;
	const name = `${ctrl ? "Ctrl+" : ""}${e.shiftKey ? "Shift+" : ""}${ctrl && e.key.length === 1 ? e.key.toLowerCase() : e.key}`;
	const combined = (ctrl || (!e.altKey && !typing(e) && !taken(e))) && !(ctrl && e.altKey) ? table(CTRL)[name] : undefined;
	if (combined) return void (combined() !== false && e.preventDefault());
	if (ctrl || e.altKey || typing(e) || taken(e)) return;
	const before = chord;
	chord = "";
	clearTimeout(chordTimer);
	const second = page.peek() !== "flows" ? undefined : before === "m" && /^[0-6]$/.test(e.key) ? () => markWith(Number(e.key)) : before === "c" && detailOpen.peek() ? table(COPY_KEYS)[e.key] : undefined;
	const run = second ?? table(ANYWHERE)[e.key] ?? (page.peek() === "flows" ? table(LIST)[e.key] : undefined);
	if (!run) return;
	e.preventDefault();
	run();
}

export function listenToKeys(): void {
	addEventListener("keydown", onKey);
}
