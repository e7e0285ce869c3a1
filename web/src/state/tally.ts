// SPDX-License-Identifier: Apache-2.0
// How many of the rows kept are of which kind, and what a search left out: as the last tick told.
import { signal } from "@preact/signals";
import type { Tally } from "../model/api";

export const tally = signal<Tally | null>(null);
export const stopped = signal(0); /* rows that were not looked at, because somebody stopped the search */

export function onTally(m: { tally?: Tally; stopped?: number }): void {
	if (m.tally) tally.value = m.tally;
	stopped.value = m.stopped ?? 0;
}
