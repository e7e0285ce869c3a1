// SPDX-License-Identifier: Apache-2.0
// The part of the page's state that the address bar holds: "#/flows?f=status:5xx&sel=ID&tab=body".

export type Page = "flows" | "health";
export type Tab = "messages" | "headers" | "body" | "timing" | "connection";
export const TABS: readonly Tab[] = ["messages", "headers", "body", "timing", "connection"];

export interface Route {
	page: Page;
	filter: string;
	selected: string | null;
	tab: Tab;
}

export function parseRoute(hash: string): Route {
	const [path = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
	const q = new URLSearchParams(query);
	const tab = q.get("tab") as Tab | null;
	const sel = q.get("sel");
	return {
		page: path === "/health" ? "health" : "flows",
		filter: q.get("f") ?? "",
		selected: sel && /^[0-9a-fA-F-]{1,64}$/.test(sel) ? sel : null,
		tab: tab && TABS.includes(tab) ? tab : "headers",
	};
}

export function formatRoute(r: Route): string {
	const q = new URLSearchParams();
	if (r.filter) q.set("f", r.filter);
	if (r.selected) {
		q.set("sel", r.selected);
		if (r.tab !== "headers") q.set("tab", r.tab);
	}
	const s = q.toString();
	return `#/${r.page}${s ? "?" + s : ""}`;
}
