// SPDX-License-Identifier: Apache-2.0
// A flow as lines of text that can be compared with those of another: what varies from one to the next by itself stays out.
import type { Body, Flow, Half } from "./api";
import { size } from "./format";
import { parseJson } from "./jsontree";
import { isSecret, schemeOf } from "./secrets";

function bodyLines(b: Body | null | undefined): string[] {
	if (!b || (!b.len && !b.captured)) return ["(no body)"];
	const cut = b.captured < b.len || b.cut ? [`(the first ${size(b.captured)} of ${size(b.len)})`] : [];
	if (b.decoded !== undefined) return [...cut, ...JSON.stringify(b.decoded, null, 2).split("\n")];
	if (b.text === undefined) return [...cut, `(${size(b.len)} that are no text)`, ...(b.base64 ?? "").match(/.{1,76}/g) ?? []];
	const json = /\bjson\b/i.test(b.type ?? "") || /^\s*[{[]/.test(b.text);
	return [...cut, ...(json ? indent(b.text) : b.text).split(/\r\n|\n/)];
}

/* Re-indents without reading numbers, so that no digit is lost; what is no JSON comes back as it was. */
function indent(text: string): string {
	if (parseJson(text).error) return text;
	let out = "";
	let depth = 0;
	for (const t of text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []) {
		const pad = () => "\n" + "  ".repeat(depth);
		if (t === "{" || t === "[") {
			depth++;
			out += t + pad();
		} else if (t === "}" || t === "]") {
			depth--;
			const empty = /[{[]\s*$/.test(out);
			out = empty ? out.trimEnd() + t : out + pad() + t;
		} else out += t === "," ? t + pad() : t === ":" ? ": " : t;
	}
	return out;
}

/* Secrets stay covered here, too; whether they are as long says something all the same. */
const covered = (k: string, v: string): string => `${schemeOf(k, v)}•••••• (${v.length - schemeOf(k, v).length} characters)`;

function half(title: string, first: string, h: Half | null | undefined): string[] {
	if (!h) return [`${title}: none`];
	const headers = (h.headers ?? []).map(([k, v]) => `${k}: ${isSecret(k) ? covered(k, v) : v}`);
	const attrs = Object.entries(h.attrs ?? {}).map(([k, v]) => `${k}: ${Array.isArray(v) ? v.join(", ") : v}`);
	/* Of HTTP only trailers say more than the head; of SQL and Redis they are what there is. */
	const more = headers.length ? attrs.filter((a) => a.startsWith("trailer:")) : attrs;
	return [title.toUpperCase(), first, ...headers, ...more, "", ...bodyLines(h.body)];
}

export function linesOf(f: Flow): string {
	const q = half("Request", `${f.request?.op ?? ""} ${f.request?.target ?? ""}`.trim(), f.request);
	const r = half("Response", `${f.response?.status ?? ""} ${f.response?.reason ?? ""}`.trim(), f.response);
	return [...q, "", ...r].join("\n");
}
