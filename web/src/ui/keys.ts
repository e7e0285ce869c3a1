// SPDX-License-Identifier: Apache-2.0
// The keyboard.  Single letters act only where no text is being typed; nothing is taken from the browser
// that it needs (Ctrl+R, L, T, W, N, P).
import { closeDetail, detailOpen, go, openDetail, page, select, selection, shownEnd, step, view } from "../session";
import { PAGES } from "../model/route";
import { clearAsked, pickerOpen, toggleRecording } from "./top-bar";
import { turnTab } from "./detail";
import { copyCurl } from "./detail-copy";
import { confirmClear, helpOpen } from "./dialogs";
import { draft, focusFilter, setFilterText } from "./filter-box";
import { pageRows } from "./grid";
import { maximised, turnDock } from "./split";

let chord = "";
let chordTimer = 0;

function typing(e: KeyboardEvent): boolean {
	const t = e.target as HTMLElement;
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
};
const ANYWHERE: Record<string, () => void> = {
	"/": () => focusFilter(),
	...Object.fromEntries(PAGES.map(([p], i) => [String(i + 1), () => go(p)])),
	"?": () => (helpOpen.value = true),
	Escape: escape,
};

/* Keys that an element of its own kind uses itself. */
function taken(e: KeyboardEvent): boolean {
	const t = e.target as HTMLElement;
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
	if (e.key === "c" && page.peek() === "flows" && detailOpen.peek()) {
		e.preventDefault();
		if (chord === "c") {
			chord = "";
			return copyCurl(false);
		}
		chord = "c";
		clearTimeout(chordTimer);
		chordTimer = window.setTimeout(() => (chord = ""), 1500);
		return;
	}
	chord = "";
	const act = ANYWHERE[e.key] ?? (page.peek() === "flows" ? LIST[e.key] : undefined);
	if (!act) return;
	e.preventDefault();
	act();
}

export function listenToKeys(): void {
	addEventListener("keydown", onKey);
}
