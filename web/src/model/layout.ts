// SPDX-License-Identifier: Apache-2.0
// Where the nodes of the map are: callers left, whom they call right of them.  No DOM.
//
// From nothing: in a circle of calls those against its order are turned round, each node stands one layer right of the
// rightmost of its callers, callers without callers move next to whom they call; calls over more than one layer get a
// narrow place in each layer between; eight sweeps put every layer in the order of its neighbours' means, and then the places
// move towards these.  Groups, when there are several, have a lane each.  Afterwards a node that is known stays where it
// is: only new ones are placed, beside those that they speak with.  Positions are in nodes: x counts layers, y heights.

export interface LayoutNode {
	key: string;
	group: string; /* "": none */
}
export interface LayoutEdge {
	from: string;
	to: string;
}
export interface Place {
	x: number;
	y: number;
}
export interface Lane {
	name: string;
	x0: number;
	y0: number;
	x1: number;
	y1: number; /* past the last place */
}
export interface Layout {
	places: Map<string, Place>;
	/* Of calls over several layers, by edgeKey: where they pass in between. */
	bends: Map<string, Place[]>;
	lanes: Lane[];
	/* Lanes as they were made; a node of that group belongs between. */
	rows: Map<string, [number, number]>;
	groups: Map<string, string>;
	width: number;
	height: number;
	/* Nodes that were placed one by one since everything was. */
	added: number;
}

const SWEEPS = 8;
const BENDS_MAX = 2000; /* other calls are drawn without */
const THIN = 0.4; /* height of a passing call, in nodes */
const LANE_HEAD = 0.55; /* room for a lane's name */
const LANE_GAP = 0.35;
const REMEMBERED = 3000; /* places of nodes that are gone, which they get back */

export const edgeKey = (from: string, to: string): string => `${from}\u0000${to}`;

interface Item {
	layer: number;
	lane: number;
	size: number;
	y: number;
	at: number; /* place in its layer, as a part of its length */
	want: number;
	left: number[];
	right: number[];
}

/* Which circle of calls each node belongs to (Tarjan's strongly connected components, without recursion). */
function circles(calls: number[][]): Int32Array {
	const n = calls.length;
	const of = new Int32Array(n).fill(-1);
	const number = new Int32Array(n); /* in the order of the first visit, from 1 on */
	const low = new Int32Array(n);
	const open: number[] = [];
	let visits = 0;
	let found = 0;
	for (let root = 0; root < n; root++) {
		if (number[root]) continue;
		const path: [number, number][] = [[root, 0]];
		while (path.length) {
			const top = path[path.length - 1]!;
			const at = top[0];
			if (top[1] === 0) {
				number[at] = low[at] = ++visits;
				open.push(at);
			}
			const next = calls[at]![top[1]++];
			if (next !== undefined) {
				if (!number[next]) path.push([next, 0]);
				else if (of[next] === -1) low[at] = Math.min(low[at]!, number[next]!);
				continue;
			}
			/* A node without calls comes here at once, with its count at 1. */
			path.pop();
			const above = path[path.length - 1];
			if (above) low[above[0]] = Math.min(low[above[0]]!, low[at]!);
			if (low[at] !== number[at]) continue;
			for (let x = -1; x !== at; ) {
				x = open.pop()!;
				of[x] = found;
			}
			found++;
		}
	}
	return of;
}

/* All calls, those turned round (true) that go against the order of their circle: by the distance from where it is entered. */
function acyclic(calls: number[][]): [number, number, boolean][] {
	const of = circles(calls);
	const entered = new Uint32Array(calls.length);
	calls.forEach((list, a) => list.forEach((b) => of[a] !== of[b] && entered[b]!++));
	const members = new Map<number, number[]>();
	of.forEach((c, i) => members.get(c)?.push(i) ?? members.set(c, [i]));
	const far = new Int32Array(calls.length);
	for (const list of members.values()) {
		if (list.length < 2) continue;
		const start = list.reduce((best, i) => (entered[i]! > entered[best]! ? i : best));
		const seen = new Set([start]);
		for (const a of seen)
			for (const b of calls[a]!)
				if (of[b] === of[a] && !seen.has(b)) {
					seen.add(b);
					far[b] = far[a]! + 1;
				}
	}
	const edges: [number, number, boolean][] = [];
	calls.forEach((list, a) =>
		list.forEach((b) => {
			const against = of[a] === of[b] && (far[a]! > far[b]! || (far[a] === far[b] && a > b));
			edges.push(against ? [b, a, true] : [a, b, false]);
		}),
	);
	return edges;
}

