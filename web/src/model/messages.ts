// SPDX-License-Identifier: Apache-2.0
// A window on the messages of one conversation, which may have millions: never more than MAX of them are here.
import type { Message, Stream, Window } from "./api";

export const MAX = 2000;
const STEP = 200; /* fetched at a time when looking back */
const AHEAD = 500; /* and when following */

export interface Source {
	newest(n: number): Promise<Window>;
	from(seq: number, n: number): Promise<Window>;
	before(seq: number, n: number): Promise<Window>;
}

export class Conversation {
	list: Message[] = [];
	stream: Stream | null = null;
	kept = 0;
	begun = false; /* the first answer was here */
	reachesEnd = true; /* the newest is in the list */
	private busy = false;

	constructor(private source: Source) {}

	get total(): number {
		return this.stream ? this.stream.c2s.messages + this.stream.s2c.messages : this.list.length;
	}
	/* There are messages before the first one here, as far as the hub knows. */
	get hasEarlier(): boolean {
		return this.begun && this.list.length > 0 && this.list[0]!.seq > 1 && this.kept > this.list.length;
	}
	/* How many were left out between a message and the one before it in the list. */
	hole(i: number): number {
		return i > 0 ? this.list[i]!.seq - this.list[i - 1]!.seq - 1 : 0;
	}

	private take(w: Window): void {
		this.stream = w.stream ?? this.stream;
		this.kept = w.kept;
		this.begun = true;
	}

	/* Fetches what came since.  Rows that were dropped at the front; one call at a time. */
	async follow(): Promise<number> {
		if (this.busy || !this.reachesEnd) return 0;
		this.busy = true;
		let dropped = 0;
		try {
			for (let more = true; more; ) {
				const last = this.list.at(-1)?.seq ?? 0;
				const w = this.begun ? await this.source.from(last + 1, AHEAD) : await this.source.newest(STEP);
				this.take(w);
				const news = w.messages.filter((m) => m.seq > last);
				this.list.push(...news);
				more = news.length === AHEAD;
				if (this.list.length > MAX) dropped += this.list.splice(0, this.list.length - MAX).length;
			}
		} finally {
			this.busy = false;
		}
		return dropped;
	}

	/* Fetches some before the first.  How many came. */
	async earlier(): Promise<number> {
		if (this.busy || !this.hasEarlier) return 0;
		this.busy = true;
		try {
			const first = this.list[0]!.seq;
			const w = await this.source.before(first, STEP);
			this.take(w);
			const old = w.messages.filter((m) => m.seq < first);
			this.list.unshift(...old);
			if (this.list.length > MAX) {
				this.list.length = MAX; /* the newest can be fetched again */
				this.reachesEnd = false;
			}
			return old.length;
		} finally {
			this.busy = false;
		}
	}

	/* Back to the newest. */
	async newest(): Promise<void> {
		this.list = [];
		this.begun = false;
		this.reachesEnd = true;
		await this.follow();
	}
}
