// SPDX-License-Identifier: Apache-2.0
// The map as a picture: moved with the pointer, the wheel, or the keyboard from node to node.
import { useEffect, useRef, useState } from "preact/hooks";
import { duration, oneLine, size } from "../model/format";
import { edgeKey } from "../model/layout";
import type { Layout } from "../model/layout";
import { NODE_H, NODE_W, corner, curve, extent, roomy } from "../model/paths";
import type { Curve, Point } from "../model/paths";
import { isOutside, kindText, nodeKey, nodeName, protoNames, rate, share } from "../model/sums";
import type { CallMap, Pair } from "../model/sums";
import { Icon } from "./icons";

export type Picked = { what: "node" | "pair"; key: string } | null;
export type Shown = "rate" | "latency" | "errors" | "bytes";
interface View {
	k: number;
	x: number;
	y: number;
}
const MARGIN = 28;
const MIN_K = 0.02;
const READABLE_K = 0.4;
const PANEL = 0.46; /* part of the picture that lies under what is told of a node (map.css) */
const LABELS_MAX = 300; /* tried; a label that has no room is told by the pair's title */

const short = (s: string, max: number) => (s.length > max ? s.slice(0, max - 1) + "…" : s);

/* What a pair is labelled with. */
export function pairText(p: Pair, s: number, shown: Shown): string {
	if (shown === "errors") return p.failed ? `${share(p.failed, p.flows)} failed` : "";
	if (shown === "bytes") return `${size(p.bytes / s)}/s`;
	if (shown === "latency") return p.p95 === null ? "" : `p95 ${duration(p.p95)}`;
	if (p.sealed) return `TLS? ${rate(p.flows, s)}`;
	return p.open === p.flows ? `${p.open} open` : `${rate(p.flows, s)}${p.failed ? ` ! ${share(p.failed, p.flows)}` : ""}`;
}

/* Sums of what each node was asked; of one that is never asked, of what it asks. */
function loads(m: CallMap, all: Pair[]): { flows: number; failed: number; asked: boolean }[] {
	const sums = m.nodes.map(() => ({ in: [0, 0], out: [0, 0] }));
	for (const p of all) {
		for (const [sum, n] of [[sums[p.to]!.in, p.flows], [sums[p.from]!.out, p.flows]] as const) sum[0]! += n;
		for (const sum of [sums[p.to]!.in, sums[p.from]!.out]) sum[1]! += p.failed;
	}
	return sums.map((s) => ({ flows: (s.in[0] || s.out[0])!, failed: (s.in[0] ? s.in[1] : s.out[1])!, asked: s.in[0]! > 0 }));
}

function useView(box: { current: SVGSVGElement | null }, whole: Point) {
	const [own, setOwn] = useState<View | null>(null); /* null: all of it */
	const [room, setRoom] = useState<Point>({ x: 800, y: 500 });
	useEffect(() => {
		const o = new ResizeObserver(([e]) => setRoom({ x: e!.contentRect.width, y: e!.contentRect.height }));
		o.observe(box.current!);
		return () => o.disconnect();
	}, []);
	const k = Math.max(MIN_K, Math.min(1.1, (room.x - 2 * MARGIN) / Math.max(1, whole.x), (room.y - 2 * MARGIN) / Math.max(1, whole.y)));
	const fit = { k, x: (room.x - whole.x * k) / 2, y: (room.y - whole.y * k) / 2 };
	/* What would be too small to read begins at its upper left. */
	const view = own ?? (k >= READABLE_K ? fit : { k: READABLE_K, x: MARGIN, y: MARGIN + 20 });
	const zoom = (by: number, at: Point = { x: room.x / 2, y: room.y / 2 }) => {
		const next = Math.max(MIN_K, Math.min(4, view.k * by));
		setOwn({ k: next, x: at.x - ((at.x - view.x) / view.k) * next, y: at.y - ((at.y - view.y) / view.k) * next });
	};
	const move = (dx: number, dy: number) => setOwn({ ...view, x: view.x + dx, y: view.y + dy });
	/* So that a node that got the focus is in sight. */
	const reveal = (p: Point, covered = 0) => {
		const [x, y] = [view.x + p.x * view.k, view.y + p.y * view.k];
		const dx = x < 0 ? -x + 20 : Math.min(0, room.x - 20 - (x + NODE_W * view.k));
		const dy = y < 0 ? -y + 20 : Math.min(0, room.y * (1 - covered) - 20 - (y + NODE_H * view.k));
		if (dx || dy) move(dx, dy);
	};
	return { view, fitted: own ? own.k === fit.k && own.x === fit.x && own.y === fit.y : k >= READABLE_K, zoom, move, reveal, all: () => setOwn(k >= READABLE_K ? null : fit) };
}

