// SPDX-License-Identifier: Apache-2.0
// What pages keep in the address bar besides filter and selection: a range of time, how things are grouped.
import { computed, signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { parseRoute } from "../model/route";

export const args = signal<Record<string, string>>(parseRoute(location.hash).args);

/* One of them; `allowed`, when given, is what it may be, the first of it the usual value, which is not written. */
export function arg(name: string, allowed: readonly string[]): ReadonlySignal<string> {
	return computed(() => {
		const v = args.value[name];
		return v !== undefined && allowed.includes(v) ? v : allowed[0]!;
	});
}

/* "": leave it out. */
export function setArgs(some: Record<string, string>): void {
	args.value = Object.fromEntries(Object.entries({ ...args.peek(), ...some }).filter(([, v]) => v !== ""));
}