/* Longest path from the left; then what nobody calls moves right, next to the first that it calls. */
function layersOf(n: number, edges: [number, number, boolean][]): Int32Array {
	const layer = new Int32Array(n);
	const out: number[][] = Array.from({ length: n }, () => []);
	const waits = new Int32Array(n);
	for (const [a, b] of edges) {
		out[a]!.push(b);
		waits[b]!++;
	}
	const called = waits.map((w) => (w > 0 ? 1 : 0));
	const ready = [...Array(n).keys()].filter((i) => !waits[i]);
	for (let i = 0; i < ready.length; i++)
		for (const b of out[ready[i]!]!) {
			layer[b] = Math.max(layer[b]!, layer[ready[i]!]! + 1);
			if (--waits[b]! === 0) ready.push(b);
		}
	for (let i = 0; i < n; i++) if (!called[i] && out[i]!.length) layer[i] = Math.min(...out[i]!.map((b) => layer[b]!)) - 1;
	return layer;
}

function sweep(items: Item[], layers: number[][], right: boolean): void {
	const by = (a: number, b: number) => items[a]!.lane - items[b]!.lane || items[a]!.want - items[b]!.want || items[a]!.at - items[b]!.at;
	for (let k = 0; k < layers.length; k++) {
		const layer = layers[right ? k : layers.length - 1 - k]!;
		for (const i of layer) {
			const it = items[i]!;
			const near = right ? it.left : it.right;
			it.want = 0;
			for (const o of near) it.want += items[o]!.at;
			it.want = near.length ? it.want / near.length : it.at;
		}
		layer.sort(by);
		for (let at = 0; at < layer.length; at++) items[layer[at]!]!.at = (at + 0.5) / layer.length;
	}
}

/* Moves the places of one layer towards the mean of their neighbours', in their order and within their lane. */
function relax(items: Item[], layer: number[], lanes: [number, number][]): void {
	for (const i of layer) {
		const it = items[i]!;
		const n = it.left.length + it.right.length;
		let sum = 0;
		for (const o of it.left) sum += items[o]!.y + items[o]!.size / 2;
		for (const o of it.right) sum += items[o]!.y + items[o]!.size / 2;
		it.want = n ? sum / n - it.size / 2 : it.y;
	}
	let below = -Infinity;
	for (const i of layer) {
		const it = items[i]!;
		it.y = Math.max(it.want, below, lanes[it.lane]![0]);
		below = it.y + it.size;
	}
	let above = Infinity;
	for (let k = layer.length - 1; k >= 0; k--) {
		const it = items[layer[k]!]!;
		it.y = Math.min(it.y, above - it.size, lanes[it.lane]![1] - it.size);
		above = it.y;
	}
}

/* Lanes one below the other, as high as their fullest layer; every place in the middle of its lane at first. */
function stack(items: Item[], layers: number[][], count: number, named: boolean): [number, number][] {
	const full = new Float64Array(count);
	const sums = layers.map((layer) => {
		const s = new Float64Array(count);
		for (const i of layer) s[items[i]!.lane]! += items[i]!.size;
		s.forEach((v, k) => (full[k] = Math.max(full[k]!, v)));
		return s;
	});
	const lanes: [number, number][] = [];
	let y = 0;
	for (let k = 0; k < count; k++) {
		if (named) y += LANE_HEAD;
		lanes.push([y, y + full[k]!]);
		y += full[k]! + (named ? LANE_GAP : 0);
	}
	layers.forEach((layer, l) => {
		const at = lanes.map(([top], k) => top + (full[k]! - sums[l]![k]!) / 2);
		for (const i of layer) {
			items[i]!.y = at[items[i]!.lane]!;
			at[items[i]!.lane]! += items[i]!.size;
		}
	});
	return lanes;
}

