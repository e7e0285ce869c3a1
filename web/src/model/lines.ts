// SPDX-License-Identifier: Apache-2.0
// A body as lines of a fixed height: text, folded at a number of columns, and hex.

export interface TextLines {
	/* Of each line on screen: where it begins, and its line number, 0 for a continuation. */
	start: number[];
	number: number[];
	text: string;
}

/* Folds at `columns` characters; a line feed ends a line, a carriage return before it is not shown. */
export function foldText(text: string, columns: number): TextLines {
	const r: TextLines = { start: [], number: [], text };
	const width = Math.max(8, columns);
	let line = 1;
	for (let at = 0; at <= text.length; line++) {
		const nl = text.indexOf("\n", at);
		const end = nl < 0 ? text.length : nl;
		r.start.push(at);
		r.number.push(line);
		for (let p = at; end - p > width; ) {
			p += width;
			/* Not between the halves of a surrogate pair. */
			if (/[\udc00-\udfff]/.test(text[p]!)) p--;
			r.start.push(p);
			r.number.push(0);
		}
		at = end + 1;
		if (nl >= 0 && at === text.length) break; /* a final line feed begins no line */
	}
	return r;
}

export function textLine(t: TextLines, i: number): string {
	const next = t.start[i + 1] ?? t.text.length + (t.text.endsWith("\n") ? 0 : 1);
	const s = t.text.slice(t.start[i], t.number[i + 1] === 0 ? next : next - 1);
	return s.endsWith("\r") ? s.slice(0, -1) : s;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/* Line i of a dump, 16 bytes a line: offset, hex in two groups, ASCII. */
export function hexLine(b: Uint8Array, i: number): { offset: string; hex: string; ascii: string } {
	const from = i * 16;
	let hex = "";
	let ascii = "";
	for (let j = 0; j < 16; j++) {
		const c = b[from + j];
		if (j === 8) hex += " ";
		hex += c === undefined ? "   " : HEX[c]! + " ";
		if (c !== undefined) ascii += c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : "·";
	}
	return { offset: from.toString(16).padStart(8, "0"), hex, ascii };
}

export function bytesOfBase64(s: string): Uint8Array<ArrayBuffer> {
	const bin = atob(s);
	const b = new Uint8Array(bin.length);
	for (let i = 0; i < bin.length; i++) b[i] = bin.charCodeAt(i);
	return b;
}
