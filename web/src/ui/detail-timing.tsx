// SPDX-License-Identifier: Apache-2.0
// When, and how long each part took.
import type { Flow } from "../model/api";
import { clockLong, count, duration } from "../model/format";

/* "2026-11-22T13:00:00.123456789Z" -> Unix ns as text. */
function nsOf(ts: string): string {
	const [whole = "", frac = ""] = ts.replace(/Z$/, "").split(".");
	return String(BigInt(Date.parse(whole + "Z") || 0) * 1000000n + BigInt((frac + "000000000").slice(0, 9).replace(/\D/g, "0")));
}

export function Timing({ f }: { f: Flow }) {
	const all = f.duration_ns ?? null;
	const wait = f.ttfb_ns ?? null;
	const t = all && wait !== null ? Math.min(1, wait / all) : null;
	return (
		<div class="timing" tabIndex={0} aria-label="Timing">
			<dl class="facts-list">
				<div>
					<dt>Began</dt>
					<dd class="num">{clockLong(nsOf(f.ts))}</dd>
				</div>
				<div>
					<dt>Took</dt>
					<dd class="num">{all !== null ? `${duration(all)}  (${count(all)} ns)` : f.state === "open" ? "still open" : "not known: a part was not seen"}</dd>
				</div>
			</dl>
			{all !== null && wait !== null && t !== null && (
				<>
					<svg class="bar" viewBox="0 0 1000 18" preserveAspectRatio="none" aria-hidden="true">
						<rect class="bar-wait" x="0" width={t * 1000} height="18" />
						<rect class="bar-move" x={t * 1000} width={(1 - t) * 1000} height="18" />
					</svg>
					<dl class="facts-list legend">
						<div>
							<dt>
								<span class="key wait" aria-hidden="true" /> Waiting
							</dt>
							<dd>
								<span class="num">{duration(wait)}</span> <span class="muted">from the last byte of the request to the first of the answer</span>
							</dd>
						</div>
						<div>
							<dt>
								<span class="key move" aria-hidden="true" /> Moving
							</dt>
							<dd>
								<span class="num">{duration(all - wait)}</span> <span class="muted">sending the request and receiving the answer</span>
							</dd>
						</div>
					</dl>
				</>
			)}
			<p class="muted note">Measured in the kernel of the host, on {f.seen_by === "server" ? "the server's side" : f.seen_by === "both" ? "both sides" : "the client's side"}.</p>
		</div>
	);
}
