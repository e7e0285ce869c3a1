// SPDX-License-Identifier: Apache-2.0
// Parts of a filter that say "like this": what a click on a value adds, and taking parts out again.  No DOM.
import type { Row } from "./api";

/* A value as the filter language wants it in quotes. */
export const quoted = (s: string): string => `"${s.replace(/[\\"]/g, "\\$&")}"`;

const value = (s: string): string => (/^[^\s(),*"=][^\s(),*"]*$/.test(s) ? s : quoted(s));
const http = (r: Row): boolean => r.proto === "http1" || r.proto === "http2" || r.proto === "grpc" || r.proto === "websocket";

const OF: { [column: string]: (r: Row) => string } = {
	mark: (r) => `mark:${r.mark ?? 0}`,
	proto: (r) => `proto:${value(r.proto)}`,
	from: (r) => (r.src ? `src=${value(r.src)}` : ""),
	to: (r) => (r.dst ? `dst=${value(r.dst)}` : ""),
	fromip: (r) => ip(r.src_ip),
	toip: (r) => ip(r.dst_ip),
	host: (r) => (r.host ? `host=${value(r.host)}` : ""),
	op: (r) => (r.op ? `op:${value(r.op)}` : ""),
	target: (r) => {
		/* One that was cut in the row is only the beginning. */
		if (r.cut) return `target:${quoted(r.target.slice(0, 200))}`;
		const path = r.target.split("?")[0]!;
		return http(r) ? (path ? `path=${value(path)}` : "") : r.target ? `target=${quoted(r.target)}` : "";
	},
	type: (r) => (r.type ? `type=${value(r.type)}` : ""),
	status: (r) => (r.status !== null ? `status:${value(r.status)}` : r.state === "open" ? "is:pending" : "is:unanswered"),
	duration: (r) => (r.dur_ns === null ? "is:pending" : `dur>=${Math.floor(r.dur_ns / 1000)}us`),
	req: (r) => (r.req_len === null ? "" : `req.size>=${r.req_len}`),
	size: (r) => (r.resp_len === null ? "" : `resp.size>=${r.resp_len}`),
	note: (r) => (r.note ? `note:${quoted(r.note.slice(0, 200))}` : "is:noted"),
};

function ip(endpoint: string): string {
	const a = endpoint.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
	return /^[0-9a-f.:]+$/i.test(a) ? `ip:${a}` : a ? `sock=${value(a)}` : "";
}

/* The condition that this row's value in this column fulfils; "": there is none. */
export const termOf = (column: string, r: Row): string => OF[column]?.(r) ?? "";

/* What a row has in common with those that are "like this". */
export function likeThis(r: Row): string {
	return ["from", "to", "op", "target"].map((c) => termOf(c, r)).filter(Boolean).join(" ");
}

/* The parts of a text that stand side by side: quotes and parentheses keep theirs together. */
export function parts(text: string): string[] {
	const out: string[] = [];
	let now = "";
	let depth = 0;
	let inside = false;
	for (let i = 0; i < text.length; i++) {
		const c = text[i]!;
		if (inside && c === "\\") {
			now += c + (text[++i] ?? "");
			continue;
		}
		if (c === '"') inside = !inside;
		if (!inside && c === "(") depth++;
		if (!inside && c === ")") depth--;
		if (!inside && depth <= 0 && /\s/.test(c)) {
			if (now) out.push(now);
			now = "";
		} else now += c;
	}
	if (now) out.push(now);
	return out;
}

/* Or joins weaker than what is added, so that it has to be held together. */
const joined = (text: string): string => (parts(text).some((p) => p === "or" || p === "|" || p === "||") ? `(${text.trim()})` : text.trim());

export function add(text: string, term: string): string {
	if (!term || parts(text).includes(term)) return text;
	/* What excluded it gives way. */
	const now = without(text, `-${term}`);
	return now ? `${joined(now)} ${term}` : term;
}

/* What is left out: a term of several parts in parentheses. */
export function exclude(text: string, term: string): string {
	if (!term) return text;
	return add(without(text, term), parts(term).length > 1 ? `-(${term})` : `-${term}`);
}

export const has = (text: string, term: string): boolean => parts(text).includes(term);

export function without(text: string, term: string): string {
	const p = parts(text);
	return p.includes(term) ? p.filter((x) => x !== term).join(" ") : text.trim();
}
