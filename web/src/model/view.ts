// SPDX-License-Identifier: Apache-2.0
// One tab's view of the hub's list: what is known of it, and what has to be asked for.  No DOM.
import type { Row } from "./api";
import { BLOCK, RowCache } from "./rows";

/* Requests under way at most; while somebody drags the scroll bar only the latest matter. */
const IN_FLIGHT = 4;

export interface Window {
	view?: number;
	req: number;
	from: number;
	base?: number;
	rows: Row[];
}
export interface TickPart {
	view?: number;
	total: number;
	matched: number;
	base?: number;
	sorted?: { ready: boolean; fresh: number };
	rows: Row[];
}

export class View {
	readonly rows = new RowCache();
	/* The number of the present subscription; what carries another one belongs to the past. */
	id = 0;
	base = 0;
	matched = 0;
	total = 0;
	/* A tick of this subscription has come. */
	live = false;
	private asked = new Map<number, number>(); /* block -> request */
	private finds = new Map<number, (at: number) => void>();
	private fetches = new Map<number, (rows: Row[]) => void>();
	private nextReq = 1;

	constructor(private send: (m: object) => void) {}

	/* One past the last row. */
	get end(): number {
		return this.base + this.matched;
	}

	subscribe(filter: string, n: number): void {
		this.id++;
		this.live = false;
		this.asked.clear();
		this.finds.clear();
		this.send({ op: "sub", filter, n, view: this.id });
	}

	/* by: as the hub calls columns; "": as they came.  again: the subscription before it has shown rows, which stay on
	 * screen until others are there. */
	sort(by: string, desc: boolean, again: boolean): void {
		if (again) this.id++;
		this.live = false;
		this.asked.clear();
		this.finds.clear();
		this.send({ op: "sort", by, desc, view: this.id });
	}

	/* n rows, at most 500; those that are gone meanwhile are missing. */
	fetch(at: number, n: number): Promise<Row[]> {
		const req = this.nextReq++;
		return new Promise((resolve) => {
			this.fetches.set(req, resolve);
			this.send({ op: "rows", from: at - this.base, n, req });
		});
	}

	/* Of this subscription?  Ticks that came before any carry no number. */
	mine(m: { view?: number }): boolean {
		return m.view === this.id;
	}

	/* How many rows are new, or -1 where the list begins anew: the first tick of a subscription, or
	 * everything was cleared. */
	tick(m: TickPart): number {
		if (m.sorted && !m.sorted.ready) return 0;
		const base = m.base ?? 0;
		const end = base + m.matched;
		const anew = !this.live || base < this.base || end < this.end;
		const fresh = anew ? -1 : end - this.end;
		if (anew) {
			this.rows.clear();
			this.asked.clear();
		}
		this.live = true;
		this.base = base;
		this.matched = m.matched;
		this.total = m.total;
		const from = end - m.rows.length;
		m.rows.forEach((r, i) => this.rows.put(from + i, r));
		return fresh;
	}

	/* An answer to `rows`. */
	window(m: Window): void {
		this.fetches.get(m.req)?.(m.rows);
		this.fetches.delete(m.req);
		for (const [k, req] of this.asked)
			if (req === m.req) {
				this.asked.delete(k);
				this.rows.renewed(k);
			}
		const at = (m.base ?? this.base) + m.from;
		m.rows.forEach((r, i) => this.rows.put(at + i, r));
	}

	/* Asks for what is missing in [from, to). */
	want(from: number, to: number): void {
		const a = Math.max(from, this.base);
		const b = Math.min(to, this.end);
		this.rows.touch(a, b);
		for (let k = Math.floor(a / BLOCK); k * BLOCK < b; k++) {
			if (this.asked.has(k) || !this.rows.lacks(k, a, b)) continue;
			const first = Math.max(k * BLOCK, this.base);
			const last = Math.min((k + 1) * BLOCK, this.end);
			if (this.asked.size >= IN_FLIGHT) this.asked.delete(this.asked.keys().next().value!);
			const req = this.nextReq++;
			this.asked.set(k, req);
			this.send({ op: "rows", from: first - this.base, n: last - first, req });
		}
	}

	/* Position of the last row whose number is at most n, or -1. */
	find(n: number): Promise<number> {
		const held = this.rows.position(n);
		if (held >= 0) return Promise.resolve(held);
		const req = this.nextReq++;
		return new Promise((resolve) => {
			this.finds.set(req, resolve);
			this.send({ op: "find", n, req });
		});
	}

	found(m: { req: number; from: number; base?: number }): void {
		const resolve = this.finds.get(m.req);
		this.finds.delete(m.req);
		resolve?.(m.from < 0 ? -1 : (m.base ?? this.base) + m.from);
	}
}
