// SPDX-License-Identifier: Apache-2.0
// A request once more, changed, from the hub.  What comes back is a flow like any other, and is opened.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, api } from "../model/api";
import type { Flow } from "../model/api";
import { header, nameOf } from "../model/exchange";
import { oneLine, size } from "../model/format";
import { health, say } from "../session";
import { resendAsked } from "../state/resend";
import { presenting } from "../state/screen";
import { Icon } from "./icons";
import { adopt } from "./lazy";
import css from "../style/lazy/resend.css";

adopt(css);

/* Made anew for each request; the hub does it. */
const OWN = /^(content-length|transfer-encoding|connection|keep-alive|proxy-connection|te|trailer|upgrade|expect|http2-settings)$/i;

function headersOf(f: Flow): string {
	const all = f.request?.headers ?? [];
	const lines = all.filter(([k]) => !k.startsWith(":") && !OWN.test(k) && !(k.toLowerCase() === "content-encoding" && f.request?.body?.captured)).map(([k, v]) => `${k}: ${v}`);
	const authority = header(all, ":authority");
	if (authority && !header(all, "host")) lines.unshift(`Host: ${authority}`);
	return lines.join("\n");
}

/* Lines "Name: value"; a line that is none is an error. */
export function parseHeaders(text: string): [string, string][] | string {
	const list: [string, string][] = [];
	for (const line of text.split("\n")) {
		if (!line.trim()) continue;
		const at = line.indexOf(":");
		if (at <= 0) return `“${line.slice(0, 60)}” is no header: write Name: value`;
		list.push([line.slice(0, at).trim(), line.slice(at + 1).trim()]);
	}
	return list;
}

export default function ResendDialog({ f }: { f: Flow }) {
	const ref = useRef<HTMLDialogElement>(null);
	const [method, setMethod] = useState(f.request?.op ?? "GET");
	const [target, setTarget] = useState(f.request?.target ?? "/");
	const [headers, setHeaders] = useState(() => headersOf(f));
	const body = f.request?.body;
	const editable = !body || (body.text !== undefined && !body.cut) || (!body.captured && !body.len);
	const [text, setText] = useState(body?.text ?? "");
	const [verify, setVerify] = useState(true);
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState("");
	const call = useRef<AbortController | null>(null);
	const off = health.value !== null && !health.value.hub.resend;
	useEffect(() => {
		ref.current?.showModal();
		return () => call.current?.abort();
	}, []);
	const close = () => (resendAsked.value = null);
	const send = async () => {
		const list = parseHeaders(headers);
		if (typeof list === "string") return setError(list);
		/* What was not touched stays as the hub has it: what is shown here may lack its secrets. */
		const changed = {
			...(method !== f.request?.op && { method: method.trim() }),
			...(target !== f.request?.target && { target: target.trim() }),
			...(headers !== headersOf(f) && { headers: list }),
			...(editable && text !== (body?.text ?? "") && { body: text }),
		};
		if (presenting.peek() && JSON.stringify(changed).includes("REDACTED")) return setError("Secrets are hidden here and would be sent as REDACTED: leave presentation mode (P) to change this part.");
		setBusy(true);
		setError("");
		call.current = new AbortController();
		try {
			const { id } = await api.resend({ id: f.id, verify, ...changed }, call.current.signal);
			close();
			say("Sent. This is the answer.");
			location.hash = `#/flows?sel=${id}`;
		} catch (e) {
			if (!call.current.signal.aborted) setError(e instanceof ApiError ? oneLine(e.message, 400) : String(e));
		}
		setBusy(false);
	};
	return (
		<dialog ref={ref} class="wide resend" aria-label="Send again" onClose={close}>
			<form
				class="dialog"
				onSubmit={(e) => {
					e.preventDefault();
					void send();
				}}
				onKeyDown={(e) => {
					if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) e.currentTarget.requestSubmit();
				}}
			>
				<div class="dialog-head">
					<h2>Send again</h2>
					<button type="button" class="bare" aria-label="Close" onClick={close}>
						<Icon name="close" />
					</button>
				</div>
				{off ? (
					<p class="resend-off">
						<Icon name="info" /> Sending is off: the hub only looks on. Start it with <code>--resend</code> to allow it.
					</p>
				) : (
					<p class="muted">
						From the hub's machine to {oneLine(nameOf(f.server), 80)}, {f.server.ip ?? "?"} port {f.server.port ?? "?"}
						{f.tls ? ", with TLS" : ""}. Everybody with this page can do that, and the server does what it is told.
					</p>
				)}
				<div class="resend-line">
					<label>
						<span>Method</span>
						<input value={method} spellcheck={false} size={8} onInput={(e) => setMethod(e.currentTarget.value)} />
					</label>
					<label class="grow">
						<span>Target</span>
						<input value={target} spellcheck={false} autofocus onInput={(e) => setTarget(e.currentTarget.value)} />
					</label>
				</div>
				<label>
					<span>Headers, one a line</span>
					<textarea rows={Math.min(10, headers.split("\n").length + 1)} spellcheck={false} value={headers} onInput={(e) => setHeaders(e.currentTarget.value)} />
				</label>
				{editable ? (
					<label>
						<span>Body</span>
						<textarea rows={text ? 8 : 3} spellcheck={false} value={text} onInput={(e) => setText(e.currentTarget.value)} />
					</label>
				) : (
					<p class="muted">The body ({size(body.captured)}{body.captured < body.len ? ` of ${size(body.len)}: the rest was not kept` : ""}) is sent as it is.</p>
				)}
				{f.tls && (
					<label class="resend-check">
						<input type="checkbox" checked={verify} onChange={(e) => setVerify(e.currentTarget.checked)} /> Check the server's certificate
					</label>
				)}
				{error && (
					<p class="resend-error" role="alert">
						<Icon name="warn" /> {error}
					</p>
				)}
				<div class="dialog-buttons">
					<button type="button" class="btn" onClick={close}>
						Cancel
					</button>
					<button class="btn primary" disabled={busy || off}>
						{busy ? "Sending…" : "Send"} <kbd>Ctrl+Enter</kbd>
					</button>
				</div>
			</form>
		</dialog>
	);
}
