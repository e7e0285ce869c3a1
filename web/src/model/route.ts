// SPDX-License-Identifier: Apache-2.0
// The part of the page's state that the address bar holds: "#/flows?f=status:5xx&sel=ID&tab=body".

import { veil } from "./format";

export type Page = "flows" | "map" | "sql" | "metrics" | "health";
/* In the order of their tabs and keys. */
export const PAGES: readonly [Page, string][] = [
	["flows", "Flows"],
	["map", "Map"],
	["sql", "SQL"],
	["metrics", "Metrics"],
	["health", "Health"],
];
export type Tab = "statement" | "result" | "command" | "grpc" | "messages" | "headers" | "body" | "timing" | "related" | "connection" | "raw" | "compare";
export const TABS: readonly Tab[] = ["statement", "result", "command", "grpc", "messages", "headers", "body", "timing", "related", "connection", "raw", "compare"];

export interface Route {
	page: Page;
	filter: string;
	selected: string | null;
	tab: Tab;
	/* What the pages but Flows keep there: "range=15m". */
	args: Record<string, string>;
}

const OWN = ["f", "sel", "tab"];

export function parseRoute(hash: string): Route {
	const [path = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
	const q = new URLSearchParams(query);
	const tab = q.get("tab") as Tab | null;
	const sel = q.get("sel");
	const args = [...q].filter(([k, v]) => !OWN.includes(k) && /^[a-z]{1,12}$/.test(k) && v.length <= 200);
	return {
		page: PAGES.find(([p]) => path === `/${p}`)?.[0] ?? "flows",
		filter: q.get("f") ?? "",
		selected: sel && /^[0-9a-fA-F-]{1,64}$/.test(sel) ? sel : null,
		tab: tab && TABS.includes(tab) ? tab : "headers",
		args: Object.fromEntries(args),
	};
}

export function formatRoute(r: Route): string {
	const q = new URLSearchParams();
	/* Presentation mode: an address is on screen, too. */
	if (r.filter && veil.hide(r.filter) === r.filter) q.set("f", r.filter);
	if (r.selected) {
		q.set("sel", r.selected);
		if (r.tab !== "headers") q.set("tab", r.tab);
	}
	if (r.page !== "flows") for (const [k, v] of Object.entries(r.args)) if (v && !OWN.includes(k)) q.set(k, v);
	const s = q.toString();
	return `#/${r.page}${s ? "?" + s : ""}`;
}
