// SPDX-License-Identifier: Apache-2.0
// This browser's columns, and the order of the rows in this tab.
import { computed, signal } from "@preact/signals";
import { columnsOf, readLayout } from "../model/columns";
import type { Layout, Sort } from "../model/columns";

const KEY = "limpid.columns";

function kept(): string | null {
	try {
		return localStorage.getItem(KEY);
	} catch {
		return null;
	}
}

export const layout = signal<Layout>(readLayout(kept()));
export const columns = computed(() => columnsOf(layout.value));
/* null: as they came. */
export const sort = signal<Sort | null>(null);

export function setLayout(l: Layout): void {
	layout.value = l;
	try {
		localStorage.setItem(KEY, JSON.stringify(l));
	} catch {
		/* lasts as long as the tab */
	}
}
