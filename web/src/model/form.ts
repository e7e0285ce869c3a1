// SPDX-License-Identifier: Apache-2.0
// The fields of a form: application/x-www-form-urlencoded (WHATWG URL, 5.1) and multipart/form-data (RFC 7578).
import { isForm, media } from "./form-type";

export interface FormField {
	name: string;
	value: string;
	file?: string; /* the name of a file that was sent */
	type?: string;
	bytes: number; /* of the value */
}

export interface Form {
	fields: FormField[];
	left: number; /* fields that are beyond the first thousand */
	broken: boolean; /* it ends in the middle of a part */
}

const FIELDS_MAX = 1000;

function urlencoded(text: string): Form {
	const all = [...new URLSearchParams(text.trim())];
	return {
		fields: all.slice(0, FIELDS_MAX).map(([name, value]) => ({ name, value, bytes: new TextEncoder().encode(value).length })),
		left: Math.max(0, all.length - FIELDS_MAX),
		broken: false,
	};
}

/* A parameter of a header: name="value" or name=value. */
function parameter(line: string, name: string): string | undefined {
	const quoted = new RegExp(`[;\\s]${name}="((?:[^"\\\\]|\\\\.)*)"`, "i").exec(line)?.[1];
	if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
	return new RegExp(`[;\\s]${name}=([^;\\s"]+)`, "i").exec(line)?.[1];
}

/* Bytes as a string of as many characters: positions in it are positions in the bytes. */
function latin1(bytes: Uint8Array): string {
	let s = "";
	for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode(...bytes.subarray(i, i + 8192));
	return s;
}

const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function part(bytes: Uint8Array, head: string, from: number, to: number): FormField {
	const lines = head.split("\r\n");
	const find = (name: string) => lines.find((l) => l.toLowerCase().startsWith(name + ":")) ?? "";
	const decode = (s: string | undefined) => (s === undefined ? undefined : utf8(Uint8Array.from(s, (c) => c.charCodeAt(0))));
	const about = find("content-disposition");
	const type = find("content-type").replace(/^[^:]*:\s*/, "");
	const f: FormField = { name: decode(parameter(about, "name")) ?? "", value: utf8(bytes.subarray(from, to)), bytes: to - from };
	const file = decode(parameter(about, "filename"));
	if (file !== undefined) f.file = file;
	if (type) f.type = decode(type)!;
	return f;
}

function multipart(bytes: Uint8Array, boundary: string): Form {
	const text = latin1(bytes);
	const mark = latin1(new TextEncoder().encode(`--${boundary}`));
	const form: Form = { fields: [], left: 0, broken: false };
	let at = text.startsWith(mark) ? 0 : text.indexOf(`\r\n${mark}`) + 2;
	if (at < 2 && !text.startsWith(mark)) return { ...form, broken: true };
	for (;;) {
		at += mark.length;
		if (text.startsWith("--", at)) return form; /* the last one */
		const line = text.indexOf("\r\n", at);
		const head = line < 0 ? -1 : text.indexOf("\r\n\r\n", line);
		if (head < 0) return { ...form, broken: true };
		const next = text.indexOf(`\r\n${mark}`, head + 2);
		const end = next < 0 ? text.length : next;
		if (form.fields.length < FIELDS_MAX) form.fields.push(part(bytes, text.slice(line + 2, head), head + 4, Math.max(head + 4, end)));
		else form.left++;
		if (next < 0) return { ...form, broken: true };
		at = next + 2;
	}
}

/* Null: type is none of a form. */
export function parseForm(type: string, bytes: Uint8Array): Form | null {
	if (!isForm(type)) return null;
	if (media(type) !== "multipart/form-data") return urlencoded(utf8(bytes));
	const boundary = parameter(";" + type.slice(type.indexOf(";") + 1), "boundary");
	return boundary ? multipart(bytes, boundary) : null;
}