/* Named groups have lanes when there are two or more; those with callers further left come first. */
function laneOrder(nodes: LayoutNode[], layer: Int32Array): Map<string, number> {
	const sums = new Map<string, [number, number]>();
	nodes.forEach((n, i) => {
		const s = sums.get(n.group) ?? [0, 0];
		sums.set(n.group, [s[0] + layer[i]!, s[1] + 1]);
	});
	const names = [...sums.keys()].filter((g) => g !== "");
	if (names.length < 2) return new Map();
	names.sort((a, b) => sums.get(b)![1] - sums.get(a)![1] || (a < b ? -1 : 1));
	/* What is in no group stands above all, where callers from outside are. */
	return new Map(["", ...names].filter((g) => sums.has(g)).map((g, i) => [g, i]));
}

/* Everything anew; the same input gives the same picture. */
export function layout(nodes: LayoutNode[], edges: LayoutEdge[]): Layout {
	const index = new Map(nodes.map((n, i) => [n.key, i]));
	const calls: number[][] = nodes.map(() => []);
	for (const key of new Set(edges.map((e) => edgeKey(e.from, e.to)))) {
		const [a, b] = key.split("\u0000").map((k) => index.get(k));
		if (a !== undefined && b !== undefined && a !== b) calls[a]!.push(b);
	}
	const order = acyclic(calls);
	const layer = layersOf(nodes.length, order);
	const laneOf = laneOrder(nodes, layer);
	const items: Item[] = nodes.map((n, i) => ({ layer: layer[i]!, lane: laneOf.get(n.group) ?? 0, size: 1, y: 0, at: 0, want: 0, left: [], right: [] }));
	const passing = new Map<string, number[]>();
	/* Short ones first: they gain the most from it, and there is only so much time. */
	order.sort(([a, b], [c, d]) => layer[b]! - layer[a]! - (layer[d]! - layer[c]!));
	for (const [a, b, turned] of order) {
		let last = a;
		const through: number[] = [];
		const bends = items.length + layer[b]! - layer[a]! <= nodes.length + BENDS_MAX;
		for (let l = layer[a]! + 1; l < layer[b]! && bends; l++) {
			items.push({ layer: l, lane: items[layer[b]! - l > l - layer[a]! ? a : b]!.lane, size: THIN, y: 0, at: 0, want: 0, left: [last], right: [] });
			items[last]!.right.push(items.length - 1);
			last = items.length - 1;
			through.push(last);
		}
		items[last]!.right.push(b);
		items[b]!.left.push(last);
		const [from, to] = turned ? [b, a] : [a, b];
		if (through.length) passing.set(edgeKey(nodes[from]!.key, nodes[to]!.key), turned ? through.reverse() : through);
	}
	const layers: number[][] = Array.from({ length: Math.max(0, ...items.map((i) => i.layer)) + 1 }, () => []);
	items.forEach((it, i) => layers[it.layer]!.push(i));
	for (const l of layers) {
		l.sort((a, b) => items[a]!.lane - items[b]!.lane || a - b);
		l.forEach((i, at) => (items[i]!.at = (at + 0.5) / l.length));
	}
	for (let i = 0; i < SWEEPS; i++) sweep(items, layers, i % 2 === 0);
	const lanes = stack(items, layers, Math.max(1, laneOf.size), laneOf.size > 0);
	for (let i = 0; i < SWEEPS; i++) for (const l of i % 2 ? [...layers].reverse() : layers) relax(items, l, lanes);
	return finish({
		places: new Map(nodes.map((n, i) => [n.key, { x: layer[i]!, y: items[i]!.y }])),
		bends: new Map([...passing].map(([k, list]) => [k, list.map((i) => ({ x: items[i]!.layer, y: items[i]!.y - 0.5 + THIN / 2 }))])),
		rows: new Map([...laneOf].map(([g, k]) => [g, lanes[k]!])),
		groups: new Map(nodes.map((n) => [n.key, n.group])),
		lanes: [],
		width: 0,
		height: 0,
		added: 0,
	});
}

/* Lanes' frames and the whole's size. */
function finish(l: Layout): Layout {
	const frames = new Map<string, Lane>();
	l.width = l.height = 0;
	for (const [key, p] of l.places) {
		const name = l.groups.get(key) ?? "";
		l.width = Math.max(l.width, p.x + 1);
		l.height = Math.max(l.height, p.y + 1);
		if (name === "" || !l.rows.has(name)) continue;
		const f = frames.get(name) ?? { name, x0: p.x, y0: p.y, x1: p.x, y1: p.y };
		frames.set(name, { name, x0: Math.min(f.x0, p.x), y0: Math.min(f.y0, p.y), x1: Math.max(f.x1, p.x + 1), y1: Math.max(f.y1, p.y + 1) });
	}
	for (const list of l.bends.values()) for (const p of list) l.height = Math.max(l.height, p.y + 1);
	l.lanes = [...frames.values()];
	return l;
}

