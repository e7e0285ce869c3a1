// SPDX-License-Identifier: Apache-2.0
// Two texts side by side, with what differs between them: CodeMirror's merge view, read-only.
import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { keepKeys, reading, shadowOf } from "./editor";

export interface Diff {
	destroy(): void;
	changes: number;
}

export function mountDiff(host: HTMLElement, a: string, b: string, labels: [string, string], onlyChanges: boolean): Diff {
	const root = shadowOf(host);
	const side = (doc: string, label: string) => ({ doc, extensions: [reading(label), EditorState.tabSize.of(2)] });
	const view = new MergeView({
		a: side(a, labels[0]),
		b: side(b, labels[1]),
		root,
		parent: root,
		gutter: true,
		...(onlyChanges ? { collapseUnchanged: { margin: 3, minSize: 6 } } : {}),
		diffConfig: { scanLimit: 5000, timeout: 1000 },
	});
	/* The editors are as tall as their text: the frame around them scrolls. */
	view.dom.style.height = "100%";
	view.dom.style.overflow = "auto";
	view.dom.tabIndex = -1;
	const keys = keepKeys(host);
	return {
		changes: view.chunks.length,
		destroy() {
			keys();
			view.destroy();
		},
	};
}
