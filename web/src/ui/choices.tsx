// SPDX-License-Identifier: Apache-2.0
// What may be typed next, below the filter box.
import { signal } from "@preact/signals";
import type { Choice } from "../model/api";
import { count, oneLine } from "../model/format";
import { check } from "../session";

export const choices = signal<Choice[]>([]);
export const listed = signal(false);
export const active = signal(-1); /* -1: none, Enter applies what is typed */

export function nextChoice(by: 1 | -1): void {
	const n = choices.peek().length;
	active.value = ((active.peek() + 1 + by + n + 1) % (n + 1)) - 1;
	requestAnimationFrame(() => document.getElementById(`choice-${active.peek()}`)?.scrollIntoView({ block: "nearest" }));
}

export function Choices({ take }: { take: (c: Choice) => void }) {
	if (!listed.value) return null;
	return (
		<ul id="filter-choices" class="choices" role="listbox" aria-label="What may be typed here">
			{/* The line with the error is below this list; it is read aloud from there. */}
			{check.value.error && (
				<li class="choice-error" aria-hidden="true">
					{check.value.error.text}
				</li>
			)}
			{choices.value.map((c, i) => (
				<li
					key={`${c.kind}${c.text}${i}`}
					id={`choice-${i}`}
					role="option"
					aria-selected={i === active.value}
					onPointerDown={(e) => {
						e.preventDefault(); /* the box keeps the focus */
						take(c);
					}}
				>
					<code>{oneLine(c.label, 120)}</code>
					{c.help && <span class="muted">{oneLine(c.help, 120)}</span>}
					{c.count !== undefined && <span class="num muted">{count(c.count)}</span>}
				</li>
			))}
		</ul>
	);
}