/* Where a new node has room in its layer, nearest to y; null: nowhere between top and bottom. */
function freePlace(places: Iterable<Place>, x: number, y: number, top: number, bottom: number): Place | null {
	const taken = [...places].filter((p) => p.x === x).map((p) => p.y);
	const free = (at: number) => at >= top - 1e-9 && at + 1 <= bottom + 1e-9 && taken.every((t) => Math.abs(t - at) >= 1 - 1e-9);
	const tries = [y, ...taken.flatMap((t) => [t + 1, t - 1])].filter(free);
	if (!tries.length) return null;
	return { x, y: tries.reduce((best, at) => (Math.abs(at - y) < Math.abs(best - y) ? at : best)) };
}

/* One more place at the end of a full lane: the lanes below it move down as they are. */
function widen(l: Layout, lane: [number, number]): number {
	const end = lane[1];
	const lower = (y: number) => (y >= end - 1e-9 ? y + 1 : y);
	l.places = new Map([...l.places].map(([k, p]) => [k, { x: p.x, y: lower(p.y) }]));
	l.bends = new Map([...l.bends].map(([k, list]) => [k, list.map((p) => ({ x: p.x, y: lower(p.y + 0.5) - 0.5 }))]));
	for (const r of l.rows.values()) {
		r[0] = lower(r[0]);
		if (r[1] > end) r[1] += 1;
	}
	lane[1] = end + 1;
	return end;
}

function addOne(l: Layout, n: LayoutNode, edges: LayoutEdge[]): boolean {
	const callers = edges.filter((e) => e.to === n.key && l.places.has(e.from)).map((e) => l.places.get(e.from)!);
	const called = edges.filter((e) => e.from === n.key && l.places.has(e.to)).map((e) => l.places.get(e.to)!);
	const near = [...callers, ...called];
	const x = callers.length ? Math.max(...callers.map((p) => p.x)) + 1 : called.length ? Math.max(0, Math.min(...called.map((p) => p.x)) - 1) : 0;
	const y = near.length ? near.reduce((s, p) => s + p.y, 0) / near.length : 0;
	const lane = l.rows.get(n.group);
	if (l.rows.size > 0 && !lane) return false;
	const p = freePlace(l.places.values(), x, lane ? Math.max(lane[0], y) : y, lane?.[0] ?? 0, lane?.[1] ?? Infinity) ?? { x, y: widen(l, lane!) };
	l.places.set(n.key, p);
	l.groups.set(n.key, n.group);
	l.added++;
	return true;
}

/* The picture that came before, with what is new in it.  All of it is made anew when more than a third would be new, or a new node
 * is of a group that has no lane. */
export function grow(before: Layout | null, nodes: LayoutNode[], edges: LayoutEdge[]): Layout {
	if (!before || before.places.size > nodes.length + REMEMBERED) return layout(nodes, edges);
	const fresh = nodes.filter((n) => !before.places.has(n.key));
	const moved = nodes.some((n) => (before.groups.get(n.key) ?? n.group) !== n.group);
	if (!fresh.length && !moved) return before;
	if (moved || (before.added + fresh.length) * 3 > nodes.length) return layout(nodes, edges);
	const l: Layout = { ...before, places: new Map(before.places), groups: new Map(before.groups), rows: new Map([...before.rows].map(([g, r]) => [g, [...r] as [number, number]])) };
	/* Those with a placed neighbour first, so that the others have one when it is their turn. */
	let rest = fresh;
	while (rest.length) {
		const anchored = rest.filter((n) => edges.some((e) => (e.from === n.key && l.places.has(e.to)) || (e.to === n.key && l.places.has(e.from))));
		const now = anchored.length ? anchored : [rest[0]!];
		for (const n of now) if (!addOne(l, n, edges)) return layout(nodes, edges);
		rest = rest.filter((n) => !now.includes(n));
	}
	return finish(l);
}
