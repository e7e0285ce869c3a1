// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { expiry, tlsFacts } from "../../../web/src/model/tls.ts";

const now = Date.parse("2026-11-22T12:00:00Z");

test("a certificate that ends soon says when", () => {
	assert.equal(expiry("2026-11-22T23:00:00Z", now), "2026-11-22, today");
	assert.equal(expiry("2026-11-24T11:00:00Z", now), "2026-11-24, in a day");
	assert.equal(expiry("2027-01-31T23:59:59Z", now), "2027-01-31, in 70 days");
	assert.equal(expiry("2026-11-20T12:00:00Z", now), "2026-11-20, expired 2 days ago");
	assert.equal(expiry("9999-12-31T23:59:59Z", now), "9999-12-31");
});

test("what is not known has no row", () => {
	assert.deepEqual(tlsFacts({ sni: null, flags: [], offered: [], alert: null, certificate: null }, now), []);
	const rows = tlsFacts({ protocol: "TLS 1.3", sni: "api", offered: ["h2"], alert: { name: "unknown_ca", by: "client" }, flags: ["resumed"] }, now);
	assert.deepEqual(rows.map((r) => r[0]), ["TLS version", "server name", "ALPN offered", "handshake", "broken off"]);
	assert.equal(rows[4][1], "by the client: unknown ca");
});

test("how sure the connection is", () => {
	assert.deepEqual(tlsFacts({ road: "probes", mapping: "nested" }, now)[1], ["addresses by", "the library's own call on its socket: certain"]);
	assert.match(tlsFacts({ road: "probes", mapping: "matched" }, now)[1][1], /ciphertext/);
	assert.equal(tlsFacts({ road: "probes", mapping: "of a later version" }, now)[1][1], "of a later version");
});
