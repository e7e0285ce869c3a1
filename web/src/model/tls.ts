// SPDX-License-Identifier: Apache-2.0
/* What a handshake said, as rows for people. */
import type { Tls } from "./api";
import { oneLine } from "./format";

const ROAD = new Map([
	["keys", "session keys"],
	["probes", "probes in the library"],
	["kernel", "TLS by the kernel"],
	["resend", "the hub itself: it sent the request again"],
]);

const MAPPING = new Map([
	["nested", "the library's own call on its socket: certain"],
	["sticky", "the socket that the library used for it before"],
	["matched", "comparing its ciphertext with what sockets moved"],
]);

const FLAGS = new Map([
	["resumed", "an earlier session was resumed"],
	["retried", "the server asked for another key share"],
	["early_data", "the client sent or offered early data"],
	["ech", "encrypted ClientHello offered: the server name may be a public one in place of the real one"],
	["client_certificate", "the client showed a certificate"],
]);

/* "2027-01-31, in 70 days": a certificate that is about to end, or has ended, should be seen at once. */
export function expiry(iso: string, now: number): string {
	const days = Math.floor((Date.parse(iso) - now) / 86400000);
	const day = iso.slice(0, 10);
	if (!Number.isFinite(days)) return day;
	if (days < 0) return `${day}, expired ${-days === 1 ? "a day" : `${-days} days`} ago`;
	return days > 730 ? day : `${day}, ${days === 0 ? "today" : days === 1 ? "in a day" : `in ${days} days`}`;
}

export function tlsFacts(t: Tls, now = Date.now()): [string, string][] {
	const rows: [string, string][] = [];
	if (t.library) rows.push(["TLS library", oneLine(`${t.library} ${t.version ?? ""}`, 80)]);
	if (t.road && t.road !== "none") rows.push(["read by", ROAD.get(t.road) ?? oneLine(t.road, 40)]);
	if (t.mapping) rows.push(["addresses by", MAPPING.get(t.mapping) ?? oneLine(t.mapping, 40)]);
	if (t.protocol) rows.push(["TLS version", oneLine(t.protocol, 40)]);
	if (t.cipher) rows.push(["cipher suite", oneLine(t.cipher, 80)]);
	if (t.group) rows.push(["key exchange", oneLine(t.group, 40)]);
	if (t.sni) rows.push(["server name", oneLine(t.sni, 200)]);
	if (t.alpn) rows.push(["ALPN", oneLine(t.alpn, 60)]);
	if (t.offered?.length) rows.push(["ALPN offered", oneLine(t.offered.join(", "), 120)]);
	if (t.certificate) {
		const c = t.certificate;
		if (c.subject) rows.push(["certificate", oneLine(c.subject, 200)]);
		if (c.names?.length) rows.push(["valid for", oneLine(c.names.join(", "), 400)]);
		if (c.not_after) rows.push(["valid until", oneLine(expiry(c.not_after, now), 60)]);
		if (c.issuer) rows.push(["issued by", c.issuer === c.subject ? "itself" : oneLine(c.issuer, 200)]);
	}
	for (const f of t.flags ?? []) rows.push(["handshake", FLAGS.get(f) ?? oneLine(f, 40)]);
	if (t.alert)
		rows.push(["broken off", `by the ${oneLine(t.alert.by, 20)}: ${t.alert.name === "encrypted" ? "the reason is encrypted; most often the certificate was refused" : oneLine(t.alert.name.replace(/_/g, " "), 60)}`]);
	return rows;
}
