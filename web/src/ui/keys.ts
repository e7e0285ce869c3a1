// SPDX-License-Identifier: Apache-2.0
// The keyboard.  Single letters act only where no text is being typed; nothing is taken from the browser
// that it needs (Ctrl+R, L, T, W, N, P).
import { closeDetail, detailOpen, go, openDetail, page, select, selection, shownEnd, step, view } from "../session";
import { PAGES } from "../model/route";
import { clearAsked, pickerOpen, toggleRecording } from "./top-bar";
import { turnTab } from "./detail";
import { compareKey } from "../state/compare";
import { COPY_KEYS } from "./detail-copy";
import { confirmClear, helpOpen } from "./dialogs";
import { draft, focusFilter, setFilterText } from "./filter-box";
import { pageRows } from "./grid";
import { maximised, turnDock } from "./split";

let chord = "";
let chordTimer = 0;

function typing(e: KeyboardEvent): boolean {
	const t = e.composedPath()[0] as HTMLElement; /* also inside a shadow root */
	return t instanceof HTMLTextAreaElement || t instanceof HTMLSelectElement || (t instanceof HTMLInputElement && !["checkbox", "radio"].includes(t.type));
}

function move(by: number): void {
	const at = selection();
	/* With nothing selected the newest row is where people look. */
	if (at < 0) select(by > 0 ? Math.max(view.base, shownEnd() - 1) : shownEnd() - 1);
	else select(at + by);
}

function escape(): void {
	if (pickerOpen.peek()) pickerOpen.value = false;
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
	"[": () => detailOpen.peek() && turnTab(-1),
	"]": () => detailOpen.peek() && turnTab(1),
	"\\": () => detailOpen.peek() && (maximised.value = !maximised.peek()),
	"|": () => detailOpen.peek() && turnDock(),
	d: () => detailOpen.peek() && compareKey(),
};
const ANYWHERE: Record<string, () => void> = {
	"/": () => focusFilter(),
	...Object.fromEntries(PAGES.map(([p], i) => [String(i + 1), () => go(p)])),
	"?": () => (helpOpen.value = true),
	Escape: escape,
};

/* Keys that an element of its own kind uses itself. */
function taken(e: KeyboardEvent): boolean {
	const t = e.composedPath()[0] as HTMLElement;
	if (e.key === "Enter" || e.key === " ") return !!t.closest("button, a, summary, label, input, [role=tree]");
	if (e.key.startsWith("Arrow")) return !!t.closest("input, [role=tablist], [role=separator], [role=menu]");
	return false;
}

function onKey(e: KeyboardEvent): void {
	if (e.defaultPrevented || e.isComposing || helpOpen.peek() || confirmClear.peek()) return;
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
	if (ctrl || e.altKey || typing(e) || taken(e)) return;
	if (page.peek() === "flows" && detailOpen.peek()) {
		const copy = chord === "c" ? COPY_KEYS[e.key] : undefined;
		chord = "";
		clearTimeout(chordTimer);
		if (copy || e.key === "c") e.preventDefault();
		if (copy) return copy();
		if (e.key === "c") {
			chord = "c";
			chordTimer = window.setTimeout(() => (chord = ""), 1500);
			return;
		}
	}
	const act = ANYWHERE[e.key] ?? (page.peek() === "flows" ? LIST[e.key] : undefined);
	if (!act) return;
	e.preventDefault();
	act();
}

export function listenToKeys(): void {
	addEventListener("keydown", onKey);
}
