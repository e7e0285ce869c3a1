// SPDX-License-Identifier: Apache-2.0
// The one line of text that decides what is on screen.  The hub judges it: a text that is not valid
// changes nothing but the message below it.
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { ApiError, api } from "../model/api";
import { utf16Offset } from "../model/format";
import { applyFilter, check, filter, go, page } from "../session";
import { Icon } from "./icons";

const DELAY_MS = 120;

/* What is in the box, which may be ahead of what is in force. */
export const draft = signal(filter.peek());
let box: HTMLInputElement | null = null;
let timer = 0;
let call: AbortController | null = null;

async function judge(text: string): Promise<void> {
	call?.abort();
	const mine = new AbortController();
	call = mine;
	if (text.trim() === "") {
		check.value = { ok: true, sentence: "" };
		return applyFilter("");
	}
	try {
		const r = await api.check(text, mine.signal);
		if (mine.signal.aborted) return;
		check.value = r;
		if (r.ok) applyFilter(text);
	} catch (e) {
		if (mine.signal.aborted) return;
		const why = e instanceof ApiError ? e.message : String(e);
		check.value = { ok: false, error: { at: 0, len: 0, text: why } };
	}
}

/* From elsewhere than the keyboard in the box: a counter, a header's "+", the address bar. */
export function setFilterText(text: string): void {
	clearTimeout(timer);
	draft.value = text;
	if (box) box.value = text;
	void judge(text);
}

export function addToFilter(term: string): void {
	const now = draft.peek().trim();
	setFilterText(now ? `${now} ${term}` : term);
}

/* A value as the filter language wants it in quotes. */
export const quoted = (s: string): string => `"${s.replace(/[\\"]/g, "\\$&")}"`;

export function focusFilter(): void {
	box?.focus();
	box?.select();
}

export function FilterBox() {
	const input = useRef<HTMLInputElement>(null);
	const mirror = useRef<HTMLDivElement>(null);
	useEffect(() => {
		box = input.current;
		box!.value = draft.peek();
		if (draft.peek()) void judge(draft.peek());
		/* The address bar or a click elsewhere changed what is in force. */
		return filter.subscribe((f) => {
			if (document.activeElement === box || check.peek().ok === false) return;
			draft.value = f;
			if (box) box.value = f;
		});
	}, []);

	const onInput = (e: Event) => {
		const text = (e.target as HTMLInputElement).value;
		draft.value = text;
		clearTimeout(timer);
		timer = window.setTimeout(() => void judge(text), DELAY_MS);
	};
	const onKey = (e: KeyboardEvent) => {
		if (e.key !== "Enter" && e.key !== "Escape") return;
		e.preventDefault();
		e.stopPropagation();
		if (e.key === "Enter") {
			clearTimeout(timer);
			void judge(draft.peek());
			if (page.peek() === "health") go("flows"); /* the other pages show what the filter leaves, too */
		}
		const grid = document.getElementById("grid");
		if (grid) grid.focus(); /* at once: the next key may already be on its way */
		else requestAnimationFrame(() => document.getElementById("grid")?.focus()); /* another page was shown */
	};
	const syncScroll = () => {
		if (mirror.current && input.current) mirror.current.scrollLeft = input.current.scrollLeft;
	};

	const bad = !check.value.ok;
	return (
		<div class={`filter ${bad ? "bad" : ""} ${draft.value ? "set" : ""}`} role="search">
			<Icon name="search" />
			<div class="filter-field">
				<Underline mirror={mirror} />
				<input
					ref={input}
					id="filter"
					type="text"
					placeholder="Filter: status:5xx, method:POST, path:/orders …"
					aria-label="Filter"
					aria-describedby="filter-line"
					aria-invalid={bad}
					autocomplete="off"
					autocorrect="off"
					autocapitalize="off"
					spellcheck={false}
					onInput={onInput}
					onKeyDown={onKey}
					onScroll={syncScroll}
					onKeyUp={syncScroll}
				/>
			</div>
			{draft.value ? (
				<button class="bare" title="Clear the filter (Esc in the list)" aria-label="Clear the filter" onClick={() => setFilterText("")}>
					<Icon name="close" />
				</button>
			) : (
				<kbd>/</kbd>
			)}
		</div>
	);
}

/* The text once more, invisible, below the input: it carries the wavy line under the faulty part. */
function Underline({ mirror }: { mirror: { current: HTMLDivElement | null } }) {
	const text = draft.value;
	const e = check.value.error;
	if (check.value.ok || !e) return <div ref={mirror} class="filter-mirror" aria-hidden="true" />;
	const a = utf16Offset(text, e.at);
	const b = Math.max(a + 1, utf16Offset(text, e.at + Math.max(1, e.len)));
	return (
		<div ref={mirror} class="filter-mirror" aria-hidden="true">
			{text.slice(0, a)}
			<mark>{text.slice(a, b) || " "}</mark>
			{text.slice(b)}
		</div>
	);
}
