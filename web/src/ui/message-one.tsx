// SPDX-License-Identifier: Apache-2.0
// One message: as fields, a tree, text or bytes; and two of them beside each other.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Body, Message } from "../model/api";
import { bodyLine, count, oneLine, size } from "../model/format";
import { parseJson } from "../model/jsontree";
import { messageBytes, messageText } from "../model/talk-api";
import { CONTROL, closeName } from "../model/talk-text";
import { mountTree } from "./body-views";
import type { Mounted } from "./body-views";
import { Icon } from "./icons";
import { WireView } from "./message-wire";

const BODY_MAX = 256 << 10;
const DIFF_MAX = 1 << 20;

/* How a message's type is known and changed; absent where messages are no protobuf. */
export interface TypeChoice {
	of: (m: Message) => string | undefined; /* undefined: as the agent read it */
}

type Form = "fields" | "pretty" | "tree" | "decoded" | "wire" | "hex";
const LABEL: Record<Form, string> = { fields: "Fields", pretty: "Laid out", tree: "Tree", decoded: "As sent", wire: "Wire", hex: "Hex" };
/* The way of looking chosen last, for messages that can be looked at in the same ways. */
const last = new Map<string, Form>();

const looksJson = (b: Body): boolean => b.text !== undefined && /^\s*[[{]/.test(b.text);

function formsOf(b: Body, protobuf: boolean): Form[] {
	/* Bytes of protobuf may look like the beginning of JSON. */
	if (protobuf) return /json/.test(b.type ?? "") ? ["pretty", "tree", "decoded", "hex"] : ["fields", "wire", "hex"];
	if (b.decoded !== undefined) return ["fields", "tree", "hex"];
	if (b.text === undefined) return ["hex"];
	return looksJson(b) ? ["pretty", "tree", "decoded", "hex"] : ["decoded", "hex"];
}

const attrText = (v: string | string[]): string => oneLine(Array.isArray(v) ? v.join(", ") : v, 200);

interface Props {
	id: string;
	m: Message;
	types?: TypeChoice | undefined;
	picked: Message | null;
	before: () => Message | null;
	onCompare: (other: Message | null) => void;
	onClose: () => void;
}

export function MessageBody({ id, m, types, picked, before, onCompare, onClose }: Props) {
	const b = m.body;
	const forms = b ? formsOf(b, !!types) : [];
	const kind = forms.join();
	const [, redraw] = useState(0);
	const form = last.get(kind) ?? forms[0];
	const type = types?.of(m);
	const like = before();
	return (
		<section class="msg-body" aria-label={m.seq > 0 ? `Message ${m.seq}` : "Message"}>
			<header class="side-head">
				<h3>
					{m.dir === "c2s" ? "↑" : "↓"} {oneLine(m.op ?? "message", 40)}
				</h3>
				<span class="side-sum">
					{m.seq > 0 ? `message ${count(m.seq)}, ` : ""}
					{b ? size(b.len) : "empty"}
					{b?.encoding ? ` as ${oneLine(b.encoding, 30)}, compressed` : ""}
				</span>
				{m.op && Object.hasOwn(CONTROL, m.op) && <span class="side-sum muted">control frame, opcode {CONTROL[m.op]}</span>}
				{Object.entries(m.attrs ?? {}).map(([k, v]) => (
					<span class="side-sum">
						{oneLine(k, 40)}: {attrText(v)}
						{k === "code" && m.op === "close" && m.attrs?.name === undefined ? ` ${closeName(attrText(v))}` : ""}
					</span>
				))}
				{m.flags?.map((x) => <span class="side-sum warn">{oneLine(x.replace(/_/g, " "), 40)}</span>)}
				<span class="grow" />
				{forms.length > 1 && (
					<fieldset class="segments small">
						<legend class="sr">Message as</legend>
						{forms.map((x) => (
							<label class={form === x ? "on" : ""}>
								<input
									type="radio"
									name="message-as"
									checked={form === x}
									onChange={() => {
										last.set(kind, x);
										redraw((n) => n + 1);
									}}
								/>
								{LABEL[x]}
							</label>
						))}
					</fieldset>
				)}
				<button class="btn tiny" disabled={!like} title="What differs from the message before it of this kind and direction" onClick={() => like && onCompare(like)}>
					Compare with previous
				</button>
				<button class="btn tiny" aria-pressed={picked?.seq === m.seq} title="d: the first time chooses a message, the second time compares with it" onClick={() => onCompare(null)}>
					{picked && picked.seq !== m.seq ? `Compare with ${count(picked.seq)}` : "Choose for comparing"}
				</button>
				<button class="bare" title="Close" aria-label="Close the message" onClick={onClose}>
					<Icon name="close" />
				</button>
			</header>
			{b && form && <Content key={`${id} ${m.seq} ${form} ${type}`} id={id} m={m} form={form} type={type} />}
		</section>
	);
}

function Content({ id, m, form, type }: { id: string; m: Message; form: Form; type: string | undefined }) {
	const [text, setText] = useState("…");
	const [bytes, setBytes] = useState<Uint8Array | null>(null);
	const host = useRef<HTMLDivElement>(null);
	const inBytes = form === "wire";
	useEffect(() => {
		const call = new AbortController();
		const failed = (e: unknown) => !call.signal.aborted && setText(e instanceof Error ? e.message : String(e));
		if (inBytes) messageBytes(id, m.seq, BODY_MAX, call.signal).then(setBytes, failed);
		else {
			const json = form === "fields" || (form === "tree" && m.body!.decoded !== undefined) ? "shown" : form === "tree" ? "decoded" : form;
			messageText(id, m.seq, json as "shown", BODY_MAX, call.signal, json === "shown" ? (type ?? (m.body!.decoded === undefined ? "" : undefined)) : undefined).then(setText, failed);
		}
		return () => call.abort();
	}, []);
	useEffect(() => {
		let shown: Mounted | null = null;
		const el = host.current;
		if (el && form === "tree" && text !== "…") shown = mountTree(el, parseJson(text));
		return () => {
			shown?.destroy();
			el?.replaceChildren();
		};
	}, [text]);
	if (form === "wire") return bytes ? <WireView bytes={bytes} type={type ?? m.op ?? ""} cut={m.body!.captured > BODY_MAX || m.body!.captured < m.body!.len} /> : <p class="empty muted">{text}</p>;
	if (form === "tree") return <div ref={host} class="lines tree" tabIndex={0} role="tree" aria-label="Message" />;
	return <pre tabIndex={0}>{text.split("\n").map(bodyLine).join("\n")}</pre>;
}

/* As text, the way that lines can be compared. */
async function comparable(id: string, m: Message, types: TypeChoice | undefined, signal: AbortSignal): Promise<string> {
	const b = m.body;
	if (!b || !b.captured) return "";
	const form = formsOf(b, !!types)[0]!;
	const type = types?.of(m);
	if (form === "fields") return messageText(id, m.seq, "shown", DIFF_MAX, signal, type ?? (b.decoded === undefined ? "" : undefined));
	return messageText(id, m.seq, form === "hex" || form === "pretty" ? form : "decoded", DIFF_MAX, signal);
}

const titleOf = (m: Message): string => `${m.dir === "c2s" ? "↑" : "↓"} ${m.seq > 0 ? `message ${count(m.seq)}` : oneLine(m.op ?? "message", 40)}`;

export function TalkDiff({ id, two, types, onClose }: { id: string; two: [Message, Message]; types?: TypeChoice | undefined; onClose: () => void }) {
	const host = useRef<HTMLDivElement>(null);
	const [told, setTold] = useState("Comparing…");
	const titles: [string, string] = [titleOf(two[0]), titleOf(two[1])];
	useEffect(() => {
		const call = new AbortController();
		let shown: { destroy(): void } | null = null;
		Promise.all([comparable(id, two[0], types, call.signal), comparable(id, two[1], types, call.signal), import("./diff-view")]).then(
			([a, b, { mountDiff }]) => {
				if (call.signal.aborted || !host.current) return;
				const d = mountDiff(host.current, a, b, titles, false);
				shown = d;
				setTold(d.changes === 0 ? "No difference" : `${d.changes} ${d.changes === 1 ? "difference" : "differences"}`);
			},
			(e: unknown) => !call.signal.aborted && setTold(e instanceof Error ? e.message : String(e)),
		);
		return () => {
			call.abort();
			shown?.destroy();
		};
	}, [id, two[0].seq, two[1].seq]);
	return (
		<section class="msg-body" aria-label="Two messages compared">
			<header class="side-head">
				<h3>
					{titles[0]} and {titles[1]}
				</h3>
				<span class="side-sum" role="status">
					{told}
				</span>
				<span class="grow" />
				<button class="btn tiny" onClick={onClose}>
					Close
				</button>
			</header>
			<div ref={host} class="compare-text" />
		</section>
	);
}

export function JoinedText({ text }: { text: string }) {
	return (
		<section class="msg-body" aria-label="What the server said, put together">
			<pre tabIndex={0}>{text.split("\n").map(bodyLine).join("\n")}</pre>
		</section>
	);
}
