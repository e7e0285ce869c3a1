// SPDX-License-Identifier: Apache-2.0
// Named filters, which the hub keeps for everybody, and the last ones typed, which this browser keeps.
import { signal } from "@preact/signals";
import { api } from "../model/api";
import type { Saved } from "../model/api";
import { attempt, link, savedChanged } from "../session";

export const saved = signal<Saved[]>([]);

export async function saveFilters(list: Saved[]): Promise<void> {
	if (await attempt(api.save(list).then(() => true))) saved.value = list;
}

async function load(): Promise<void> {
	try {
		saved.value = await api.saved();
	} catch {
		/* the banner tells it */
	}
}
/* At each connection to the hub, and when somebody changed them. */
link.subscribe((l) => l === "open" && void load());
savedChanged.subscribe((n) => n > 0 && void load());

const KEY = "limpid.history";
const MAX = 30;

export function history(): string[] {
	try {
		const h: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
		return Array.isArray(h) ? h.filter((x): x is string => typeof x === "string").slice(0, MAX) : [];
	} catch {
		return [];
	}
}

export function remember(text: string): void {
	const t = text.trim();
	if (!t) return;
	try {
		localStorage.setItem(KEY, JSON.stringify([t, ...history().filter((x) => x !== t)].slice(0, MAX)));
	} catch {
		/* this one is not remembered */
	}
}
