// SPDX-License-Identifier: Apache-2.0
// The lines of a body on recycled elements.
import { bodyLine, oneLine } from "../model/format";
import { JsonTree, Kind, preview, unquote } from "../model/jsontree";
import type { JsonDoc } from "../model/jsontree";
import { foldText, hexLine, textLine } from "../model/lines";
import { Recycler } from "./recycler";

export interface Mounted {
	destroy(): void;
}

const LINE = 20;
let serial = 0;

function span(cls: string, parent: HTMLElement): HTMLElement {
	const s = document.createElement("span");
	s.className = cls;
	parent.append(s);
	return s;
}

function canvasIn(host: HTMLElement, role: string): HTMLElement {
	const c = document.createElement("div");
	c.className = "lines-canvas";
	c.setAttribute("role", role);
	host.append(c);
	return c;
}

/* Width of one character of the host's font, which is of fixed pitch. */
function pitch(host: HTMLElement): number {
	const probe = span("line", host);
	probe.textContent = "0".repeat(100);
	const w = probe.getBoundingClientRect().width / 100;
	probe.remove();
	return w || 7;
}

/* Keys that scroll what has no selection of its own. */
function scrollKeys(host: HTMLElement, rec: Recycler): () => void {
	const onKey = (e: KeyboardEvent) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const by: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: rec.page, PageUp: -rec.page, Home: -1e9, End: 1e9 };
		const d = by[e.key];
		if (d === undefined) return;
		e.preventDefault();
		e.stopPropagation();
		rec.place(Math.max(0, rec.first + d), 0);
	};
	host.addEventListener("keydown", onKey);
	return () => host.removeEventListener("keydown", onKey);
}

export function mountText(host: HTMLElement, text: string): Mounted {
	const canvas = canvasIn(host, "presentation");
	const columns = () => {
		const digits = String(text.length).length; /* more than there can be lines */
		gutter = Math.max(3, Math.min(digits, 6));
		host.style.setProperty("--gutter", `${gutter + 2}ch`);
		return Math.floor((host.clientWidth - 24) / pitch(host)) - gutter - 3;
	};
	let gutter = 3;
	let width = columns();
	let lines = foldText(text, width);
	const rec = new Recycler(host, canvas, LINE, {
		count: () => lines.start.length,
		create() {
			const el = document.createElement("div");
			el.className = "line";
			span("line-no", el).setAttribute("aria-hidden", "true");
			span("line-text", el);
			return el;
		},
		draw(el, i) {
			el.firstChild!.textContent = lines.number[i] ? String(lines.number[i]) : "";
			el.lastChild!.textContent = bodyLine(textLine(lines, i));
		},
	});
	const observer = new ResizeObserver(() => {
		const w = columns();
		if (w === width || host.clientWidth === 0) return;
		width = w;
		lines = foldText(text, width);
		rec.redraw();
	});
	observer.observe(host);
	const keys = scrollKeys(host, rec);
	rec.redraw();
	return {
		destroy() {
			observer.disconnect();
			keys();
			rec.destroy();
		},
	};
}

export function mountHex(host: HTMLElement, bytes: Uint8Array): Mounted {
	const canvas = canvasIn(host, "presentation");
	const rec = new Recycler(host, canvas, LINE, {
		count: () => Math.ceil(bytes.length / 16),
		create() {
			const el = document.createElement("div");
			el.className = "line";
			span("hex-offset", el);
			span("hex-bytes", el);
			span("hex-ascii", el);
			return el;
		},
		draw(el, i) {
			const l = hexLine(bytes, i);
			el.children[0]!.textContent = l.offset;
			el.children[1]!.textContent = l.hex;
			el.children[2]!.textContent = l.ascii;
		},
	});
	const keys = scrollKeys(host, rec);
	rec.redraw();
	return {
		destroy() {
			keys();
			rec.destroy();
		},
	};
}

const KINDS: Record<number, string> = { [Kind.String]: "string", [Kind.Number]: "number", [Kind.Word]: "word" };
/* Enough of one value for one line; the text view has all of it. */
const VALUE_MAX = 1000;

