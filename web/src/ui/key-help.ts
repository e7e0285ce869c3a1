// SPDX-License-Identifier: Apache-2.0
// What the keys do, in words.  Every key that acts is here, and no other: the type check compares with ui/keys.ts, and
// tests/web/keys.mjs presses each of them.
import type { KeyName } from "./keys";

export type Section = "List" | "Filter and pages" | "Detail" | "Recording";
export const SECTIONS: readonly Section[] = ["List", "Filter and pages", "Detail", "Recording"];

/* Keys with the same words are one line. */
export const WORDS: Record<KeyName, [Section, string]> = {
	j: ["List", "next row"],
	ArrowDown: ["List", "next row"],
	k: ["List", "previous row"],
	ArrowUp: ["List", "previous row"],
	PageUp: ["List", "a page up, down"],
	PageDown: ["List", "a page up, down"],
	g: ["List", "oldest row"],
	Home: ["List", "oldest row"],
	G: ["List", "newest, and follow"],
	End: ["List", "newest, and follow"],
	F: ["List", "newest, and follow"],
	Enter: ["List", "open the detail"],
	Escape: ["List", "close what is open; then clear the filter"],
	" ": ["List", "hold the list still, go on"],
	"m 1-6": ["List", "mark with a colour"],
	"m 0": ["List", "no mark"],
	m: ["List", ""],
	n: ["List", "note"],
	p: ["List", "pin: evicted last"],
	M: ["List", "menu of the row"],
	"Shift+ArrowUp": ["List", "choose several rows"],
	"Shift+ArrowDown": ["List", "choose several rows"],
	"Ctrl+a": ["List", "choose all rows"],
	ArrowLeft: ["List", "a value of the row"],
	ArrowRight: ["List", "a value of the row"],
	"+": ["List", "show only that value"],
	"-": ["List", "leave that value out"],
	C: ["List", "columns and their order"],
	"/": ["Filter and pages", "filter"],
	"Ctrl+f": ["Filter and pages", "filter"],
	S: ["Filter and pages", "saved filters"],
	1: ["Filter and pages", "Flows"],
	2: ["Filter and pages", "Map"],
	3: ["Filter and pages", "SQL"],
	4: ["Filter and pages", "Metrics"],
	5: ["Filter and pages", "Health"],
	w: ["Filter and pages", "export to a file"],
	o: ["Filter and pages", "open a file"],
	P: ["Filter and pages", "hide secrets on this screen"],
	"Ctrl+k": ["Filter and pages", "all commands"],
	"?": ["Filter and pages", "these keys"],
	"[": ["Detail", "previous, next tab"],
	"]": ["Detail", "previous, next tab"],
	"\\": ["Detail", "whole window, and back"],
	"|": ["Detail", "beside or below the list"],
	c: ["Detail", ""],
	"c c": ["Detail", "copy as cURL, psql, redis-cli"],
	"c f": ["Detail", "copy as fetch"],
	"c p": ["Detail", "copy as Python"],
	"c r": ["Detail", "copy the raw request"],
	"c h": ["Detail", "copy as HAR"],
	d: ["Detail", "choose for comparing; then compare"],
	r: ["Detail", "send the request again (--resend)"],
	e: ["Detail", "edit the request and send it"],
	"Ctrl+e": ["Recording", "start, stop"],
	"Ctrl+Shift+Delete": ["Recording", "delete all flows"],
};

/* What the filter's box, a body and a tree take for themselves. */
export const THEIRS: readonly [Section, string[], string][] = [
	["Filter and pages", ["Tab"], "in the filter: complete"],
	["Filter and pages", ["↓"], "in the filter: values, former filters"],
	["Detail", ["Ctrl+F", "F3"], "in a body: search, next hit"],
	["Detail", ["←", "→"], "in a JSON tree: fold, unfold"],
	["Detail", ["F", "Space"], "in messages: follow, pause"],
	["Detail", ["d"], "in messages: choose for comparing; then compare"],
	["Detail", ["t"], "in messages: time since the last, or the opening"],
];

const SHOWN: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "Space", Escape: "Esc", PageUp: "PgUp", PageDown: "PgDn", Delete: "Del" };
export const spelled = (key: string): string => key.split("+").map((k) => SHOWN[k] ?? (k.length === 1 && key.length > 1 ? k.toUpperCase() : k)).join("+") || "+";

export interface Line {
	section: Section;
	keys: KeyName[];
	what: string;
}
export function lines(): Line[] {
	const out: Line[] = [];
	for (const [key, [section, what]] of Object.entries(WORDS) as [KeyName, [Section, string]][]) {
		if (!what) continue;
		const same = out.find((l) => l.section === section && l.what === what);
		if (same) same.keys.push(key);
		else out.push({ section, keys: [key], what });
	}
	return out;
}
