// SPDX-License-Identifier: Apache-2.0
// The flow that is being sent again, while its dialog is open.
import { signal } from "@preact/signals";
import type { Flow } from "../model/api";
import { detail, say } from "../session";

export const resendAsked = signal<Flow | null>(null);

export const canResend = (f: Flow): boolean => /^(http1|http2|sse)$/.test(f.proto) && !!f.request;

export function resendKey(): void {
	const f = detail.peek();
	if (f && canResend(f)) resendAsked.value = f;
	else if (f) say("Only HTTP requests can be sent again.");
}
