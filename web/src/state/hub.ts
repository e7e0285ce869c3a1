// SPDX-License-Identifier: Apache-2.0
// Calls to the hub that are not about the list: what is captured, containers, health.
import { ApiError, api } from "../model/api";
import type { Capture } from "../model/api";
import { askToSignIn, capture, closeDetail, containers, health, healthError, link, page, say, total } from "../session";

export async function attempt<T>(what: Promise<T>): Promise<T | undefined> {
	try {
		return await what;
	} catch (e) {
		if (e instanceof ApiError && e.status === 401) askToSignIn("");
		else say(e instanceof Error ? e.message : String(e));
		return undefined;
	}
}

let changes = 0; /* on their way to the hub */
/* What a tick says of the settings is newer than what was asked for here. */
export const settled = (): boolean => changes === 0;
let lastChange: Promise<void> = Promise.resolve();

/* Shown at once, and sent in the order in which they were made; when none is on its way any more, what the hub says is the truth again. */
export function changeCapture(part: Partial<Capture>): Promise<void> {
	const now = capture.peek();
	if (!now) return lastChange;
	capture.value = { ...now, ...part };
	changes++;
	lastChange = lastChange.then(async () => {
		await attempt(api.changeCapture(part));
		const c = await attempt(api.capture());
		if (--changes > 0) return;
		if (c) capture.value = c;
		void loadContainers();
	});
	return lastChange;
}

export async function clearAll(): Promise<void> {
	await attempt(api.clear());
	closeDetail();
}

export async function loadContainers(): Promise<void> {
	try {
		containers.value = await api.containers();
	} catch {
		/* the banner tells it */
	}
}

export async function loadHealth(): Promise<void> {
	try {
		health.value = await api.health();
		healthError.value = "";
	} catch (e) {
		healthError.value = e instanceof Error ? e.message : String(e);
	}
}

export function pollHealth(): void {
	const again = () => {
		const eager = page.peek() === "health" || total.peek() === 0;
		window.setTimeout(() => {
			if (document.hidden || link.peek() !== "open") return again();
			void Promise.all([loadHealth(), eager && total.peek() === 0 ? loadContainers() : null]).then(again);
		}, eager ? 1000 : 4000);
	};
	again();
}
