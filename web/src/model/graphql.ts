// SPDX-License-Identifier: Apache-2.0
// GraphQL over HTTP: which operation a request is, from its body or its URL (graphql.org, "Serving over HTTP").

export interface GraphqlOperation {
	kind: string; /* query, mutation, subscription */
	name: string; /* "": it has none */
	query: string;
	variables: unknown; /* undefined: none */
	hash?: string; /* of a persisted query, whose text was not sent */
}

/* Outside of strings and comments. */
function code(query: string): string {
	return query.replace(/"""[^]*?"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*/g, (s) => (s[0] === "#" ? "" : '""'));
}

/* The operation of that name, or the first, in a document. */
function head(query: string, name: string): { kind: string; name: string } | null {
	const plain = code(query);
	const all = [...plain.matchAll(/(?:^|[}\s])(query|mutation|subscription)\b\s*([_A-Za-z]\w*)?/g)];
	const found = all.find((m) => m[2] === name) ?? all[0];
	if (found) return { kind: found[1]!, name: found[2] ?? "" };
	return plain.trimStart().startsWith("{") ? { kind: "query", name: "" } : null;
}

function operation(v: unknown): GraphqlOperation | null {
	if (typeof v !== "object" || v === null) return null;
	const o = v as { query?: unknown; operationName?: unknown; variables?: unknown; extensions?: { persistedQuery?: { sha256Hash?: unknown } } };
	const name = typeof o.operationName === "string" ? o.operationName : "";
	const hash = o.extensions?.persistedQuery?.sha256Hash;
	const variables = o.variables ?? undefined;
	if (typeof o.query !== "string") return typeof hash === "string" ? { kind: "query", name, query: "", variables, hash } : null;
	const h = head(o.query, name);
	return h && { kind: h.kind, name: name || h.name, query: o.query, variables };
}

function json(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/* The operations of a request (several in a batch); none: it is something else. */
export function graphqlOf(target: string, type: string, text: string | null): GraphqlOperation[] {
	if (text !== null && /^application\/graphql\b(?!-)/i.test(type)) {
		const one = operation({ query: text });
		return one ? [one] : [];
	}
	if (text !== null && /\bjson\b/i.test(type) && /"(query|persistedQuery)"/.test(text)) {
		const v = json(text);
		const list = (Array.isArray(v) ? v : [v]).map(operation);
		return list.length > 0 && list.every((o) => o !== null) ? (list as GraphqlOperation[]) : [];
	}
	const q = new URLSearchParams(target.split("?")[1] ?? "");
	if (!/graphql/i.test(target) || (!q.get("query") && !q.get("extensions"))) return [];
	const one = operation({
		...(q.get("query") ? { query: q.get("query") } : {}),
		operationName: q.get("operationName"),
		variables: json(q.get("variables") ?? ""),
		extensions: json(q.get("extensions") ?? ""),
	});
	return one ? [one] : [];
}

/* A document on one line, as clients that save bytes send it, with a line for each field; any other as it is. */
export function formatQuery(query: string): string {
	if (query.trim().includes("\n")) return query.replace(/^\n+|\s+$/g, "");
	let out = "";
	let depth = 0;
	let round = 0;
	const line = () => "\n" + "  ".repeat(Math.max(0, depth));
	/* Strings, names with what belongs to them, brackets, blanks. */
	for (const t of query.match(/"""[^]*?"""|"(?:[^"\\]|\\.)*"|[{}()[\]]|[\s,]+|[^\s,{}()[\]"]+|"/g) ?? []) {
		if (t === "(" || t === "[") round++;
		if (t === ")" || t === "]") round--;
		if (t === "{" && round === 0) {
			depth++;
			out = out.trimEnd() + (out.trimEnd() ? " {" : "{") + line();
		} else if (t === "}" && round === 0) {
			depth--;
			out = out.trimEnd() + line() + "}" + line();
		} else if (/^[\s,]+$/.test(t)) {
			if (round > 0) out += t.includes(",") ? ", " : " ";
			else if (out && !/\s$/.test(out)) out += " ";
		} else {
			/* A second field of a selection: not after an alias, a spread, a directive or a keyword. */
			const apart = depth > 0 && round === 0 && / $/.test(out) && !/(:|\.\.\.|\bon|@\w+)\s$/.test(out) && !/^[@(:]/.test(t) && t !== "on";
			out = apart ? out.trimEnd() + line() + t : out + t;
		}
	}
	return out.trim();
}
