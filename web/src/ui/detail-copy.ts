// SPDX-License-Identifier: Apache-2.0
// What of the open flow can be copied.  The programs' writers come with the first copy.
import { ApiError, api } from "../model/api";
import type { Flow } from "../model/api";
import { bodyText } from "../model/body";
import { urlOf } from "../model/exchange";
import { detail, say } from "../session";
import { chooseForCompare } from "../state/compare";
import { canResend, resendAsked } from "../state/resend";
import { copyText } from "./clipboard";
import type { MenuItem } from "./menu";

type Kind = "curl" | "fetch" | "python" | "psql" | "mysql" | "redis-cli";
const LABEL: Record<Kind, string> = { curl: "cURL", fetch: "fetch", python: "Python", psql: "psql", mysql: "mysql", "redis-cli": "redis-cli" };

const kindsOf = (f: Flow): Kind[] => (f.proto === "postgres" ? ["psql"] : f.proto === "mysql" ? ["mysql"] : f.proto === "redis" ? ["redis-cli"] : f.proto === "tcp" || f.proto === "tls" ? [] : ["curl", "fetch", "python"]);

/* kind "": the usual one of its protocol. */
export async function copyAs(kind: Kind | "", withSecrets: boolean): Promise<void> {
	const f = detail.peek();
	const is = f && (kind || kindsOf(f)[0]);
	if (!f || !is || !kindsOf(f).includes(is)) return say("This flow cannot be copied as a command.");
	try {
		const m = await import("../model/copy-as");
		const { text, notes } = m.copyAs(withSecrets ? f : await api.redacted(f.id), is, withSecrets);
		await copyText(text, LABEL[is]);
		if (notes.length) say(`${LABEL[is]} copied. ${notes.join(" ")}`);
	} catch (e) {
		say(e instanceof ApiError && e.status === 404 ? "This flow is not kept any more." : "It could not be copied: the hub did not answer.");
	}
}

export async function copyRaw(side: "request" | "response"): Promise<void> {
	const f = detail.peek();
	if (!f) return;
	try {
		const raw = (await api.raw(f.id, undefined, true))[side];
		if (raw.text === undefined) return say("These bytes are no text: the Raw tab has them to download.");
		await copyText(raw.text, `Raw ${side}`);
	} catch (e) {
		say(e instanceof ApiError && e.status === 404 ? "There are no bytes to copy of this protocol." : "It could not be copied: the hub did not answer.");
	}
}

/* As a whole HAR file with this one exchange; made by the hub, without its secrets. */
export async function copyHar(): Promise<void> {
	const f = detail.peek();
	if (!f) return;
	try {
		const { fetchFile } = await import("../model/files");
		let left = 0;
		const file = await fetchFile({ format: "har", ids: [f.id], secrets: false }, (p) => (left = p.left_out + p.unread), new AbortController().signal);
		if (left) return say("HAR has no place for this protocol: copy it raw, or export it as JSON lines (w).");
		await copyText(await file.text(), "HAR");
	} catch (e) {
		say(e instanceof ApiError && e.status === 404 ? "This flow is not kept any more." : "It could not be copied: the hub did not answer.");
	}
}

/* What follows the key c. */
export const COPY_KEYS = {
	c: () => void copyAs("", false),
	f: () => void copyAs("fetch", false),
	p: () => void copyAs("python", false),
	r: () => void copyRaw("request"),
	h: () => void copyHar(),
};

export function copyItems(f: Flow): MenuItem[] {
	const kinds = kindsOf(f);
	const key = (k: Kind) => (k === kinds[0] ? "c c" : k === "fetch" ? "c f" : k === "python" ? "c p" : "");
	const http = kinds[0] === "curl";
	return [
		...kinds.map((k) => ({ label: `as ${LABEL[k]}`, key: key(k), run: () => void copyAs(k, false) })),
		...(kinds[0] ? [{ label: `as ${LABEL[kinds[0]]}, with secrets`, run: () => void copyAs("", true) }] : []),
		...(http ? [{ label: "as HAR", key: "c h", run: () => void copyHar() }] : []),
		{ label: "raw request", key: "c r", run: () => void copyRaw("request") },
		{ label: "raw response", run: () => void copyRaw("response") },
		{ label: http ? "address" : "statement", run: () => void copyText(urlOf(f), http ? "Address" : "Statement") },
		{ label: "request body", disabled: !f.request?.body?.captured, run: () => void copyText(bodyText(f.request?.body), "Request body") },
		{ label: "response body", disabled: !f.response?.body?.captured, run: () => void copyText(bodyText(f.response?.body), "Response body") },
		...(canResend(f) ? [{ label: "Edit and send again", key: "e", run: () => void (resendAsked.value = f) }] : []),
		{ label: "Compare with another flow", key: "d", run: () => chooseForCompare(f) },
	];
}
