// SPDX-License-Identifier: Apache-2.0
// Files out of the hub and into it, piece by piece (docs/api.md, "Files").
import { ApiError } from "./api";

export type Format = "har" | "jsonl" | "pcapng" | "session";
export const FORMATS: readonly { format: Format; label: string; ending: string; text: string }[] = [
	{ format: "har", label: "HAR", ending: "har", text: "HTTP, gRPC and WebSocket, for browsers’ tools" },
	{ format: "jsonl", label: "JSON lines", ending: "jsonl", text: "every protocol, one flow a line, for scripts" },
	{ format: "pcapng", label: "pcapng", ending: "pcapng", text: "decrypted, for Wireshark" },
	{ format: "session", label: "Session", ending: "limpid.jsonl", text: "everything, with the state of the agents, to open again here" },
];

export interface ExportProgress {
	more: boolean;
	flows: number;
	left_out: number;
	unread: number;
	hidden: number;
	done: number;
	of: number;
}
export interface ImportState {
	state: "waiting" | "reading" | "done";
	bytes: number;
	records: number;
	flows: number;
	error: string | null;
}
export interface ExportWish {
	format: Format;
	filter?: string;
	ids?: string[];
	secrets: boolean;
}

async function call(method: string, path: string, body?: BodyInit, signal?: AbortSignal): Promise<Response> {
	const init: RequestInit = { method, credentials: "same-origin", cache: "no-store" };
	if (body !== undefined) init.body = body;
	if (signal) init.signal = signal;
	let r: Response;
	try {
		r = await fetch(path, init);
	} catch (e) {
		if (signal?.aborted) throw e;
		throw new ApiError(0, "The hub does not answer.");
	}
	if (r.ok) return r;
	let text = "";
	try {
		text = String(((await r.json()) as { error?: unknown }).error ?? "");
	} catch {
		/* not the hub's own words */
	}
	throw new ApiError(r.status, text || `The hub answered ${r.status}.`);
}

/* The whole file; `told` after each piece.  Aborted: the hub is told to forget it. */
export async function fetchFile(wish: ExportWish, told: (p: ExportProgress, bytes: number) => void, signal: AbortSignal): Promise<Blob> {
	const { id } = (await (await call("POST", "api/exports", JSON.stringify(wish), signal)).json()) as { id: string };
	const parts: Blob[] = [];
	let bytes = 0;
	try {
		for (;;) {
			const r = await call("GET", `api/exports/${id}`, undefined, signal);
			const p = JSON.parse(r.headers.get("X-Limpid-Export") ?? "{}") as ExportProgress;
			const piece = await r.blob();
			parts.push(piece);
			bytes += piece.size;
			told(p, bytes);
			if (!p.more) return new Blob(parts, { type: "application/octet-stream" });
		}
	} catch (e) {
		call("DELETE", `api/exports/${id}`).catch(() => undefined);
		throw e;
	}
}

const PIECE = 4 << 20;
const pause = (ms: number) => new Promise((r) => setTimeout(r, ms));

/* Hands the file over and waits until the hub has read it. */
export async function giveFile(file: Blob, told: (sent: number, s: ImportState | null) => void, signal: AbortSignal): Promise<ImportState> {
	const { id } = (await (await call("POST", "api/imports", "", signal)).json()) as { id: string };
	try {
		for (let at = 0; at < file.size; at += PIECE) {
			await call("POST", `api/imports/${id}?at=${at}`, file.slice(at, at + PIECE), signal);
			told(Math.min(at + PIECE, file.size), null);
		}
		await call("POST", `api/imports/${id}?at=${file.size}`, "", signal);
		for (;;) {
			const s = (await (await call("GET", `api/imports/${id}`, undefined, signal)).json()) as ImportState;
			told(file.size, s);
			if (s.state === "done") return s;
			await pause(150);
		}
	} finally {
		call("DELETE", `api/imports/${id}`).catch(() => undefined);
	}
}

/* "limpid-2026-11-23-140207.har" */
export function fileName(at: Date, ending: string): string {
	return `limpid-${at.toISOString().slice(0, 19).replace(/:/g, "").replace("T", "-")}.${ending}`;
}
