// SPDX-License-Identifier: Apache-2.0
// The open flow beside the one it is compared with.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, api } from "../model/api";
import type { Flow } from "../model/api";
import { linesOf } from "../model/compare";
import { oneLine } from "../model/format";
import { chooseForCompare, compareWith, titleOf } from "../state/compare";
import { mountDiff } from "./diff-view";
import { adopt } from "./lazy";
import css from "../style/lazy/compare.css";

adopt(css);

let only = false;

export default function Compare({ f }: { f: Flow }) {
	const host = useRef<HTMLDivElement>(null);
	const [onlyChanges, setOnly] = useState(only);
	const [other, setOther] = useState<Flow | null>(null);
	const [error, setError] = useState("");
	const [changes, setChanges] = useState(-1);
	const base = compareWith.value;
	useEffect(() => {
		if (!base) return;
		const call = new AbortController();
		setError("");
		api.flow(base.id, call.signal).then(setOther, (e: unknown) => {
			if (!call.signal.aborted) setError(e instanceof ApiError && e.status === 404 ? "The flow that was chosen first is not kept any more." : String(e instanceof Error ? e.message : e));
		});
		return () => call.abort();
	}, [base?.id]);
	useEffect(() => {
		if (!other) return;
		const d = mountDiff(host.current!, linesOf(other), linesOf(f), [`Chosen first: ${titleOf(other)}`, `Open: ${titleOf(f)}`], onlyChanges);
		setChanges(d.changes);
		return () => d.destroy();
	}, [other, f, onlyChanges]);
	if (!base) return null;
	return (
		<div class="compare">
			<div class="compare-head">
				<p title={oneLine(base.title)}>
					<span class="muted">Chosen first</span> {oneLine(base.title)}
				</p>
				<p title={titleOf(f)}>
					<span class="muted">Open</span> {titleOf(f)}
				</p>
			</div>
			<div class="compare-bar">
				<span role="status">{error || (changes < 0 ? "Comparing…" : changes === 0 ? "No difference in head and body" : `${changes} ${changes === 1 ? "difference" : "differences"}`)}</span>
				<span class="grow" />
				<label class="check">
					<input type="checkbox" checked={onlyChanges} onChange={(e) => setOnly((only = e.currentTarget.checked))} /> Only what differs
				</label>
				<button class="btn small" onClick={() => chooseForCompare(f)}>
					Compare others with the open one
				</button>
			</div>
			<div ref={host} class="compare-text" />
		</div>
	);
}
