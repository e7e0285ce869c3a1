// SPDX-License-Identifier: Apache-2.0
// The WebSocket of this tab: connects, and connects again with growing, jittered pauses.
import type { Capture, Counters, Row, Tally } from "./api";
import type { Window } from "./view";

export interface Tick {
	op: "tick";
	view?: number;
	seq: number;
	total: number;
	matched: number;
	base?: number;
	counters: Counters;
	tally?: Tally;
	sorted?: { ready: boolean; fresh: number };
	stopped?: number; /* rows that the filter was told not to look at */
	agents: number;
	capture: Capture;
	scan?: { done: number; of: number }; /* the filter still runs over older rows */
	stale?: boolean; /* more rows changed than were sent */
	rows: Row[];
}
export type HubMessage =
	| { op: "hello"; version: string; boot: string }
	| Tick
	| { op: "upd"; view?: number; rows: Row[] }
	| ({ op: "rows" } & Window)
	| { op: "find"; view?: number; req: number; from: number; base?: number }
	| { op: "containers" }
	| { op: "saved" }
	| { op: "error"; view?: number; at: number; len: number; text: string };

export interface ChannelEvents {
	message(m: HubMessage): void;
	/* The connection is gone; attempt counts from 1, the next try comes after waitMs. */
	lost(attempt: number, waitMs: number): void;
}

const FIRST_MS = 250;
const CAP_MS = 5000;

/* How long to wait before attempt n (from 1); random is in [0, 1). */
export function backOff(n: number, random: number): number {
	return Math.round(Math.min(CAP_MS, FIRST_MS * 1.6 ** (n - 1)) * (0.8 + 0.4 * random));
}

export class Channel {
	private ws: WebSocket | null = null;
	private attempt = 0;
	private timer = 0;

	constructor(private ev: ChannelEvents) {}

	open(): void {
		clearTimeout(this.timer);
		this.ws?.close();
		const url = new URL("api/ws", document.baseURI);
		url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
		url.hash = "";
		const ws = new WebSocket(url);
		this.ws = ws;
		ws.onmessage = (e) => {
			if (this.ws !== ws || typeof e.data !== "string") return;
			this.attempt = 0;
			this.ev.message(JSON.parse(e.data) as HubMessage);
		};
		ws.onclose = () => {
			if (this.ws !== ws) return;
			this.ws = null;
			const wait = backOff(++this.attempt, Math.random());
			this.ev.lost(this.attempt, wait);
			this.timer = window.setTimeout(() => this.open(), wait);
		};
	}

	/* Dropped when there is no connection: what is needed is asked for again after the next hello. */
	send(m: object): void {
		if (this.ws?.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(m));
	}

	/* No further attempts until open(). */
	stop(): void {
		clearTimeout(this.timer);
		const ws = this.ws;
		this.ws = null;
		ws?.close();
	}
}
