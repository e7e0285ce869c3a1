// SPDX-License-Identifier: Apache-2.0
// A window on the messages of one conversation, which may have millions: never more than MAX of them are here.
import type { Message, Stream, Window } from "./api";

export const MAX = 12_000; /* more than the hub keeps of one */
export const BYTES = 16 << 20; /* of their texts, about */
const FIRST = 200; /* fetched when it is opened */
const STEP = 500; /* and at a time when looking back */
const AHEAD = 500; /* and when following */

export interface Source {
	newest(n: number): Promise<Window>;
	from(seq: number, n: number): Promise<Window>;
	before(seq: number, n: number): Promise<Window>;
}

const weight = (m: Message): number => 200 + 2 * ((m.body?.text ?? m.body?.base64 ?? "").length + (m.body?.decoded !== undefined ? JSON.stringify(m.body.decoded).length : 0));

export class Conversation {
	list: Message[] = [];
	stream: Stream | null = null;
	kept = 0;
	begun = false; /* the first answer was here */
	reachesEnd = true; /* the newest is in the list */
	private busy = false;
	private bytes = 0;

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

	private put(list: Message[], front: boolean): void {
		for (const m of list) this.bytes += weight(m);
		if (front) this.list.unshift(...list);
		else this.list.push(...list);
	}
	/* Lets go what is too much, at the end that is not looked at.  How many. */
	private trim(front: boolean): number {
		let n = 0;
		while ((this.list.length - n > MAX || this.bytes > BYTES) && this.list.length - n > AHEAD) this.bytes -= weight(this.list[front ? n++ : this.list.length - 1 - n++]!);
		if (n) this.list.splice(front ? 0 : this.list.length - n, n);
		return n;
	}

	/* Fetches what came since.  Rows that were dropped at the front; one call at a time. */
	async follow(): Promise<number> {
		if (this.busy || !this.reachesEnd) return 0;
		this.busy = true;
		let dropped = 0;
		try {
			for (let more = true; more; ) {
				const last = this.list.at(-1)?.seq ?? 0;
				const w = this.begun ? await this.source.from(last + 1, AHEAD) : await this.source.newest(FIRST);
				this.take(w);
				const news = w.messages.filter((m) => m.seq > last);
				this.put(news, false);
				more = news.length === AHEAD;
				dropped += this.trim(true);
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
			this.put(old, true);
			if (this.trim(false)) this.reachesEnd = false; /* the newest can be fetched again */
			return old.length;
		} finally {
			this.busy = false;
		}
	}

	/* Fetches some behind the last, where the end is not here.  Rows that were dropped at the front. */
	async later(): Promise<number> {
		if (this.busy || this.reachesEnd) return 0;
		this.busy = true;
		try {
			const last = this.list.at(-1)?.seq ?? 0;
			const w = await this.source.from(last + 1, AHEAD);
			this.take(w);
			const news = w.messages.filter((m) => m.seq > last);
			this.put(news, false);
			this.reachesEnd = news.length < AHEAD;
			return this.trim(true);
		} finally {
			this.busy = false;
		}
	}

	/* To the first ones. */
	async oldest(): Promise<void> {
		if (!this.hasEarlier) return;
		this.list = [];
		this.bytes = 0;
		this.reachesEnd = false;
		await this.later();
	}

	/* Back to the newest. */
	async newest(): Promise<void> {
		this.list = [];
		this.bytes = 0;
		this.begun = false;
		this.reachesEnd = true;
		await this.follow();
	}
}
