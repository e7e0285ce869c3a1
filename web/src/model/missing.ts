// SPDX-License-Identifier: Apache-2.0
// An agent's bytes: what moved, what was captured, and why the rest is missing.  Exact, because they have to add up.

export interface Reason {
	key: string;
	text: string;
	kernel: number; /* as the kernel counted it */
	told: number; /* as its records told the decoder */
	wanted: boolean; /* false: left out on purpose */
}

export interface Missing {
	moved: number;
	captured: number;
	reasons: Reason[];
	kernel: number; /* sums */
	told: number;
}

const REASONS: [string, string, boolean][] = [
	["ring", "the buffers were full", true],
	["shed", "the buffers were filling up", true],
	["unseen", "moved where nothing could see it", true],
	["no_buffer", "in no memory that can be read", true],
	["fault", "memory could not be read", true],
	["budget", "not wanted: limits, budgets, pauses", false],
];

/* The counters that are part of it. */
export const MISSING = new Set(["conn.moved_bytes", "conn.captured_bytes", "told.without_reason_bytes", ...REASONS.flatMap(([k]) => [`loss.${k}_bytes`, `told.${k}_bytes`])]);

/* undefined: the agent does not say (yet). */
export function missing(counters: Record<string, number>): Missing | undefined {
	const n = (key: string) => counters[key] ?? 0;
	if (counters["conn.moved_bytes"] === undefined) return undefined;
	const reasons = REASONS.map(([key, text, wanted]) => ({ key, text, wanted, kernel: n(`loss.${key}_bytes`), told: n(`told.${key}_bytes`) }));
	const silent = n("told.without_reason_bytes");
	if (silent) reasons.push({ key: "without_reason", text: "no record told of it", wanted: true, kernel: 0, told: silent });
	return {
		moved: n("conn.moved_bytes"),
		captured: n("conn.captured_bytes"),
		reasons: reasons.filter((r) => r.kernel || r.told),
		kernel: reasons.reduce((s, r) => s + r.kernel, 0),
		told: reasons.reduce((s, r) => s + r.told, 0),
	};
}
