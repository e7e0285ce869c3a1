// SPDX-License-Identifier: Apache-2.0
// The head of the list: a click sorts, dragging a head moves its column, dragging its edge resizes it.
import { effect } from "@preact/signals";
import { moveBefore, nextSort, resize } from "../model/columns";
import type { Column } from "../model/columns";
import { columns, layout, setLayout, sort } from "../state/columns";
import { sortBy } from "../session";

/* Draws it now and whenever columns or order change; returns what ends that. */
export function drawHead(head: HTMLElement): () => void {
	let drawn = "";
	return effect(() => {
		const keys = columns.value.map((c) => c.key).join();
		const s = sort.value;
		if (keys !== drawn) {
			drawn = keys;
			/* Columns behind the one that takes what is left have their edge on the left. */
			const rest = columns.value.findIndex((c) => !c.width);
			head.replaceChildren(...columns.value.map((c, i) => headCell(c, head, rest >= 0 && i > rest)));
		}
		columns.value.forEach((c, i) => {
			const cell = head.children[i]!;
			const on = s?.by === c.key;
			cell.classList.toggle("sorted", on);
			cell.classList.toggle("desc", on && s.desc);
			if (on) cell.setAttribute("aria-sort", s.desc ? "descending" : "ascending");
			else cell.removeAttribute("aria-sort");
		});
	});
}

function headCell(c: Column, head: HTMLElement, left: boolean): HTMLElement {
	const cell = document.createElement("div");
	cell.className = `cell c-${c.key}`;
	cell.setAttribute("role", "columnheader");
	cell.dataset.key = c.key;
	cell.title = `${c.sort ? "Click to sort. " : ""}Drag to move, right-click to choose columns`;
	if (c.sort) cell.classList.add("can-sort");
	const label = document.createElement("span");
	label.textContent = c.label;
	cell.append(label);
	dragToMove(cell, c, head);
	/* The column that takes what is left has no width to set. */
	if (c.width) cell.append(edge(c, left));
	return cell;
}

/* A press that moves is a drag; one that does not is a click. */
function dragToMove(cell: HTMLElement, c: Column, head: HTMLElement): void {
	cell.addEventListener("pointerdown", (e) => {
		if (e.button !== 0 || (e.target as Element).classList.contains("col-resize")) return;
		const x = e.clientX;
		let moved = false;
		let before: string | null = c.key;
		const move = (m: PointerEvent) => {
			if (!moved && Math.abs(m.clientX - x) < 6) return;
			if (!moved) cell.setPointerCapture(e.pointerId);
			moved = true;
			cell.classList.add("moving");
			const all = [...head.children] as HTMLElement[];
			const over = all.findIndex((k) => m.clientX < k.getBoundingClientRect().left + k.offsetWidth / 2);
			before = over < 0 ? null : all[over]!.dataset.key!;
			all.forEach((k, i) => k.classList.toggle("drop", i === over));
			all.at(-1)!.classList.toggle("drop-end", over < 0);
		};
		const end = () => {
			removeEventListener("pointermove", move);
			removeEventListener("pointerup", end);
			removeEventListener("pointercancel", end);
			for (const k of head.children) k.classList.remove("drop", "drop-end", "moving");
			if (!moved) {
				if (c.sort) sortBy(nextSort(sort.peek(), c));
			} else if (before !== c.key) {
				setLayout(moveBefore(layout.peek(), c.key, before));
			}
		};
		addEventListener("pointermove", move);
		addEventListener("pointerup", end);
		addEventListener("pointercancel", end);
	});
}

function edge(c: Column, left: boolean): HTMLElement {
	const handle = document.createElement("div");
	handle.className = left ? "col-resize left" : "col-resize";
	handle.title = "Drag to resize, double-click for the usual width";
	handle.addEventListener("pointerdown", (e) => {
		e.preventDefault();
		e.stopPropagation();
		handle.setPointerCapture(e.pointerId);
		const x = e.clientX;
		const w = handle.parentElement!.offsetWidth;
		const move = (m: PointerEvent) => setLayout(resize(layout.peek(), c.key, w + (m.clientX - x) * (left ? -1 : 1)));
		handle.addEventListener("pointermove", move);
		handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), { once: true });
	});
	handle.addEventListener("dblclick", () => setLayout(resize(layout.peek(), c.key, 0)));
	return handle;
}
