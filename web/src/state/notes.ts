// SPDX-License-Identifier: Apache-2.0
// What people note beside flows, and which rows are chosen to note it beside.
import { signal } from "@preact/signals";
import type { Row } from "../model/api";
import { api } from "../model/api";
import { count } from "../model/format";
import { attempt, detail, refreshDetail, redraw, say, selected, selectedRowOf } from "../session";

export const PICK_MAX = 5000;
export const COLOURS = ["red", "orange", "yellow", "green", "blue", "purple"] as const;

/* Rows chosen beside the selected one, by id. */
export const picked = signal<ReadonlyMap<string, Row>>(new Map());

export function setPicked(rows: Iterable<Row>): void {
	const m = new Map<string, Row>();
	for (const r of rows) if (r.state !== "gone" && m.size < PICK_MAX) m.set(r.id, r);
	picked.value = m;
	redraw();
}
export function togglePicked(r: Row): void {
	const m = new Map(picked.peek());
	if (!m.delete(r.id)) m.set(r.id, r);
	setPicked(m.values());
}

/* What a key or the menu acts on. */
export function targets(): Row[] {
	if (picked.peek().size) return [...picked.peek().values()];
	const r = selectedRowOf();
	return r ? [r] : [];
}
export function targetIds(): string[] {
	if (picked.peek().size) return [...picked.peek().keys()];
	return selected.peek() !== null ? [selected.peek()!] : [];
}

export interface Mark {
	mark?: number;
	note?: string;
	pinned?: boolean;
}

/* Beside everything that is chosen; what the hub made of it comes back as rows that changed. */
export async function note(m: Mark, what: string): Promise<void> {
	const ids = targetIds();
	if (!ids.length) return say("Select a row first.");
	const done = await attempt(ids.length === 1 ? api.mark(ids[0]!, m).then(() => true) : api.marks(ids, m).then(() => true));
	if (!done) return;
	/* What was chosen is asked again, by the next key, what is noted beside it. */
	if (picked.peek().size) setPicked([...picked.peek().values()].map((r) => ({ ...r, ...m })));
	if (ids.includes(detail.peek()?.id ?? "")) refreshDetail();
	say(ids.length === 1 ? `${what}.` : `${what}: ${count(ids.length)} flows.`);
}

/* The same colour once more takes it away. */
export function markWith(colour: number): void {
	const t = targets();
	const off = colour === 0 || (t.length > 0 && t.every((r) => r.mark === colour));
	void note({ mark: off ? 0 : colour }, off ? "Mark taken away" : `Marked ${COLOURS[colour - 1]}`);
}

export function togglePin(): void {
	const t = targets();
	const off = t.length > 0 && t.every((r) => r.pinned);
	void note({ pinned: !off }, off ? "Pin taken away" : "Pinned: kept as long as there is room");
}
