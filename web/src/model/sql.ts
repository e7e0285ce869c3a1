// SPDX-License-Identifier: Apache-2.0
// A statement as tokens: laid out, coloured, with its values put in.  It is shown to people and never run, so
// what is not understood stays as it is.

export type SqlKind = "space" | "word" | "keyword" | "name" | "string" | "number" | "comment" | "value" | "op";
export interface SqlToken {
	kind: SqlKind;
	text: string;
	at: number; /* in the source; -1: put in */
}

const KEYWORDS = new Set(
	("ADD ALL ALTER ANALYZE AND ANY AS ASC BEGIN BETWEEN BY CALL CASCADE CASE CAST COLLATE COLUMN COMMIT CONFLICT CONSTRAINT COPY CREATE CROSS CURRENT_DATE CURRENT_TIMESTAMP CURSOR DATABASE DEALLOCATE DEFAULT DELETE DESC DISTINCT DO DROP DUPLICATE ELSE END EXCEPT EXECUTE EXISTS EXPLAIN FALSE FETCH FILTER FIRST FOR FOREIGN FROM FULL FUNCTION GRANT GROUP HAVING IF IGNORE ILIKE IN INDEX INNER INSERT INTERSECT INTERVAL INTO IS JOIN KEY LAST LATERAL LEFT LIKE LIMIT LOCK LOCKED MERGE NATURAL NOT NOTHING NOTIFY NOWAIT NULL NULLS OFFSET ON ONLY OR ORDER OUTER OVER PARTITION PREPARE PRIMARY RECURSIVE REFERENCES REGEXP RELEASE REPLACE RETURNING REVOKE RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET SHARE SHOW SIMILAR SKIP START TABLE TEMPORARY THEN TO TRANSACTION TRIGGER TRUE TRUNCATE UNION UNIQUE UPDATE USE USING VALUES VIEW WHEN WHERE WINDOW WITH").split(" "),
);

const WORD = /[A-Za-z0-9_$\u0080-\uffff]/;
const PATTERNS: readonly [SqlKind, RegExp][] = [
	["space", /\s+/y],
	["comment", /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y],
	["value", /\$\d+|\?/y],
	["number", /(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)/y],
	["word", /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y],
	["op", /::|<>|<=|>=|!=|\|\||->>?|#>>?|@>|<@|&&|[\s\S]/y],
];
const QUOTES = {
	plain: /'(?:''|[^'])*(?:'|$)/y,
	escapes: /'(?:''|\\[\s\S]?|[^'\\])*(?:'|$)/y,
	double: /"(?:""|[^"])*(?:"|$)/y,
	doubleString: /"(?:""|\\[\s\S]?|[^"\\])*(?:"|$)/y,
	back: /`(?:``|[^`])*(?:`|$)/y,
	dollar: /\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)/y,
	hash: /#[^\n]*/y,
};

function match(re: RegExp, s: string, at: number): string | null {
	re.lastIndex = at;
	return re.exec(s)?.[0] ?? null;
}

export function tokenize(sql: string, mysql: boolean): SqlToken[] {
	const out: SqlToken[] = [];
	let at = 0;
	const take = (kind: SqlKind, text: string) => {
		out.push({ kind, text, at });
		at += text.length;
	};
	while (at < sql.length) {
		const c = sql[at]!;
		if (c === "'") {
			const before = out.at(-1);
			const escapes = mysql || (before?.kind === "word" && /^e$/i.test(before.text) && before.at + 1 === at);
			take("string", match(escapes ? QUOTES.escapes : QUOTES.plain, sql, at)!);
		} else if (c === '"') take(mysql ? "string" : "name", match(mysql ? QUOTES.doubleString : QUOTES.double, sql, at)!);
		else if (c === "`") take("name", match(QUOTES.back, sql, at)!);
		else if (c === "#" && mysql) take("comment", match(QUOTES.hash, sql, at)!);
		else {
			const dollar = c === "$" && !mysql ? match(QUOTES.dollar, sql, at) : null;
			if (dollar) take("string", dollar);
			else
				for (const [kind, re] of PATTERNS) {
					const text = match(re, sql, at);
					if (text === null) continue;
					if (kind === "number" && at > 0 && WORD.test(sql[at - 1]!)) continue;
					take(kind === "word" && KEYWORDS.has(text.toUpperCase()) ? "keyword" : kind, text);
					break;
				}
		}
	}
	return out;
}

// --- laying out -----------------------------------------------------------------------------------------------------

/* What begins a line; with the words that may stand before it. */
const CLAUSES = new Set("SELECT FROM WHERE HAVING LIMIT OFFSET VALUES SET RETURNING UNION INTERSECT EXCEPT WINDOW INSERT UPDATE DELETE WITH GROUP ORDER FETCH".split(" "));
const JOINS = new Set("JOIN LEFT RIGHT INNER FULL CROSS NATURAL".split(" "));
const LISTS = new Set(["SELECT", "SET", "VALUES", "RETURNING", "FROM"]);
const LINE = 72;

const up = (t: SqlToken | undefined): string => (t?.kind === "keyword" ? t.text.toUpperCase() : "");

