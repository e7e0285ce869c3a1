// SPDX-License-Identifier: Apache-2.0
// What concerns the whole screen: presentation mode, the clock's zone, the icon of the tab, which dialog about files is open.
import { effect, signal } from "@preact/signals";
import { veil, zone } from "../model/format";
import { hiding } from "../model/api";
import { hideInText, setOwnRules } from "../model/hide";
import { capture, detail, routeAgain, say } from "../session";
import { announcement } from "./news";
import { tally } from "./tally";

export type FilesDialog = "" | "export" | "import";
export const filesOpen = signal<FilesDialog>("");

function kept(key: string): boolean {
	try {
		return localStorage.getItem(key) === "1";
	} catch {
		return false;
	}
}
function keep(key: string, on: boolean): void {
	try {
		localStorage.setItem(key, on ? "1" : "0");
	} catch {
		/* it lasts as long as the tab */
	}
}

// --- presentation mode: nothing secret on this screen --------------------------------------------------------------

export const presenting = signal(kept("limpid.present"));
hiding.on = presenting.peek();
const hideNow = (s: string): string => (hiding.on ? hideInText(s) : s);
veil.hide = hideNow;
effect(() => setOwnRules(capture.value?.redact ?? []));
const listeners: (() => void)[] = [];
/* Called when what is on screen has to be made anew. */
export const onScreenChange = (f: () => void): void => void listeners.push(f);

export function togglePresenting(): void {
	presenting.value = hiding.on = !presenting.peek();
	keep("limpid.present", presenting.peek());
	announcement.value = "";
	detail.value = null; /* it comes again, without secrets or with them */
	routeAgain();
	say(presenting.peek() ? "Presentation mode: secrets are hidden on this screen." : "Presentation mode is off: secrets can be shown.");
	for (const f of listeners) f();
}
/* Whether this text may be on screen as it is. */
export const showable = (s: string): boolean => hideNow(s) === s;

/* Samples were loaded here; said until they are gone. */
export const samplesHere = signal(kept("limpid.samples"));
export function setSamples(on: boolean): void {
	samplesHere.value = on;
	keep("limpid.samples", on);
}

// --- times ---------------------------------------------------------------------------------------------------------

export const utc = signal(kept("limpid.utc"));
zone.utc = utc.peek();

export function toggleZone(): void {
	utc.value = zone.utc = !utc.peek();
	keep("limpid.utc", utc.peek());
	for (const f of listeners) f();
}
export const zoneName = (): string => (utc.value ? "UTC" : (Intl.DateTimeFormat().resolvedOptions().timeZone ?? "local").replace(/_/g, " "));

// --- the tab's icon ----------------------------------------------------------------------------------------------------

/* Failed flows, in the icon and in the title, as long as there are any. */
export function badge(n: number): string {
	return n > 999 ? "999+" : String(n);
}

function icon(n: number): string {
	const text = n > 99 ? "99+" : String(n);
	const size = text.length > 2 ? 13 : text.length > 1 ? 17 : 20;
	return `data:image/svg+xml,${encodeURIComponent(
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="#c62828"/><text x="16" y="${16 + size * 0.36}" font-family="sans-serif" font-weight="700" font-size="${size}" fill="#fff" text-anchor="middle">${text}</text></svg>`,
	)}`;
}

export function startBadge(): void {
	const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
	const own = link?.getAttribute("href") ?? "";
	let was = -1;
	effect(() => {
		const n = tally.value?.error ?? 0;
		if (n === was) return;
		was = n;
		document.title = n ? `(${badge(n)}) Limpid` : "Limpid";
		link?.setAttribute("href", n ? icon(n) : own);
	});
}
