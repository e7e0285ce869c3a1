// SPDX-License-Identifier: Apache-2.0
// The samples' times.  No DOM.

export const SAMPLE_NOTE = "Sample";
/* What finds them, and nothing else. */
export const SAMPLE_FILTER = `note="${SAMPLE_NOTE}"`;

interface Line {
	id: string;
	ts: string;
	messages?: { ts: string }[];
}

/* "2026-11-23T12:00:00.123456789Z" so many ms later; what is finer than a ms stays. */
function later(ts: string, ms: number): string {
	const [, fine = ""] = /\.\d{3}(\d*)Z$/.exec(ts) ?? [];
	return new Date(Date.parse(ts) + ms).toISOString().replace("Z", `${fine}Z`);
}

/* JSON lines whose newest flow is of `now`: what is older than the hub's limit is deleted at once. */
export function asOfNow(text: string, now: number): { text: string; ids: string[] } {
	const flows = text.split("\n").filter(Boolean).map((l) => JSON.parse(l) as Line);
	const by = now - Math.max(...flows.map((f) => Date.parse(f.ts)));
	for (const f of flows) {
		f.ts = later(f.ts, by);
		for (const m of f.messages ?? []) m.ts = later(m.ts, by);
	}
	return { text: flows.map((f) => JSON.stringify(f) + "\n").join(""), ids: flows.map((f) => f.id) };
}
