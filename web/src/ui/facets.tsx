// SPDX-License-Identifier: Apache-2.0
// How many rows are of which kind; a click shows only these.  Each is a part of the filter and nothing else.
import { count, oneLine, protoName } from "../model/format";
import { add, has, without } from "../model/terms";
import { total } from "../session";
import { saved } from "../state/saved";
import { tally } from "../state/tally";
import { draft, setFilterText } from "./filter-box";
import { Icon } from "./icons";
import { savedOpen } from "./row-menu-open";

function Facet({ label, n, term, title }: { label: string; n: number; term: string; title: string }) {
	const on = has(draft.value, term);
	if (!n && !on) return null;
	return (
		<button class="facet" aria-pressed={on} title={title} onClick={() => setFilterText(on ? without(draft.peek(), term) : add(draft.peek(), term))}>
			{label} <span class="num">{count(n)}</span>
		</button>
	);
}

export function Facets() {
	const t = tally.value;
	if (!t || !total.value) return null;
	const protos = Object.entries(t.protos).sort(([a], [b]) => (protoName(a) < protoName(b) ? -1 : 1));
	return (
		<div class="facets" role="toolbar" aria-label="Kinds of flows">
			<button class="facet" aria-pressed={draft.value.trim() === ""} title="Show everything" onClick={() => setFilterText("")}>
				All <span class="num">{count(total.value)}</span>
			</button>
			<Facet label="Errors" n={t.error} term="is:error" title="What its protocol calls an error, or was broken off" />
			<Facet label="Slow" n={t.slow} term="is:slow" title="Took a second or more" />
			<Facet label="Open" n={t.pending} term="is:pending" title="Not finished yet" />
			<span class="rule" aria-hidden="true" />
			{protos.map(([p, n]) => (
				<Facet key={p} label={oneLine(protoName(p), 20)} n={n} term={`proto:${p}`} title={`Only ${oneLine(protoName(p), 20)}`} />
			))}
			{t.marked + t.noted + t.pinned > 0 && <span class="rule" aria-hidden="true" />}
			<Facet label="Marked" n={t.marked} term="is:marked" title="Somebody gave it a colour" />
			<Facet label="Noted" n={t.noted} term="is:noted" title="Somebody wrote a note" />
			<Facet label="Pinned" n={t.pinned} term="is:pinned" title="Evicted last" />
			<span class="rule" aria-hidden="true" />
			{saved.value.slice(0, 12).map((s) => (
				<button key={s.name} class="facet saved" aria-pressed={draft.value.trim() === s.filter.trim()} title={oneLine(s.filter)} onClick={() => setFilterText(s.filter)}>
					{oneLine(s.name, 30)}
				</button>
			))}
			<button class="facet" id="saved-button" title="Save this filter, or use a saved one" onClick={() => (savedOpen.value = true)}>
				<Icon name="plus" /> Save
			</button>
		</div>
	);
}
