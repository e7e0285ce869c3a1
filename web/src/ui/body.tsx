// SPDX-License-Identifier: Apache-2.0
// A decoded body as a JSON tree, fields (what the hub made of bytes that are no text), text, hex or picture.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError, api } from "../model/api";
import type { Body, Flow } from "../model/api";
import { oneLine, size } from "../model/format";
import { parseJson } from "../model/jsontree";
import { bytesOfBase64 } from "../model/lines";
import { mountHex, mountText, mountTree } from "./body-views";
import type { Mounted } from "./body-views";
import { copyText } from "./clipboard";
import { Icon } from "./icons";

type Mode = "fields" | "tree" | "text" | "hex" | "image";
const LABEL: Record<Mode, string> = { fields: "Fields", tree: "Tree", text: "Text", hex: "Hex", image: "Image" };
/* Shown at once when the hub's answer was cut. */
const MORE = 4 << 20;
/* What a browser draws without running anything. */
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon)\b/i;

interface Content {
	bytes: Uint8Array<ArrayBuffer> | null;
	text: string | null;
}

function contentOf(b: Body | null | undefined): Content {
	if (typeof b?.text === "string") return { bytes: null, text: b.text };
	if (typeof b?.base64 === "string") return { bytes: bytesOfBase64(b.base64), text: null };
	return { bytes: null, text: null };
}

function toText(c: Content, type: string): string {
	if (c.text !== null) return c.text;
	const charset = /charset="?([\w-]+)/i.exec(type)?.[1];
	try {
		return new TextDecoder(charset ?? "utf-8").decode(c.bytes ?? new Uint8Array());
	} catch {
		return new TextDecoder().decode(c.bytes ?? new Uint8Array());
	}
}

const toBytes = (c: Content): Uint8Array<ArrayBuffer> => c.bytes ?? new TextEncoder().encode(c.text ?? "");

const fieldsOf = (b: Body | null | undefined): Content | null => (b?.decoded === undefined ? null : { bytes: null, text: JSON.stringify(b.decoded) });

/* For people: the fields when there are any. */
export function bodyText(b: Body | null | undefined): string {
	const fields = fieldsOf(b);
	if (fields) return toText(fields, "");
	return toText(contentOf(b), b?.type ?? "");
}

function utf8(bytes: Uint8Array<ArrayBuffer>): Content {
	try {
		return { bytes: null, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
	} catch {
		/* Cut in the middle of a character: up to three bytes too many. */
		for (let n = 1; n < 4; n++)
			try {
				return { bytes: null, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, bytes.length - n)) };
			} catch {
				/* one more */
			}
		return { bytes, text: null };
	}
}

function modes(type: string, c: Content, fields: boolean): Mode[] {
	const list: Mode[] = fields ? ["fields"] : [];
	const begins = c.text?.trimStart()[0];
	if (c.text !== null && (/\bjson\b/i.test(type) || begins === "{" || begins === "[")) list.push("tree");
	if (PICTURES.test(type)) list.push("image");
	const binary = c.text === null && !/^text\/|charset=/i.test(type);
	return [...list, ...(binary ? (["hex", "text"] as Mode[]) : (["text", "hex"] as Mode[]))];
}

/* The way of looking that was chosen last, per kind of body. */
const chosen = new Map<string, Mode>();

