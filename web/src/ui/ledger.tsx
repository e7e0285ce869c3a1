// SPDX-License-Identifier: Apache-2.0
// Which TLS is in which process, and whether it is read.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Agent, TlsProcess } from "../model/api";
import { count, oneLine, size } from "../model/format";
import { go } from "../session";
import { quoted, setFilterText } from "./filter-box";
import css from "../style/lazy/ledger.css";
import { Icon } from "./icons";
import { adopt } from "./lazy";

adopt(css);

const speaksTls = (p: TlsProcess) => p.connections > 0 || p.libraries.length > 0;

function Libraries({ p }: { p: TlsProcess }): ComponentChildren {
	if (!p.libraries.length) return <span class="muted">none known</span>;
	return p.libraries.map((l) => (
		<div title={l.path}>
			{oneLine(l.name, 20)} <span class="num">{oneLine(l.version, 20)}</span> <span class="muted path">{oneLine(l.path.replace(/^.*\//, ""), 60)}</span>
		</div>
	));
}

/* How much of what it moved was read: encrypted bytes have some percent more than their plaintext, so this is of connections. */
function Share({ p }: { p: TlsProcess }) {
	if (!p.connections) return <span class="muted">no TLS connection seen</span>;
	return (
		<>
			<span class="num">{size(p.plain_bytes)}</span> of <span class="num">{size(p.wire_bytes)}</span>
			<div class="muted">
				<span class="num">{count(p.connections)}</span> {p.connections === 1 ? "connection" : "connections"}
				{p.unread > 0 && (
					<>
						, <span class="num">{count(p.unread)}</span> not read
					</>
				)}
			</div>
		</>
	);
}

function Line({ p }: { p: TlsProcess }) {
	const bad = !p.readable && p.connections > 0;
	const state = p.readable ? "ok" : bad ? "warn" : "info";
	return (
		<tr class={bad ? "unread" : ""}>
			<th scope="row">
				<b>{oneLine(p.container || p.comm, 60)}</b>
				<div class="muted">
					{p.container ? `${oneLine(p.comm, 20)} · ` : ""}
					{p.processes > 1 ? `${count(p.processes)} processes` : `pid ${p.pid}`}
					{p.gone && " · ended"}
				</div>
			</th>
			<td>
				<Libraries p={p} />
			</td>
			<td>
				<span class={`ledger-state ${state}`}>
					<Icon name={state} /> {p.readable ? "read" : oneLine(p.code.replace(/-/g, " "), 40)}
				</span>
				{bad && (
					<div class="why">
						{oneLine(p.text, 300)} {p.hint && <span class="muted">{oneLine(p.hint, 400)}</span>}{" "}
						{p.unread > 0 && (
							<button
								class="link"
								onClick={() => {
									go("flows");
									setFilterText(`proto:tls proc:${quoted(p.comm)}`);
								}}
							>
								Show its connections
							</button>
						)}
					</div>
				)}
			</td>
			<td class="end">
				<Share p={p} />
			</td>
		</tr>
	);
}

export function Ledger({ a }: { a: Agent }) {
	const [all, setAll] = useState(false);
	const list = a.tls?.processes ?? [];
	const tls = list.filter(speaksTls);
	const rest = list.length - tls.length;
	if (!list.length) return null;
	return (
		<section class="counter-group ledger">
			<h4>Processes and their TLS</h4>
			{(tls.length > 0 || all) && (
				<div class="ledger-scroll" tabIndex={0} role="region" aria-label="Processes and their TLS">
					<table>
						<thead>
							<tr>
								<th scope="col">Process</th>
								<th scope="col">TLS library</th>
								<th scope="col">Read</th>
								<th scope="col" class="end">
									Bytes read of encrypted
								</th>
							</tr>
						</thead>
						<tbody>
							{(all ? list : tls).map((p) => (
								<Line p={p} key={`${p.pid}${p.code}`} />
							))}
						</tbody>
					</table>
				</div>
			)}
			{rest > 0 && (
				<p class="muted ledger-rest">
					{count(rest)} {rest === 1 ? "kind of process has" : "kinds of processes have"} sockets and no TLS that was seen.{" "}
					<button class="link" onClick={() => setAll(!all)}>
						{all ? "Hide" : "Show"}
					</button>
				</p>
			)}
			{!!a.tls?.left_out && <p class="muted ledger-rest">{count(a.tls.left_out)} more processes have no room in this list.</p>}
		</section>
	);
}
