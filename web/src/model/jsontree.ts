// SPDX-License-Identifier: Apache-2.0
// JSON as a list of lines that fold.  Not JSON.parse: numbers keep all their digits, a key may come twice,
// several documents may follow each other, and of a text that was cut off everything up to there is shown.

export const enum Kind {
	Object,
	Array,
	String,
	Number,
	Word, /* true, false, null */
}

export interface JsonDoc {
	text: string;
	kind: number[];
	depth: number[];
	after: number[]; /* the first node that is not inside this one */
	key: (string | null)[]; /* null: an element of an array, or a document */
	index: number[]; /* among its siblings */
	start: number[]; /* of the value, in text */
	end: number[];
	count: number[]; /* members or elements */
	error: { at: number; text: string } | null;
}

const WORDS = ["true", "false", "null"];
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\r\n]*/y;
/* To the closing quote; what is inside is checked by JSON.parse when it is shown. */
const STRING = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
/* Deeper than any document; only bounds what a hostile one can cost. */
const MAX_DEPTH = 512;

export function parseJson(text: string): JsonDoc {
	const d: JsonDoc = { text, kind: [], depth: [], after: [], key: [], index: [], start: [], end: [], count: [], error: null };
	const open: number[] = []; /* containers not closed yet */
	let at = 0;
	let key: string | null = null;

	const space = () => {
		if (text.charCodeAt(at) > 0x20) return;
		SPACE.lastIndex = at;
		SPACE.test(text);
		at = SPACE.lastIndex;
	};
	/* Length of what the pattern finds here, 0: nothing. */
	const token = (re: RegExp): number => {
		re.lastIndex = at;
		return re.test(text) ? re.lastIndex - at : 0;
	};
	const fail = (what: string): false => {
		d.error = { at, text: at >= text.length ? "The text ends here, inside the document." : what };
		return false;
	};
	const add = (kind: Kind, len: number): number => {
		const i = d.kind.length;
		d.kind.push(kind);
		d.depth.push(open.length);
		d.after.push(i + 1);
		d.key.push(key);
		d.start.push(at);
		d.end.push(at + len);
		d.count.push(0);
		const parent = open[open.length - 1];
		d.index.push(parent === undefined ? 0 : d.count[parent]!++);
		key = null;
		at += len;
		return i;
	};
	const close = () => {
		const i = open.pop()!;
		d.after[i] = d.kind.length;
		d.end[i] = at;
	};

	const value = (): boolean => {
		const c = text[at];
		if (c === "{" || c === "[") {
			if (open.length >= MAX_DEPTH) return fail(`This is nested more than ${MAX_DEPTH} deep.`);
			open.push(add(c === "{" ? Kind.Object : Kind.Array, 1));
			return true;
		}
		const s = c === '"' ? token(STRING) : 0;
		if (s) return add(Kind.String, s), true;
		const n = token(NUMBER);
		if (n) return add(Kind.Number, n), true;
		const w = WORDS.find((x) => text.startsWith(x, at));
		if (w) return add(Kind.Word, w.length), true;
		return c === '"' ? ((at = text.length), fail("")) : fail("A value is expected here.");
	};
	const member = (): boolean => {
		const k = token(STRING);
		if (!k) {
			if (text[at] === '"') at = text.length;
			return fail("A name in quotes is expected here.");
		}
		const name = text.slice(at, at + k);
		at += k;
		space();
		if (text[at] !== ":") return fail("A colon is expected here.");
		at++;
		space();
		key = unquote(name);
		return value();
	};

	space();
	while (at < text.length && !d.error) {
		const top = open[open.length - 1];
		if (top === undefined) {
			const last = d.kind.length - 1;
			if (last >= 0 && d.kind[last]! > Kind.Array && d.end[last] === at) {
				fail("Nothing is expected here.");
				break;
			}
			if (!value()) break;
		} else {
			const closer = d.kind[top] === Kind.Object ? "}" : "]";
			if (text[at] === closer) {
				at++;
				close();
			} else {
				if (d.count[top]! > 0) {
					if (text[at] !== ",") {
						fail(`A comma or “${closer}” is expected here.`);
						break;
					}
					at++;
					space();
				}
				if (!(d.kind[top] === Kind.Object ? member() : value())) break;
			}
		}
		space();
	}
	if (!d.error && (open.length || !d.kind.length)) fail("");
	while (open.length) close();
	return d;
}

