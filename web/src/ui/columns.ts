// SPDX-License-Identifier: Apache-2.0
// The columns of the list and their widths, which are this browser's own.

export interface Column {
	key: string;
	label: string;
	width: number; /* px; 0: takes what is left */
	min: number; /* px, where there is little room */
	end?: boolean; /* aligned to the right */
}

export const COLUMNS: readonly Column[] = [
	{ key: "time", label: "Time", width: 104, min: 104 },
	{ key: "proto", label: "Proto", width: 72, min: 66 },
	{ key: "from", label: "From", width: 116, min: 66 },
	{ key: "to", label: "To", width: 116, min: 66 },
	{ key: "op", label: "Op", width: 72, min: 58 },
	{ key: "target", label: "Target", width: 0, min: 130 },
	{ key: "status", label: "Status", width: 168, min: 86 },
	{ key: "duration", label: "Duration", width: 80, min: 70, end: true },
	{ key: "size", label: "Size", width: 76, min: 64, end: true },
];

const KEY = "limpid.columns";
const MIN = 44;

let widths: Record<string, number> = {};
try {
	const saved: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
	if (saved && typeof saved === "object")
		for (const [k, v] of Object.entries(saved)) if (typeof v === "number" && v >= MIN && v < 2000) widths[k] = v;
} catch {
	/* the widths of the table above */
}

export const widthOf = (c: Column): number => widths[c.key] ?? c.width;

/* w: px, or 0: back to the column's own width. */
export function setWidth(c: Column, w: number): void {
	if (w) widths[c.key] = Math.max(MIN, Math.round(w));
	else delete widths[c.key];
	try {
		localStorage.setItem(KEY, JSON.stringify(widths));
	} catch {
		/* lasts as long as the tab */
	}
}

export function template(): string {
	return COLUMNS.map((c) => {
		const w = widthOf(c);
		return w ? `minmax(${Math.min(c.min, w)}px, ${w}px)` : `minmax(${c.min}px, 1fr)`;
	}).join(" ");
}
