// SPDX-License-Identifier: Apache-2.0
// The columns of the list: which there are, which are shown, in which order and how wide.  No DOM.

export interface Column {
	key: string;
	label: string;
	width: number; /* px; 0: takes what is left */
	min: number; /* px, where there is little room */
	end?: boolean; /* aligned to the right */
	extra?: boolean; /* shown only when chosen */
	sort?: string; /* what the hub calls it (docs/api.md) */
	big?: boolean; /* sorted for the first time, the largest come first */
}

export const COLUMNS: readonly Column[] = [
	{ key: "n", label: "#", width: 72, min: 50, end: true, extra: true },
	{ key: "mark", label: "Mark", width: 64, min: 40, extra: true, sort: "mark" },
	{ key: "time", label: "Time", width: 104, min: 104, sort: "ts", big: true },
	{ key: "proto", label: "Proto", width: 72, min: 66, sort: "proto" },
	{ key: "from", label: "From", width: 116, min: 66, sort: "src" },
	{ key: "to", label: "To", width: 116, min: 66, sort: "dst" },
	{ key: "fromip", label: "From address", width: 150, min: 90, extra: true },
	{ key: "toip", label: "To address", width: 150, min: 90, extra: true },
	{ key: "host", label: "Host", width: 140, min: 66, extra: true, sort: "host" },
	{ key: "op", label: "Op", width: 72, min: 58, sort: "op" },
	{ key: "target", label: "Target", width: 0, min: 130, sort: "target" },
	{ key: "type", label: "Type", width: 120, min: 60, extra: true, sort: "type" },
	{ key: "status", label: "Status", width: 168, min: 86, sort: "status" },
	{ key: "duration", label: "Duration", width: 80, min: 70, end: true, sort: "dur", big: true },
	{ key: "req", label: "Sent", width: 76, min: 60, end: true, extra: true, sort: "req", big: true },
	{ key: "size", label: "Size", width: 76, min: 64, end: true, sort: "size", big: true },
	{ key: "note", label: "Note", width: 180, min: 60, extra: true },
];

export interface Layout {
	/* All columns in their order. */
	order: string[];
	shown: string[];
	widths: Record<string, number>;
}

export const WIDTH_MIN = 44;
const WIDTH_MAX = 2000;

export const USUAL: Layout = {
	order: COLUMNS.map((c) => c.key),
	shown: COLUMNS.filter((c) => !c.extra).map((c) => c.key),
	widths: {},
};

const known = (v: unknown): string[] =>
	Array.isArray(v) ? [...new Set(v.filter((k): k is string => typeof k === "string" && USUAL.order.includes(k)))] : [];

/* What was kept, or as much of it as still makes sense: a column that is new since then is at its usual place. */
export function readLayout(text: string | null): Layout {
	let kept: unknown = null;
	try {
		kept = JSON.parse(text ?? "null");
	} catch {
		/* the usual one */
	}
	if (!kept || typeof kept !== "object") return USUAL;
	const k = kept as { order?: unknown; shown?: unknown; widths?: unknown };
	const order = known(k.order);
	USUAL.order.forEach((key, i) => {
		if (!order.includes(key)) order.splice(Math.min(i, order.length), 0, key);
	});
	const shown = known(k.shown);
	/* Before columns could be chosen only their widths were kept, and nothing else. */
	const from = k.widths && typeof k.widths === "object" ? k.widths : k.shown === undefined ? kept : {};
	const widths: Record<string, number> = {};
	for (const [key, w] of Object.entries(from)) if (USUAL.order.includes(key) && typeof w === "number" && w >= WIDTH_MIN && w < WIDTH_MAX) widths[key] = w;
	return { order, shown: shown.length ? shown : USUAL.shown, widths };
}

/* In the order in which they are shown. */
export const columnsOf = (l: Layout): Column[] =>
	l.order.filter((k) => l.shown.includes(k)).map((k) => COLUMNS.find((c) => c.key === k)!);

/* The last column that is left stays. */
export function toggle(l: Layout, key: string): Layout {
	if (!l.shown.includes(key)) return { ...l, shown: [...l.shown, key] };
	return l.shown.length === 1 ? l : { ...l, shown: l.shown.filter((k) => k !== key) };
}

/* Puts a column in front of another; before null: at the end. */
export function moveBefore(l: Layout, key: string, before: string | null): Layout {
	if (key === before) return l;
	const order = l.order.filter((k) => k !== key);
	const at = before === null ? -1 : order.indexOf(before);
	order.splice(at < 0 ? order.length : at, 0, key);
	return { ...l, order };
}

/* One place up (-1) or down (1). */
export function shift(l: Layout, key: string, by: -1 | 1): Layout {
	const at = l.order.indexOf(key);
	const to = at + by;
	if (at < 0 || to < 0 || to >= l.order.length) return l;
	return moveBefore(l, key, by < 0 ? l.order[to]! : (l.order[to + 1] ?? null));
}

/* w: px, or 0: back to the column's own width. */
export function resize(l: Layout, key: string, w: number): Layout {
	const { [key]: _, ...rest } = l.widths;
	return { ...l, widths: w ? { ...rest, [key]: Math.min(WIDTH_MAX - 1, Math.max(WIDTH_MIN, Math.round(w))) } : rest };
}

/* grid-template-columns */
export function template(l: Layout): string {
	const all = columnsOf(l);
	const open = all.some((c) => !(l.widths[c.key] ?? c.width));
	return all
		.map((c, i) => {
			const w = l.widths[c.key] ?? c.width;
			if (!w || (!open && i === all.length - 1)) return `minmax(${c.min}px, 1fr)`;
			return `minmax(${Math.min(c.min, w)}px, ${w}px)`;
		})
		.join(" ");
}

export interface Sort {
	by: string; /* a column's key */
	desc: boolean;
}

/* What a click on a column's head makes of the order: one way, the other way, as they came. */
export function nextSort(now: Sort | null, c: Column): Sort | null {
	if (!c.sort) return now;
	if (now?.by !== c.key) return { by: c.key, desc: !!c.big };
	return now.desc === !!c.big ? { by: c.key, desc: !c.big } : null;
}
