// SPDX-License-Identifier: Apache-2.0
// Bodies that are forms or GraphQL, read for people.
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Flow } from "../model/api";
import { toBytes, toText } from "../model/body";
import type { Content, Mode } from "../model/body";
import { parseForm } from "../model/form";
import type { FormField } from "../model/form";
import { oneLine, size } from "../model/format";
import { formatQuery, graphqlOf } from "../model/graphql";
import type { GraphqlOperation } from "../model/graphql";
import { parseJson } from "../model/jsontree";
import { mountText, mountTree } from "./body-views";
import { copyText } from "./clipboard";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import css from "../style/lazy/body-forms.css";

adopt(css);

interface Props {
	f: Flow;
	mode: Mode;
	type: string;
	content: Content;
	cut: boolean;
	label: string;
	other: () => void;
}

const VALUE_MAX = 2000;

function Value({ f }: { f: FormField }) {
	if (f.file !== undefined)
		return (
			<>
				<Icon name="download" /> {oneLine(f.file || "(no name)", 200)} <span class="muted">{size(f.bytes)}{f.type ? `, ${oneLine(f.type, 60)}` : ""}</span>
			</>
		);
	return f.value === "" ? <span class="muted">empty</span> : <>{oneLine(f.value, VALUE_MAX)}</>;
}

function FormView({ type, content, cut, label }: Props) {
	const form = useMemo(() => parseForm(type, toBytes(content)), [type, content]);
	if (!form) return <p class="empty muted">The form cannot be read: its media type names no boundary.</p>;
	return (
		<div class="side-scroll form-view" tabIndex={0} role="region" aria-label={label}>
			<table class="form-fields">
				<thead>
					<tr>
						<th scope="col">Name</th>
						<th scope="col">Value</th>
						<td />
					</tr>
				</thead>
				<tbody>
					{form.fields.map((f) => (
						<tr>
							<th scope="row">{oneLine(f.name, 300)}</th>
							<td>
								<Value f={f} />
							</td>
							<td>
								{f.file === undefined && f.value !== "" && (
									<button class="bare" title="Copy the value" aria-label={`Copy ${oneLine(f.name, 60)}`} onClick={() => void copyText(f.value, "Value")}>
										<Icon name="copy" />
									</button>
								)}
							</td>
						</tr>
					))}
				</tbody>
			</table>
			{!form.fields.length && <p class="empty muted">A form without fields.</p>}
			{form.left > 0 && <p class="body-note">{form.left} more fields are not shown here; the text has them.</p>}
			{form.broken && (
				<p class="body-note">
					<Icon name="warn" /> {cut ? "The rest was not kept." : "It ends in the middle of a part."}
				</p>
			)}
		</div>
	);
}

function Text({ text, label }: { text: string; label: string }) {
	const host = useRef<HTMLDivElement>(null);
	useEffect(() => {
		const m = mountText(host.current!, text);
		return () => {
			m.destroy();
			host.current?.replaceChildren();
		};
	}, [text]);
	return <div ref={host} class="lines text" tabIndex={0} role="region" aria-label={label} />;
}

function Tree({ value, label }: { value: unknown; label: string }) {
	const host = useRef<HTMLDivElement>(null);
	useEffect(() => {
		const m = mountTree(host.current!, parseJson(JSON.stringify(value)));
		return () => {
			m.destroy();
			host.current?.replaceChildren();
		};
	}, [value]);
	return <div ref={host} class="lines tree" tabIndex={0} role="tree" aria-label={label} />;
}

function Operation({ o, label }: { o: GraphqlOperation; label: string }) {
	const query = useMemo(() => formatQuery(o.query), [o.query]);
	const hasVariables = o.variables !== undefined && JSON.stringify(o.variables) !== "{}";
	return (
		<section class="graphql" aria-label={`${o.kind} ${o.name}`}>
			<header class="graphql-head">
				<span class="chip">{o.kind}</span> <b>{oneLine(o.name || "without a name", 200)}</b>
				<span class="grow" />
				{o.query && (
					<button class="bare" title="Copy the document" aria-label="Copy the document" onClick={() => void copyText(query, "Document")}>
						<Icon name="copy" />
					</button>
				)}
			</header>
			{o.hash && <p class="body-note">A persisted query: only its hash was sent, {oneLine(o.hash, 80)}.</p>}
			{o.query && <Text text={query} label={`${label}: document`} />}
			{hasVariables && (
				<>
					<h4>Variables</h4>
					<Tree value={o.variables} label={`${label}: variables`} />
				</>
			)}
		</section>
	);
}

function Graphql({ f, type, content, cut, label, other }: Props) {
	const all = useMemo(() => graphqlOf(f.request?.target ?? "", type, toText(content, type)), [content]);
	if (!all.length)
		return (
			<p class="empty muted">
				{cut ? "Only a part of the body is here: it cannot be read as GraphQL." : "This is JSON, but no GraphQL operation."}{" "}
				<button class="btn small" onClick={other}>
					Show it as it is
				</button>
			</p>
		);
	return (
		<div class="graphql-all">
			{all.slice(0, 50).map((o) => (
				<Operation o={o} label={label} />
			))}
			{all.length > 50 && <p class="body-note">{all.length - 50} more operations of this batch are not shown here; the tree has them.</p>}
		</div>
	);
}

export default function BodyForms(p: Props) {
	return p.mode === "form" ? <FormView {...p} /> : <Graphql {...p} />;
}
