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

/* What fills up, with its limit. */
export interface Room {
	key: string;
	text: string;
	n: number;
	max: number;
	bytes: boolean;
	most: number; /* the highest so far, as a part of the limit; -1: not known */
	step: string; /* what to do when it is full */
}
const ROOMS: [string, string, string, boolean, string][] = [
	["ring.bytes", "buffers of the kernel", "", true, "give them more memory with --events-ring, or capture less"],
	["conn.open", "connections", "conn.open_max", false, "the least recently used give way: capture less"],
	["conn.bytes_held", "held for unfinished messages", "conn.bytes_held_max", true, "the oldest are cut: lower the size kept of a body"],
	["queue.bytes", "waiting for the hub", "queue.bytes_max", true, "the oldest flows are dropped: look at the hub and its disk, or raise --queue"],
];
export const ROOM = new Set([...ROOMS.flatMap(([a, , b]) => [a, b]), "ring.percent", "ring.percent_most", "agent.up_s", "decode.restarts"]);

export function rooms(c: Record<string, number>): Room[] {
	return ROOMS.flatMap(([key, text, limit, bytes, step]) => {
		const ring = key === "ring.bytes";
		const max = c[ring ? key : limit] ?? 0;
		if (!max) return [];
		const n = ring ? Math.round((max * (c["ring.percent"] ?? 0)) / 100) : (c[key] ?? 0);
		return [{ key, text, n, max, bytes, most: ring ? (c["ring.percent_most"] ?? 0) / 100 : -1, step }];
	});
}

/* What to do about a counter that should be nothing. */
export const STEPS: Record<string, string> = {
	"loss.ring_records": "more memory for the buffers: --events-ring; or capture less",
	"loss.inflight": "too many calls at once: capture less",
	"loss.skipped_runs": "less load, or --backend kprobe; what TCP missed is a gap",
	"loss.tls_unmapped_bytes": "TLS whose socket was not found: see the processes below",
	"loss.task_records": "many processes begin at once: names may be missing",
	"loss.processes": "too many processes are chosen: choose their container, or fewer",
	"loss.untold_records": "told again within a second",
	"queue.dropped_flows": "the hub was away or too slow for too long: look at it and its disk, or raise --queue",
	"decode.lost_flows": "the decoder ended by a fault: please report it with limpid record",
	"conn.bad_events": "please report it with limpid record",
	"conn.evicted": "more connections than the limit: capture less",
};

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
