// SPDX-License-Identifier: Apache-2.0
// What is asked of the row's menu, whose code comes with the first time it opens.
import { signal } from "@preact/signals";
import type { Row } from "../model/api";

export interface MenuAt {
	x: number;
	y: number;
	row: Row;
	column: string; /* that it was opened on, or "" */
}
export const rowMenu = signal<MenuAt | null>(null);
export const noteOpen = signal(false);
export const columnsOpen = signal(false);
export const savedOpen = signal(false);

export function openRowMenu(m: MenuAt): void {
	rowMenu.value = m;
}
