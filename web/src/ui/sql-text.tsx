// SPDX-License-Identifier: Apache-2.0
// Tokens of a statement as coloured text; a place in it may be marked.
import type { SqlToken } from "../model/sql";
import { bodyLine } from "../model/format";

/* foreign text keeps its lines, and nothing in it can hide or turn round what follows. */
const safe = (s: string): string => s.split("\n").map(bodyLine).join("\n");

/* mark: the place in the source where an error was found, -1: none. */
export function SqlText({ tokens, mark = -1, label = "Statement" }: { tokens: readonly SqlToken[]; mark?: number; label?: string }) {
	return (
		<pre class="sql-text" tabIndex={0} role="region" aria-label={label}>
			{tokens.map((t) => {
				if (t.kind === "space") return t.text;
				const here = mark >= 0 && t.at >= 0 && mark >= t.at && mark < t.at + t.text.length;
				return here ? (
					<mark class={`sql-${t.kind}`} title="The server found the error here">
						{safe(t.text)}
					</mark>
				) : (
					<span class={`sql-${t.kind}`}>{safe(t.text)}</span>
				);
			})}
		</pre>
	);
}

/* A value of a row or a parameter: NULL, nothing, bytes and text look different, without colour too. */
export function SqlValue({ v, max = 2000 }: { v: string | null; max?: number }) {
	if (v === null) return <span class="sql-null">NULL</span>;
	if (v === "") return <span class="sql-empty">empty</span>;
	const cut = v.length > max ? v.slice(0, max) + "…" : v;
	return <span class={/^\\x[0-9a-f]*$/.test(v) || /^0x[0-9A-Fa-f]+$/.test(v) ? "sql-bytes" : "sql-plain"}>{safe(cut)}</span>;
}
