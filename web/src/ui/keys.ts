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
import { resendAsked, resendKey } from "../state/resend";
import { COPY_KEYS } from "./detail-copy";
import { confirmClear, helpOpen } from "./dialogs";
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
	else select(at + by);
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

const LIST: Record<string, () => void> = {
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
	f: () => step({ type: "newest" }),
	" ": () => step({ type: "space" }),
	Enter: () => openDetail(),
	ArrowRight: () => moveCell(1),
	ArrowLeft: () => moveCell(-1),
	"+": () => byCell(false),
	"-": () => byCell(true),
	n: () => targets().length > 0 && (noteOpen.value = true),
	p: togglePin,
	M: menuByKey,
	C: () => (columnsOpen.value = true),
	S: () => (savedOpen.value = true),
	"[": () => detailOpen.peek() && turnTab(-1),
	"]": () => detailOpen.peek() && turnTab(1),
	"\\": () => detailOpen.peek() && (maximised.value = !maximised.peek()),
	"|": () => detailOpen.peek() && turnDock(),
	d: () => detailOpen.peek() && compareKey(),
	e: () => detailOpen.peek() && resendKey(),
};
const ANYWHERE: Record<string, () => void> = {
	"/": () => focusFilter(),
	...Object.fromEntries(PAGES.map(([p], i) => [String(i + 1), () => go(p)])),
	"?": () => (helpOpen.value = true),
	w: () => (filesOpen.value = "export"),
	o: () => (filesOpen.value = "import"),
	P: togglePresenting,
	Escape: escape,
};

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

const overList = () => !!resendAsked.peek() || helpOpen.peek() || confirmClear.peek() || filesOpen.peek() || noteOpen.peek() || columnsOpen.peek() || savedOpen.peek() || rowMenu.peek();

function onKey(e: KeyboardEvent): void {
	if (e.defaultPrevented || e.isComposing || overList()) return;
	const ctrl = e.ctrlKey || e.metaKey;
	if (ctrl && e.key.toLowerCase() === "e" && !e.shiftKey && !e.altKey) {
		e.preventDefault();
		return toggleRecording();
	}
	if (ctrl && e.shiftKey && e.key === "Delete") {
		e.preventDefault();
		return clearAsked();
	}
	if (ctrl && e.key.toLowerCase() === "f" && document.activeElement?.id === "grid") {
		e.preventDefault();
		return focusFilter();
	}
	if (ctrl && e.key.toLowerCase() === "a" && document.activeElement?.id === "grid") {
		e.preventDefault();
		return pickAll();
	}
	if (ctrl || e.altKey || typing(e) || taken(e)) return;
	if (page.peek() !== "flows") return act(e);
	if (e.shiftKey && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
		e.preventDefault();
		return pickBy(e.key === "ArrowDown" ? 1 : -1);
	}
	const before = chord;
	chord = "";
	clearTimeout(chordTimer);
	const second = before === "m" && /^[0-6]$/.test(e.key) ? () => markWith(Number(e.key)) : before === "c" && detailOpen.peek() ? COPY_KEYS[e.key] : undefined;
	if (second) {
		e.preventDefault();
		return second();
	}
	if (e.key === "m" || (e.key === "c" && detailOpen.peek())) {
		e.preventDefault();
		return begin(e.key);
	}
	act(e);
}

function act(e: KeyboardEvent): void {
	const run = ANYWHERE[e.key] ?? (page.peek() === "flows" ? LIST[e.key] : undefined);
	if (!run) return;
	e.preventDefault();
	run();
}

export function listenToKeys(): void {
	addEventListener("keydown", onKey);
}
