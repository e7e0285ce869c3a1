// SPDX-License-Identifier: Apache-2.0
// Headers and attributes of both sides.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Flow, Half } from "../model/api";
import { isSecret, schemeOf } from "../model/secrets";
import { oneLine, size } from "../model/format";
import { go, setTab } from "../session";
import { addToFilter, quoted } from "./filter-box";
import { Icon } from "./icons";

export function Sides({ f, of }: { f: Flow; of: (h: Half | null, side: "req" | "resp") => ComponentChildren }) {
	return (
		<div class="sides natural" tabIndex={-1}>
			<section class="side" aria-label="Request">
				<SideHead title="Request" f={f} h={f.request ?? null} side="req" />
				{of(f.request ?? null, "req")}
			</section>
			<section class="side" aria-label="Response">
				<SideHead title="Response" f={f} h={f.response ?? null} side="resp" />
				{of(f.response ?? null, "resp")}
			</section>
		</div>
	);
}

export function sizeText(h: Half): string {
	const b = h.body;
	if (!b || (!b.len && !b.captured)) return "no body";
	return size(b.len) + (b.encoding && b.encoding !== "identity" ? `, ${oneLine(b.encoding, 30)}` : "");
}

function SideHead({ title, f, h, side }: { title: string; f: Flow; h: Half | null; side: "req" | "resp" }) {
	return (
		<header class="side-head">
			<h3>{title}</h3>
			{h && <span class="side-sum">{sizeText(h)}</span>}
			{h?.body?.type && <span class="side-sum type">{oneLine(h.body.type, 60)}</span>}
			{!h && <span class="side-sum">{side === "req" ? "not seen" : f.state === "open" ? "not yet" : "none"}</span>}
		</header>
	);
}

export function Headers({ h, side, open }: { h: Half | null; side: "req" | "resp"; open?: boolean }) {
	const list = h?.headers ?? [];
	const attrs = Object.entries(h?.attrs ?? {});
	if (!h) return <p class="empty muted">{side === "req" ? "The request was not seen." : open ? "No answer yet." : "There is no answer."}</p>;
	return (
		<div class="side-scroll" tabIndex={0} aria-label={side === "req" ? "Request headers" : "Response headers"}>
			<dl class="headers">
				{list.map(([k, v]) => (
					<Header k={k} v={v} side={side} />
				))}
			</dl>
			{!list.length && <p class="empty muted">No headers.</p>}
			{attrs.length > 0 && (
				<>
					<h4>More</h4>
					<dl class="headers">
						{attrs.map(([k, v]) => (
							<div class="header">
								<dt>{oneLine(k, 200)}</dt>
								<dd>{oneLine(Array.isArray(v) ? v.join(", ") : String(v))}</dd>
							</div>
						))}
					</dl>
				</>
			)}
			{!!h.body?.captured && (
				<button class="btn small to-body" onClick={() => setTab("body")}>
					Show the body, {size(h.body.len)}
				</button>
			)}
		</div>
	);
}

function Header({ k, v, side }: { k: string; v: string; side: "req" | "resp" }) {
	const [shown, setShown] = useState(!isSecret(k));
	const scheme = schemeOf(k, v);
	return (
		<div class="header">
			<dt title={oneLine(k, 500)}>{oneLine(k, 200)}</dt>
			<dd>
				{shown ? (
					<span class="value">{oneLine(v, 8192)}</span>
				) : (
					<>
						<span class="value">{oneLine(scheme, 40)}••••••</span>
						<button class="btn tiny" aria-label={`Reveal ${oneLine(k, 60)}`} onClick={() => setShown(true)}>
							reveal
						</button>
					</>
				)}
				{shown && /^[\w-]+$/.test(k) && (
					<button
						class="bare add"
						title="Show only flows with this header"
						aria-label={`Add ${oneLine(k, 60)} to the filter`}
						onClick={() => {
							go("flows");
							addToFilter(`${side}.header.${k.toLowerCase()}:${quoted(v.slice(0, 200))}`);
						}}
					>
						<Icon name="plus" />
					</button>
				)}
			</dd>
		</div>
	);
}
