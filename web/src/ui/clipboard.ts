// SPDX-License-Identifier: Apache-2.0
// Copying, also where the page has no secure context (http on another host than localhost).
import { say } from "../session";

export async function copyText(text: string, what: string): Promise<void> {
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		if (!copyBySelection(text)) return say("The browser did not let the page copy.");
	}
	say(`${what} copied`);
}

function copyBySelection(text: string): boolean {
	const back = document.activeElement as HTMLElement | null;
	const area = document.createElement("textarea");
	area.value = text;
	area.className = "offscreen";
	document.body.append(area);
	area.select();
	const done = document.execCommand("copy");
	area.remove();
	back?.focus();
	return done;
}
