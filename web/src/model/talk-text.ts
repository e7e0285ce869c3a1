// SPDX-License-Identifier: Apache-2.0
// Messages of a conversation as text: one line of each, which of them a word finds, and what a server said piece by piece.
import type { Message } from "./api";
import { oneLine } from "./format";

function hex(base64: string): string {
	const bytes = atob(base64.slice(0, 128));
	return [...bytes].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}

/* Attributes, then the body: its fields, its text or its bytes. */
export function preview(m: Message): string {
	const about = Object.values(m.attrs ?? {}).map((v) => (Array.isArray(v) ? v.join(" ") : v));
	const b = m.body;
	const text = !b ? "" : b.decoded !== undefined ? JSON.stringify(b.decoded) : (b.text ?? hex(b.base64 ?? ""));
	return oneLine([...about, text].filter(Boolean).join(" "), 400);
}

/* What keeps a connection alive and says nothing. */
const KEEP = new Set(["ping", "pong", "comment", "Keepalive"]);

/* Words, all of which have to be there, case aside; "up" or ↑ and "down" or ↓ stand for a direction. */
export function finder(words: string, quiet: boolean): (m: Message) => boolean {
	const list = words.toLowerCase().split(/\s+/).filter(Boolean);
	return (m) => {
		if (quiet && KEEP.has(m.op ?? "")) return false;
		if (!list.length) return true;
		const text = `${m.op ?? ""} ${Object.values(m.attrs ?? {}).join(" ")} ${m.body?.text ?? ""} ${m.body?.decoded !== undefined ? JSON.stringify(m.body.decoded) : ""}`.toLowerCase();
		return list.every((w) => {
			if (w === "↑" || w === "up") return m.dir === "c2s";
			if (w === "↓" || w === "down") return m.dir === "s2c";
			return text.includes(w);
		});
	};
}

/* The piece of an answer that a language model's event carries, in the forms of OpenAI's chat completions and responses, Anthropic's
 * messages and Ollama; null: none. */
function piece(text: string): string | null {
	try {
		const v = JSON.parse(text) as Record<string, unknown>;
		const choice = (v.choices as Record<string, Record<string, unknown>>[] | undefined)?.[0];
		for (const x of [choice?.delta?.content, choice?.text, (v.delta as Record<string, unknown> | undefined)?.text, v.delta, (v.message as Record<string, unknown> | undefined)?.content, v.response]) if (typeof x === "string") return x;
	} catch {
		/* no JSON */
	}
	return null;
}

/* What the server said in pieces, put together; null: it does not look like that. */
export function joined(list: readonly Message[]): string | null {
	const pieces = list.filter((m) => m.dir === "s2c" && m.body?.text !== undefined).map((m) => piece(m.body!.text!));
	const some = pieces.filter((p) => p !== null);
	return some.length >= 2 ? some.join("") : null;
}
