// SPDX-License-Identifier: Apache-2.0
// The ways of looking at a body, by its media type and its bytes.
import type { Body, Flow } from "./api";
import { isForm } from "./form-type";
import { bytesOfBase64 } from "./lines";

export type Mode = "graphql" | "form" | "fields" | "tree" | "text" | "preview" | "hex" | "image";
export const MODE_LABEL: Record<Mode, string> = { graphql: "GraphQL", form: "Form", fields: "Fields", tree: "Tree", text: "Text", preview: "Preview", hex: "Hex", image: "Image" };

/* What a browser draws without running anything: an <img> runs no script of an SVG and fetches nothing for it. */
export const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon|svg\+xml)\b/i;

export interface Content {
	bytes: Uint8Array<ArrayBuffer> | null;
	text: string | null;
}

export function contentOf(b: Body | null | undefined): Content {
	if (typeof b?.text === "string") return { bytes: null, text: b.text };
	if (typeof b?.base64 === "string") return { bytes: bytesOfBase64(b.base64), text: null };
	return { bytes: null, text: null };
}

export function toText(c: Content, type: string): string {
	if (c.text !== null) return c.text;
	const charset = /charset="?([\w-]+)/i.exec(type)?.[1];
	try {
		return new TextDecoder(charset ?? "utf-8").decode(c.bytes ?? new Uint8Array());
	} catch {
		return new TextDecoder().decode(c.bytes ?? new Uint8Array());
	}
}

export const toBytes = (c: Content): Uint8Array<ArrayBuffer> => c.bytes ?? new TextEncoder().encode(c.text ?? "");

export const fieldsOf = (b: Body | null | undefined): Content | null => (b?.decoded === undefined ? null : { bytes: null, text: JSON.stringify(b.decoded) });

/* For people: the fields when there are any. */
export function bodyText(b: Body | null | undefined): string {
	const fields = fieldsOf(b);
	if (fields) return toText(fields, "");
	return toText(contentOf(b), b?.type ?? "");
}

/* Bytes as text, if they are UTF-8. */
export function utf8(bytes: Uint8Array<ArrayBuffer>): Content {
	try {
		return { bytes: null, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
	} catch {
		/* Cut in the middle of a character: up to three bytes too many. */
		for (let n = 1; n < 4; n++)
			try {
				return { bytes: null, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, bytes.length - n)) };
			} catch {
				/* one more */
			}
		return { bytes, text: null };
	}
}

export const isJson = (type: string, c: Content): boolean => {
	const begins = c.text?.trimStart()[0];
	return c.text !== null && (/\bjson\b/i.test(type) || begins === "{" || begins === "[");
};

/* Is it likely to be GraphQL?  Whether it is, says its parser, which comes later. */
const mayBeGraphql = (f: Flow, side: "req" | "resp", type: string, c: Content): boolean =>
	side === "req" && /^(http1|http2|sse|websocket)$/.test(f.proto) && (/^application\/graphql\b(?!-)/i.test(type) || (c.text !== null && /\bjson\b/i.test(type) && /"(query|persistedQuery)"\s*:/.test(c.text.slice(0, 65536))));

/* All of them, the best first. */
export function modesOf(f: Flow, side: "req" | "resp", type: string, c: Content, fields: boolean): Mode[] {
	const list: Mode[] = [];
	if (mayBeGraphql(f, side, type, c)) list.push("graphql");
	if (isForm(type)) list.push("form");
	if (fields) list.push("fields");
	if (isJson(type, c)) list.push("tree");
	if (PICTURES.test(type)) list.push("image");
	const binary = c.text === null && !/^text\/|charset=/i.test(type);
	list.push(...(binary ? (["hex", "text"] as Mode[]) : (["text", "hex"] as Mode[])));
	if (/^(text\/html|application\/xhtml\+xml)\b/i.test(type)) list.splice(1, 0, "preview");
	return list;
}

/* How text of that type is coloured and folded. */
export function languageOf(type: string, c: Content): "json" | "html" | "xml" | "css" | "javascript" | "" {
	const t = type.split(";")[0]!.trim().toLowerCase();
	if (/\bjson$/.test(t)) return "json";
	if (t === "text/html" || t === "application/xhtml+xml") return "html";
	if (/[/+]xml$/.test(t)) return "xml";
	if (t === "text/css") return "css";
	if (/\b(java|ecma)script$/.test(t)) return "javascript";
	const begins = c.text?.trimStart().slice(0, 5) ?? "";
	return begins.startsWith("<?xml") ? "xml" : /^[{[]/.test(begins) ? "json" : "";
}
