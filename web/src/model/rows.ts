// SPDX-License-Identifier: Apache-2.0
// The window of rows that the page holds: blocks of 100, the least recently used thrown away.
// Positions are absolute: they count from the first row the view ever had, so that rows dropped at
// the front of the view change no position.
import type { Row } from "./api";

export const BLOCK = 100;
const KEEP = 60;

export class RowCache {
	/* A Map iterates in the order of insertion: the first key is the one used longest ago. */
	private blocks = new Map<number, (Row | undefined)[]>();
	private where = new Map<number, number>();
	/* Held, but to be asked for again. */
	private old = new Set<number>();

	get(at: number): Row | undefined {
		const k = Math.floor(at / BLOCK);
		return this.blocks.get(k)?.[at - k * BLOCK];
	}

	put(at: number, row: Row): void {
		const k = Math.floor(at / BLOCK);
		let b = this.blocks.get(k);
		if (!b) {
			b = new Array<Row | undefined>(BLOCK).fill(undefined);
			this.blocks.set(k, b);
			this.evict(k);
		}
		b[at - k * BLOCK] = row;
		this.where.set(row.n, at);
	}

	/* Marks the blocks of [from, to) as used now. */
	touch(from: number, to: number): void {
		for (let k = Math.floor(from / BLOCK); k * BLOCK < to; k++) {
			const b = this.blocks.get(k);
			if (!b) continue;
			this.blocks.delete(k);
			this.blocks.set(k, b);
		}
	}

	/* Takes the changed row if it is held; its position, or -1. */
	update(row: Row): number {
		const at = this.where.get(row.n);
		if (at === undefined) return -1;
		this.put(at, row);
		return at;
	}

	position(n: number): number {
		return this.where.get(n) ?? -1;
	}

	/* What is held may have changed unseen; it stays on screen until something newer has come. */
	expire(): void {
		for (const k of this.blocks.keys()) this.old.add(k);
	}

	renewed(k: number): void {
		this.old.delete(k);
	}

	/* Is any row of block k inside [from, to) not held, or held no longer for sure? */
	lacks(k: number, from: number, to: number): boolean {
		const b = this.blocks.get(k);
		if (!b || this.old.has(k)) return true;
		const end = Math.min(to - k * BLOCK, BLOCK);
		for (let i = Math.max(from - k * BLOCK, 0); i < end; i++) if (!b[i]) return true;
		return false;
	}

	clear(): void {
		this.blocks.clear();
		this.where.clear();
		this.old.clear();
	}

	get size(): number {
		return this.where.size;
	}

	private evict(except: number): void {
		for (const [k, b] of this.blocks) {
			if (this.blocks.size <= KEEP) return;
			if (k === except) continue;
			this.blocks.delete(k);
			this.old.delete(k);
			for (const r of b) if (r) this.where.delete(r.n);
		}
	}
}
