// SPDX-License-Identifier: Apache-2.0
// Text with search and folding; its code comes with the first text.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, api } from "../model/api";
import type { Flow } from "../model/api";
import { Icon } from "./icons";
import type { Editor, Language } from "./editor";

const MAX = 4 << 20;

interface Props {
	f: Flow;
	side: "req" | "resp";
	text: string;
	language: Language;
	formats: boolean; /* the hub can indent it */
	label: string;
	find: boolean; /* open the search at once */
}

/* Whether JSON is indented, as it was chosen last. */
let indents = true;

export function EditorPane({ f, side, text, language, formats, label, find }: Props) {
	const host = useRef<HTMLDivElement>(null);
	const editor = useRef<Editor | null>(null);
	const [indented, setIndented] = useState(indents);
	const [pretty, setPretty] = useState<string | null>(null);
	const [error, setError] = useState("");
	const wants = formats && indented;
	useEffect(() => {
		if (!wants || pretty !== null) return;
		const call = new AbortController();
		api.bodyText(f.id, side, "pretty", MAX, call.signal).then(setPretty, (e: unknown) => !call.signal.aborted && setError(e instanceof ApiError ? e.message : String(e)));
		return () => call.abort();
	}, [wants, text]);
	const shown = wants ? pretty : text;
	useEffect(() => {
		if (shown === null) return;
		let here = true;
		const had = editor.current;
		import("./editor")
			.then(async (m) => {
				const e = await m.mountEditor(host.current!, shown, language, label);
				if (!here) return e.destroy();
				had?.destroy();
				editor.current = e;
				if (find) e.find();
			})
			.catch(() => here && setError("The text could not be shown: the hub did not answer."));
		return () => {
			here = false;
		};
	}, [shown, language]);
	useEffect(() => () => editor.current?.destroy(), []);
	useEffect(() => {
		if (find) editor.current?.find();
	}, [find]);
	const onKey = (e: KeyboardEvent) => {
		if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "f" && !e.defaultPrevented) {
			e.preventDefault();
			e.stopPropagation();
			editor.current?.find();
		}
	};
	return (
		<div class="editor" onKeyDown={onKey}>
			<div class="editor-bar">
				{formats && (
					<label class="check">
						<input
							type="checkbox"
							checked={indented}
							onChange={(e) => {
								indents = e.currentTarget.checked;
								setIndented(indents);
							}}
						/>
						Indented
					</label>
				)}
				<span class="grow">{error && <span role="alert">{error}</span>}</span>
				<button class="bare" title="Search in the text (Ctrl+F)" aria-label="Search in the text" onClick={() => editor.current?.find()}>
					<Icon name="search" />
				</button>
			</div>
			<div ref={host} class="lines text" />
		</div>
	);
}
