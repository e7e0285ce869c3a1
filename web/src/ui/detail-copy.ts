// SPDX-License-Identifier: Apache-2.0
// What of the open flow can be copied.
import type { Flow } from "../model/api";
import { curl } from "../model/curl";
import { urlOf } from "../model/exchange";
import { detail, say } from "../session";
import { bodyText } from "./body";
import { copyText } from "./clipboard";
import type { MenuItem } from "./menu";

export function copyCurl(withSecrets: boolean): void {
	const f = detail.peek();
	if (!f) return;
	const { text, notes } = curl(f, withSecrets);
	void copyText(text, "cURL line").then(() => notes.length && say(`cURL line copied. ${notes.join(" ")}`));
}

export const copyItems = (f: Flow): MenuItem[] => [
	{ label: "as cURL", key: "c c", run: () => copyCurl(false) },
	{ label: "as cURL, with secrets", run: () => copyCurl(true) },
	{ label: "address", run: () => void copyText(urlOf(f), "Address") },
	{ label: "request body", disabled: !f.request?.body?.captured, run: () => void copyText(bodyText(f.request?.body), "Request body") },
	{ label: "response body", disabled: !f.response?.body?.captured, run: () => void copyText(bodyText(f.response?.body), "Response body") },
];
