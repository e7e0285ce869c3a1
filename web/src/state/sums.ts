// SPDX-License-Identifier: Apache-2.0
// Sums that follow what happens: asked for again while they are looked at, not faster than the hub can.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { RANGES } from "../model/sums";
import { link } from "../session";
import { arg, setArgs } from "./args";

const AGAIN_MS = 2000;

export const range = arg("range", RANGES.map(([name]) => name));
export const setRange = (name: string): void => setArgs({ range: name === RANGES[0]![0] ? "" : name, zoom: "" });
export const sumsError = signal("");

/* Calls `load` now, and again and again until `key` is another one or the page is left; `take` gets what it gave.  Held: not again. */
export function usePolled<T>(key: string, load: (signal: AbortSignal) => Promise<T>, take: (t: T) => void, held = false): void {
	useEffect(() => {
		const call = new AbortController();
		let timer = 0;
		const once = async () => {
			const began = performance.now();
			if (!document.hidden && link.peek() !== "lost")
				try {
					const t = await load(call.signal);
					if (call.signal.aborted) return;
					sumsError.value = "";
					take(t);
				} catch (e) {
					if (call.signal.aborted) return;
					sumsError.value = e instanceof Error ? e.message : String(e);
				}
			/* What takes long is asked for less often. */
			if (!held) timer = window.setTimeout(() => void once(), Math.max(AGAIN_MS, 10 * (performance.now() - began)));
		};
		void once();
		return () => {
			call.abort();
			clearTimeout(timer);
		};
	}, [key, held]);
}
