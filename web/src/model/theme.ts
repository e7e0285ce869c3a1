// SPDX-License-Identifier: Apache-2.0
// The colour theme: the system's, or the one chosen here.

export type Theme = "system" | "light" | "dark";
const KEY = "limpid.theme";

export function storedTheme(): Theme {
	try {
		const t = localStorage.getItem(KEY);
		return t === "light" || t === "dark" ? t : "system";
	} catch {
		return "system"; // storage is switched off
	}
}

export function applyTheme(t: Theme): void {
	const root = document.documentElement;
	if (t === "system") root.removeAttribute("data-theme");
	else root.setAttribute("data-theme", t);
}

export function chooseTheme(t: Theme): void {
	applyTheme(t);
	try {
		localStorage.setItem(KEY, t);
	} catch {
		/* it lasts as long as the tab */
	}
}

export function nextTheme(t: Theme): Theme {
	return t === "system" ? "light" : t === "light" ? "dark" : "system";
}
