// SPDX-License-Identifier: Apache-2.0
// From places of the layout to what is drawn: pixels, curves, and where their labels have room.  No DOM.
import type { Place } from "./layout";

export const NODE_W = 172;
export const NODE_H = 48;
const GAP_X = 132;
const GAP_Y = 22;

export interface Point {
	x: number;
	y: number;
}

/* The left upper corner of a node. */
export const corner = (p: Place): Point => ({ x: p.x * (NODE_W + GAP_X), y: p.y * (NODE_H + GAP_Y) });
export const extent = (width: number, height: number): Point => ({ x: width * (NODE_W + GAP_X) - GAP_X, y: height * (NODE_H + GAP_Y) - GAP_Y });

export interface Curve {
	d: string;
	label: Point;
}

const n = (v: number) => String(Math.round(v * 10) / 10);

/* From the right of a to the left of b, straight through the layers between; backwards from left to right, a little lower.  Beside each
 * other: round the right.  To itself: a loop above. */
export function curve(a: Place, b: Place, bends: Place[] = []): Curve {
	const [p, q] = [corner(a), corner(b)];
	if (p.x === q.x && p.y === q.y) {
		const [x, y] = [p.x + NODE_W, p.y];
		return { d: `M${n(x - 46)},${n(y)}C${n(x - 46)},${n(y - 26)} ${n(x + 26)},${n(y - 26)} ${n(x)},${n(y + 12)}`, label: { x: x - 6, y: y - 14 } };
	}
	if (a.x === b.x) {
		const x = p.x + NODE_W;
		const out = x + Math.min(GAP_X * 0.5, 34 + Math.abs(q.y - p.y) * 0.1);
		const [y0, y1] = [p.y + NODE_H * 0.72, q.y + NODE_H * 0.28];
		return { d: `M${n(x)},${n(y0)}C${n(out)},${n(y0)} ${n(out)},${n(y1)} ${n(x)},${n(y1)}`, label: { x: out - 6, y: (y0 + y1) / 2 } };
	}
	const right = a.x < b.x;
	const at = right ? NODE_H / 2 : NODE_H * 0.78;
	const points: [Point, Point][] = [];
	let from: Point = { x: p.x + (right ? NODE_W : 0), y: p.y + at };
	let d = `M${n(from.x)},${n(from.y)}`;
	const to = (end: Point) => {
		const bow = Math.max(30, Math.abs(end.x - from.x) * 0.5) * (right ? 1 : -1);
		d += `C${n(from.x + bow)},${n(from.y)} ${n(end.x - bow)},${n(end.y)} ${n(end.x)},${n(end.y)}`;
		points.push([from, end]);
		from = end;
	};
	for (const bend of bends) {
		const c = corner(bend);
		const y = c.y + NODE_H / 2;
		to({ x: right ? c.x : c.x + NODE_W, y });
		from = { x: right ? c.x + NODE_W : c.x, y };
		d += `L${n(from.x)},${n(from.y)}`;
	}
	to({ x: q.x + (right ? 0 : NODE_W), y: q.y + at });
	const [s, e] = points[points.length >> 1]!;
	return { d, label: { x: (s.x + e.x) / 2, y: (s.y + e.y) / 2 } };
}

/* Of labels in the order of their importance those that lie on no other one, nor on a node: which of them are drawn. */
export function roomy(labels: { at: Point; width: number }[], nodes: Point[], height = 16): boolean[] {
	const boxes: [number, number, number, number][] = nodes.map((c) => [c.x, c.y, c.x + NODE_W, c.y + NODE_H]);
	return labels.map(({ at, width }) => {
		const b: [number, number, number, number] = [at.x - width / 2, at.y - height / 2, at.x + width / 2, at.y + height / 2];
		if (boxes.some((o) => o[0] < b[2] && b[0] < o[2] && o[1] < b[3] && b[1] < o[3])) return false;
		boxes.push(b);
		return true;
	});
}
