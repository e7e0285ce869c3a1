// SPDX-License-Identifier: Apache-2.0
// The flow that others are compared with, until another one is chosen or the tab is closed.
import { signal } from "@preact/signals";
import type { Flow } from "../model/api";
import { urlOf } from "../model/exchange";
import { oneLine } from "../model/format";
import { detail, say, setTab } from "../session";

export const compareWith = signal<{ id: string; title: string } | null>(null);

export const titleOf = (f: Flow): string => oneLine(`${f.request?.op ?? ""} ${urlOf(f)}`.trim(), 120);

export function chooseForCompare(f: Flow): void {
	compareWith.value = { id: f.id, title: titleOf(f) };
	say("Chosen: open another flow and press d to compare it with this one.");
}

/* The key: the first time it chooses, on another flow it compares. */
export function compareKey(): void {
	const f = detail.peek();
	if (!f) return;
	if (!compareWith.peek() || compareWith.peek()!.id === f.id) chooseForCompare(f);
	else setTab("compare");
}