/* Characters up to the end of the parentheses, or to the next clause at the same depth. */
function reach(t: readonly SqlToken[], from: number, clauses: boolean): number {
	let depth = 0;
	let n = 0;
	for (let i = from; i < t.length && n <= LINE; i++) {
		if (t[i]!.text === "(") depth++;
		else if (t[i]!.text === ")" && --depth < 0) break;
		else if (clauses && depth === 0 && i > from && CLAUSES.has(up(t[i]))) break;
		n += t[i]!.text.length + 1;
	}
	return n;
}

interface Frame {
	indent: number;
	sub: boolean; /* parentheses around a query, or the statement itself: clauses begin lines */
	list: boolean; /* one entry of the clause a line */
	between: boolean;
}

/* Clauses on lines of their own, long lists an entry a line; nothing but white space changes. */
export function layOut(source: readonly SqlToken[]): SqlToken[] {
	const t = source.filter((x) => x.kind !== "space");
	const out: SqlToken[] = [];
	const stack: Frame[] = [{ indent: 0, sub: true, list: false, between: false }];
	const spaced = new Set<number>(); /* where white space was */
	source.forEach((x) => x.kind === "space" && spaced.add(x.at + x.text.length));
	const top = () => stack[stack.length - 1]!;
	const space = (text: string) => out.length && out.push({ kind: "space", text, at: -1 });
	const line = (extra: number) => space("\n" + "  ".repeat(top().indent + extra));

	t.forEach((x, i) => {
		const word = up(x);
		const before = t[i - 1];
		const f = top();
		if (before?.kind === "comment" && before.text.startsWith("--")) line(1);
		else if (f.sub && begins(word, t, i)) line(JOINS.has(word) ? 1 : 0);
		else if (f.sub && (word === "AND" || word === "OR") && !f.between) line(1);
		else if (x.text === ")" && f.sub && stack.length > 1) {
			stack[stack.length - 2]!.indent = Math.max(0, f.indent - 2);
			space("\n" + "  ".repeat(f.indent - 1));
		} else if (before?.text === "," && f.sub && f.list) line(1);
		else if (before?.text === ";") space("\n\n");
		else if (spaced.has(x.at) && before?.text !== "(" && x.text !== ")" && x.text !== "," && x.text !== ";") space(" ");
		if (word === "BETWEEN") f.between = true;
		else if (word === "AND") f.between = false;
		if (f.sub && LISTS.has(word) && begins(word, t, i)) {
			f.list = reach(t, i, true) > LINE;
			out.push(x);
			return;
		}
		if (f.sub && CLAUSES.has(word)) f.list = false;
		out.push(x);
		if (x.text === "(") {
			const sub = ["SELECT", "WITH", "VALUES"].includes(up(t[i + 1])) && reach(t, i + 1, false) > 40;
			stack.push({ indent: f.indent + (sub ? 2 : 0), sub, list: false, between: false });
		} else if (x.text === ")" && stack.length > 1) {
			const closed = stack.pop()!;
			if (closed.sub) top().indent = closed.indent - 2;
		}
	});
	return out;
}

/* Whether that keyword begins a clause: not the second word of one, not part of an expression. */
function begins(word: string, t: readonly SqlToken[], i: number): boolean {
	const before = up(t[i - 1]);
	if (JOINS.has(word)) return !JOINS.has(before) && t[i + 1]?.text !== "(";
	if (!CLAUSES.has(word)) return false;
	if (word === "SET" && i > 0 && before === "UPDATE") return false;
	if (word === "UPDATE" && ["FOR", "DO", "KEY", "ON"].includes(before)) return false;
	if (word === "DELETE" && before === "ON") return false;
	if (word === "FROM" && ["DELETE", "DISTINCT"].includes(before)) return false;
	if (word === "WITH" && i > 0) return false;
	return word !== "SELECT" || !["ALL", "INSERT"].includes(before) || before === "ALL";
}

// --- values ---------------------------------------------------------------------------------------------------------

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const NUMERIC = /^(int|float|numeric|oid|money|real|double|decimal|bigint|smallint|tinyint|serial)/i;

