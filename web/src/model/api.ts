// SPDX-License-Identifier: Apache-2.0
// The hub's answers (docs/api.md) and the calls that are not the WebSocket's.
// Everything that was captured is foreign: it reaches the document as text and in no other way.

import type { Related } from "./related";
import type { Statements } from "./statements";

export interface Row {
	n: number;
	id: string;
	ts_ns: string;
	proto: string;
	tls: boolean;
	src: string;
	dst: string;
	src_ip: string;
	dst_ip: string;
	op: string;
	target: string;
	host: string;
	status: string | null;
	reason: string | null;
	state: string;
	failed: boolean;
	dur_ns: number | null;
	req_len: number | null;
	resp_len: number | null;
	type: string | null;
	flags: string[];
	cut?: boolean; /* the target is longer */
	mark?: number;
	pinned?: boolean;
	note?: string;
}

export interface Counters {
	flows: number;
	dropped: number;
	truncated: number;
	undecrypted: number;
	gaps: number;
	gap_bytes?: number;
}

export interface Capture {
	mode: "all" | "chosen" | "except";
	names: string[];
	hosts: boolean;
	include_new: boolean;
	paused: boolean;
	body_limit: number;
	conn_budget: number; /* 0: no limit */
	redact: string[]; /* own rules of what exports hide */
	ends: string[]; /* "port 80,443", "not address 10.0.0.0/8" */
	processes: string[]; /* outside containers: "pid 880", "command nginx*", "unit nginx.service" */
}

export interface Container {
	id: string;
	name: string;
	image: string;
	project: string | null;
	service: string | null;
	pod: string | null; /* Kubernetes' */
	namespace: string | null;
	state: string;
	networks: string | null;
	addrs: string[];
	captured: boolean;
	flows: number;
	agent: string;
}

export interface Containers {
	runtime: string;
	containers: Container[];
}

export interface Fact {
	key: string;
	level: number;
	text: string;
	hint: string | null;
}

export interface Agent {
	id: string;
	hostname: string;
	version: string;
	kernel: string;
	connected: boolean;
	last_seen_ms: number;
	facts: Fact[];
	tls?: { processes: TlsProcess[]; left_out: number };
	counters: Record<string, number>;
}

/* docs/api.md: processes of one name, container and library, and how their TLS is read. */
export interface TlsProcess {
	pid: number;
	processes: number;
	comm: string;
	container: string | null;
	code: string;
	text: string;
	hint: string;
	readable: boolean;
	gone: boolean;
	libraries: { name: string; version: string; path: string; code: string }[];
	more_libraries: number;
	connections: number;
	unread: number;
	wire_bytes: number;
	plain_bytes: number;
}

export interface Health {
	hub: {
		version: string;
		uptime_s: number;
		rows: number;
		rows_max: number;
		store_bytes: number;
		store_max: number;
		oldest_ns: string | number | null;
		evicted: number;
		repeats: number;
		store_error: string | null;
		clients: number;
		resend: boolean; /* --resend */
		cpu_ms: number; /* of the hub, since it began */
		bytes: number; /* of memory, now */
	};
	agents: Agent[];
	counters: Counters;
}

/* How many of the rows kept are of which kind. */
export interface Tally {
	error: number;
	slow: number;
	pending: number;
	tls: number;
	marked: number;
	noted: number;
	pinned: number;
	protos: Record<string, number>;
}

/* What may be typed: bytes at to at + len become text. */
export interface Choice {
	at: number;
	len: number;
	kind: "key" | "name" | "value";
	text: string;
	label: string;
	count?: number;
	help?: string;
}

export interface FilterCheck {
	ok: boolean;
	sentence?: string;
	error?: { at: number; len: number; text: string };
	complete?: Choice[];
}

export interface Saved {
	name: string;
	filter: string;
}

export interface Body {
	len: number;
	captured: number;
	type?: string | null;
	encoding?: string | null;
	text?: string;
	base64?: string;
	cut?: boolean;
	decoded?: unknown /* the same for people, where the bytes are no text: protobuf, say */;
}

/* docs/flow.md: one message of a conversation. */
export interface Message {
	seq: number;
	ts: string;
	dir: "c2s" | "s2c";
	op?: string | null;
	body?: Body | null;
	attrs?: Record<string, string | string[]>;
	flags?: string[];
}

export interface Stream {
	c2s: { messages: number; bytes: number };
	s2c: { messages: number; bytes: number };
	left_out: number;
}

export interface Window {
	state: string;
	kept: number;
	messages: Message[];
	stream?: Stream;
}

export interface Half {
	op?: string | null;
	target?: string | null;
	status?: string | null;
	reason?: string | null;
	headers?: [string, string][];
	attrs?: Record<string, string | string[]>;
	body?: Body | null;
}

export interface Peer {
	ip?: string | null;
	port?: number | null;
	path?: string | null; /* of the unix socket, at its server */
	container?: string | null;
	container_id?: string | null;
	image?: string | null;
	project?: string | null;
	pod?: string | null;
	namespace?: string | null;
	pid?: number | null;
	comm?: string | null;
}

export interface Flow {
	n?: number;
	id: string;
	ts: string;
	duration_ns?: number | null;
	ttfb_ns?: number | null;
	proto: string;
	l4: string;
	conn?: number; /* which connection, of one agent's */
	state: string;
	client: Peer;
	server: Peer;
	seen_by?: string | null;
	tls?: Tls | null;
	request?: Half | null;
	response?: Half | null;
	stream?: Stream; /* of a conversation */
	failed: boolean;
	flags?: string[];
}

