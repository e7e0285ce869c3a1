// SPDX-License-Identifier: Apache-2.0
// A message of protobuf as its wire format says it, with names where its type is known.
import { useEffect, useState } from "preact/hooks";
import { count, oneLine } from "../model/format";
import { FIELDS_MAX, wireFields } from "../model/protobuf";
import type { Schema, WireField } from "../model/protobuf";
import { typeFields } from "../model/talk-api";

const SHOWN = 500;
const TYPES_MAX = 60;

/* The fields of a type and of those inside it, as far as the hub knows them. */
async function schemasOf(type: string, signal: AbortSignal): Promise<Map<string, Schema>> {
	const all = new Map<string, Schema>();
	const wait = [type];
	while (wait.length && all.size < TYPES_MAX) {
		const name = wait.pop()!;
		if (all.has(name)) continue;
		try {
			const t = await typeFields(name, signal);
			all.set(name, new Map(t.fields.map((x) => [x.number, x])));
			for (const x of t.fields) if (x.of) wait.push(x.of);
		} catch {
			if (signal.aborted) break;
			all.set(name, new Map());
		}
	}
	return all;
}

export function WireView({ bytes, type, cut }: { bytes: Uint8Array; type: string; cut: boolean }) {
	const [types, setTypes] = useState<Map<string, Schema>>(new Map());
	useEffect(() => {
		const call = new AbortController();
		setTypes(new Map());
		if (/^[\w.]+\.\w+$/.test(type) || (type && type !== "message")) void schemasOf(type, call.signal).then((t) => !call.signal.aborted && setTypes(t));
		return () => call.abort();
	}, [type]);
	const list: WireField[] = wireFields(bytes, type, (t) => types.get(t));
	const named = list.some((x) => x.name);
	return (
		<div class="wire" tabIndex={0} role="region" aria-label="Fields as sent">
			{!list.length && <p class="empty muted">An empty message: no field is set.</p>}
			{list.length > 0 && (
				<table class="wire-table">
					<thead>
						<tr>
							<th>Field</th>
							{named && <th>Name</th>}
							<th>Wire type</th>
							<th>{named ? "Value" : "Likely value"}</th>
							<th>May also be</th>
						</tr>
					</thead>
					<tbody>
						{list.slice(0, SHOWN).map((x) => (
							<tr title={`${count(x.len)} bytes, at byte ${count(x.at)}`}>
								<td class="num">
									<span class="wire-depth" style={{ "--depth": String(x.depth) }} />
									{x.number || "–"}
								</td>
								{named && <td class="wire-name">{oneLine(x.name, 80)}</td>}
								<td class="muted">{x.wire === "rest" ? "not a field" : x.wire}</td>
								<td class="wire-value">{oneLine(x.value, 600)}</td>
								<td class="muted">{oneLine(x.other, 300)}</td>
							</tr>
						))}
					</tbody>
				</table>
			)}
			{list.length > SHOWN && (
				<p class="muted note">
					The first {count(SHOWN)} of {list.length >= FIELDS_MAX ? `more than ${count(FIELDS_MAX)}` : count(list.length)} fields.
				</p>
			)}
			{cut && <p class="muted note">Only the beginning of the message is here.</p>}
		</div>
	);
}