/* The nearest node in a direction: along it more than across it. */
function next(places: [string, Point][], from: string, key: string): string | null {
	const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key]!;
	const at = places.find(([k]) => k === from)?.[1];
	if (!at) return places[0]?.[0] ?? null;
	let best: string | null = null;
	let least = Infinity;
	for (const [k, p] of places) {
		const along = (p.x - at.x) * dx! + (p.y - at.y) * dy!;
		const across = Math.abs((p.x - at.x) * dy!) + Math.abs((p.y - at.y) * dx!);
		if (k === from || along <= 1) continue;
		if (along + 2 * across < least) [best, least] = [k, along + 2 * across];
	}
	return best;
}

interface PictureProps {
	map: CallMap;
	all: Pair[];
	layout: Layout;
	seconds: number;
	shown: Shown;
	picked: Picked;
	pick: (p: Picked) => void;
}

export function Picture({ map, all, layout, seconds, shown, picked, pick }: PictureProps) {
	const svg = useRef<SVGSVGElement>(null);
	const drag = useRef<Point | null>(null);
	const { view, fitted, zoom, move, reveal, all: showAll } = useView(svg, extent(layout.width, layout.height));
	const keys = map.nodes.map(nodeKey);
	const places = keys.filter((k) => layout.places.has(k)).map((k): [string, Point] => [k, corner(layout.places.get(k)!)]);
	const at = new Map(places);
	const [focused, setFocused] = useState("");
	const focus = at.has(focused) ? focused : (places[0]?.[0] ?? "");

	useEffect(() => {
		const wheel = (e: WheelEvent) => {
			e.preventDefault();
			const r = svg.current!.getBoundingClientRect();
			zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0016)), { x: e.clientX - r.left, y: e.clientY - r.top });
		};
		const s = svg.current!;
		s.addEventListener("wheel", wheel, { passive: false });
		return () => s.removeEventListener("wheel", wheel);
	});
	/* What was picked is not to lie under what is told of it. */
	useEffect(() => {
		const p = picked && at.get(picked.what === "node" ? picked.key : (picked.key.split("\u0000")[1] ?? ""));
		if (p) reveal(p, PANEL);
	}, [picked?.key]);
	const onKey = (e: KeyboardEvent) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		if (e.key.startsWith("Arrow")) {
			const to = next(places, focus, e.key);
			if (to) {
				setFocused(to);
				reveal(at.get(to)!);
				svg.current?.querySelector<SVGElement>(`[data-node="${CSS.escape(to)}"]`)?.focus();
			}
		} else if (e.key === "Enter" || e.key === " ") pick({ what: "node", key: focus });
		else if (e.key === "Escape" && picked) pick(null);
		else if (e.key === "+" || e.key === "=") zoom(1.25);
		else if (e.key === "-") zoom(0.8);
		else if (e.key === "0") showAll();
		else return;
		e.preventDefault();
	};

	return (
		<div class="map-picture">
			<svg
				ref={svg}
				role="group"
				aria-label="Who calls whom. Arrow keys go from node to node, Enter shows one; the table has the same."
				onKeyDown={onKey}
				onPointerDown={(e) => {
					if (e.button !== 0 || (e.target as Element).closest("[data-node],[data-pair]")) return;
					drag.current = { x: e.clientX, y: e.clientY };
					svg.current!.setPointerCapture(e.pointerId);
				}}
				onPointerMove={(e) => {
					if (!drag.current) return;
					move(e.clientX - drag.current.x, e.clientY - drag.current.y);
					drag.current = { x: e.clientX, y: e.clientY };
				}}
				onPointerUp={() => (drag.current = null)}
			>
				<defs>
					{["", "bad", "picked"].map((kind) => (
						<marker id={`arrow${kind}`} class={`arrow ${kind}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
							<path d="M0,0.6L8,4L0,7.4z" />
						</marker>
					))}
				</defs>
				<g transform={`translate(${view.x},${view.y}) scale(${view.k})`}>
					<Lanes layout={layout} />
					<Pairs map={map} all={all} layout={layout} seconds={seconds} shown={shown} picked={picked} pick={pick} nodes={places.map(([, p]) => p)} quiet={view.k < 0.3} />
					<Nodes map={map} all={all} at={at} seconds={seconds} picked={picked} pick={pick} focus={focus} setFocused={setFocused} />
				</g>
			</svg>
			<div class="map-zoom">
				<button class="btn small" aria-label="Larger" title="Larger (+)" onClick={() => zoom(1.25)}>
					<Icon name="plus" />
				</button>
				<button class="btn small" aria-label="Smaller" title="Smaller (-)" onClick={() => zoom(0.8)}>
					<span aria-hidden="true">−</span>
				</button>
				<button class="btn small" aria-label="All of it" title="All of it (0)" disabled={fitted} onClick={showAll}>
					<Icon name="grow" />
				</button>
			</div>
		</div>
	);
}

function Lanes({ layout }: { layout: Layout }) {
	return (
		<g class="lanes">
			{layout.lanes.map((l) => {
				const [a, b] = [corner({ x: l.x0, y: l.y0 }), corner({ x: l.x1 - 1, y: l.y1 - 1 })];
				return (
					<g>
						<rect x={a.x - 16} y={a.y - 30} width={b.x + NODE_W - a.x + 32} height={b.y + NODE_H - a.y + 42} rx="10" />
						<text x={a.x - 6} y={a.y - 13}>
							{short(oneLine(l.name), 40)}
						</text>
					</g>
				);
			})}
		</g>
	);
}

interface PairsProps extends Omit<PictureProps, "places"> {
	nodes: Point[];
	quiet: boolean;
}

function Pairs({ map, all, layout, seconds, shown, picked, pick, nodes, quiet }: PairsProps) {
	const most = Math.log1p(Math.max(1, ...all.map((p) => (shown === "bytes" ? p.bytes : p.flows))));
	const drawn: { p: Pair; c: Curve; text: string }[] = [];
	for (const p of all) {
		const [a, b] = [nodeKey(map.nodes[p.from]!), nodeKey(map.nodes[p.to]!)];
		const [from, to] = [layout.places.get(a), layout.places.get(b)];
		if (from && to) drawn.push({ p, c: curve(from, to, layout.bends.get(edgeKey(a, b))), text: pairText(p, seconds, shown) });
	}
	const tried = quiet ? [] : drawn.slice(0, LABELS_MAX);
	const room = roomy(tried.map(({ c, text }) => ({ at: c.label, width: text.length * 6.2 + 8 })), nodes);
	const touches = (p: Pair) => picked && (picked.what === "pair" ? picked.key === p.key : [p.from, p.to].some((i) => nodeKey(map.nodes[i]!) === picked.key));
	return (
		<g class="pairs">
			{drawn.map(({ p, c, text }, i) => {
				const on = touches(p);
				const part = p.failed / p.flows;
				const width = 1.2 + (4.8 * Math.log1p(shown === "bytes" ? p.bytes : p.flows)) / most;
				const name = `${nodeName(map.nodes[p.from]!)} to ${nodeName(map.nodes[p.to]!)}`;
				return (
					<g
						key={p.key}
						class={`pair ${p.sealed ? "sealed" : ""} ${on ? "on" : picked ? "dim" : ""}`}
						data-pair={p.key}
						onClick={() => pick({ what: "pair", key: p.key })}
					>
						<title>{`${oneLine(name, 200)}: ${protoNames(p)}, ${rate(p.flows, seconds)}, ${share(p.failed, p.flows)} failed${p.p95 === null ? "" : `, p95 ${duration(p.p95)}`}`}</title>
						<path class="hit" d={c.d} />
						<path class="line" d={c.d} stroke-width={width} marker-end={`url(#arrow${on ? "picked" : part >= 0.5 ? "bad" : ""})`} />
						{part > 0 && <path class="failed" d={c.d} pathLength={1} stroke-width={width} stroke-dasharray={`0 ${1 - Math.max(0.06, part)} ${Math.max(0.06, part)} 1`} />}
						{text && (room[i] || on) && (
							<g class="label">
								<rect x={c.label.x - text.length * 3.1 - 5} y={c.label.y - 9} width={text.length * 6.2 + 10} height="18" rx="9" />
								<text class={p.failed ? "bad" : ""} x={c.label.x} y={c.label.y + 4} text-anchor="middle">
									{text}
								</text>
							</g>
						)}
					</g>
				);
			})}
		</g>
	);
}

