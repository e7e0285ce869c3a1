// SPDX-License-Identifier: Apache-2.0
// What a screen reader hears, at most every five seconds.
import { signal } from "@preact/signals";
import type { Row } from "../model/api";

export const announcement = signal("");

let newRows = 0;
let newErrors = 0;
let lastSaid = 0;

/* n rows are new, the newest of them in rows. */
export function countNews(rows: Row[], n: number): void {
	newRows += n;
	newErrors += rows.slice(-n).filter((r) => r.failed).length;
	const now = Date.now();
	if (now - lastSaid < 5000) return;
	lastSaid = now;
	announcement.value = `${newRows} new ${newRows === 1 ? "flow" : "flows"}${newErrors ? `, ${newErrors} failed` : ""}`;
	newRows = newErrors = 0;
}
