// SPDX-License-Identifier: Apache-2.0
// The one line of text that decides what is on screen.  The hub judges it: a text that is not valid
// changes nothing but the message below it.
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { ApiError, api } from "../model/api";
import type { Choice } from "../model/api";
import { choose, utf8Length } from "../model/complete";
import { utf16Offset } from "../model/format";
import { add } from "../model/terms";
import { applyFilter, check, filter, go, page, routeReads } from "../session";
import { history, remember, saved } from "../state/saved";
import { presenting, showable } from "../state/screen";
import { Choices, active, choices, listed, nextChoice } from "./choices";
import { Icon } from "./icons";

const DELAY_MS = 120;

/* What is in the box, which may be ahead of what is in force. */
export const draft = signal(filter.peek());
let box: HTMLInputElement | null = null;
let timer = 0;
let call: AbortController | null = null;

/* cursor: then what may be typed there is offered. */
async function judge(text: string, cursor = -1): Promise<void> {
	call?.abort();
	const mine = new AbortController();
	call = mine;
	if (text.trim() === "") {
		listed.value = false;
		check.value = { ok: true, sentence: "" };
		return applyFilter("");
	}
	try {
		const r = await api.check(text, mine.signal, cursor < 0 ? -1 : utf8Length(text.slice(0, cursor)));
		if (mine.signal.aborted) return;
		check.value = r;
		if (cursor >= 0 && document.activeElement === box) offer(text, r.complete ?? []);
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

function offer(text: string, list: Choice[]): void {
	/* What is there already needs no offering. */
	choices.value = list.filter((c) => showable(choose(text, c).text) && showable(c.help ?? "")).filter((c) => c.kind === "key" || text.slice(utf16Offset(text, c.at), utf16Offset(text, c.at + c.len)) !== c.text);
	active.value = -1;
	listed.value = choices.value.length > 0;
}

/* What was typed before, and what has a name. */
function offerHistory(): void {
	const now = draft.peek();
	const whole = (text: string, label: string, help: string): Choice => ({ at: 0, len: utf8Length(now), kind: "value", text, label, help });
	offer("", [...saved.peek().map((s) => whole(s.filter, s.name, s.filter)), ...history().map((h) => whole(h, h, "typed before"))]);
}

function take(c: Choice): void {
	const { text, cursor } = choose(draft.peek(), c);
	listed.value = false;
	draft.value = text;
	box!.value = text;
	box!.focus();
	box!.setSelectionRange(cursor, cursor);
	void judge(text, cursor);
}

export const addToFilter = (term: string): void => setFilterText(add(draft.peek(), term));

export { quoted } from "../model/terms";

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
		const down = filter.subscribe((f) => {
			if (document.activeElement === box || check.peek().ok === false) return;
			draft.value = f;
			if (box) box.value = f;
		});
		const off = routeReads.subscribe((n) => n && setFilterText(filter.peek()));
		return () => (down(), off());
	}, []);

	const onInput = (e: Event) => {
		const t = e.target as HTMLInputElement;
		draft.value = t.value;
		clearTimeout(timer);
		timer = window.setTimeout(() => void judge(t.value, t.selectionStart ?? -1), DELAY_MS);
	};
	const onKey = (e: KeyboardEvent) => {
		const open = listed.peek();
		if ((e.key === "ArrowDown" || e.key === "ArrowUp") && !e.altKey) {
			e.preventDefault();
			if (open) nextChoice(e.key === "ArrowDown" ? 1 : -1);
			else if (e.key === "ArrowDown" && draft.peek().trim() === "") offerHistory();
			else if (e.key === "ArrowDown") void judge(draft.peek(), box!.selectionStart ?? -1);
			else offerHistory();
			return;
		}
		const chosen = choices.peek()[open ? (e.key === "Tab" ? Math.max(0, active.peek()) : active.peek()) : -1];
		if ((e.key === "Tab" && !e.shiftKey && open) || (e.key === "Enter" && chosen)) {
			e.preventDefault();
			e.stopPropagation();
			if (chosen) take(chosen);
			return;
		}
		if (e.key !== "Enter" && e.key !== "Escape") return;
		e.preventDefault();
		e.stopPropagation();
		listed.value = false;
		if (e.key === "Enter") {
			clearTimeout(timer);
			remember(draft.peek());
			void judge(draft.peek());
			if (page.peek() === "health") go("flows"); /* the other pages show what the filter leaves, too */
		}
		const grid = document.getElementById("grid");
		if (grid) grid.focus(); /* at once: the next key may already be on its way */
		else requestAnimationFrame(() => document.getElementById("grid")?.focus()); /* another page was shown */
	};
	const onBlur = () => {
		listed.value = false;
		if (check.peek().ok) remember(draft.peek());
	};
	const syncScroll = () => {
		if (mirror.current && input.current) mirror.current.scrollLeft = input.current.scrollLeft;
	};

	const bad = !check.value.ok;
	const veiled = presenting.value && !showable(draft.value);
	return (
		<div class={`filter ${bad ? "bad" : ""} ${draft.value ? "set" : ""} ${veiled ? "veiled" : ""}`} role="search">
			<Icon name="search" />
			<div class="filter-field">
				{!veiled && <Underline mirror={mirror} />}
				<input
					ref={input}
					id="filter"
					type="text"
					placeholder="Filter: status:5xx, method:POST, path:/orders …"
					role="combobox"
					aria-label="Filter"
					aria-expanded={listed.value}
					aria-controls="filter-choices"
					aria-autocomplete="list"
					aria-activedescendant={listed.value && active.value >= 0 ? `choice-${active.value}` : undefined}
					aria-describedby="filter-line"
					aria-invalid={bad}
					autocomplete="off"
					autocorrect="off"
					autocapitalize="off"
					spellcheck={false}
					onInput={onInput}
					onKeyDown={onKey}
					onBlur={onBlur}
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
			<Choices take={take} />
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