export function BodyPane({ f, side, title }: { f: Flow; side: "req" | "resp"; title: string }) {
	const half = side === "req" ? f.request : f.response;
	const body = half?.body;
	const type = body?.type ?? "";
	const [more, setMore] = useState<Content | null>(null);
	const [wait, setWait] = useState("");
	const content = useMemo(() => more ?? contentOf(body), [more, body]);
	const fields = useMemo(() => fieldsOf(body), [body]);
	const list = useMemo(() => modes(type, content, !!fields), [type, content, fields]);
	const kind = list.join();
	const [, redraw] = useState(0);
	const mode = chosen.get(kind) ?? list[0]!;
	const choose = (m: Mode) => {
		chosen.set(kind, m);
		redraw((n) => n + 1);
	};

	if (!half || !body || (!body.captured && content.text === null && !content.bytes && !fields))
		return (
			<>
				<header class="side-head">
					<h3>{title}</h3>
				</header>
				<p class="empty muted">{!half ? (side === "req" ? "The request was not seen." : "There is no answer.") : body && body.len > 0 ? `None of the ${size(body.len)} were kept.` : "No body."}</p>
			</>
		);

	const load = async () => {
		setWait("Loading…");
		try {
			setMore(utf8(await api.body(f.id, side, MORE)));
			setWait("");
		} catch (e) {
			setWait(e instanceof ApiError ? e.message : String(e));
		}
	};
	const shown = mode === "fields" && fields ? fields : content;
	const held = content.text !== null ? content.text.length : (content.bytes?.length ?? 0);
	return (
		<>
			<header class="side-head">
				<h3>{title}</h3>
				<span class="side-sum">
					{size(body.len)}
					{body.encoding && body.encoding !== "identity" ? ` as ${oneLine(body.encoding, 30)}` : ""}
				</span>
				<span class="side-sum type">{oneLine(type, 60)}</span>
				<span class="grow" />
				<fieldset class="segments small">
					<legend class="sr">{title} body as</legend>
					{list.map((m) => (
						<label class={mode === m ? "on" : ""}>
							<input type="radio" name={`mode-${side}`} checked={mode === m} onChange={() => choose(m)} />
							{LABEL[m]}
						</label>
					))}
				</fieldset>
				<button class="bare" title="Copy the body" aria-label={`Copy the ${title.toLowerCase()} body`} onClick={() => void copyText(toText(shown, type), "Body")}>
					<Icon name="copy" />
				</button>
				<a class="bare" href={api.bodyPath(f.id, side)} download={`${side === "req" ? "request" : "response"}-${f.id.slice(0, 8)}.bin`} title="Download the decoded body" aria-label={`Download the ${title.toLowerCase()} body`}>
					<Icon name="download" />
				</a>
			</header>
			{body.captured < body.len && (
				<p class="body-note">
					<Icon name="warn" /> Only the first {size(body.captured)} of {size(body.len)} were kept; the limit is set in the container panel.
				</p>
			)}
			{body.cut && !more && (
				<p class="body-note">
					The beginning is shown, {size(held)}.{" "}
					<button class="btn tiny" onClick={() => void load()}>
						Show up to {size(MORE)}
					</button>{" "}
					{wait}
				</p>
			)}
			{more && held >= MORE - 4 && <p class="body-note">The first {size(MORE)} are shown; the download has all of it.</p>}
			{mode === "image" ? <Picture bytes={toBytes(content)} type={type} /> : <Lines key={mode} mode={mode} content={shown} type={mode === "fields" ? "" : type} cut={(body.cut && !more) || body.captured < body.len} label={`${title} body`} />}
		</>
	);
}

function Lines({ mode, content, type, cut, label }: { mode: Mode; content: Content; type: string; cut: boolean; label: string }) {
	const host = useRef<HTMLDivElement>(null);
	const [note, setNote] = useState("");
	useEffect(() => {
		const el = host.current!;
		let m: Mounted;
		setNote("");
		if (mode === "tree" || mode === "fields") {
			const doc = parseJson(toText(content, type));
			m = mountTree(el, doc);
			if (doc.error && !cut) setNote(doc.error.text);
		} else if (mode === "hex") m = mountHex(el, toBytes(content));
		else m = mountText(el, toText(content, type));
		return () => {
			m.destroy();
			el.replaceChildren();
		};
	}, [mode, content]);
	return (
		<>
			{note && (
				<p class="body-note">
					<Icon name="warn" /> Not valid JSON from some point on: {note}
				</p>
			)}
			<div ref={host} class={`lines ${mode === "fields" ? "tree" : mode}`} tabIndex={0} role={mode === "tree" || mode === "fields" ? "tree" : "region"} aria-label={label} />
		</>
	);
}

function Picture({ bytes, type }: { bytes: Uint8Array<ArrayBuffer>; type: string }) {
	const [url, setUrl] = useState("");
	const [text, setText] = useState("");
	useEffect(() => {
		const u = URL.createObjectURL(new Blob([bytes], { type: PICTURES.exec(type)?.[0] ?? "image/png" }));
		setUrl(u);
		return () => URL.revokeObjectURL(u);
	}, [bytes]);
	return (
		<figure class="picture">
			{url && (
				<img
					src={url}
					alt="The body as a picture"
					onLoad={(e) => {
						const i = e.currentTarget as HTMLImageElement;
						setText(`${i.naturalWidth} × ${i.naturalHeight}`);
					}}
					onError={() => setText("The browser cannot show this picture.")}
				/>
			)}
			<figcaption class="muted">{text}</figcaption>
		</figure>
	);
}
