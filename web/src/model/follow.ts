// SPDX-License-Identifier: Apache-2.0
// When the list moves and when it does not.  A pure function of state and event, no DOM; the table it
// implements is tested cell by cell in tests/web/unit/follow.test.ts.

export type Mode = "follow" | "held" | "sorted" | "paused";

export interface Follow {
	readonly mode: Mode;
	/* Rows that arrived and that the person has not been shown. */
	readonly fresh: number;
	/* Where Space returns to; meaningful while paused. */
	readonly before: Exclude<Mode, "paused">;
}

export type FollowEvent =
	| { readonly type: "rows"; readonly n: number } /* new matching rows */
	| { readonly type: "away" } /* scrolled up, selected a row, opened the detail */
	| { readonly type: "newest" } /* reached the bottom, F, End, the pill */
	| { readonly type: "sort"; readonly by: "time" | "other" }
	| { readonly type: "filter" }
	| { readonly type: "space" }
	| { readonly type: "evicted" }
	| { readonly type: "reconnect" };

/* What the list has to do: show its end, sort again, or stay where it is. */
export type Effect = "stay" | "end" | "resort";

export interface Step {
	readonly state: Follow;
	readonly effect: Effect;
}

export const START: Follow = { mode: "follow", fresh: 0, before: "follow" };

const stay = (state: Follow): Step => ({ state, effect: "stay" });
const enter = (mode: Mode, effect: Effect): Step => ({ state: { mode, fresh: 0, before: "follow" }, effect });

export function next(s: Follow, e: FollowEvent): Step {
	switch (e.type) {
	case "rows":
		if (s.mode === "follow") return { state: s, effect: "end" };
		return stay({ ...s, fresh: s.fresh + e.n });
	case "away":
		return s.mode === "follow" ? enter("held", "stay") : stay(s);
	case "newest":
		if (s.mode === "held") return enter("follow", "end");
		if (s.mode === "sorted") return enter("sorted", "resort");
		return s.mode === "follow" ? { state: s, effect: "end" } : stay(s);
	case "sort":
		return sort(s, e.by);
	case "filter":
		/* What arrived for another filter is not new under this one. */
		return { state: { ...s, fresh: 0 }, effect: s.mode === "follow" ? "end" : "stay" };
	case "space":
		if (s.mode !== "paused") return stay({ mode: "paused", fresh: s.fresh, before: s.mode });
		if (s.before === "follow") return enter("follow", "end");
		return stay({ mode: s.before, fresh: s.fresh, before: "follow" });
	case "evicted":
	case "reconnect":
		return stay(s);
	}
}

function sort(s: Follow, by: "time" | "other"): Step {
	if (s.mode === "paused") {
		const before = by === "other" ? "sorted" : s.before === "sorted" ? "held" : s.before;
		return stay({ ...s, before });
	}
	if (by === "other") return enter("sorted", "resort");
	return s.mode === "sorted" ? enter("held", "resort") : stay(s);
}