/* A JSON string as the text it stands for; as it is where it is not valid. */
export function unquote(raw: string): string {
	if (!raw.includes("\\")) return raw.slice(1, -1);
	try {
		return String(JSON.parse(raw));
	} catch {
		return raw.slice(1, -1);
	}
}

const isContainer = (d: JsonDoc, i: number) => d.kind[i]! <= Kind.Array;

/* Lines that a document shows at first, about. */
const FIRST_LINES = 120;

/* Which nodes are on screen. */
export class JsonTree {
	lines: number[] = [];
	private opened: Uint8Array;

	constructor(readonly doc: JsonDoc) {
		this.opened = new Uint8Array(doc.kind.length);
		this.openFirst(FIRST_LINES);
		this.lay();
	}

	isOpen(node: number): boolean {
		return this.opened[node] === 1;
	}

	/* Opens or closes the node of a line; false if there is nothing to open. */
	toggle(line: number, to?: boolean): boolean {
		const node = this.lines[line];
		if (node === undefined || !isContainer(this.doc, node) || !this.doc.count[node]) return false;
		this.opened[node] = (to ?? !this.opened[node]) ? 1 : 0;
		this.lay();
		return true;
	}

	all(open: boolean): void {
		for (let i = 0; i < this.opened.length; i++)
			this.opened[i] = isContainer(this.doc, i) && (open || this.doc.depth[i] === 0) ? 1 : 0;
		this.lay();
	}

	/* The line of the container around a line, or -1. */
	parent(line: number): number {
		const depth = this.doc.depth[this.lines[line] ?? 0] ?? 0;
		for (let i = line - 1; i >= 0; i--) if (this.doc.depth[this.lines[i]!]! < depth) return i;
		return -1;
	}

	/* Opens level by level, as long as the lines stay few enough to be looked through. */
	private openFirst(budget: number): void {
		const d = this.doc;
		let level: number[] = [];
		for (let i = 0; i < d.kind.length; i = d.after[i]!) level.push(i);
		let left = budget - level.length;
		while (level.length) {
			const below: number[] = [];
			for (const node of level) {
				if (!isContainer(d, node) || (d.count[node]! > left && d.depth[node]! > 0)) continue;
				this.opened[node] = 1;
				left -= d.count[node]!;
				if (d.count[node]! <= budget) for (let i = node + 1; i < d.after[node]!; i = d.after[i]!) below.push(i);
			}
			level = below;
		}
	}

	private lay(): void {
		this.lines = [];
		for (let i = 0; i < this.doc.kind.length; ) {
			this.lines.push(i);
			i = isContainer(this.doc, i) && !this.opened[i] ? this.doc.after[i]! : i + 1;
		}
	}
}

/* "{ id, name, qty… }" or "[ 1, 2, 3… ]": the beginning of a closed container. */
export function preview(d: JsonDoc, node: number, max = 60): string {
	const parts: string[] = [];
	let len = 0;
	for (let i = node + 1; i < d.after[node]!; i = d.after[i]!) {
		const k = d.key[i];
		const v = isContainer(d, i) ? (d.kind[i] === Kind.Object ? "{…}" : "[…]") : d.text.slice(d.start[i], Math.min(d.end[i]!, d.start[i]! + 24));
		const p = k === null ? v : `${k!.slice(0, 24)}: ${v}`;
		len += p.length + 2;
		if (len > max && parts.length) {
			parts.push("…");
			break;
		}
		parts.push(p);
	}
	return parts.join(", ");
}