interface NodesProps extends Pick<PictureProps, "map" | "all" | "seconds" | "picked" | "pick"> {
	at: Map<string, Point>;
	focus: string;
	setFocused: (key: string) => void;
}

function Nodes({ map, all, at, seconds, picked, pick, focus, setFocused }: NodesProps) {
	const load = loads(map, all);
	const near = new Set<string>();
	if (picked)
		for (const p of all) {
			const ends = [nodeKey(map.nodes[p.from]!), nodeKey(map.nodes[p.to]!)];
			if (picked.what === "pair" ? p.key === picked.key : ends.includes(picked.key)) ends.forEach((k) => near.add(k));
		}
	return (
		<g class="nodes">
			{map.nodes.map((n, i) => {
				const key = nodeKey(n);
				const p = at.get(key);
				if (!p) return null;
				const l = load[i]!;
				const name = oneLine(nodeName(n, map.left_out.nodes), 200);
				const kind = kindText(n);
				const numbers = `${rate(l.flows, seconds)}${l.asked ? "" : " out"}`;
				const bad = l.failed ? `${share(l.failed, l.flows)} failed` : "";
				return (
					<g
						key={key}
						class={`node ${isOutside(n) ? "outside" : ""} ${picked?.key === key ? "on" : picked && !near.has(key) ? "dim" : ""}`}
						transform={`translate(${p.x},${p.y})`}
						data-node={key}
						role="button"
						tabIndex={key === focus ? 0 : -1}
						aria-label={`${short(name, 22)} ${numbers}${bad ? ` ! ${bad}` : kind && ` ${kind}`}${n.group && n.group !== n.name ? `, of ${oneLine(n.group)}` : ""}${name.length > 22 ? `, ${name}` : ""}`}
						aria-pressed={picked?.key === key}
						onClick={() => pick({ what: "node", key })}
						onFocus={() => setFocused(key)}
					>
						<rect width={NODE_W} height={NODE_H} rx="7" />
						<text class="name" x="12" y="20">
							{short(name, 22)}
						</text>{" "}
						<text class="numbers" x="12" y="37">
							{numbers}{" "}
							{bad && (
								<tspan class="bad" dx="4">
									! {bad}
								</tspan>
							)}
						</text>{" "}
						{kind && !bad && (
							<text class="kind" x={NODE_W - 10} y="37" text-anchor="end">
								{kind}
							</text>
						)}
					</g>
				);
			})}
		</g>
	);
}
