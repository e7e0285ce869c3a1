// SPDX-License-Identifier: Apache-2.0
// The hub's calls that only conversations make.
import { call, hidden, hiding, json } from "./api";
import type { Message, Window } from "./api";

export type Form = "decoded" | "pretty" | "hex" | "shown";

/* Of one message (docs/flow.md), or of a side of a call that has only one: numbers below 1. */
export const REQUEST = 0;
export const RESPONSE = -1;
const which = (seq: number): string => (seq > 0 ? `msg=${seq}` : seq === REQUEST ? "side=req" : "side=resp");

const path = (id: string, seq: number, form: Form, type: string | undefined): string =>
	hidden(`api/flow/${encodeURIComponent(id)}/body?${which(seq)}&form=${form}${type !== undefined ? `&type=${encodeURIComponent(type)}` : ""}`);

const range = (max: number, signal?: AbortSignal): RequestInit => ({ headers: { Range: `bytes=0-${max - 1}` }, ...(signal ? { signal } : {}) });

/* type: form "shown" by that message type; "": by its looks. */
export const messageText = async (id: string, seq: number, form: Form, max: number, signal?: AbortSignal, type?: string): Promise<string> => (await call(path(id, seq, form, type), range(max, signal))).text();
export const messageBytes = async (id: string, seq: number, max: number, signal?: AbortSignal): Promise<Uint8Array> => new Uint8Array(await (await call(path(id, seq, "decoded", undefined), range(max, signal))).arrayBuffer());

// --- message types ----------------------------------------------------------------------------------------------------

export interface Method {
	path: string;
	input: string;
	output: string;
	client_streams: boolean;
	server_streams: boolean;
}
export interface Schemas {
	bytes: number;
	files: number;
	messages: string[];
	methods: Method[];
}
export interface TypeFields {
	name: string;
	fields: { number: number; name: string; type: string; repeated: boolean; of?: string }[];
}
export const schemas = (signal?: AbortSignal): Promise<Schemas> => json<Schemas>("api/schemas", signal);
export const typeFields = (name: string, signal?: AbortSignal): Promise<TypeFields> => json<TypeFields>(`api/schemas?type=${encodeURIComponent(name)}`, signal);
export const giveSchemas = async (file: Blob): Promise<void> => void (await call("api/schemas", { method: "POST", body: file }));
export const schemasFromTraffic = async (): Promise<void> => void (await call("api/schemas?from=traffic", { method: "POST" }));
export const forgetSchemas = async (): Promise<void> => void (await call("api/schemas", { method: "DELETE" }));

// --- all of it ----------------------------------------------------------------------------------------------------------

const PIECE = 500;
const WHOLE = 1 << 20; /* of one message */
export const EXPORT_MAX = 64 << 20;

/* All messages that are kept, one JSON object a line; those that were too long for a window are fetched whole.  left: bytes that may come. */
export async function jsonLines(id: string, secrets: boolean, max: number, signal?: AbortSignal): Promise<{ lines: string[]; cut: boolean }> {
	const lines: string[] = [];
	const hide = secrets && !hiding.on ? "" : "&redacted=1";
	const base = `api/flow/${encodeURIComponent(id)}`;
	let left = max;
	for (let from = 1; ; ) {
		const w = await json<Window>(`${base}/messages?n=${PIECE}&from=${from}${hide}`, signal);
		for (const m of w.messages) {
			const line = JSON.stringify(m.body?.cut && m.body.text !== undefined ? await whole(base, m, hide, signal) : m);
			left -= line.length;
			if (left < 0) return { lines, cut: true };
			lines.push(line);
		}
		if (w.messages.length < PIECE) return { lines, cut: false };
		from = w.messages.at(-1)!.seq + 1;
	}
}

async function whole(base: string, m: Message, hide: string, signal?: AbortSignal): Promise<Message> {
	const text = await (await call(`${base}/body?msg=${m.seq}&form=decoded${hide}`, range(WHOLE, signal))).text();
	const { cut, ...body } = m.body!;
	return { ...m, body: { ...body, text, ...(text.length >= WHOLE ? { cut: true } : {}) } };
}