/* docs/flow.md: what is known of the connection's TLS. */
export interface Tls {
	library?: string | null;
	version?: string | null;
	road?: string | null;
	mapping?: string | null;
	sni?: string | null;
	alpn?: string | null;
	protocol?: string | null;
	cipher?: string | null;
	group?: string | null;
	offered?: string[];
	certificate?: { subject?: string | null; issuer?: string | null; names?: string[]; not_after?: string | null } | null;
	alert?: { name: string; by: string } | null;
	flags?: string[];
	reason?: string | null;
	why?: string | null;
	hint?: string | null;
}

/* Both sides as bytes of their protocol. */
export interface RawSide {
	len: number;
	cut: boolean;
	note: string;
	text?: string;
	base64?: string;
}
export interface Raw {
	request: RawSide;
	response: RawSide;
}

/* What went wrong with a call, as one sentence.  status 0: the hub could not be reached. */
export class ApiError extends Error {
	constructor(
		readonly status: number,
		text: string,
	) {
		super(text);
	}
}

/* Presentation mode: what is asked of a flow comes without its secrets (docs/redaction.md). */
export const hiding = { on: false };
export const hidden = (path: string): string => (hiding.on ? `${path}${path.includes("?") ? "&" : "?"}redacted=1` : path);

export async function call(path: string, init?: RequestInit): Promise<Response> {
	let r: Response;
	try {
		r = await fetch(path, { credentials: "same-origin", cache: "no-store", ...init });
	} catch (e) {
		if (init?.signal?.aborted) throw e;
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

export async function json<T>(path: string, signal?: AbortSignal): Promise<T> {
	return (await call(path, signal ? { signal } : undefined)).json() as Promise<T>;
}

const change = (path: string, method: string, what: object): Promise<Response> =>
	call(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(what) });

export const api = {
	login: async (token: string) => void (await call("api/login", { method: "POST", body: token })),
	health: () => json<Health>("api/health"),
	containers: () => json<Containers>("api/containers"),
	capture: () => json<Capture>("api/capture"),
	changeCapture: async (c: Partial<Capture>) =>
		void (await call("api/capture", {
			method: "PATCH",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify(c),
		})),
	clear: async () => void (await call("api/clear", { method: "POST" })),
	/* at: of the cursor, in bytes; then what may be typed there is told too. */
	check: (q: string, signal?: AbortSignal, at = -1) =>
		json<FilterCheck>(`api/filter/check?q=${encodeURIComponent(q)}${at >= 0 ? `&at=${at}` : ""}`, signal),
	mark: async (id: string, m: object) => void (await change(`api/flow/${encodeURIComponent(id)}/mark`, "PATCH", m)),
	marks: async (ids: string[], m: object) => void (await change("api/marks", "PATCH", { ...m, ids })),
	saved: () => json<Saved[]>("api/saved"),
	save: async (list: Saved[]) => void (await change("api/saved", "PUT", list)),
	/* Without its secrets. */
	redacted: (id: string) => json<Flow>(`api/flow/${encodeURIComponent(id)}?redacted=1`),
	flow: (id: string, signal?: AbortSignal) => json<Flow>(hidden("api/flow/" + encodeURIComponent(id)), signal),
	statements: (filter: string, since: string, signal?: AbortSignal) => json<Statements>(`api/sql?n=300&f=${encodeURIComponent(filter)}${since && "&since=" + since}`, signal),
	related: (id: string, signal?: AbortSignal) => json<Related>(`api/flow/${encodeURIComponent(id)}/related`, signal),
	/* which: "from=SEQ", "before=SEQ" or "": the newest. */
	messages: (id: string, n: number, which: string, signal?: AbortSignal) =>
		json<Window>(hidden(`api/flow/${encodeURIComponent(id)}/messages?n=${n}${which && "&" + which}`), signal),
	bodyPath: (id: string, side: "req" | "resp") => hidden(`api/flow/${encodeURIComponent(id)}/body?side=${side}&form=decoded`),
	/* The first `max` bytes of it in that form, as text. */
	bodyText: async (id: string, side: "req" | "resp", form: "pretty" | "decoded", max: number, signal?: AbortSignal) => {
		const init: RequestInit = { headers: { Range: `bytes=0-${max - 1}` } };
		if (signal) init.signal = signal;
		return (await call(hidden(`api/flow/${encodeURIComponent(id)}/body?side=${side}&form=${form}`), init)).text();
	},
	resend: async (what: { id: string; method?: string; target?: string; headers?: [string, string][]; verify?: boolean; body?: string }, signal?: AbortSignal) =>
		(await call("api/resend", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(what), ...(signal ? { signal } : {}) })).json() as Promise<{ id: string }>,
	raw: (id: string, signal?: AbortSignal, redact = false) => json<Raw>(redact ? `api/flow/${encodeURIComponent(id)}/raw?redacted=1` : hidden(`api/flow/${encodeURIComponent(id)}/raw`), signal),
	/* The first `max` bytes of a decoded body. */
	body: async (id: string, side: "req" | "resp", max: number, signal?: AbortSignal) => {
		const init: RequestInit = { headers: { Range: `bytes=0-${max - 1}` } };
		if (signal) init.signal = signal;
		return new Uint8Array(await (await call(api.bodyPath(id, side), init)).arrayBuffer());
	},
};
