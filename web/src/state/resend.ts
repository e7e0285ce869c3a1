// SPDX-License-Identifier: Apache-2.0
// The flow that is being sent again, while its dialog is open.
import { signal } from "@preact/signals";
import { api } from "../model/api";
import type { Flow } from "../model/api";
import { attempt, detail, health, say } from "../session";

export const resendAsked = signal<Flow | null>(null);

export const canResend = (f: Flow): boolean => /^(http1|http2|sse)$/.test(f.proto) && !!f.request;

export function resendKey(): void {
	const f = detail.peek();
	if (f && canResend(f)) resendAsked.value = f;
	else if (f) say("Only HTTP requests can be sent again.");
}

/* Once more as it was, secrets and all: the hub has it whole. */
export async function resendAtOnce(): Promise<void> {
	const f = detail.peek();
	if (!f || !canResend(f)) return say("Only HTTP requests can be sent again.");
	if (health.peek()?.hub.resend === false) return say("Sending is off: start the hub with --resend to allow it.");
	const sent = await attempt(api.resend({ id: f.id }));
	if (!sent) return;
	say("Sent again. This is the answer.");
	location.hash = `#/flows?sel=${sent.id}`;
}
