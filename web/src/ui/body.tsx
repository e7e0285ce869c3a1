// SPDX-License-Identifier: Apache-2.0
// A decoded body as a JSON tree, fields (what the hub made of bytes that are no text), text, hex or picture.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError, api, hidden } from "../model/api";
import type { Flow } from "../model/api";
import { MODE_LABEL, PICTURES, contentOf, fieldsOf, isJson, languageOf, modesOf, toBytes, toText, utf8 } from "../model/body";
import type { Content, Mode } from "../model/body";
import { oneLine, size } from "../model/format";
import { parseJson } from "../model/jsontree";
import { mountHex, mountTree } from "./body-views";
import type { Mounted } from "./body-views";
import { copyText } from "./clipboard";
import { Icon } from "./icons";
import { LazyPart } from "./lazy";
import { EditorPane } from "./editor-pane";

/* Shown at once when the hub's answer was cut. */
const MORE = 4 << 20;

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
	const list = useMemo(() => modesOf(f, side, type, content, !!fields), [type, content, fields]);
	const kind = list.join();
	const [, redraw] = useState(0);
	const [finding, setFinding] = useState(false);
	const mode = chosen.get(kind) ?? list[0]!;
	const choose = (m: Mode) => {
		if (m !== "text") setFinding(false);
		chosen.set(kind, m);
		redraw((n) => n + 1);
	};

	if (!half || !body || (!body.captured && content.text === null && !content.bytes && !fields))
		return (
			<>
				<header class="side-head">
					<h3>{title}</h3>
				</header>
				<p class="empty muted">{!half ? (side === "req" ? "The request was not seen." : f.state === "open" ? "No answer yet." : "There is no answer.") : body && body.len > 0 ? `None of the ${size(body.len)} were kept.` : "No body."}</p>
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
	const cut = (!!body.cut && !more) || body.captured < body.len;
	const label = `${title} body`;
	/* Searching is the text's; the other ways of looking lead there. */
	const find = (e: KeyboardEvent) => {
		if (!(e.ctrlKey || e.metaKey) || e.key.toLowerCase() !== "f" || mode === "text" || !list.includes("text")) return;
		e.preventDefault();
		e.stopPropagation();
		setFinding(true);
		choose("text");
	};
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
							{MODE_LABEL[m]}
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
			<div class="body-view" onKeyDown={find}>
				{mode === "image" ? (
					<Picture bytes={toBytes(content)} type={type} />
				) : mode === "preview" ? (
					<Preview f={f} side={side} />
				) : mode === "text" ? (
					<EditorPane key={f.id + side} f={f} side={side} text={toText(content, type)} language={languageOf(type, content)} formats={isJson(type, content) && !cut} label={label} find={finding} />
				) : mode === "form" || mode === "graphql" ? (
					<LazyPart name={MODE_LABEL[mode]} load={() => import("./body-forms")} props={{ f, mode, type, content, cut, label, other: () => choose(list.find((m) => m !== mode)!) }} />
				) : (
					<Lines key={mode} mode={mode} content={shown} type={mode === "fields" ? "" : type} cut={cut} label={label} />
				)}
			</div>
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
		} else m = mountHex(el, toBytes(content));
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

/* The page that was captured, as a page: the hub's answer forbids it everything but to be seen, and so does the frame. */
function Preview({ f, side }: { f: Flow; side: "req" | "resp" }) {
	return (
		<div class="preview">
			<p class="body-note">Without scripts, and nothing is fetched: pictures and styles of other addresses are missing.</p>
			<iframe src={hidden(`api/flow/${encodeURIComponent(f.id)}/preview?side=${side}`)} sandbox="" referrerpolicy="no-referrer" title="The captured page" />
		</div>
	);
}
