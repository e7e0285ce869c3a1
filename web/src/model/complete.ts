// SPDX-License-Identifier: Apache-2.0
// What the filter box makes of a choice.  No DOM.
import type { Choice } from "./api";
import { utf16Offset } from "./format";

export const utf8Length = (s: string): number => new TextEncoder().encode(s).length;

/* Keys that go on with a dot and a name. */
const NAMED = ["query", "header", "req.header", "resp.header", "cookie"];

/* The text with the choice in it, and where the cursor is then. */
export function choose(text: string, c: Choice): { text: string; cursor: number } {
	const from = utf16Offset(text, c.at);
	const to = utf16Offset(text, c.at + c.len);
	const rest = text.slice(to);
	let put = c.text;
	/* An operator that is there already stays. */
	if (c.kind === "key" && NAMED.includes(c.text)) put += rest.startsWith(".") ? "" : ".";
	else if (c.kind !== "value") put += /^[:=!<>~]/.test(rest) ? "" : ":";
	return { text: text.slice(0, from) + put + rest, cursor: from + put.length };
}
