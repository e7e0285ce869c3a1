// SPDX-License-Identifier: Apache-2.0
// Text with search and folding: CodeMirror, in a shadow root, loaded with the first text that is shown.
import { EditorState } from "@codemirror/state";
import type { Extension } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { HighlightStyle, bracketMatching, codeFolding, foldGutter, foldKeymap, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { tags } from "@lezer/highlight";

export interface Editor {
	destroy(): void;
	find(): void; /* opens the search */
	view: EditorView;
}

export type Language = "json" | "html" | "xml" | "css" | "javascript" | "";

/* Colours are those of the page, which go through to a shadow root. */
const theme = EditorView.theme({
	"&": { height: "100%", color: "var(--text)", backgroundColor: "transparent", fontSize: "12px" },
	"&.cm-focused": { outline: "none" },
	".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", overflow: "auto" },
	".cm-content": { padding: "4px 0" },
	".cm-content:focus-visible": { outline: "none" },
	".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "none" },
	".cm-lineNumbers .cm-gutterElement": { minWidth: "4ch", padding: "0 4px 0 8px" },
	".cm-foldGutter .cm-gutterElement": { cursor: "pointer", width: "14px", color: "var(--muted)" },
	".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", border: "1px solid var(--line)", color: "var(--text-2)", padding: "0 6px" },
	".cm-specialChar": { color: "var(--server)" },
	".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
	".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent-line)" },
	".cm-searchMatch": { backgroundColor: "var(--warn-soft)", outline: "1px solid var(--warn)" },
	".cm-searchMatch-selected": { backgroundColor: "var(--accent-soft)", outline: "2px solid var(--accent-line)" },
	".cm-panels": { backgroundColor: "var(--panel)", color: "var(--text)", borderColor: "var(--line)", fontFamily: "var(--sans)" },
	".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--line)" },
	".cm-panel.cm-search": { display: "flex", flexWrap: "wrap", alignItems: "center", gap: "6px", padding: "6px 36px 6px 8px" },
	".cm-panel.cm-search br": { display: "none" },
	".cm-panel.cm-search input[type=checkbox]": { margin: "0", accentColor: "var(--accent-line)" },
	".cm-panel.cm-search :is(input, button):focus-visible": { outline: "2px solid var(--accent-line)", outlineOffset: "1px" },
	".cm-panel.cm-search [name=close]": { color: "var(--text-2)", fontSize: "16px", padding: "0 8px", right: "4px" },
	".cm-textfield": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "4px", padding: "2px 6px", fontSize: "12px" },
	".cm-button": { backgroundColor: "var(--raised)", backgroundImage: "none", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "4px", padding: "2px 8px", fontSize: "12px" },
	".cm-panel.cm-search label": { display: "flex", alignItems: "center", gap: "4px", margin: "0 0 0 4px", fontSize: "12px", color: "var(--text-2)" },
	".cm-deletedChunk, &.cm-merge-a .cm-changedLine": { backgroundColor: "var(--fail-soft)" },
	"&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--accent-soft)" },
	"&.cm-merge-a .cm-changedText": { background: "none", textDecoration: "underline 2px var(--server)" },
	"&.cm-merge-b .cm-changedText": { background: "none", textDecoration: "underline 2px var(--accent)" },
	".cm-collapsedLines": { color: "var(--text-2)", background: "var(--sunken)" },
	"@media print": { "&": { height: "auto" } },
});
const colours = HighlightStyle.define([
	{ tag: [tags.propertyName, tags.attributeName, tags.definition(tags.variableName)], color: "var(--json-key)" },
	{ tag: [tags.string, tags.attributeValue, tags.special(tags.string)], color: "var(--json-string)" },
	{ tag: [tags.number, tags.unit], color: "var(--json-number)" },
	{ tag: [tags.bool, tags.null, tags.keyword, tags.atom, tags.modifier], color: "var(--json-word)" },
	{ tag: [tags.tagName, tags.angleBracket, tags.className], color: "var(--accent)" },
	{ tag: [tags.comment, tags.meta, tags.processingInstruction], color: "var(--muted)" },
]);

async function language(l: Language): Promise<Extension> {
	switch (l) {
	case "json":
		return (await import("@codemirror/lang-json")).json();
	case "html":
		return (await import("@codemirror/lang-html")).html({ matchClosingTags: false, autoCloseTags: false });
	case "xml":
		return (await import("@codemirror/lang-xml")).xml({ autoCloseTags: false });
	case "css":
		return (await import("@codemirror/lang-css")).css();
	case "javascript":
		return (await import("@codemirror/lang-javascript")).javascript();
	case "":
		return [];
	}
}

/* Browsers scroll a text that is not edited with these keys only now and then. */
const go = (to: (v: EditorView) => number) => (v: EditorView) => {
	v.dispatch({ selection: { anchor: to(v) }, scrollIntoView: true });
	return true;
};
const edges = keymap.of([
	{ key: "Mod-Home", run: go(() => 0) },
	{ key: "Mod-End", run: go((v) => v.state.doc.length) },
]);

/* What all read-only texts have. */
export const reading = (label: string): Extension => [
	EditorState.readOnly.of(true),
	EditorView.editable.of(false),
	EditorView.contentAttributes.of({ tabindex: "0", role: "textbox", "aria-label": label, "aria-readonly": "true", "aria-multiline": "true" }),
	EditorView.lineWrapping,
	lineNumbers(),
	highlightSpecialChars(),
	search({ top: true }),
	keymap.of(searchKeymap),
	edges,
	syntaxHighlighting(colours),
	theme,
];

/* Keys that scroll belong to what has the focus; the page would move its list. */
export function keepKeys(host: HTMLElement): () => void {
	const own = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " "]);
	const onKey = (e: KeyboardEvent) => {
		if (own.has(e.key) && !e.ctrlKey && !e.metaKey) e.stopPropagation();
	};
	host.addEventListener("keydown", onKey);
	return () => host.removeEventListener("keydown", onKey);
}

export const shadowOf = (host: HTMLElement): ShadowRoot => host.shadowRoot ?? host.attachShadow({ mode: "open" });

export async function mountEditor(host: HTMLElement, text: string, l: Language, label: string): Promise<Editor> {
	const lang = await language(l);
	const root = shadowOf(host);
	const view = new EditorView({
		root,
		parent: root,
		state: EditorState.create({
			doc: text,
			extensions: [reading(label), codeFolding(), foldGutter({ openText: "▾", closedText: "▸" }), bracketMatching(), highlightSelectionMatches(), keymap.of(foldKeymap), lang],
		}),
	});
	const keys = keepKeys(host);
	return {
		view,
		find: () => void openSearchPanel(view),
		destroy() {
			keys();
			view.destroy();
		},
	};
}
