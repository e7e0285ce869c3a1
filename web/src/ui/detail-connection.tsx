// SPDX-License-Identifier: Apache-2.0
// Who talked: both ends, the connection, what its TLS told; and of TLS that is not read, why.
import { duration, oneLine, protoName, size } from "../model/format";
import type { Flow, Peer } from "../model/api";
import { nameOf } from "../model/exchange";
import { tlsFacts } from "../model/tls";
import { Icon } from "./icons";

function PeerCard({ title, p }: { title: string; p: Peer }) {
	const rows: [string, string][] = [];
	const add = (k: string, v: unknown) => v !== undefined && v !== null && v !== "" && v !== 0 && rows.push([k, oneLine(String(v), 300)]);
	add("address", p.ip ? `${p.ip.includes(":") ? `[${p.ip}]` : p.ip}${p.port ? `:${p.port}` : ""}` : "");
	add("socket", p.path);
	add("container", p.container);
	add("id", p.container_id?.slice(0, 12));
	add("image", p.image);
	add("project", p.project);
	add("pod", p.pod);
	add("namespace", p.namespace);
	add("process", p.comm);
	add("pid", p.pid);
	return (
		<section class="peer">
			<h3>
				<span class="muted">{title}</span> {oneLine(nameOf(p), 120)}
			</h3>
			<dl class="facts-list">
				{rows.map(([k, v]) => (
					<div>
						<dt>{k}</dt>
						<dd>{v}</dd>
					</div>
				))}
			</dl>
			{!p.container && !p.pid && <p class="muted note">Outside of what is captured.</p>}
		</section>
	);
}

const FLAGS = new Map<string, string>([
	["truncated", "A body or a list was cut at a configured limit."],
	["after_gap", "Bytes before or inside this exchange were lost."],
	["midstream", "The connection was already open when capture began."],
	["peer_inferred", "A peer's name, or which side is which, was concluded and not observed."],
	["no_request", "The request of this answer was not seen."],
	["bad_framing", "The lengths contradict each other; decided as the protocol's RFC says."],
	["decode_error", "The content encoding could not be undone: the body is as sent."],
]);

/* TLS that is not read: why and what to do first, then all that its handshake told. */
export function Sealed({ f }: { f: Flow }) {
	const t = f.tls;
	const sent = f.request?.body?.len ?? 0;
	const got = f.response?.body?.len ?? 0;
	return (
		<div class="sealed-body" tabIndex={0} aria-label="TLS that is not read" role="region">
			<section class="sealed-why" aria-label="Why it is not read">
				<Icon name={f.failed ? "warn" : "lock"} />
				<div>
					<p>
						<b>{oneLine(t?.why ?? "This connection is TLS that is not read.", 300)}</b>
					</p>
					{t?.alert && (
						<p>
							The {oneLine(t.alert.by, 20)} sent {t.alert.name === "encrypted" ? "an alert that is encrypted: most often it does not accept the certificate" : <code>{oneLine(t.alert.name, 60)}</code>}.
						</p>
					)}
					{t?.hint && !t.alert && <p>{oneLine(t.hint, 400)}</p>}
					<p class="muted">
						<span class="num">{size(sent)}</span> from the client, <span class="num">{size(got)}</span> from the server, encrypted
						{f.duration_ns ? <>, in <span class="num">{duration(f.duration_ns)}</span></> : f.state === "open" ? ", still open" : ""}
						{t?.reason && (
							<>
								{" · "}
								<code>{oneLine(t.reason, 40)}</code>
							</>
						)}
					</p>
				</div>
			</section>
			<Connection f={f} />
		</div>
	);
}

export function Connection({ f }: { f: Flow }) {
	const t = f.tls;
	const rows: [string, string][] = [["protocol", `${f.proto === "tls" ? "TLS over " : `${protoName(f.proto)} over ${t ? "TLS over " : ""}`}${f.l4 === "unix" ? "a unix socket" : f.l4.toUpperCase()}`]];
	if (t) rows.push(...tlsFacts(t));
	if (f.seen_by) rows.push(["seen at", f.seen_by === "both" ? "both sides" : `the ${oneLine(f.seen_by, 20)}`]);
	rows.push(["flow", f.id]);
	return (
		<div class="connection" tabIndex={0} aria-label="Connection">
			<div class="peers">
				<PeerCard title="From" p={f.client} />
				<Icon name="arrow" class="peer-arrow" />
				<PeerCard title="To" p={f.server} />
			</div>
			<dl class="facts-list">
				{rows.map(([k, v]) => (
					<div>
						<dt>{k}</dt>
						<dd>{v}</dd>
					</div>
				))}
			</dl>
			{!!f.flags?.length && (
				<ul class="flag-list">
					{f.flags.map((x) => (
						<li>
							<Icon name="warn" /> <b>{oneLine(x.replace(/_/g, " "), 40)}</b> {FLAGS.get(x) ?? ""}
						</li>
					))}
				</ul>
			)}
		</div>
	);
}
