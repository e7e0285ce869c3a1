// SPDX-License-Identifier: Apache-2.0
// Presentation mode's targets, the sample's times, what Limpid costs.
import assert from "node:assert/strict";
import test from "node:test";
import { Costs } from "../../../web/src/model/costs.ts";
import { fileName } from "../../../web/src/model/files.ts";
import { hideInText, isSecretName } from "../../../web/src/model/hide.ts";

test("targets lose their secrets and nothing else", () => {
	for (const [from, to] of [
		["/x?access_token=abc&page=2", "/x?access_token=REDACTED&page=2"],
		["/x?page_token=abc&tokens=3&key=7", "/x?page_token=abc&tokens=3&key=7"],
		["/x?key=0123456789abcdef", "/x?key=REDACTED"],
		["postgres://u:p@h/db", "postgres://u:REDACTED@h/db"],
		["ALTER USER bob PASSWORD 'x''y'", "ALTER USER bob PASSWORD 'REDACTED'"],
		["/pay/4111111111111111/ok", "/pay/REDACTED/ok"],
		["/pay/4111111111111112/ok", "/pay/4111111111111112/ok"],
		["SELECT id FROM t WHERE a = 'x'", "SELECT id FROM t WHERE a = 'x'"],
	])
		assert.equal(hideInText(from), to);
	assert.ok(isSecretName("p%61ssword") && isSecretName("X-Api-Key") && !isSecretName("compass"));
});

test("a hostile target takes no longer", () => {
	for (const unit of ["a=", "://a:", "4", "password '", "eyJ.", "4 "]) {
		const from = Date.now();
		hideInText(unit.repeat(4096 / unit.length));
		assert.ok(Date.now() - from < 1000, unit);
	}
});

test("shares of a processor come of two reports; a process that began again has none", () => {
	const h = (hub, decode, dropped) => ({ hub: { cpu_ms: hub, bytes: 1 }, agents: [{ id: "a", hostname: "n", counters: { "cost.tap_cpu_ms": 0, "cost.tap_bytes": 5, "cost.decode_cpu_ms": decode, "cost.decode_bytes": 7 } }], counters: { dropped } });
	const c = new Costs();
	const share = (x, key) => c.rows(x).find((r) => r.key === key).percent;
	c.add(h(1000, 5000, 10), 0);
	assert.equal(share(h(1000, 5000, 10), "hub"), null);
	c.add(h(1100, 6000, 10), 2000);
	assert.equal(share(h(0, 0, 0), "hub"), 5);
	assert.equal(share(h(0, 0, 0), "decode a"), 50);
	c.add(h(1200, 10, 13), 62000);
	assert.equal(share(h(0, 0, 0), "decode a"), null);
	assert.deepEqual([c.lost().total, c.lost().peak, c.lost().bars.at(-1)], [3, 3, 1]);
});

test("a file is named by its time", () => {
	assert.equal(fileName(new Date("2026-11-23T14:02:07Z"), "har"), "limpid-2026-11-23-140207.har");
});
