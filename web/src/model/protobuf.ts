// SPDX-License-Identifier: Apache-2.0
// A message of protobuf as its wire format says it (protobuf.dev, "Encoding"): numbers, wire types, bytes, and what they may mean.  The hub
// decodes by schemas; this is for what has none, and for who wants to see both.

export interface WireField {
	depth: number;
	number: number;
	wire: "varint" | "64 bits" | "bytes" | "group" | "32 bits" | "rest";
	name: string; /* by the schema; "": not known */
	value: string; /* the likeliest reading */
	other: string; /* what else it may be */
	at: number; /* of its tag in the message */
	len: number; /* of its content */
}

const DEPTH = 30;
export const FIELDS_MAX = 5000;
const TEXT_MAX = 400;

export type Schema = ReadonlyMap<number, { name: string; type: string; of?: string }>;

class Reader {
	at = 0;
	bad = false;
	constructor(
		readonly b: Uint8Array,
		readonly end: number,
	) {}
	varint(): bigint {
		let v = 0n;
		for (let shift = 0n; shift < 70n; shift += 7n) {
			if (this.at >= this.end) break;
			const c = this.b[this.at++]!;
			v |= BigInt(c & 127) << shift;
			if (c < 128) return BigInt.asUintN(64, v);
		}
		this.bad = true;
		return 0n;
	}
	skip(n: number): number {
		const from = this.at;
		if (n > this.end - this.at) this.bad = true;
		else this.at += n;
		return from;
	}
}

const hex = (b: Uint8Array): string => [...b.subarray(0, 64)].map((x) => x.toString(16).padStart(2, "0")).join(" ") + (b.length > 64 ? " …" : "");
const utf8 = (b: Uint8Array): string | null => {
	try {
		const s = new TextDecoder("utf-8", { fatal: true }).decode(b);
		return /[\u0000-\u0008\u000e-\u001f]/.test(s) ? null : s;
	} catch {
		return null;
	}
};
const quoted = (s: string): string => JSON.stringify(s.length > TEXT_MAX ? s.slice(0, TEXT_MAX) + "…" : s);

/* Do all of these bytes parse as fields? */
function isMessage(b: Uint8Array): boolean {
	const r = new Reader(b, b.length);
	while (r.at < r.end && !r.bad) {
		const tag = r.varint();
		const number = Number(tag >> 3n);
		if (number < 1 || number > 536870911) return false;
		const wire = Number(tag & 7n);
		if (wire === 0) r.varint();
		else if (wire === 1) r.skip(8);
		else if (wire === 5) r.skip(4);
		else if (wire === 2) r.skip(Number(r.varint()));
		else return false;
	}
	return b.length > 0 && !r.bad;
}

/* Numbers, one behind the other, and nothing else; null: not that. */
function packed(b: Uint8Array): string | null {
	const r = new Reader(b, b.length);
	const list: string[] = [];
	while (r.at < r.end && !r.bad && list.length < 60) list.push(String(r.varint()));
	return r.bad || list.length < 2 ? null : `[${list.join(", ")}${r.at < r.end ? ", …" : ""}]`;
}

function varintOf(v: bigint, type: string): [string, string] {
	const signed = BigInt.asIntN(64, v);
	const zigzag = (v >> 1n) ^ -(v & 1n);
	if (type === "bool") return [v ? "true" : "false", ""];
	if (type.startsWith("sint")) return [String(BigInt.asIntN(64, zigzag)), ""];
	if (type.startsWith("uint")) return [String(v), ""];
	if (type) return [String(signed), ""];
	const other = [v < 2n ? `bool ${v === 1n}` : "", signed < 0n ? `unsigned ${v}` : "", v > 0n ? `sint ${BigInt.asIntN(64, zigzag)}` : ""].filter(Boolean);
	return [String(signed), other.join(", ")];
}

