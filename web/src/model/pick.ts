// SPDX-License-Identifier: Apache-2.0
// What ticking a container means for the capture settings.  No DOM.
import type { Capture, Container } from "./api";

/* By what the agent finds it: a name alone may be that of a container in every pod. */
export const handle = (c: Container): string => (c.pod ? `${c.namespace ?? ""}/${c.pod}/${c.name}` : c.name);
/* For people. */
export const title = (c: Container): string => (c.pod && c.pod !== c.name ? `${c.pod}/${c.name}` : c.name);

const named = (c: Container, names: string[]): boolean =>
	names.some((n) => n === handle(c) || n === c.name || n === c.id || (n.length >= 12 && c.id.startsWith(n)));

/* Is it captured by these settings?  (Stopped containers too: they would be.) */
export function picked(cap: Capture, c: Container): boolean {
	if (cap.mode === "all") return true;
	return named(c, cap.names) === (cap.mode === "chosen");
}

/* Settings with these containers switched on or off.  Switching one off under "all" makes it
 * "all except"; switching the last exception on again makes it "all". */
export function pick(cap: Capture, which: Container[], on: boolean): Partial<Capture> {
	const without = cap.names.filter((n) => !which.some((c) => named(c, [n])));
	const withThem = [...without, ...which.map(handle)];
	if (cap.mode === "all") return on ? {} : { mode: "except", names: which.map(handle) };
	if (cap.mode === "chosen") return { names: on ? withThem : without };
	if (!on) return { names: withThem };
	return without.length ? { names: without } : { mode: "all", names: [] };
}

/* Settings of another mode that capture the same containers now. */
export function changeMode(cap: Capture, mode: Capture["mode"], list: Container[]): Partial<Capture> {
	if (mode === cap.mode) return {};
	if (mode === "all") return { mode, names: [] };
	const keep = list.filter((c) => picked(cap, c) === (mode === "chosen"));
	return { mode, names: keep.map(handle) };
}
