// SPDX-License-Identifier: Apache-2.0
// What gRPC's status codes and deadlines mean (grpc/grpc: doc/statuscodes.md, doc/PROTOCOL-HTTP2.md).
import type { Flow } from "./api";
import { attrs } from "./sql";

/* By their names, in the order of their numbers. */
const STATUS: readonly [string, string][] = [
	["OK", "The call went well."],
	["CANCELLED", "The call was called off, most often by its client."],
	["UNKNOWN", "An error that says no more, or that came from another system."],
	["INVALID_ARGUMENT", "The client sent something that is wrong whatever state the server is in."],
	["DEADLINE_EXCEEDED", "The time that the client gave was over. The server may have done it all the same."],
	["NOT_FOUND", "What was asked for is not there."],
	["ALREADY_EXISTS", "What was to be made is there already."],
	["PERMISSION_DENIED", "Who asks is known, and may not do this."],
	["RESOURCE_EXHAUSTED", "Something is used up: a quota, memory, disk."],
	["FAILED_PRECONDITION", "The server is not in a state for this: something else has to be done first."],
	["ABORTED", "It was broken off, most often because of others who did the same at once. Trying again from the start may help."],
	["OUT_OF_RANGE", "It went past the end of what there is."],
	["UNIMPLEMENTED", "The server does not have this method."],
	["INTERNAL", "Something is broken that must not break."],
	["UNAVAILABLE", "The server cannot be reached or is not ready. Trying again later may help."],
	["DATA_LOSS", "Data is lost or damaged beyond repair."],
	["UNAUTHENTICATED", "Who asks did not prove who it is."],
];

export interface Status {
	name: string;
	code: string;
	meaning: string;
}

export function statusOf(f: Flow): Status | null {
	const name = f.response?.status;
	if (!name) return null;
	const at = STATUS.findIndex(([n]) => n === name);
	if (at >= 0) return { name, code: String(at), meaning: STATUS[at]![1] };
	if (/^\d{3}$/.test(name)) return { name, code: "", meaning: "Answered by HTTP alone: a proxy's answer, or no gRPC server." };
	return { name, code: attrs(f.response?.attrs, "code")[0] ?? "", meaning: "A code that gRPC gives no name." };
}

const UNIT: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, min: 6e10, h: 3.6e12 };

/* "1500ms" -> ns; null: there is none. */
export function deadlineOf(f: Flow): number | null {
	const m = /^(\d+)(ns|us|µs|ms|s|min|h)$/.exec(attrs(f.request?.attrs, "timeout")[0] ?? "");
	return m ? Number(m[1]) * UNIT[m[2]!]! : null;
}

export const KIND: Record<string, string> = { unary: "unary", client_stream: "client stream", server_stream: "server stream", bidi_stream: "both sides stream" };

/* As its schema says, else as it looks. */
export function kindOf(f: Flow): string {
	const told = attrs(f.request?.attrs, "kind")[0];
	if (told) return KIND[told] ?? told;
	if (!f.stream) return "one message each way, as far as was seen";
	const { c2s, s2c } = f.stream;
	return c2s.messages > 1 ? (s2c.messages > 1 ? "both sides stream" : "client stream") : s2c.messages > 1 ? "server stream" : "stream";
}

/* "/shop.v1.Shop/Buy" -> service and method. */
export function pathOf(f: Flow): { service: string; method: string } {
	const [, service = "", method = ""] = /^\/?(.*)\/([^/]*)$/.exec(f.request?.target ?? "") ?? [];
	return { service, method: method || (f.request?.op ?? "") };
}

export function trailersOf(f: Flow): [string, string][] {
	return [f.response, f.request].flatMap((h) => Object.entries(h?.attrs ?? {}).filter(([k]) => k.startsWith("trailer:")).flatMap(([k, v]) => [v].flat().map((x): [string, string] => [k.slice(8), x])));
}
