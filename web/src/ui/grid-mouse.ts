// SPDX-License-Identifier: Apache-2.0
// The mouse on rows, and the cell that the keyboard is on.
import { signal } from "@preact/signals";
import { openDetail, say, select, selection, view } from "../session";
import { add, exclude, termOf } from "../model/terms";
import { columns } from "../state/columns";
import { PICK_MAX, picked, setPicked, togglePicked } from "../state/notes";
import { count } from "../model/format";
import { draft, setFilterText } from "./filter-box";
import { openRowMenu } from "./row-menu-open";

/* Number of the column that the keyboard is on in the selected row; -1: on the row. */
export const cellAt = signal(-1);

const columnOf = (on: Element): string => {
	const cell = on.closest<HTMLElement>(".row > .cell");
	return cell ? (columns.peek()[[...cell.parentElement!.children].indexOf(cell)]?.key ?? "") : "";
};

export function filterBy(term: string, out: boolean): void {
	if (term) setFilterText(out ? exclude(draft.peek(), term) : add(draft.peek(), term));
}

/* From the selected row to this one. */
export async function pickTo(to: number): Promise<void> {
	const from = selection();
	if (from < 0) return;
	const [a, b] = from < to ? [from, to] : [to, from];
	if (b - a >= PICK_MAX) say(`The first ${count(PICK_MAX)} are chosen: no more go at once.`);
	const id = view.id;
	const rows = [];
	for (let at = a; at <= Math.min(b, a + PICK_MAX - 1); at += 500) {
		rows.push(...(await view.fetch(at, Math.min(500, b - at + 1))));
		if (id !== view.id) return; /* another filter meanwhile */
	}
	setPicked(rows);
}

/* Returns which row an event is on: absolute position, or -1. */
export function listenToMouse(canvas: HTMLElement): (e: Event) => number {
	const at = (e: Event): number => {
		const row = (e.target as Element).closest<HTMLElement>(".row");
		return row?.dataset.at !== undefined && row.dataset.state !== "loading" ? Number(row.dataset.at) : -1;
	};
	/* While the list moves on, another row is under the pointer by the time the button is let go: the one that was pressed is meant. */
	let pressed = { at: -1, column: "" };
	canvas.addEventListener("pointerdown", (e) => (pressed = { at: at(e), column: columnOf(e.target as Element) }));
	canvas.addEventListener("click", (e) => {
		const { at: i, column } = e.detail ? pressed : { at: at(e), column: columnOf(e.target as Element) };
		const r = view.rows.get(i);
		if (i < 0 || !r) return;
		if (e.altKey) return filterBy(termOf(column, r), e.shiftKey);
		if (e.shiftKey) {
			getSelection()?.removeAllRanges();
			return void (selection() < 0 ? select(i) : pickTo(i));
		}
		if (e.ctrlKey || e.metaKey) {
			/* What was selected before is one of them. */
			const was = selection() >= 0 ? view.rows.get(selection()) : undefined;
			if (was && !picked.peek().size && was.id !== r.id) togglePicked(was);
			return togglePicked(r);
		}
		if (getSelection()?.type === "Range") return;
		setPicked([]);
		select(i);
		openDetail();
	});
	canvas.addEventListener("contextmenu", (e) => {
		const i = at(e);
		const r = view.rows.get(i);
		if (i < 0 || !r || getSelection()?.type === "Range") return;
		e.preventDefault();
		if (!picked.peek().has(r.id)) {
			setPicked([]);
			select(i);
		}
		openRowMenu({ x: e.clientX, y: e.clientY, row: r, column: columnOf(e.target as Element) });
	});
	return at;
}