function fixedOf(b: Uint8Array, type: string): [string, string] {
	const view = new DataView(b.buffer, b.byteOffset, b.length);
	const eight = b.length === 8;
	const real = eight ? view.getFloat64(0, true) : Number(view.getFloat32(0, true).toPrecision(8));
	const signed = eight ? view.getBigInt64(0, true) : view.getInt32(0, true);
	const unsigned = eight ? view.getBigUint64(0, true) : view.getUint32(0, true);
	if (type === "double" || type === "float") return [String(real), ""];
	if (type) return [String(type.startsWith("s") ? signed : unsigned), ""];
	/* What is a number of usual size is one. */
	const likely = real === 0 || (Math.abs(real) > 1e-9 && Math.abs(real) < 1e15);
	return likely ? [String(real), `fixed ${unsigned}`] : [String(unsigned), `${eight ? "double" : "float"} ${real}`];
}

/* schemaOf: the fields of a message type by its full name, as far as they are known. */
export function wireFields(bytes: Uint8Array, type = "", schemaOf: (type: string) => Schema | undefined = () => undefined): WireField[] {
	const out: WireField[] = [];
	walk(bytes, 0, 0, type, schemaOf, out);
	return out;
}

function walk(b: Uint8Array, base: number, depth: number, type: string, schemaOf: (type: string) => Schema | undefined, out: WireField[]): void {
	const r = new Reader(b, b.length);
	const schema = type ? schemaOf(type) : undefined;
	while (r.at < r.end && out.length < FIELDS_MAX) {
		const at = r.at;
		const tag = r.varint();
		const number = Number(tag >> 3n);
		const wire = Number(tag & 7n);
		const known = schema?.get(number);
		const field = { depth, number, name: known?.name ?? "", at: base + at };
		const scalar = known && known.type !== "message" && known.type !== "group" ? known.type : "";
		if (!r.bad && number >= 1 && number <= 536870911) {
			if (wire === 0) {
				const v = r.varint();
				const [value, other] = varintOf(v, scalar);
				if (!r.bad) {
					out.push({ ...field, wire: "varint", value, other, len: r.at - at });
					continue;
				}
			} else if (wire === 1 || wire === 5) {
				const n = wire === 1 ? 8 : 4;
				const from = r.skip(n);
				if (!r.bad) {
					const [value, other] = fixedOf(b.subarray(from, from + n), scalar);
					out.push({ ...field, wire: wire === 1 ? "64 bits" : "32 bits", value, other, len: n });
					continue;
				}
			} else if (wire === 2) {
				const n = Number(r.varint());
				const from = r.skip(n);
				if (!r.bad) {
					bytesField(b.subarray(from, from + n), base + from, { ...field, wire: "bytes", len: n }, known, schemaOf, out);
					continue;
				}
			} else if (wire === 3 || wire === 4) {
				out.push({ ...field, wire: "group", value: wire === 3 ? "begins" : "ends", other: "", len: 0 });
				continue;
			}
		}
		out.push({ depth, number: 0, wire: "rest", name: "", value: hex(b.subarray(at)), other: "no field: cut off, or no message", at: base + at, len: b.length - at });
		return;
	}
}

function bytesField(b: Uint8Array, base: number, field: Omit<WireField, "value" | "other">, known: { type: string; of?: string } | undefined, schemaOf: (type: string) => Schema | undefined, out: WireField[]): void {
	const text = utf8(b);
	if (known?.type === "string" || known?.type === "bytes") {
		out.push({ ...field, value: known.type === "string" && text !== null ? quoted(text) : hex(b), other: "" });
		return;
	}
	const nested = known ? known.type === "message" : field.depth < DEPTH && isMessage(b) && (text === null || b[0]! < 32);
	if (nested && field.depth < DEPTH) {
		out.push({ ...field, value: known?.of ?? "message", other: !known && text ? `text ${quoted(text)}` : "" });
		walk(b, base, field.depth + 1, known?.of ?? "", schemaOf, out);
		return;
	}
	const list = packed(b);
	if (known) out.push({ ...field, value: list ?? hex(b), other: "" });
	else if (text !== null) out.push({ ...field, value: quoted(text), other: isMessage(b) ? "a message" : "" });
	else out.push({ ...field, value: hex(b), other: list ? `numbers ${list}` : "" });
}
