// SPDX-License-Identifier: Apache-2.0
// Flows that the parsers made of recorded bytes (tests/proto: each case's expectation is kept in step with them), into a running hub.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { hub, tmp } from "./actions.mjs";
import { top } from "./world.mjs";

let serial = 0;

/* Those of one case, one after the other on a connection of their own; ms: between two of them, and how long each takes.  Their ids. */
export function importCase(name, { at = Date.now() - 60000, ms = 2, every = 5, change = (f) => f } = {}) {
	const conn = 5000 + ++serial;
	const end = (ip, port, container) => ({ ip, port, pid: 100, comm: container, container, container_id: "cd".repeat(32), image: `${container}:1`, project: "shop" });
	const flows = readFileSync(path.join(top, "tests/proto", `${name}.json`), "utf8").split("\n").filter(Boolean).map((l) => JSON.parse(l)).map((f, i) => {
		const begin = at + i * every;
		const messages = f.messages?.map((m, k) => ({ seq: k + 1, ts: new Date(begin + 1 + k).toISOString(), ...m }));
		return change({ v: 1, id: `01930000-0000-7000-8000-${(conn * 1000 + i).toString(16).padStart(12, "0")}`, ts: new Date(begin).toISOString(), conn, duration_ns: ms * 1e6, l4: "tcp", seen_by: "both", client: end("172.18.0.3", 40000 + serial, "api"), server: end("172.18.0.9", 6000, "store"), ...f, ...(messages ? { messages } : {}) }, i);
	});
	const file = path.join(tmp, `case-${serial}.jsonl`);
	writeFileSync(file, flows.map((f) => JSON.stringify(f)).join("\n") + "\n");
	const r = spawnSync(path.join(top, "build/limpid"), ["import", `--running=${hub.address}`, file], { encoding: "utf8" });
	assert.equal(r.status, 0, r.stderr);
	return flows;
}
