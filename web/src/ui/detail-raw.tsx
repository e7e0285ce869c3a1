// SPDX-License-Identifier: Apache-2.0
// Both sides as bytes of their protocol.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, api, hidden } from "../model/api";
import type { Flow, Raw, RawSide } from "../model/api";
import { size } from "../model/format";
import { bytesOfBase64 } from "../model/lines";
import { mountHex, mountText } from "./body-views";
import { copyText } from "./clipboard";
import { Icon } from "./icons";

/* As chosen last; null: text where it is text. */
let chosen: "text" | "hex" | null = null;

function Bytes({ side, mode, label }: { side: RawSide; mode: "text" | "hex"; label: string }) {
	const host = useRef<HTMLDivElement>(null);
	useEffect(() => {
		const bytes = () => (side.text !== undefined ? new TextEncoder().encode(side.text) : bytesOfBase64(side.base64 ?? ""));
		const m = mode === "text" ? mountText(host.current!, side.text ?? new TextDecoder("latin1").decode(bytes())) : mountHex(host.current!, bytes());
		return () => {
			m.destroy();
			host.current?.replaceChildren();
		};
	}, [side, mode]);
	return <div ref={host} class={`lines ${mode}`} tabIndex={0} role="region" aria-label={label} />;
}

function Side({ f, title, side, name, covered }: { f: Flow; title: string; side: RawSide; name: "req" | "resp"; covered: boolean }) {
	const [mode, setMode] = useState<"text" | "hex">(chosen ?? (side.text !== undefined ? "text" : "hex"));
	return (
		<section class="side" aria-label={title}>
			<header class="side-head">
				<h3>{title}</h3>
				<span class="side-sum">{size(side.len)}</span>
				<span class="grow" />
				<fieldset class="segments small">
					<legend class="sr">{title} as</legend>
					{(["text", "hex"] as const).map((m) => (
						<label class={mode === m ? "on" : ""}>
							<input type="radio" name={`raw-${name}`} checked={mode === m} onChange={() => setMode((chosen = m))} />
							{m === "text" ? "Text" : "Hex"}
						</label>
					))}
				</fieldset>
				<button class="bare" title="Copy" aria-label={`Copy the raw ${title.toLowerCase()}`} disabled={side.text === undefined} onClick={() => void copyText(side.text ?? "", title)}>
					<Icon name="copy" />
				</button>
				<a class="bare" href={covered ? `api/flow/${encodeURIComponent(f.id)}/raw?side=${name}&redacted=1` : hidden(`api/flow/${encodeURIComponent(f.id)}/raw?side=${name}`)} download={`${title.toLowerCase()}-${f.id.slice(0, 8)}.raw`} title="Download" aria-label={`Download the raw ${title.toLowerCase()}`}>
					<Icon name="download" />
				</a>
			</header>
			{side.note && <p class="body-note">{side.note[0]!.toUpperCase() + side.note.slice(1)}.</p>}
			{side.cut && <p class="body-note">The beginning is shown; the download has all of it.</p>}
			{side.len ? <Bytes side={side} mode={mode} label={`Raw ${title.toLowerCase()}`} /> : <p class="empty muted">No bytes.</p>}
		</section>
	);
}

export default function RawView({ f }: { f: Flow }) {
	const [raw, setRaw] = useState<Raw | null>(null);
	const [error, setError] = useState("");
	const [covered, setCovered] = useState(true);
	useEffect(() => {
		const call = new AbortController();
		api.raw(f.id, call.signal, covered).then(setRaw, (e: unknown) => !call.signal.aborted && setError(e instanceof ApiError ? (e.status === 404 ? "There are no bytes to show of this protocol." : e.message) : String(e)));
		return () => call.abort();
	}, [f, covered]);
	if (!raw) return <p class="empty muted">{error || "Loading…"}</p>;
	return (
		<div class="raw">
			<div class="editor-bar">
				<span class="grow">Bytes of the protocol, made of what was understood.</span>
				<label>
					<input type="checkbox" checked={covered} onChange={(e) => setCovered(e.currentTarget.checked)} />
					Hide secrets
				</label>
			</div>
			<div class="sides">
				<Side f={f} title="Request" side={raw.request} name="req" covered={covered} />
				<Side f={f} title="Response" side={raw.response} name="resp" covered={covered} />
			</div>
		</div>
	);
}
