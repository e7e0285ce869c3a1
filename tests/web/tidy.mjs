// SPDX-License-Identifier: Apache-2.0
// What a person sees at once and axe does not: text that is cut off without "…", lies outside the window or under
// something else, a page that scrolls sideways, a focus that cannot be seen.  Each finding is one line.

/* Runs in the page. */
function untidy() {
	const found = [];
	const root = document.scrollingElement;
	if (root.scrollWidth > root.clientWidth) found.push(`the page scrolls sideways: ${root.scrollWidth} of ${root.clientWidth}`);
	if (root.scrollHeight > root.clientHeight) found.push(`the page scrolls: ${root.scrollHeight} of ${root.clientHeight}`);
	const name = (e) => `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}${[...e.classList].map((c) => "." + c).join("")}`;
	const where = (e) => `${e.parentElement ? name(e.parentElement) + " > " : ""}${name(e)}`;
	const say = (e, what, text) => found.push(`${where(e)}: ${what}: “${text.trim().replace(/\s+/g, " ").slice(0, 50)}”`);
	/* What covers on purpose: dialogs, menus, panels, short notices. */
	const ABOVE = "dialog, [role=menu], [role=listbox], [role=dialog], aside, .pill, .notice, .first-run, .no-match, .map-panel, #saved-button, .grid-head, thead, .cm-panels, .cm-gutters, .sql-head, [data-above]";
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const range = document.createRange();
	for (let t = walk.nextNode(); t; t = walk.nextNode()) {
		const text = t.data;
		const e = t.parentElement;
		if (!text.trim() || !e || e.closest("script, style, option, .sr, [hidden], svg title, dialog:not([open])")) continue;
		if (!e.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
		range.selectNodeContents(t);
		const r = range.getBoundingClientRect();
		if (r.width < 1 || r.height < 1) continue;
		/* What is left of it after all that cut: the nearest that scrolls makes the rest reachable. */
		let { left, right, top, bottom } = r;
		let reachable = false;
		let excused = !!e.closest("[title]");
		for (let p = e; p && p !== document.documentElement; p = p.parentElement) {
			const s = getComputedStyle(p);
			if (s.textOverflow === "ellipsis" || s.webkitLineClamp !== "none") excused = true;
			if (p.tagName === "svg" || p.tagName === "foreignObject") excused = true;
			const x = s.overflowX;
			const y = s.overflowY;
			if (x === "visible" && y === "visible") continue;
			if (/auto|scroll/.test(x + y)) reachable = true;
			const b = p.getBoundingClientRect();
			if (x !== "visible") {
				if (!excused && !reachable && s.display !== "inline" && (left < b.left - 1 || right > b.right + 1)) say(e, `cut off by ${name(p)}, without “…”`, text);
				left = Math.max(left, b.left);
				right = Math.min(right, b.right);
			}
			if (y !== "visible") {
				if (!excused && !reachable && (bottom - top > 6) && (top < b.top - 3 || bottom > b.bottom + 3)) say(e, `cut off above or below by ${name(p)}`, text);
				top = Math.max(top, b.top);
				bottom = Math.min(bottom, b.bottom);
			}
		}
		if (!reachable && (r.left < -1 || r.right > innerWidth + 1 || r.top < -1 || r.bottom > innerHeight + 1)) {
			if (!excused || left >= innerWidth || right <= 0 || top >= innerHeight || bottom <= 0) say(e, "outside the window", text);
			continue;
		}
		/* Something else where the middle of the first line is: text under text. */
		const line = [...range.getClientRects()].find((b) => b.width > 0);
		if (!line) continue;
		const cx = (Math.max(left, line.left) + Math.min(right, line.right)) / 2;
		const cy = (Math.max(top, line.top) + Math.min(bottom, line.bottom)) / 2;
		if (right - left < 3 || bottom - top < 6 || cx < 0 || cy < 0 || cx >= innerWidth || cy >= innerHeight || cy > bottom || cy < top) continue;
		if (getComputedStyle(e).pointerEvents === "none") continue;
		const hit = document.elementFromPoint(cx, cy);
		if (hit && hit !== e && !e.contains(hit) && !hit.contains(e) && !hit.closest(ABOVE)) say(e, `under ${name(hit)}`, text);
	}
	/* A control whose label is wider than itself. */
	for (const e of document.querySelectorAll("button, .btn, th, td, label, h2, h3")) {
		if (!e.checkVisibility() || e.closest("dialog:not([open]), [hidden]")) continue;
		const s = getComputedStyle(e);
		if (s.display === "inline" || s.overflowX !== "visible") continue;
		if (e.scrollWidth > e.clientWidth + 2 && e.clientWidth > 0) say(e, `sticks out by ${e.scrollWidth - e.clientWidth} px`, e.textContent);
	}
	return [...new Set(found)];
}

/* Runs in the page: controls that look the same with and without the keyboard's focus. */
function unseenFocus() {
	const found = new Set();
	const before = document.activeElement;
	const modal = document.querySelector("dialog[open]");
	const look = (e) => {
		const of = (x) => {
			const s = getComputedStyle(x);
			return [s.outlineStyle === "none" ? "" : s.outline, s.boxShadow, s.borderColor, s.backgroundColor, s.stroke, s.strokeWidth].join("|");
		};
		/* Boxes drawn for a control: its label, what surrounds it, what stands after it, its chosen row. */
		return [e, e.parentElement, e.closest("label, .filter"), e.nextElementSibling, e.firstElementChild, e.querySelector(".selected:not([hidden]), .at, .active")].filter(Boolean).map(of).join("/");
	};
	const seen = new Set();
	for (const e of document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")) {
		if (!e.checkVisibility({ visibilityProperty: true }) || e.disabled || e.closest("[hidden], [inert], dialog:not([open])") || (modal && !modal.contains(e))) continue;
		const kind = `${e.tagName}.${[...e.classList].join(".")}#${e.getAttribute("role") ?? ""}`;
		if (seen.has(kind)) continue;
		seen.add(kind);
		e.blur();
		const off = look(e);
		e.focus({ focusVisible: true, preventScroll: true });
		if (document.activeElement === e && look(e) === off) found.add(`no focus to be seen: ${kind} “${(e.getAttribute("aria-label") ?? e.textContent ?? "").trim().slice(0, 30)}”`);
	}
	before?.focus?.({ preventScroll: true });
	return [...found];
}

export const tidy = (page) => page.evaluate(untidy);
export const focusSeen = (page) => page.evaluate(unseenFocus);