export function mountTree(host: HTMLElement, doc: JsonDoc): Mounted {
	const tree = new JsonTree(doc);
	const canvas = canvasIn(host, "presentation");
	let active = 0;

	const drawValue = (el: HTMLElement, node: number) => {
		const raw = doc.text.slice(doc.start[node], Math.min(doc.end[node]!, doc.start[node]! + VALUE_MAX));
		const kind = doc.kind[node]!;
		if (kind <= Kind.Array) {
			const n = doc.count[node]!;
			el.className = "json-value json-count";
			const open = tree.isOpen(node);
			const [a, b] = kind === Kind.Object ? ["{", "}"] : ["[", "]"];
			el.textContent = !n ? `${a}${b}` : open ? `${a} ${n} ${b}` : `${a} ${oneLine(preview(doc, node), 120)} ${b}  ${n}`;
			return;
		}
		el.className = `json-value json-${KINDS[kind]}`;
		el.textContent = kind === Kind.String ? `"${oneLine(unquote(raw.endsWith('"') ? raw : raw + '"'), VALUE_MAX)}"` : oneLine(raw, VALUE_MAX);
	};
	const rec = new Recycler(host, canvas, LINE, {
		count: () => tree.lines.length,
		create() {
			const el = document.createElement("div");
			el.className = "line json-line";
			el.id = `json-${serial++}`;
			el.setAttribute("role", "treeitem");
			span("json-twist", el);
			span("json-key", el);
			span("json-value", el);
			return el;
		},
		draw(el, i) {
			const node = tree.lines[i]!;
			const depth = doc.depth[node]!;
			const folds = doc.kind[node]! <= Kind.Array && doc.count[node]! > 0;
			el.style.setProperty("--depth", String(Math.min(depth, 40)));
			el.setAttribute("aria-level", String(depth + 1));
			if (folds) el.setAttribute("aria-expanded", String(tree.isOpen(node)));
			else el.removeAttribute("aria-expanded");
			el.classList.toggle("active", i === active);
			el.setAttribute("aria-selected", String(i === active));
			if (i === active) host.setAttribute("aria-activedescendant", el.id);
			el.dataset.line = String(i);
			const key = doc.key[node];
			const k = el.children[1] as HTMLElement;
			const element = key === null && depth > 0;
			k.textContent = element ? `${doc.index[node]}: ` : key === null ? "" : oneLine(key!, 300) + ": ";
			k.classList.toggle("json-index", element);
			drawValue(el.children[2] as HTMLElement, node);
		},
	});
	const move = (to: number) => {
		active = Math.max(0, Math.min(to, tree.lines.length - 1));
		rec.reveal(active);
		rec.redraw();
	};
	const toggle = (line: number, to?: boolean) => {
		tree.toggle(line, to);
		rec.redraw();
	};
	const onClick = (e: Event) => {
		const el = (e.target as Element).closest<HTMLElement>(".json-line");
		if (!el || getSelection()?.type === "Range") return;
		active = Number(el.dataset.line);
		toggle(active);
	};
	const onKey = (e: KeyboardEvent) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const node = tree.lines[active]!;
		const open = tree.isOpen(node);
		const acts: Record<string, () => void> = {
			ArrowDown: () => move(active + 1),
			ArrowUp: () => move(active - 1),
			PageDown: () => move(active + rec.page),
			PageUp: () => move(active - rec.page),
			Home: () => move(0),
			End: () => move(tree.lines.length - 1),
			ArrowRight: () => (open ? move(active + 1) : toggle(active, true)),
			ArrowLeft: () => (open ? toggle(active, false) : move(Math.max(0, tree.parent(active)))),
			Enter: () => toggle(active),
			" ": () => toggle(active),
			"*": () => (tree.all(true), rec.redraw()),
		};
		const act = acts[e.key];
		if (!act || !tree.lines.length) return;
		e.preventDefault();
		e.stopPropagation();
		act();
	};
	canvas.addEventListener("click", onClick);
	host.addEventListener("keydown", onKey);
	rec.redraw();
	return {
		destroy() {
			host.removeEventListener("keydown", onKey);
			host.removeAttribute("aria-activedescendant");
			rec.destroy();
		},
	};
}