/* A value as it would be written in the statement. */
export function literal(v: string | null, type: string | undefined, mysql: boolean, bare = false): string {
	if (v === null) return "NULL";
	if (NUMBER.test(v) && (bare || (type !== undefined && NUMERIC.test(type)))) return v;
	if (type === "bool" && (v === "t" || v === "f")) return v === "t" ? "true" : "false";
	const text = v.replace(/'/g, "''");
	return `'${mysql ? text.replace(/\\/g, "\\\\") : text}'`;
}

/* The statement with its parameters in their places; those without a value stay. */
export function withValues(t: readonly SqlToken[], params: readonly (string | null)[], types: readonly string[], mysql: boolean): SqlToken[] {
	let next = 0;
	let word = "";
	return t.map((x) => {
		if (x.kind === "keyword") word = x.text.toUpperCase();
		if (x.kind !== "value") return x;
		const i = x.text === "?" ? next++ : Number(x.text.slice(1)) - 1;
		const v = params[i];
		if (v === undefined) return x;
		const text = literal(v, types[i], mysql, word === "LIMIT" || word === "OFFSET");
		return { kind: v === null ? "keyword" : text.startsWith("'") ? "string" : "number", text, at: x.at };
	});
}

export const toText = (t: readonly SqlToken[]): string => t.map((x) => x.text).join("");

/* The token that holds the character with that number, which counts from 1 as PostgreSQL does (characters, not UTF-16 units). */
export function tokenAt(sql: string, position: number): number {
	let at = 0;
	let n = 1;
	for (const c of sql) {
		if (n >= position) break;
		at += c.length;
		n++;
	}
	return at;
}

// --- attributes and results ---------------------------------------------------------------------------------------------

type Attrs = Record<string, string | string[]> | undefined;

export const attrs = (a: Attrs, key: string): string[] => {
	const v = a?.[key];
	return v === undefined ? [] : Array.isArray(v) ? v : [v];
};

/* An attribute that is a JSON array; one that is none, or was cut, is empty. */
export function listOf(text: string | undefined): (string | null)[] {
	try {
		const v: unknown = JSON.parse(text ?? "[]");
		return Array.isArray(v) ? v.map((x) => (x === null ? null : String(x))) : [];
	} catch {
		return [];
	}
}

export interface SqlResult {
	columns: string[];
	types: string[];
	first: number; /* its rows among the lines of the body */
	n: number;
	sent: number | null; /* rows that the server sent; null: not known */
}

const names = (text: string | undefined): string[] => listOf(text).map((x) => x ?? "");
const number = (text: string | undefined): number | null => (text !== undefined && /^\d+$/.test(text) ? Number(text) : null);

/* MySQL says it for each result, PostgreSQL gives columns for some and a tag for each. */
function several(a: Attrs): { columns: string[]; types: string[]; rows: number }[] {
	const mysql = attrs(a, "results")[0];
	if (mysql) {
		try {
			const v = JSON.parse(mysql) as { columns?: unknown; types?: unknown; rows?: unknown }[];
			return v.filter((x) => Array.isArray(x.columns)).map((x) => ({ columns: (x.columns as unknown[]).map(String), types: Array.isArray(x.types) ? x.types.map(String) : [], rows: Number(x.rows) || 0 }));
		} catch {
			return [];
		}
	}
	const columns = attrs(a, "columns");
	const types = attrs(a, "types");
	const tags = attrs(a, "tag").filter((x) => /^(SELECT|FETCH|SHOW|EXPLAIN|VALUES|TABLE)\b/.test(x));
	if (columns.length < 2 || tags.length !== columns.length) return [];
	return columns.map((c, i) => ({ columns: names(c), types: names(types[i]), rows: Number(/\d+/.exec(tags[i]!)?.[0] ?? 1) }));
}

/* lines: of the body, how many there are. */
export function resultsOf(a: Attrs, lines: number): SqlResult[] {
	const list = several(a);
	let first = 0;
	if (list.length > 1) {
		const all = list.map((x) => {
			const n = Math.max(0, Math.min(x.rows, lines - first));
			const r = { columns: x.columns, types: x.types, first, n, sent: x.rows };
			first += n;
			return r;
		});
		if (first === lines || all.at(-1)!.n < all.at(-1)!.sent) return all;
	}
	return [{ columns: names(attrs(a, "columns")[0]), types: names(attrs(a, "types")[0]), first: 0, n: lines, sent: number(attrs(a, "rows")[0]) }];
}

/* One line of the body: the row's values; null: it is no row. */
export function rowOf(line: string): (string | null)[] | null {
	try {
		const v: unknown = JSON.parse(line);
		return Array.isArray(v) ? v.map((x) => (x === null || typeof x === "string" ? x : JSON.stringify(x))) : null;
	} catch {
		return null;
	}
}

/* RFC 4180; NULL is an empty field, an empty text is quoted. */
export function csv(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
	const field = (v: string | null) => (v === null ? "" : v === "" || /[",\r\n]/.test(v) ? `"${v.replace(/"/g, '""')}"` : v);
	return [columns, ...rows].map((r) => r.map(field).join(",")).join("\r\n") + "\r\n";
}

/* As PostgreSQL's COPY writes text: tabs between, NULL is \\N, and what would break a line or a field is escaped. */
export function tsv(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
	const escape = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" } as Record<string, string>;
	const field = (v: string | null) => (v === null ? "\\N" : v.replace(/[\\\t\n\r]/g, (c) => escape[c]!));
	return [columns, ...rows].map((r) => r.map(field).join("\t")).join("\n") + "\n";
}

/* A list of objects; columns of one name are told apart by a number. */
export function json(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
	const seen = new Map<string, number>();
	const keys = columns.map((c) => {
		const n = (seen.get(c) ?? 0) + 1;
		seen.set(c, n);
		return n > 1 ? `${c}_${n}` : c;
	});
	return JSON.stringify(rows.map((r) => Object.fromEntries(r.map((v, i) => [keys[i] ?? `column_${i + 1}`, v]))), null, 2) + "\n";
}
