// SPDX-License-Identifier: Apache-2.0
// What a flow is called.
import type { Flow, Peer } from "./api";

/* Names before addresses. */
export const nameOf = (p: Peer): string => (p.pod && p.container && p.pod !== p.container ? `${p.pod}/${p.container}` : p.container) || p.comm || p.ip || p.path || "unknown";

export const header = (list: [string, string][] | undefined, name: string): string | undefined => list?.find(([k]) => k.toLowerCase() === name)?.[1];

/* The address that was asked for; of what has no URL, its target. */
export function urlOf(f: Flow): string {
	const host = header(f.request?.headers, "host") ?? header(f.request?.headers, ":authority") ?? nameOf(f.server);
	const t = f.request?.target ?? "";
	return t.startsWith("/") ? `${f.tls ? "https" : "http"}://${host}${t}` : t;
}
